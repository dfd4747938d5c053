"""Shares and means of rows that come from problems, with intervals over problems. Knows nothing of what rows count.

Responses to one problem are not independent of each other, so problems are what is drawn. Every statistic here is a
ratio of sums over rows, or a difference of two: a share of tokens (planning by all), a mean over traces (values by
ones), a mean over problems (one row a problem).
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.metrics.bootstrap import N_DRAWS, Estimate, Resamples, Statistic


def ratio_by_problem(
    problems: Sequence[Hashable], above: Any, below: Any, n_draws: int = N_DRAWS, seed: int = 0
) -> Estimate:
    """Sum of `above` by sum of `below` over rows, both (rows,), with its 95 % bootstrap interval over problems."""
    column = np.asarray(above, np.float64).reshape(-1, 1)
    return ratios_by_problem(problems, column, below, n_draws, seed)[0]


def mean_by_problem(
    problems: Sequence[Hashable], values: Any, n_draws: int = N_DRAWS, seed: int = 0
) -> Estimate:
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


def differences_by_problem(
    problems: Sequence[Hashable], above: Any, below: Any, first: Any, n_draws: int = N_DRAWS, seed: int = 0
) -> list[Estimate]:
    """Ratio over the rows where `first` is true less that over the other rows, as `ratios_by_problem` gives them.

    Problems are drawn with the rows of both kinds that they have: what makes a problem easy is in both ratios.
    """
    above, below = _columns(problems, above, below)
    chosen = np.asarray(first, bool)[:, None]
    parts = (above * chosen, below * chosen, above * ~chosen, below * ~chosen)
    return _estimates(problems, parts, lambda a, b, c, d: _divided(a, b) - _divided(c, d), n_draws, seed)


def _columns(problems: Sequence[Hashable], above: Any, below: Any) -> tuple[np.ndarray, np.ndarray]:
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    if above.ndim != 2 or len(above) != len(problems) or len(below) != len(problems):
        raise UsageError(
            f"{len(problems)} problems, {above.shape} values and {below.shape} weights; give one row a row"
        )
    return above, np.broadcast_to(below if below.ndim == 2 else below[:, None], above.shape)


def _estimates(
    problems: Sequence[Hashable],
    parts: Sequence[np.ndarray],
    value: Callable[..., np.ndarray],
    n_draws: int,
    seed: int,
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
