"""Filling `Trace.correct` from the reference answers of traces that do not say whether they are correct.

Answers are judged as in training, by `sgram.grading.grader`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice

from sgram.errors import MissingExtraError
from sgram.grading.grader import Grade, Grader
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

    def merge(self, report: "GradingReport") -> None:
        """Add the counts of other traces."""
        for count in fields(self):
            setattr(self, count.name, getattr(self, count.name) + getattr(report, count.name))


@dataclass(slots=True, eq=False)
class AnswerGrader:
    """Fills `correct` of traces from their `reference`; a context manager that ends its worker processes."""

    workers: int = 2
    """Number of worker processes."""
    seconds: float = 5.0
    """Limit of one comparison, in seconds of CPU time."""
    regrade: bool = False
    """Whether traces with a `correct` are compared as well; their `correct` stays."""
    needs_formulas: bool = True
    """Whether a formula without math-verify to compare it is an error; if not, the answer stays not judged."""
    report: GradingReport = field(default_factory=GradingReport)
    _grader: Grader | None = None

    def __enter__(self) -> "AnswerGrader":
        return self

    def __exit__(self, *_: object) -> None:
        if self._grader is not None:
            self._grader.close()

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
        for row, grade in zip(rows, self.grade([block[row] for row in rows]), strict=True):
            trace = block[row]
            self._count(trace, grade.correct)
            if trace.correct is None and grade.correct is not None:
                answer = trace.answer if trace.answer is not None else grade.answer
                block[row] = replace(trace, correct=grade.correct, answer=answer)
        return block

    def grade(self, traces: Sequence[Trace]) -> list[Grade]:
        """Return the grade of each trace by its reference, whatever its `correct` is.

        Where the file says which parts are reasoning and answer, the last part is graded.

        >>> with AnswerGrader() as grader:
        ...     [grade.correct for grade in grader.grade([Trace(id="a", text="It is 5.", reference="4", correct=True)])]
        [False]
        """
        if self._grader is None:
            self._grader = Grader(config=PoolConfig(self.workers, self.seconds))
        responses = [answer_text(trace) for trace in traces]
        references = [trace.reference or "" for trace in traces]
        prompts = [trace.prompt for trace in traces]
        try:
            return self._grader.grade_many(responses, references, prompts)
        except MissingExtraError:
            if self.needs_formulas:
                raise
            self._grader.with_formulas = False
            return self._grader.grade_many(responses, references, prompts)

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


def answer_text(trace: Trace) -> str:
    """Return the text of a trace that may hold its final answer: the last answer that its metadata mark, or all of it.

    >>> parts = [{"kind": "reasoning", "start": 0, "end": 2}, {"kind": "answer", "start": 3, "end": 8}]
    >>> answer_text(Trace(id="a", text="4? It's 5", meta={"parts": parts}))
    "It's "
    """
    parts = [part for part in trace.meta.get("parts") or () if part["kind"] in ("reasoning", "answer")]
    if not parts or parts[-1]["kind"] != "answer":
        return trace.text
    return trace.text[parts[-1]["start"] : parts[-1]["end"]]
