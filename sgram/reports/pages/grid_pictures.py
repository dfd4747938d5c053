"""Pictures in the cells of the grid of questions: a small curve over training steps, or a dot with its interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sgram.reports.pages.placebo_comparison import ends_and_value
from sgram.reports.questions import StepPoint, smooth_steps
from sgram.statistics import Estimate

WIDTH, HEIGHT = 1000, 300
"""Size of a curve, in units of its picture."""
MAX_POINTS = 120
"""Points of a curve; of more steps, means of neighbors are drawn."""


@dataclass(frozen=True, slots=True)
class GridCurve:
    """A quantity over training steps, as points of a picture of `WIDTH` x `HEIGHT`; y grows downward."""

    raw: str
    smooth: str
    band: str
    """Outline of what undecided traces may add; "" if there are none."""
    placebo: str
    """The same of random phrases, smoothed; "" if they have none."""


@dataclass(frozen=True, slots=True)
class GridDot:
    """A level with its interval, as positions from 0 to `WIDTH`."""

    low: int
    value: int
    high: int
    placebo: tuple[int, int] | None
    """Range of random phrases; None where they have none."""


@dataclass(frozen=True, slots=True)
class GridScale:
    """The scale of all pictures of a row."""

    low: float
    high: float

    def position(self, value: float, size: int = WIDTH) -> int:
        """Return where a value lies, from 0 to `size`, with a margin at both ends.

        >>> GridScale(0.0, 1.0).position(0.5)
        500
        """
        span = self.high - self.low or 1.0
        return round(size * (0.04 + 0.92 * (value - self.low) / span))


def draw_dot(estimate: Estimate, placebo: Estimate | None, scale: GridScale) -> GridDot:
    """Return a level with its interval, and the range of random phrases."""
    reach = None
    if placebo is not None:
        ends = ends_and_value(placebo)
        reach = scale.position(ends[0]), scale.position(ends[2])
    low, value, high = (scale.position(number) for number in ends_and_value(estimate))
    return GridDot(low, value, high, reach)


def draw_curve(
    points: Sequence[StepPoint], band: Sequence[StepPoint], placebo: Sequence[StepPoint], scale: GridScale
) -> GridCurve:
    """Return a curve of `points`, with what `band` adds to it, and random phrases beside it."""
    steps = GridScale(points[0][0], points[-1][0])
    smooth = _thinned(smooth_steps(points))
    outline = ""
    if any(most > least for (_, least), (_, most) in zip(points, band, strict=False)):
        outline = _path([*_thinned(smooth_steps(band)), *reversed(smooth)], steps, scale)
    return GridCurve(
        _path(_thinned(points), steps, scale),
        _path(smooth, steps, scale),
        outline,
        _path(_thinned(smooth_steps(placebo)), steps, scale) if placebo else "",
    )


def _thinned(points: Sequence[StepPoint]) -> list[StepPoint]:
    """Return at most `MAX_POINTS` means of neighboring points."""
    size = math.ceil(len(points) / MAX_POINTS)
    blocks = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (math.fsum(x for x, _ in block) / len(block), math.fsum(y for _, y in block) / len(block)) for block in blocks
    ]


def _path(points: Sequence[StepPoint], steps: GridScale, heights: GridScale) -> str:
    return " ".join(f"{steps.position(x)},{HEIGHT - heights.position(y, HEIGHT)}" for x, y in points)
