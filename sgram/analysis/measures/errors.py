"""Measures `errors`, `diagnoses` and `equations`: which errors wrong traces make, and whether equations hold."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.figure_specs import DotMark, DotPlot, Panel, SharePlot
from sgram.analysis.findings import Contrast, Level
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.table_columns import OUTCOME, SHARE_INTERVAL, SOURCE, STEP, count, interval, number, share, text
from sgram.analysis.trace_counts import TraceCounts
from sgram.array_types import IntArray
from sgram.diagnosis.kinds import KINDS
from sgram.traces.trace_keys import OUTCOMES, stable_key

_MAX_EVIDENCE = 3
"""Most pieces of evidence that a row of the table `diagnoses` names."""
_KINDS_CAUTION = (
    "Error kinds are those that the traces record (meta.error); the others are guesses of an offline classifier."
)


def _error_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts, kinds = data.counts, data.error_kinds
    for source, source_name in enumerate(counts.source_names):
        for step in (None, *counts.steps(source)):
            rows = counts.rows(source, step=step)
            for record in _kind_records(counts, rows, kinds[rows]):
                yield {"source": source_name, "step": step, **record}


def _kind_records(counts: TraceCounts, rows: IntArray, kinds: IntArray) -> Iterator[dict[str, Any]]:
    """Yield one record for each error kind; `kinds` are those of the traces in `rows`."""
    outcomes = counts.columns.outcome[rows]
    is_judged, has_kind = outcomes < 2, kinds >= 0
    if not has_kind.any():
        return
    resamples = counts.row_resamples(rows)
    wrong_share = float((outcomes == 1).sum() / is_judged.sum())
    for kind_index, kind in enumerate(KINDS):
        is_kind = kinds == kind_index
        kind_share = resamples.ratio(is_kind.astype(float), has_kind.astype(float))
        yield {
            "kind": kind,
            "count": int(is_kind.sum()),
            **interval(kind_share, "share"),
            "of_judged": None if kind_share.value is None else kind_share.value * wrong_share,
        }


ERRORS = Measure(
    "errors",
    "Which errors wrong traces make",
    (
        SOURCE,
        STEP,
        text(
            "kind",
            "strategic: a wrong plan; procedural: a slip in carrying it out; unfinished: cut off; degenerate: a loop; "
            "format: right in another form; not-wrong: the answer equals the reference; undecided: no evidence for any",
        ),
        count("count", "wrong traces of the kind"),
        share("share", "of the wrong traces whose kind is known"),
        *SHARE_INTERVAL,
        share("of_judged", "share, times the share of wrong traces among those judged"),
    ),
    _error_records,
    needs="Kinds of errors need traces that are marked wrong",
    section="errors",
    is_open=True,
    quantities=(
        Quantity(
            "kinds of errors, of wrong traces", "share", keys=("source", "kind"), extra=("count",), where={"step": None}
        ),
    ),
    figures=(
        SharePlot(
            "errors",
            "What went wrong, over training steps",
            "Above: shares of all judged traces, stacked; the total is the error rate. Below: shares of the wrong "
            f"ones. {_KINDS_CAUTION}",
            kind="kind",
            value="share",
            value_at_step="of_judged",
            unit_at_step="% of judged traces",
            dots=DotPlot(
                "errors",
                "What went wrong in the wrong traces",
                f"Share of the wrong traces by kind of error. {_KINDS_CAUTION}",
                (Panel("", "% of wrong traces", (DotMark("SGs", "share"),), 100),),
                row_by="kind",
                remark="{count} traces",
                where={"step": None},
                key="dots: share of wrong traces, with 95 % intervals",
            ),
        ),
    ),
    questions=(
        Contrast(
            name="strategic or procedural",
            subject="the share among wrong traces",
            value="share",
            by="kind",
            sides=("procedural", "strategic"),
            side_names=("procedural errors", "strategic errors"),
            where={"step": None},
            n="count",
            rank=6,
            caution=_KINDS_CAUTION,
        ),
        *(
            Level(
                name=f"{kind} errors",
                subject=f"{kind} errors among wrong traces",
                value="share",
                where={"step": None, "kind": kind},
                n="count",
            )
            for kind in ("strategic", "procedural")
        ),
    ),
)


def _diagnosis_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    ordered = sorted(data.diagnoses, key=lambda row: (row.source, row.trace.id, stable_key(row.trace.text)))
    for source, trace, diagnosis in ordered:
        yield {
            "trace": trace.id,
            "source": source,
            "kind": diagnosis.kind,
            "step": diagnosis.step,
            "confidence": diagnosis.confidence,
            "evidence": "; ".join(evidence.sentence for evidence in diagnosis.evidence[:_MAX_EVIDENCE]),
        }


DIAGNOSES = Measure(
    "diagnoses",
    "Wrong traces, one by one",
    (
        text("trace", "id of the trace"),
        SOURCE,
        text("kind", "the kind of error that is likeliest"),
        count("step", "step of the trace at which it goes wrong, from 0; empty where nothing points at one"),
        number("confidence", "probability of the kind by its signals; not fitted to anything"),
        text("evidence", "what speaks for the kind, strongest first"),
    ),
    _diagnosis_records,
    needs="Diagnoses need traces that are marked wrong",
    section="errors",
)


def _equation_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source, source_name in enumerate(data.counts.source_names):
        for outcome, outcome_name in enumerate(OUTCOMES):
            checks = [check for check in data.equation_checks if (check.source, check.outcome) == (source, outcome)]
            checks.sort(key=lambda check: (check.problem, check.verdicts))
            verdict_counts = np.array(
                [[check.verdicts.count(verdict) for verdict in ("right", "wrong", "unchecked")] for check in checks],
                float,
            )
            if verdict_counts.any():
                resamples = data.counts.resample(np.array([check.problem for check in checks]))
                wrong_share = resamples.ratio(verdict_counts[:, 1], verdict_counts[:, :2].sum(axis=1))
                right, wrong, unchecked = verdict_counts.sum(axis=0).astype(int).tolist()
                yield {
                    "source": source_name,
                    "outcome": outcome_name,
                    "right": right,
                    "wrong": wrong,
                    "unchecked": unchecked,
                    **interval(wrong_share, "wrong_share"),
                }


def _equation_note(data: AnalysisData) -> str:
    max_checked = data.counts.config.max_diagnosed
    return (
        f"Of {len(data.equation_checks):,} traces, up to {max_checked:,} of each outcome, chosen by the digest of "
        "their text."
    )


EQUATIONS = Measure(
    "equations",
    "Do the equations hold",
    (
        SOURCE,
        OUTCOME,
        count("right", "equations that hold"),
        count("wrong", "equations that do not hold"),
        count("unchecked", "equations that could not be worked out"),
        share("wrong_share", "wrong ones, of those right or wrong"),
        *SHARE_INTERVAL,
    ),
    _equation_records,
    _equation_note,
    needs="Checked equations need traces that write equations out",
    section="errors",
    quantities=(
        Quantity(
            "equations that do not hold",
            "wrong_share",
            keys=("source", "outcome"),
            extra=("right", "wrong", "unchecked"),
        ),
    ),
    questions=(
        Contrast(name="wrong equations by outcome", subject="the share of wrong equations", value="wrong_share"),
    ),
)
