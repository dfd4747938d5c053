"""Precision against recall as a figure: curves, points with intervals, chance. Knows nothing about how they were found.

One panel a label set, all on the same scale. Colors are Okabe and Ito's, told apart with any kind of color vision;
lists differ in marker and line, too. Equal panels give equal bytes, as SVG, PNG or PDF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.reports.figures.canvas import COLORS, FORMS, GRAY, LINES, drawn, figure_form, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FORMS", "PlottedNumber", "Panel", "PlottedList", "figure_form", "precision_recall_figure"]

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
    """What the legend adds to the name, such as the average precision."""
    is_control: bool = False
    """Drawn in gray: a placebo, random scores."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One label set."""

    title: str
    n_documents: int
    n_units: int
    base_rate: float
    drawn_over: str
    """What the intervals are drawn over: documents or problems."""
    lists: tuple[PlottedList, ...]


def precision_recall_figure(panels: Sequence[Panel], form: str = "svg") -> bytes:
    """The figure's bytes, in one of `FORMS`. A list of the same name has the same color in every panel."""
    if form not in FORMS:
        raise UsageError(f"a figure is written as {', '.join(FORMS)}, not as {form!r}")
    if not panels:
        raise UsageError("a figure needs at least one panel")
    rows = max(len(panel.lists) for panel in panels) + 1

    def draw(figure: "Figure") -> None:
        every = figure.subplots(1, len(panels), squeeze=False)[0]
        for place, (axes, panel) in enumerate(zip(every, panels, strict=True)):
            _draw(axes, panel, _looks(panels), first=place == 0)

    return drawn((5.0 * len(panels), 4.6 + 0.19 * rows), draw, form)


def _looks(panels: Sequence[Panel]) -> dict[str, int]:
    """Place in the palette of each list that is no control, by name, in order of appearance."""
    names = dict.fromkeys(each.name for panel in panels for each in panel.lists if not each.is_control)
    return {name: place for place, name in enumerate(names)}


def _draw(axes: "Axes", panel: Panel, looks: dict[str, int], first: bool) -> None:
    rate = panel.base_rate
    axes.axhline(
        rate, color=GRAY, linewidth=0.8, linestyle=":", label=f"base rate {rate:.2f}: marks that know nothing", zorder=1
    )
    for each in panel.lists:
        place = looks.get(each.name, 0)
        color = GRAY if each.is_control else COLORS[place % len(COLORS)]
        name = _plain(each.name) + (f", {_plain(each.note)}" if each.note else "")
        if each.curve:
            axes.plot(
                [recall for recall, _ in each.curve],
                [precision for _, precision in each.curve],
                color=color,
                linewidth=1.0 if each.is_control else 1.6,
                linestyle=LINES[1] if each.is_control else LINES[place % len(LINES)],
                marker=None if each.precision is None else _MARKERS[place % len(_MARKERS)],
                markevery=[],
                label=name,
                zorder=2,
            )
        if each.precision is not None and each.recall is not None:
            marker = "*" if each.is_control else _MARKERS[place % len(_MARKERS)]
            axes.errorbar(
                [each.recall.value],
                [each.precision.value],
                xerr=_reach(each.recall),
                yerr=_reach(each.precision),
                color=color,
                marker=marker,
                markersize=8 if each.is_control else 5.5,
                markeredgecolor="white",
                markeredgewidth=0.6,
                elinewidth=1.0,
                linestyle="none",
                label="_" if each.curve else name,
                zorder=4,
            )
    axes.set(xlim=(0, 1.005), ylim=(0, 1.005))
    axes.set_xlabel("recall (share of the positive units that are marked)")
    if first:
        axes.set_ylabel("precision (share of the marked units that are positive)")
    axes.set_title(
        f"{_plain(panel.title)}\n{panel.n_units:,} units of {panel.n_documents:,} documents; "
        f"bars: 95 % intervals over {panel.drawn_over}"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.13), borderaxespad=0, handlelength=2.6)


def _reach(interval: PlottedNumber) -> list[list[float]] | None:
    """How far the interval reaches below and above its value."""
    if interval.low is None or interval.high is None:
        return None
    return [[max(0.0, interval.value - interval.low)], [max(0.0, interval.high - interval.value)]]


def _plain(text: str) -> str:
    """`text` as an entry of a legend, which leaves out what begins with an underscore."""
    shown = label(text)
    return f" {shown}" if shown.startswith("_") else shown
