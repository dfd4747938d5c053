"""Intervals of paired differences and of pass@1, and what many looks leave of them. Knows nothing about runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sgram.errors import MissingExtraError
from sgram.statistics.bootstrap import Estimate, Resamples, Statistic

Verdict = Literal["higher", "lower", "cannot say"]
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """The mean of `n` numbers with Student's 95 % interval, or the reason why it has none."""

    n: int
    mean: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    """Two-sided, of the hypothesis that the mean is 0."""
    n_above: int = 0
    """How many of the numbers are above 0."""
    undefined: str = ""
    """Why there is no interval; "" where there is one."""

    @property
    def verdict(self) -> Verdict:
        """Whether the interval excludes 0, and on which side; without an interval nothing can be said."""
        if self.low is not None and self.low > 0:
            return "higher"
        return "lower" if self.high is not None and self.high < 0 else "cannot say"


def t_interval(values: Sequence[float]) -> MeanInterval:
    """The mean of `values` with its 95 % interval: mean ± t(.975; n-1) · sd / √n (Student 1908).

    No interval, but the reason, where there are fewer than two numbers, or where all are equal: numbers that do not
    vary tell nothing about how far their mean may be off. The order of the numbers does not matter.
    """
    n, n_above = len(values), sum(value > 0 for value in values)
    if not n:
        return MeanInterval(0, None, undefined="no pair of runs has this number")
    mean = math.fsum(values) / n
    if n == 1:
        return MeanInterval(1, mean, n_above=n_above, undefined="one pair has no spread")
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    if spread <= 1e-9 * max(1.0, abs(mean)):
        return MeanInterval(n, mean, n_above=n_above, undefined=f"all {n} differences are equal")
    try:
        from scipy.stats import t
    except ImportError as error:
        raise MissingExtraError(f"an interval needs scipy ({error}); pip install 'sgram[train]'") from error
    error = spread / math.sqrt(n)
    reach = float(t.ppf((1 + LEVEL) / 2, n - 1)) * error
    p = float(2 * t.sf(abs(mean) / error, n - 1))
    return MeanInterval(n, mean, mean - reach, mean + reach, p, n_above)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) adjusted p values: one below .05 holds up although all were looked at; None stays None.

    The k-th smallest of m is multiplied by m - k + 1, kept from falling below the one before it, and cut at 1.
    """
    known = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    least = 0.0
    for rank, (p, place) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        adjusted[place] = least
    return adjusted


def problem_interval(by_problem: Sequence[tuple[int, int]]) -> Estimate:
    """pass@1 over ``(responses, correct ones)`` of each problem, with its 95 % bootstrap interval over problems.

    Responses to one problem are not independent of each other, so problems are what is drawn.
    """
    rows = np.array(sorted(by_problem), float).reshape(-1, 2)
    if not rows[:, 0].sum():
        return Estimate(None, undefined="no response was judged")
    drawn = Resamples(rows)
    return drawn.estimate(Statistic(rows[drawn.firsts], lambda sums: sums[:, 1] / sums[:, 0]))
