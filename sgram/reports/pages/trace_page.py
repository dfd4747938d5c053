"""Traces as one self-contained HTML page, the marked pieces colored by move. Knows nothing about how they were found.

The page loads nothing and runs nothing: one file, one style sheet inside it, no script, and a content security
policy that says so. Whatever comes from traces is untrusted: markup is escaped, and control characters and bidi
overrides are shown as visible escapes, so that no trace can change what the rest of the page says.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from sgram.reports.pages.templates import load_template, policy_digest, read_asset

if TYPE_CHECKING:
    import jinja2

MOVES = ("deduction", "branching", "backtracking", "verification", "goal-setting", "other")
"""Moves that the style sheet has colors for; a piece of any other move looks like the last."""

_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
_STRIP_WIDTH = 1000


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a trace's text; marked where it makes a move."""

    text: str
    move: str | None = None
    title: str = ""
    """What is told of a marked piece when it is pointed at."""


@dataclass(frozen=True, slots=True)
class TraceView:
    """One trace: the line that stands for it, and what it says when opened."""

    id: str
    facts: tuple[str, ...]
    """What is known of it, each a few words: model, outcome, share."""
    pieces: tuple[TextPiece, ...]
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class LegendMove:
    """A line of the legend."""

    name: str
    count: int
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class OverviewTable:
    """A table of the overview; cells are shown as they are."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TracePage:
    """All that the page says, in its order."""

    title: str
    summary: tuple[str, ...]
    """Sentences at the top, a paragraph each."""
    moves: tuple[LegendMove, ...]
    tables: tuple[OverviewTable, ...]
    traces: tuple[TraceView, ...]


def render_trace_page(page: TracePage) -> bytes:
    """The file's bytes: UTF-8 HTML, the same for equal pages."""
    style = read_asset("trace_page.css")
    digest = policy_digest(style)
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    made = _template().render(page=page, style=style, policy=policy)
    return made.encode()


def escape_invisible(text: object) -> str:
    """`text` with control, bidi and other format characters as visible escapes; line breaks, tabs, joiners stay."""
    lines = str(text).replace("\r\n", "\n")
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode() if _is_unsafe(character) else character
        for character in lines
    )


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE and character not in "\n\t" + _JOINERS


def move_class(move: str) -> str:
    """The style sheet's class of `move`."""
    return f"m-{move if move in MOVES else MOVES[-1]}"


def strip(pieces: Sequence[TextPiece]) -> list[tuple[str, int, int]]:
    """(class, x, width) of every marked piece on a strip that stands for the whole text; at least 2 of 1000 wide."""
    total = max(1, sum(len(piece.text) for piece in pieces))
    bars, at = [], 0
    for piece in pieces:
        if piece.move is not None:
            width = max(2, len(piece.text) * _STRIP_WIDTH // total)
            x = min(at * _STRIP_WIDTH // total, _STRIP_WIDTH - width)
            bars.append((move_class(piece.move), x, width))
        at += len(piece.text)
    return bars


@cache
def _template() -> "jinja2.Template":
    return load_template("trace_page.html.jinja", escape_invisible=escape_invisible, move_class=move_class, strip=strip)
