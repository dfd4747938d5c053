"""Column store of per-trace counts: a few hundred bytes a trace; texts are not kept.

Rows are sorted at the end, so that nothing depends on the order in which traces are read.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar

import numpy as np

from sgram.array_types import FloatArray, IntArray
from sgram.tagging.text_marks import TextMarks
from sgram.tagging.token_marks import TokenSums
from sgram.traces import Trace

NO_STEP = -(1 << 62)
_Number = TypeVar("_Number")
_UNKNOWN = (np.nan, np.nan)


@dataclass(frozen=True, slots=True)
class PerTrace:
    """Numbers that are computed for each trace while it is read; its text is not kept.

    They are in ``counts.columns.per_trace``, by the name of the measure: (traces, lists, numbers).
    """

    compute: Callable[[Trace, TextMarks], Sequence[float]]
    """Called with a trace and what a gram list marks in it; returns the same number of numbers for every trace."""
    by_list: bool = False
    """Whether the numbers depend on the gram list: they are then computed for the lexicon and for each placebo."""


@dataclass(frozen=True, slots=True, eq=False)
class TraceFields(Generic[_Number]):
    """Numbers of a trace that do not depend on a gram list: integers of one trace, or (traces,) arrays of all.

    The order of the fields is the order by which the rows of all traces are sorted.
    """

    key: _Number
    source: _Number
    outcome: _Number
    """Index in `sgram.traces.trace_keys.OUTCOMES`."""
    problem: _Number
    """62 bits that identify the problem, the unit of resampling."""
    group: _Number
    """62 bits that identify the samples of one problem at one step."""
    step: _Number
    """`NO_STEP` if the trace has none."""
    words: _Number
    tokens: _Number
    """-1 if they are unknown."""
    answer: _Number
    """62 bits that identify the answer; 0 if there is none."""
    recorded_error: _Number
    """Index in `sgram.diagnosis.kinds.KINDS` of the error kind that a checker recorded; -1 if none did."""


@dataclass(frozen=True, slots=True, eq=False)
class SpanColumns:
    """The counted spans of one gram list in all traces, (spans,) each, trace by trace."""

    trace: IntArray
    gram: IntArray
    following: IntArray
    entropy: FloatArray
    """Nats, of the first token of each span; NaN if it is unknown."""


@dataclass(frozen=True, slots=True, eq=False)
class ListColumns:
    """What one gram list, the lexicon or a placebo draw, marks in all traces; (traces,) or (traces, 2)."""

    words: IntArray
    tokens: IntArray
    """(traces, 2) planning and execution tokens, -1 if they are unknown."""
    entropy: FloatArray
    """(traces, 2) sums of entropies, NaN if they are unknown."""
    nll: FloatArray
    """(traces, 2) sums of negative log-probabilities, NaN if they are unknown."""
    spans: SpanColumns


@dataclass(frozen=True, slots=True, eq=False)
class Columns(TraceFields[IntArray]):
    """The columns of all traces."""

    lists: tuple[ListColumns, ...]
    """Columns of the lexicon, then of each placebo."""
    per_trace: Mapping[str, FloatArray]
    """Measure -> (traces, lists, numbers) of its per-trace function; one list if it does not depend on the list."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(slots=True)
class _ListBuffers:
    words: "array[int]" = field(default_factory=lambda: array("q"))
    tokens: "array[int]" = field(default_factory=lambda: array("q"))
    entropy: "array[float]" = field(default_factory=lambda: array("d"))
    nll: "array[float]" = field(default_factory=lambda: array("d"))
    n_spans: "array[int]" = field(default_factory=lambda: array("q"))
    gram: "array[int]" = field(default_factory=lambda: array("i"))
    following: "array[int]" = field(default_factory=lambda: array("q"))
    first_entropy: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, marks: TextMarks | None, sums: TokenSums, first_entropies: FloatArray | None) -> None:
        self.words.append(0 if marks is None else int(marks.planning.sum()))
        self.n_spans.append(0 if marks is None else len(marks.grams))
        if marks is not None:
            self.gram.extend(marks.grams.tolist())
            self.following.extend(marks.following.tolist())
            unknown = [np.nan] * len(marks.grams)
            self.first_entropy.extend(unknown if first_entropies is None else first_entropies.tolist())
        self.tokens.extend(sums.tokens)
        self.entropy.extend(sums.entropy or _UNKNOWN)
        self.nll.extend(sums.nll or _UNKNOWN)

    def merge(self, buffers: "_ListBuffers") -> None:
        for buffer in fields(self):
            getattr(self, buffer.name).extend(getattr(buffers, buffer.name))

    def columns(self, order: IntArray) -> ListColumns:
        """Return the columns with the traces in this order."""
        sizes = np.array(self.n_spans, np.int64)
        starts, ordered_sizes = np.cumsum(sizes) - sizes, sizes[order]
        index_in_trace = np.arange(sizes.sum()) - np.repeat(np.cumsum(ordered_sizes) - ordered_sizes, ordered_sizes)
        rows = np.repeat(starts[order], ordered_sizes) + index_in_trace
        spans = SpanColumns(
            np.repeat(np.arange(len(order)), ordered_sizes),
            np.array(self.gram, np.int64)[rows],
            np.array(self.following, np.int64)[rows],
            np.array(self.first_entropy)[rows],
        )
        return ListColumns(
            np.array(self.words, np.int64)[order],
            np.array(self.tokens, np.int64).reshape(-1, 2)[order],
            np.array(self.entropy).reshape(-1, 2)[order],
            np.array(self.nll).reshape(-1, 2)[order],
            spans,
        )


class ColumnStore:
    """Collects traces one by one, in any order; `n_lists` gram lists mark each of them."""

    def __init__(self, n_lists: int) -> None:
        self._fields = {name.name: array("q") for name in fields(TraceFields)}
        self._lists = [_ListBuffers() for _ in range(n_lists)]
        self._per_trace: dict[str, list[FloatArray]] = {}
        self._n_traces = 0

    def __len__(self) -> int:
        return self._n_traces

    def add(
        self,
        trace_fields: TraceFields[int],
        marks: Sequence[TextMarks],
        sums: Sequence[TokenSums] = (),
        first_entropies: FloatArray | None = None,
        per_trace: Mapping[str, FloatArray] | None = None,
    ) -> None:
        """Add one trace: its marks by each list and, if its tokens are known, their sums by each list.

        `first_entropies` are those of the first tokens of the first list's spans. If fewer lists than the store has
        are passed, the others mark nothing. `per_trace` maps measures to (lists, numbers).
        """
        for name, numbers in self._fields.items():
            numbers.append(getattr(trace_fields, name))
        for index, buffers in enumerate(self._lists):
            buffers.add(
                marks[index] if index < len(marks) else None,
                sums[index] if index < len(sums) else TokenSums(),
                None if index else first_entropies,
            )
        for name, by_list in (per_trace or {}).items():
            self._per_trace.setdefault(name, []).append(by_list)
        self._n_traces += 1

    def merge(self, store: "ColumnStore") -> None:
        """Add the traces of another store with as many gram lists."""
        for name, numbers in self._fields.items():
            numbers.extend(store._fields[name])
        for buffers, added_buffers in zip(self._lists, store._lists, strict=True):
            buffers.merge(added_buffers)
        for name, rows in store._per_trace.items():
            self._per_trace.setdefault(name, []).extend(rows)
        self._n_traces += store._n_traces

    def columns(self) -> Columns:
        """Return all traces, sorted by their fields."""
        arrays = {name: np.array(numbers, np.int64) for name, numbers in self._fields.items()}
        order = np.lexsort(list(reversed(arrays.values())))
        return Columns(
            **{name: numbers[order] for name, numbers in arrays.items()},
            lists=tuple(buffers.columns(order) for buffers in self._lists),
            per_trace={name: _stack(rows)[order] for name, rows in self._per_trace.items()},
        )


def _stack(rows: Sequence[FloatArray]) -> FloatArray:
    """Return (traces, lists, numbers); lists that a trace's lexicon lacks are NaN."""
    n_lists = max(len(row) for row in rows)
    stacked = np.full((len(rows), n_lists, rows[0].shape[1]), np.nan)
    for index, row in enumerate(rows):
        stacked[index, : len(row)] = row
    return stacked
