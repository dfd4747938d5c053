"""Figure of the differences between arms and their controls, with intervals and a line at zero."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, GRAY, figure_format, label, render_figure
from sgram.training.experiments.compare import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.experiments.compare import ArmComparison, Difference


def draw_paired_differences(comparison: "ArmComparison", path: str | Path, measure: str = "pass_at_1") -> None:
    """Draw the differences of arms and controls in one measure, with 95 % intervals, into `path`; a panel a control."""
    controls = [
        (control, rows)
        for control in comparison.controls
        if (
            rows := [
                difference
                for difference in comparison.differences
                if (difference.control, difference.measure) == (control, measure) and difference.interval.n
            ]
        )
    ]
    if not controls:
        raise UsageError("no two arms have runs of the same seed, so there is no difference to draw")
    columns = min(3, len(controls))
    n_rows = -(-len(controls) // columns)
    arms = list(dict.fromkeys(difference.arm for _, rows in controls for difference in rows))
    arms.sort(key=comparison.arms.index)
    size = (max(6.2, 2.2 + 2.6 * columns), 0.9 + n_rows * (0.7 + 0.23 * len(arms)))

    def draw(figure: "Figure") -> None:
        grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        panels = [axes for row in grid for axes in row]
        for axes in panels[len(controls) :]:
            axes.remove()
        x_min, x_max = _x_range(controls)
        grid[0][0].set_xlim(x_min, x_max)  # shared by all
        for index, (axes, (control, rows)) in enumerate(zip(panels, controls, strict=False)):
            _draw_differences(axes, control, rows, arms)
            if index + columns >= len(controls):
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("difference", fontsize=8)
        figure.suptitle(
            f"{MEASURES[measure]}: arm less control\nwithin pairs of one seed and one start model; bars: 95 % "
            "intervals (Student);\nfilled: excludes 0; at the right: pairs above 0 of all",
            fontsize=8,
            x=0.01,
            ha="left",
            color=GRAY,
        )

    write_bytes(path, render_figure(size, draw, figure_format(str(path))))


def _x_range(controls: Sequence[tuple[str, Sequence["Difference"]]]) -> tuple[float, float]:
    """Return the range of the x axis: all intervals and 0, with room for the counts at the right."""
    intervals = [difference.interval for _, rows in controls for difference in rows]
    ends = [
        0.0,
        *(
            end
            for difference in intervals
            for end in (difference.mean, difference.low, difference.high)
            if end is not None
        ),
    ]
    width = max(ends) - min(ends) or 0.1
    return min(ends) - 0.05 * width, max(ends) + 0.22 * width


def _draw_differences(axes: "Axes", control: str, rows: Sequence["Difference"], arms: Sequence[str]) -> None:
    axes.axvline(0, color=GRAY, linewidth=0.9, zorder=1)
    for difference in rows:
        interval, excludes_zero = difference.interval, difference.verdict != "cannot say"
        if interval.mean is None:
            continue
        y = arms.index(difference.arm)
        color = {"higher": COLORS[0], "lower": COLORS[1]}.get(difference.verdict, GRAY)
        if interval.low is not None and interval.high is not None:
            axes.plot([interval.low, interval.high], [y, y], color=color, linewidth=1.4, zorder=2)
        axes.plot(
            [interval.mean],
            [y],
            marker="o",
            markersize=5,
            markeredgecolor=color,
            markeredgewidth=1.2,
            markerfacecolor=color if excludes_zero else "white",
            zorder=3,
            linestyle="none",
        )
        axes.annotate(
            f"{interval.n_above}/{interval.n}",
            (0.99, y),
            xycoords=axes.get_yaxis_transform(),
            fontsize=7,
            va="center",
            ha="right",
            color=GRAY,
        )
    axes.set_yticks(range(len(arms)), [label(arm, 30) for arm in arms], fontsize=8)
    axes.set_ylim(len(arms) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"less {label(control, 34)}", fontsize=8)
