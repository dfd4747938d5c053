"""Differences and means of independent estimates, from their intervals alone (MOVER; Zou and Donner 2008).

A report has estimates with 95 % intervals but no samples. The method of variance estimates recovery takes the variance
from the ends of the intervals, as if the estimates were independent. Traces of the same problems are not independent,
and mostly alike: the interval of their difference is then too wide, never too narrow.
"""

import math
from collections.abc import Sequence

from sgram.statistics.estimate import NORMAL_95
from sgram.statistics.interval import Interval


def difference(minuend: Interval, subtrahend: Interval) -> Interval:
    """Return `minuend` less `subtrahend`.

    >>> difference(Interval(5, 2, 9), Interval(1, -2, 5))
    Interval(value=4, low=-1.0, high=9.0)
    """
    value = minuend.value - subtrahend.value
    below = math.hypot(minuend.value - minuend.low, subtrahend.high - subtrahend.value)
    above = math.hypot(minuend.high - minuend.value, subtrahend.value - subtrahend.low)
    return Interval(value, value - below, value + above)


def mean(intervals: Sequence[Interval]) -> Interval:
    """Return the mean of independent estimates, of which there must be at least one.

    >>> mean([Interval(1, 0, 2), Interval(3, 2, 4), Interval(1, 0, 2), Interval(3, 2, 4)])
    Interval(value=2.0, low=1.5, high=2.5)
    """
    value = sum(interval.value for interval in intervals) / len(intervals)
    below = math.hypot(*(interval.value - interval.low for interval in intervals)) / len(intervals)
    above = math.hypot(*(interval.high - interval.value for interval in intervals)) / len(intervals)
    return Interval(value, value - below, value + above)


def p_value(interval: Interval | None) -> float:
    """Return the two-sided p-value of the hypothesis that the estimate is 0; 1 if there is no interval.

    The standard error comes from the end of the interval nearer to 0, because intervals of rare events are skewed.

    >>> round(p_value(Interval(2.0, 0.0, 9.0)), 3)
    0.05
    """
    if interval is None or interval.value == 0:
        return 1.0
    spread = interval.value - interval.low if interval.value > 0 else interval.high - interval.value
    return math.erfc(abs(interval.value) / (spread / NORMAL_95) / math.sqrt(2)) if spread > 0 else 1.0
