"""All figures of an analysis, in the order of a report."""

from typing import TYPE_CHECKING

from sgram.reports.figures import dynamics, entropy, errors, shares
from sgram.reports.figures.dot_plot import MAX_SOURCES
from sgram.reports.figures.figure import Figure, RenderedFigure
from sgram.reports.figures.source_selection import judged_counts, select_sources

if TYPE_CHECKING:
    from sgram.analysis import Analysis

MAX_SOURCES_IN_LINES = 24
"""Maximum sources of a figure that has one line for each."""
__all__ = ["Figure", "RenderedFigure", "build_figures"]

_BY_SOURCE = (
    ("success", shares.plot_success),
    ("shares", shares.plot_planning_share),
    ("moves", shares.plot_moves),
    ("semantic_entropy", entropy.plot_semantic_entropy),
    ("conditional_entropy", entropy.plot_conditional_entropy),
    ("tokens", entropy.plot_tokens),
    ("overlap", entropy.plot_overlap),
    ("aha", dynamics.plot_reflection),
    ("scaling", shares.plot_scaling),
    ("errors", errors.plot_errors),
    ("architecture", errors.plot_architecture),
)


def build_figures(analysis: "Analysis") -> list[Figure]:
    """Return the figures of an analysis; a figure is absent if its table is absent or has no number.

    A figure shows the sources with the most traces; its caption says how many are omitted.
    """
    tables, sizes = analysis.tables, {}
    if "corpus" in tables:
        sizes = {row.text("source"): row.number("traces") or 0.0 for row in tables["corpus"].records()}
    all_figures: list[Figure | None] = []
    for name, plot in _BY_SOURCE:
        if name == "shares" and "curves" in tables:
            selection = select_sources(tables["curves"], analysis.sources, sizes, MAX_SOURCES)
            for plot_curves in (dynamics.plot_dynamics, dynamics.plot_exploration):
                all_figures.append(plot_curves(tables["curves"], tables.get("settling"), selection))
        if name in tables:
            limit = MAX_SOURCES_IN_LINES if name == "success" else MAX_SOURCES
            all_figures.append(plot(tables[name], select_sources(tables[name], analysis.sources, sizes, limit)))
        if name == "moves" and "grams" in tables:
            counts = judged_counts(tables.get("corpus")).values()
            n_correct, n_wrong = (sum(outcome_counts[index] for outcome_counts in counts) for index in (0, 1))
            all_figures.append(shares.plot_grams(tables["grams"], n_correct, n_wrong))
    return [figure for figure in all_figures if figure is not None]
