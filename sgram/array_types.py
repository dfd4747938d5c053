"""Short names for the types of numpy arrays. Shapes are documented where the arrays are used."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
"""float64, any shape."""
Float32Array: TypeAlias = npt.NDArray[np.float32]
"""float32, any shape."""
IntArray: TypeAlias = npt.NDArray[np.int64]
"""int64, any shape."""
Int32Array: TypeAlias = npt.NDArray[np.int32]
"""int32, any shape."""
UInt64Array: TypeAlias = npt.NDArray[np.uint64]
"""uint64, any shape."""
ByteArray: TypeAlias = npt.NDArray[np.uint8]
"""uint8, any shape."""
BoolArray: TypeAlias = npt.NDArray[np.bool_]
"""bool, any shape."""
AnyArray: TypeAlias = npt.NDArray[Any]
"""Any dtype, any shape."""
Integer: TypeAlias = Any
"""Integer of compiled code. The compiler infers its width, which Python's types cannot express."""
