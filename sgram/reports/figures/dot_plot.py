"""Values with their intervals as dots in rows, panels side by side. Knows nothing about what is measured.

Rows stand in groups under a head (a source of traces); a row's name says what its dot is, so no legend is needed. A
placebo is a gray diamond under the dot that it is the control of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY
from sgram.reports.figures.figure import Figure, say_key
from sgram.reports.figures.source_selection import fitted, short_names
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

SOURCES_SHOWN = 6
"""Most sources of a figure; the tables hold all."""
COLOR_OF = {
    "all": COLORS[6],
    "correct": COLORS[0],
    "wrong": COLORS[1],
    "not judged": COLORS[3],
    "planning": COLORS[0],
    "execution": COLORS[1],
    "SGs": COLORS[0],
    "placebo": GRAY,
    "chance": GRAY,
}
_MARKER = {"wrong": "s", "execution": "s", "placebo": "D", "chance": "|", "not judged": "^"}
NEAR_ZERO = 0.6
"""A scale begins at 0 where the least value is below this share of the greatest."""
_ROW, _NAME = 0.235, 34


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval; what it is of decides its color and its shape."""

    of: str
    value: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class DotRow:
    """A row under a head: a name, the dots of each panel, and a remark at the right, such as the sample size."""

    head: str
    name: str
    dots: tuple[tuple[Dot, ...], ...]
    remark: str = ""
    level: bool = False
    """Whether the dots stand on one line, as the ends of a change, and not one under the other."""


@dataclass(frozen=True, slots=True)
class Panel:
    """What the dots of one column of panels are measured in, and the value that chance would give."""

    title: str
    unit: str
    chance: float | None = None
    from_zero: bool = True


def dot(
    of: str,
    row: Mapping[str, object],
    value: str = "value",
    low: str = "low",
    high: str = "high",
    times: float = 1.0,
    hollow: bool = False,
) -> tuple[Dot, ...]:
    """The dot of a record's cells, `times` a factor; none where there is no value."""
    found = [None if (cell := finite_number(row.get(name))) is None else cell * times for name in (value, low, high)]
    return () if found[0] is None else (Dot(of, found[0], found[1], found[2], hollow or of == "placebo"),)


def dot_plot(
    name: str, title: str, caption: str, key: str, panels: Sequence[Panel], rows: Sequence[DotRow]
) -> Figure | None:
    """The figure, without the rows and the panels that have no dot; None where nothing is left.

    `key` says in the figure what the marks are.
    """
    rows = [row for row in rows if any(row.dots)]
    kept = [place for place in range(len(panels)) if any(row.dots[place] for row in rows)]
    if not kept:
        return None
    heads = short_names((row.head for row in rows), _NAME)
    grouped = any(row.name for row in rows)
    n_lines = len(rows) + (len(heads) if grouped and any(heads) else 0)
    width = 3.4 + 2.5 * len(kept)
    size = (width, 0.75 + 0.16 * (1 + len(key) // (15 * width)) + _ROW * max(n_lines, 2) + 0.06 * len(heads))

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(1, len(kept), squeeze=False, sharey=True)[0]
        for axes, place in zip(grid, kept, strict=True):
            _draw_panel(axes, panels[place], rows, place, grouped)
        _draw_remarks(grid[-1], rows, grouped)
        say_key(canvas, key)

    return Figure(name, title, caption, size, draw)


def _places(rows: Sequence[DotRow], grouped: bool) -> tuple[list[float], list[tuple[float, str]], float]:
    """Where the rows lie from the top, where their heads, and where they end."""
    at, head, places, heads = 0.0, None, [], []
    for row in rows:
        if row.head != head:
            head, at = row.head, at + (0.25 if places else 0.0)
            if grouped and head:
                heads.append((at, head))
                at += 1
        places.append(at)
        at += 1
    return places, heads, at


def _draw_panel(axes: "Axes", panel: Panel, rows: Sequence[DotRow], place: int, grouped: bool) -> None:
    places, heads, end = _places(rows, grouped)
    if panel.chance is not None:
        axes.axvline(panel.chance, color=GRAY, linewidth=0.9, linestyle=":", zorder=1)
    for at, row in zip(places, rows, strict=True):
        dots = row.dots[place]
        for nth, each in enumerate(dots):
            _draw_dot(axes, each, at + (0 if row.level else 0.34 * (nth - (len(dots) - 1) / 2)))
    short = short_names((row.head for row in rows), _NAME)
    names = [fitted(row.name, _NAME) if grouped else short[row.head] for row in rows]
    ticks = sorted([*zip(places, names, strict=True), *((at, short[head]) for at, head in heads)])
    axes.set_yticks([at for at, _ in ticks], [text for _, text in ticks])
    for tick, (at, _) in zip(axes.get_yticklabels(), ticks, strict=False):  # an inner panel has no labels
        tick.set_fontweight("bold" if any(at == where for where, _ in heads) else "normal")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(end - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.unit, fontsize=8)
    _set_reach(axes, panel, [each for row in rows for each in row.dots[place]])


def _set_reach(axes: "Axes", panel: Panel, dots: Sequence[Dot]) -> None:
    """From 0 where that is asked for and not far off; else about the values, never closer than a tenth of them."""
    ends = [end for each in dots for end in (each.value, each.low, each.high) if end is not None]
    ends += [] if panel.chance is None else [panel.chance]
    low, high = min(ends), max(ends)
    if panel.from_zero and low < NEAR_ZERO * high:
        low = min(low, 0.0)
    width = max(high - low, 0.1 * max(abs(high), abs(low))) or 1.0
    low -= (0.02 if panel.from_zero and low == 0 else 0.06) * width
    axes.set_xlim(low, max(high, low + width) + 0.06 * width)


def _draw_dot(axes: "Axes", each: Dot, at: float) -> None:
    color = COLOR_OF.get(each.of, COLORS[0])
    if each.low is not None and each.high is not None:
        axes.plot([each.low, each.high], [at, at], color=color, linewidth=1.3, zorder=2, solid_capstyle="butt")
    axes.plot(
        [each.value],
        [at],
        marker=_MARKER.get(each.of, "o"),
        markersize=3.8 if each.of == "placebo" else 5,
        linestyle="none",
        markeredgecolor=color,
        markerfacecolor="white" if each.hollow else color,
        zorder=3,
        clip_on=False,
    )


def _draw_remarks(axes: "Axes", rows: Sequence[DotRow], grouped: bool) -> None:
    places, _, _ = _places(rows, grouped)
    for at, row in zip(places, rows, strict=True):
        if row.remark:
            axes.annotate(
                row.remark,
                (1.02, at),
                xycoords=axes.get_yaxis_transform(),
                fontsize=7,
                va="center",
                color=GRAY,
                annotation_clip=False,
            )
