"""Figures of training steps: curves with intervals, and reflection that grows. Knows nothing about how it was measured.

Each source has a column, with the others in pale gray behind, so that no color has to be looked for in a knot of
lines; a single source has its panels side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import COLORS, GRAY, PALE, spread
from sgram.reports.figures.dot_plot import NEAR_ZERO, Dot, DotRow, Panel, dot, dot_plot
from sgram.reports.figures.figure import Figure, say_key
from sgram.reports.figures.source_selection import Chosen, fitted, headings
from sgram.statistics import Interval, finite_number, mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis.table import Table

CLUSTERS_SHOWN = 12
_MANY = 40
"""Points from which a line is smoothed."""


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of a panel: a series of one list, its name at the end, and its color."""

    series: str
    of_list: str
    name: str
    color: str


@dataclass(frozen=True, slots=True)
class _Shown:
    """A panel: its title, its lines, and whether they are relative to the first step or in per cent."""

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
    _Shown("pass@1, % of answers", (_Line("pass@1", "SGs", "", COLORS[0]),), percent=True),
    _Shown("length of a trace", (_Line("length", "SGs", "", COLORS[0]),)),
    _Shown("planning share, %", _with_placebo("planning share"), percent=True),
    _Shown("token entropy / first step", _by_class("entropy"), relative=True),
    _Shown("perplexity / first step", _by_class("perplexity"), relative=True),
)
_DIVERSITY = (
    _Shown("semantic entropy over grams, nats", _with_placebo("semantic entropy")),
    _Shown("semantic entropy over clusters, nats", _with_placebo("cluster entropy")),
    _Shown("entropy of what follows an SG, nats", _with_placebo("conditional entropy")),
)

Points = list[tuple[float, float, float | None, float | None]]
"""(step, value, low, high), by step."""


def points(rows: Sequence[Mapping], relative: bool, times: float = 1.0) -> Points:
    """The known points of one line; the interval of a relative value is scaled as the value is."""
    found = []
    for row in rows:
        step, value = finite_number(row["step"]), finite_number(row["value"])
        scaled = finite_number(row["relative"]) if relative else value
        if step is None or value is None or scaled is None:
            continue
        factor = times * (scaled / value if relative and value else 1.0)
        ends = [None if (end := finite_number(row[name])) is None else end * factor for name in ("low", "high")]
        found.append((step, scaled * times, *ends))
    return sorted(found, key=lambda point: point[0])


def smoothed(found: Points) -> Points:
    """Running means where there are many points: each of itself and its neighbors, about a sixteenth of all."""
    half = len(found) // 32 if len(found) > _MANY else 0
    made = []
    for place, (step, *_) in enumerate(found):
        near = found[max(0, place - half) : place + half + 1]
        known_ones = [Interval(*point[1:]) for point in near if None not in point]
        value = sum(point[1] for point in near) / len(near)
        band = mean(known_ones) if known_ones else None
        made.append((step, value, band and value - band.value + band.low, band and value - band.value + band.high))
    return made


def dynamics(table: "Table", settling: "Table | None", chosen: Chosen) -> Figure | None:
    """Accuracy, length and the entropy of tokens by training step, a column a source."""
    caption = (
        "Entropies and perplexities of tokens are divided by their value at the first step; placebo: the tokens that "
        "lists of random grams mark."
    )
    return _columns("dynamics", "What changes over training steps", caption, _OUTCOME, table, settling, chosen)


def exploration(table: "Table", settling: "Table | None", chosen: Chosen) -> Figure | None:
    """Semantic entropies by training step, beside the placebo, a column a source."""
    caption = (
        "Which SGs and clusters occur, and what follows them, at one size for all steps; a rise that the "
        "placebo shows "
        "too is no news of strategy."
    )
    return _columns("exploration", "Does exploration grow?", caption, _DIVERSITY, table, settling, chosen)


def _columns(
    name: str,
    title: str,
    caption: str,
    panels: Sequence[_Shown],
    table: "Table",
    settling: "Table | None",
    chosen: Chosen,
) -> Figure | None:
    curves = _curves(table, chosen.sources, panels)
    panels = [panel for panel in panels if any(curves[source, panel.title] for source in chosen.sources)]
    sources = [source for source in chosen.sources if any(curves[source, each.title] for each in panels)]
    if not panels:
        return None
    single = len(sources) == 1
    columns = min(3, len(panels)) if single else len(sources)
    n_rows = -(-len(panels) // columns) if single else len(panels)
    places = [(panel, source) for panel in panels for source in sources]
    marks, named = _marks(settling), headings(sources)

    def draw(canvas: "Canvas") -> None:
        grid = canvas.subplots(n_rows, columns, squeeze=False, sharex=True, sharey=False if single else "row")
        flat = [axes for row in grid for axes in row]
        for axes in flat[len(places) :]:
            axes.remove()
        last = max(point[0] for held in curves.values() for _, known in held for point in known)
        for place, (axes, (panel, source)) in enumerate(zip(flat, places, strict=False)):
            _draw_others(axes, [curves[other, panel.title] for other in sources if other != source])
            _draw_lines(axes, curves[source, panel.title], panel)
            axes.set_xlim(0, last or 1)
            heading = f"{named[source]}\n" if place < columns and not single else ""
            axes.set_title(heading + (panel.title if single or place % columns == 0 else ""), fontsize=8)
            if place + columns >= len(places):
                axes.tick_params(labelbottom=True)
                axes.set_xlabel("step", fontsize=8)
        for place, (axes, (panel, source)) in enumerate(zip(flat, places, strict=False)):  # now that limits stand
            _draw_marks(axes, curves[source, panel.title], marks, source)
            if single or place % columns == columns - 1:
                _name_lines(axes, curves[source, panel.title])
        say_key(canvas, _KEY + ("" if single else "; pale: the other sources"))

    size = (9.6, 0.7 + 1.85 * n_rows) if single else (1.6 + min(2.0 * columns, 8.4), 1.2 + 1.4 * n_rows)
    return Figure(name, title, f"{caption} {_about(table, chosen)}", size, draw)


_KEY = "bands: 95 % intervals; triangles: step by which 90 % of the change is made, with its interval"


def _about(table: "Table", chosen: Chosen) -> str:
    ns = sorted(n for cell in table.column("n") if (n := finite_number(cell)) is not None)
    n = "" if not ns else f"{int(ns[0]):,} samples" if ns[0] == ns[-1] else f"{int(ns[0]):,} to {int(ns[-1]):,} samples"
    of = f", a step of {n}" if n else ""
    return (
        f"Bands are 95 % bootstrap intervals over problems{of}; lines of more than {_MANY} steps are running "
        "means. A triangle at the foot of a panel marks the step from "
        f"which at least 90 % of the total change is made, with its interval. {chosen.said}"
    ).strip()


def _curves(
    table: "Table", sources: Sequence[str], panels: Sequence[_Shown]
) -> dict[tuple[str, str], list[tuple[_Line, Points]]]:
    held: dict[tuple, list[Mapping]] = {}
    for row in table.records():
        of_list = row["list"] or "SGs"  # no list of grams has a part in accuracy and length
        held.setdefault((row["source"], row["series"], of_list), []).append(row)
    return {
        (source, panel.title): [
            (line, known)
            for line in panel.lines
            if (
                known := smoothed(
                    points(
                        held.get((source, line.series, line.of_list), ()),
                        panel.relative,
                        100.0 if panel.percent else 1.0,
                    )
                )
            )
        ]
        for source in sources
        for panel in panels
    }


def _draw_others(axes: "Axes", others: Sequence[Sequence[tuple[_Line, Points]]]) -> None:
    for _, known in (line for lines in others for line in lines):
        axes.plot([point[0] for point in known], [point[1] for point in known], color=PALE, linewidth=0.6, zorder=1)


def _draw_lines(axes: "Axes", lines: Sequence[tuple[_Line, Points]], panel: _Shown) -> None:
    if panel.relative:
        axes.axhline(1.0, color=GRAY, linewidth=0.8, linestyle=":", zorder=1)
    for line, known in lines:
        steps = [point[0] for point in known]
        banded = [point for point in known if point[2] is not None and point[3] is not None]
        if len(banded) > 1:
            axes.fill_between(
                [p[0] for p in banded],
                [p[2] for p in banded],
                [p[3] for p in banded],
                color=line.color,
                alpha=0.16,
                linewidth=0,
                zorder=2,
            )
        axes.plot(
            steps,
            [point[1] for point in known],
            color=line.color,
            linewidth=1.4,
            zorder=3,
            marker="o" if len(known) < 3 else None,
            markersize=4,
        )
    axes.tick_params(labelsize=7)
    values = [point[1] for _, known in lines for point in known]
    if panel.percent and values and min(values) < NEAR_ZERO * max(values):
        axes.set_ylim(bottom=0)


def _marks(settling: "Table | None") -> dict[tuple, tuple[float, float | None, float | None]]:
    """(source, series) -> the step by which 90 % of the change is made, with its interval."""
    if settling is None:
        return {}
    return {
        (row["source"], row["series"]): (at, finite_number(row["low"]), finite_number(row["high"]))
        for row in settling.records()
        if (at := finite_number(row["step90"])) is not None
    }


def _draw_marks(axes: "Axes", lines: Sequence[tuple[_Line, Points]], marks: Mapping, source: str) -> None:
    found = [
        (line.color, marks[source, line.series])
        for line, _ in lines
        if line.of_list == "SGs" and (source, line.series) in marks
    ]
    for place, (color, (at, low, high)) in enumerate(found):
        height, where = 0.05 + 0.08 * place, axes.get_xaxis_transform()
        if low is not None and high is not None:
            axes.plot([low, high], [height, height], color=color, linewidth=1.0, transform=where, zorder=4)
        axes.plot(
            [at],
            [height],
            marker="^",
            markersize=5,
            color=color,
            transform=where,
            zorder=5,
            clip_on=False,
            markeredgecolor="white",
            markeredgewidth=0.5,
        )


def _name_lines(axes: "Axes", lines: Sequence[tuple[_Line, Points]]) -> None:
    """The names at the ends of the lines, moved apart where lines end close to each other."""
    named = [(line, known[-1]) for line, known in lines if line.name]
    bottom, top = axes.get_ylim()
    places = spread([point[1] for _, point in named], 0.12 * (top - bottom), least=bottom)
    for (line, _), place in zip(named, places, strict=True):
        axes.annotate(
            line.name,
            (1.02, place),
            xycoords=axes.get_yaxis_transform(),
            color=line.color,
            fontsize=7,
            va="center",
            annotation_clip=False,
        )


def aha(table: "Table", chosen: Chosen) -> Figure | None:
    """Reflection clusters whose rate changed most from the first steps to the last."""
    rows, n_all = [], 0
    for source in chosen.sources:
        held = [row for row in table.records(source=source) if finite_number(row["end_rate"]) is not None]
        n_all += len(held)
        most = max(3, CLUSTERS_SHOWN // len(chosen.sources))
        by_change = sorted(
            held,
            key=lambda row: (-abs(row["end_rate"] - (finite_number(row["start_rate"]) or 0.0)), str(row["medoid"])),
        )[:most]
        for row in by_change:
            start, end = dot("placebo", row, "start_rate", "", ""), dot("SGs", row, "end_rate", "", "")
            joined = () if not start else (Dot("SGs", end[0].value, start[0].value, end[0].value),)
            remark = f"from step {int(step):,}" if (step := finite_number(row["first_step"])) is not None else ""
            if (ratio := finite_number(row["ratio"])) is not None:
                ends = [finite_number(row[name]) for name in ("low", "high")]
                span = "" if None in ends else f" [{ends[0]:.2g}, {ends[1]:.2g}]"
                remark = f"× {ratio:.2g}{span}, {remark}".rstrip(", ")
            rows.append(
                DotRow(
                    str(source),
                    f"“{fitted(str(row['medoid']), 28)}”",
                    ((*start, *(joined or end)),),
                    remark,
                    level=True,
                )
            )
    caption = (
        "Rates of the clusters of backtracking, verification and branching in 1,000 words, at the first "
        "steps (gray) "
        f"and at the last (blue): the largest changes of {n_all:,} clusters. At the right the ratio of the fitted "
        f"rates with its 95 % interval, and the step of the first appearance. {chosen.said}"
    )
    return dot_plot(
        "reflection",
        "Reflection that grows",
        caption.strip(),
        "gray diamonds: first steps; blue dots: last steps; at the right: ratio of the rates with its 95 % interval, "
        "and first appearance",
        [Panel("", "SGs of the cluster in 1,000 words")],
        rows,
    )
