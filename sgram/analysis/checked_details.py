"""`checked_phases`: what settles first by a checker's details of each response, beside what entropies say of it.

A task whose checker knows more than the answer may record booleans of each response in `Trace.meta`
(`sgram.grading.outcome.TaskOutcome.details`). If one of them says that the plan is right and another that it is carried
out, their shares over training show which is learned first. That is the truth that the verdict of entropies, which any
rollouts have, is compared with.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from sgram.analysis.build_series import mean_series
from sgram.analysis.columns_store import PerTrace
from sgram.analysis.figure_specs import CurveLine, CurvePanel, CurvePlot
from sgram.analysis.findings import Finding, FindingContext, Question, Verdict
from sgram.analysis.measure import AnalysisData, Measure, Quantity
from sgram.analysis.step_series import StepSeries
from sgram.analysis.table import Record, Table
from sgram.analysis.table_columns import SOURCE, count, number, share, text
from sgram.analysis.trace_counts import TraceCounts
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.metrics import Curve, PhaseOrder, phase_order
from sgram.metrics.settling import SHARE, Settling
from sgram.statistics import Estimate
from sgram.tagging.text_marks import TextMarks
from sgram.traces import Trace

First = Literal["execution", "planning", "cannot say"]
Curves: TypeAlias = tuple[Curve, Curve]
"""The curves of execution and of planning."""
CHECKER = "checker"
BY_ENTROPY = "token entropy"
HALF = 0.5
_JUDGES: Mapping[str, tuple[str, str]] = {
    BY_ENTROPY: ("execution entropy", "planning entropy"),
    "perplexity": ("execution perplexity", "planning perplexity"),
    "semantic entropy": ("execution entropy", "semantic entropy"),
}
"""What says which of the two settles first, without a checker: series of execution and of planning."""
_RANDOM = "entropy of random grams"
_FIRST: Mapping[str, First] = {"yes": "execution", "no": "planning"}
_VERDICTS: Mapping[str, Verdict] = {"execution": "up", "planning": "down"}


def checked_phases(name: str, checker: str, *, execution: str, planning: str) -> Measure:
    """Return the measure of what settles first by two details that a checker records in `Trace.meta`.

    `execution` names the detail that the announced plan is carried out, `planning` that the plan is right. A detail is
    true or false, or absent from responses that it does not apply to; an analysis raises `InputError` if it is anything
    else. `checker` says in words whose details they are. The shares of both are followed in the tables `curves` and
    `settling`; the table `name` says which settles first, and whether entropies agree.

    >>> from sgram.analysis import checked_phases
    >>> phases = checked_phases("proofs", "the proof checker", execution="steps_hold", planning="lemma_fits")
    >>> phases.name, phases.figures[0].name
    ('proofs', 'proofs')
    """

    def details(trace: Trace, _: TextMarks) -> tuple[float, float]:
        return _read_detail(trace, execution), _read_detail(trace, planning)

    def step_series(counts: TraceCounts, source: int) -> Iterator[StepSeries]:
        rows = counts.rows_with_step(source)
        numbers = counts.columns.per_trace[name][rows, 0]
        for index, detail in enumerate((execution, planning)):
            yield from mean_series(counts, detail, rows, numbers[:, index], is_share=True)

    def records(data: AnalysisData) -> Iterator[dict[str, Any]]:
        for source, source_series in data.series.items():
            curves = {series.name: series for series in source_series}
            if execution in curves and planning in curves:
                for record in _source_records(data, curves, execution, planning):
                    yield {"source": data.counts.source_names[source], **record}

    return Measure(
        name,
        f"What settles first by {checker}, and by entropies",
        (
            SOURCE,
            text("judged_by", "what decides: the details of the checker, or the entropies that any rollouts have"),
            share("of_change", "share of the total change after which a curve has settled"),
            text("first", "what settles first: execution, planning, or cannot say"),
            count("steps", "steps from the settling of execution to that of planning; above 0: execution is first"),
            number("low", "lower end of its 95 % interval"),
            number("high", "upper end"),
            text("agreement", "whether it agrees with the checker on what settles first, at the same share of change"),
            count("execution_step", "step from which execution has settled"),
            number("execution_step_low", "lower end of its 95 % interval"),
            number("execution_step_high", "upper end"),
            count("planning_step", "step from which planning has settled"),
            number("planning_step_low", "lower end of its 95 % interval"),
            number("planning_step_high", "upper end"),
            count("n", "training steps"),
            text("remark", "why it cannot be said, or a curve that went past its end and came back"),
        ),
        records,
        f"By {checker}: the shares of responses with {execution} and with {planning}, of those that have the detail. "
        "It cannot be said what is learned first if a share falls. Semantic entropy is compared with the token entropy "
        "of execution. Nearly all of a change (90 %) is hard to date where a curve wanders near its end; half of it "
        "is not.",
        section="dynamics",
        is_open=True,
        quantities=(
            Quantity(
                "what settles first, in steps from execution to planning, by 90 % of the change",
                "steps",
                keys=("source", "judged_by"),
                extra=("first", "agreement"),
                where={"of_change": SHARE},
                shows_undefined=True,
            ),
        ),
        figures=(
            CurvePlot(
                name.replace("_", "-"),
                f"What {checker} says of planning and execution",
                f"Shares of responses with {execution} and with {planning}, beside the entropies of execution and "
                "planning tokens, divided by their value at the first step.",
                (
                    CurvePanel(
                        "right by the checker, %",
                        (
                            CurveLine(execution, "SGs", "execution", "execution"),
                            CurveLine(planning, "SGs", "planning", "planning"),
                        ),
                        100,
                    ),
                    CurvePanel(
                        "token entropy / first step",
                        (
                            CurveLine("execution entropy", "SGs", "execution", "execution"),
                            CurveLine("planning entropy", "SGs", "planning", "planning"),
                        ),
                        is_relative=True,
                    ),
                ),
                table="curves",
            ),
        ),
        questions=(CheckedOrder(name=f"{name} by the checker", subject=checker, value="steps", unit="steps", rank=4),),
        per_trace=PerTrace(details),
        step_series=step_series,
    )


def _read_detail(trace: Trace, name: str) -> float:
    """Return 1.0 if a detail is true, 0.0 if it is false, NaN if the trace has none."""
    detail = trace.meta.get(name)
    if detail is None:
        return np.nan
    if detail in (0, 1) and not isinstance(detail, str):  # files without booleans hold 0 and 1
        return float(detail)
    raise InputError(
        f"trace {excerpt(trace.id)}: the detail {name!r} must be true or false (got {excerpt(repr(detail), 60)}); mend "
        "the rows, or name another detail"
    )


def _source_records(
    data: AnalysisData, series: Mapping[str, StepSeries], execution: str, planning: str
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one source: the checker's, then those of what is compared with it."""
    checked = series[execution].curve, series[planning].curve
    judges = list(_judged_curves(series))
    for part in (SHARE, HALF):
        truth = _find_order(data, checked, part)
        is_learned = not any(map(_falls, _settlings(truth)))
        first = _first(truth) if is_learned else "cannot say"
        names = f"share of {execution}", f"share of {planning}"
        yield {"judged_by": CHECKER, "of_change": part, **_cells(truth, first, names, is_learned)}
        for judge, curves in judges:
            order = _find_order(data, curves, part)
            cells = _cells(order, _first(order), ("execution", "planning"))
            yield {"judged_by": judge, "of_change": part, **cells, "agreement": agreement(_first(order), first)}


def _judged_curves(series: Mapping[str, StepSeries]) -> Iterator[tuple[str, Curves]]:
    """Yield what else says what settles first, with its curves; random grams come last."""
    for judge, (execution, planning) in _JUDGES.items():
        if execution in series and planning in series:
            yield judge, (series[execution].curve, series[planning].curve)
    placebo_curves = [curves.placebo_curves for name in _JUDGES[BY_ENTROPY] if (curves := series.get(name))]
    if len(placebo_curves) == 2 and all(placebo_curves):
        yield _RANDOM, (placebo_curves[0][0], placebo_curves[1][0])


def _find_order(data: AnalysisData, curves: Curves, part: float) -> PhaseOrder:
    config = data.counts.config
    return phase_order(*curves, share=part, seed=config.seed, n_draws=config.n_draws)


def _settlings(order: PhaseOrder) -> tuple[Settling, Settling]:
    return order.execution, order.planning


def _falls(settling: Settling) -> bool:
    """Return whether a curve is shown to fall."""
    return settling.step is not None and settling.total_change is not None and settling.total_change < 0


def _first(order: PhaseOrder) -> First:
    return _FIRST.get(order.answer, "cannot say")


def agreement(answer: str, truth: str) -> str:
    """Return whether an answer agrees with the checker's, either as cells of `first` or as verdicts.

    >>> agreement("execution", "execution"), agreement("up", "down"), agreement("planning", "cannot say")
    ('agrees', 'contradicts', 'cannot say')
    """
    if "cannot say" in (answer, truth):
        return "cannot say"
    return "agrees" if answer == truth else "contradicts"


def _cells(order: PhaseOrder, first: First, names: tuple[str, str], is_learned: bool = True) -> dict[str, Any]:
    """Return the cells of an order; there is no difference between steps of a share that is not learned."""
    difference = order.difference if is_learned else Estimate(None)
    cells: dict[str, Any] = {
        "first": first,
        "steps": difference.value,
        "low": difference.low,
        "high": difference.high,
        "n": order.n_steps,
        "remark": _remark(order, names, is_learned),
    }
    for column, settling in zip(("execution_step", "planning_step"), _settlings(order), strict=True):
        cells |= {column: settling.step, f"{column}_low": settling.low, f"{column}_high": settling.high}
    return cells


def _remark(order: PhaseOrder, names: Sequence[str], is_learned: bool) -> str | None:
    """Return why an order cannot be said, and which curves turned; None if there is nothing to say."""
    reasons: list[str] = []
    for curve_name, settling in zip(names, _settlings(order), strict=True):
        if settling.undefined:
            reasons.append(f"{curve_name}: {settling.undefined}")
        elif not is_learned and _falls(settling):
            reasons.append(f"{curve_name} falls, {settling.start:.3g} to {settling.end:.3g}")
        elif settling.turn is not None:
            reasons.append(f"{curve_name} turned back at step {settling.turn}, at {settling.turn_value:.3g}")
    return "; ".join(reasons) or None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedOrder(Question):
    """Whether execution settles before planning by a checker; `verdicts` hold what entropies say of it."""

    def findings(self, measure: str, table: Table, context: FindingContext) -> Iterator[Finding]:
        """Yield "up" if execution settles first, "down" if planning does; the estimate is in steps between them."""
        for source in context.sources:
            rows = table.records(source=source, of_change=SHARE)
            truth = next((row for row in rows if row["judged_by"] == CHECKER), None)
            if truth is None:
                continue
            steps, remark = truth.number(self.value), truth.text("remark")
            estimate = None if steps is None else Estimate(steps, truth.number(self.low), truth.number(self.high))
            verdicts = tuple((row.text("judged_by"), _verdict(row)) for row in rows if row is not truth)
            half = next(iter(table.records(source=source, judged_by=CHECKER, of_change=HALF)), Record())
            by_half = ""
            if _verdict(truth) == "cannot say" != _verdict(half):
                by_half = f"by half of the change, {half.text('first')} settles first"
            n, notes = truth.number("n"), tuple(filter(None, (remark, by_half)))
            yield Finding(
                measure,
                self,
                source,
                estimate,
                verdict=_verdict(truth),
                n=None if n is None else int(n),
                notes=notes,
                verdicts=verdicts,
            )

    def summary(self, findings: Sequence[Finding]) -> Finding | None:
        """Return the checker's verdict on all sources, with a note on how often the token entropy agrees."""
        together = Question.summary(self, findings)
        if together is None:
            return None
        agreements = Counter(
            agreement(dict(finding.verdicts)[BY_ENTROPY], finding.verdict)
            for finding in findings
            if BY_ENTROPY in dict(finding.verdicts)
        )
        counts = "; ".join(f"{name} in {agreements[name]}" for name in ("agrees", "contradicts", "cannot say"))
        return replace(together, notes=(f"Token entropy: {counts}",)) if agreements else together


def _verdict(row: Record) -> Verdict:
    return _VERDICTS.get(row.text("first"), "cannot say")
