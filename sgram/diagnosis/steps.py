"""Steps of a text: paragraphs, headed or numbered steps, and sentences where a paragraph is long. Knows nothing about
what steps say.

Displayed formulas, code and aligned environments are never cut. Every character that is no white space lies in
exactly one step.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LONG = 700
"""A paragraph of more characters is cut between sentences."""
AIM = 350
"""Sentences are joined up to about as many characters."""

_EDGE = re.compile(r"```|\$\$|\\\[|\\\]|\\(?P<edge>begin|end)\{(?P<name>[A-Za-z]{1,20}\*?)\}")
_CLOSES = {"```": "```", "$$": "$$", "\\[": "\\]"}
MOST_WHOLE = 6000
"""A block of more characters is cut like any other text: its end may be missing."""
_PARAGRAPH = re.compile(
    r"\n[^\S\n]*\n\s*"  # a blank line
    r"|\n(?=[^\S\n]*(?:#{1,6}\s|(?:\*\*)?(?:Step|Case|Part)\s+\w{1,4}\s*[:.)]|\d{1,2}[.)]\s|[-*•]\s))",  # a mark
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]*]{0,3}\s+(?=[\"'(\[*]{0,3}[A-Z\\$0-9])|(?<=[。！？])|\n+")
_NO_END = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Eq|Fig|No|Dr|Mr|Mrs|St|approx)|\b[A-Z]|(?:^|\n)\s*\d{1,3})\.$")
_FORMULA_FIRST = re.compile(r"\s*(?:\\\[|\$\$|\\begin\{|=|```)")


@dataclass(frozen=True, slots=True)
class Step:
    """The `index`-th step is `text[start:end]`, without white space at its ends."""

    index: int
    start: int
    end: int


def split_steps(text: str) -> list[Step]:
    """The steps of `text`, in time linear in its length; none for nothing but white space.

    A formula that stands by itself belongs to the step before it.
    """
    cuts = _cuts(text)
    pieces = [span for start, end in zip(cuts, cuts[1:], strict=False) if (span := _stripped(text, start, end))]
    joined: list[tuple[int, int]] = []
    for start, end in pieces:
        belongs = joined and _FORMULA_FIRST.match(text, start, end) and start - joined[-1][0] < 4 * LONG
        heads = joined and _is_heading(text, *joined[-1])
        if belongs or heads:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return [Step(index, start, end) for index, (start, end) in enumerate(joined)]


def _cuts(text: str) -> list[int]:
    """Where pieces begin, and the end of the text."""
    whole = list(_blocks(text))
    paragraphs = [0, *_outside(_PARAGRAPH.finditer(text), whole), len(text)]
    cuts = [0]
    for start, end in zip(paragraphs, paragraphs[1:], strict=False):
        if end - start > LONG:
            cuts += _sentence_cuts(text, start, end, whole)
        cuts.append(end)
    return cuts


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Spans of formulas and code that stand by themselves, those inside another left out."""
    begun, closing = 0, ""
    for edge in _EDGE.finditer(text):
        if closing and edge.end() - begun > MOST_WHOLE:
            closing = ""
        if not closing:
            opens = f"\\end{{{edge['name']}}}" if edge["edge"] == "begin" else _CLOSES.get(edge[0], "")
            begun, closing = edge.start(), opens
        elif edge[0] == closing:
            yield begun, edge.end()
            closing = ""


def _outside(found: Iterator[re.Match[str]], whole: list[tuple[int, int]]) -> Iterator[int]:
    """Ends of the matches that lie in none of the spans of `whole`; both are in order."""
    at = 0
    for match in found:
        while at < len(whole) and whole[at][1] <= match.start():
            at += 1
        if at == len(whole) or match.end() <= whole[at][0] or match.start() >= whole[at][1]:
            yield match.end()


def _sentence_cuts(text: str, start: int, end: int, whole: list[tuple[int, int]]) -> list[int]:
    inside = [span for span in whole if span[1] > start and span[0] < end]
    cuts, begun = [], start
    for at in _outside(_SENTENCE.finditer(text, start, end), inside):
        if at - begun >= AIM and end - at >= AIM // 4 and not _NO_END.search(text[max(0, at - 12) : at].rstrip()):
            cuts.append(at)
            begun = at
    return cuts


def _stripped(text: str, start: int, end: int) -> tuple[int, int] | None:
    piece = text[start:end]
    body = piece.strip()
    if not body:
        return None
    start += len(piece) - len(piece.lstrip())
    return start, start + len(body)


_HEADING = re.compile(r"(?:#{1,6}\s[^\n]*|\*\*[^*\n]{1,80}\*\*:?|(?:Step|Case|Part)\s+\w{1,4}\s*[:.)]?)", re.IGNORECASE)


def _is_heading(text: str, start: int, end: int) -> bool:
    return end - start < 160 and _HEADING.fullmatch(text, start, end) is not None
