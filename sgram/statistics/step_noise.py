"""Noise from step to step of a series, and what it adds to the interval of a change.

Problems sampled within a step show how well the value of this step is known. They do not show how much the value
wanders from step to step, with the policy or with the batch. A change between the first and the last steps is a trend
only if it also exceeds what this wandering gives.
"""

import math
from collections.abc import Sequence

from sgram.statistics.interval import Interval
from sgram.statistics.student import t_quantile

FEWEST_STEPS = 7
"""Fewest steps whose noise is estimated. Of 7 * 6 ways to choose a first and a last step, two are the most extreme
(4.8 %): with fewer steps no order of the values would be unlikely."""


def step_variance(values: Sequence[float]) -> float:
    """Return the variance of a series about its trend: half the mean squared difference of neighboring values.

    A slow trend adds next to nothing, as neighbors share it (von Neumann 1941; Rice 1984). In a random order it is the
    variance of the values. At least two values are needed.

    >>> step_variance([1.0, 3.0, 2.0])
    1.25
    """
    squares = [(later - value) ** 2 for value, later in zip(values, values[1:], strict=False)]
    return math.fsum(squares) / (2 * len(squares))


def widen_by_steps(change: Interval, values: Sequence[float], n_end: int) -> Interval:
    """Return the change of a series with an interval that covers its noise from step to step, too.

    `change` is the mean of the last `n_end` of `values` less that of the first `n_end`. Its interval becomes at least
    change ± t · s · √(2 / n_end), where s² is `step_variance`. The quantile t has 2/3 as many degrees of freedom as
    there are differences, since neighboring differences share a value. With fewer than `FEWEST_STEPS` values the
    interval stays as it is: it is then about these steps, not about a trend.

    >>> jumps = [0.0, 1.0] * 10
    >>> interval = widen_by_steps(Interval(1.0, 0.9, 1.1), jumps, n_end=1)
    >>> round(interval.low, 2), round(interval.high, 2)
    (-1.17, 3.17)
    """
    if len(values) < FEWEST_STEPS:
        return change
    freedom = 2 * (len(values) - 1) / 3
    half_width = t_quantile(freedom) * math.sqrt(step_variance(values) * 2 / n_end)
    return Interval(
        change.value, min(change.low, change.value - half_width), max(change.high, change.value + half_width)
    )
