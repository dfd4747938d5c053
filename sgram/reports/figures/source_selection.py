"""Which sources a figure shows where there are many, and how it says so. Knows nothing about what is drawn of them."""

import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sgram.reports.figures.canvas import label

if TYPE_CHECKING:
    from sgram.analysis.table import Table


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sources that are shown, in the order of the analysis, and how many are not."""

    sources: tuple[str, ...]
    n_left: int

    @property
    def said(self) -> str:
        """A sentence on what is left out; "" where nothing is."""
        if not self.n_left:
            return ""
        more = "1 more is" if self.n_left == 1 else f"{self.n_left:,} more are"
        return f"Shown are the {len(self.sources)} sources with the most traces; {more} in the tables."


def chosen(table: "Table", sources: Sequence[str], sizes: Mapping[str, float], most: int) -> Chosen:
    """The at most `most` sources of a table with the most traces, ordered as in `sources`.

    Of equal ones, as the runs of a comparison are, one of each kind (what stands before a comma) comes before a second.
    """
    held = set(table.column("source"))
    order = {source: place for place, source in enumerate(sources)}
    known = sorted(held, key=lambda source: (order.get(source, len(order)), str(source)))
    kinds, nth = Counter[str](), {}
    for source in known:
        kind = str(source).partition(",")[0]
        nth[source] = kinds[kind]
        kinds[kind] += 1
    largest = set(sorted(known, key=lambda source: (-sizes.get(source, 0), nth[source]))[:most])  # stable
    return Chosen(tuple(source for source in known if source in largest), len(known) - len(largest))


def judged(corpus: "Table | None") -> dict[str, tuple[int, int]]:
    """Source -> its correct and its wrong traces."""
    rows = [] if corpus is None else corpus.records()
    return {row["source"]: (int(row["correct"] or 0), int(row["wrong"] or 0)) for row in rows}


def grouped(table: "Table", *names: str) -> dict[tuple, list[dict]]:
    """The records of a table by their cells in the columns `names`, made in one pass."""
    found: dict[tuple, list[dict]] = {}
    for row in table.records():
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def fitted(text: str, longest: int) -> str:
    """`text` as a safe label as wide as `longest` letters at most, its middle left out where it is wider.

    Models of one family differ at the end of their names; letters of East Asian scripts are two wide.
    """
    shown = label(text, 10 * len(text) + 10)  # all of it, escaped
    if _width(shown) <= longest:
        return shown
    head, tail = "", ""
    for near, far in zip(shown, reversed(shown), strict=True):
        if _width(head + near + tail) + 3 > longest:
            break
        head += near
        if _width(head + far + tail) + 3 > longest:
            break
        tail = far + tail
    return f"{head}...{tail}"


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def short_names(names: Iterable[str], longest: int = 34) -> dict[str, str]:
    """`fitted` names, no two the same: what is alike is numbered."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        text, again = fitted(name, longest), 1
        while text in taken:
            again += 1
            text = f"{fitted(name, longest - 3 - len(str(again)))} ({again})"
        taken.add(text)
        found[name] = text
    return found


def headings(names: Iterable[str], width: int = 18) -> dict[str, str]:
    """`short_names` as headings of narrow columns: lines of at most `width` letters."""
    return {
        name: "\n".join(textwrap.wrap(text, width, break_on_hyphens=False))
        for name, text in short_names(names, 2 * width - 4).items()
    }
