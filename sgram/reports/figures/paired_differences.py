"""Figure of the differences between arms and their controls, with intervals and a line at zero."""

from pathlib import Path
from typing import TYPE_CHECKING

from sgram.analysis.figure_specs import DotPlot, Panel
from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import figure_format
from sgram.reports.figures.dot_plot import Dot, DotRow, draw_rows
from sgram.training.experiments.compare import MEASURES

if TYPE_CHECKING:
    from sgram.training.experiments.compare import ArmComparison


def draw_paired_differences(comparison: "ArmComparison", path: str | Path, measure: str = "pass_at_1") -> None:
    """Draw the differences of arms and controls in one measure, with 95 % intervals, into `path`, by control."""
    rows = []
    for difference in comparison.differences:
        interval, verdict = difference.interval, difference.verdict
        if difference.measure == measure and difference.control in comparison.controls and interval.mean is not None:
            dot = Dot(verdict, interval.mean, interval.low, interval.high, hollow=verdict == "cannot say")
            n_above = f"{interval.n_above} of {interval.n} above 0"
            rows.append(DotRow(f"less {difference.control}", difference.arm, ((dot,),), n_above))
    arms = [f"less {control}" for control in comparison.controls], list(comparison.arms)
    rows.sort(key=lambda row: (arms[0].index(row.head), arms[1].index(row.name)))
    key = (
        f"{MEASURES[measure]}: arm less control within pairs of one seed and one start model; bars: 95 % intervals; "
        "filled: excludes 0; at the right: pairs"
    )
    panel = Panel(unit="difference", from_zero=False, reference=0.0)
    figure = draw_rows(DotPlot("differences", MEASURES[measure], "", (panel,), key=key), rows)
    if figure is None:
        raise UsageError("no two arms have runs of the same seed, so there is no difference to draw")
    write_bytes(path, figure.bytes(figure_format(str(path))))
