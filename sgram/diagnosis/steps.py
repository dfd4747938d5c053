"""Steps of a text: paragraphs, headed or numbered steps, and groups of sentences of long paragraphs.

Displayed formulas, code and aligned environments are never cut. Every character that is no white space lies in
exactly one step.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LONG_PARAGRAPH = 700
"""A paragraph of more characters is cut between sentences."""
AIM = 350
"""Sentences are joined until a piece has about this many characters."""
MAX_BLOCK = 6000
"""A block of more characters is cut like any other text, because its end may be missing."""
_MAX_HEADING = 160

_EDGE = re.compile(r"```|\$\$|\\\[|\\\]|\\(?P<edge>begin|end)\{(?P<name>[A-Za-z]{1,20}\*?)\}")
_CLOSING = {"```": "```", "$$": "$$", "\\[": "\\]"}
_PARAGRAPH = re.compile(
    r"\n[^\S\n]*\n\s*"  # a blank line
    r"|\n(?=[^\S\n]*(?:#{1,6}\s|(?:\*\*)?(?:Step|Case|Part)\s+\w{1,4}\s*[:.)]|\d{1,2}[.)]\s|[-*•]\s))",  # a mark
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]*]{0,3}\s+(?=[\"'(\[*]{0,3}[A-Z\\$0-9])|(?<=[。！？])|\n+")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Eq|Fig|No|Dr|Mr|Mrs|St|approx)|\b[A-Z]|(?:^|\n)\s*\d{1,3})\.$")
_FORMULA_START = re.compile(r"\s*(?:\\\[|\$\$|\\begin\{|=|```)")
_HEADING = re.compile(r"(?:#{1,6}\s[^\n]*|\*\*[^*\n]{1,80}\*\*:?|(?:Step|Case|Part)\s+\w{1,4}\s*[:.)]?)", re.IGNORECASE)

_Offsets = tuple[int, int]
"""Half-open character offsets."""


@dataclass(frozen=True, slots=True)
class Step:
    """The step with the index `index`: `text[start:end]`, without white space at its ends."""

    index: int
    start: int
    end: int


def split_steps(text: str) -> list[Step]:
    """Return the steps of `text`, in time linear in its length; none if it is only white space.

    A displayed formula belongs to the step before it, a heading to the step after it.

    >>> text = "We add.\\n\\nThe sum is 5."
    >>> [text[step.start : step.end] for step in split_steps(text)]
    ['We add.', 'The sum is 5.']
    """
    cuts = _cut_positions(text)
    pieces = [offsets for start, end in zip(cuts, cuts[1:], strict=False) if (offsets := _strip(text, start, end))]
    steps: list[_Offsets] = []
    for start, end in pieces:
        is_formula = steps and _FORMULA_START.match(text, start, end) and start - steps[-1][0] < 4 * LONG_PARAGRAPH
        follows_heading = steps and _is_heading(text, *steps[-1])
        if is_formula or follows_heading:
            steps[-1] = (steps[-1][0], end)
        else:
            steps.append((start, end))
    return [Step(index, start, end) for index, (start, end) in enumerate(steps)]


def _cut_positions(text: str) -> list[int]:
    """Return the starts of the pieces, and the end of the text."""
    blocks = list(_find_blocks(text))
    paragraphs = [0, *_match_ends_outside(_PARAGRAPH.finditer(text), blocks), len(text)]
    cuts = [0]
    for start, end in zip(paragraphs, paragraphs[1:], strict=False):
        if end - start > LONG_PARAGRAPH:
            cuts += _sentence_cuts(text, start, end, blocks)
        cuts.append(end)
    return cuts


def _find_blocks(text: str) -> Iterator[_Offsets]:
    """Yield the offsets of displayed formulas and code; blocks inside another block are left out."""
    start, closing = 0, ""
    for edge in _EDGE.finditer(text):
        if closing and edge.end() - start > MAX_BLOCK:
            closing = ""
        if not closing:
            is_begin = edge["edge"] == "begin"
            start, closing = edge.start(), f"\\end{{{edge['name']}}}" if is_begin else _CLOSING.get(edge[0], "")
        elif edge[0] == closing:
            yield start, edge.end()
            closing = ""


def _match_ends_outside(matches: Iterator[re.Match[str]], blocks: Sequence[_Offsets]) -> Iterator[int]:
    """Yield the ends of the matches that lie in none of the `blocks`; both are in text order."""
    index = 0
    for match in matches:
        while index < len(blocks) and blocks[index][1] <= match.start():
            index += 1
        if index == len(blocks) or match.end() <= blocks[index][0] or match.start() >= blocks[index][1]:
            yield match.end()


def _sentence_cuts(text: str, start: int, end: int, blocks: Sequence[_Offsets]) -> list[int]:
    """Return where the paragraph `text[start:end]` is cut between sentences."""
    inside = [block for block in blocks if block[1] > start and block[0] < end]
    cuts, piece_start = [], start
    for cut in _match_ends_outside(_SENTENCE.finditer(text, start, end), inside):
        is_long_enough = cut - piece_start >= AIM and end - cut >= AIM // 4
        if is_long_enough and not _ABBREVIATION.search(text[max(0, cut - 12) : cut].rstrip()):
            cuts.append(cut)
            piece_start = cut
    return cuts


def _strip(text: str, start: int, end: int) -> _Offsets | None:
    """Return the offsets of `text[start:end]` without white space at its ends; None if nothing is left."""
    piece = text[start:end]
    stripped = piece.strip()
    if not stripped:
        return None
    start += len(piece) - len(piece.lstrip())
    return start, start + len(stripped)


def _is_heading(text: str, start: int, end: int) -> bool:
    return end - start < _MAX_HEADING and _HEADING.fullmatch(text, start, end) is not None
