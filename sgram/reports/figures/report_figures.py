"""Every figure that the tables of an analysis allow, in the order of a report. Knows nothing about how numbers came."""

from typing import TYPE_CHECKING

from sgram.reports.figures import dynamics as figures_dynamics
from sgram.reports.figures import entropy as figures_entropy
from sgram.reports.figures import errors as figures_errors
from sgram.reports.figures import shares as figures_shares
from sgram.reports.figures.dot_plot import SOURCES_SHOWN
from sgram.reports.figures.figure import Figure, ShownFigure
from sgram.reports.figures.source_selection import chosen, judged
from sgram.statistics import finite_number

if TYPE_CHECKING:
    from sgram.analysis import Analysis

SOURCES_IN_LINES = 24
"""Most sources of a figure that has one line for each."""
__all__ = ["Figure", "ShownFigure", "figures"]

_BY_SOURCE = (
    ("success", figures_shares.success),
    ("shares", figures_shares.planning_share),
    ("moves", figures_shares.moves),
    ("semantic_entropy", figures_entropy.semantic_entropy),
    ("conditional_entropy", figures_entropy.conditional_entropy),
    ("tokens", figures_entropy.tokens),
    ("overlap", figures_entropy.overlap),
    ("aha", figures_dynamics.aha),
    ("scaling", figures_shares.scaling),
    ("errors", figures_errors.errors),
    ("architecture", figures_errors.architecture),
)


def figures(analysis: "Analysis") -> list[Figure]:
    """The figures of an analysis; one whose table is absent, or holds no number, is absent.

    Of many sources a figure shows those with the most traces, and its caption says so.
    """
    tables, sizes = analysis.tables, {}
    if "corpus" in tables:
        sizes = {row["source"]: finite_number(row["traces"]) or 0.0 for row in tables["corpus"].records()}
    found: list[Figure | None] = []
    for name, make in _BY_SOURCE:
        if name == "shares" and "curves" in tables:
            held = chosen(tables["curves"], analysis.sources, sizes, SOURCES_SHOWN)
            for make_curves in (figures_dynamics.dynamics, figures_dynamics.exploration):
                found.append(make_curves(tables["curves"], tables.get("settling"), held))
        if name in tables:
            most = SOURCES_IN_LINES if name == "success" else SOURCES_SHOWN
            found.append(make(tables[name], chosen(tables[name], analysis.sources, sizes, most)))
        if name == "moves" and "grams" in tables:
            counts = judged(tables.get("corpus")).values()
            n_correct, n_wrong = (sum(each[side] for each in counts) for side in (0, 1))
            found.append(figures_shares.grams(tables["grams"], n_correct, n_wrong))
    return [each for each in found if each is not None]
