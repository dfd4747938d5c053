"""Whether traces are right, told from their reference answers where nobody has said. Knows nothing about errors.

Finding an answer and comparing it are the training tasks' own: `sgram.grading.checking`, worker processes under
a time limit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from sgram.grading.checking import Checker
from sgram.grading.pool import PoolConfig
from sgram.traces import Trace

_AT_ONCE = 256


@dataclass(slots=True)
class AnswerReport:
    """What came of judging answers."""

    judged: int = 0
    """Traces that were compared with their reference."""
    right: int = 0
    unverifiable: int = 0
    """Traces whose reference cannot be compared, or whose check was killed: they stay not judged."""
    agreeing: int = 0
    """Of traces that were told right or wrong before, those that the comparison finds the same."""
    differing: int = 0


@dataclass(slots=True, eq=False)
class AnswerJudge:
    """Fills `correct` of traces from their `reference`; a context manager that ends its worker processes."""

    workers: int = 2
    seconds: float = 5.0
    """After which one comparison is killed."""
    again: bool = False
    """Whether traces that were told right or wrong are judged too; what they were told stays."""
    report: AnswerReport = field(default_factory=AnswerReport)
    _checker: Checker | None = None

    def __enter__(self) -> "AnswerJudge":
        return self

    def __exit__(self, *_: object) -> None:
        if self._checker is not None:
            self._checker.close()

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """The same traces, in their order; `correct` filled where it was unknown and the reference tells it.

        `MissingExtraError` where what compares answers is not installed and there is one to compare.
        """
        traces = iter(traces)
        while block := list(islice(traces, _AT_ONCE)):
            yield from self._judged(block)

    def _judged(self, block: list[Trace]) -> list[Trace]:
        places = [
            place for place, trace in enumerate(block) if trace.reference and (trace.correct is None or self.again)
        ]
        if not places:
            return block
        if self._checker is None:
            self._checker = Checker(config=PoolConfig(self.workers, self.seconds))
        chosen = [block[place] for place in places]
        verdicts = self._checker.judge([trace.reference for trace in chosen], [trace.text for trace in chosen])
        for place, trace, verdict in zip(places, chosen, verdicts, strict=True):
            self._count(trace, verdict.correct)
            if trace.correct is None and verdict.correct is not None:
                answer = trace.answer if trace.answer is not None else verdict.answer
                block[place] = replace(trace, correct=verdict.correct, answer=answer)
        return block

    def _count(self, trace: Trace, correct: bool | None) -> None:
        report = self.report
        if correct is None:
            report.unverifiable += 1
            return
        report.judged += 1
        report.right += correct
        if trace.correct is not None:
            report.agreeing += trace.correct == correct
            report.differing += trace.correct != correct
