"""Student's t interval of a mean, such as that of paired differences between runs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sgram.errors import MissingExtraError
from sgram.statistics.estimate import NORMAL_95

Direction = Literal["higher", "lower", "cannot say"]
LEVEL = 0.95
"""Level of the intervals."""


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """The mean of `n` numbers with Student's 95 % interval, or the reason why there is no interval."""

    n: int
    mean: float | None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    """Two-sided p-value of the hypothesis that the mean is 0."""
    n_above: int = 0
    """How many of the numbers are above 0."""
    undefined: str = ""
    """Why there is no interval; "" if there is one."""

    @property
    def direction(self) -> Direction:
        """On which side of 0 the interval lies; "cannot say" if it contains 0 or there is none."""
        if self.low is not None and self.low > 0:
            return "higher"
        return "lower" if self.high is not None and self.high < 0 else "cannot say"


def t_quantile(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t with `freedom` >= 2.5 degrees of freedom, which need not be whole.

    Five terms of its expansion about the normal quantile (Abramowitz and Stegun 1964, 26.7.5), within .3 % for 2.5
    degrees of freedom and .01 % for 6. It needs no scipy.

    >>> round(t_quantile(10), 3), round(t_quantile(1e9), 3)
    (2.228, 1.96)
    """
    z = NORMAL_95
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))


def t_interval(numbers: Sequence[float]) -> MeanInterval:
    """Return the mean of `numbers` with its 95 % interval: mean ± t(.975; n-1) · sd / √n (Student 1908).

    There is no interval for fewer than two numbers, or if all are equal: without a spread, the error of the mean is
    unknown. The order of the numbers does not matter. Raise `MissingExtraError` if scipy is not installed.

    >>> interval = t_interval([0.1, 0.2, 0.3])
    >>> round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3), interval.direction
    (0.2, -0.048, 0.448, 'cannot say')
    """
    n, n_above = len(numbers), sum(number > 0 for number in numbers)
    if not n:
        return MeanInterval(0, None, undefined="no pair of runs has this number")
    mean = math.fsum(numbers) / n
    if n == 1:
        return MeanInterval(1, mean, n_above=n_above, undefined="one pair has no spread")
    standard_deviation = math.sqrt(math.fsum((number - mean) ** 2 for number in numbers) / (n - 1))
    if standard_deviation <= 1e-9 * max(1.0, abs(mean)):
        return MeanInterval(n, mean, n_above=n_above, undefined=f"all {n} differences are equal")
    t = student_distribution()
    standard_error = standard_deviation / math.sqrt(n)
    half_width = float(t.ppf((1 + LEVEL) / 2, n - 1)) * standard_error
    p_value = float(2 * t.sf(abs(mean) / standard_error, n - 1))
    return MeanInterval(n, mean, mean - half_width, mean + half_width, p_value, n_above)


def student_distribution() -> Any:
    """Return scipy's t distribution. Raise `MissingExtraError` if scipy is not installed."""
    try:
        from scipy.stats import t
    except ImportError as error:
        raise MissingExtraError(f"an interval needs scipy ({error}); pip install 'sgram[train]'") from error
    return t
