"""All figures of an analysis, in the order of a report: those of its questions, and those that its measures declare."""

from dataclasses import replace
from typing import TYPE_CHECKING

from sgram.analysis.figure_specs import BinPlot, CurvePlot, DotPlot, FigureSpec
from sgram.reports.figures.bin_plot import draw_bin_plot
from sgram.reports.figures.curve_plot import draw_curve_plot
from sgram.reports.figures.dot_plot import draw_dot_plot
from sgram.reports.figures.figure import Figure
from sgram.reports.figures.question_curves import draw_question_curves
from sgram.reports.figures.share_plot import draw_share_plot

if TYPE_CHECKING:
    from sgram.analysis import Analysis
    from sgram.analysis.table import Table


def build_figures(analysis: "Analysis") -> list[Figure]:
    """Return the figures of an analysis; a figure is absent if its table is absent or has no number.

    A figure shows the sources with the most traces; its caption says how many are omitted.
    """
    declared = [
        replace(figure, section=measure.section)
        for measure in analysis.measures
        if measure.section and measure.name in analysis.tables
        for spec in measure.figures
        if (figure := draw_figure(spec, _table_of(spec, measure.name, analysis), analysis)) is not None
    ]
    return [*draw_question_curves(analysis), *declared]


def _table_of(spec: FigureSpec, measure_name: str, analysis: "Analysis") -> "Table":
    """Return the table that a figure shows; a series that a measure declares makes the table `curves` present."""
    return analysis.tables[(isinstance(spec, CurvePlot) and spec.table) or measure_name]


def draw_figure(spec: FigureSpec, table: "Table", analysis: "Analysis") -> Figure | None:
    """Return the figure of a table that `spec` describes; None if the table has none of its numbers."""
    if isinstance(spec, DotPlot):
        return draw_dot_plot(spec, table, analysis)
    if isinstance(spec, CurvePlot):
        return draw_curve_plot(spec, table, analysis)
    if isinstance(spec, BinPlot):
        return draw_bin_plot(spec, table, analysis)
    return draw_share_plot(spec, table, analysis)
