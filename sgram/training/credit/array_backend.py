"""One way to write formulas for numpy arrays and torch tensors. Knows nothing about what the numbers mean.

The first array of a call decides: a tensor gives tensors of its device and floating type, anything else gives numpy
float64. torch is never imported here; whoever holds a tensor has imported it.
"""

import math
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sgram.errors import InputError, UsageError

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "np.ndarray | torch.Tensor | Sequence[Any]"
Result: TypeAlias = "np.ndarray | torch.Tensor"


def is_tensor(value: Any) -> bool:
    """Whether `value` is a tensor of torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def number_in(value: float, what: str, low: float, high: float = math.inf, *, above: bool = False) -> float:
    """`value` as a finite float from `low` (not `low` itself where `above`) to `high`; `UsageError` where it is not."""
    known = isinstance(value, int | float | np.number) and not isinstance(value, bool) and math.isfinite(value)
    if known and low <= value <= high and not (above and value == low):
        return float(value)
    bounds = f"{'above' if above else 'of at least'} {low:g}" + ("" if high == math.inf else f", at most {high:g}")
    raise UsageError(f"{what} is a number {bounds}, not {value!r:.80}")


@dataclass(frozen=True, slots=True)
class Space:
    """Where the arrays of one call live: numpy, or torch on a device in a type."""

    xp: ModuleType
    device: Any
    dtype: Any

    @classmethod
    def of(cls, value: Any) -> "Space":
        """The space of `value`: a tensor's own (torch's default type for whole numbers), else numpy float64."""
        if not is_tensor(value):
            return cls(np, None, np.float64)
        torch = sys.modules["torch"]
        dtype = value.dtype if value.is_floating_point() else torch.get_default_dtype()
        return cls(torch, value.device, dtype)

    def floats(self, value: Any, what: str) -> Result:
        """`value` as floats of this space; a tensor of this space keeps its gradient."""
        if self.xp is not np:
            tensor = value if is_tensor(value) else self.xp.as_tensor(_numpy(value, what))
            return tensor.to(self.device, self.dtype)
        return _numpy(value, what)

    def bools(self, value: Any, what: str) -> Result:
        """`value` as a mask: whatever is not 0 is in it."""
        if self.xp is not np and is_tensor(value):
            return value.to(self.device) != 0
        mask = _numpy(value, what) != 0
        return mask if self.xp is np else self.xp.as_tensor(mask, device=self.device)

    def row_quantiles(self, values: Result, mask: Result, share: float) -> Result:
        """(B,) quantile `share` of each row's values in `mask`, between neighbors as torch and numpy do by default.

        `values` and `mask` are (B, T); +inf for a row that has none in the mask.
        """
        filled = self.xp.where(mask, values, math.inf)  # (B, T), those outside go last
        if not filled.shape[1]:
            return filled.sum(1) + math.inf
        ordered = np.sort(filled, axis=1) if self.xp is np else filled.sort(dim=1).values
        counts = mask.sum(1)
        last = np.maximum((counts if self.xp is np else counts.cpu().numpy()) - 1, 0)
        place = share * last  # in float64 whatever the space: it must be exact where it is a whole number
        lower = np.floor(place + 1e-9).astype(np.int64)
        part = np.clip(place - lower, 0, 1)
        known = counts > 0
        low, high = (
            self.xp.where(known, self._picked(ordered, column), 0.0) for column in (lower, np.minimum(lower + 1, last))
        )
        return self.xp.where(known, low + (high - low) * self.floats(part, "quantile"), math.inf)

    def _picked(self, rows: Result, columns: np.ndarray) -> Result:
        """(B,) ``rows[i, columns[i]]``."""
        if self.xp is np:
            return np.take_along_axis(rows, columns[:, None], axis=1)[:, 0]
        return rows.gather(1, self.xp.as_tensor(columns, device=self.device)[:, None])[:, 0]


def _numpy(value: Any, what: str) -> np.ndarray:
    """`value` as float64; None counts as NaN."""
    try:
        if is_tensor(value):
            return value.detach().cpu().double().numpy()
        return np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{what} must be an array of numbers with rows of equal length; pad the rows") from None


def same_shape(array: Result, shape: Sequence[int], what: str, of: str) -> None:
    """`UsageError` unless `array` has the `shape` of what is called `of`."""
    if tuple(array.shape) != tuple(shape):
        raise UsageError(f"{what} is of shape {tuple(array.shape)}, {of} of {tuple(shape)}; give arrays of one shape")


def group_rows(groups: Any, n_rows: int) -> list[list[int]]:
    """The rows of each group; equal keys are one group, wherever their rows are.

    Keys are any hashable values, in a list, an array or a tensor. `UsageError` for another number of keys than
    `n_rows`; `InputError` for a row whose key is missing (None, NaN): it would silently be a group of its own.
    """
    keys = groups.tolist() if is_tensor(groups) or isinstance(groups, np.ndarray) else list(groups)
    if not isinstance(keys, list) or len(keys) != n_rows:
        n_keys = len(keys) if isinstance(keys, list) else 1
        raise UsageError(f"{n_rows} rows and {n_keys} group keys; give one key a row")
    rows: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        if is_tensor(key) and not key.dim():
            key = key.item()  # equal tensors are not equal keys
        if not isinstance(key, Hashable) or is_tensor(key):
            raise UsageError(f"the group key of row {row} is a {type(key).__name__}; keys are strings or numbers")
        if key is None or key != key:
            raise InputError(f"row {row} has no group; name the prompt that each row answers")
        rows.setdefault(key, []).append(row)
    return list(rows.values())
