"""Shares and means of rows that come from problems, with intervals over problems. Knows nothing of what rows count.

Responses to one problem are not independent of each other, so problems are what is drawn. Every statistic here is a
ratio of sums over rows, or a difference of two: a share of tokens (planning by all), a mean over traces (values by
ones), a mean over problems (one row a problem).
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.statistics.bootstrap import N_DRAWS, Estimate, Resamples, Statistic


def ratio_by_problem(
    problems: Sequence[Hashable], above: Any, below: Any, n_draws: int = N_DRAWS, seed: int = 0
) -> Estimate:
    """Sum of `above` by sum of `below` over rows, both (rows,), with its 95 % bootstrap interval over problems."""
    column = np.asarray(above, np.float64).reshape(-1, 1)
    return ratios_by_problem(problems, column, below, n_draws, seed)[0]


def mean_by_problem(problems: Sequence[Hashable], values: Any, n_draws: int = N_DRAWS, seed: int = 0) -> Estimate:
    """Mean of the `values` of rows, (rows,), with its 95 % bootstrap interval over problems.

    Rows weigh the same. For a mean in which problems do, as of pass@k, give one row a problem.
    """
    return ratio_by_problem(problems, values, np.ones(len(problems)), n_draws, seed)


def ratios_by_problem(
    problems: Sequence[Hashable], above: Any, below: Any, n_draws: int = N_DRAWS, seed: int = 0
) -> list[Estimate]:
    """`ratio_by_problem` of each column of `above`, (rows, F), by `below`, (rows,) or (rows, F).

    The order of rows does not matter, nor do the names of problems.
    """
    above, below = _columns(problems, above, below)
    return _estimates(problems, (above, below), _divided, n_draws, seed)


def stratified_differences_by_problem(
    problems: Sequence[Hashable],
    strata: Sequence[Hashable],
    above: Any,
    first: Any,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """Mean of each column of `above`, (rows, F), over the rows where `first` is true less that over the others, taken
    within strata and averaged over them.

    A stratum with n and m rows of the two kinds weighs n m / (n + m), as Mantel and Haenszel have it (1959; for
    differences Greenland and Robins 1985): what strata differ in, such as models that are right more often and speak
    otherwise, adds nothing. Strata with rows of one kind only say nothing and do not count. Problems
    are drawn by the order in which they first come: the interval of rows in another order is another draw.
    """
    values, _ = _columns(problems, above, np.ones(len(problems)))
    if len(strata) != len(values) or len(first) != len(values):
        raise UsageError(f"{len(values)} rows, {len(strata)} strata and {len(first)} kinds; give one of each a row")
    if not len(values):
        return [Estimate(None, undefined="there is no row")] * values.shape[1]
    chosen, places = np.asarray(first, bool)[:, None], _codes(problems)
    everything = np.concatenate([values * chosen, chosen, values * ~chosen, ~chosen], axis=1)
    resamples = Resamples(np.arange(places.max() + 1)[:, None], n_draws, seed)
    whole, drawn = np.zeros((2, 1, values.shape[1])), np.zeros((2, n_draws, values.shape[1]))
    for rows in _by_label(strata):
        kinds, within = np.unique(places[rows], return_inverse=True)
        sums = _sums(within, everything[rows])  # (problems of the stratum, 2 F + 2)
        whole += _weighted(sums.sum(axis=0)[None])
        drawn += _weighted(resamples.sums(sums, kinds))
    found = []
    for value, weight, column in zip(whole[0, 0], whole[1, 0], (drawn[0] / _positive(drawn[1])).T, strict=True):
        if not weight:
            found.append(Estimate(None, undefined="no stratum has rows of both kinds"))
            continue
        defined = column[~np.isnan(column)]
        low, high = np.percentile(defined, (2.5, 97.5)) if resamples.n_items > 1 and len(defined) else (None, None)
        found.append(Estimate(float(value / weight), low, high, n_undefined=len(column) - len(defined)))
    return found


def _weighted(sums: np.ndarray) -> np.ndarray:
    """(2, draws, F) weight times difference of the means, and the weight, of sums (draws, 2 F + 2)."""
    size = sums.shape[1] // 2
    (a, n), (b, m) = ((half[:, :-1], half[:, -1:]) for half in (sums[:, :size], sums[:, size:]))
    both = (n > 0) & (m > 0)
    weight = np.divide(n * m, n + m, out=np.zeros(n.shape), where=both)
    means = [np.divide(part, whole, out=np.zeros(part.shape), where=both) for part, whole in ((a, n), (b, m))]
    return np.stack([weight * (means[0] - means[1]), np.broadcast_to(weight, a.shape)])


def _positive(weights: np.ndarray) -> np.ndarray:
    return np.where(weights > 0, weights, np.nan)


def _by_label(labels: Sequence[Hashable]) -> list[np.ndarray]:
    """Places of each label's rows."""
    codes = _codes(labels)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _columns(problems: Sequence[Hashable], above: Any, below: Any) -> tuple[np.ndarray, np.ndarray]:
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if above.ndim != 2 or len(above) != len(problems) or len(below) != len(problems):
        raise UsageError(
            f"{len(problems)} problems, {above.shape} values and {below.shape} weights; give one row a row"
        )
    return above, np.broadcast_to(below if below.ndim == 2 else below[:, None], above.shape)


def _estimates(
    problems: Sequence[Hashable], parts: Sequence[np.ndarray], value: Callable[..., np.ndarray], n_draws: int, seed: int
) -> list[Estimate]:
    """One estimate a column of `parts`, each (rows, F), of `value` of their sums."""
    found, codes = [], _codes(problems)
    for column in range(parts[0].shape[1]):
        sums = _sums(codes, np.stack([part[:, column] for part in parts], axis=1))  # (problems, parts)
        if not len(sums):
            found.append(Estimate(None, undefined="there is no row"))
            continue
        resamples = Resamples(sums, n_draws, seed)
        total = value(*sums.sum(axis=0)[:, None])[0]
        undefined = "there is nothing to divide by" if np.isnan(total) else ""
        statistic = Statistic(sums[resamples.firsts], lambda drawn: value(*drawn.T), undefined)
        found.append(resamples.estimate(statistic))
    return found


def _codes(problems: Sequence[Hashable]) -> np.ndarray:
    places: dict[Hashable, int] = {}
    return np.array([places.setdefault(problem, len(places)) for problem in problems], np.int64)


def _sums(codes: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(problems, F) sums of the rows of each problem, the same in any order of rows."""
    if not len(codes):
        return columns[:0]
    if (columns == np.rint(columns)).all():  # whole numbers add up exactly
        order = np.argsort(codes, kind="stable")
    else:
        order = np.lexsort((*columns.T, codes))
    codes = codes[order]
    firsts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    return np.add.reduceat(columns[order], firsts)


def _divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
