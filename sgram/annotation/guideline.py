"""Load and parse the annotation guideline.

The guideline is Markdown. Only the syntax that it uses is parsed: headings, paragraphs, lists, tables, ``**strong**``
and ``*emphasis*``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from sgram.files import data_path

QUESTION = "What does the marked phrase do here?"

_STYLED_TEXT = re.compile(r"\*\*(.+?)\*\*|\*(.+?)\*")


class StyledText(NamedTuple):
    """A piece of text in one style: "strong", "em" or ""."""

    style: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, paragraph, list or table.

    Rows contain cells, which contain styled text. The first row of a table is its header.
    """

    kind: str
    """"heading", "paragraph", "list" or "table"."""
    rows: tuple[tuple[tuple[StyledText, ...], ...], ...]
    level: int = 0
    """Level of a heading, from 1; 0 for other blocks."""

    @property
    def plain(self) -> tuple[str, ...]:
        """Lines of plain text, without the header of a table.

        >>> parse_guideline("- mark the *phrase*\\n- choose a label")[0].plain
        ('• mark the phrase', '• choose a label')
        """
        rows = self.rows[1:] if self.kind == "table" else self.rows
        lines = (" — ".join("".join(piece.text for piece in cell) for cell in row) for row in rows)
        return tuple(f"• {line}" if self.kind in ("list", "table") else line for line in lines)


def guideline_text(file_name: str = "annotation_guideline.md") -> str:
    """Return a guideline of data/ as Markdown, by default that of phrases."""
    return data_path(file_name).read_text(encoding="utf-8")


def parse_guideline(text: str) -> tuple[Block, ...]:
    """Parse Markdown into blocks.

    >>> [block.kind for block in parse_guideline("# Labels\\n\\nRead *all* of it.\\n")]
    ['heading', 'paragraph']
    """
    blocks: list[Block] = []
    for is_blank, lines in groupby(text.splitlines(), key=lambda line: not line.strip()):
        if not is_blank:
            blocks += _parse_blocks(list(lines))
    return tuple(blocks)


def _parse_blocks(lines: list[str]) -> Iterator[Block]:
    if lines[0].startswith("#"):
        hashes, _, title = lines[0].partition(" ")
        yield Block("heading", ((_parse_styles(title),),), len(hashes))
        if lines[1:]:
            yield from _parse_blocks(lines[1:])
    elif lines[0].startswith("|"):
        rows = [line.strip().strip("|").split("|") for line in lines]
        yield Block("table", tuple(tuple(_parse_styles(cell) for cell in row) for row in (rows[0], *rows[2:])))
    elif lines[0].startswith("- "):
        points = " ".join(line.strip() for line in lines)[2:].split(" - ")
        yield Block("list", tuple((_parse_styles(point),) for point in points))
    else:
        yield Block("paragraph", ((_parse_styles(" ".join(lines)),),))


def _parse_styles(text: str) -> tuple[StyledText, ...]:
    pieces: list[StyledText] = []
    end, text = 0, text.strip()
    for match in _STYLED_TEXT.finditer(text):
        pieces.append(StyledText("", text[end : match.start()]))
        pieces.append(StyledText("strong", match[1]) if match[1] else StyledText("em", match[2]))
        end = match.end()
    return tuple(piece for piece in (*pieces, StyledText("", text[end:])) if piece.text)
