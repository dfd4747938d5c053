"""Tables `errors`, `diagnoses` and `equations`: which errors wrong traces make, and whether equations hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sgram.analysis.columns_store import OUTCOMES
from sgram.analysis.sample_plan import problem_name, stable_key
from sgram.analysis.table import Table, build_table
from sgram.analysis.table_columns import OUTCOME, SHARE_INTERVAL, SOURCE, STEP, count, number, share, text
from sgram.analysis.trace_counts import TraceCounts
from sgram.array_types import IntArray
from sgram.diagnosis.kinds import KINDS, Diagnosis
from sgram.equations import Equation
from sgram.traces import Trace

RECORDED_KINDS = {
    "strategic": "strategic",
    "procedural": "procedural",
    "format": "other",
    "other": "other",
    "unfinished": "unfinished",
    "degenerate": "degenerate",
}
"""Error kinds as checkers write them to ``meta.error``, and the kind of `sgram.diagnosis` that each stands for."""
_MAX_EVIDENCE = 3
"""Most pieces of evidence that a row of the table `diagnoses` names."""


@dataclass(frozen=True, slots=True)
class EquationCheck:
    """A trace with the verdicts on its equations."""

    source: int
    outcome: int
    problem: int
    verdicts: tuple[str, ...]


class TraceDiagnosis(NamedTuple):
    """A wrong trace with its diagnosis."""

    source: str
    trace: Trace
    diagnosis: Diagnosis


def recorded_error_kind(trace: Trace) -> int:
    """Return the index in `KINDS` of the error kind that a checker wrote to ``meta.error``; -1 if there is none.

    >>> KINDS[recorded_error_kind(Trace(id="1", text="so", meta={"error": "format"}))]
    'other'
    """
    kind = trace.meta.get("error")
    return KINDS.index(RECORDED_KINDS[kind]) if isinstance(kind, str) and kind in RECORDED_KINDS else -1


def error_kinds(counts: TraceCounts, diagnoses: Mapping[int, Diagnosis]) -> IntArray:
    """Return the index in `KINDS` of the error of each trace, (traces,).

    The recorded kind counts first (unless `config.told_errors` is off), then the diagnosis by the key of the trace.
    -1 for a trace that is not wrong, or whose error is unknown.
    """
    columns = counts.columns
    kinds: IntArray = np.where(columns.outcome == 1, columns.told if counts.config.told_errors else -1, -1)
    for row in np.flatnonzero((columns.outcome == 1) & (kinds < 0)).tolist():
        diagnosis = diagnoses.get(int(columns.key[row]))
        kinds[row] = -1 if diagnosis is None else KINDS.index(diagnosis.kind)
    return kinds


def errors_table(counts: TraceCounts, kinds: IntArray) -> Table:
    """Return the error kinds by source, over all steps and at each step; empty if no trace is wrong.

    `kinds` are the `error_kinds`.
    """
    columns = [
        SOURCE,
        STEP,
        text(
            "kind",
            "strategic: a wrong plan; procedural: a slip in carrying it out; other: no answer, "
            "or nothing to the point; unfinished: cut off; degenerate: a loop",
        ),
        count("count", "wrong traces of the kind"),
        share("share", "of the wrong traces whose kind is known"),
        *SHARE_INTERVAL,
        share("of_judged", "share, times the share of wrong traces among those judged"),
    ]
    records = []
    for source, source_name in enumerate(counts.source_names):
        for step in (None, *counts.steps(source)):
            rows = counts.rows(source, step=step)
            for record in _error_records(counts, rows, kinds[rows]):
                records.append({"source": source_name, "step": step, **record})
    return build_table("errors", "Which errors wrong traces make", columns, records)


def _error_records(counts: TraceCounts, rows: IntArray, kinds: IntArray) -> Iterator[dict[str, Any]]:
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
            "share": kind_share.value,
            "low": kind_share.low,
            "high": kind_share.high,
            "of_judged": None if kind_share.value is None else kind_share.value * wrong_share,
        }


def diagnoses_table(diagnoses: Sequence[TraceDiagnosis]) -> Table:
    """Return each diagnosis with its evidence, by source and trace id."""
    columns = [
        text("trace", "id of the trace"),
        SOURCE,
        text("kind", "the kind of error that is likeliest"),
        count("step", "step of the trace at which it goes wrong, from 0; empty where nothing points at one"),
        number("confidence", "probability of the kind by its signals; not fitted to anything"),
        text("evidence", "what speaks for the kind, strongest first"),
    ]
    ordered = sorted(diagnoses, key=lambda row: (row.source, row.trace.id, stable_key(row.trace.text)))
    records = [
        {
            "trace": trace.id,
            "source": source,
            "kind": diagnosis.kind,
            "step": diagnosis.step,
            "confidence": diagnosis.confidence,
            "evidence": "; ".join(evidence.sentence for evidence in diagnosis.evidence[:_MAX_EVIDENCE]),
        }
        for source, trace, diagnosis in ordered
    ]
    return build_table("diagnoses", "Wrong traces, one by one", columns, records)


def equation_check(source: int, trace: Trace, outcome: int, equations: Sequence[Equation]) -> EquationCheck:
    """Return the counts that are kept of a trace whose `equations` were checked."""
    verdicts = tuple(equation.verdict for equation in equations)
    return EquationCheck(source, outcome, stable_key(problem_name(trace)), verdicts)


def equations_table(counts: TraceCounts, checks: Sequence[EquationCheck]) -> Table:
    """Return right, wrong and unchecked equations by source and outcome; empty if there is no equation."""
    columns = [
        SOURCE,
        OUTCOME,
        count("right", "equations that hold"),
        count("wrong", "equations that do not hold"),
        count("unchecked", "equations that could not be worked out"),
        share("wrong_share", "wrong ones, of those right or wrong"),
        *SHARE_INTERVAL,
    ]
    records = []
    for source, source_name in enumerate(counts.source_names):
        for outcome, outcome_name in enumerate(OUTCOMES):
            selected = [check for check in checks if (check.source, check.outcome) == (source, outcome)]
            selected.sort(key=lambda check: (check.problem, check.verdicts))
            if not selected:
                continue
            verdict_counts = np.array(
                [[check.verdicts.count(verdict) for verdict in ("right", "wrong", "unchecked")] for check in selected],
                float,
            )
            resamples = counts.resample(np.array([check.problem for check in selected]))
            wrong_share = resamples.ratio(verdict_counts[:, 1], verdict_counts[:, :2].sum(axis=1))
            right, wrong, unchecked = verdict_counts.sum(axis=0).astype(int).tolist()
            if right + wrong + unchecked:
                records.append(
                    {
                        "source": source_name,
                        "outcome": outcome_name,
                        "right": right,
                        "wrong": wrong,
                        "unchecked": unchecked,
                        "wrong_share": wrong_share.value,
                        "low": wrong_share.low,
                        "high": wrong_share.high,
                    }
                )
    max_checked = counts.config.max_diagnosed
    note = f"Of {len(checks):,} traces, up to {max_checked:,} of each outcome, chosen by the digest of their text."
    return build_table("equations", "Do the equations hold", columns, records, note)
