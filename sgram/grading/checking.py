"""Verdicts on mathematical responses: their answers, compared with reference answers.

The answer is the one that the response marks (`answers`). Without a mark, and unless marks are required, it is the
number that the response ends on (`unmarked_answers`), or what math-verify finds there. Answers are compared in worker
processes with a time limit (`pool`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgram.grading.answers import marked_answer, response_tail
from sgram.grading.outcome import AnswerQuestion, TaskOutcome
from sgram.grading.pool import PoolConfig, WorkerPool

_NO_ANSWER = TaskOutcome(0.0, False, None, "format")
_UNJUDGED = TaskOutcome(None, None)


@dataclass(slots=True, eq=False)
class AnswerChecker:
    """Judge of responses by their reference answers; `close` ends its worker processes."""

    marked_only: bool = False
    """Whether an answer must be marked; if not, the end of the response may be the answer."""
    config: PoolConfig = field(default_factory=PoolConfig)
    pool: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = WorkerPool("maths", "sgram[train]", self.config)

    def judge(self, references: Sequence[str], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return one outcome per response: reward 1 if its answer equals the reference, else 0.

        The reward is None if the check was killed or failed, or the reference cannot be compared. All correct answers
        are equal strings. A response without an answer has an error of format. Raise `MissingExtraError` if
        math-verify is not installed.
        """
        questions = [
            self._make_question(reference, response) for reference, response in zip(references, responses, strict=True)
        ]
        grades = iter(self.pool.ask([question for question in questions if question is not None]))
        return [_NO_ANSWER if question is None else _outcome(next(grades)) for question in questions]

    def _make_question(self, reference: str, response: str) -> AnswerQuestion | None:
        """Return the question for a worker; None if the response has no answer."""
        answer, is_marked = marked_answer(response), True
        if answer is None and not self.marked_only:
            answer, is_marked = response_tail(response), False
        return None if answer is None else {"reference": reference, "answer": answer, "marked": is_marked}

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()


def _outcome(grade: Mapping[str, Any] | None) -> TaskOutcome:
    """Return the outcome for an `AnswerGrade`, or for None if the check failed."""
    if grade is None:
        return _UNJUDGED
    is_correct, answer = bool(grade["correct"]), grade["answer"]
    return TaskOutcome(float(is_correct), is_correct, answer, None if answer is not None else "format")


def describe_unjudged(pool: WorkerPool) -> str:
    """Return a sentence on the questions without a reply; "" if all have one.

    >>> pool = WorkerPool("maths", "sgram[train]")
    >>> pool.report.n_questions, pool.report.n_failed, pool.report.first_failure = 3, 1, "no memory"
    >>> describe_unjudged(pool)
    'of 3 checks 1 failed; they give no reward; the first: no memory'
    """
    report = pool.report
    if not report.n_killed + report.n_failed:
        return ""
    failures = []
    if report.n_killed:
        failures.append(f"{report.n_killed:,} were killed after {pool.config.seconds:g} s")
    if report.n_failed:
        failures.append(f"{report.n_failed:,} failed")
    n_checks = report.n_questions - report.n_repeated
    return f"of {n_checks:,} checks {' and '.join(failures)}; they give no reward; the first: {report.first_failure}"
