"""Type names for compiled functions. mypy reads them; numba and Triton infer their own types and ignore them."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

ByteArray: TypeAlias = npt.NDArray[np.uint8]
"""uint8, any shape."""
Int8Array: TypeAlias = npt.NDArray[np.int8]
"""int8, any shape."""
Int32Array: TypeAlias = npt.NDArray[np.int32]
"""int32, any shape."""
UInt32Array: TypeAlias = npt.NDArray[np.uint32]
"""uint32, any shape."""
IdArray: TypeAlias = npt.NDArray[np.integer[Any]]
"""Token ids of any integer type."""
Integer: TypeAlias = Any
"""A scalar integer. Its width is what the compiler infers, which Python's types cannot express."""
