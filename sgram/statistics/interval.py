"""`Interval`: an estimate whose value and ends are all defined, for arithmetic with estimates.

An `Estimate` may lack its value or its interval. Tables of a report hold such estimates as columns; `read_interval`
returns those that are complete.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with the ends of its 95 % interval.

    >>> Interval(0.1, -0.1, 0.3).contains_zero, Interval(0.5, 0.4, 0.6).contains(0.45)
    (True, True)
    """

    value: float
    low: float
    high: float

    @property
    def contains_zero(self) -> bool:
        """Whether the interval contains 0, so that the data do not exclude it."""
        return self.low <= 0 <= self.high

    def contains(self, number: float) -> bool:
        """Return whether the interval contains `number`."""
        return self.low <= number <= self.high


def read_interval(
    row: Mapping[str, object], value: str = "value", low: str = "low", high: str = "high"
) -> Interval | None:
    """Return the interval in the columns `value`, `low` and `high` of a table row.

    None if one of the three is missing or not a finite number.

    >>> read_interval({"value": 2, "low": 1, "high": 4})
    Interval(value=2.0, low=1.0, high=4.0)
    >>> read_interval({"value": 2, "low": None, "high": None}) is None
    True
    """
    numbers = (finite_number(row.get(value)), finite_number(row.get(low)), finite_number(row.get(high)))
    if numbers[0] is None or numbers[1] is None or numbers[2] is None:
        return None
    return Interval(numbers[0], numbers[1], numbers[2])


def finite_number(cell: object) -> float | None:
    """Return a table cell as a finite float; None if it is anything else (text, bool, NaN, missing).

    >>> finite_number(3), finite_number("3"), finite_number(float("nan"))
    (3.0, None, None)
    """
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not math.isfinite(cell):
        return None
    return float(cell)
