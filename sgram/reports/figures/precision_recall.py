"""Figure of precision against recall: curves, points with intervals, chance.

One panel for each label set, all on the same scale. Colors are Okabe and Ito's; lists also differ in marker and line.
Equal panels give equal bytes, as SVG, PNG or PDF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.reports.figures.canvas import COLORS, FORMS, GRAY, LINES, figure_format, label
from sgram.reports.figures.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

__all__ = [
    "FORMS",
    "PlottedList",
    "PlottedNumber",
    "PrecisionRecallPanel",
    "figure_format",
    "precision_recall_figure",
    "render_precision_recall",
]

_MARKERS = ("o", "s", "D", "^", "v", "P", "X")


@dataclass(frozen=True, slots=True)
class PlottedNumber:
    """A number from 0 to 1 with its 95 % interval, if it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class PlottedList:
    """One list of grams: a point, a curve over the thresholds of its scores, or both."""

    name: str
    precision: PlottedNumber | None = None
    recall: PlottedNumber | None = None
    curve: tuple[tuple[float, float], ...] = ()
    """(recall, precision), by recall."""
    note: str = ""
    """Text after the name in the legend, such as the average precision."""
    is_control: bool = False
    """Drawn in gray: a placebo, random scores."""


@dataclass(frozen=True, slots=True)
class PrecisionRecallPanel:
    """One label set."""

    title: str
    n_documents: int
    n_units: int
    base_rate: float | None
    interval_unit: str
    """Unit of the bootstrap intervals: documents or problems."""
    lists: tuple[PlottedList, ...]


def render_precision_recall(panels: Sequence[PrecisionRecallPanel], form: str = "svg") -> bytes:
    """Return the bytes of `precision_recall_figure`, in one of `FORMS`.

    Raise `UsageError` for another format or without a panel.
    """
    if form not in FORMS:
        raise UsageError(f"unknown figure format {form!r}; the formats are {', '.join(FORMS)}")
    return precision_recall_figure(panels).bytes(form)


def precision_recall_figure(panels: Sequence[PrecisionRecallPanel]) -> Figure:
    """Return the figure of the panels; a list of the same name has the same color in all of them.

    Raise `UsageError` without a panel.
    """
    if not panels:
        raise UsageError("a figure needs at least one panel")
    rows = max(len(panel.lists) for panel in panels) + 1

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(1, len(panels), squeeze=False)[0]
        for index, (axes, panel) in enumerate(zip(grid, panels, strict=True)):
            _draw_panel(axes, panel, _palette_indexes(panels), is_first=index == 0)

    size = (5.0 * len(panels), 4.6 + 0.19 * rows)
    caption = f"Intervals are drawn over {panels[0].interval_unit}."
    return Figure("precision-recall", "Precision and recall", caption, size, draw)


def _palette_indexes(panels: Sequence[PrecisionRecallPanel]) -> dict[str, int]:
    """Return the palette index of each list by name, controls left out, in order of appearance."""
    names = dict.fromkeys(plotted.name for panel in panels for plotted in panel.lists if not plotted.is_control)
    return {name: index for index, name in enumerate(names)}


def _draw_panel(axes: "Axes", panel: PrecisionRecallPanel, palette_indexes: dict[str, int], is_first: bool) -> None:
    if panel.base_rate is not None:
        name = f"base rate {panel.base_rate:.2f}: marking all units"
        axes.axhline(panel.base_rate, color=GRAY, linewidth=0.8, linestyle=":", label=name, zorder=1)
    for plotted in panel.lists:
        index = palette_indexes.get(plotted.name, 0)
        color = GRAY if plotted.is_control else COLORS[index % len(COLORS)]
        name = _legend_text(plotted.name) + (f", {_legend_text(plotted.note)}" if plotted.note else "")
        if plotted.curve:
            axes.plot(
                [recall for recall, _ in plotted.curve],
                [precision for _, precision in plotted.curve],
                color=color,
                linewidth=1.0 if plotted.is_control else 1.6,
                linestyle=LINES[1] if plotted.is_control else LINES[index % len(LINES)],
                marker=None if plotted.precision is None else _MARKERS[index % len(_MARKERS)],
                markevery=[],
                label=name,
                zorder=2,
            )
        if plotted.precision is not None and plotted.recall is not None:
            marker = "*" if plotted.is_control else _MARKERS[index % len(_MARKERS)]
            axes.errorbar(
                [plotted.recall.value],
                [plotted.precision.value],
                xerr=_error_bars(plotted.recall),
                yerr=_error_bars(plotted.precision),
                color=color,
                marker=marker,
                markersize=8 if plotted.is_control else 5.5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                elinewidth=1.0,
                linestyle="none",
                label="_" if plotted.curve else name,
                zorder=4,
            )
    axes.set(xlim=(0, 1.005), ylim=(0, 1.005))
    axes.set_xlabel("recall (share of the positive units that are marked)")
    if is_first:
        axes.set_ylabel("precision (share of the marked units that are positive)")
    axes.set_title(
        f"{_legend_text(panel.title)}\n{panel.n_units:,} units of {panel.n_documents:,} documents; "
        f"bars: 95 % intervals over {panel.interval_unit}"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), borderaxespad=0, handlelength=2.6)


def _error_bars(interval: PlottedNumber) -> list[list[float]] | None:
    """Return how far the interval reaches below and above its value; None without an interval."""
    if interval.low is None or interval.high is None:
        return None
    return [[max(0.0, interval.value - interval.low)], [max(0.0, interval.high - interval.value)]]


def _legend_text(text: str) -> str:
    """Return `text` as a legend entry; matplotlib hides entries that begin with an underscore."""
    escaped = label(text)
    return f" {escaped}" if escaped.startswith("_") else escaped
