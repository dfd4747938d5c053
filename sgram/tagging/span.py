"""The span: an occurrence of a gram, or a planning sentence; and the spans of one text as a list."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sgram.frames import Backend, CellKind, build_frame
from sgram.notebook_html import render_notebook_html

SPAN_COLUMNS: MappingProxyType[str, CellKind] = MappingProxyType(
    {"start": "offset", "end": "offset", "label": "text", "cluster": "count", "gram": "text", "text": "text"}
)
"""Columns of a data frame of spans; `text` are the characters of the span."""
_MAX_NAMED = 5
"""Spans that a representation names."""
_LONGEST_NAME = 30


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An occurrence of a gram, or a planning sentence: half-open character offsets into the unchanged text.

    >>> Span(6, 12, "verification", 0, "let me").n_words
    2
    """

    start: int
    end: int
    label: str
    """The move."""
    cluster: int | None = None
    """Id of the gram's cluster in the lexicon."""
    gram: str = ""
    """The gram: words in normal form, joined by one space; empty for a sentence."""

    @property
    def n_words(self) -> int:
        """Number of words of the gram."""
        return self.gram.count(" ") + 1


def span_cells(span: Span, text: str | None) -> tuple[Any, ...]:
    """Return the cells of a span under `SPAN_COLUMNS`; without `text` the last one is missing.

    >>> span_cells(Span(0, 4, "backtracking", 0, "wait"), "Wait.")
    (0, 4, 'backtracking', 0, 'wait', 'Wait')
    """
    characters = None if text is None else text[span.start : span.end]
    return span.start, span.end, span.label, span.cluster, span.gram or None, characters


class SpanList(list[Span]):
    """List of the spans of a text, equal to a plain list of them. Notebooks show the text with its spans marked.

    >>> spans = SpanList([Span(0, 4, "backtracking", 0, "wait")], "Wait.")
    >>> spans
    SpanList(1 span in 5 characters: 'Wait' backtracking)
    >>> spans == [Span(0, 4, "backtracking", 0, "wait")]
    True
    """

    __slots__ = ("text",)

    def __init__(self, spans: Iterable[Span], text: str) -> None:
        super().__init__(spans)
        self.text = text
        """The text whose characters the offsets count."""

    def frame(self, backend: Backend | None = None) -> Any:
        """Return one row per span: start, end, label, cluster, gram, and its characters as text.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.

        >>> SpanList([Span(0, 4, "backtracking", 0, "wait")], "Wait.").frame().text.tolist()
        ['Wait']
        """
        return build_frame(SPAN_COLUMNS, [span_cells(span, self.text) for span in self], backend)

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return SpanList, (list(self), self.text)

    def __repr__(self) -> str:
        names = [
            f"{self.text[span.start : span.end][:_LONGEST_NAME]!r} {span.label[:_LONGEST_NAME]}"
            for span in self[:_MAX_NAMED]
        ]
        names += ["..."] * (len(self) > _MAX_NAMED)
        n_spans = f"{len(self):,} span{'' if len(self) == 1 else 's'} in {len(self.text):,} characters"
        return f"SpanList({': '.join(filter(None, (n_spans, ', '.join(names))))})"
