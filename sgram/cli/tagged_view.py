"""Tagged traces as people see them, in a terminal and on a page. Nothing but printing, and plain data for the page."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sgram.cli.console import MOVE_COLORS, printable
from sgram.lexicon import MOVE_MEANINGS, MOVES

if TYPE_CHECKING:
    from sgram.reports.pages.trace_page import Move, ShownTrace, Table
    from sgram.tagging.planning_shares import Share, ShareRow
    from sgram.tagging.summary import MoveRow
    from sgram.tagging.tagged_rollouts import TaggedTrace

_OUTCOMES = {True: "correct", False: "wrong", None: "not judged"}
_WIDTH = 100


def percent(share: float | None, width: int = 0) -> str:
    """A share for people, at least so wide; "-" where it is undefined."""
    return ("-" if share is None else f"{100 * share:.1f} %").rjust(width)


def share_table(
    rows: Sequence["ShareRow"], unit: str, whole_names: bool = False
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Columns and cells of a table of shares; narrow enough for 80 characters, but for whole names of models."""
    columns = ("traces of", "planning", "95 % interval", "mean", "traces", unit)
    cells = [
        (
            name if whole_names else _short(name),
            percent(row.pooled.value, 6),
            _interval(row.pooled),
            percent(row.mean.value, 6),
            row.n_traces,
            row.n_units,
        )
        for row in rows
        for name in (row.model or row.outcome or "all",)
    ]
    return columns, cells


def _short(name: str, limit: int = 26) -> str:
    """The end of a long model name, which tells models apart."""
    return name if len(name) <= limit else f"...{name[3 - limit :]}"


def _interval(share: "Share") -> str:
    return "-" if share.low is None else f"{100 * share.low:.1f} to {100 * share.high:.1f}"


# -- terminal -------------------------------------------------------------------------------------------


def show_traces(tagged: Iterable["TaggedTrace"], most_lines: int) -> None:
    """Print a legend and the traces, planning spans in their move's color, at most so many lines each (0: all).

    Where there is no color (NO_COLOR, a pipe), a span is written [move: words], so that nothing is lost.
    """
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDTH)
    in_color = console.is_terminal and not console.no_color and console.color_system is not None
    if in_color:
        console.print(Text("  ").join(Text(move, _style(move)) for move in MOVES))
    else:
        console.print(f"Planning spans are written [move: words]; moves: {', '.join(MOVES)}.", markup=False)
    for one in tagged:
        console.print()
        console.print(Text(f"--- {printable('  '.join((one.trace.id, *_facts(one))))}"), soft_wrap=True)
        _show_text(one, console, in_color, most_lines)


def _style(move: str) -> str:
    color = MOVE_COLORS[move]
    return "bold underline" if color == "default" else f"bold {color}"


def _facts(one: "TaggedTrace") -> tuple[str, ...]:
    """What is known of a trace, each a few words."""
    trace, (planning, total) = one.trace, one.counts()
    unit = "characters" if one.planning_mask is None else "tokens"
    named = (("group", trace.group), ("model", trace.model), ("step", trace.step))
    known = [f"{name} {value}" for name, value in named if value is not None]
    share = f"{percent(planning / total if total else None)} of {total:,} {unit} planning"
    return (*known, _OUTCOMES[trace.correct], share)


def _lines(one: "TaggedTrace", in_color: bool) -> Iterator[Text]:
    """The trace's own lines, marked; each is made when it is asked for."""
    from sgram.tagging.projection import cut_pieces

    line = Text()
    for text, span in cut_pieces(one.trace.text, one.spans):
        for number, part in enumerate(text.replace("\r\n", "\n").split("\n")):
            if number:
                yield line
                line = Text()
            if span is None:
                line.append(printable(part))
            elif in_color:
                line.append(printable(part), _style(span.label))
            else:
                line.append(f"[{span.label}: {printable(part)}]")
    yield line


def _show_text(one: "TaggedTrace", console: Console, in_color: bool, most_lines: int) -> None:
    wrapped = (
        part for line in _lines(one, in_color) for part in (line.wrap(console, console.width - 2) if line else [line])
    )
    for line in islice(wrapped, most_lines or None):
        console.print(Text("  ") + line if line else "", soft_wrap=True)
    left = sum(1 for _ in wrapped)
    if left:
        console.print(f"  ... {left:,} more lines (--lines 0 shows all)")


# -- page -----------------------------------------------------------------------------------------------


def page_legend(moves: Iterable["MoveRow"]) -> tuple["Move", ...]:
    """The page's legend: every move with its number of spans in all traces."""
    from sgram.reports.pages.trace_page import Move

    return tuple(Move(row.move, row.spans, MOVE_MEANINGS[row.move]) for row in moves)


def page_table(columns: Sequence[str], cells: Iterable[Sequence[object]]) -> "Table":
    """A table of the page; whole numbers get their commas."""
    from sgram.reports.pages.trace_page import Table

    shown = tuple(tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in cells)
    return Table(tuple(columns), shown)


def page_traces(tagged: Iterable["TaggedTrace"]) -> tuple["ShownTrace", ...]:
    """The traces as plain data for the page."""
    from sgram.reports.pages.trace_page import Piece, ShownTrace
    from sgram.tagging.projection import cut_pieces

    shown = []
    for one in tagged:
        pieces = tuple(
            Piece(text)
            if span is None
            else Piece(text, span.label, f"{span.label} · cluster {span.cluster} · '{span.gram}'")
            for text, span in cut_pieces(one.trace.text, one.spans)
        )
        shown.append(ShownTrace(one.trace.id, _facts(one), pieces, one.trace.prompt))
    return tuple(shown)
