"""An analysis in a notebook: the grid of questions of a report, and the names of its tables."""

from sgram.analysis import Analysis
from sgram.reports.notebooks.output_html import render_output
from sgram.reports.pages.placebo_comparison import compare_with_placebos
from sgram.reports.pages.question_grid import build_grid

_MAX_SOURCES = 40


def render(analysis: Analysis) -> str:
    """Return the HTML of an analysis.

    >>> from sgram import Trace, analyze
    >>> "How often is the answer right?" in render(analyze([Trace(id="1", text="Wait, 4.", correct=True)]))
    True
    """
    grid = build_grid(analysis, compare_with_placebos(analysis.measures, analysis.tables))
    sources = grid.sources[:_MAX_SOURCES] if grid.questions_are_columns else grid.sources
    return render_output(
        "notebook_analysis",
        title=analysis.title,
        lexicon_name=analysis.lexicon.name,
        grid=grid,
        sources=sources,
        source_kind=analysis.source_kind,
        n_omitted=len(grid.sources) - len(sources),
        tables=list(analysis.tables.values()),
    )
