"""Intervals of shares of few observations: Wilson's, and Agresti and Caffo's for differences.

Both hold where a share is near 0 or 1, where a bootstrap finds no doubt. They take observations for independent. The
difference of two Wilson intervals (Newcombe 1998, method 10) is `differences.difference`.
"""

import math
from collections.abc import Iterable, Mapping

from sgram.statistics.estimate import NORMAL_95
from sgram.statistics.interval import Interval, finite_number, read_interval


def wilson_interval(n_successes: float, n: int) -> tuple[float, float]:
    """Return Wilson's (1927) 95 % interval of the share `n_successes` of `n` observations.

    >>> [round(end, 4) for end in wilson_interval(0, 10)]
    [0.0, 0.2775]
    """
    share, spread = n_successes / n, NORMAL_95**2 / n
    center = (share + spread / 2) / (1 + spread)
    half_width = NORMAL_95 / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, min(center - half_width, share)), min(1.0, max(center + half_width, share))


def widen_share_difference(interval: Interval, shares: Iterable[tuple[float, float]]) -> Interval:
    """Return a difference of two shares with an interval at least as wide as Agresti and Caffo's (2000).

    `shares` holds (share, number of observations) of both sides. A bootstrap takes 0 of 4 for never. Agresti and Caffo
    add one success and one failure to each side, so few observations cannot give a narrow interval.

    >>> interval = widen_share_difference(Interval(1.0, 1.0, 1.0), [(1.0, 4), (0.0, 4)])
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.578, 1.422)
    """
    variance = 0.0
    for share, n in shares:
        corrected_share = (share * n + 1) / (n + 2)
        variance += corrected_share * (1 - corrected_share) / (n + 2)
    half_width = NORMAL_95 * math.sqrt(variance)
    return Interval(
        interval.value, min(interval.low, interval.value - half_width), max(interval.high, interval.value + half_width)
    )


def share_difference(row: Mapping[str, object], n_correct: float, n_wrong: float) -> Interval | None:
    """Return the difference ``correct_share`` less ``wrong_share`` of a table row; None if it has no interval.

    `n_correct` and `n_wrong` are the numbers of traces behind the shares. The interval is that of
    `widen_share_difference`, or the one in the table if a share or a number of traces is missing.
    """
    interval = read_interval(row, "difference")
    correct_share, wrong_share = finite_number(row.get("correct_share")), finite_number(row.get("wrong_share"))
    if interval is None or correct_share is None or wrong_share is None or not (n_correct and n_wrong):
        return interval
    return widen_share_difference(interval, [(correct_share, n_correct), (wrong_share, n_wrong)])
