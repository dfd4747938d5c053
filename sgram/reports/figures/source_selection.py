"""Selection of the sources that a figure shows, and short names for them."""

import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sgram.reports.figures.canvas import label

if TYPE_CHECKING:
    from sgram.analysis.table import Cell, Record, Table

Row: TypeAlias = Mapping[str, object]
"""A row of a table: cells by column name."""


@dataclass(frozen=True, slots=True)
class SourceSelection:
    """Sources that a figure shows, in the order of the analysis."""

    sources: tuple[str, ...]
    n_omitted: int

    @property
    def omission_note(self) -> str:
        """Return a sentence about omitted sources; "" if all are shown."""
        if not self.n_omitted:
            return ""
        omitted = "1 more is" if self.n_omitted == 1 else f"{self.n_omitted:,} more are"
        return f"Shown are the {len(self.sources)} sources with the most traces; {omitted} in the tables."


def select_sources(table: "Table", sources: Sequence[str], sizes: Mapping[str, float], limit: int) -> SourceSelection:
    """Return the `limit` sources of a table with the most traces, ordered as in `sources`.

    Of sources with equally many traces, such as runs of a comparison, one of each kind (the name up to a comma) comes
    before a second of the same kind.
    """
    present = set(table.texts("source"))
    order = {source: index for index, source in enumerate(sources)}
    ordered = sorted(present, key=lambda source: (order.get(source, len(order)), source))
    kinds: Counter[str] = Counter()
    number_in_kind: dict[str, int] = {}
    for source in ordered:
        kind = source.partition(",")[0]
        number_in_kind[source] = kinds[kind]
        kinds[kind] += 1
    largest = set(sorted(ordered, key=lambda source: (-sizes.get(source, 0), number_in_kind[source]))[:limit])  # stable
    return SourceSelection(tuple(source for source in ordered if source in largest), len(ordered) - len(largest))


def judged_counts(corpus: "Table | None") -> dict[str, tuple[int, int]]:
    """Return for each source the numbers of its correct and wrong traces."""
    rows = [] if corpus is None else corpus.records()
    return {row.text("source"): (int(row.number("correct") or 0), int(row.number("wrong") or 0)) for row in rows}


def group_records(table: "Table", *names: str) -> "dict[tuple[Cell, ...], list[Record]]":
    """Return the records of a table, grouped by their cells in the columns `names`."""
    groups: dict[tuple[Cell, ...], list[Record]] = {}
    for row in table.records():
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return groups


def fit_label(text: str, longest: int) -> str:
    """Return `text` as a safe label of at most `longest` columns, shortened in the middle.

    Names of models of one family differ at their ends. East Asian letters are two columns wide.

    >>> fit_label("Qwen2.5-Math-7B-Instruct", 16)
    'Qwen2.5...struct'
    """
    escaped = label(text, 10 * len(text) + 10)  # the whole text, escaped
    if _width(escaped) <= longest:
        return escaped
    head, tail = "", ""
    for first_character, last_character in zip(escaped, reversed(escaped), strict=True):
        if _width(head + first_character + tail) + 3 > longest:
            break
        head += first_character
        if _width(head + last_character + tail) + 3 > longest:
            break
        tail = last_character + tail
    return f"{head}...{tail}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def distinct_labels(names: Iterable[str], longest: int = 34) -> dict[str, str]:
    """Return a short label for each name; equal labels get a number, so that all differ."""
    labels: dict[str, str] = {}
    used_labels: set[str] = set()
    for name in dict.fromkeys(names):
        text, number = fit_label(name, longest), 1
        while text in used_labels:
            number += 1
            text = f"{fit_label(name, longest - 3 - len(str(number)))} ({number})"
        used_labels.add(text)
        labels[name] = text
    return labels


def headings(names: Iterable[str], width: int = 18) -> dict[str, str]:
    """Return `distinct_labels` as column headings, in lines of at most `width` letters."""
    return {
        name: "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))
        for name, text in distinct_labels(names, 2 * width - 4).items()
    }
