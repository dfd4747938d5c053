"""Curve plots: quantities over training steps, with bands for intervals.

Each source has a column, with the other sources in pale gray behind its lines; a single source has its panels side by
side.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from sgram.analysis.figure_specs import CurveLine, CurvePanel, CurvePlot
from sgram.analysis.table import Record
from sgram.reports.figures.canvas import GRAY, NEAR_ZERO, ROLES
from sgram.reports.figures.figure import (
    BANDS,
    Figure,
    Point,
    draw_background,
    draw_curve,
    draw_grid,
    draw_key,
    join_sentences,
    read_points,
    write_curve_names,
)
from sgram.reports.figures.source_selection import headings, select_sources
from sgram.statistics import Interval, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis import Analysis
    from sgram.analysis.table import Table

MAX_UNSMOOTHED = 40
"""A curve with more points than this is smoothed."""
RUNNING_MEANS = f"Curves of more than {MAX_UNSMOOTHED} steps are running means."
_TRIANGLES = (
    "A triangle at the foot of a panel marks the step from which at least 90 % of the total change is made, with its "
    "interval."
)
_KEY = "bands: 95 % intervals; triangles: step by which 90 % of the change is made"
_LineCurve: TypeAlias = tuple[CurveLine, list[Point]]


def read_curve(
    rows: Sequence[Record], value: str = "value", scale: float = 1.0, is_relative: bool = False
) -> list[Point]:
    """Return the values by step, smoothed if there are many; relative ones are divided by the first."""
    points = read_points(rows, lambda row: row.number("step"), value, scale)
    if is_relative and points:
        first = points[0].value
        points = read_points(rows, lambda row: row.number("step"), value, 1 / first) if first else []
    return smooth(points)


def smooth(points: Sequence[Point]) -> list[Point]:
    """Return running means over about a sixteenth of the points; at most 40 points are not changed.

    >>> smooth([Point(0, 1.0), Point(5, 2.0, 1.5, 2.5)])
    [Point(x=0, value=1.0, low=None, high=None), Point(x=5, value=2.0, low=1.5, high=2.5)]
    """
    if len(points) <= MAX_UNSMOOTHED:
        return list(points)
    half, means = len(points) // 32, []
    for index, point in enumerate(points):
        window = points[max(0, index - half) : index + half + 1]
        value = sum(neighbor.value for neighbor in window) / len(window)
        intervals = [
            Interval(number, low, high) for _, number, low, high in window if low is not None and high is not None
        ]
        band = mean(intervals) if len(intervals) == len(window) else None
        means.append(Point(point.x, value) if band is None else Point(point.x, value, band.low, band.high))
    return means


def draw_curve_plot(spec: CurvePlot, table: "Table", analysis: "Analysis") -> Figure | None:
    """Return the figure of a table with the columns source, series, list, step and value; None without a number.

    The triangles are those of the table `settling`.
    """
    rows_of_line: dict[tuple[str, str, str], list[Record]] = {}
    for row in table.records():
        line_key = row.text("source"), row.text("series"), row.text("list") or "SGs"  # some depend on no list
        rows_of_line.setdefault(line_key, []).append(row)

    def read_line(source: str, panel: CurvePanel, line: CurveLine) -> list[Point]:
        rows = rows_of_line.get((source, line.series, line.list_name), [])
        return read_curve(rows, scale=panel.scale, is_relative=panel.is_relative)

    all_sources = dict.fromkeys(source for source, _, _ in rows_of_line)
    curves: dict[tuple[CurvePanel, str], list[_LineCurve]] = {
        (panel, source): [(line, curve) for line in panel.lines if (curve := read_line(source, panel, line))]
        for source in all_sources
        for panel in spec.panels
    }
    sources, omission_note = select_sources([source for (_, source), lines in curves.items() if lines], analysis)
    panels = [panel for panel in spec.panels if any(curves[panel, source] for source in sources)]
    if not panels:
        return None
    is_single = len(sources) == 1
    columns = min(3, len(panels)) if is_single else len(sources)
    cells = [(panel, source) for panel in panels for source in sources]
    settling = analysis.tables["settling"].records() if "settling" in analysis.tables else []
    settling_rows = {(row.text("source"), row.text("series")): row for row in settling}
    labels = headings(sources)

    def draw(canvas: "Canvas") -> None:
        grid = draw_grid(canvas, len(cells), columns, "step", sharey=False if is_single else "row")
        last_step = max(curve[-1].x for cell in cells for _, curve in curves[cell])
        for index, (axes, (panel, source)) in enumerate(zip(grid, cells, strict=True)):
            background = [curve for name in sources if name != source for _, curve in curves[panel, name]]
            _draw_panel(axes, panel, curves[panel, source], background)
            axes.set_xlim(0, last_step or 1)
            heading = f"{labels[source]}\n" if index < columns and not is_single else ""
            axes.set_title(heading + (panel.title if is_single or index % columns == 0 else ""), fontsize=8)
        for index, (axes, (panel, source)) in enumerate(zip(grid, cells, strict=True)):  # after the limits are set
            lines = curves[panel, source]
            _draw_settling(axes, lines, [settling_rows.get((source, line.series), Record()) for line, _ in lines])
            if is_single or not any(curves[panel, name] for name in sources[index % columns + 1 :]):
                ends = [(line.name, curve[-1], ROLES[line.role][0]) for line, curve in lines if line.name]
                write_curve_names(axes, ends, 0.12, size=7)
        draw_key(canvas, _KEY + ("" if is_single else "; pale: the other sources"))

    n_rows = -(-len(cells) // columns)
    return Figure(
        spec.name,
        spec.title,
        join_sentences(spec.caption, BANDS, RUNNING_MEANS, _TRIANGLES, _sample_note(table), omission_note),
        (9.6, 0.7 + 1.85 * n_rows) if is_single else (1.6 + min(2.0 * columns, 8.4), 1.2 + 1.4 * n_rows),
        draw,
    )


def _sample_note(table: "Table") -> str:
    sizes = sorted(int(n) for row in table.records() if (n := row.number("n")) is not None)
    if not sizes:
        return ""
    return f"A step has {sizes[0]:,}{'' if sizes[0] == sizes[-1] else f' to {sizes[-1]:,}'} traces."


def _draw_panel(
    axes: "Axes", panel: CurvePanel, lines: Sequence[_LineCurve], background: Sequence[Sequence[Point]]
) -> None:
    draw_background(axes, background)
    if panel.is_relative:
        axes.axhline(1.0, color=GRAY, linewidth=0.8, linestyle=":", zorder=1)
    for line, curve in lines:
        draw_curve(axes, curve, *ROLES[line.role])
    axes.tick_params(labelsize=7)
    values = [point.value for _, curve in lines for point in curve]
    if values and 0 <= min(values) < NEAR_ZERO * max(values) and not panel.is_relative:
        axes.set_ylim(bottom=0)


def _draw_settling(axes: "Axes", lines: Sequence[_LineCurve], rows: Sequence[Record]) -> None:
    """Draw the step of `rows` by which each line of the lexicon settles; an empty row has none."""
    transform, y = axes.get_xaxis_transform(), 0.05
    for (line, _), row in zip(lines, rows, strict=True):
        step, low, high = (row.number(name) for name in ("step90", "low", "high"))
        if step is None or line.list_name != "SGs":
            continue
        color = ROLES[line.role][0]
        if low is not None and high is not None:
            axes.plot([low, high], [y, y], color=color, linewidth=1.0, transform=transform, zorder=4)
        axes.plot([step], [y], "^", markersize=5, color=color, mec="white", mew=0.5, transform=transform, clip_on=False)
        y += 0.08
