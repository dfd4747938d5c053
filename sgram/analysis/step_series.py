"""`StepSeries`: one quantity of one source over its training steps, beside its placebos."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.metrics import Curve

MIN_STEPS = 2
"""Fewest training steps of a series."""
AT_MOST = ", at most"
"""Ends the name of the series of what a kind of error may be at most: decided and undecided traces."""


@dataclass(frozen=True, slots=True, eq=False)
class StepSeries:
    """One quantity of one source over its training steps."""

    name: str
    curve: Curve
    """By the lexicon, or of a quantity that does not depend on a gram list."""
    low: Sequence[float | None]
    high: Sequence[float | None]
    n_traces: Sequence[int]
    """Traces at each step."""
    placebo_curves: tuple[Curve, ...] = ()
    depends_on_lexicon: bool = False


def placebo_curve(series: StepSeries) -> Curve | None:
    """Return the mean of the placebo draws at the steps that all draws have; None if there is no draw."""
    if not series.placebo_curves:
        return None
    steps = sorted(set.intersection(*(set(curve.steps) for curve in series.placebo_curves)))
    height_at_step = [dict(zip(curve.steps, curve.values, strict=True)) for curve in series.placebo_curves]
    return Curve(tuple(steps), tuple(float(np.mean([heights[step] for heights in height_at_step])) for step in steps))
