"""Short names for the types of numpy arrays; shapes stand in docstrings."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
"""float64, any shape."""
IntArray: TypeAlias = npt.NDArray[np.int64]
"""int64, any shape."""
BoolArray: TypeAlias = npt.NDArray[np.bool_]
"""bool, any shape."""
AnyArray: TypeAlias = npt.NDArray[Any]
"""Any dtype, any shape."""
