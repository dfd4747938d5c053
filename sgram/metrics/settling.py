"""The step at which a curve has made 90 % of its total change.

The start is the mean of the first twentieth of the steps, the end that of the last fifth (at least one step each), the
total change their difference. The curve has settled at the first step from which it stays at 90 % of the total change
or past it. Noise crosses any level often, so with noise it is the step that splits the curve best: the one that
maximizes the sum over earlier steps of the distance to the level, plus the sum over later steps of the distance past
it. That is the inverse of the monotone least-squares curve at the level (Groeneboom 1985); for a monotone curve without
noise it is the first step from which the curve stays.

A curve turns if it goes past its end by more than 10 % of the total change (and by three standard errors more) and
comes back. Then the turning point is reported, and the curve settles where it comes within 10 % of the total change of
its end for good: a curve that falls to a third and comes back to a half has not settled on its way down.

If the interval of the total change contains 0, there is no such step.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sgram.array_types import AnyArray, FloatArray, IntArray
from sgram.errors import UsageError
from sgram.metrics.curve import Curve, curve_draws, smooth
from sgram.statistics import N_DRAWS, percentile_interval

SHARE = 0.9
"""Share of the total change after which a curve has settled."""
MIN_STEPS = 5
START, END = 1 / 20, 1 / 5
"""Parts of the steps whose means are the start and the end."""
TURN_ERRORS = 3
"""Standard errors by which a curve must pass its end to have turned."""


@dataclass(frozen=True, slots=True)
class Settling:
    """When a curve has made most of its total change, with 95 % intervals, or the reason why there is no step."""

    total_change: float | None
    change_low: float | None = None
    change_high: float | None = None
    step: int | None = None
    low: float | None = None
    high: float | None = None
    start: float | None = None
    """Mean of the first steps, from which the change is counted."""
    end: float | None = None
    """Mean of the last steps."""
    turn: int | None = None
    """The step at which the smoothed curve turned back, if it went past its end and came back."""
    turn_value: float | None = None
    undefined: str = ""
    """Why there is no step; "" if there is one."""


def settle(
    steps: Sequence[int],
    values: Sequence[float],
    share: float = SHARE,
    resamples: FloatArray | None = None,
    seed: int = 0,
) -> Settling:
    """Return the step from which a curve has made `share` of its total change for good; see the module docstring.

    `resamples`, (draws, steps), are curves as they might have come out, such as `trend_draws` of problems. Without
    them the noise about the smoothed curve is drawn. The result does not depend on the scale of the values. Raise
    `UsageError` for an invalid share or if the numbers of values and steps differ.

    >>> settling = settle(range(0, 200, 10), [1.0] * 7 + [0.25] * 13)
    >>> settling.step, settling.total_change
    (70, -0.75)
    """
    if resamples is None and len(values) < MIN_STEPS:
        resamples = np.zeros((1, len(values)))  # not used
    elif resamples is None:
        resamples = curve_draws(Curve(tuple(steps), tuple(values)), N_DRAWS, seed)
    return settle_with_draws(steps, values, resamples, share)[0]


def settle_with_draws(
    steps: Sequence[int], values: Sequence[float], resamples: FloatArray, share: float = SHARE
) -> tuple[Settling, IntArray | None]:
    """Return `settle` and its step in each draw, (draws,); the latter is None if there is no step."""
    if not 0 < share < 1:
        raise UsageError(f"the share of the change must be a number between 0 and 1 (got {share!r:.80})")
    curve, curve_steps = np.asarray(values, np.float64), np.asarray(steps)
    if resamples.shape[1:] != curve.shape:
        raise UsageError(f"{len(curve)} values and draws of shape {resamples.shape}; give one value a step")
    if len(curve) < MIN_STEPS:
        return Settling(None, undefined=f"there are {len(curve)} steps, fewer than {MIN_STEPS}"), None
    (start, end), (drawn_start, drawn_end) = _levels(curve[None]), _levels(resamples)
    change = end - start
    low, high = interval_with_value(drawn_end - drawn_start, change[0])
    settling = Settling(float(change[0]), low, high, start=float(start[0]), end=float(end[0]))
    if low <= 0 <= high or abs(change[0]) <= 1e-12 * np.abs(curve).max():
        numbers = f"{change[0]:+.3g} [{low:+.3g}, {high:+.3g}]".replace("-", "\N{MINUS SIGN}")
        reason = f"the total change cannot be distinguished from 0 ({numbers})"
        return replace(settling, undefined=reason), None
    turn, turn_value = _find_turn(curve, resamples, share)
    index = int(_settled_indices(curve[None], share, turn)[0])
    drawn_steps = curve_steps[_settled_indices(resamples, share, turn)]
    step_low, step_high = interval_with_value(drawn_steps, curve_steps[index])
    settling = replace(settling, step=int(curve_steps[index]), low=step_low, high=step_high)
    if turn is not None:
        settling = replace(settling, turn=int(curve_steps[turn]), turn_value=turn_value)
    return settling, drawn_steps


def interval_with_value(draws: AnyArray, value: float) -> tuple[float, float]:
    """Return the 95 % percentile interval of `draws`, widened to contain `value`.

    Noise can shift all draws to one side of the value.

    >>> interval_with_value(np.arange(101.0), 120.0)
    (2.5, 120.0)
    """
    low, high = percentile_interval(draws)
    return min(low, float(value)), max(high, float(value))


def _levels(curves: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the start and the end of each curve, both (draws,)."""
    n = curves.shape[1]
    return curves[:, : max(1, round(n * START))].mean(axis=1), curves[:, n - _n_end_steps(n) :].mean(axis=1)


def _n_end_steps(n: int) -> int:
    return max(1, round(n * END))


def _settled_indices(curves: FloatArray, share: float, turn: int | None) -> IntArray:
    """Return the index of the step from which each curve has settled, (draws,); after `turn` if there is one."""
    start, end = _levels(curves)
    change = (end - start)[:, None]
    beyond = (curves - end[:, None]) * np.sign(change)  # past the end, in the direction of the change
    tolerance = (1 - share) * np.abs(change)
    missing = -beyond - tolerance if turn is None else (beyond - tolerance)[:, turn:]
    cumulated = np.cumsum(missing, axis=1)
    # the split before the first step, at 0, and after each step but the last, which leaves no step to settle at
    splits = np.concatenate([np.zeros((len(curves), 1)), cumulated[:, :-1]], axis=1)
    # sums of equal numbers differ in their last digits: of splits that are equally good, take the first
    best = splits.max(axis=1, keepdims=True)
    slack = 1e-9 * np.abs(missing).sum(axis=1, keepdims=True)
    indices: IntArray = (splits >= best - slack).argmax(axis=1) + (turn or 0)
    return indices


def _find_turn(values: FloatArray, resamples: FloatArray, share: float) -> tuple[int | None, float | None]:
    """Return the index and value at which the curve turns back after going past its end; None for both otherwise."""
    (start,), (end,) = _levels(values[None])
    sign, n = np.sign(end - start), len(values)
    half_window = max(2, round(n / 16))
    index = int(np.argmax(smooth(values, half_window)[0] * sign))
    window = slice(max(0, index - half_window // 2), min(n, index + half_window // 2 + 1))
    beyond = (values[window].mean() - end) * sign
    spread = (resamples[:, window].mean(axis=1) - _levels(resamples)[1]).std()
    if index >= n - _n_end_steps(n):  # still changing: it has not come back
        return None, None
    if beyond - TURN_ERRORS * spread <= (1 - share) * abs(end - start):
        return None, None
    return index, float(values[window].mean())
