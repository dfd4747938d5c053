"""Shares and means of rows that belong to problems, with bootstrap intervals over problems.

Responses to one problem are not independent of each other, so the bootstrap draws problems. Every statistic here is a
ratio of sums over rows, or a difference of two: a share of tokens (planning tokens by all tokens), a mean over traces
(numbers by ones), a mean over problems (one row a problem).
"""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.errors import UsageError
from sgram.statistics.bootstrap import N_DRAWS, Resamples, Statistic, estimate_from_draws
from sgram.statistics.estimate import Estimate


def ratio_by_problem(
    problems: Sequence[Hashable],
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> Estimate:
    """Return the sum of `numerators` by the sum of `denominators`, both (rows,), with its interval over problems.

    >>> estimate = ratio_by_problem(["a", "a", "b"], [3, 1, 5], [10, 10, 20])
    >>> estimate.value, estimate.low, estimate.high, estimate.n
    (0.225, 0.2, 0.25, 2)
    """
    column = np.asarray(numerators, np.float64).reshape(-1, 1)
    return ratios_by_problem(problems, column, denominators, n_draws, seed)[0]


def mean_by_problem(
    problems: Sequence[Hashable], numbers: npt.ArrayLike, n_draws: int = N_DRAWS, seed: int = 0
) -> Estimate:
    """Return the mean of the `numbers` of rows, (rows,), with its interval over problems.

    Every row has the same weight. For a mean over problems, such as pass@k, give one row a problem.

    >>> mean_by_problem(["a", "a", "b"], [1.0, 0.0, 0.5]).value
    0.5
    """
    return ratio_by_problem(problems, numbers, np.ones(len(problems)), n_draws, seed)


def ratios_by_problem(
    problems: Sequence[Hashable],
    numerators: npt.ArrayLike,
    denominators: npt.ArrayLike,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """Return `ratio_by_problem` of each column of `numerators`, (rows, F), by `denominators`, (rows,) or (rows, F).

    Neither the order of rows nor the names of problems matter. Raise `UsageError` if the numbers of rows differ.
    """
    above, below = _check_columns(problems, numerators, denominators)
    codes, estimates = _encode(problems), []
    for column in range(above.shape[1]):
        sums = _sum_by_code(codes, np.stack([above[:, column], below[:, column]], axis=1))  # (problems, 2)
        if not len(sums):
            estimates.append(Estimate(None, n=0, undefined="there is no row"))
            continue
        resamples = Resamples(sums, n_draws, seed)
        point_value = _ratio(sums.sum(axis=0)[None])[0]
        undefined = "there is nothing to divide by" if np.isnan(point_value) else ""
        estimates.append(resamples.estimate(Statistic(sums[resamples.representatives], _ratio, undefined)))
    return estimates


def stratified_differences_by_problem(
    problems: Sequence[Hashable],
    strata: Sequence[Hashable],
    numbers: npt.ArrayLike,
    in_first: npt.ArrayLike,
    n_draws: int = N_DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """Return the difference of means between two kinds of rows within strata, for each column of `numbers`, (rows, F).

    The difference is the mean over the rows where `in_first`, (rows,), is true, less that over the other rows, taken
    within each stratum and averaged over strata. A stratum with n and m rows of the two kinds has the weight
    n m / (n + m) (Mantel and Haenszel 1959; for differences Greenland and Robins 1985). Differences between strata,
    such as models that are right more often and write in another style, add nothing. A stratum with rows of one kind
    only has the weight 0. The draws depend on the order in which problems first occur. Raise `UsageError` if the
    numbers of rows differ.

    >>> stratified_differences_by_problem([0, 0, 1, 1], ["m"] * 4, [[3], [1], [4], [2]], [True, False] * 2)
    [Estimate(value=2.0, low=2.0, high=2.0, n=2, undefined='', n_undefined=0)]
    """
    columns, _ = _check_columns(problems, numbers, np.ones(len(problems)))
    first: BoolArray = np.asarray(in_first, bool)
    if len(strata) != len(columns) or len(first) != len(columns):
        raise UsageError(f"{len(columns)} rows, {len(strata)} strata and {len(first)} kinds; give one of each a row")
    if not len(columns):
        return [Estimate(None, n=0, undefined="there is no row")] * columns.shape[1]
    first, problem_codes = first[:, None], _encode(problems)
    features = np.concatenate([columns * first, first, columns * ~first, ~first], axis=1)
    resamples = Resamples(np.arange(problem_codes.max() + 1)[:, None], n_draws, seed)
    total, draws = np.zeros((2, 1, columns.shape[1])), np.zeros((2, n_draws, columns.shape[1]))
    for rows in _rows_by_label(strata):
        kinds, codes = np.unique(problem_codes[rows], return_inverse=True)
        sums = _sum_by_code(codes, features[rows])  # (problems of the stratum, 2 F + 2)
        total += _weighted_difference(sums.sum(axis=0)[None])
        draws += _weighted_difference(resamples.sums(sums, kinds))
    drawn_differences = (draws[0] / np.where(draws[1] > 0, draws[1], np.nan)).T  # (F, draws)
    return [
        estimate_from_draws(weighted / weight, column, resamples.n_items)
        if weight
        else Estimate(None, n=resamples.n_items, undefined="no stratum has rows of both kinds")
        for weighted, weight, column in zip(total[0, 0], total[1, 0], drawn_differences, strict=True)
    ]


def _weighted_difference(sums: FloatArray) -> FloatArray:
    """Return (weight times difference of the means, weight), (2, draws, F), from sums (draws, 2 F + 2)."""
    width = sums.shape[1] // 2
    first_sums, n = sums[:, : width - 1], sums[:, width - 1 : width]
    second_sums, m = sums[:, width:-1], sums[:, -1:]
    has_both = (n > 0) & (m > 0)
    weight = np.divide(n * m, n + m, out=np.zeros(n.shape), where=has_both)
    first_mean, second_mean = (
        np.divide(part, size, out=np.zeros(part.shape), where=has_both)
        for part, size in ((first_sums, n), (second_sums, m))
    )
    return np.stack([weight * (first_mean - second_mean), np.broadcast_to(weight, first_sums.shape)])


def _rows_by_label(labels: Sequence[Hashable]) -> list[IntArray]:
    """Return the row indices of each label."""
    codes = _encode(labels)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _check_columns(
    problems: Sequence[Hashable], numerators: npt.ArrayLike, denominators: npt.ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Return both as arrays of one shape, (rows, F); `UsageError` if the numbers of rows differ."""
    above, below = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if above.ndim != 2 or len(above) != len(problems) or len(below) != len(problems):
        raise UsageError(
            f"{len(problems)} problems, {above.shape} numerators and {below.shape} denominators; give one of each a row"
        )
    return above, np.broadcast_to(below if below.ndim == 2 else below[:, None], above.shape)


def _encode(labels: Sequence[Hashable]) -> IntArray:
    """Return a code from 0 for each label, in the order in which labels first occur."""
    codes: dict[Hashable, int] = {}
    return np.array([codes.setdefault(label, len(codes)) for label in labels], np.int64)


def _sum_by_code(codes: IntArray, columns: FloatArray) -> FloatArray:
    """Return the sums of the rows of each code, (codes, F), the same to the last bit in any order of rows."""
    if not len(codes):
        return columns[:0]
    if (columns == np.rint(columns)).all():  # sums of whole numbers are exact in any order
        order = np.argsort(codes, kind="stable")
    else:
        order = np.lexsort((*columns.T, codes))
    codes = codes[order]
    starts = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    sums: FloatArray = np.add.reduceat(columns[order], starts)
    return sums


def _ratio(sums: FloatArray) -> FloatArray:
    """Return column 0 by column 1 of `sums`, (draws, 2), NaN where the latter is 0."""
    above, below = sums.T
    ratios: FloatArray = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return ratios
