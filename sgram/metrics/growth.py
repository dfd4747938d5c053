"""First appearance and growth of counts over training, such as occurrences of a cluster of reflection.

"Aha moments" are usually shown as one trace. Two quantities can be measured: the step at which a cluster first occurs,
and its rate at the end of training relative to the start.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.array_types import FloatArray
from sgram.errors import InputError, UsageError
from sgram.statistics import NORMAL_95

PART = 1 / 5
"""Share of the steps that count as the start, and as the end."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How a rate changed, with the 95 % interval of the ratio; an undefined number is None."""

    first_step: int | None
    """The first step with an occurrence; None if there is none."""
    start_rate: float | None
    """Occurrences by totals over the first fifth of the steps."""
    end_rate: float | None
    """Occurrences by totals over the last fifth of the steps."""
    ratio: float | None
    """End by start; None if there is no occurrence at the start."""
    low: float | None = None
    high: float | None = None
    """None if there is no occurrence at the start: the growth then has no upper bound."""
    dispersion: float | None = None
    """Variance by mean of the counts: 1 if occurrences are independent of each other, above 1 if they come in
    bursts."""
    undefined: str = ""
    """Why there is no interval; "" if there is one."""


def growth(steps: Sequence[int], counts: Sequence[float], totals: Sequence[float]) -> Growth:
    """Return the first step and the growth of `counts` among `totals` (words, tokens, traces), one of each a step.

    The interval is that of the log ratio of two Poisson rates with 1/2 added to each count (Gart 1966), widened by the
    dispersion of the counts of neighboring steps. Without an occurrence at the start the interval has only a lower end;
    without one at the end the ratio is 0. Steps may come in any order. Raise `UsageError` if the numbers of steps,
    counts and totals differ, `InputError` for a negative or infinite count.

    >>> change = growth([1, 2, 3, 4], [0, 2, 5, 8], [100, 100, 100, 200])
    >>> change.first_step, change.start_rate, change.end_rate, change.ratio
    (2, 0.0, 0.04, None)
    """
    if not len(steps) == len(counts) == len(totals):
        raise UsageError(f"{len(steps)} steps, {len(counts)} counts and {len(totals)} totals; give one a step")
    rows = sorted((step, count, total) for step, count, total in zip(steps, counts, totals, strict=True) if total > 0)
    if any(count < 0 or not math.isfinite(count) for _, count, _ in rows):
        raise InputError("a count must be a finite number >= 0; check the counts")
    first_step = next((int(step) for step, count, _ in rows if count > 0), None)
    if len(rows) < 2:
        return Growth(first_step, None, None, None, undefined="there are fewer than 2 steps")
    c, t = np.array([row[1] for row in rows], float), np.array([row[2] for row in rows], float)
    n_steps = max(1, round(len(rows) * PART))
    start_count, end_count = float(c[:n_steps].sum()), float(c[-n_steps:].sum())
    start_total, end_total = float(t[:n_steps].sum()), float(t[-n_steps:].sum())
    start_rate, end_rate = start_count / start_total, end_count / end_total
    if not start_count and not end_count:
        return Growth(first_step, start_rate, end_rate, None, undefined="it occurs neither at the start nor at the end")
    dispersion = _dispersion(c, t)
    log_ratio = math.log((end_count + 0.5) / end_total) - math.log((start_count + 0.5) / start_total)
    half_width = NORMAL_95 * math.sqrt(dispersion * (1 / (start_count + 0.5) + 1 / (end_count + 0.5)))
    return Growth(
        first_step,
        start_rate,
        end_rate,
        end_rate / start_rate if start_count else None,
        math.exp(log_ratio - half_width) if end_count else 0.0,
        math.exp(log_ratio + half_width) if start_count else None,
        dispersion,
    )


def _dispersion(c: FloatArray, t: FloatArray) -> float:
    """Return the variance by mean of counts `c` among totals `t`, at least 1.

    It is the mean over neighboring steps of a quantity that is chi-square with 1 degree of freedom for Poisson counts.
    Neighbors have nearly the same rate, so a trend does not count as dispersion.
    """
    has_counts = c[:-1] + c[1:] > 0
    c0, c1, t0, t1 = c[:-1][has_counts], c[1:][has_counts], t[:-1][has_counts], t[1:][has_counts]
    if not has_counts.any():
        return 1.0
    return max(1.0, float(((c1 * t0 - c0 * t1) ** 2 / (t0 * t1 * (c0 + c1))).mean()))
