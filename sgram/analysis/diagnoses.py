"""Diagnoses of wrong traces and checks of equations, of the sampled traces."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sgram.analysis.collect_traces import CollectedTraces
from sgram.analysis.diagnosed_traces import EquationCheck
from sgram.analysis.input_passes import Progress
from sgram.analysis.trace_counts import TraceCounts
from sgram.array_types import FloatArray, IntArray
from sgram.diagnosis.error_sample import sample_weights
from sgram.diagnosis.kinds import KINDS, Diagnosis, Solution, diagnose_solution, read_solution
from sgram.diagnosis.regrading import regrade
from sgram.equations import Equation
from sgram.grading import Grade
from sgram.grading.fill_correct import AnswerGrader
from sgram.statistics import Estimate, wilson_interval
from sgram.tagging.span_finder import SpanFinder
from sgram.traces import Trace
from sgram.traces.trace_keys import OUTCOMES, problem_name, stable_key

_BLOCK_TRACES = 256
"""Traces that are graded together."""
_PROGRESS_EVERY = 16
"""Traces between two calls of `progress`."""


def equation_check(source: int, trace: Trace, outcome: int, equations: Sequence[Equation]) -> EquationCheck:
    """Return the counts that are kept of a trace whose `equations` were checked."""
    verdicts = tuple(equation.verdict for equation in equations)
    return EquationCheck(source, outcome, stable_key(problem_name(trace)), verdicts)


def error_kinds(counts: TraceCounts, diagnoses: Mapping[int, Diagnosis]) -> IntArray:
    """Return the index in `KINDS` of the error of each trace, (traces,).

    The recorded kind counts first (unless `config.recorded_errors` is off), then the diagnosis by the key of the trace.
    -1 for a trace that is not wrong, or whose error is unknown.
    """
    columns = counts.columns
    recorded: IntArray = columns.recorded_error if counts.config.recorded_errors else np.full(len(columns), -1)
    kinds: IntArray = np.where(columns.outcome == 1, recorded, -1)
    for row in np.flatnonzero((columns.outcome == 1) & (kinds < 0)).tolist():
        diagnosis = diagnoses.get(int(columns.key[row]))
        kinds[row] = -1 if diagnosis is None else KINDS.index(diagnosis.kind)
    return kinds


def error_weights(counts: TraceCounts, kinds: IntArray) -> FloatArray:
    """Return how many wrong traces each trace of a known kind stands for, (traces,); 0 for the others.

    `kinds` are those of `error_kinds`. A recorded kind stands for itself, a diagnosis for the wrong traces without a
    recorded kind of its source and step, as many as there are for each diagnosis.
    """
    columns = counts.columns
    is_recorded = (columns.recorded_error >= 0) & counts.config.recorded_errors
    weights = ((kinds >= 0) & is_recorded).astype(float)
    rows = np.flatnonzero((columns.outcome == 1) & ~is_recorded)
    sources, steps = columns.source[rows].tolist(), columns.step[rows].tolist()
    weights[rows] = sample_weights(list(zip(sources, steps, strict=True)), kinds[rows] >= 0, sources)
    return weights


def regrade_correct_traces(collected: CollectedTraces) -> dict[int, bool]:
    """Return what the grader says of the sampled correct traces that have a reference, by key.

    They are those whose equations are checked; none without `config.judge_answers`. Wrong traces are graded when they
    are diagnosed.
    """
    if not collected.counts.config.judge_answers:
        return {}
    keys = sorted(collected.plan.equation_keys.get(OUTCOMES.index("correct"), ()))
    with AnswerGrader() as grader:
        grades = regrade([collected.sampled_traces[key].trace for key in keys], grader.grade)
    pairs = zip(keys, grades, strict=True)
    return {key: grade.correct for key, grade in pairs if grade is not None and grade.correct is not None}


def regraded_shares(
    counts: TraceCounts, kinds: IntArray, weights: FloatArray, regraded: Mapping[int, bool]
) -> FloatArray:
    """Return how much each judged trace adds to the number of correct ones by the grader, (traces,).

    `kinds` and `weights` are those of `error_kinds` and `error_weights`, `regraded` that of `regrade_correct_traces`.
    Correct traces that were not graded again, or have no reference, stay correct in the proportion of those graded in
    their source. NaN for the traces of sources without a trace that was graded again.
    """
    columns = counts.columns
    added = np.full(len(columns), np.nan)
    verdicts = np.array([regraded.get(key, -1) for key in columns.key.tolist()], np.int64)
    is_not_wrong = (kinds == KINDS.index("not-wrong")) & (columns.outcome == 1)
    for source in range(counts.n_sources):
        of_source = columns.source == source
        is_correct = of_source & (columns.outcome == 0)
        graded = verdicts[is_correct & (verdicts >= 0)]
        if not len(graded) and not (of_source & is_not_wrong).any():
            continue
        stays = float(graded.mean()) if len(graded) else 1.0
        added[of_source & (columns.outcome == 1)] = 0.0
        added[is_correct] = np.where(verdicts[is_correct] >= 0, verdicts[is_correct], stays)
        added[of_source & is_not_wrong] = weights[of_source & is_not_wrong]
    return added


def widen_by_extrapolation(accuracy: Estimate, n_judged: int, strata: Iterable[tuple[float, int, int]]) -> Estimate:
    """Return an accuracy by the grader whose interval also covers the traces that were not graded again.

    `accuracy` is that of `regraded_shares`, with the interval over problems. `strata` has (share that the grader calls
    correct, number graded again, number of traces) of the traces that are correct by the file, and of those that are
    wrong. The squared distances to the ends of Wilson's interval of each share, for a finite number of traces, are
    added to those of `accuracy`.

    >>> accuracy = widen_by_extrapolation(Estimate(0.5, 0.4, 0.6), 200, [(1.0, 25, 100), (0.0, 100, 100)])
    >>> round(accuracy.low, 3), round(accuracy.high, 3)
    (0.385, 0.6)
    """
    if accuracy.value is None or accuracy.low is None or accuracy.high is None:
        return accuracy
    below, above = (accuracy.value - accuracy.low) ** 2, (accuracy.high - accuracy.value) ** 2
    for share, n_graded, n_traces in strata:
        if 0 < n_graded < n_traces:
            low, high = wilson_interval(share * n_graded, n_graded)
            weight = n_traces / n_judged * math.sqrt(1 - n_graded / n_traces)
            below += (weight * (share - low)) ** 2
            above += (weight * (high - share)) ** 2
    low, high = accuracy.value - math.sqrt(below), accuracy.value + math.sqrt(above)
    return replace(accuracy, low=max(0.0, low), high=min(1.0, high))


def diagnose_sampled_traces(
    collected: CollectedTraces, progress: Progress
) -> tuple[dict[int, Diagnosis], list[EquationCheck]]:
    """Return the diagnoses of the sampled wrong traces by key, and the checks of equations.

    Each text is parsed once.
    """
    plan, sampled_traces, counts = collected.plan, collected.sampled_traces, collected.counts
    source_index = {name: source for source, name in enumerate(counts.source_names)}
    finders = {lexicon.digest: SpanFinder(lexicon) for lexicon in counts.lexicons}
    solutions: dict[int, Solution] = {}

    def solution(key: int) -> Solution:
        if key not in solutions:
            source_name, trace = sampled_traces[key]
            lexicon = counts.lexicon(source_index[source_name])
            solutions[key] = read_solution(trace, finders[lexicon.digest])
        return solutions[key]

    diagnoses: dict[int, Diagnosis] = {}
    checks: list[EquationCheck] = []
    total = len(plan.diagnosed) + plan.n_checked
    grades: list[Grade | None] = []
    with AnswerGrader() as grader:
        for start in range(0, len(plan.diagnosed), _BLOCK_TRACES):
            block = plan.diagnosed[start : start + _BLOCK_TRACES]
            grades += regrade([sampled_traces[key].trace for key in block], grader.grade)
            progress("diagnosing", 0, total)
    for number, (key, grade) in enumerate(zip(plan.diagnosed, grades, strict=True)):
        siblings = [solution(sibling) for sibling in plan.siblings[key]]
        diagnoses[key] = diagnose_solution(sampled_traces[key].trace, solution(key), siblings, grade)
        if number % _PROGRESS_EVERY == 0:
            progress("diagnosing", number, total)
    for outcome, keys in sorted(plan.equation_keys.items()):
        for key in sorted(keys):
            source_name, trace = sampled_traces[key]
            checks.append(equation_check(source_index[source_name], trace, outcome, solution(key).work.equations))
            if len(checks) % _PROGRESS_EVERY == 0:
                progress("diagnosing", len(plan.diagnosed) + len(checks), total)
    return diagnoses, checks
