"""Bootstrap: percentile intervals from draws of items with replacement (Efron 1979).

Items with equal rows are interchangeable, so a draw is determined by how often it contains each kind of row: a
multinomial count. A thousand draws of a statistic are then one product of matrices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sgram.array_types import AnyArray, FloatArray, IntArray
from sgram.statistics.estimate import Estimate

N_DRAWS = 1000
"""Draws behind an interval by default."""
PERCENTILES = (2.5, 97.5)
"""Ends of a 95 % interval among the draws."""
_MAX_FLOATS = 1 << 24
"""Counts that are stored or multiplied as floats at a time."""
_MAX_INDICES = 1 << 22
"""Indices that `draw_group_sums` draws at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """A statistic that depends only on sums over items, such as a ratio of two sums.

    >>> mean = Statistic(np.array([[2.0, 1.0], [4.0, 1.0]]), lambda sums: sums[:, 0] / sums[:, 1])
    >>> mean.compute(mean.features.sum(axis=0)[None]).tolist()
    [3.0]
    """

    features: FloatArray
    """(kinds, F) what an item of each kind adds to the sums."""
    compute: Callable[[FloatArray], FloatArray]
    """Function from sums, (draws, F), to the statistic, (draws,), NaN where it is undefined."""
    undefined: str = ""
    """Why the statistic is undefined for the items as they are; "" if it is defined."""


class Resamples:
    """Bootstrap draws of the rows of a table, the same draws for every statistic of these rows.

    >>> rows = np.array([[0], [1], [1], [1]])
    >>> resamples = Resamples(rows, n_draws=200)
    >>> kinds = rows[resamples.representatives]  # 0 and 1
    >>> share = Statistic(np.hstack([kinds, np.ones_like(kinds)]), lambda sums: sums[:, 0] / sums[:, 1])
    >>> estimate = resamples.estimate(share)
    >>> estimate.value, estimate.low, estimate.high, estimate.n
    (0.75, 0.25, 1.0, 4)
    """

    def __init__(self, rows: AnyArray, n_draws: int = N_DRAWS, seed: int = 0) -> None:
        self.representatives: IntArray
        """(kinds,) index of one row of each kind, in an order that does not depend on the order of the rows."""
        self.kind_sizes: IntArray
        """(kinds,) number of rows of each kind."""
        _, self.representatives, self.kind_sizes = np.unique(rows, axis=0, return_index=True, return_counts=True)
        self.n_items, self.n_draws, self.seed = len(rows), n_draws, seed
        counts = draw_counts(np.random.default_rng(seed), self.kind_sizes, n_draws)
        fits = counts.size <= _MAX_FLOATS
        self._counts: AnyArray = counts.astype(float if fits else np.min_scalar_type(self.n_items))

    def sums(self, features: FloatArray, kinds: IntArray | None = None) -> FloatArray:
        """Return the sums of `features` over the items of each draw, (draws, F).

        `features`, (kinds, F), has a row for each kind of item, or for those at the indices `kinds`.
        """
        counts = self._counts if kinds is None else self._counts[:, kinds]
        if counts.dtype == float:
            sums: FloatArray = counts @ features
            return sums
        block_size = _MAX_FLOATS // counts.shape[1] + 1
        blocks = (counts[start : start + block_size].astype(float) for start in range(0, self.n_draws, block_size))
        return np.concatenate([block @ features for block in blocks])

    def estimate(
        self, statistic: Statistic, point_value: float | None = None, kinds: IntArray | None = None
    ) -> Estimate:
        """Return the statistic with its 95 % percentile interval.

        `point_value` replaces the statistic of all items if a library has already computed it. `kinds` is that of
        `sums`. There is no interval for fewer than two items, or if the statistic is undefined in every draw.
        """
        if statistic.undefined:
            return Estimate(None, n=self.n_items, undefined=statistic.undefined)
        if point_value is None:
            kind_sizes = self.kind_sizes if kinds is None else self.kind_sizes[kinds]
            point_value = float(statistic.compute((kind_sizes @ statistic.features)[None])[0])
        draws = statistic.compute(self.sums(statistic.features, kinds))
        return estimate_from_draws(point_value, draws, self.n_items)


def draw_counts(rng: np.random.Generator, kind_sizes: IntArray, n_draws: int) -> IntArray:
    """Return how often each of `n_draws` draws with replacement contains each kind of item, (draws, kinds).

    `kind_sizes`, (kinds,), are the numbers of items of each kind; a draw has as many items as there are.

    >>> draw_counts(np.random.default_rng(0), np.array([1, 1, 2]), 3).sum(axis=1).tolist()
    [4, 4, 4]
    """
    n_items = int(kind_sizes.sum())
    return rng.multinomial(n_items, kind_sizes / n_items, size=n_draws)


def draw_group_sums(rng: np.random.Generator, group_sums: FloatArray, n_draws: int) -> FloatArray:
    """Return the sums of the columns of `group_sums`, (groups, F), over each of `n_draws` draws of groups, (draws, F).

    Groups are drawn one by one by their index. The published tables of `sgram tag` come from these draws, which
    `draw_counts` does not reproduce.
    """
    n_groups = len(group_sums)
    sums, block_size = [], max(1, _MAX_INDICES // n_groups)
    for start in range(0, n_draws, block_size):
        indices = rng.integers(n_groups, size=(min(block_size, n_draws - start), n_groups))
        sums.append(np.stack([column[indices].sum(axis=1) for column in group_sums.T], axis=1))
    return np.concatenate(sums)


def estimate_from_draws(point_value: float, draws: FloatArray, n: int, undefined: str = "") -> Estimate:
    """Return `point_value` with the 2.5th and 97.5th percentile of `draws`, (draws,).

    Draws that are NaN are left out and counted. `n` is the number of units drawn. If it is below 2, or every draw is
    NaN, there is no interval, and `undefined` is the reason that the estimate gives.

    >>> estimate_from_draws(0.5, np.linspace(0, 1, 201), n=9)
    Estimate(value=0.5, low=0.025, high=0.975, n=9, undefined='', n_undefined=0)
    """
    defined = draws[~np.isnan(draws)]
    n_undefined = len(draws) - len(defined)
    if n < 2 or not len(defined):
        return Estimate(float(point_value), n=n, undefined=undefined, n_undefined=n_undefined)
    low, high = percentile_interval(defined)
    return Estimate(float(point_value), low, high, n, n_undefined=n_undefined)


def percentile_interval(draws: AnyArray | Sequence[float]) -> tuple[float, float]:
    """Return the 2.5th and 97.5th percentile of `draws`, (draws,), interpolated linearly.

    >>> percentile_interval(range(201))
    (5.0, 195.0)
    """
    low, high = np.percentile(draws, PERCENTILES)
    return float(low), float(high)
