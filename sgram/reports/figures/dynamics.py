"""Figures over training steps: curves with intervals, and reflection clusters that grow.

Each source has a column, with the other sources in pale gray behind its lines; a single source has its panels side by
side.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sgram.reports.figures.canvas import COLORS, GRAY, PALE, spread_labels
from sgram.reports.figures.dot_plot import NEAR_ZERO, Dot, DotPanel, DotRow, build_dot_plot, read_dot
from sgram.reports.figures.figure import Figure, draw_key
from sgram.reports.figures.source_selection import Row, SourceSelection, fit_label, headings
from sgram.statistics import Interval, finite_number, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis.table import Record, Table

MAX_CLUSTERS = 12
_MAX_UNSMOOTHED = 40
"""A line with more points than this is smoothed."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a panel: series, list of grams, name at the end, color."""

    series: str
    list_name: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class _CurvePanel:
    """A panel: title, lines, and whether they are relative to the first step or in per cent."""

    title: str
    lines: tuple[_Line, ...]
    relative: bool = False
    percent: bool = False


def _with_placebo(series: str) -> tuple[_Line, ...]:
    return _Line(series, "placebo", "placebo", GRAY), _Line(series, "SGs", "SGs", COLORS[0])


def _by_class(measure: str) -> tuple[_Line, ...]:
    return (
        _Line(f"planning {measure}", "placebo", "placebo", GRAY),
        _Line(f"execution {measure}", "SGs", "execution", COLORS[1]),
        _Line(f"planning {measure}", "SGs", "planning", COLORS[0]),
    )


_OUTCOME = (
    _CurvePanel("pass@1, % of answers", (_Line("pass@1", "SGs", "", COLORS[0]),), percent=True),
    _CurvePanel("length of a trace", (_Line("length", "SGs", "", COLORS[0]),)),
    _CurvePanel("planning share, %", _with_placebo("planning share"), percent=True),
    _CurvePanel("token entropy / first step", _by_class("entropy"), relative=True),
    _CurvePanel("perplexity / first step", _by_class("perplexity"), relative=True),
)
_DIVERSITY = (
    _CurvePanel("semantic entropy over grams, nats", _with_placebo("semantic entropy")),
    _CurvePanel("semantic entropy over clusters, nats", _with_placebo("cluster entropy")),
    _CurvePanel("entropy of what follows an SG, nats", _with_placebo("conditional entropy")),
)

Point: TypeAlias = tuple[float, float, float | None, float | None]
"""(step, value, low, high)."""
Curve: TypeAlias = list[Point]
"""Points by step."""
_LineCurve: TypeAlias = tuple[_Line, Curve]
Settling: TypeAlias = dict[tuple[str, str], tuple[float, float | None, float | None]]
"""(source, series) -> the step by which 90 % of the change is made, with its interval."""


def curve_points(rows: Sequence[Row], relative: bool, scale: float = 1.0) -> Curve:
    """Return the points of one line; the interval of a relative value is scaled like the value."""
    line: Curve = []
    for row in rows:
        step, value = finite_number(row["step"]), finite_number(row["value"])
        scaled = finite_number(row["relative"]) if relative else value
        if step is None or value is None or scaled is None:
            continue
        factor = scale * (scaled / value if relative and value else 1.0)
        low, high = (None if (end := finite_number(row[name])) is None else end * factor for name in ("low", "high"))
        line.append((step, scaled * scale, low, high))
    return sorted(line, key=lambda point: point[0])


def smooth(line: Curve) -> Curve:
    """Return running means over about a sixteenth of the points; a line of at most 40 points is not changed.

    >>> smooth([(0, 1.0, None, None), (5, 2.0, 1.5, 2.5)])
    [(0, 1.0, None, None), (5, 2.0, 1.5, 2.5)]
    """
    half = len(line) // 32 if len(line) > _MAX_UNSMOOTHED else 0
    means: Curve = []
    for index, (step, *_) in enumerate(line):
        window = line[max(0, index - half) : index + half + 1]
        intervals = [
            Interval(value, low, high) for _, value, low, high in window if low is not None and high is not None
        ]
        value = sum(point[1] for point in window) / len(window)
        if intervals:
            band = mean(intervals)
            means.append((step, value, value - band.value + band.low, value - band.value + band.high))
        else:
            means.append((step, value, None, None))
    return means


def plot_dynamics(table: "Table", settling: "Table | None", selection: SourceSelection) -> Figure | None:
    """Return the figure of accuracy, length and token entropy by training step, a column for each source."""
    caption = (
        "Entropies and perplexities of tokens are divided by their value at the first step; placebo: the tokens that "
        "lists of random grams mark."
    )
    return _build_figure("dynamics", "What changes over training steps", caption, _OUTCOME, table, settling, selection)


def plot_exploration(table: "Table", settling: "Table | None", selection: SourceSelection) -> Figure | None:
    """Return the figure of semantic entropies by training step, beside the placebo, a column for each source."""
    caption = (
        "Which SGs and clusters occur, and what follows them, at one size for all steps; a rise that the "
        "placebo shows, too, is not about strategy."
    )
    return _build_figure("exploration", "Does exploration grow?", caption, _DIVERSITY, table, settling, selection)


def _build_figure(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[_CurvePanel],
    table: "Table",
    settling: "Table | None",
    selection: SourceSelection,
) -> Figure | None:
    curves = _read_curves(table, selection.sources, panels)
    panels = [panel for panel in panels if any(curves[source, panel.title] for source in selection.sources)]
    sources = [source for source in selection.sources if any(curves[source, panel.title] for panel in panels)]
    if not panels:
        return None
    is_single = len(sources) == 1
    columns = min(3, len(panels)) if is_single else len(sources)
    n_rows = -(-len(panels) // columns) if is_single else len(panels)
    cells = [(panel, source) for panel in panels for source in sources]
    settling_steps, labels = _settling_steps(settling), headings(sources)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=False if is_single else "row")
        panel_axes = [axes for row in grid for axes in row]
        for axes in panel_axes[len(cells) :]:
            axes.remove()
        last_step = max(point[0] for source_lines in curves.values() for _, line in source_lines for point in line)
        for index, (axes, (panel, source)) in enumerate(zip(panel_axes, cells, strict=False)):
            _draw_other_sources(
                axes, [curves[other_source, panel.title] for other_source in sources if other_source != source]
            )
            _draw_lines(axes, curves[source, panel.title], panel)
            axes.set_xlim(0, last_step or 1)
            heading = f"{labels[source]}\n" if index < columns and not is_single else ""
            axes.set_title(heading + (panel.title if is_single or index % columns == 0 else ""), fontsize=8)
            if index + columns >= len(cells):
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("step", fontsize=8)
        for index, (axes, (panel, source)) in enumerate(
            zip(panel_axes, cells, strict=False)
        ):  # after the limits are set
            _draw_settling(axes, curves[source, panel.title], settling_steps, source)
            if is_single or index % columns == columns - 1:
                _write_line_names(axes, curves[source, panel.title])
        draw_key(canvas, _KEY + ("" if is_single else "; pale: the other sources"))

    size = (9.6, 0.7 + 1.85 * n_rows) if is_single else (1.6 + min(2.0 * columns, 8.4), 1.2 + 1.4 * n_rows)
    return Figure(name, title, f"{caption} {_data_note(table, selection)}", size, draw)


_KEY = "bands: 95 % intervals; triangles: step by which 90 % of the change is made, with its interval"


def _data_note(table: "Table", selection: SourceSelection) -> str:
    sizes = sorted(int(n) for n in table.numbers("n") if n is not None)
    step_size = ""
    if sizes:
        range_text = f"{sizes[0]:,}" if sizes[0] == sizes[-1] else f"{sizes[0]:,} to {sizes[-1]:,}"
        step_size = f", a step of {range_text} samples"
    return (
        f"Bands are 95 % bootstrap intervals over problems{step_size}; lines of more than {_MAX_UNSMOOTHED} steps "
        "are running means. A triangle at the foot of a panel marks the step from "
        f"which at least 90 % of the total change is made, with its interval. {selection.omission_note}"
    ).strip()


def _read_curves(
    table: "Table", sources: Sequence[str], panels: Sequence[_CurvePanel]
) -> dict[tuple[str, str], list[_LineCurve]]:
    rows_by_line: dict[tuple[str, str, str], list[Record]] = {}
    for row in table.records():
        list_name = row.text("list") or "SGs"  # accuracy and length do not depend on a list
        rows_by_line.setdefault((row.text("source"), row.text("series"), list_name), []).append(row)
    return {
        (source, panel.title): [
            (line, line_points)
            for line in panel.lines
            if (
                line_points := smooth(
                    curve_points(
                        rows_by_line.get((source, line.series, line.list_name), ()),
                        panel.relative,
                        100.0 if panel.percent else 1.0,
                    )
                )
            )
        ]
        for source in sources
        for panel in panels
    }


def _draw_other_sources(axes: "Axes", other_curves: Sequence[Sequence[_LineCurve]]) -> None:
    for _, line in (line for lines in other_curves for line in lines):
        axes.plot([point[0] for point in line], [point[1] for point in line], color=PALE, linewidth=0.6, zorder=1)


def _draw_lines(axes: "Axes", lines: Sequence[_LineCurve], panel: _CurvePanel) -> None:
    if panel.relative:
        axes.axhline(1.0, color=GRAY, linewidth=0.8, linestyle=":", zorder=1)
    for line, line_points in lines:
        steps = [point[0] for point in line_points]
        with_interval = [
            (step, low, high) for step, _, low, high in line_points if low is not None and high is not None
        ]
        if len(with_interval) > 1:
            axes.fill_between(
                [step for step, _, _ in with_interval],
                [low for _, low, _ in with_interval],
                [high for _, _, high in with_interval],
                color=line.color,
                alpha=0.16,
                linewidth=0,
                zorder=2,
            )
        axes.plot(
            steps,
            [point[1] for point in line_points],
            color=line.color,
            linewidth=1.4,
            zorder=3,
            marker="o" if len(line_points) < 3 else None,
            markersize=4,
        )
    axes.tick_params(labelsize=7)
    heights = [point[1] for _, line_points in lines for point in line_points]
    if panel.percent and heights and min(heights) < NEAR_ZERO * max(heights):
        axes.set_ylim(bottom=0)


def _settling_steps(settling: "Table | None") -> Settling:
    if settling is None:
        return {}
    return {
        (row.text("source"), row.text("series")): (step, row.number("low"), row.number("high"))
        for row in settling.records()
        if (step := row.number("step90")) is not None
    }


def _draw_settling(axes: "Axes", lines: Sequence[_LineCurve], settling_steps: Settling, source: str) -> None:
    line_marks = [
        (line.color, settling_steps[source, line.series])
        for line, _ in lines
        if line.list_name == "SGs" and (source, line.series) in settling_steps
    ]
    for index, (color, (step, low, high)) in enumerate(line_marks):
        height, transform = 0.05 + 0.08 * index, axes.get_xaxis_transform()
        if low is not None and high is not None:
            axes.plot([low, high], [height, height], color=color, linewidth=1.0, transform=transform, zorder=4)
        axes.plot(
            [step],
            [height],
            marker="^",
            markersize=5,
            color=color,
            transform=transform,
            zorder=5,
            clip_on=False,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )


def _write_line_names(axes: "Axes", lines: Sequence[_LineCurve]) -> None:
    """Write the names at the ends of the lines, moved apart if lines end close to each other."""
    ends = [(line, line_points[-1]) for line, line_points in lines if line.name]
    bottom, top = axes.get_ylim()
    positions = spread_labels([point[1] for _, point in ends], 0.12 * (top - bottom), minimum=bottom)
    for (line, _), position in zip(ends, positions, strict=True):
        axes.annotate(
            line.name,
            (1.02, position),
            xycoords=axes.get_yaxis_transform(),
            color=line.color,
            fontsize=7,
            va="center",
            annotation_clip=False,
        )


def _rate_change(row: "Record") -> float:
    return abs((row.number("end_rate") or 0.0) - (row.number("start_rate") or 0.0))


def plot_reflection(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of the reflection clusters whose rate changed most from the first steps to the last."""
    rows, n_clusters = [], 0
    for source in selection.sources:
        rows_of_source = [row for row in table.records(source=source) if row.number("end_rate") is not None]
        n_clusters += len(rows_of_source)
        limit = max(3, MAX_CLUSTERS // len(selection.sources))
        by_change = sorted(rows_of_source, key=lambda row: (-_rate_change(row), row.text("medoid")))[:limit]
        for row in by_change:
            start, end = read_dot("placebo", row, "start_rate", "", ""), read_dot("SGs", row, "end_rate", "", "")
            change = () if not start else (Dot("SGs", end[0].value, start[0].value, end[0].value),)
            remark = f"from step {int(step):,}" if (step := row.number("first_step")) is not None else ""
            if (ratio := row.number("ratio")) is not None:
                low, high = row.number("low"), row.number("high")
                interval = "" if low is None or high is None else f" [{low:.2g}, {high:.2g}]"
                remark = f"× {ratio:.2g}{interval}, {remark}".rstrip(", ")
            rows.append(
                DotRow(
                    source,
                    f"“{fit_label(row.text('medoid'), 28)}”",
                    ((*start, *(change or end)),),
                    remark,
                    on_one_line=True,
                )
            )
    caption = (
        "Rates of the clusters of backtracking, verification and branching in 1,000 words, at the first "
        "steps (gray) "
        f"and at the last (blue): the largest changes of {n_clusters:,} clusters. At the right the ratio of the fitted "
        f"rates with its 95 % interval, and the step of the first appearance. {selection.omission_note}"
    )
    return build_dot_plot(
        "reflection",
        "Reflection that grows",
        caption.strip(),
        "gray diamonds: first steps; blue dots: last steps; at the right: ratio of the rates with its 95 % interval, "
        "and first appearance",
        [DotPanel("", "SGs of the cluster in 1,000 words")],
        rows,
    )
