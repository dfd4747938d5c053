"""Arms less their controls as a figure: means and intervals about a line at zero. Knows nothing about how they ran."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.files import write_bytes
from sgram.reports.figures.canvas import COLORS, GRAY, drawn, figure_form, label
from sgram.training.experiments.compare import MEASURES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sgram.training.experiments.compare import Comparison, Difference


def comparison_figure(comparison: "Comparison", path: str | Path, measure: str = "pass_at_1") -> None:
    """Draw every arm less every control in one measure, with 95 % intervals, into `path`; one panel a control."""
    controls = [
        (control, rows)
        for control in comparison.controls
        if (
            rows := [
                each
                for each in comparison.differences
                if (each.control, each.measure) == (control, measure) and each.interval.n
            ]
        )
    ]
    if not controls:
        raise UsageError("no two arms have runs of the same seed, so there is no difference to draw")
    columns = min(3, len(controls))
    n_rows = -(-len(controls) // columns)
    arms = list(dict.fromkeys(each.arm for _, rows in controls for each in rows))
    arms.sort(key=comparison.arms.index)
    size = (max(6.2, 2.2 + 2.6 * columns), 0.9 + n_rows * (0.7 + 0.23 * len(arms)))

    def draw(figure: "Figure") -> None:
        grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=True)
        places = [axes for row in grid for axes in row]
        for axes in places[len(controls) :]:
            axes.remove()
        left, right = _reach(controls)
        grid[0][0].set_xlim(left, right)  # shared by all
        for place, (axes, (control, rows)) in enumerate(zip(places, controls, strict=False)):
            _draw_differences(axes, control, rows, arms)
            if place + columns >= len(controls):
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

    write_bytes(path, drawn(size, draw, figure_form(str(path))))


def _reach(controls: Sequence[tuple[str, Sequence["Difference"]]]) -> tuple[float, float]:
    """From where to where the panels reach: all intervals and 0, and room for the counts at the right."""
    found = [each.interval for _, rows in controls for each in rows]
    ends = [0.0, *(value for each in found for value in (each.mean, each.low, each.high) if value is not None)]
    width = max(ends) - min(ends) or 0.1
    return min(ends) - 0.05 * width, max(ends) + 0.22 * width


def _draw_differences(axes: "Axes", control: str, rows: Sequence["Difference"], arms: Sequence[str]) -> None:
    axes.axvline(0, color=GRAY, linewidth=0.9, zorder=1)
    for each in rows:
        place = arms.index(each.arm)
        found, decided = each.interval, each.verdict != "cannot say"
        color = {"higher": COLORS[0], "lower": COLORS[1]}.get(each.verdict, GRAY)
        if found.low is not None:
            axes.plot([found.low, found.high], [place, place], color=color, linewidth=1.4, zorder=2)
        axes.plot(
            [found.mean],
            [place],
            marker="o",
            markersize=5,
            markeredgecolor=color,
            markeredgewidth=1.2,
            markerfacecolor=color if decided else "white",
            zorder=3,
            linestyle="none",
        )
        axes.annotate(
            f"{found.n_above}/{found.n}",
            (0.99, place),
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
