"""Figures over training steps: curves with intervals, and reflection clusters that grow.

Each source has a column, with the other sources in pale gray behind its lines; a single source has its panels side by
side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY, PALE, spread_labels
from sgram.reports.figures.dot_plot import NEAR_ZERO, Dot, DotPanel, DotRow, dot, dot_plot
from sgram.reports.figures.figure import Figure, draw_key
from sgram.reports.figures.source_selection import SourceSelection, fit_label, headings
from sgram.statistics import Interval, finite_number, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis.table import Table

CLUSTERS_SHOWN = 12
_MANY = 40
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

Points = list[tuple[float, float, float | None, float | None]]
"""(step, value, low, high), by step."""


def points(rows: Sequence[Mapping], relative: bool, scale: float = 1.0) -> Points:
    """Return the points of one line; the interval of a relative value is scaled like the value."""
    line = []
    for row in rows:
        step, value = finite_number(row["step"]), finite_number(row["value"])
        scaled = finite_number(row["relative"]) if relative else value
        if step is None or value is None or scaled is None:
            continue
        factor = scale * (scaled / value if relative and value else 1.0)
        ends = [None if (end := finite_number(row[name])) is None else end * factor for name in ("low", "high")]
        line.append((step, scaled * scale, *ends))
    return sorted(line, key=lambda point: point[0])


def smoothed(line: Points) -> Points:
    """Return running means over about a sixteenth of the points; a line of at most 40 points is not changed."""
    half = len(line) // 32 if len(line) > _MANY else 0
    means = []
    for index, (step, *_) in enumerate(line):
        window = line[max(0, index - half) : index + half + 1]
        intervals = [Interval(*point[1:]) for point in window if None not in point]
        value = sum(point[1] for point in window) / len(window)
        band = mean(intervals) if intervals else None
        means.append((step, value, band and value - band.value + band.low, band and value - band.value + band.high))
    return means


def dynamics(table: "Table", settling: "Table | None", selection: SourceSelection) -> Figure | None:
    """Return the figure of accuracy, length and token entropy by training step, a column for each source."""
    caption = (
        "Entropies and perplexities of tokens are divided by their value at the first step; placebo: the tokens that "
        "lists of random grams mark."
    )
    return _columns("dynamics", "What changes over training steps", caption, _OUTCOME, table, settling, selection)


def exploration(table: "Table", settling: "Table | None", selection: SourceSelection) -> Figure | None:
    """Return the figure of semantic entropies by training step, beside the placebo, a column for each source."""
    caption = (
        "Which SGs and clusters occur, and what follows them, at one size for all steps; a rise that the "
        "placebo shows, too, is not about strategy."
    )
    return _columns("exploration", "Does exploration grow?", caption, _DIVERSITY, table, settling, selection)


def _columns(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[_CurvePanel],
    table: "Table",
    settling: "Table | None",
    selection: SourceSelection,
) -> Figure | None:
    curves = _curves(table, selection.sources, panels)
    panels = [panel for panel in panels if any(curves[source, panel.title] for source in selection.sources)]
    sources = [source for source in selection.sources if any(curves[source, panel.title] for panel in panels)]
    if not panels:
        return None
    single = len(sources) == 1
    columns = min(3, len(panels)) if single else len(sources)
    n_rows = -(-len(panels) // columns) if single else len(panels)
    cells = [(panel, source) for panel in panels for source in sources]
    settling_steps, labels = _settling_steps(settling), headings(sources)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=False if single else "row")
        flat = [axes for row in grid for axes in row]
        for axes in flat[len(cells) :]:
            axes.remove()
        last_step = max(point[0] for lines_ in curves.values() for _, line in lines_ for point in line)
        for index, (axes, (panel, source)) in enumerate(zip(flat, cells, strict=False)):
            _draw_others(
                axes, [curves[other_source, panel.title] for other_source in sources if other_source != source]
            )
            _draw_lines(axes, curves[source, panel.title], panel)
            axes.set_xlim(0, last_step or 1)
            heading = f"{labels[source]}\n" if index < columns and not single else ""
            axes.set_title(heading + (panel.title if single or index % columns == 0 else ""), fontsize=8)
            if index + columns >= len(cells):
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("step", fontsize=8)
        for index, (axes, (panel, source)) in enumerate(zip(flat, cells, strict=False)):  # after the limits are set
            _draw_marks(axes, curves[source, panel.title], settling_steps, source)
            if single or index % columns == columns - 1:
                _name_lines(axes, curves[source, panel.title])
        draw_key(canvas, _KEY + ("" if single else "; pale: the other sources"))

    size = (9.6, 0.7 + 1.85 * n_rows) if single else (1.6 + min(2.0 * columns, 8.4), 1.2 + 1.4 * n_rows)
    return Figure(name, title, f"{caption} {_data_note(table, selection)}", size, draw)


_KEY = "bands: 95 % intervals; triangles: step by which 90 % of the change is made, with its interval"


def _data_note(table: "Table", selection: SourceSelection) -> str:
    ns = sorted(n for cell in table.column("n") if (n := finite_number(cell)) is not None)
    n = "" if not ns else f"{int(ns[0]):,} samples" if ns[0] == ns[-1] else f"{int(ns[0]):,} to {int(ns[-1]):,} samples"
    step_size = f", a step of {n}" if n else ""
    return (
        f"Bands are 95 % bootstrap intervals over problems{step_size}; lines of more than {_MANY} steps are running "
        "means. A triangle at the foot of a panel marks the step from "
        f"which at least 90 % of the total change is made, with its interval. {selection.omission_note}"
    ).strip()


def _curves(
    table: "Table", sources: Sequence[str], panels: Sequence[_CurvePanel]
) -> dict[tuple[str, str], list[tuple[_Line, Points]]]:
    rows_by_line: dict[tuple, list[Mapping]] = {}
    for row in table.records():
        list_name = row["list"] or "SGs"  # accuracy and length do not depend on a list
        rows_by_line.setdefault((row["source"], row["series"], list_name), []).append(row)
    return {
        (source, panel.title): [
            (line, line_points)
            for line in panel.lines
            if (
                line_points := smoothed(
                    points(
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


def _draw_others(axes: "Axes", other_curves: Sequence[Sequence[tuple[_Line, Points]]]) -> None:
    for _, line in (line for lines in other_curves for line in lines):
        axes.plot([point[0] for point in line], [point[1] for point in line], color=PALE, linewidth=0.6, zorder=1)


def _draw_lines(axes: "Axes", lines: Sequence[tuple[_Line, Points]], panel: _CurvePanel) -> None:
    if panel.relative:
        axes.axhline(1.0, color=GRAY, linewidth=0.8, linestyle=":", zorder=1)
    for line, line_points in lines:
        steps = [point[0] for point in line_points]
        with_interval = [point for point in line_points if point[2] is not None and point[3] is not None]
        if len(with_interval) > 1:
            axes.fill_between(
                [point[0] for point in with_interval],
                [point[2] for point in with_interval],
                [point[3] for point in with_interval],
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


def _settling_steps(settling: "Table | None") -> dict[tuple, tuple[float, float | None, float | None]]:
    """Return for (source, series) the step by which 90 % of the change is made, with its interval."""
    if settling is None:
        return {}
    return {
        (row["source"], row["series"]): (step, finite_number(row["low"]), finite_number(row["high"]))
        for row in settling.records()
        if (step := finite_number(row["step90"])) is not None
    }


def _draw_marks(axes: "Axes", lines: Sequence[tuple[_Line, Points]], settling_steps: Mapping, source: str) -> None:
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


def _name_lines(axes: "Axes", lines: Sequence[tuple[_Line, Points]]) -> None:
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


def aha(table: "Table", selection: SourceSelection) -> Figure | None:
    """Return the figure of the reflection clusters whose rate changed most from the first steps to the last."""
    rows, n_all = [], 0
    for source in selection.sources:
        rows_of_source = [row for row in table.records(source=source) if finite_number(row["end_rate"]) is not None]
        n_all += len(rows_of_source)
        limit = max(3, CLUSTERS_SHOWN // len(selection.sources))
        by_change = sorted(
            rows_of_source,
            key=lambda row: (-abs(row["end_rate"] - (finite_number(row["start_rate"]) or 0.0)), str(row["medoid"])),
        )[:limit]
        for row in by_change:
            start, end = dot("placebo", row, "start_rate", "", ""), dot("SGs", row, "end_rate", "", "")
            change = () if not start else (Dot("SGs", end[0].value, start[0].value, end[0].value),)
            remark = f"from step {int(step):,}" if (step := finite_number(row["first_step"])) is not None else ""
            if (ratio := finite_number(row["ratio"])) is not None:
                ends = [finite_number(row[name]) for name in ("low", "high")]
                span = "" if None in ends else f" [{ends[0]:.2g}, {ends[1]:.2g}]"
                remark = f"× {ratio:.2g}{span}, {remark}".rstrip(", ")
            rows.append(
                DotRow(
                    str(source),
                    f"“{fit_label(str(row['medoid']), 28)}”",
                    ((*start, *(change or end)),),
                    remark,
                    on_one_line=True,
                )
            )
    caption = (
        "Rates of the clusters of backtracking, verification and branching in 1,000 words, at the first "
        "steps (gray) "
        f"and at the last (blue): the largest changes of {n_all:,} clusters. At the right the ratio of the fitted "
        f"rates with its 95 % interval, and the step of the first appearance. {selection.omission_note}"
    )
    return dot_plot(
        "reflection",
        "Reflection that grows",
        caption.strip(),
        "gray diamonds: first steps; blue dots: last steps; at the right: ratio of the rates with its 95 % interval, "
        "and first appearance",
        [DotPanel("", "SGs of the cluster in 1,000 words")],
        rows,
    )
