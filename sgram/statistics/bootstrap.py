"""Percentile intervals by resampling items. Knows nothing about what the statistic is or what items are.

Items with equal rows are interchangeable, so a draw is fully told by how often each kind of row occurs in it: a
multinomial count. That makes a thousand draws of a statistic one product of matrices.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

N_DRAWS = 1000
NORMAL_95 = 1.959964
"""95 % of a normal distribution lie within this many standard deviations of its mean."""
_AT_ONCE = 1 << 24


@dataclass(frozen=True, slots=True)
class Estimate:
    """A statistic with its 95 % percentile interval, or the reason why it has no value."""

    value: float | None
    low: float | None = None
    high: float | None = None
    undefined: str = ""
    """Why `value` is None; "" where it is not."""
    n_undefined: int = 0
    """Draws in which the statistic has no value; they are left out of the interval."""

    def to_json(self) -> dict[str, Any]:
        """As plain values, numbers kept to 6 decimals."""
        told = {name: rounded(getattr(self, name)) for name in ("value", "low", "high")}
        return {**told, "undefined": self.undefined or None, "undefined_draws": self.n_undefined}

    def mapped(self, function: Callable[[float], float]) -> "Estimate":
        """The estimate of an increasing `function` of the statistic, such as exp for perplexities."""
        with np.errstate(over="ignore"):  # what is too large is infinite
            value, low, high = (
                None if each is None else float(function(each)) for each in (self.value, self.low, self.high)
            )
        return replace(self, value=value, low=low, high=high)


def rounded(value: float | None) -> float | None:
    """`value` to 6 decimals: what is left does not depend on the machine's order of sums."""
    return None if value is None else round(float(value), 6) + 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """A statistic that depends on sums over items only."""

    features: np.ndarray
    """(items, F) what each item adds to the sums; with `Resamples`, one row for each kind of item."""
    value: Callable[[np.ndarray], np.ndarray]
    """(draws, F) sums to (draws,) values, NaN where it has none."""
    undefined: str = ""
    """Why it has no value for the items as they are; "" where it has."""


class Resamples:
    """Draws of the rows of one table, the same draws for every statistic that is asked for.

    `firsts` are the places of the rows that stand for their kind, in an order that does not depend on the order
    of the rows.
    """

    def __init__(self, rows: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0):
        _, self.firsts, self.sizes = np.unique(rows, axis=0, return_index=True, return_counts=True)
        self.n_items, self.n_draws, self.seed = len(rows), n_draws, seed
        rng = np.random.default_rng(seed)
        self._drawn = rng.multinomial(self.n_items, self.sizes / self.n_items, size=n_draws)  # (draws, kinds)
        fits = self._drawn.size <= _AT_ONCE
        self._drawn = self._drawn.astype(float if fits else np.min_scalar_type(self.n_items))

    def sums(self, features: np.ndarray, kinds: np.ndarray | None = None) -> np.ndarray:
        """(draws, F) sums of the `features` of each kind, (kinds, F), over the items of each draw.

        `kinds` are the places of those that `features` has rows for, where it has not one for each.
        """
        chosen = self._drawn if kinds is None else self._drawn[:, kinds]
        if chosen.dtype == float:
            return chosen @ features
        at_once = _AT_ONCE // chosen.shape[1] + 1
        blocks = (chosen[at : at + at_once].astype(float) for at in range(0, self.n_draws, at_once))
        return np.concatenate([block @ features for block in blocks])

    def estimate(self, statistic: Statistic, value: float | None = None, kinds: np.ndarray | None = None) -> Estimate:
        """The statistic with its interval; `value` where someone else has worked it out, `kinds` as for `sums`.

        No interval where there is one item, or no draw in which the statistic is defined.
        """
        if statistic.undefined:
            return Estimate(None, undefined=statistic.undefined)
        if value is None:
            sizes = self.sizes if kinds is None else self.sizes[kinds]
            value = statistic.value((sizes @ statistic.features)[None])[0]
        drawn = statistic.value(self.sums(statistic.features, kinds))
        defined = drawn[~np.isnan(drawn)]
        n_undefined = len(drawn) - len(defined)
        if self.n_items < 2 or not len(defined):
            return Estimate(float(value), n_undefined=n_undefined)
        low, high = np.percentile(defined, (2.5, 97.5))
        return Estimate(float(value), float(low), float(high), n_undefined=n_undefined)
