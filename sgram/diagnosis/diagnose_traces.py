"""Diagnose all wrong responses of a corpus in bounded memory.

The traces are read three times: to find which are wrong and which correct siblings they are compared with, to compute
the work of these siblings, and to diagnose (`sgram.diagnosis.diagnosis_passes`). A few numbers a group and the work of
the selected siblings are kept, never a text. The diagnoses do not depend on the order of the traces. If more traces are
wrong than a limit, a sample stratified by step and problem is diagnosed (`sgram.diagnosis.error_sample`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sgram.diagnosis.diagnosis_passes import (
    CorpusReport,
    DiagnosisTools,
    SiblingRows,
    SiblingWork,
    Stratum,
    WrongSurvey,
    diagnose_rows,
    read_siblings,
    stratum_of,
    survey_wrong,
)
from sgram.diagnosis.kinds import Diagnosis, Solution, Spans
from sgram.diagnosis.operations import EquationFinder
from sgram.diagnosis.regrading import AccuracyCounts, Regrade
from sgram.errors import SgramError
from sgram.grading.fill_correct import AnswerGrader
from sgram.traces import Trace

__all__ = ["CorpusDiagnosis", "CorpusReport", "DiagnosisPasses", "TracePass"]

TracePass = Callable[[str], Iterable[Trace]]
"""Returns the same traces in the same order at every call. Its argument is the stage: "judging", "reading siblings" or
"diagnosing"."""


class DiagnosisPasses(Protocol):
    """The three passes over all traces."""

    def survey(self) -> WrongSurvey:
        """Return which traces are wrong, and what they can be compared with."""
        ...

    def siblings(self, rows: SiblingRows) -> SiblingWork:
        """Return the work of the traces in `rows`."""
        ...

    def diagnoses(
        self, rows: Collection[int], siblings: Mapping[str, Sequence[Solution]]
    ) -> Iterator[tuple[Trace, Diagnosis]]:
        """Yield (wrong trace, diagnosis) of the traces in `rows`, in their order."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TracesPasses:
    """Passes over traces that this process reads."""

    read_traces: TracePass
    tools: DiagnosisTools

    def survey(self) -> WrongSurvey:
        """Return which traces are wrong; see `DiagnosisPasses`."""
        return survey_wrong(self.read_traces("judging"), self.tools)

    def siblings(self, rows: SiblingRows) -> SiblingWork:
        """Return the work of the traces in `rows`."""
        return read_siblings(self.read_traces("reading siblings"), rows, self.tools)

    def diagnoses(
        self, rows: Collection[int], siblings: Mapping[str, Sequence[Solution]]
    ) -> Iterator[tuple[Trace, Diagnosis]]:
        """Yield (wrong trace, diagnosis) of the traces in `rows`, in their order."""
        return diagnose_rows(self.read_traces("diagnosing"), rows, siblings, self.tools)


@dataclass(slots=True, eq=False)
class CorpusDiagnosis:
    """Diagnoses the wrong ones of the traces that `read_traces` returns; iterating fills `report`.

    >>> trace = Trace(id="1", text="We get 6 + 9 = 14. The answer is 14.", correct=False)
    >>> [(trace.id, diagnosis.kind) for trace, diagnosis in CorpusDiagnosis(lambda stage: [trace])]
    [('1', 'procedural')]
    """

    read_traces: TracePass | None = None
    """None if `passes` are given."""
    find_spans: Spans | None = None
    """The fields of `DiagnosisTools`, up to `grade`."""
    answers: AnswerGrader | None = None
    find_equations: EquationFinder | None = None
    grade: Regrade | None = None
    max_diagnosed: int | None = None
    """Most wrong traces that are diagnosed; None for all."""
    check: Callable[[CorpusReport], None] | None = None
    """Called with the report before any trace is diagnosed; an error that it raises ends the diagnosis."""
    passes: DiagnosisPasses | None = None
    """The passes, in place of those over `read_traces`."""
    report: CorpusReport = field(default_factory=CorpusReport)
    accuracy: AccuracyCounts = field(default_factory=AccuracyCounts)
    """Accuracy by the verdicts of the traces and by the grader."""
    _weights: dict[Stratum, float] = field(default_factory=dict)

    def weight(self, trace: Trace) -> float:
        """Return how many wrong traces of its model and step a diagnosed trace stands for: 1 if all are diagnosed."""
        return self._weights.get(stratum_of(trace), 1.0)

    def __iter__(self) -> Iterator[tuple[Trace, Diagnosis]]:
        """Yield (wrong trace, diagnosis) in the order of the traces."""
        passes = self.passes
        if passes is None:
            if self.read_traces is None:
                raise SgramError("a diagnosis needs read_traces or passes")
            tools = DiagnosisTools(self.find_spans, self.answers, self.find_equations, self.grade)
            passes = TracesPasses(self.read_traces, tools)
        survey = passes.survey()
        self.report, self.accuracy = survey.report, survey.accuracy
        sampled_rows, self._weights = survey.wrong.sample(self.max_diagnosed)
        self.report.diagnosed, self.report.with_siblings = len(sampled_rows), survey.n_with_siblings
        if self.check is not None:
            self.check(self.report)
        if not sampled_rows:
            return
        sibling_rows = survey.sibling_rows()
        work = passes.siblings(sibling_rows) if sibling_rows else {}
        siblings = {name: [solution for _, solution in sorted(pairs, key=_rank)] for name, pairs in work.items()}
        for trace, diagnosis in passes.diagnoses(sampled_rows, siblings):
            if diagnosis.kind == "not-wrong":
                self.accuracy.add_not_wrong(trace, self.weight(trace))
            yield trace, diagnosis


def _rank(pair: tuple[int, Solution]) -> int:
    return pair[0]
