"""Counts of traces that pass by, a few hundred bytes each, never their texts.

Rows are brought into one order at the end, so that nothing depends on the order in which traces came.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sgram.analysis.text_marker import TextMarks
from sgram.array_types import FloatArray, IntArray

OUTCOMES = ("correct", "wrong", "not judged")
NO_STEP = -(1 << 62)


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Sums over the planning and over the execution tokens of one trace: (planning, execution) each."""

    tokens: tuple[int, int]
    entropy: tuple[float, float] | None = None
    """Nats; None where entropies are not known."""
    nll: tuple[float, float] | None = None
    """Negative log-probabilities, nats; None where they are not known."""


@dataclass(frozen=True, slots=True)
class TraceRow:
    """What is kept of one trace, whatever the lexicon."""

    key: int
    source: int
    outcome: int
    """Place in `OUTCOMES`."""
    problem: int
    """What resampling draws: 62 bits that stand for the problem."""
    group: int
    """The samples of one problem at one step."""
    step: int | None
    n_words: int
    n_tokens: int | None
    answer: int
    """62 bits that stand for the answer; 0 where there is none."""
    told: int = -1
    """Place in `sgram.diagnosis.kinds.KINDS` of the kind of error that a checker told; -1 where none did."""
    shape: tuple[str | None, float | None, float | None] = (None, None, None)
    """Kind, similarity and variation of the execution spans (`sgram.metrics.architecture`)."""


@dataclass(frozen=True, slots=True, eq=False)
class SpanColumns:
    """The spans of one list in many traces, (n,) each, trace by trace."""

    trace: IntArray
    gram: IntArray
    following: IntArray
    entropy: FloatArray
    """Nats, of the first token of each; NaN where it is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class ListColumns:
    """What one list, the lexicon or a placebo draw, marks in each trace; (traces,) or (traces, 2)."""

    words: IntArray
    tokens: IntArray
    """(traces, 2) planning and execution tokens, -1 where tokens are not known."""
    entropy: FloatArray
    """(traces, 2) sums of entropies, NaN where they are not known."""
    nll: FloatArray
    """(traces, 2) the same of negative log-probabilities."""
    spans: SpanColumns


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """All traces, (traces,) each, in an order of their own."""

    key: IntArray
    source: IntArray
    outcome: IntArray
    problem: IntArray
    group: IntArray
    step: IntArray
    """`NO_STEP` where there is none."""
    words: IntArray
    tokens: IntArray
    """-1 where they are not known."""
    answer: IntArray
    told: IntArray
    """-1 where no kind of error was told."""
    shape: tuple[tuple[str | None, float | None, float | None], ...]
    lists: tuple[ListColumns, ...]
    """The lexicon's, then a placebo's each."""

    def __len__(self) -> int:
        return len(self.key)


@dataclass(slots=True)
class _ListLog:
    words: "array[int]" = field(default_factory=lambda: array("q"))
    tokens: "array[int]" = field(default_factory=lambda: array("q"))
    entropy: "array[float]" = field(default_factory=lambda: array("d"))
    nll: "array[float]" = field(default_factory=lambda: array("d"))
    n_spans: "array[int]" = field(default_factory=lambda: array("q"))
    gram: "array[int]" = field(default_factory=lambda: array("i"))
    following: "array[int]" = field(default_factory=lambda: array("q"))
    first: "array[float]" = field(default_factory=lambda: array("d"))


_NUMBERS = ("key", "source", "outcome", "problem", "group", "step", "words", "tokens", "answer", "told")


class Ledger:
    """Traces as counts, added one by one in any order; `n_lists` lists mark each of them."""

    def __init__(self, n_lists: int):
        self._rows = {name: array("q") for name in _NUMBERS}
        self._shape: list[tuple[str | None, float | None, float | None]] = []
        self._lists = [_ListLog() for _ in range(n_lists)]

    def __len__(self) -> int:
        return len(self._shape)

    def add(
        self,
        row: TraceRow,
        marks: Sequence[TextMarks],
        sums: Sequence[TokenSums] | None = None,
        first: FloatArray | None = None,
    ) -> None:
        """Count one trace: its marks by each list, and where its tokens are known, their sums by each list.

        `first` are the entropies of the first tokens of the first list's spans. Fewer lists than the ledger has may be
        given; the others then mark nothing.
        """
        tokens = -1 if row.n_tokens is None else row.n_tokens
        step = NO_STEP if row.step is None else row.step
        values = (
            row.key,
            row.source,
            row.outcome,
            row.problem,
            row.group,
            step,
            row.n_words,
            tokens,
            row.answer,
            row.told,
        )
        for name, value in zip(_NUMBERS, values, strict=True):
            self._rows[name].append(value)
        self._shape.append(row.shape)
        for place, log in enumerate(self._lists):
            known = marks[place] if place < len(marks) else None
            log.words.append(0 if known is None else int(known.planning.sum()))
            log.n_spans.append(0 if known is None else len(known.grams))
            if known is not None:
                log.gram.extend(known.grams.tolist())
                log.following.extend(known.following.tolist())
                log.first.extend([np.nan] * len(known.grams) if first is None or place else first.tolist())
            found = sums[place] if sums is not None and place < len(sums) else None
            log.tokens.extend((-1, -1) if found is None else found.tokens)
            log.entropy.extend(_or_nan(None if found is None else found.entropy))
            log.nll.extend(_or_nan(None if found is None else found.nll))

    def columns(self) -> Columns:
        """All that was added, in an order that does not depend on when it was."""
        rows = {name: np.array(self._rows[name], np.int64) for name in _NUMBERS}
        order = np.lexsort([rows[name] for name in reversed(_NUMBERS)])
        numbers = {name: values[order] for name, values in rows.items()}
        shapes = tuple(self._shape[place] for place in order.tolist())
        return Columns(**numbers, shape=shapes, lists=tuple(_ordered(log, order) for log in self._lists))


def _or_nan(values: tuple[float, float] | None) -> tuple[float, float]:
    return (np.nan, np.nan) if values is None else values


def _ordered(log: _ListLog, order: IntArray) -> ListColumns:
    sizes = np.array(log.n_spans, np.int64)
    starts = np.cumsum(sizes) - sizes
    taken = sizes[order]
    trace = np.repeat(np.arange(len(order)), taken)
    within = np.arange(taken.sum()) - np.repeat(np.cumsum(taken) - taken, taken)
    places = np.repeat(starts[order], taken) + within
    spans = SpanColumns(
        trace,
        np.array(log.gram, np.int64)[places],
        np.array(log.following, np.int64)[places],
        np.array(log.first)[places],
    )
    return ListColumns(
        np.array(log.words, np.int64)[order],
        np.array(log.tokens, np.int64).reshape(-1, 2)[order],
        np.array(log.entropy).reshape(-1, 2)[order],
        np.array(log.nll).reshape(-1, 2)[order],
        spans,
    )
