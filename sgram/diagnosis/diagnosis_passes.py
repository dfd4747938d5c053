"""What the three passes over the traces of a diagnosis yield: of all traces, or of those of one file.

Rows number the traces of a pass. What several files yield is merged in their order, with the rows of all traces.
"""

import heapq
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import TypeAlias

from sgram.diagnosis.error_sample import draw_error_sample, sample_weights
from sgram.diagnosis.kinds import Diagnosis, Solution, Spans, diagnose_solution, read_solution, sibling_rank
from sgram.diagnosis.operations import EquationFinder
from sgram.diagnosis.regrading import AccuracyCounts, Regrade, regrade
from sgram.diagnosis.siblings import MAX_SIBLINGS
from sgram.grading import Grade
from sgram.grading.fill_correct import AnswerGrader
from sgram.traces import Trace
from sgram.traces.trace_keys import UNKNOWN_MODEL, problem_name, stable_key

_BLOCK_TRACES = 256
"""Traces that are graded together."""
SiblingRows: TypeAlias = Mapping[int, tuple[str, int]]
"""Row of a correct trace -> its group and its rank among the siblings of the group."""
SiblingWork: TypeAlias = dict[str, list[tuple[int, Solution]]]
"""Group -> rank and solution of its siblings."""


@dataclass(frozen=True, slots=True, eq=False)
class DiagnosisTools:
    """What reads, judges and compares solutions."""

    find_spans: Spans | None = None
    """Finds planning spans, which are needed for the plans that traces announce."""
    answers: AnswerGrader | None = None
    """Compares the answers of traces without a verdict with their references."""
    find_equations: EquationFinder | None = None
    grade: Regrade | None = None
    """Grades traces that have a verdict of their own: the correct ones for the accuracy, the wrong ones for their kind.
    If None, `diagnose_solution` grades the wrong ones, one by one."""

    def solution(self, trace: Trace) -> Solution:
        """Return what a trace does."""
        return read_solution(trace, self.find_spans, self.find_equations)


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

    def merge(self, report: "CorpusReport") -> None:
        """Add the counts of other traces."""
        for count in fields(self):
            setattr(self, count.name, getattr(self, count.name) + getattr(report, count.name))

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
        self._add_sibling(-int(sibling_rank(trace.id)[:16], 16), row)

    def _add_sibling(self, negative_rank: int, row: int) -> None:
        if len(self.siblings) < MAX_SIBLINGS:
            heapq.heappush(self.siblings, (negative_rank, row))
        else:
            heapq.heappushpop(self.siblings, (negative_rank, row))

    def merge(self, group: "_Group", first_row: int) -> None:
        """Add the traces of this group whose rows begin at `first_row`."""
        self.n_wrong += group.n_wrong
        for negative_rank, row in group.siblings:
            self._add_sibling(negative_rank, first_row + row)


Stratum = tuple[str, int | None]


def stratum_of(trace: Trace) -> Stratum:
    """Return the model and the training step of a trace."""
    return trace.model or UNKNOWN_MODEL, trace.step


@dataclass(slots=True)
class _WrongTraces:
    """What a sample of the wrong traces is drawn by, about 30 bytes a trace."""

    rows: "array[int]" = field(default_factory=lambda: array("q"))
    strata: "array[int]" = field(default_factory=lambda: array("i"))
    problems: "array[int]" = field(default_factory=lambda: array("q"))
    keys: "array[int]" = field(default_factory=lambda: array("q"))
    codes: dict[Stratum, int] = field(default_factory=dict)

    def add(self, trace: Trace, row: int) -> None:
        self.rows.append(row)
        self.strata.append(self.codes.setdefault(stratum_of(trace), len(self.codes)))
        self.problems.append(stable_key(problem_name(trace)))
        self.keys.append(stable_key(trace.id, trace.text))

    def merge(self, wrong: "_WrongTraces", first_row: int) -> None:
        """Add wrong traces whose rows begin at `first_row`."""
        codes = [self.codes.setdefault(stratum, len(self.codes)) for stratum in wrong.codes]
        self.rows.extend(first_row + row for row in wrong.rows)
        self.strata.extend(codes[code] for code in wrong.strata)
        self.problems.extend(wrong.problems)
        self.keys.extend(wrong.keys)

    def sample(self, limit: int | None) -> tuple[set[int], dict[Stratum, float]]:
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
class WrongSurvey:
    """The first pass: which traces are wrong, and which correct traces they can be compared with; it can be pickled."""

    report: CorpusReport = field(default_factory=CorpusReport)
    accuracy: AccuracyCounts = field(default_factory=AccuracyCounts)
    wrong: _WrongTraces = field(default_factory=_WrongTraces)
    groups: dict[str, _Group] = field(default_factory=dict)

    def add(self, trace: Trace, regraded: bool | None) -> None:
        """Add the next trace, and what the grader says of it if it had a verdict before."""
        report, row = self.report, self.report.traces
        if trace.correct is False:
            self.wrong.add(trace, row)
        if trace.correct is not None:
            self.accuracy.add(trace, regraded)
        report.traces += 1
        report.correct += trace.correct is True
        report.wrong += trace.correct is False
        report.without_reference += trace.correct is None and not trace.reference
        if trace.group and trace.correct is not None:
            self.groups.setdefault(trace.group, _Group()).add(trace, row)

    def merge(self, survey: "WrongSurvey") -> None:
        """Add the traces of a survey that come after those of this one."""
        first_row = self.report.traces
        self.wrong.merge(survey.wrong, first_row)
        for name, group in survey.groups.items():
            self.groups.setdefault(name, _Group()).merge(group, first_row)
        self.report.merge(survey.report)
        self.accuracy.merge(survey.accuracy)

    @property
    def n_with_siblings(self) -> int:
        """Wrong traces with a correct sibling."""
        return sum(group.n_wrong for group in self.groups.values() if group.siblings)

    def sibling_rows(self) -> SiblingRows:
        """Return the rows of the siblings of wrong traces."""
        return {
            row: (name, -negative_rank)
            for name, group in self.groups.items()
            if group.n_wrong
            for negative_rank, row in group.siblings
        }


def survey_wrong(traces: Iterable[Trace], tools: DiagnosisTools) -> WrongSurvey:
    """Return the survey of these traces: the first pass."""
    survey = WrongSurvey()
    for trace, regraded in _judged_traces(traces, tools):
        survey.add(trace, regraded)
    return survey


def _judged_traces(traces: Iterable[Trace], tools: DiagnosisTools) -> Iterator[tuple[Trace, bool | None]]:
    """Yield each trace, with `correct` filled, and what the grader says of it if it was correct before."""
    traces = iter(traces)
    while block := list(islice(traces, _BLOCK_TRACES)):
        grades: dict[int, Grade | None] = {}
        if tools.grade is not None:
            rows = [row for row, trace in enumerate(block) if trace.correct]
            grades = dict(zip(rows, regrade([block[row] for row in rows], tools.grade), strict=True))
        for row, trace in enumerate(block if tools.answers is None else tools.answers(block)):
            grade = grades.get(row)
            yield trace, None if grade is None else grade.correct


def read_siblings(traces: Iterable[Trace], rows: SiblingRows, tools: DiagnosisTools) -> SiblingWork:
    """Return the work of the siblings among these traces: the second pass."""
    work: SiblingWork = {}
    for row, trace in enumerate(traces):
        if row in rows:
            name, rank = rows[row]
            work.setdefault(name, []).append((rank, _without_text(tools.solution(trace))))
    return work


def _without_text(solution: Solution) -> Solution:
    """Return what siblings are compared by, without steps and equations."""
    return replace(solution, work=replace(solution.work, steps=(), equations=()))


def diagnose_rows(
    traces: Iterable[Trace], rows: Collection[int], siblings: Mapping[str, Sequence[Solution]], tools: DiagnosisTools
) -> Iterator[tuple[Trace, Diagnosis]]:
    """Yield (wrong trace, diagnosis) of the traces in `rows`, in their order: the third pass."""
    wrong_traces = (replace(trace, correct=False) for row, trace in enumerate(traces) if row in rows)
    while block := list(islice(wrong_traces, _BLOCK_TRACES)):
        grades = [None] * len(block) if tools.grade is None else regrade(block, tools.grade)
        for trace, verdict in zip(block, grades, strict=True):
            diagnosis = diagnose_solution(trace, tools.solution(trace), siblings.get(trace.group or "", ()), verdict)
            yield trace, diagnosis
