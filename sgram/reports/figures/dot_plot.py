"""Dot plots: values with intervals in rows, panels side by side.

Rows stand in groups under a head (a source of traces); a row's name says what its dot is, so no legend is needed. A
placebo is a gray diamond under the dot that it controls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY
from sgram.reports.figures.figure import Figure, draw_key
from sgram.reports.figures.source_selection import distinct_labels, fit_label
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

MAX_SOURCES = 6
"""Maximum sources of a figure; the tables contain all."""
ROLE_COLORS = {
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
"""A scale begins at 0 if the smallest value is below this share of the largest."""
_ROW_HEIGHT, _NAME_WIDTH = 0.235, 34


@dataclass(frozen=True, slots=True)
class Dot:
    """A value with its interval; its role decides color and shape."""

    role: str
    value: float
    low: float | None = None
    high: float | None = None
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class DotRow:
    """A row: its group's head, its name, the dots of each panel, and a remark at the right, such as the sample size."""

    head: str
    name: str
    dots: tuple[tuple[Dot, ...], ...]
    remark: str = ""
    on_one_line: bool = False
    """Whether the dots stand on one line, as the ends of a change, instead of below each other."""


@dataclass(frozen=True, slots=True)
class DotPanel:
    """A column of dots: title, unit, and the value expected by chance."""

    title: str
    unit: str
    chance: float | None = None
    from_zero: bool = True


def read_dot(
    role: str,
    row: Mapping[str, object],
    value: str = "value",
    low: str = "low",
    high: str = "high",
    factor: float = 1.0,
    hollow: bool = False,
) -> tuple[Dot, ...]:
    """Return the dot of a table row's cells, scaled by `factor`, as a tuple; () if there is no value.

    >>> read_dot("correct", {"value": 0.25, "low": 0.125, "high": None}, factor=100)
    (Dot(role='correct', value=25.0, low=12.5, high=None, hollow=False),)
    """
    ends = [None if (cell := finite_number(row.get(name))) is None else cell * factor for name in (value, low, high)]
    return () if ends[0] is None else (Dot(role, ends[0], ends[1], ends[2], hollow or role == "placebo"),)


def build_dot_plot(
    name: str, title: str, caption: str, key: str, panels: Sequence[DotPanel], rows: Sequence[DotRow]
) -> Figure | None:
    """Return the figure without empty rows and panels; None if all are empty. `key` explains the marks."""
    rows = [row for row in rows if any(row.dots)]
    columns = [column for column in range(len(panels)) if any(row.dots[column] for row in rows)]
    if not columns:
        return None
    heads = distinct_labels((row.head for row in rows), _NAME_WIDTH)
    has_names = any(row.name for row in rows)
    n_lines = len(rows) + (len(heads) if has_names and any(heads) else 0)
    width = 3.4 + 2.5 * len(columns)
    size = (width, 0.75 + 0.16 * (1 + len(key) // (15 * width)) + _ROW_HEIGHT * max(n_lines, 2) + 0.06 * len(heads))

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(1, len(columns), squeeze=False, sharey=True)[0]
        for axes, column in zip(grid, columns, strict=True):
            _draw_panel(axes, panels[column], rows, column, has_names)
        _draw_remarks(grid[-1], rows, has_names)
        draw_key(canvas, key)

    return Figure(name, title, caption, size, draw)


def _row_positions(rows: Sequence[DotRow], has_names: bool) -> tuple[list[float], list[tuple[float, str]], float]:
    """Return the positions of the rows from the top, of their heads, and the end."""
    y, head = 0.0, None
    positions: list[float] = []
    heads: list[tuple[float, str]] = []
    for row in rows:
        if row.head != head:
            head, y = row.head, y + (0.25 if positions else 0.0)
            if has_names and head:
                heads.append((y, head))
                y += 1
        positions.append(y)
        y += 1
    return positions, heads, y


def _draw_panel(axes: "Axes", panel: DotPanel, rows: Sequence[DotRow], column: int, has_names: bool) -> None:
    positions, heads, end = _row_positions(rows, has_names)
    if panel.chance is not None:
        axes.axvline(panel.chance, color=GRAY, linewidth=0.9, linestyle=":", zorder=1)
    for y, row in zip(positions, rows, strict=True):
        dots = row.dots[column]
        for number, mark in enumerate(dots):
            _draw_dot(axes, mark, y + (0 if row.on_one_line else 0.34 * (number - (len(dots) - 1) / 2)))
    labels = distinct_labels((row.head for row in rows), _NAME_WIDTH)
    names = [fit_label(row.name, _NAME_WIDTH) if has_names else labels[row.head] for row in rows]
    ticks = sorted([*zip(positions, names, strict=True), *((y, labels[head]) for y, head in heads)])
    axes.set_yticks([y for y, _ in ticks], [text for _, text in ticks])
    for tick, (y, _) in zip(axes.get_yticklabels(), ticks, strict=False):  # an inner panel has no labels
        tick.set_fontweight("bold" if any(y == head_y for head_y, _ in heads) else "normal")
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.set_ylim(end - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.set_title(panel.title)
    axes.set_xlabel(panel.unit, fontsize=8)
    _set_limits(axes, panel, [mark for row in rows for mark in row.dots[column]])


def _set_limits(axes: "Axes", panel: DotPanel, dots: Sequence[Dot]) -> None:
    """Set the x axis: from 0 if the panel asks for it and 0 is near, else around the values with a margin."""
    ends = [end for mark in dots for end in (mark.value, mark.low, mark.high) if end is not None]
    ends += [] if panel.chance is None else [panel.chance]
    low, high = min(ends), max(ends)
    if panel.from_zero and low < NEAR_ZERO * high:
        low = min(low, 0.0)
    width = max(high - low, 0.1 * max(abs(high), abs(low))) or 1.0
    low -= (0.02 if panel.from_zero and low == 0 else 0.06) * width
    axes.set_xlim(low, max(high, low + width) + 0.06 * width)


def _draw_dot(axes: "Axes", mark: Dot, y: float) -> None:
    color = ROLE_COLORS.get(mark.role, COLORS[0])
    if mark.low is not None and mark.high is not None:
        axes.plot([mark.low, mark.high], [y, y], color=color, linewidth=1.3, zorder=2, solid_capstyle="butt")
    axes.plot(
        [mark.value],
        [y],
        marker=_MARKER.get(mark.role, "o"),
        markersize=3.8 if mark.role == "placebo" else 5,
        linestyle="none",
        markeredgecolor=color,
        markerfacecolor="white" if mark.hollow else color,
        zorder=3,
        clip_on=False,
    )


def _draw_remarks(axes: "Axes", rows: Sequence[DotRow], has_names: bool) -> None:
    positions, _, _ = _row_positions(rows, has_names)
    for y, row in zip(positions, rows, strict=True):
        if row.remark:
            axes.annotate(
                row.remark,
                (1.02, y),
                xycoords=axes.get_yaxis_transform(),
                fontsize=7,
                va="center",
                color=GRAY,
                annotation_clip=False,
            )
