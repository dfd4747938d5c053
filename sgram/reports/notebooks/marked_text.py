"""A text with its planning spans, as `show` returns it."""

from dataclasses import dataclass
from typing import Any

from sgram.frames import Backend
from sgram.lexicon import Lexicon
from sgram.notebook_html import render_notebook_html
from sgram.reports.pages.templates import escape_invisible
from sgram.tagging.span import SpanList
from sgram.tagging.spans import remove_overlaps
from sgram.traces import Trace

_LONGEST_EXCERPT = 160


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MarkedText:
    """A text with the spans of a lexicon: HTML in a notebook, text with ``[marked words|move]`` if it is printed.

    >>> from sgram import show
    >>> print(show("Wait, let me see.", ["wait", "let me"]))
    [Wait|other], [let me|other] see.
    """

    text: str
    spans: SpanList
    """Every occurrence, also nested ones."""
    lexicon: Lexicon
    trace: Trace | None = None
    """The trace that the text is from."""

    def frame(self, backend: Backend | None = None) -> Any:
        """Return the spans as a data frame (`SpanList.frame`)."""
        return self.spans.frame(backend)

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __str__(self) -> str:
        parts, position = [], 0
        for span in remove_overlaps(self.spans):
            parts += [self.text[position : span.start], f"[{self.text[span.start : span.end]}|{span.label}]"]
            position = span.end
        return escape_invisible("".join([*parts, self.text[position:]]))

    def __repr__(self) -> str:
        n_spans = f"{len(self.spans):,} span{'' if len(self.spans) == 1 else 's'}"
        marked = " ".join(str(self).split())
        excerpt = marked if len(marked) <= _LONGEST_EXCERPT else f"{marked[: _LONGEST_EXCERPT - 3]}..."
        return f"{n_spans} of {self.lexicon.name[:60]!r} in {len(self.text):,} characters\n{excerpt}"
