"""The guideline for annotators, read from its Markdown. Knows nothing about how it is shown.

Only what the guideline uses is understood: headings, paragraphs, lists, tables; ``**strong**``, ``*emphasis*``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sgram.files import data_path

QUESTION = "What does the marked phrase do here?"

_RUN = re.compile(r"\*\*(.+?)\*\*|\*(.+?)\*")


class Run(NamedTuple):
    """Some words in one style: "strong", "em" or ""."""

    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list or table: rows of cells of runs; the first row of a table names its columns."""

    kind: str
    rows: tuple[tuple[tuple[Run, ...], ...], ...]
    level: int = 0
    """Of a heading, from 1."""

    @property
    def plain(self) -> tuple[str, ...]:
        """Its lines as plain text; what names the columns of a table is left out."""
        rows = self.rows[1:] if self.kind == "table" else self.rows
        lines = (" — ".join("".join(run.text for run in cell) for cell in row) for row in rows)
        return tuple(f"• {line}" if self.kind in ("list", "table") else line for line in lines)


def guideline_text() -> str:
    """The guideline as Markdown."""
    return data_path("annotation_guideline.md").read_text(encoding="utf-8")


def parse_guideline(text: str) -> tuple[Block, ...]:
    """The blocks of a guideline."""
    blocks = []
    for blank, lines in groupby(text.splitlines(), key=lambda line: not line.strip()):
        if not blank:
            blocks += _blocks(list(lines))
    return tuple(blocks)


def _blocks(lines: list[str]) -> Iterator[Block]:
    if lines[0].startswith("#"):
        marks, _, title = lines[0].partition(" ")
        yield Block("heading", ((_runs(title),),), len(marks))
        if lines[1:]:
            yield from _blocks(lines[1:])
    elif lines[0].startswith("|"):
        rows = [line.strip().strip("|").split("|") for line in lines]
        yield Block("table", tuple(tuple(_runs(cell) for cell in row) for row in (rows[0], *rows[2:])))
    elif lines[0].startswith("- "):
        points = " ".join(line.strip() for line in lines)[2:].split(" - ")
        yield Block("list", tuple((_runs(point),) for point in points))
    else:
        yield Block("paragraph", ((_runs(" ".join(lines)),),))


def _runs(text: str) -> tuple[Run, ...]:
    runs, at, text = [], 0, text.strip()
    for match in _RUN.finditer(text):
        runs.append(Run("", text[at : match.start()]))
        runs.append(Run("strong", match[1]) if match[1] else Run("em", match[2]))
        at = match.end()
    return tuple(run for run in (*runs, Run("", text[at:])) if run.text)
