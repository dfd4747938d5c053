"""Spans as pandas tables, for notebooks."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sgram.errors import MissingExtraError, UsageError
from sgram.lexicon import LexiconLike, SentenceScorerLike
from sgram.tagging.spans import MaskKind, Span
from sgram.traces import Trace, as_traces
from sgram.traces.from_python import Rollouts

if TYPE_CHECKING:
    import pandas as pd

# Nullable types: a missing value stays missing, and an empty table has the same types.
_SPAN_TYPES = {
    "start": "int64",
    "end": "int64",
    "label": "string",
    "cluster": "Int64",
    "gram": "string",
    "text": "string",
}
_TRACE_TYPES = {"id": "string", "group": "string", "model": "string", "step": "Int64", "correct": "boolean"}


def spans_to_frame(spans: Iterable[Span], text: str | None = None) -> "pd.DataFrame":
    """Return one row per span, in the same order: start, end, label, cluster, gram and, from `text`, its characters.

    Without `text` the column text is missing. Without spans the table is empty and has the same types. Raise
    `MissingExtraError` if pandas is not installed.

    >>> spans_to_frame([Span(0, 4, "backtracking", 0, "wait")], "Wait.").gram.tolist()
    ['wait']
    """
    rows = [_span_row(span, text) for span in spans]
    types = {name: kind for name, kind in _SPAN_TYPES.items() if text is not None or name != "text"}
    return _build_frame(rows, types)


def traces_to_frame(
    traces: Rollouts, lexicon: LexiconLike, mask: MaskKind = "grams", scorer: SentenceScorerLike = "sgram"
) -> "pd.DataFrame":
    """Return one row per span of `lexicon` in `traces`: id, group, model, step and correct, then `spans_to_frame`.

    The table contains every occurrence, also nested ones, by trace and start; a trace without spans has no row. With
    another kind of `mask`, the spans are planning sentences by `scorer`, or the grams inside of them. Raise
    `UsageError` if `traces` is one trace, `MissingExtraError` if pandas is not installed.

    >>> from sgram.lexicon import Lexicon
    >>> traces = [Trace(id="a", text="Wait. Wait."), Trace(id="b", text="So.")]
    >>> traces_to_frame(traces, Lexicon.from_grams(["wait"])).id.tolist()
    ['a', 'a']
    """
    if isinstance(traces, Trace):
        raise UsageError("traces must be several traces (got one trace); write [trace]")
    from sgram.tagging.mask_kinds import PlanningFinder

    find = PlanningFinder(lexicon, mask, scorer)
    rows = []
    for trace in as_traces(traces):
        trace_row = tuple(getattr(trace, name) for name in _TRACE_TYPES)
        rows += [trace_row + _span_row(span, trace.text) for span in find(trace.text)]
    return _build_frame(rows, _TRACE_TYPES | _SPAN_TYPES)


def _span_row(span: Span, text: str | None) -> tuple[Any, ...]:
    row = (span.start, span.end, span.label, span.cluster, span.gram or None)
    return row if text is None else (*row, text[span.start : span.end])


def _build_frame(rows: Sequence[tuple[Any, ...]], types: dict[str, str]) -> "pd.DataFrame":
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(f"a table of spans needs pandas ({error}); pip install 'sgram[pandas]'") from error
    columns = list(zip(*rows, strict=True)) or [()] * len(types)
    return pd.DataFrame(
        {name: pd.array(column, kind) for (name, kind), column in zip(types.items(), columns, strict=True)}
    )
