"""Diagnose all wrong responses of a corpus in bounded memory.

The traces are read three times: to find which are wrong and which correct siblings they are compared with, to compute
the work of these siblings, and to diagnose. A few numbers a group and the work of the selected siblings are kept, never
a text. The diagnoses do not depend on the order of the traces.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sgram.diagnosis.kinds import Diagnosis, Seen, Spans, diagnose_seen, seen, sibling_rank
from sgram.diagnosis.operations import EquationFinder
from sgram.diagnosis.siblings import MAX_SIBLINGS
from sgram.grading.fill_correct import AnswerGrader
from sgram.traces import Trace

TracePass = Callable[[str], Iterable[Trace]]
"""Returns the same traces in the same order at every call. Its argument is the stage: "judging", "reading siblings" or
"diagnosing"."""
_WRONG, _CORRECT, _UNKNOWN = 0, 1, 2


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
    report: CorpusReport = field(default_factory=CorpusReport)

    def __iter__(self) -> Iterator[tuple[Trace, Diagnosis]]:
        """Yield (wrong trace, diagnosis) in the order of the traces."""
        verdicts, groups = self._survey()
        siblings = self._read_siblings(groups)
        if self.report.wrong:
            for row, trace in enumerate(self.read_traces("diagnosing")):
                if verdicts[row] == _WRONG:
                    wrong = replace(trace, correct=False)
                    solution = seen(wrong, self.find_spans, self.find_equations)
                    yield wrong, diagnose_seen(wrong, solution, siblings.get(trace.group or "", ()))

    def _survey(self) -> tuple[bytearray, dict[str, _Group]]:
        """Return the verdict on each trace, and the groups by name."""
        traces, report = self.read_traces("judging"), self.report
        verdicts = bytearray()
        groups: dict[str, _Group] = {}
        for row, trace in enumerate(traces if self.answers is None else self.answers(traces)):
            verdicts.append(_UNKNOWN if trace.correct is None else _CORRECT if trace.correct else _WRONG)
            report.traces += 1
            report.correct += trace.correct is True
            report.wrong += trace.correct is False
            report.without_reference += trace.correct is None and not trace.reference
            if trace.group and trace.correct is not None:
                groups.setdefault(trace.group, _Group()).add(trace, row)
        report.with_siblings = sum(group.n_wrong for group in groups.values() if group.siblings)
        return verdicts, groups

    def _read_siblings(self, groups: dict[str, _Group]) -> dict[str, list[Seen]]:
        """Return the solutions of the selected siblings in groups with a wrong trace, by rank."""
        group_and_rank = {
            row: (name, -negative_rank)
            for name, group in groups.items()
            if group.n_wrong
            for negative_rank, row in group.siblings
        }
        ranked: dict[str, list[tuple[int, Seen]]] = {}
        if group_and_rank:
            for row, trace in enumerate(self.read_traces("reading siblings")):
                if row in group_and_rank:
                    name, rank = group_and_rank[row]
                    solution = seen(trace, self.find_spans, self.find_equations)
                    ranked.setdefault(name, []).append((rank, _without_text(solution)))
        return {name: [solution for _, solution in sorted(pairs, key=_rank)] for name, pairs in ranked.items()}


def _without_text(solution: Seen) -> Seen:
    """Return what siblings are compared by, without steps and equations."""
    return replace(solution, work=replace(solution.work, steps=(), equations=()))


def _rank(pair: tuple[int, Seen]) -> int:
    return pair[0]
