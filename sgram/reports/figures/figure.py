"""A figure as a value: name, title, caption, and a function that draws it; and what all drawings share."""

import textwrap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from sgram.analysis.table import Record
from sgram.reports.figures.canvas import GRAY, PALE, render_figure, spread_labels
from sgram.reports.figures.plotting import plot_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

INTERVALS = "Bars are 95 % intervals over problems."
BANDS = "Bands are 95 % intervals over problems."
DRAWS = (
    "A placebo is a list of random grams that marks as much text; its interval reaches from its smallest to its "
    "largest draw."
)
LineStyle: TypeAlias = str | tuple[int, tuple[int, ...]]
MIN_UNMARKED = 12
"""A curve with fewer points than this has marks."""
PLACEBO_KEY = "SGs, 95 % intervals; gray diamonds: placebo, smallest to largest draw"


@dataclass(frozen=True, slots=True)
class RenderedFigure:
    """A figure that has been drawn as SVG, for a page."""

    name: str
    """Name of the file and of the anchor: lower-case words joined by hyphens."""
    title: str
    caption: str
    """What is drawn, from how much data, and what the bars mean."""
    svg: bytes
    section: str = ""
    """Section of the report that shows it: that of its measure."""
    is_panel: bool = False
    """Whether it is small and stands beside others of its kind."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Figure:
    """A figure that can be drawn in each of `sgram.reports.figures.canvas.FORMS`; equal tables give equal bytes."""

    name: str
    title: str
    caption: str
    size: tuple[float, float]
    """Width and height in inches."""
    draw: Callable[["Canvas"], None]
    section: str = ""
    is_panel: bool = False

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the figure with matplotlib and return the axes, or the first of several panels.

        Without `ax`, pyplot makes a new figure, which notebooks show. With `ax`, the figure is drawn into these axes,
        and pyplot is not touched: a single panel is drawn on them, several become insets in their place. Raise
        `MissingExtraError` without matplotlib.

        >>> from matplotlib.figure import Figure as Canvas
        >>> figure = Figure("line", "A line", "", (3, 2), lambda canvas: canvas.subplots().plot([0, 1]))
        >>> axes = Canvas().subplots()
        >>> figure.plot(axes) is axes, len(axes.lines)
        (True, 1)
        """
        return plot_figure(self.size, self.draw, ax)

    def _repr_png_(self) -> bytes:
        return self.bytes("png")

    def __repr__(self) -> str:
        return f"Figure({self.name!r}, {self.title[:120]!r})"

    def bytes(self, form: str = "svg") -> bytes:
        """Return the bytes of the figure as ``svg``, ``png`` or ``pdf``."""
        return render_figure(self.size, self.draw, form)

    def render(self) -> RenderedFigure:
        """Return the figure drawn for a page."""
        return RenderedFigure(self.name, self.title, self.caption, self.bytes(), self.section, self.is_panel)


class Point(NamedTuple):
    """A value with its interval over a step, or over the middle of a bin."""

    x: float
    value: float
    low: float | None = None
    high: float | None = None


def read_points(
    rows: Sequence[Record], x: Callable[[Record], float | None], value: str = "value", scale: float = 1.0
) -> list[Point]:
    """Return the rows that have a value as points, by their `x`.

    >>> read_points([Record(step=5, value=0.25, low=0.125)], lambda row: row.number("step"), scale=100)
    [Point(x=5.0, value=25.0, low=12.5, high=None)]
    """
    points = []
    for row in rows:
        position, number = x(row), row.number(value)
        if position is not None and number is not None:
            low, high = (None if (end := row.number(name)) is None else end * scale for name in ("low", "high"))
            points.append(Point(position, number * scale, low, high))
    return sorted(points, key=lambda point: point.x)


def draw_curve(
    axes: "Axes", points: Sequence[Point], color: str, marker: str = "o", line_style: LineStyle = "-"
) -> None:
    """Draw points as a line with a band for their intervals; a line of few points has marks, too."""
    if not points:
        return  # an empty line with marks counts as a point in the corner of the figure, and the layout collapses
    band = [(point.x, point.low, point.high) for point in points if point.low is not None and point.high is not None]
    if len(band) == 1:
        axes.vlines(*band[0], color=color, linewidth=1.1, zorder=2)
    elif band:
        steps, low, high = zip(*band, strict=True)
        axes.fill_between(steps, low, high, color=color, alpha=0.16, linewidth=0, zorder=2)
    x, values = [point.x for point in points], [point.value for point in points]
    (line,) = axes.plot(x, values, color=color, linestyle=line_style, linewidth=1.4, zorder=3)
    if len(points) < MIN_UNMARKED:
        line.set(marker=marker, markersize=4, clip_on=False)


def draw_background(axes: "Axes", curves: Iterable[Sequence[Point]]) -> None:
    """Draw what a panel is compared with, in pale gray."""
    for points in curves:
        axes.plot([point.x for point in points], [point.value for point in points], color=PALE, linewidth=0.6, zorder=1)


def write_curve_names(
    axes: "Axes", ends: Sequence[tuple[str, Point, str]], gap: float, size: float = 8, has_arrows: bool = False
) -> None:
    """Write (name, last point, color) of curves beside a panel, `gap` of its height apart if they end close."""
    bottom, top = axes.get_ylim()
    positions = spread_labels([point.value for _, point, _ in ends], gap * (top - bottom), minimum=bottom)
    for (name, point, color), position in zip(ends, positions, strict=True):
        style = {"arrowstyle": "-", "color": color, "linewidth": 0.5, "alpha": 0.6, "shrinkB": 3}
        axes.annotate(
            name,
            point[:2],
            (1.02, position),
            textcoords=axes.get_yaxis_transform(),
            color=color,
            fontsize=size,
            va="center",
            annotation_clip=False,
            arrowprops=style if has_arrows else None,
        )


def join_sentences(*sentences: str) -> str:
    """Return the sentences that are not empty as one text."""
    return " ".join(filter(None, sentences))


def draw_key(canvas: "Canvas", text: str) -> None:
    """Write the key of the marks above the panels, in small gray lines as wide as the figure."""
    lines = textwrap.wrap(text, int(15 * canvas.get_figwidth()))
    canvas.suptitle("\n".join(lines), fontsize=8, x=0.01, ha="left", color=GRAY)


def draw_grid(
    canvas: "Canvas", n_panels: int, n_columns: int, x_label: str, sharey: bool | Literal["row"]
) -> list["Axes"]:
    """Return empty panels in rows of `n_columns`; the lowest of each column shows the x axis of all."""
    grid = canvas.subplots(-(-n_panels // n_columns), n_columns, squeeze=False, sharex=True, sharey=sharey)
    panels = [axes for row in grid for axes in row]
    for axes in panels[n_panels:]:
        axes.remove()
    for axes in panels[max(0, n_panels - n_columns) : n_panels]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(x_label, fontsize=8)
    return panels[:n_panels]
