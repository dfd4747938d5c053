"""Interval of a mean over a grid of two random factors, such as the seeds and the start models of runs.

Runs with one seed, or from one start model, are not independent of each other. Student's interval over all of them
takes them to be so: with 4 seeds and 3 start models it covers the true mean in .95 of cases if neither factor matters,
but in .76 if the start model makes half of the variance, and in .64 if it makes four fifths. `crossed_interval` adds
the mean squares of both factors, which leaves no factor's share out and counts the residual variance twice. Its
coverage is .93 to .99 for 2 to 12 seeds and 2 or 3 start models, whatever the shares (benchmarks/interval_coverage.py).
The price is width: 1.7 times Student's where neither factor matters.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sgram.errors import UsageError
from sgram.statistics.student import LEVEL, MeanInterval, student_distribution, t_interval


class CrossedError(NamedTuple):
    """Standard error of the mean of a grid, and its degrees of freedom."""

    standard_error: float
    freedom: float


def crossed_interval(grid: Mapping[tuple[int, int], float]) -> MeanInterval:
    """Return the mean of a complete `grid`, (first factor, second factor) -> number, with its 95 % interval.

    mean ± t(.975; f) · √((A + B) / n), with the mean squares A and B of the two factors, and Satterthwaite's (1946)
    f = (A + B)² / (A² / (a-1) + B² / (b-1)) for a and b levels. With one level of a factor it is Student's interval
    over the other. There is no interval if all numbers are equal. Raise `UsageError` if the grid is not complete, and
    `MissingExtraError` if scipy is not installed.

    >>> grid = {(0, 0): 0.1, (0, 1): 0.3, (1, 0): 0.2, (1, 1): 0.4}
    >>> interval = crossed_interval(grid)
    >>> interval.n, round(interval.mean, 3), interval.direction
    (4, 0.25, 'cannot say')
    """
    numbers = [grid[cell] for cell in sorted(grid)]
    rows, columns = _levels(grid)
    if min(len(rows), len(columns)) < 2:
        return t_interval(numbers)
    mean = math.fsum(numbers) / len(numbers)
    n_above = sum(number > 0 for number in numbers)
    error = crossed_error(grid)
    if error is None:
        reason = f"all {len(numbers)} differences are equal, or differ within the grid only"
        return MeanInterval(len(numbers), mean, n_above=n_above, undefined=reason)
    t = student_distribution()
    half_width = float(t.ppf((1 + LEVEL) / 2, error.freedom)) * error.standard_error
    p_value = float(2 * t.sf(abs(mean) / error.standard_error, error.freedom))
    return MeanInterval(len(numbers), mean, mean - half_width, mean + half_width, p_value, n_above)


def pair_interval(differences: Mapping[tuple[int, int], float]) -> MeanInterval:
    """Return the mean of `differences`, (seed, start model) -> number, with its 95 % interval.

    With several start models it is that over seeds and start models, and seeds that one of them lacks are left out;
    with one start model, or without two complete seeds, it is Student's.

    >>> pair_interval({(0, 0): 0.1, (1, 0): 0.3}).n, pair_interval({(0, 0): 1.0, (0, 1): 2.0, (1, 0): 3.0}).n
    (2, 3)
    """
    grid = complete_pairs(differences)
    if min(len({seed for seed, _ in grid}), len({start for _, start in grid})) < 2:
        return t_interval([differences[pair] for pair in sorted(differences)])
    return crossed_interval(grid)


def complete_pairs(differences: Mapping[tuple[int, int], float]) -> dict[tuple[int, int], float]:
    """Return the `differences` of the seeds that every start model has.

    >>> complete_pairs({(0, 0): 1.0, (0, 1): 2.0, (1, 0): 3.0})
    {(0, 0): 1.0, (0, 1): 2.0}
    """
    starts = {start for _, start in differences}
    return {
        pair: number for pair, number in differences.items() if all((pair[0], start) in differences for start in starts)
    }


def crossed_error(grid: Mapping[tuple[int, int], float]) -> CrossedError | None:
    """Return the standard error of the mean of a complete `grid` with two levels or more of both factors.

    None if the means of the rows are equal and those of the columns, too: then the grid tells nothing of the error.

    >>> crossed_error({(0, 0): 0.0, (0, 1): 0.0, (1, 0): 2.0, (1, 1): 2.0})
    CrossedError(standard_error=1.0, freedom=1.0)
    """
    rows, columns = _levels(grid)
    n = len(grid)
    mean = math.fsum(grid.values()) / n
    by_row = _mean_square([[grid[row, column] for column in columns] for row in rows], mean)
    by_column = _mean_square([[grid[row, column] for row in rows] for column in columns], mean)
    total = by_row + by_column
    if total <= (1e-9 * max(1.0, abs(mean))) ** 2:
        return None
    freedom = total**2 / (by_row**2 / (len(rows) - 1) + by_column**2 / (len(columns) - 1))
    return CrossedError(math.sqrt(total / n), freedom)


def detectable_difference(standard_error: float, freedom: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true mean that a two-sided t test finds, with its right sign, with probability `power`.

    The test has level `alpha`, the `standard_error` of the mean and its degrees of `freedom`; the power is that of the
    noncentral t distribution. Raise `MissingExtraError` if scipy is not installed.

    >>> round(detectable_difference(1.0, 1e6), 2)
    2.8
    """
    student_distribution()  # raises without scipy
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    critical = float(t.ppf(1 - alpha / 2, freedom))

    def shortfall(effect: float) -> float:
        return float(nct.sf(critical, freedom, effect)) - power

    above = critical
    while shortfall(above) < 0:
        above += critical
    return standard_error * float(brentq(shortfall, 0.0, above, xtol=1e-6))


def _levels(grid: Mapping[tuple[int, int], float]) -> tuple[list[int], list[int]]:
    rows = sorted({row for row, _ in grid})
    columns = sorted({column for _, column in grid})
    if not grid or len(grid) < len(rows) * len(columns):
        raise UsageError(
            f"an interval over two factors needs a number in each of the {len(rows)} x {len(columns)} cells (got "
            f"{len(grid)})"
        )
    return rows, columns


def _mean_square(groups: Sequence[Sequence[float]], mean: float) -> float:
    """Return the mean square between groups of equal size."""
    size = len(groups[0])
    return size * math.fsum((math.fsum(group) / size - mean) ** 2 for group in groups) / (len(groups) - 1)
