"""First appearance and growth of something that is counted, such as a cluster of reflection. Knows nothing but counts.

"Aha moments" are told as stories of one trace. What can be measured is the step at which a cluster first occurs, and
its rate at the end of training against that at the start.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.errors import InputError, UsageError
from sgram.statistics import NORMAL_95

PART = 1 / 5
"""Of the steps, at the start and at the end."""


@dataclass(frozen=True, slots=True)
class Growth:
    """How a rate changed, with the 95 % interval of the ratio; None is what cannot be had."""

    first_step: int | None
    """The first step at which it occurs; None where it never does."""
    start_rate: float | None
    """Occurrences by totals over the first fifth of the steps."""
    end_rate: float | None
    """The same over the last fifth."""
    ratio: float | None
    """End by start; None where it does not occur at the start."""
    low: float | None = None
    high: float | None = None
    """None where it does not occur at the start: then there is no knowing how many times it grew."""
    dispersion: float | None = None
    """Variance by mean of the counts; 1 where occurrences are independent of each other, above where they come in
    bursts."""
    undefined: str = ""
    """Why there is no interval; "" where there is one."""


def growth(steps: Sequence[int], counts: Sequence[float], totals: Sequence[float]) -> Growth:
    """First step and growth of `counts` among `totals` (words, tokens, traces), one of each a step, in any order.

    The interval is that of the log ratio of two Poisson rates with 1/2 added to each count (Gart 1966), widened by the
    dispersion of the counts of neighboring steps. Where there is none at the start it has a lower end only, where
    there is none at the end the ratio is 0.
    """
    if not len(steps) == len(counts) == len(totals):
        raise UsageError(f"{len(steps)} steps, {len(counts)} counts and {len(totals)} totals; give one a step")
    rows = sorted((step, count, total) for step, count, total in zip(steps, counts, totals, strict=True) if total > 0)
    if any(count < 0 or not math.isfinite(count) for _, count, _ in rows):
        raise InputError("a count is a number of at least 0; check what was counted")
    first_step = next((int(step) for step, count, _ in rows if count > 0), None)
    if len(rows) < 2:
        return Growth(first_step, None, None, None, undefined="there are fewer than 2 steps")
    c, t = np.array([row[1] for row in rows], float), np.array([row[2] for row in rows], float)
    part = max(1, round(len(rows) * PART))
    before, after = float(c[:part].sum()), float(c[-part:].sum())
    over_before, over_after = float(t[:part].sum()), float(t[-part:].sum())
    rates = (before / over_before, after / over_after)
    if not before and not after:
        return Growth(first_step, *rates, None, undefined="it occurs neither at the start nor at the end")
    dispersion = _dispersion(c, t)
    middle = math.log((after + 0.5) / over_after) - math.log((before + 0.5) / over_before)
    reach = NORMAL_95 * math.sqrt(dispersion * (1 / (before + 0.5) + 1 / (after + 0.5)))
    return Growth(
        first_step,
        *rates,
        rates[1] / rates[0] if before else None,
        math.exp(middle - reach) if after else 0.0,
        math.exp(middle + reach) if before else None,
        dispersion,
    )


def _dispersion(c: np.ndarray, t: np.ndarray) -> float:
    """Mean over neighboring steps of what is chi-square with 1 degree of freedom for Poisson counts; at least 1.

    Neighbors have nearly the same rate, so a trend does not count as dispersion.
    """
    both = c[:-1] + c[1:] > 0
    c0, c1, t0, t1 = c[:-1][both], c[1:][both], t[:-1][both], t[1:][both]
    return max(1.0, float(((c1 * t0 - c0 * t1) ** 2 / (t0 * t1 * (c0 + c1))).mean())) if both.any() else 1.0
