"""Verdicts on mathematical responses: an answer found, compared with the reference. Knows nothing about problem files.

What the response marks as its answer counts (`answers`); without a mark, unless marks are demanded, the number that the
response ends on (`stated`), or what else math-verify finds there. Comparing is left to worker processes under a time
limit (`pool`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sgram.grading.answers import marked_answer, tail
from sgram.grading.outcome import TaskOutcome
from sgram.grading.pool import PoolConfig, WorkerPool


@dataclass(slots=True, eq=False)
class Checker:
    """Judges responses by their reference answers."""

    marked_only: bool = False
    """Whether an answer must be marked; if not, what the response ends with may be it."""
    config: PoolConfig = field(default_factory=PoolConfig)
    pool: WorkerPool = field(init=False)

    def __post_init__(self) -> None:
        self.pool = WorkerPool("maths", "sgram[train]", self.config)

    def judge(self, references: Sequence[str], responses: Sequence[str]) -> list[TaskOutcome]:
        """One verdict a response: 1 where its answer equals the reference, 0 where it does not or there is none.

        No reward (None) where the check was killed or failed, or the reference cannot be compared. A correct answer
        is told in the words of the reference, so that all correct ones are equal strings. A response without an
        answer is an error of form.
        """
        found = [self._question(*pair) for pair in zip(references, responses, strict=True)]
        replies = iter(self.pool.ask([question for question in found if question is not None]))
        return [_verdict(None if question is None else next(replies), question) for question in found]

    def _question(self, reference: str, response: str) -> dict[str, object] | None:
        answer, marked = marked_answer(response), True
        if answer is None and not self.marked_only:
            answer, marked = tail(response), False
        return None if answer is None else {"reference": reference, "answer": answer, "marked": marked}

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()


def _verdict(reply: object, question: object) -> TaskOutcome:
    if question is None:
        return TaskOutcome(0.0, False, None, "format")
    if reply is None:
        return TaskOutcome(None, None)
    correct, answer = bool(reply["correct"]), reply["answer"]
    return TaskOutcome(float(correct), correct, answer, None if answer is not None else "format")


def unjudged(pool: WorkerPool) -> str:
    """A sentence on the questions without a reply; "" where every one has one."""
    report = pool.report
    if not report.killed + report.broken:
        return ""
    lost = []
    if report.killed:
        lost.append(f"{report.killed:,} were killed after {pool.config.seconds:g} s")
    if report.broken:
        lost.append(f"{report.broken:,} failed")
    n_asked = report.asked - report.remembered
    return f"of {n_asked:,} checks {' and '.join(lost)}; they give no reward; the first: {report.first}"
