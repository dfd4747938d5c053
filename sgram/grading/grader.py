"""Grades: whether a response is right, by its reference answer.

`grade` judges one response, `grade_many` many, `Grader` many batches with worker processes of its own. The diagnosis,
the report, the metrics and the training judge by the same function.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sgram.grading.checking import AnswerChecker
from sgram.grading.pool import PoolConfig


@dataclass(frozen=True, slots=True)
class Grade:
    """Verdict on one response."""

    correct: bool | None
    """Whether the answer equals the reference; None if they cannot be compared, which `why` explains."""
    answer: str | None
    """Answer of the response in one spelling: equal answers are equal strings. None if the response has no answer."""
    why: str
    """Sentence on what was compared."""
    equal_after: str | None = None
    """For an incorrect response: the conversion or rereading that makes it equal to the reference, and that is not
    accepted, such as "a unit converted"; None if there is none."""


@dataclass(slots=True, eq=False)
class Grader:
    """Judge of responses by their reference answers; a context manager that ends its worker processes."""

    marked_only: bool = False
    """Whether an answer must be marked; if not, the final statement of a response may be its answer."""
    config: PoolConfig = field(default_factory=PoolConfig)
    _checker: AnswerChecker = field(init=False)

    def __post_init__(self) -> None:
        self._checker = AnswerChecker(self.marked_only, self.config)

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def grade_many(
        self, responses: Sequence[str], references: Sequence[str], prompts: Sequence[str | None] | None = None
    ) -> list[Grade]:
        """Return one grade for each response. Raise `MissingExtraError` if a formula must be compared without
        math-verify."""
        outcomes = self._checker.judge(references, responses)
        return [Grade(outcome.correct, outcome.answer, "") for outcome in outcomes]

    def close(self) -> None:
        """End the worker processes."""
        self._checker.close()


@lru_cache(maxsize=1)
def _shared_grader(process: int) -> tuple[Grader, threading.Lock]:
    """Return the grader of `grade` and its lock. A fork of the process gets its own: pipes cannot be shared."""
    return Grader(), threading.Lock()


def grade_many(
    responses: Sequence[str], references: Sequence[str], prompts: Sequence[str | None] | None = None
) -> list[Grade]:
    r"""Return one grade for each response; see `grade`.

    >>> [grade.correct for grade in grade_many(["So 6 + 9 = 15.", "\\boxed{B}"], ["15", "C"])]
    [True, False]
    """
    grader, lock = _shared_grader(os.getpid())
    with lock:
        return grader.grade_many(responses, references, prompts)


def grade(response: str, reference: str, prompt: str | None = None) -> Grade:
    r"""Return whether a response is right by its reference answer, with the answer and the reason.

    `prompt` is the problem as the model read it: the options of a multiple-choice question are read from it. Formulas
    are compared in worker processes, which stay ready for the next call and end with this process.

    Raise `MissingExtraError` if a formula must be compared and math-verify is not installed.

    >>> grade("So she has \\boxed{1{,}234} apples.", "1234").correct
    True
    """
    return grade_many([response], [reference], [prompt])[0]
