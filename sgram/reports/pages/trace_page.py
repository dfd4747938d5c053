"""Tagged traces as one self-contained HTML page, with planning spans colored by move.

The page is one file with one inline style sheet and no script, and its content security policy allows nothing else.
Texts from traces are untrusted: markup is escaped, and control and bidi characters are shown as visible escapes, so
that no trace can change the rest of the page.
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
"""Moves that have a color in the style sheet; any other move gets the color of the last one."""

_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"
_STRIP_WIDTH = 1000
_MIN_BAR_WIDTH = 2


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A piece of a trace's text; `move` is None outside of planning spans."""

    text: str
    move: str | None = None
    title: str = ""
    """Tooltip of a planning span."""


@dataclass(frozen=True, slots=True)
class TraceView:
    """A trace on the page: a summary line, and the text that it expands to."""

    id: str
    facts: tuple[str, ...]
    """Facts for the summary line, a few words each: model, outcome, planning share."""
    pieces: tuple[TextPiece, ...]
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class LegendMove:
    """A line of the legend: a move, its number of spans, and its meaning."""

    name: str
    count: int
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class OverviewTable:
    """A table at the top of the page, of cells that are already formatted."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TracePage:
    """Contents of the page, in their order on it."""

    title: str
    summary: tuple[str, ...]
    """Sentences at the top, a paragraph each."""
    moves: tuple[LegendMove, ...]
    tables: tuple[OverviewTable, ...]
    traces: tuple[TraceView, ...]


def render_trace_page(page: TracePage) -> bytes:
    """Return the page as UTF-8 HTML; equal pages give equal bytes.

    >>> page = TracePage("1 trace", (), (), (), (TraceView("t1", (), (TextPiece("Wait.", "backtracking"),)),))
    >>> b'<mark class="m-backtracking" title="">Wait.</mark>' in render_trace_page(page)
    True
    """
    style = read_asset("trace_page.css")
    digest = policy_digest(style)
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return _template().render(page=page, style=style, policy=policy).encode()


def escape_invisible(text: object) -> str:
    r"""Return `text` with control, bidi and other format characters as visible escapes.

    Line breaks, tabs and joiners (which emoji need) stay as they are; a Windows line break becomes a line feed.

    >>> escape_invisible("a\x1b[2J \u202eevil")
    'a\\x1b[2J \\u202eevil'
    """
    lines = str(text).replace("\r\n", "\n")
    return "".join(
        character.encode("unicode_escape", "surrogatepass").decode() if _is_unsafe(character) else character
        for character in lines
    )


def _is_unsafe(character: str) -> bool:
    return unicodedata.category(character) in _UNSAFE_CATEGORIES and character not in "\n\t" + _JOINERS


def move_class(move: str) -> str:
    """Return the style sheet's class of a move.

    >>> move_class("branching"), move_class("unknown")
    ('m-branching', 'm-other')
    """
    return f"m-{move if move in MOVES else MOVES[-1]}"


def build_strip(pieces: Sequence[TextPiece]) -> list[tuple[str, int, int]]:
    """Return the bars (class, x, width) of the planning spans on a strip 1,000 wide that stands for the whole text.

    A bar is at least 2 wide.

    >>> build_strip([TextPiece("x" * 40), TextPiece("y" * 10, "deduction"), TextPiece("z" * 50)])
    [('m-deduction', 400, 100)]
    """
    n_characters = max(1, sum(len(piece.text) for piece in pieces))
    bars, start = [], 0
    for piece in pieces:
        if piece.move is not None:
            width = max(_MIN_BAR_WIDTH, len(piece.text) * _STRIP_WIDTH // n_characters)
            x = min(start * _STRIP_WIDTH // n_characters, _STRIP_WIDTH - width)
            bars.append((move_class(piece.move), x, width))
        start += len(piece.text)
    return bars


@cache
def _template() -> "jinja2.Template":
    return load_template(
        "trace_page.html.jinja", escape_invisible=escape_invisible, move_class=move_class, build_strip=build_strip
    )
