"""One notation for formulas over numpy arrays and torch tensors.

The first array of a call decides: a tensor gives tensors on its device and of its floating type, anything else gives
numpy float64 arrays. torch is never imported here; a caller that holds a tensor has imported it already.
"""

import math
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from sgram.array_types import AnyArray, FloatArray, IntArray
from sgram.errors import InputError, UsageError

if TYPE_CHECKING:
    import torch

Array: TypeAlias = "AnyArray | torch.Tensor"
"""A numpy array, or a torch tensor. Code that computes with either annotates it with Any: they share no base type."""
ArrayLike: TypeAlias = "AnyArray | torch.Tensor | Sequence[Any]"
"""What a formula accepts for an array."""


def is_tensor(array: object) -> bool:
    """Return whether `array` is a torch tensor."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(array, torch.Tensor)


def check_number(number: Any, name: str, low: float, high: float = math.inf, *, above: bool = False) -> float:
    """Return `number` as a float. Raise `UsageError` unless it is finite, >= `low` and <= `high`.

    With `above`, `number` must be > `low`. `name` is how the message calls the number.

    >>> check_number(1, "alpha", 0)
    1.0
    """
    is_finite = isinstance(number, int | float | np.number) and not isinstance(number, bool) and math.isfinite(number)
    if is_finite and low <= number <= high and not (above and number == low):
        return float(number)
    bounds = f"{'>' if above else '>='} {low:g}" + ("" if high == math.inf else f" and <= {high:g}")
    raise UsageError(f"{name} must be a finite number {bounds} (got {number!r:.80})")


@dataclass(frozen=True, slots=True)
class ArrayBackend:
    """The library, device and floating type of the arrays of one call."""

    xp: ModuleType
    """numpy or torch."""
    device: Any
    dtype: Any

    @classmethod
    def of(cls, array: object) -> "ArrayBackend":
        """Return the backend of `array`: a tensor's own, else numpy float64.

        A tensor of whole numbers gives torch's default floating type.
        """
        if not is_tensor(array):
            return cls(np, None, np.float64)
        torch = sys.modules["torch"]
        tensor: Any = array
        dtype = tensor.dtype if tensor.is_floating_point() else torch.get_default_dtype()
        return cls(torch, tensor.device, dtype)

    def to_floats(self, array: Any, name: str) -> Any:
        """Return `array` as floats of this backend. A tensor of this backend keeps its gradient.

        Raise `UsageError`, which calls the array `name`, if it holds no numbers or has rows of unequal length.
        """
        if self.xp is not np:
            tensor = array if is_tensor(array) else self.xp.as_tensor(_to_numpy(array, name))
            return tensor.to(self.device, self.dtype)
        return _to_numpy(array, name)

    def to_bools(self, array: Any, name: str) -> Any:
        """Return `array` as a bool mask that is true where `array` is not 0."""
        if self.xp is not np and is_tensor(array):
            return array.to(self.device) != 0
        mask = _to_numpy(array, name) != 0
        return mask if self.xp is np else self.xp.as_tensor(mask, device=self.device)

    def to_integers(self, array: Any, name: str) -> Any:
        """Return `array` as integers of this backend. Raise `UsageError`, which calls it `name`, if it holds others."""
        try:
            integers: AnyArray = np.asarray(array.cpu() if is_tensor(array) else array)
        except ValueError:
            integers = np.zeros(0)  # rows of unequal length
        if integers.dtype.kind not in "iu":
            raise UsageError(f"{name} must be integers in rows of equal length; pad the rows")
        if self.xp is np:
            return integers
        return array.to(self.device) if is_tensor(array) else self.xp.as_tensor(integers, device=self.device)

    def where(self, mask: Any, inside: Any, outside: Any) -> Any:
        """Return `inside` where `mask` is true and `outside` elsewhere."""
        return self.xp.where(mask, inside, outside)

    def row_quantiles(self, rows: Any, mask: Any, quantile: float) -> Any:
        """Return the (B,) `quantile` of the entries of each row that are in `mask`.

        `rows` and `mask` are (B, T). Between two neighbors the quantile is interpolated linearly, as numpy and torch do
        by default. A row without any entry in the mask gives +inf.
        """
        filled_rows = self.xp.where(mask, rows, math.inf)  # (B, T), entries outside the mask sort last
        if not filled_rows.shape[1]:
            return filled_rows.sum(1) + math.inf
        ordered_rows = np.sort(filled_rows, axis=1) if self.xp is np else filled_rows.sort(dim=1).values
        counts = mask.sum(1)
        last = np.maximum((counts if self.xp is np else counts.cpu().numpy()) - 1, 0)
        position = quantile * last  # float64 in every backend, because a whole number must stay exact
        lower = np.floor(position + 1e-9).astype(np.int64)
        fraction = np.clip(position - lower, 0, 1)
        has_entries = counts > 0
        low, high = (
            self.xp.where(has_entries, self._gather_columns(ordered_rows, columns), 0.0)
            for columns in (lower, np.minimum(lower + 1, last))
        )
        return self.xp.where(has_entries, low + (high - low) * self.to_floats(fraction, "quantile"), math.inf)

    def _gather_columns(self, rows: Any, columns: IntArray) -> Any:
        """Return the (B,) array of ``rows[i, columns[i]]``."""
        if self.xp is np:
            return np.take_along_axis(rows, columns[:, None], axis=1)[:, 0]
        return rows.gather(1, self.xp.as_tensor(columns, device=self.device)[:, None])[:, 0]


def _to_numpy(array: Any, name: str) -> FloatArray:
    """Return `array` as float64; None becomes NaN."""
    try:
        if is_tensor(array):
            floats: FloatArray = array.detach().cpu().double().numpy()
            return floats
        return np.asarray(array, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} must be an array of numbers with rows of equal length; pad the rows") from None


def check_shape(array: Any, shape: Sequence[int], name: str, reference_name: str) -> None:
    """Raise `UsageError` unless `array` has `shape`, the shape of the array called `reference_name`."""
    if tuple(array.shape) != tuple(shape):
        raise UsageError(
            f"{name} has shape {tuple(array.shape)}, but {reference_name} has shape {tuple(shape)}; "
            "give arrays of one shape"
        )


def group_rows(groups: Any, n_rows: int) -> list[list[int]]:
    """Return the row numbers of each group. Rows with equal keys are one group, wherever they are.

    `groups` holds one hashable key a row, in a list, an array or a tensor. Raise `UsageError` if their number is not
    `n_rows`. Raise `InputError` if a key is missing (None or NaN): its row would silently be a group of its own.

    >>> group_rows(["p", "q", "p"], 3)
    [[0, 2], [1]]
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
            raise UsageError(f"the group key of row {row} is a {type(key).__name__}; keys must be strings or numbers")
        if key is None or key != key:
            raise InputError(f"the group key of row {row} is missing; name the prompt that each row answers")
        rows.setdefault(key, []).append(row)
    return list(rows.values())


def token_arrays(
    advantages: ArrayLike, mask: ArrayLike, name: str = "the planning mask"
) -> tuple[ArrayBackend, Any, Any]:
    """Return the backend, the advantages as (B, T) and the mask as bool (B, T)."""
    backend = ArrayBackend.of(advantages)
    token_mask = backend.to_bools(mask, name)
    if token_mask.ndim != 2:
        raise UsageError(f"{name} has shape {tuple(token_mask.shape)}; it must be (responses, tokens)")
    return backend, expand_to_tokens(backend, advantages, token_mask), token_mask


def expand_to_tokens(backend: ArrayBackend, advantages: ArrayLike, mask: Any) -> Any:
    """Return advantages (B,) or (B, T) in the shape (B, T) of `mask`."""
    floats = backend.to_floats(advantages, "advantages")
    if floats.ndim == 1 and len(floats) == len(mask):
        floats = floats[:, None] + backend.xp.zeros_like(mask, dtype=floats.dtype)
    check_shape(floats, mask.shape, "the array of advantages", "the mask")
    return floats  # (B, T)


def second_mask(backend: ArrayBackend, mask: ArrayLike, planning_mask: Any, name: str) -> Any:
    """Return another mask as bool, of the shape of `planning_mask`."""
    bool_mask = backend.to_bools(mask, name)
    check_shape(bool_mask, planning_mask.shape, name, "the planning mask")
    return bool_mask


def constant_entropies(backend: ArrayBackend, entropies: ArrayLike, mask: Any) -> Any:
    """Return entropies of the shape of `mask`, without gradient; a rounding below 0 becomes 0."""
    floats = backend.to_floats(entropies, "entropies")
    check_shape(floats, mask.shape, "the array of entropies", "the mask")
    floats = floats if backend.xp is np else floats.detach()
    return floats.clip(0)
