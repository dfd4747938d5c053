"""Selection of the sources that a figure shows, and short names for them."""

import textwrap
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import label

if TYPE_CHECKING:
    from sgram.analysis import Analysis

MAX_SOURCES = 6
"""Most sources of a figure that has a panel for each."""


def select_sources(
    sources: Iterable[str], analysis: "Analysis", limit: int = MAX_SOURCES
) -> tuple[tuple[str, ...], str]:
    """Return the `limit` of `sources` with the most traces, in the order of the analysis, and a sentence about omitted
    ones, "" if there are none.

    Of sources with equally many traces, such as runs of a comparison, one of each kind (the name up to a comma) comes
    before a second of the same kind.
    """
    corpus = analysis.tables["corpus"].records() if "corpus" in analysis.tables else []
    sizes = {row.text("source"): row.number("traces") or 0.0 for row in corpus}
    order = {source: index for index, source in enumerate(analysis.sources)}
    ordered = sorted(set(sources), key=lambda source: (order.get(source, len(order)), source))
    kinds: Counter[str] = Counter()
    number_in_kind: dict[str, int] = {}
    for source in ordered:
        kind = source.partition(",")[0]
        number_in_kind[source] = kinds[kind]
        kinds[kind] += 1
    largest = set(sorted(ordered, key=lambda source: (-sizes.get(source, 0), number_in_kind[source]))[:limit])  # stable
    n_omitted = len(ordered) - len(largest)
    omitted = "1 more is" if n_omitted == 1 else f"{n_omitted:,} more are"
    note = f"Shown are the {limit} sources with the most traces; {omitted} in the tables." if n_omitted else ""
    return tuple(source for source in ordered if source in largest), note


def distinct_labels(names: Iterable[str], longest: int = 34) -> dict[str, str]:
    """Return a short label for each name; equal labels get a number, so that all differ."""
    labels: dict[str, str] = {}
    used_labels: set[str] = set()
    for name in dict.fromkeys(names):
        text, number = label(name, longest), 1
        while text in used_labels:
            number += 1
            text = f"{label(name, longest - 3 - len(str(number)))} ({number})"
        used_labels.add(text)
        labels[name] = text
    return labels


def headings(names: Iterable[str], width: int = 18) -> dict[str, str]:
    """Return `distinct_labels` as column headings, in lines of at most `width` letters."""
    return {
        name: "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))
        for name, text in distinct_labels(names, 2 * width - 4).items()
    }
