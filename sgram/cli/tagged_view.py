"""Tagged traces for people: printed in a terminal, and as plain data for the HTML page."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sgram.cli.console import MOVE_COLORS, name_width, printable, stdout_console
from sgram.cli.estimate_cells import percent, percent_interval, shorten_start
from sgram.lexicon import SentenceScorer

if TYPE_CHECKING:
    from sgram.reports.pages.trace_page import TraceView
    from sgram.tagging.planning_shares import ShareRow
    from sgram.tagging.tagged_rollouts import TaggedTrace

_OUTCOMES = {True: "correct", False: "wrong", None: "not judged"}
_WIDTH = 100
_NAME_WIDTH = 26
_NEAR_1 = 0.995
"""Probability that two digits would round to 1."""


def share_table(
    rows: Sequence["ShareRow"], unit: str, whole_names: bool = False
) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return columns and cells of a table of planning shares, 80 characters wide unless names are whole."""
    columns = ("traces of", "planning", "95 % interval", "mean", "traces", unit)
    cells: list[tuple[object, ...]] = []
    for row in rows:
        name = row.model or row.outcome or "all"
        planning = percent(row.pooled.value, 6), percent_interval(row.pooled.low, row.pooled.high)
        name = name if whole_names else shorten_start(name, name_width(_NAME_WIDTH))
        cells.append((name, *planning, percent(row.mean.value, 6), row.n_traces, row.n_units))
    return columns, cells


# -- terminal -------------------------------------------------------------------------------------------


def show_traces(tagged_traces: Iterable["TaggedTrace"], max_lines: int, moves: Sequence[str]) -> None:
    """Print a legend of the moves and the traces, at most `max_lines` lines each (0: all).

    Planning spans have their move's color.

    Without color (NO_COLOR, a pipe), a span is written [move: words].
    """
    console = stdout_console(_WIDTH)
    in_color = console.is_terminal and not console.no_color and console.color_system is not None
    if in_color:
        console.print(Text("  ").join(Text(move, _style(move)) for move in moves))
    else:
        console.print(f"Planning spans are written [move: words]; moves: {', '.join(moves)}.", markup=False)
    for tagged in tagged_traces:
        console.print()
        console.print(Text(f"--- {printable('  '.join((tagged.trace.id, *_facts(tagged))))}"), soft_wrap=True)
        _show_text(tagged, console, in_color, max_lines)


def _style(move: str) -> str:
    color = MOVE_COLORS.get(move, "default")
    return "bold underline" if color == "default" else f"bold {color}"


def _facts(tagged: "TaggedTrace") -> tuple[str, ...]:
    """Return what is known of a trace besides its text, a few words for each fact."""
    trace, (n_planning, total) = tagged.trace, tagged.count_units()
    unit = "characters" if tagged.planning_mask is None else "tokens"
    unit = unit if tagged.part is None else f"{unit} of the part"
    fields = (("group", trace.group), ("model", trace.model), ("step", trace.step))
    facts = [f"{name} {field}" for name, field in fields if field is not None]
    share = f"{percent(n_planning / total if total else None)} of {total:,} {unit} planning"
    return (*facts, _OUTCOMES[trace.correct], share)


def _marked_lines(tagged: "TaggedTrace", in_color: bool) -> Iterator[Text]:
    """Yield the lines of the trace with its spans marked."""
    from sgram.tagging.projection import split_by_spans

    line = Text()
    for text, span in split_by_spans(tagged.trace.text, tagged.spans):
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


def _show_text(tagged: "TaggedTrace", console: Console, in_color: bool, max_lines: int) -> None:
    wrapped = (
        part
        for line in _marked_lines(tagged, in_color)
        for part in (line.wrap(console, console.width - 2) if line else [line])
    )
    for line in islice(wrapped, max_lines or None):
        console.print(Text("  ") + line if line else "", soft_wrap=True)
    n_hidden = sum(1 for _ in wrapped)
    if n_hidden:
        console.print(f"  ... {n_hidden:,} more lines (--lines 0 shows all)")


# -- page -----------------------------------------------------------------------------------------------


def page_traces(
    tagged_traces: Iterable["TaggedTrace"], scorer: SentenceScorer | None = None
) -> tuple["TraceView", ...]:
    """Return the traces as plain data for the page; with `scorer`, what speaks for each sentence is said."""
    from sgram.reports.pages.trace_page import TraceView
    from sgram.tagging.spans import remove_overlaps

    views = []
    for tagged in tagged_traces:
        trace, spans = tagged.trace, tuple(remove_overlaps(tagged.spans))
        remarks = (
            tuple(_describe_sentence(trace.text[span.start : span.end], scorer) for span in spans) if scorer else ()
        )
        views.append(TraceView(trace.id, _facts(tagged), trace.text, spans, trace.prompt, remarks))
    return tuple(views)


def _describe_sentence(text: str, scorer: SentenceScorer) -> str:
    """Return the probability of a planning sentence, and the grams that speak most for it."""
    sentence = scorer.score_sentence(text)
    if sentence is None:
        raise ValueError(f"{text!r:.40} has no word")
    grams = ", ".join(f"'{gram.text}'" for gram in sentence.grams)
    probability = f"{sentence.probability:.2f}" if sentence.probability < _NEAR_1 else "above 0.99"
    return f"probability {probability}" + (f", most by {grams}" if grams else "")
