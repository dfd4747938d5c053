"""Filling `Trace.correct` from the reference answers of traces that do not say whether they are correct.

Answers are extracted and compared as in training: `sgram.grading.checking`, in worker processes with a time limit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from sgram.grading.checking import AnswerChecker
from sgram.grading.pool import PoolConfig
from sgram.traces import Trace

_BLOCK_SIZE = 256


@dataclass(slots=True)
class GradingReport:
    """Counts of graded traces."""

    n_graded: int = 0
    """Traces whose answer was compared with the reference."""
    n_correct: int = 0
    n_unverifiable: int = 0
    """Traces whose reference cannot be compared, or whose check was killed: `correct` stays None."""
    n_agreeing: int = 0
    """Graded traces whose `correct` was set before, to what the comparison finds."""
    n_differing: int = 0
    """Graded traces whose `correct` was set before, to the opposite."""


@dataclass(slots=True, eq=False)
class AnswerGrader:
    """Fills `correct` of traces from their `reference`; a context manager that ends its worker processes."""

    workers: int = 2
    """Number of worker processes."""
    seconds: float = 5.0
    """Time limit of one comparison."""
    regrade: bool = False
    """Whether traces with a `correct` are compared as well; their `correct` stays."""
    report: GradingReport = field(default_factory=GradingReport)
    _checker: AnswerChecker | None = None

    def __enter__(self) -> "AnswerGrader":
        return self

    def __exit__(self, *_: object) -> None:
        if self._checker is not None:
            self._checker.close()

    def __call__(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """Yield the same traces in their order, with `correct` filled if it is None and the reference decides it.

        Raise `MissingExtraError` if there is an answer to compare and math-verify is not installed.

        >>> with AnswerGrader() as grader:
        ...     [trace.correct for trace in grader([Trace(id="a", text="wait", correct=True)])]
        [True]
        """
        traces = iter(traces)
        while block := list(islice(traces, _BLOCK_SIZE)):
            yield from self._grade_block(block)

    def _grade_block(self, block: list[Trace]) -> list[Trace]:
        rows = [row for row, trace in enumerate(block) if trace.reference and (trace.correct is None or self.regrade)]
        if not rows:
            return block
        if self._checker is None:
            self._checker = AnswerChecker(config=PoolConfig(self.workers, self.seconds))
        references = [block[row].reference or "" for row in rows]
        outcomes = self._checker.judge(references, [block[row].text for row in rows])
        for row, outcome in zip(rows, outcomes, strict=True):
            trace = block[row]
            self._count(trace, outcome.correct)
            if trace.correct is None and outcome.correct is not None:
                answer = trace.answer if trace.answer is not None else outcome.answer
                block[row] = replace(trace, correct=outcome.correct, answer=answer)
        return block

    def _count(self, trace: Trace, correct: bool | None) -> None:
        report = self.report
        if correct is None:
            report.n_unverifiable += 1
            return
        report.n_graded += 1
        report.n_correct += correct
        if trace.correct is not None:
            report.n_agreeing += trace.correct == correct
            report.n_differing += trace.correct != correct
