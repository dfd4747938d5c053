"""Corrections for many comparisons at once: Holm, and Benjamini and Hochberg."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sgram.statistics.differences import p_value
from sgram.statistics.interval import Interval

FALSE_DISCOVERY_RATE = 0.05
"""Expected share of false ones among the differences that `select_discoveries` returns."""
Row = TypeVar("Row")


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return Holm's (1979) adjusted p-values: one below .05 is significant among all comparisons. None stays None.

    The k-th smallest of m is multiplied by m - k + 1, raised to the one before it if it is smaller, and cut at 1.

    >>> holm([0.25, 0.0625, None])
    [0.25, 0.125, None]
    """
    ranked = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    previous = 0.0
    for rank, (p, index) in enumerate(ranked):
        previous = max(previous, min(1.0, p * (len(ranked) - rank)))
        adjusted[index] = previous
    return adjusted


def select_discoveries(
    rows: Sequence[Row], interval_of: Callable[[Row], Interval | None], rate: float = FALSE_DISCOVERY_RATE
) -> list[Row]:
    """Return the `rows` whose estimate differs from 0 at this false discovery rate, smallest p-value first.

    The procedure is Benjamini and Hochberg's (1995). `interval_of` gives the estimate of a row, None if it has none.

    >>> rows = [Interval(1.0, 0.5, 1.5), Interval(1.0, -0.5, 2.5), Interval(-3.0, -3.5, -2.5)]
    >>> [interval.value for interval in select_discoveries(rows, lambda interval: interval)]
    [-3.0, 1.0]
    """
    ranked = sorted((p_value(interval_of(row)), index) for index, row in enumerate(rows))
    n_discoveries = max((rank for rank, (p, _) in enumerate(ranked, 1) if p <= rate * rank / len(ranked)), default=0)
    return [rows[index] for _, index in ranked[:n_discoveries]]
