"""Spans as pandas tables, for notebooks. Knows nothing about tokens or files."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sgram.errors import MissingExtraError, UsageError
from sgram.lexicon import Lexicon
from sgram.tagging.spans import Span
from sgram.traces import Trace

if TYPE_CHECKING:
    import pandas as pd

# Types that hold what is missing as missing, and are the same in an empty table.
_SPAN = {"start": "int64", "end": "int64", "label": "string", "cluster": "Int64", "gram": "string", "text": "string"}
_TRACE = {"id": "string", "group": "string", "model": "string", "step": "Int64", "correct": "boolean"}


def to_frame(spans: Iterable[Span], text: str | None = None) -> "pd.DataFrame":
    """One row a span, in the order given: start, end, label, cluster, gram, and as `text` the words of `text` there.

    Without `text` that last column is missing. No spans make an empty table of the same types.
    """
    rows = [_span_row(span, text) for span in spans]
    return _frame(rows, _SPAN if text is not None else {name: _SPAN[name] for name in list(_SPAN)[:-1]})


def spans_frame(traces: Iterable[Trace], lexicon: Lexicon) -> "pd.DataFrame":
    """One row a span of `lexicon` in the `traces`: id, group, model, step and correct of its trace, then `to_frame`'s.

    Every occurrence is there, nested ones too, by trace and start; a trace without any has no row.
    """
    if isinstance(traces, Trace):
        raise UsageError("spans_frame takes traces, not one trace; write [trace]")
    from sgram.tagging.span_finder import SpanFinder

    find = SpanFinder(lexicon)
    rows = []
    for trace in traces:
        known = tuple(getattr(trace, name) for name in _TRACE)
        rows += [known + _span_row(span, trace.text) for span in find(trace.text)]
    return _frame(rows, _TRACE | _SPAN)


def _span_row(span: Span, text: str | None) -> tuple[Any, ...]:
    row = (span.start, span.end, span.label, span.cluster, span.gram or None)
    return row if text is None else (*row, text[span.start : span.end])


def _frame(rows: Sequence[tuple[Any, ...]], kinds: dict[str, str]) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(f"a table of spans needs pandas ({error}); pip install 'sgram[pandas]'") from error
    columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
    return pd.DataFrame(
        {name: pd.array(values, kind) for (name, kind), values in zip(kinds.items(), columns, strict=True)}
    )
