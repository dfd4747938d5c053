"""All wrong responses of a corpus, diagnosed in bounded memory. Knows nothing about files, or how it is shown.

The traces pass three times: which are wrong, and which correct siblings are held beside them; what those siblings
compute; and the wrong ones themselves. What is kept is a few numbers a group and the work of the chosen siblings, never
a text. Nothing depends on the order of the traces.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from sgram.diagnosis.kinds import Diagnosis, Seen, Spans, diagnose_seen, seen, sibling_rank
from sgram.diagnosis.operations import Checker
from sgram.diagnosis.siblings import MOST_SIBLINGS
from sgram.grading.fill_correct import AnswerJudge
from sgram.traces import Trace

Pass = Callable[[str], Iterable[Trace]]
"""Gives the same traces in the same order at every call; it is told what they are wanted for."""


@dataclass(slots=True)
class CorpusReport:
    """What was found of the traces before any was diagnosed."""

    traces: int = 0
    correct: int = 0
    wrong: int = 0
    without_reference: int = 0
    """Of those not judged, the traces that hold no reference to judge them by."""
    with_siblings: int = 0
    """Wrong traces with a correct sibling."""

    @property
    def not_judged(self) -> int:
        """Traces of which nothing tells whether they are right."""
        return self.traces - self.correct - self.wrong


@dataclass(slots=True)
class _Group:
    wrong: int = 0
    chosen: list[tuple[int, int]] = field(default_factory=list)
    """(rank negated, place) of the correct siblings with the smallest ranks."""


@dataclass(slots=True, eq=False)
class CorpusDiagnosis:
    """Diagnoses the wrong ones of the traces that `passes` gives; `report` is filled on the way."""

    passes: Pass
    find: Spans | None = None
    """What finds planning spans, which tell the plans that are announced."""
    answers: AnswerJudge | None = None
    """Tells right from wrong by the reference, where the trace does not say."""
    check: Checker | None = None
    report: CorpusReport = field(default_factory=CorpusReport)

    def __iter__(self) -> Iterator[tuple[Trace, Diagnosis]]:
        """(wrong trace, diagnosis), in the order of the traces."""
        verdicts, groups = self._survey()
        siblings = self._siblings(groups)
        if self.report.wrong:
            for place, trace in enumerate(self.passes("diagnosing")):
                if verdicts[place] == 0:
                    corrects = siblings.get(trace.group or "", ())
                    trace = replace(trace, correct=False)
                    yield trace, diagnose_seen(trace, seen(trace, self.find, self.check), corrects)

    def _survey(self) -> tuple[bytearray, dict[str, _Group]]:
        """(1 right, 0 wrong, 2 unknown for each trace; what is known of each group)."""
        traces, report = self.passes("judging"), self.report
        verdicts, groups = bytearray(), {}
        for place, trace in enumerate(traces if self.answers is None else self.answers(traces)):
            verdicts.append(2 if trace.correct is None else trace.correct)
            report.traces += 1
            report.correct += trace.correct is True
            report.wrong += trace.correct is False
            report.without_reference += trace.correct is None and not trace.reference
            if trace.group and trace.correct is not None:
                _add(groups.setdefault(trace.group, _Group()), trace, place)
        report.with_siblings = sum(group.wrong for group in groups.values() if group.chosen)
        return verdicts, groups

    def _siblings(self, groups: dict[str, _Group]) -> dict[str, list[Seen]]:
        """What was seen of the correct siblings in groups with a wrong trace, by rank."""
        chosen = {place: (name, -rank) for name, group in groups.items() if group.wrong for rank, place in group.chosen}
        found: dict[str, list[tuple[int, Seen]]] = {}
        if chosen:
            for place, trace in enumerate(self.passes("reading siblings")):
                if place in chosen:
                    name, rank = chosen[place]
                    found.setdefault(name, []).append((rank, _kept(seen(trace, self.find, self.check))))
        return {name: [each for _, each in sorted(pairs, key=_rank)] for name, pairs in found.items()}


def _add(group: _Group, trace: Trace, place: int) -> None:
    if not trace.correct:
        group.wrong += 1
        return
    one = (-int(sibling_rank(trace.id)[:16], 16), place)
    if len(group.chosen) < MOST_SIBLINGS:
        heapq.heappush(group.chosen, one)
    else:
        heapq.heappushpop(group.chosen, one)


def _kept(one: Seen) -> Seen:
    """What others are compared with: no steps, no equations."""
    return replace(one, work=replace(one.work, steps=(), equations=()))


def _rank(pair: tuple[int, Seen]) -> int:
    return pair[0]
