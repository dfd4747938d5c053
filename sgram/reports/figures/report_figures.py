"""All figures of an analysis, in the order of a report."""

from typing import TYPE_CHECKING

from sgram.reports.figures import dynamics, entropy, errors, shares
from sgram.reports.figures.dot_plot import SOURCES_SHOWN
from sgram.reports.figures.figure import Figure, RenderedFigure
from sgram.reports.figures.source_selection import judged_counts, select_sources
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from sgram.analysis import Analysis

SOURCES_IN_LINES = 24
"""Maximum sources of a figure that has one line for each."""
__all__ = ["Figure", "RenderedFigure", "figures"]

_BY_SOURCE = (
    ("success", shares.success),
    ("shares", shares.planning_share),
    ("moves", shares.moves),
    ("semantic_entropy", entropy.semantic_entropy),
    ("conditional_entropy", entropy.conditional_entropy),
    ("tokens", entropy.tokens),
    ("overlap", entropy.overlap),
    ("aha", dynamics.aha),
    ("scaling", shares.scaling),
    ("errors", errors.errors),
    ("architecture", errors.architecture),
)


def figures(analysis: "Analysis") -> list[Figure]:
    """Return the figures of an analysis; a figure is absent if its table is absent or has no number.

    A figure shows the sources with the most traces; its caption says how many are omitted.
    """
    tables, sizes = analysis.tables, {}
    if "corpus" in tables:
        sizes = {row["source"]: finite_number(row["traces"]) or 0.0 for row in tables["corpus"].records()}
    drawn_figures: list[Figure | None] = []
    for name, make in _BY_SOURCE:
        if name == "shares" and "curves" in tables:
            selection = select_sources(tables["curves"], analysis.sources, sizes, SOURCES_SHOWN)
            for make_curves in (dynamics.dynamics, dynamics.exploration):
                drawn_figures.append(make_curves(tables["curves"], tables.get("settling"), selection))
        if name in tables:
            limit = SOURCES_IN_LINES if name == "success" else SOURCES_SHOWN
            drawn_figures.append(make(tables[name], select_sources(tables[name], analysis.sources, sizes, limit)))
        if name == "moves" and "grams" in tables:
            counts = judged_counts(tables.get("corpus")).values()
            n_correct, n_wrong = (sum(outcome_counts[index] for outcome_counts in counts) for index in (0, 1))
            drawn_figures.append(shares.grams(tables["grams"], n_correct, n_wrong))
    return [outcome_counts for outcome_counts in drawn_figures if outcome_counts is not None]
