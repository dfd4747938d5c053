"""Share plots: shares of kinds, stacked over training steps; dots by source if no source has two steps."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, TypeAlias

from sgram.analysis.figure_specs import SharePlot
from sgram.analysis.table import Record
from sgram.reports.figures.canvas import COLORS, GRAY, label
from sgram.reports.figures.curve_plot import RUNNING_MEANS, read_curve
from sgram.reports.figures.dot_plot import draw_dot_plot
from sgram.reports.figures.figure import (
    BANDS,
    Figure,
    Point,
    draw_curve,
    draw_grid,
    draw_key,
    join_sentences,
    write_curve_names,
)
from sgram.reports.figures.source_selection import headings, select_sources

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis import Analysis
    from sgram.analysis.table import Table


_Layer: TypeAlias = tuple[float, float, float]
_PALETTE = (COLORS[0], COLORS[1], COLORS[4], COLORS[3], COLORS[5], COLORS[2], GRAY)


def draw_share_plot(spec: SharePlot, table: "Table", analysis: "Analysis") -> Figure | None:
    """Return the figure of a table; None if it has no share."""
    rows_of_source: dict[str, list[Record]] = {}
    for row in table.records():
        if row.number("step") is not None and row.number(spec.value) is not None:
            rows_of_source.setdefault(row.text("source"), []).append(row)
    sources, omission_note = select_sources(
        [source for source, rows in rows_of_source.items() if len({row["step"] for row in rows}) > 1], analysis
    )
    if not sources:
        return draw_dot_plot(spec.dots, table, analysis)
    colors = dict(zip(dict.fromkeys(table.texts(spec.kind)), cycle(_PALETTE), strict=False))
    curves = {source: _read_kinds(spec, rows_of_source[source], colors, spec.value) for source in sources}
    stacks = {source: _stack_kinds(spec, rows_of_source[source], colors) for source in sources}
    kinds = [kind for kind in colors if any(kind in curves[source] for source in sources)]
    labels = headings(sources)
    units = spec.unit_at_step, spec.dots.panels[0].unit

    def draw(canvas: "Canvas") -> None:
        panels = draw_grid(canvas, 2 * len(sources), len(sources), "step", sharey="row")
        for upper, lower, source in zip(panels, panels[len(sources) :], sources, strict=False):
            for kind, layer in stacks[source].items():
                steps, bottoms, tops = zip(*layer, strict=True)
                upper.fill_between(steps, bottoms, tops, color=colors[kind], linewidth=0, alpha=0.85)
            for kind, curve in curves[source].items():
                draw_curve(lower, curve, colors[kind])
            lower.margins(x=0)
            upper.set_title(labels[source], fontsize=8)
        for axes, unit in zip(panels[:: len(sources)], units, strict=True):
            axes.set_ylim(bottom=0)
            axes.set_ylabel(unit, fontsize=8)
        middles = {kind: sum(layer[-1][1:]) / 2 for kind, layer in stacks[source].items()}
        ends = {kind: curve[-1].value for kind, curve in curves[source].items()}
        for axes, heights in ((upper, middles), (lower, ends)):  # those of the last source, at the right
            names = [(label(kind, 20), Point(0, heights.get(kind, 0.0)), colors[kind]) for kind in kinds]
            write_curve_names(axes, names, 0.1)
        draw_key(canvas, f"above: {units[0]}, stacked; below: {units[1]}; bands: 95 % intervals")

    caption = join_sentences(spec.caption, BANDS, RUNNING_MEANS, omission_note)
    size = (1.7 + min(2.3 * max(2, len(sources)), 8.4), 4.6)
    return Figure(spec.name, spec.title, caption, size, draw)


def _read_kinds(spec: SharePlot, rows: Sequence[Record], kinds: Iterable[str], value: str) -> dict[str, list[Point]]:
    """Return the curve, in per cent, of each kind that occurs."""
    rows_of_kind = {kind: [row for row in rows if row.text(spec.kind) == kind] for kind in kinds}
    curves = {kind: read_curve(kind_rows, value, scale=100) for kind, kind_rows in rows_of_kind.items()}
    return {kind: curve for kind, curve in curves.items() if any(point.value for point in curve)}


def _stack_kinds(spec: SharePlot, rows: Sequence[Record], kinds: Iterable[str]) -> dict[str, list[_Layer]]:
    """Return (step, bottom, top) of the kinds that occur, one on top of the other, at each step."""
    top = {step: 0.0 for row in rows if (step := row.number("step")) is not None}
    layers = {}
    for kind, curve in _read_kinds(spec, rows, kinds, spec.value_at_step).items():
        shares = {point.x: point.value for point in curve}
        layers[kind] = [(step, top[step], top[step] + shares.get(step, 0.0)) for step in sorted(top)]
        top = {step: end for step, _, end in layers[kind]}
    return layers
