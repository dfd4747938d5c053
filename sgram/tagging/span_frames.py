"""Spans as data frames, for notebooks."""

from collections.abc import Iterable
from typing import Any

from sgram.errors import UsageError
from sgram.frames import Backend, CellKind, build_frame
from sgram.lexicon import LexiconLike, SentenceScorerLike
from sgram.tagging.span import SPAN_COLUMNS, Span, span_cells
from sgram.tagging.spans import MaskKind
from sgram.traces import Trace, as_traces
from sgram.traces.from_python import Rollouts

_TRACE_COLUMNS: dict[str, CellKind] = {
    "id": "text",
    "group": "text",
    "model": "text",
    "step": "count",
    "correct": "flag",
}


def spans_to_frame(spans: Iterable[Span], text: str | None = None, backend: Backend | None = None) -> Any:
    """Return one row per span, in the same order: start, end, label, cluster, gram and, from `text`, its characters.

    Without `text` the column text is missing. Without spans the table is empty and has the same types. `backend` is
    ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not installed.

    >>> spans_to_frame([Span(0, 4, "backtracking", 0, "wait")], "Wait.").gram.tolist()
    ['wait']
    """
    columns = {name: kind for name, kind in SPAN_COLUMNS.items() if text is not None or name != "text"}
    return build_frame(columns, [span_cells(span, text)[: len(columns)] for span in spans], backend)


def traces_to_frame(
    traces: Rollouts,
    lexicon: LexiconLike,
    mask: MaskKind = "grams",
    scorer: SentenceScorerLike = "sgram",
    backend: Backend | None = None,
) -> Any:
    """Return one row per span of `lexicon` in `traces`: id, group, model, step and correct, then `spans_to_frame`.

    The table contains every occurrence, also nested ones, by trace and start; a trace without spans has no row. With
    another kind of `mask`, the spans are planning sentences by `scorer`, or the grams inside of them. Raise
    `UsageError` if `traces` is one trace, `MissingExtraError` if the library of `backend` is not installed.

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
        trace_cells = tuple(getattr(trace, name) for name in _TRACE_COLUMNS)
        rows += [(*trace_cells, *span_cells(span, trace.text)) for span in find(trace.text)]
    return build_frame({**_TRACE_COLUMNS, **SPAN_COLUMNS}, rows, backend)
