"""Diagnose all wrong responses of a corpus in bounded memory.

The traces are read three times: to find which are wrong and which correct siblings they are compared with, to compute
the work of these siblings, and to diagnose. A few numbers a group and the work of the selected siblings are kept, never
a text. The diagnoses do not depend on the order of the traces. If more traces are wrong than a limit, a sample
stratified by step and problem is diagnosed (`sgram.diagnosis.error_sample`).
"""

import heapq
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from sgram.diagnosis.error_sample import draw_error_sample, sample_weights
from sgram.diagnosis.kinds import Diagnosis, Solution, Spans, diagnose_solution, read_solution, sibling_rank
from sgram.diagnosis.operations import EquationFinder
from sgram.diagnosis.regrading import AccuracyCounts, Regrade, regrade
from sgram.diagnosis.siblings import MAX_SIBLINGS
from sgram.grading import Grade
from sgram.grading.fill_correct import AnswerGrader
from sgram.traces import Trace
from sgram.traces.trace_keys import UNKNOWN_MODEL, problem_name, stable_key

TracePass = Callable[[str], Iterable[Trace]]
"""Returns the same traces in the same order at every call. Its argument is the stage: "judging", "reading siblings" or
"diagnosing"."""


@dataclass(slots=True)
class CorpusReport:
    """Counts of the traces before any is diagnosed."""

    traces: int = 0
    correct: int = 0
    wrong: int = 0
    without_reference: int = 0
    """Traces without a verdict that have no reference answer to compare with."""
    with_siblings: int = 0
    """Wrong traces with a correct sibling."""
    diagnosed: int = 0
    """Wrong traces that are diagnosed: all, or a sample."""

    @property
    def not_judged(self) -> int:
        """Traces without a verdict.

        >>> CorpusReport(traces=5, correct=2, wrong=1).not_judged
        2
        """
        return self.traces - self.correct - self.wrong


@dataclass(slots=True)
class _Group:
    n_wrong: int = 0
    siblings: list[tuple[int, int]] = field(default_factory=list)
    """(negative rank, row) of the correct siblings with the smallest ranks, as a heap."""

    def add(self, trace: Trace, row: int) -> None:
        if not trace.correct:
            self.n_wrong += 1
            return
        sibling = (-int(sibling_rank(trace.id)[:16], 16), row)
        if len(self.siblings) < MAX_SIBLINGS:
            heapq.heappush(self.siblings, sibling)
        else:
            heapq.heappushpop(self.siblings, sibling)


_BLOCK_TRACES = 256
"""Traces that are graded together."""
_Stratum = tuple[str, int | None]


def _stratum(trace: Trace) -> _Stratum:
    """Return the model and the training step of a trace."""
    return trace.model or UNKNOWN_MODEL, trace.step


@dataclass(slots=True)
class _WrongTraces:
    """What a sample of the wrong traces is drawn by, about 30 bytes a trace."""

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    strata: "array[int]" = field(default_factory=lambda: array("i"))
    problems: "array[int]" = field(default_factory=lambda: array("q"))
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    codes: dict[_Stratum, int] = field(default_factory=dict)

    def add(self, trace: Trace, row: int) -> None:
        self.rows.append(row)
        self.strata.append(self.codes.setdefault(_stratum(trace), len(self.codes)))
        self.problems.append(stable_key(problem_name(trace)))
        self.keys.append(stable_key(trace.id, trace.text))

    def sample(self, limit: int | None) -> tuple[set[int], dict[_Stratum, float]]:
        """Return the rows that are diagnosed, and how many wrong traces a diagnosed one of each stratum stands for."""
        names = list(self.codes)
        strata = [names[code] for code in self.strata]
        n_max = len(strata) if limit is None else limit
        sample = draw_error_sample(strata, self.problems, self.keys, n_max)
        is_diagnosed = [False] * len(strata)
        for index in sample:
            is_diagnosed[index] = True
        weights = sample_weights(strata, is_diagnosed, [model for model, _ in strata])
        return {self.rows[index] for index in sample}, {strata[index]: float(weights[index]) for index in sample}


@dataclass(slots=True, eq=False)
class CorpusDiagnosis:
    """Diagnoses the wrong ones of the traces that `read_traces` returns; iterating fills `report`.

    >>> trace = Trace(id="1", text="We get 6 + 9 = 14. The answer is 14.", correct=False)
    >>> [(trace.id, diagnosis.kind) for trace, diagnosis in CorpusDiagnosis(lambda stage: [trace])]
    [('1', 'procedural')]
    """

    read_traces: TracePass
    find_spans: Spans | None = None
    """Finds planning spans, which are needed for the plans that traces announce."""
    answers: AnswerGrader | None = None
    """Compares the answers of traces without a verdict with their references."""
    find_equations: EquationFinder | None = None
    grade: Regrade | None = None
    """Grades traces that have a verdict of their own: the correct ones for `accuracy`, the wrong ones for their kind.
    If None, `diagnose_solution` grades the wrong ones, one by one."""
    max_diagnosed: int | None = None
    """Most wrong traces that are diagnosed; None for all."""
    check: Callable[[CorpusReport], None] | None = None
    """Called with the report before any trace is diagnosed; an error that it raises ends the diagnosis."""
    report: CorpusReport = field(default_factory=CorpusReport)
    accuracy: AccuracyCounts = field(default_factory=AccuracyCounts)
    """Accuracy by the verdicts of the traces and by the grader."""
    _weights: dict[_Stratum, float] = field(default_factory=dict)

    def weight(self, trace: Trace) -> float:
        """Return how many wrong traces of its model and step a diagnosed trace stands for: 1 if all are diagnosed."""
        return self._weights.get(_stratum(trace), 1.0)

    def __iter__(self) -> Iterator[tuple[Trace, Diagnosis]]:
        """Yield (wrong trace, diagnosis) in the order of the traces."""
        survey, groups = self._survey()
        sampled_rows, self._weights = survey.sample(self.max_diagnosed)
        self.report.diagnosed = len(sampled_rows)
        if self.check is not None:
            self.check(self.report)
        if sampled_rows:
            siblings = self._read_siblings(groups)
            rows = enumerate(self.read_traces("diagnosing"))
            wrong_traces = (replace(trace, correct=False) for row, trace in rows if row in sampled_rows)
            while block := list(islice(wrong_traces, _BLOCK_TRACES)):
                grades = [None] * len(block) if self.grade is None else regrade(block, self.grade)
                for trace, verdict in zip(block, grades, strict=True):
                    solution = read_solution(trace, self.find_spans, self.find_equations)
                    diagnosis = diagnose_solution(trace, solution, siblings.get(trace.group or "", ()), verdict)
                    if diagnosis.kind == "not-wrong":
                        self.accuracy.add_not_wrong(trace, self.weight(trace))
                    yield trace, diagnosis

    def _survey(self) -> tuple[_WrongTraces, dict[str, _Group]]:
        """Return the wrong traces, and the groups by name."""
        report, wrong_traces = self.report, _WrongTraces()
        groups: dict[str, _Group] = {}
        for row, (trace, regraded) in enumerate(self._judged_traces()):
            if trace.correct is False:
                wrong_traces.add(trace, row)
            if trace.correct is not None:
                self.accuracy.add(trace, regraded)
            report.traces += 1
            report.correct += trace.correct is True
            report.wrong += trace.correct is False
            report.without_reference += trace.correct is None and not trace.reference
            if trace.group and trace.correct is not None:
                groups.setdefault(trace.group, _Group()).add(trace, row)
        report.with_siblings = sum(group.n_wrong for group in groups.values() if group.siblings)
        return wrong_traces, groups

    def _judged_traces(self) -> Iterator[tuple[Trace, bool | None]]:
        """Yield each trace, with `correct` filled, and what the grader says of it if it was correct before."""
        traces = iter(self.read_traces("judging"))
        while block := list(islice(traces, _BLOCK_TRACES)):
            grades: dict[int, Grade | None] = {}
            if self.grade is not None:
                rows = [row for row, trace in enumerate(block) if trace.correct]
                grades = dict(zip(rows, regrade([block[row] for row in rows], self.grade), strict=True))
            for row, trace in enumerate(block if self.answers is None else self.answers(block)):
                grade = grades.get(row)
                yield trace, None if grade is None else grade.correct

    def _read_siblings(self, groups: dict[str, _Group]) -> dict[str, list[Solution]]:
        """Return the solutions of the selected siblings in groups with a wrong trace, by rank."""
        group_and_rank = {
            row: (name, -negative_rank)
            for name, group in groups.items()
            if group.n_wrong
            for negative_rank, row in group.siblings
        }
        ranked: dict[str, list[tuple[int, Solution]]] = {}
        if group_and_rank:
            for row, trace in enumerate(self.read_traces("reading siblings")):
                if row in group_and_rank:
                    name, rank = group_and_rank[row]
                    solution = read_solution(trace, self.find_spans, self.find_equations)
                    ranked.setdefault(name, []).append((rank, _without_text(solution)))
        return {name: [solution for _, solution in sorted(pairs, key=_rank)] for name, pairs in ranked.items()}


def _without_text(solution: Solution) -> Solution:
    """Return what siblings are compared by, without steps and equations."""
    return replace(solution, work=replace(solution.work, steps=(), equations=()))


def _rank(pair: tuple[int, Solution]) -> int:
    return pair[0]
