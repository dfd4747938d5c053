"""`Estimate`: a number with its 95 % interval, the only type for it in `sgram`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

NORMAL_95 = 1.959964
"""95 % of a normal distribution lie within this many standard deviations of its mean."""
DECIMALS = 6
"""Decimals of numbers in JSON. Further ones depend on the order in which the machine adds."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % interval, or the reason why one of them is missing.

    >>> Estimate(0.25, 0.125, 0.5, n=40).to_json()
    {'value': 0.25, 'low': 0.125, 'high': 0.5, 'undefined': None, 'undefined_draws': 0}
    >>> Estimate(None, undefined="no response was judged").value is None
    True
    """

    value: float | None
    low: float | None = None
    """Lower end of the interval; None if there is no interval."""
    high: float | None = None
    n: int | None = None
    """Units that the interval generalizes over, such as problems; None if that number is not recorded."""
    undefined: str = ""
    """Why `value` or its interval is missing; "" if there is nothing to explain."""
    n_undefined: int = 0
    """Bootstrap draws in which the number is undefined. They are left out of the interval."""

    @property
    def ends(self) -> tuple[float, float] | None:
        """Return (low, high); None if there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def numbers(self) -> tuple[float | None, float | None, float | None]:
        """Return (value, low, high), the cells of a data frame."""
        return self.value, self.low, self.high

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as JSON values, rounded to 6 decimals."""
        return {
            "value": round_number(self.value),
            "low": round_number(self.low),
            "high": round_number(self.high),
            "undefined": self.undefined or None,
            "undefined_draws": self.n_undefined,
        }

    def transform(self, function: Callable[[float], float]) -> "Estimate":
        """Return the estimate of an increasing `function` of the number, such as `exp` for a perplexity.

        A number too large for a float becomes infinite.

        >>> Estimate(0.0, -1.0, 2.0).transform(lambda number: 10**number)
        Estimate(value=1.0, low=0.1, high=100.0, n=None, undefined='', n_undefined=0)
        """
        with np.errstate(over="ignore"):
            value, low, high = (
                None if number is None else float(function(number)) for number in (self.value, self.low, self.high)
            )
        return replace(self, value=value, low=low, high=high)


def round_number(number: float | None) -> float | None:
    """Return `number` rounded to 6 decimals, without a negative zero; None stays None.

    >>> round_number(2 / 3), round_number(-1e-9), round_number(None)
    (0.666667, 0.0, None)
    """
    return None if number is None else round(float(number), DECIMALS) + 0.0
