"""The step at which the slope of a curve changes most.

The curve is fitted by two lines that meet at a step (a broken line, by least squares); that step is the change point.
Every curve has one, so it comes with a p-value: how often a single line with the same noise looks as bent (the largest
F over all candidate steps). The noise is drawn with its correlation from step to step, because slow wandering would
otherwise look like a change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.array_types import FloatArray
from sgram.metrics.curve import Curve, draw_noise
from sgram.metrics.settling import interval_with_value
from sgram.statistics import N_DRAWS

MIN_STEPS = 8
N_FITTED = 4
"""Parameters of two lines that meet: a level, two slopes and where they meet."""
MAX_CANDIDATES = 400
"""Candidate steps; evenly spread over longer curves."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The step at which the slope changes with its 95 % interval, or the reason why there is none."""

    step: int | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    """p-value of the hypothesis that the curve is one line with noise."""
    slope_before: float | None = None
    """Change of the curve a step."""
    slope_after: float | None = None
    undefined: str = ""
    """Why there is no step; "" if there is one."""


def change_point(steps: Sequence[int], values: Sequence[float], seed: int = 0, n_draws: int = N_DRAWS) -> ChangePoint:
    """Return the step where the slope changes most, from the third step to the third last, with interval and p-value.

    The interval is that of the change points of the fitted broken line with its noise drawn anew. It does not depend
    on the scale of the values. Raise `UsageError` if steps do not increase or a value is not finite.

    >>> bend = change_point(range(0, 20), [2.0 * step if step < 8 else 16.0 for step in range(20)])
    >>> bend.step, round(bend.slope_before, 6), abs(round(bend.slope_after, 6))
    (8, 2.0, 0.0)
    """
    curve = Curve(tuple(steps), tuple(values))  # checks both
    n = len(curve.steps)
    if n < MIN_STEPS:
        return ChangePoint(None, undefined=f"there are {n} steps, fewer than {MIN_STEPS}")
    x, y = np.asarray(curve.steps, np.float64), np.asarray(curve.values, np.float64)
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        return ChangePoint(None, undefined="the curve is flat")
    candidates = np.unique(np.linspace(2, n - 3, min(n - 4, MAX_CANDIDATES)).round().astype(np.int64))
    line = np.linalg.qr(np.stack([np.ones(n), x], axis=1))[0]  # (n, 2) orthonormal
    hinges = np.maximum(0, x[:, None] - x[candidates])  # (n, candidates)
    hinges -= line @ (line.T @ hinges)
    hinges /= np.linalg.norm(hinges, axis=0)
    line_residuals = y - line @ (line.T @ y)
    if np.abs(line_residuals).max() <= 1e-9 * np.ptp(y):
        return ChangePoint(None, undefined="the curve is a straight line")
    best = int(_explained(line_residuals, hinges).argmax())
    bend = hinges[:, best] * (hinges[:, best] @ line_residuals)
    rng = np.random.default_rng([seed, 0xC4])
    noise = draw_noise((line_residuals - bend) * math.sqrt(n / (n - N_FITTED)), N_FITTED, n_draws, rng)
    is_as_bent = _explained_share(noise, line, hinges) >= _explained_share(line_residuals[None], line, hinges)[0]
    p_value = (1 + int(is_as_bent.sum())) / (n_draws + 1)
    drawn_steps = x[candidates[_explained(bend + noise, hinges).argmax(axis=1)]]
    low, high = interval_with_value(drawn_steps, x[candidates[best]])
    before, after = _slopes(x, y, x[candidates[best]])
    return ChangePoint(curve.steps[candidates[best]], low, high, p_value, before, after)


def _explained(residuals: FloatArray, hinges: FloatArray) -> FloatArray:
    """Return the squares that each bend removes from the `residuals` of a line, (..., candidates).

    `hinges`, (n, candidates), have length 1 and no component along the line.
    """
    explained: FloatArray = (residuals @ hinges) ** 2
    return explained


def _explained_share(curves: FloatArray, line: FloatArray, hinges: FloatArray) -> FloatArray:
    """Return the largest share of the squares about a line that a bend explains, (draws,); F increases with it."""
    residuals = curves - (curves @ line) @ line.T
    shares: FloatArray = _explained(residuals, hinges).max(axis=1) / (residuals**2).sum(axis=1)
    return shares


def _slopes(x: FloatArray, y: FloatArray, bend: float) -> tuple[float, float]:
    """Return the slopes before and after the step `bend`."""
    columns = np.stack([np.ones(len(x)), x - bend, np.maximum(0, x - bend)], axis=1)
    _, slope, increase = np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(slope), float(slope + increase)
