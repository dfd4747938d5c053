"""Texts in notebooks: a trace, and a text with its spans marked by move."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sgram.lexicon import order_moves
from sgram.reports.notebooks.marked_text import MarkedText
from sgram.reports.notebooks.output_html import render_output
from sgram.reports.pages.marked_text import Gap, Mark, MarkedStretch, build_strip, choose_windows, split_by_marks
from sgram.reports.pages.templates import shorten
from sgram.tagging.span import SpanList
from sgram.tagging.spans import remove_overlaps
from sgram.traces import Trace

_MAX_CHARACTERS = 20_000
"""Characters of a text that an output shows: of a longer one its beginning and its end."""
_LONGEST_PROMPT = 3000
_OUTCOMES = {True: "correct", False: "wrong"}


@dataclass(frozen=True, slots=True)
class TextView:
    """What an output shows of a text."""

    title: str
    facts: tuple[str, ...]
    prompt: str
    move_counts: tuple[tuple[str, int], ...]
    bars: tuple[tuple[str, int, int], ...]
    stretches: tuple[MarkedStretch | Gap, ...]


def render(value: Trace | SpanList | MarkedText) -> str:
    """Return the HTML of a trace, of the spans of a text, or of what `show` returns.

    >>> from sgram.tagging.spans import find_spans
    >>> "<mark" in render(find_spans("Wait, so it is 4.", "wang2025"))
    True
    """
    if isinstance(value, Trace):
        view = _view(value.text, SpanList((), value.text), value)
    elif isinstance(value, SpanList):
        view = _view(value.text, value, None, _count(value))
    else:
        view = _view(value.text, value.spans, value.trace, f"lexicon {value.lexicon.name}", _count(value.spans))
    return render_output("notebook_text", view=view)


def _view(text: str, spans: SpanList, trace: Trace | None, *facts: str) -> TextView:
    separate_spans = remove_overlaps(spans)
    counts = Counter(span.label for span in separate_spans)
    marks = [
        Mark(
            span.start, span.end, "move", span.label, shorten(f"{span.label}: {span.gram}" if span.gram else span.label)
        )
        for span in separate_spans
    ]
    return TextView(
        trace.id if trace else "",
        (*facts, *_facts_of(trace), f"{len(text):,} characters"),
        shorten((trace and trace.prompt) or "", _LONGEST_PROMPT),
        tuple((move, counts[move]) for move in order_moves(counts)),
        tuple(build_strip(len(text), separate_spans)) if separate_spans else (),
        split_by_marks(text, marks, choose_windows(text, [], _MAX_CHARACTERS)),
    )


def _count(spans: SpanList) -> str:
    return f"{len(spans):,} span{'' if len(spans) == 1 else 's'}"


def _facts_of(trace: Trace | None) -> Iterator[str]:
    if trace is None:
        return
    if trace.model is not None:
        yield trace.model
    if trace.step is not None:
        yield f"step {trace.step:,}"
    if trace.correct is not None:
        yield _OUTCOMES[trace.correct]
    if trace.answer is not None:
        yield f"answer {trace.answer}"
    if trace.reference is not None:
        yield f"reference {trace.reference}"
