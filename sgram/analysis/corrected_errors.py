"""Measure `corrected_errors`: shares of kinds of errors, corrected by ratings that the user gives.

It depends on a file of ratings, so it is no declaration in `sgram.analysis.measures`: `sgram report --ratings`
registers it for its analysis.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from sgram.analysis.columns_store import NO_STEP, PerTrace
from sgram.analysis.measure import AnalysisData, Measure
from sgram.analysis.registry import register_measure, unregister_measure
from sgram.analysis.table_columns import SOURCE, count, share, text
from sgram.diagnosis.corrected_kinds import correct_shares, label_of, step_spans
from sgram.diagnosis.error_ratings import ErrorRatings
from sgram.diagnosis.kinds import KINDS
from sgram.statistics import Estimate
from sgram.tagging.text_marks import TextMarks
from sgram.traces import Trace

NAME = "corrected_errors"
ALL_STEPS = "all"
_NOT_RATED = (np.nan, np.nan)


def corrected_errors(ratings: ErrorRatings) -> Measure:
    """Return the measure of the shares of kinds of errors, corrected by `ratings`, by source and spans of steps.

    An analysis raises `InputError` if it reads another text than the one that was rated.
    """

    def label(trace: Trace, _: TextMarks) -> tuple[float, float]:
        rated = ratings.traces.get(trace.id)
        return _NOT_RATED if rated is None or trace.correct is not False else label_of(trace, rated)

    def note(data: AnalysisData) -> str:
        labels = data.counts.columns.per_trace[NAME][:, 0, 0]
        n_used, n_tied = int((labels >= 0).sum()), int((labels < 0).sum())
        tied = f", {n_tied:,} without a majority are left out" if n_tied else ""
        n_missing = len(ratings.traces) - n_used - n_tied
        missing = f", {n_missing:,} are not among the wrong traces" if n_missing else ""
        return (
            f"{len(ratings.traces):,} wrong traces were rated by {len(ratings.raters):,} raters{tied}{missing}. "
            "Corrected shares are valid whatever the diagnosis is worth (prediction-powered inference), if the rated "
            "traces are a random sample of the wrong ones."
        )

    return Measure(
        NAME,
        "Which errors wrong traces make, corrected by ratings",
        (
            SOURCE,
            text("steps", "training steps, first to last; all"),
            text("kind", "kind of error, as people rate it"),
            share("diagnosed", "share by the diagnosis"),
            *_columns("ratings_alone", "share by the ratings alone"),
            *_columns("corrected", "share by both"),
            count("rated", "rated traces"),
            count("wrong", "wrong traces"),
        ),
        _records,
        note,
        needs="Corrected shares need ratings of wrong traces",
        section="errors",
        is_open=True,
        per_trace=PerTrace(label),
    )


def _columns(name: str, meaning: str) -> tuple[Any, ...]:
    ends = ((f"{name}_low", "lower end of its 95 % interval"), (f"{name}_high", "upper end"))
    return share(name, meaning), *(share(*end) for end in ends)


def _records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    for source, source_name in enumerate(counts.source_names):
        rows = counts.rows(source, outcome=1)
        steps = counts.columns.step[rows]
        spans = [(ALL_STEPS, np.ones(len(rows), bool))]
        for low, high in step_spans(steps[steps != NO_STEP]):
            spans.append((f"{low}" if low == high else f"{low} to {high}", (steps >= low) & (steps <= high)))
        for name, is_in_span in spans:
            yield from _span_records(data, source_name, name, rows[is_in_span])


def _span_records(data: AnalysisData, source: str, steps: str, rows: Any) -> Iterator[dict[str, Any]]:
    """Yield a record for each kind, if any of the traces in `rows` is rated."""
    labels, label_weights = data.counts.columns.per_trace[NAME][rows, 0].T
    if not (labels >= 0).any():
        return
    kinds = np.where(data.error_kinds[rows] < 0, len(KINDS), data.error_kinds[rows])
    codes = np.where(np.isnan(labels), -1, labels).astype(np.int64)
    weights = np.nan_to_num(label_weights, nan=1.0)
    problems = data.counts.columns.problem[rows]
    shares = correct_shares(steps, kinds, codes, problems, weights, data.error_weights[rows])
    for kind in shares.kinds:
        yield {
            "source": source,
            "steps": steps,
            "kind": kind.kind,
            "diagnosed": kind.predicted,
            **_cells("ratings_alone", kind.ratings_alone),
            **_cells("corrected", kind.corrected),
            "rated": shares.n_rated,
            "wrong": len(rows),
        }


def _cells(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


@contextmanager
def measuring_corrected_errors(ratings: ErrorRatings | None) -> Iterator[None]:
    """Let analyses inside the block have the measure; nothing happens without ratings."""
    if ratings is None:
        yield
        return
    register_measure(corrected_errors(ratings))
    try:
        yield
    finally:
        unregister_measure(NAME)
