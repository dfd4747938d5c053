"""Grades: whether a response is right, by its reference answer.

`grade` judges one response, `grade_many` many, `Grader` many batches with worker processes of its own. The diagnosis,
the report, the metrics and the training judge by the same function.
"""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from sgram.grading.comparing import FormulaNeededError, NoFormulas
from sgram.grading.final_statement import final_part
from sgram.grading.judging import judge
from sgram.grading.letters import parse_options
from sgram.grading.outcome import AnswerQuestion
from sgram.grading.pool import PoolConfig, WorkerPool

MAX_REFERENCE_CHARS = 20_000
"""Characters of the longest reference that is read."""
MAX_PART_CHARS = 40_000
"""Characters at the end of a response that are read."""
_PROMPT_CHARS = 2000
"""Characters at the end of a prompt in which units and percentages are looked for."""


@dataclass(frozen=True, slots=True)
class Grade:
    """Verdict on one response.

    >>> verdict = grade("So the answer is 4.", "5")
    >>> verdict.correct, verdict.answer
    (False, '4')
    """

    correct: bool | None
    """Whether the answer equals the reference; None if they cannot be compared, which `why` explains."""
    answer: str | None
    """Answer of the response in one spelling: equal answers are equal strings. None if the response has no answer."""
    why: str
    """What was compared, or why nothing could be."""
    equal_after: str | None = None
    """For an incorrect response: the conversion or rereading that makes it equal to the reference, and that is not
    accepted, such as "a unit converted"; None if there is none."""


@dataclass(slots=True, eq=False)
class Grader:
    """Judge of responses by their reference answers; a context manager that ends its worker processes.

    Letters, numbers, words and lists of them are compared in this process, formulas in worker processes.
    """

    marked_only: bool = False
    """Whether an answer must be marked; if not, a statement or the end of a response may be its answer."""
    convert_units: bool = False
    """Whether an answer in another unit than the reference's is converted."""
    config: PoolConfig = field(default_factory=PoolConfig)
    with_formulas: bool = True
    """Whether formulas are compared; if not, an answer that needs it is not judged, and math-verify is not needed."""
    pool: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = WorkerPool("maths", "sgram[train]", self.config)

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def grade_many(
        self, responses: Sequence[str], references: Sequence[str], prompts: Sequence[str | None] | None = None
    ) -> list[Grade]:
        """Return one grade for each response.

        Raise `ValueError` if the lengths differ, `MissingExtraError` if a formula must be compared and math-verify is
        not installed.
        """
        prompts = [None] * len(responses) if prompts is None else prompts
        parts = [final_part(response) for response in responses]
        rows = list(zip(parts, references, prompts, strict=True))
        grades = self._grade_parts([self._question(part, reference, prompt or "") for part, reference, prompt in rows])
        thinking_only = [row for row, part in enumerate(parts) if not part and responses[row].strip()]
        questions = [self._question(responses[row], references[row], prompts[row] or "") for row in thinking_only]
        for row, reread in zip(thinking_only, self._grade_parts(questions), strict=True):
            if grades[row].correct is False:
                equal_after = "an answer read out of its thinking" if reread.correct else None
                grades[row] = replace(grades[row], why="the response ends with its thinking", equal_after=equal_after)
        return grades

    def _question(self, part: str, reference: str, prompt: str) -> AnswerQuestion:
        return {
            "reference": reference[:MAX_REFERENCE_CHARS],
            "part": part[-MAX_PART_CHARS:],
            "marked_only": self.marked_only,
            "options": parse_options(prompt) if prompt else {},
            "prompt": prompt[-_PROMPT_CHARS:],
            "convert_units": self.convert_units,
        }

    def _grade_parts(self, questions: Sequence[AnswerQuestion]) -> list[Grade]:
        """Return one grade for each final part of a response."""
        grades = [_grade_here(question) for question in questions]
        rows = [row for row, grade in enumerate(grades) if grade is None]
        if not self.with_formulas:
            return [grade or Grade(None, None, "not compared: it is a formula") for grade in grades]
        outcomes = self.pool.ask_with_reasons([questions[row] for row in rows])
        for row, (reply, reason) in zip(rows, outcomes, strict=True):
            grades[row] = Grade(None, None, f"not compared: {reason}") if reply is None else Grade(**reply)
        return [grade for grade in grades if grade is not None]

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()


def _grade_here(question: AnswerQuestion) -> Grade | None:
    """Return the grade of an answer without formulas; None if a formula must be compared."""
    try:
        return Grade(**judge(question, NoFormulas()))
    except FormulaNeededError:
        return None


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
    >>> grade("The answer is 4.", "\\frac{}{2}").why
    'the reference cannot be compared: a part of the formula is missing'
    """
    return grade_many([response], [reference], [prompt])[0]
