"""Measures `errors`, `rivals`, `diagnoses`, `equations`: which errors wrong traces make, and whether equations hold."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from sgram.analysis.diagnoses import regraded_shares, widen_by_extrapolation
from sgram.analysis.figure_specs import DotMark, DotPlot, Panel, SharePlot
from sgram.analysis.findings import Contrast, Finding, FindingContext, Question, Verdict
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.sample_plan import recorded_error_kind
from sgram.analysis.table import Column, Record, Table
from sgram.analysis.table_columns import OUTCOME, SHARE_INTERVAL, SOURCE, STEP, count, interval, number, share, text
from sgram.array_types import IntArray
from sgram.diagnosis.kind_shares import RIVALS, KindShare, KindsOfErrors, bound_shares
from sgram.diagnosis.kinds import KINDS
from sgram.statistics import Estimate
from sgram.traces.trace_keys import OUTCOMES, stable_key

_MAX_EVIDENCE = 3
"""Most pieces of evidence that a row of the table `diagnoses` names."""
KINDS_CAUTION = (
    "Kinds are those that the traces record (meta.error), or those of an offline diagnosis that decides on evidence "
    "only: the bounds hold as far as its decisions are right, and the undecided may be of any kind."
)


def kinds_of_errors(data: AnalysisData, source: int, step: int | None = None) -> KindsOfErrors | None:
    """Return the kinds of the wrong traces of a source, at all steps or at one; None if no kind is known."""
    counts = data.counts
    rows = counts.rows(source, outcome=1, step=step)
    known = rows[data.error_weights[rows] > 0]
    if not len(known):
        return None
    config = counts.config
    kinds, weights = data.error_kinds[known], data.error_weights[known]
    shares = bound_shares(kinds, counts.columns.problem[known], weights, config.n_draws, config.seed)
    return KindsOfErrors(counts.source_names[source], len(rows), len(known), tuple(shares))


def _error_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    for source, source_name in enumerate(counts.source_names):
        for step in (None, *counts.steps(source)):
            errors = kinds_of_errors(data, source, step)
            if errors is None:
                continue
            n_judged = int((counts.columns.outcome[counts.rows(source, step=step)] < 2).sum())
            for kind_share in errors.kinds:
                yield {
                    "source": source_name,
                    "step": step,
                    "kind": kind_share.kind,
                    "count": kind_share.count,
                    **interval(_without_empty_band(kind_share.share, step), "share"),
                    **_named_interval("at_most", kind_share.at_most),
                    "of_judged": (kind_share.share.value or 0.0) * errors.n_wrong / n_judged,
                    "diagnosed": errors.n_diagnosed,
                    "wrong": errors.n_wrong,
                }


def _without_empty_band(share: Estimate, step: int | None) -> Estimate:
    """Return the share without an interval if the kind does not occur at a step: its bands would hide the others."""
    return Estimate(0.0, n=share.n) if step is not None and not share.value else share


def _named_interval(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _read_estimate(row: Record, value: str, low: str, high: str) -> Estimate:
    return Estimate(row.number(value), row.number(low), row.number(high))


def read_kinds(table: Table, source: str, rivals: Table | None = None) -> KindsOfErrors | None:
    """Return the kinds of a source from the tables `errors` and `rivals`; None if it has none."""
    rows = {row.text("kind"): row for row in table.records(source=source, step=None)}
    if not all(kind in rows for kind in KINDS):
        return None
    leads = {} if rivals is None else {row.text("kind"): row for row in rivals.records(source=source)}
    shares = [
        KindShare(
            kind,
            int(rows[kind].number("count") or 0),
            _read_estimate(rows[kind], "share", "low", "high"),
            _read_estimate(rows[kind], "at_most", "at_most_low", "at_most_high"),
            _read_estimate(leads[kind], "lead", "low", "high") if kind in leads else None,
        )
        for kind in KINDS
    ]
    first = rows[KINDS[0]]
    sizes = int(first.number("wrong") or 0), int(first.number("diagnosed") or 0)
    return KindsOfErrors(source, *sizes, tuple(shares))


class KindBounds(Question):
    """How the wrong traces are spread over kinds of errors: decided shares, and what is undecided."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield the kinds of each source; the estimate is the decided share of strategic errors."""
        for source in context.sources:
            errors = read_kinds(table, source)
            if errors is not None:
                strategic = errors.kind("strategic").share
                yield Finding(measure, self, source, strategic, n=errors.n_diagnosed, errors=(errors,))


class KindLead(Question):
    """Whether strategic or procedural errors are more frequent, whatever the undecided traces are."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield "up" if strategic errors are more frequent, "down" if procedural ones are; the estimate is the lead."""
        for source in context.sources:
            errors = read_kinds(context.tables["errors"], source, table) if "errors" in context.tables else None
            if errors is None:
                continue
            leader = next((kind for kind in RIVALS if errors.kind(kind).leads), None)
            verdict: Verdict = "no change" if not errors.kind("undecided").count else "cannot say"
            if leader is not None:
                verdict = "up" if leader == "strategic" else "down"
            lead = errors.kind(leader or "strategic").lead
            yield Finding(measure, self, source, lead, verdict=verdict, n=errors.n_diagnosed, errors=(errors,))


def _sampling_note(data: AnalysisData) -> str:
    n_wrong, n_known = int((data.counts.columns.outcome == 1).sum()), int((data.error_weights > 0).sum())
    bounds = (
        "The share of a kind lies between share, which is decided, and at_most, which counts the undecided traces as "
        "well; both with intervals over problems."
    )
    if n_known == n_wrong:
        return bounds
    return (
        f"{bounds} Kinds are known of {n_known:,} of {n_wrong:,} wrong traces, a sample stratified by step and "
        "problem; shares are weighted by it."
    )


def _at_most_columns() -> tuple[Column, ...]:
    return (
        share("at_most", "the same with the undecided traces"),
        *(share(f"at_most_{column.name}", column.meaning) for column in SHARE_INTERVAL),
    )


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
        count("count", "diagnosed traces of the kind"),
        share("share", "decided share of the wrong traces"),
        *SHARE_INTERVAL,
        *_at_most_columns(),
        share("of_judged", "share, times the share of wrong traces among those judged"),
        count("diagnosed", "wrong traces whose kind is known or was looked for"),
        count("wrong", "wrong traces"),
    ),
    _error_records,
    _sampling_note,
    needs="Kinds of errors need traces that are marked wrong",
    section="errors",
    is_open=True,
    quantities=(
        Quantity(
            "kinds of errors, of wrong traces: at least",
            "share",
            keys=("source", "kind"),
            extra=("at_most", "count"),
            where={"step": None},
        ),
    ),
    figures=(
        SharePlot(
            "errors",
            "What went wrong, over training steps",
            "Above: shares of all judged traces, stacked; the total is the error rate. Below: shares of the wrong "
            f"ones. {KINDS_CAUTION}",
            kind="kind",
            value="share",
            value_at_step="of_judged",
            unit_at_step="% of judged traces",
            dots=DotPlot(
                "errors",
                "What went wrong in the wrong traces",
                f"Share of the wrong traces by kind of error. {KINDS_CAUTION}",
                (Panel("", "% of wrong traces", (DotMark("SGs", "share", "low", "at_most_high"),), 100),),
                row_by="kind",
                remark="{count} traces",
                where={"step": None},
                key="dot: decided share; bar: the least to the most that it may be, with the undecided, at 95 %",
            ),
        ),
    ),
    questions=(
        KindBounds(name="kinds of errors", subject="kinds of errors", value="share", rank=2, caution=KINDS_CAUTION),
    ),
)


class RegradedAccuracy(Question):
    """Accuracy by the file beside accuracy by the grader, which is an estimate if not all traces were graded again."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield both accuracies of each source as sides; the estimate is the regraded one."""
        for source in context.sources:
            for row in table.records(source=source):
                by_file = _read_estimate(row, "accuracy", "low", "high")
                regraded = _read_estimate(row, "regraded", "regraded_low", "regraded_high")
                notes = _regrading_notes(row)
                sides = by_file, regraded
                yield Finding(measure, self, source, regraded, n=_judged(row), notes=notes, sides=sides)


def _regrading_notes(row: Record) -> tuple[str, ...]:
    """Return how many traces were graded again, what the grader says of them, and whether others are estimated."""
    names = ("not_right", "graded_again", "not_wrong", "diagnosed")
    not_right, n_correct_graded, not_wrong, n_wrong_graded = (int(row.number(name) or 0) for name in names)
    n_correct = round((row.number("accuracy") or 0.0) * _judged(row))
    n_wrong = _judged(row) - n_correct
    notes: tuple[str, ...] = (
        f"{n_correct_graded:,} of {n_correct:,} correct and {n_wrong_graded:,} of {n_wrong:,} wrong traces were graded "
        f"again; right by the file and wrong by the grader: {not_right:,}; wrong by the file and right by the grader: "
        f"{not_wrong:,}",
    )
    if n_correct_graded < n_correct or n_wrong_graded < n_wrong:
        notes += ("accuracy by the grader is an estimate from these",)
    return notes


def _judged(row: Record) -> int:
    return int(row.number("judged") or 0)


def _regrading_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    counts = data.counts
    columns = counts.columns
    added = regraded_shares(counts, data.error_kinds, data.error_weights, data.regraded)
    n_wrong_graded = Counter(
        source
        for source, trace, _ in data.diagnoses
        if trace.reference and not (counts.config.recorded_errors and recorded_error_kind(trace) >= 0)
    )
    for source, source_name in enumerate(counts.source_names):
        rows = counts.rows(source)
        rows = rows[columns.outcome[rows] < 2]
        if not len(rows) or np.isnan(added[rows]).any():
            continue
        resamples, ones = counts.row_resamples(rows), np.ones(len(rows))
        is_correct = columns.outcome[rows] == 0
        is_not_wrong = ~is_correct & (data.error_kinds[rows] == KINDS.index("not-wrong"))
        verdicts = [data.regraded[key] for key in columns.key[rows[is_correct]].tolist() if key in data.regraded]
        regraded = widen_by_extrapolation(resamples.ratio(added[rows], ones), len(rows), _graded_strata(data, rows))
        yield {
            "source": source_name,
            "judged": len(rows),
            **interval(resamples.ratio(is_correct.astype(float), ones), "accuracy"),
            **_named_interval("regraded", regraded),
            "not_wrong": int(is_not_wrong.sum()),
            "diagnosed": n_wrong_graded[source_name],
            "not_right": verdicts.count(False),
            "graded_again": len(verdicts),
        }


def _graded_strata(data: AnalysisData, rows: IntArray) -> list[tuple[float, int, int]]:
    """Return (share that the grader calls correct, number graded again, number of traces) of correct and wrong traces.

    `rows` are those of one source with a verdict. Wrong traces whose recorded kind counts are left out: nothing is
    estimated for them. So are traces of which none was graded again, as they keep the verdict of the file.
    """
    columns = data.counts.columns
    is_recorded = (columns.recorded_error[rows] >= 0) & data.counts.config.recorded_errors
    correct, wrong = rows[columns.outcome[rows] == 0], rows[(columns.outcome[rows] == 1) & ~is_recorded]
    verdicts = [data.regraded[key] for key in columns.key[correct].tolist() if key in data.regraded]
    weights, is_not_wrong = data.error_weights[wrong], data.error_kinds[wrong] == KINDS.index("not-wrong")
    strata = [(verdicts.count(True) / len(verdicts), len(verdicts), len(correct))] if verdicts else []
    if weights.any():
        strata.append((float(weights[is_not_wrong].sum() / weights.sum()), int((weights > 0).sum()), len(wrong)))
    return strata


REGRADING = Measure(
    "regrading",
    "Accuracy by the file and by the grader",
    (
        SOURCE,
        count("judged", "traces that are correct or wrong"),
        share("accuracy", "correct ones by the file"),
        *SHARE_INTERVAL,
        share("regraded", "correct ones by the grader; an estimate if not all traces were graded again"),
        *(share(f"regraded_{column.name}", column.meaning) for column in SHARE_INTERVAL),
        count("not_wrong", "wrong by the file, right by the grader"),
        count("diagnosed", "wrong traces whose answers were graded again"),
        count("not_right", "right by the file, wrong by the grader"),
        count("graded_again", "right traces whose answers were graded again"),
    ),
    _regrading_records,
    "The verdicts of the file are never changed. Graded again by their references are the wrong traces that are "
    "diagnosed, and the correct ones whose equations are checked: up to --max-diagnosed of each, fewer if their texts "
    "are long. The other traces are taken to be like those of their source that were graded again; the interval "
    "of accuracy by the grader covers that.",
    section="errors",
    is_open=True,
    quantities=(
        Quantity(
            "accuracy by the grader",
            "regraded",
            "regraded_low",
            "regraded_high",
            extra=("accuracy", "not_wrong", "not_right"),
        ),
    ),
    questions=(
        RegradedAccuracy(
            name="regraded accuracy",
            subject="accuracy",
            value="regraded",
            low="regraded_low",
            high="regraded_high",
            rank=2,
        ),
    ),
)


def _rival_records(data: AnalysisData) -> Iterator[dict[str, Any]]:
    for source, source_name in enumerate(data.counts.source_names):
        errors = kinds_of_errors(data, source)
        for kind in RIVALS if errors is not None else ():
            lead = None if errors is None else errors.kind(kind).lead
            if lead is not None:
                yield {"source": source_name, "kind": kind, **interval(lead, "lead")}


RIVALS_MEASURE = Measure(
    "rivals",
    "Strategic or procedural: which is more frequent",
    (
        SOURCE,
        text("kind", "strategic or procedural"),
        number("lead", "decided share of the kind, less the most that the other one may have"),
        number("low", "lower end of its 95 % interval over problems; above 0 if this kind is more frequent"),
        number("high", "upper end"),
    ),
    _rival_records,
    "A kind is said to be more frequent only if it is so whatever kind the undecided traces are of.",
    section="errors",
    questions=(
        KindLead(
            name="strategic or procedural",
            subject="strategic or procedural",
            value="lead",
            rank=3,
            caution=KINDS_CAUTION,
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
