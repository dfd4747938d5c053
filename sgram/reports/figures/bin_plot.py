"""Bin plots: a quantity over the bins of another one, a panel for each source, SGs beside the placebo."""

from typing import TYPE_CHECKING

from sgram.analysis.figure_specs import BinPlot
from sgram.analysis.table import Record
from sgram.reports.figures.canvas import ROLES
from sgram.reports.figures.figure import (
    BANDS,
    DRAWS,
    PLACEBO_KEY,
    Figure,
    draw_curve,
    draw_grid,
    draw_key,
    join_sentences,
    read_points,
)
from sgram.reports.figures.source_selection import distinct_labels, select_sources

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

    from sgram.analysis import Analysis
    from sgram.analysis.table import Table


def draw_bin_plot(spec: BinPlot, table: "Table", analysis: "Analysis") -> Figure | None:
    """Return the figure of a table; None if none of its bins has a number."""
    rows = {source: table.records(source=source) for source in dict.fromkeys(table.texts("source"))}
    bins = {
        (source, role): read_points(
            [row for row in rows[source] if row["list"] == role], lambda row: _middle(spec, row), scale=spec.scale
        )
        for source in rows
        for role in ("placebo", "SGs")
    }
    sources, omission_note = select_sources([source for (source, _), points in bins.items() if points], analysis)
    if not sources:
        return None
    labels = distinct_labels(sources, 28)
    columns = min(3, len(sources))
    all_points = [point for (source, _), points in bins.items() if source in labels for point in points]

    def draw(canvas: "Canvas") -> None:
        panels = draw_grid(canvas, len(sources), columns, spec.x_label, sharey=True)
        for axes, source in zip(panels, sources, strict=True):
            for role in ("placebo", "SGs"):
                draw_curve(axes, bins[source, role], *ROLES[role])
            n = sum(row.number(spec.n) or 0 for row in rows[source] if row["list"] == "SGs")
            axes.set_title(f"{labels[source]} (n = {n:,.0f})" if spec.n else labels[source], fontsize=8)
        for axes in panels[::columns]:
            axes.set_ylabel(spec.y_label, fontsize=8)
        middles = [point.x for point in all_points]
        panels[0].set_ylim(bottom=min(0, *(point.value if point.low is None else point.low for point in all_points)))
        if min(middles) > 0 and max(middles) > 10 * min(middles):
            panels[0].set_xscale("log")
            panels[0].xaxis.set_major_formatter(lambda number, _: f"{number:,.0f}")
            panels[0].xaxis.set_minor_formatter(lambda *_: "")
        else:
            panels[0].set_xlim(left=min(0, *middles))
        draw_key(canvas, f"blue dots: {PLACEBO_KEY}")

    size = (max(5.4, 0.8 + 2.8 * columns), 0.7 + 2.2 * -(-len(sources) // columns))
    return Figure(spec.name, spec.title, join_sentences(spec.caption, BANDS, DRAWS, omission_note), size, draw)


def _middle(spec: BinPlot, row: Record) -> float | None:
    """Return the middle of a bin: the geometric mean of its ends, or the half of its end if it begins at 0."""
    low, high = row.number(spec.low_end), row.number(spec.high_end)
    if low is None or high is None:
        return None
    return float((low * high) ** 0.5) if low > 0 else (low + high) / 2
