"""What may be said of two intervals, or of many differences at once. Knows nothing about what they are of.

A report holds estimates with 95 % intervals and no samples, so that differences are taken by recovering variances from
the intervals (MOVER; Zou and Donner 2008), as if the two were independent. Traces of the same problems are not, and are
mostly alike: the interval of their difference is then too wide, never too narrow.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

RATE = 0.05
"""Share of false ones among the differences that stand, in expectation (Benjamini and Hochberg 1995)."""
_NORMAL = 1.959964
Row = TypeVar("Row")


def finite_number(cell: object) -> float | None:
    """Return a cell as a finite float; None if it is anything else (text, bool, NaN, missing)."""
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        return None
    return float(cell)


@dataclass(frozen=True, slots=True)
class Known:
    """An estimate with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        """Whether 0 is among the values that the data allow."""
        return self.low <= 0 <= self.high

    def holds(self, value: float) -> bool:
        """Whether `value` is among those that the data allow."""
        return self.low <= value <= self.high


def known(row: Mapping[str, object], value: str = "value", low: str = "low", high: str = "high") -> Known | None:
    """The estimate in a record; None where it or an end of its interval is not known."""
    found = [finite_number(row.get(name)) for name in (value, low, high)]
    return None if None in found else Known(*found)


def difference(one: Known, other: Known) -> Known:
    """`one` less `other`."""
    value = one.value - other.value
    below = math.hypot(one.value - one.low, other.high - other.value)
    above = math.hypot(one.high - one.value, other.value - other.low)
    return Known(value, value - below, value + above)


def mean(each: Sequence[Known]) -> Known:
    """The mean of independent estimates."""
    value = sum(one.value for one in each) / len(each)
    below = math.hypot(*(one.value - one.low for one in each)) / len(each)
    above = math.hypot(*(one.high - one.value for one in each)) / len(each)
    return Known(value, value - below, value + above)


def p_value(found: Known | None) -> float:
    """Two-sided p-value of an estimate being 0; 1 where it cannot be told.

    The standard error is read off the end that is nearer to 0, as intervals of rare things are skewed.
    """
    if found is None or found.value == 0:
        return 1.0
    spread = found.value - found.low if found.value > 0 else found.high - found.value
    return math.erfc(abs(found.value) / (spread / _NORMAL) / math.sqrt(2)) if spread > 0 else 1.0


def of_shares(row: Mapping[str, object], n_one: float, n_other: float) -> Known | None:
    """The difference of two shares of so many traces, ``correct_share`` less ``wrong_share``, with an honest interval.

    It is `at_least`; where numbers of traces are not known it is the bootstrap's.
    """
    found = known(row, "difference")
    shares = [finite_number(row.get(name)) for name in ("correct_share", "wrong_share")]
    if found is None or None in shares or not (n_one and n_other):
        return found
    return at_least(found, list(zip(shares, (n_one, n_other), strict=True)))


def at_least(found: Known, sides: Sequence[tuple[float, float]]) -> Known:
    """A difference of shares, each (share, number of traces), with an interval that few traces cannot make too narrow.

    A bootstrap takes 0 of 4 for never: the interval is at least as wide as that of Agresti and Caffo (2000), which adds
    a trace with and one without what is counted to either side.
    """
    variance = 0.0
    for share, n in sides:
        corrected = (share * n + 1) / (n + 2)
        variance += corrected * (1 - corrected) / (n + 2)
    reach = _NORMAL * math.sqrt(variance)
    return Known(found.value, min(found.low, found.value - reach), max(found.high, found.value + reach))


def standing(rows: Sequence[Row], estimate: Callable[[Row], Known | None], rate: float = RATE) -> list[Row]:
    """Those of all `rows` whose estimate differs from 0 when all are judged together, the surest first."""
    ranked = sorted((p_value(estimate(row)), place) for place, row in enumerate(rows))
    last = max((rank for rank, (p, _) in enumerate(ranked, 1) if p <= rate * rank / len(ranked)), default=0)
    return [rows[place] for _, place in ranked[:last]]
