"""Tagged traces as one self-contained HTML page, with planning spans colored by move.

The page is one file with one inline style sheet and no script, and its content security policy allows nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sgram.lexicon import MOVE_MEANINGS
from sgram.reports.pages.marked_text import Gap, Mark, MarkedStretch, build_strip, split_by_marks
from sgram.reports.pages.templates import render_page
from sgram.tagging.spans import Span


@dataclass(frozen=True, slots=True)
class TraceView:
    """A trace on the page: a summary line, and the text that it expands to."""

    id: str
    facts: tuple[str, ...]
    """Facts for the summary line, a few words each: model, outcome, planning share."""
    text: str
    spans: tuple[Span, ...]
    """Planning spans that do not overlap."""
    prompt: str | None = None
    remarks: tuple[str, ...] = ()
    """What the title of each span adds to its move; by default its gram and cluster."""

    @property
    def stretches(self) -> tuple[MarkedStretch | Gap, ...]:
        """The text, split where spans begin and end."""
        remarks = self.remarks or tuple(f"cluster {span.cluster} · '{span.gram}'" for span in self.spans)
        marks = (
            Mark(span.start, span.end, "move", span.label, f"{span.label} · {remark}")
            for span, remark in zip(self.spans, remarks, strict=True)
        )
        return split_by_marks(self.text, marks, [(0, len(self.text))])

    @property
    def bars(self) -> list[tuple[str, int, int]]:
        """Bars (class, x, width) of the strip that stands for the whole text."""
        return build_strip(len(self.text), self.spans)


@dataclass(frozen=True, slots=True)
class TracePage:
    """Contents of the page, in their order on it."""

    title: str
    summary: tuple[str, ...]
    """Sentences at the top, a paragraph each."""
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    """Cells of the table at the top; whole numbers get thousands separators."""
    move_counts: Mapping[str, int]
    """Number of spans of each move, for the legend."""
    traces: tuple[TraceView, ...]


def render_trace_page(page: TracePage) -> bytes:
    """Return the page as UTF-8 HTML; equal pages give equal bytes.

    >>> trace = TraceView("t1", (), "Wait.", (Span(0, 4, "backtracking", 0, "wait"),))
    >>> b">Wait</mark>." in render_trace_page(TracePage("1 trace", (), (), (), {}, (trace,)))
    True
    """
    legend = [(move, MOVE_MEANINGS[move], count) for move, count in page.move_counts.items() if move in MOVE_MEANINGS]
    uncolored = {move: count for move, count in page.move_counts.items() if move not in MOVE_MEANINGS}
    if uncolored:  # they share the look of "other", so one switch is for all
        legend.append((", ".join(uncolored), "moves without a color", sum(uncolored.values())))
    return render_page(
        "trace_page", shared_styles=["base", "moves", "traces"], title=page.title, page=page, legend=legend
    )
