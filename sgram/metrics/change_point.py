"""Where the slope of a curve changes most. Knows nothing about what the curve measures.

The curve is fitted by two lines that meet at a step (a broken line, by least squares); that step is the change point.
Any curve has one, so it comes with a p value: how often one line with the same noise looks as bent (the largest F over
all places). The noise is drawn with its correlation from step to step, or wandering would pass for a change.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.metrics.curve import Curve, noise_like
from sgram.metrics.settling import interval
from sgram.statistics import N_DRAWS

MIN_STEPS = 8
N_FITTED = 4
"""Two lines that meet: a level, two slopes and where they meet."""
MAX_PLACES = 400
"""Places that are tried; of longer curves evenly spread ones."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The step at which the slope changes, with its 95 % interval; or the reason why there is none."""

    step: int | None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    """Of the hypothesis that the curve is one line with noise."""
    slope_before: float | None = None
    """Change of the value a step."""
    slope_after: float | None = None
    undefined: str = ""
    """Why there is no step; "" where there is one."""


def change_point(steps: Sequence[int], values: Sequence[float], seed: int = 0, n_draws: int = N_DRAWS) -> ChangePoint:
    """The step where the slope changes most, from the third step to the third last, with interval and p value.

    The interval is that of the change points of the fitted broken line with its noise drawn anew. It does not depend
    on the scale of the values.
    """
    curve = Curve(tuple(steps), tuple(values))  # checks both
    n = len(curve.steps)
    if n < MIN_STEPS:
        return ChangePoint(None, undefined=f"there are {n} steps, fewer than {MIN_STEPS}")
    x, y = np.asarray(curve.steps, np.float64), np.asarray(curve.values, np.float64)
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        return ChangePoint(None, undefined="the curve is flat")
    tried = np.unique(np.linspace(2, n - 3, min(n - 4, MAX_PLACES)).round().astype(np.int64))
    line = _orthonormal(np.stack([np.ones(n), x], axis=1))  # (n, 2)
    hinges = np.maximum(0, x[:, None] - x[tried])  # (n, tried)
    hinges -= line @ (line.T @ hinges)
    hinges /= np.linalg.norm(hinges, axis=0)
    straight = y - line @ (line.T @ y)
    if np.abs(straight).max() <= 1e-9 * np.ptp(y):
        return ChangePoint(None, undefined="the curve is a straight line")
    best = int(_explained(straight, hinges).argmax())
    bend = hinges[:, best] * (hinges[:, best] @ straight)
    rng = np.random.default_rng([seed, 0xC4])
    left = (straight - bend) * math.sqrt(n / (n - N_FITTED))
    noise = noise_like(left, N_FITTED, n_draws, rng)
    bent_by_chance = _share(noise, line, hinges) >= _share(straight[None], line, hinges)[0]
    p_value = (1 + int(bent_by_chance.sum())) / (n_draws + 1)
    places = tried[_explained(bend + noise, hinges).argmax(axis=1)]
    low, high = interval(x[places], x[tried[best]])
    before, after = _slopes(x, y, x[tried[best]])
    return ChangePoint(curve.steps[tried[best]], low, high, p_value, before, after)


def _orthonormal(columns: np.ndarray) -> np.ndarray:
    return np.linalg.qr(columns)[0]


def _explained(left: np.ndarray, hinges: np.ndarray) -> np.ndarray:
    """(..., tried) squares that each bend takes off what a line leaves; `hinges` have no line in them and length 1."""
    return (left @ hinges) ** 2


def _share(curves: np.ndarray, line: np.ndarray, hinges: np.ndarray) -> np.ndarray:
    """(draws,) the largest part of the squares about a line that a bend explains; F increases with it."""
    left = curves - (curves @ line) @ line.T
    return _explained(left, hinges).max(axis=1) / (left**2).sum(axis=1)


def _slopes(x: np.ndarray, y: np.ndarray, at: float) -> tuple[float, float]:
    columns = np.stack([np.ones(len(x)), x - at, np.maximum(0, x - at)], axis=1)
    _, slope, more = np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(slope), float(slope + more)
