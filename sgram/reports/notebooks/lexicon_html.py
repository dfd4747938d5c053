"""A lexicon in a notebook: a table of its clusters."""

from dataclasses import dataclass

from sgram.lexicon import Cluster, Lexicon
from sgram.reports.notebooks.output_html import render_output
from sgram.reports.pages.templates import shorten

_N_OPEN = 15
_MAX_CLUSTERS = 300
"""Clusters that an output holds; the first `_N_OPEN` are visible at once."""
_LONGEST_OTHERS = 160


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster as a row."""

    id: int
    move: str
    medoid: str
    df: int | None
    n_grams: int
    others: str
    """Its grams besides the medoid, as many as fit."""


def render(lexicon: Lexicon) -> str:
    """Return the HTML of a lexicon.

    >>> "let me check" in render(Lexicon.from_grams(["let me check"]))
    True
    """
    clusters = [_row_of(cluster) for cluster in lexicon.clusters[:_MAX_CLUSTERS]]
    return render_output(
        "notebook_lexicon",
        lexicon=lexicon,
        counts=f"{len(lexicon):,} grams in {len(lexicon.clusters):,} clusters",
        clusters=clusters,
        n_open=_N_OPEN,
        n_omitted=len(lexicon.clusters) - len(clusters),
    )


def _row_of(cluster: Cluster) -> ClusterRow:
    others = ", ".join(gram.text for gram in cluster.grams if gram.text != cluster.medoid)
    return ClusterRow(
        cluster.id, cluster.move, cluster.medoid, cluster.df, len(cluster.grams), shorten(others, _LONGEST_OTHERS)
    )
