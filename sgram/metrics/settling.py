"""When a curve has made 90 % of its total change. Knows nothing about what the curve measures.

The rule, in full. The start is the mean of the first twentieth of the steps, the end that of the last fifth (at least
one step each), the total change their difference. The step is the first from which the curve stays at 90 % of the total
change or past it. Noise crosses any level often, so with noise it is the step that splits the curve best: the one that
maximizes the sum over earlier steps of what is missing to the level, plus the sum over later steps of what is above it.
That is the inverse of the monotone least-squares curve at the level (Groeneboom 1985); of a monotone curve without
noise it is just the first step from which the curve stays.

Where the curve turns, going past its end by more than 10 % of the total change (and by three standard errors more)
and coming back, the turning point is told, and it settles where it comes to within 10 % of the total change of its
end for good: a curve that falls to a third and comes back to a half has not settled on its way down.

Where the interval of the total change holds 0, there is no such step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.errors import UsageError
from sgram.metrics.curve import Curve, curve_draws, smoothed
from sgram.statistics import N_DRAWS

SHARE = 0.9
MIN_STEPS = 5
START, END = 1 / 20, 1 / 5
"""Parts of the steps whose means are the start and the end."""
TURN_ERRORS = 3


@dataclass(frozen=True, slots=True)
class Settling:
    """When a curve has made most of its total change, with 95 % intervals, or the reason why it cannot be said."""

    total_change: float | None
    change_low: float | None = None
    change_high: float | None = None
    step: int | None = None
    low: float | None = None
    high: float | None = None
    start: float | None = None
    """Mean of the first steps, which the change is counted from."""
    end: float | None = None
    """Mean of the last steps."""
    turn: int | None = None
    """The step at which the smoothed curve turned back, where it went past its end and did."""
    turn_value: float | None = None
    undefined: str = ""
    """Why there is no step; "" where there is one."""


def settle(
    steps: Sequence[int],
    values: Sequence[float],
    share: float = SHARE,
    resamples: np.ndarray | None = None,
    seed: int = 0,
) -> Settling:
    """The step from which a curve has made `share` of its total change for good; the module says what that is.

    `resamples`, (draws, steps), are curves as they might have come out, such as `curve_draws` of problems; without
    them the noise about the smoothed curve is drawn in blocks. The result does not depend on the scale of the values.
    """
    if resamples is None and len(values) < MIN_STEPS:
        resamples = np.zeros((1, len(values)))  # not looked at
    elif resamples is None:
        resamples = curve_draws(Curve(tuple(steps), tuple(values)), N_DRAWS, seed)
    return settle_drawn(steps, values, resamples, share)[0]


def settle_drawn(
    steps: Sequence[int], values: Sequence[float], resamples: np.ndarray, share: float = SHARE
) -> tuple[Settling, np.ndarray | None]:
    """(`settle`, its step in each draw, (draws,), None where it is undefined)."""
    if not 0 < share < 1:
        raise UsageError(f"the share of the change is a number between 0 and 1, not {share!r:.80}")
    values, places = np.asarray(values, np.float64), np.asarray(steps)
    if resamples.shape[1:] != values.shape:
        raise UsageError(f"{len(values)} values and draws of shape {resamples.shape}; give one value a step")
    if len(values) < MIN_STEPS:
        return Settling(None, undefined=f"there are {len(values)} steps, fewer than {MIN_STEPS}"), None
    (start, end), (drawn_start, drawn_end) = _levels(values[None]), _levels(resamples)
    change = end - start
    low, high = interval(drawn_end - drawn_start, change[0])
    told = (float(change[0]), low, high)
    levels = {"start": float(start[0]), "end": float(end[0])}
    if low <= 0 <= high or abs(change[0]) <= 1e-12 * np.abs(values).max():
        reason = f"the total change cannot be told from 0 ({change[0]:+.3g} [{low:+.3g}, {high:+.3g}])"
        return Settling(*told, **levels, undefined=reason), None
    turn, turn_value = _turn(values, resamples, share)
    at = int(_settled(values[None], share, turn)[0])
    drawn = places[_settled(resamples, share, turn)]
    step_low, step_high = interval(drawn, places[at])
    turned = {} if turn is None else {"turn": int(places[turn]), "turn_value": turn_value}
    return Settling(*told, int(places[at]), step_low, step_high, **levels, **turned), drawn


def interval(drawn: np.ndarray, value: float) -> tuple[float, float]:
    """The 95 % percentile interval of `drawn`, widened to hold `value` where noise shifts all draws to one side."""
    low, high = np.percentile(drawn, (2.5, 97.5))
    return min(float(low), float(value)), max(float(high), float(value))


def _levels(curves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(start, end) of each curve, each (draws,)."""
    n = curves.shape[1]
    return curves[:, : max(1, round(n * START))].mean(axis=1), curves[:, n - _n_last(n) :].mean(axis=1)


def _n_last(n: int) -> int:
    return max(1, round(n * END))


def _settled(curves: np.ndarray, share: float, turn: int | None) -> np.ndarray:
    """(draws,) places from which the curves, (draws, steps), have settled; after `turn` where there is one."""
    start, end = _levels(curves)
    change = (end - start)[:, None]
    beyond = (curves - end[:, None]) * np.sign(change)  # past the end, in the direction of the change
    allowed = (1 - share) * np.abs(change)
    missing = -beyond - allowed if turn is None else (beyond - allowed)[:, turn:]
    ahead = np.cumsum(missing, axis=1)
    # the split before the first step, at 0, and after each; after the last would be no step
    splits = np.concatenate([np.zeros((len(curves), 1)), ahead[:, :-1]], axis=1)
    # sums of equal numbers differ in their last digits: of splits as good, the first
    best = splits.max(axis=1, keepdims=True)
    slack = 1e-9 * np.abs(missing).sum(axis=1, keepdims=True)
    return (splits >= best - slack).argmax(axis=1) + (turn or 0)


def _turn(values: np.ndarray, resamples: np.ndarray, share: float) -> tuple[int | None, float | None]:
    """(place, value) at which the curve turns back after going past its end; None each where it does not, clearly."""
    (start,), (end,) = _levels(values[None])
    sign, n = np.sign(end - start), len(values)
    half = max(2, round(n / 16))
    place = int(np.argmax(smoothed(values, half)[0] * sign))
    near = slice(max(0, place - half // 2), min(n, place + half // 2 + 1))
    beyond = (values[near].mean() - end) * sign
    spread = (resamples[:, near].mean(axis=1) - _levels(resamples)[1]).std()
    if place >= n - _n_last(n):  # still on its way: it has not come back
        return None, None
    if beyond - TURN_ERRORS * spread <= (1 - share) * abs(end - start):
        return None, None
    return place, float(values[near].mean())
