"""A set of problems and a checker of mathematical answers as one task."""

from collections.abc import Sequence
from dataclasses import dataclass

from sgram.grading.answers import BOX_INSTRUCTION
from sgram.grading.grader import Grade, Grader
from sgram.grading.outcome import ErrorKind, Problem, Split, TaskOutcome
from sgram.grading.pool import PoolConfig, describe_unjudged
from sgram.training.tasks.problems import ProblemSet
from sgram.training.tasks.prompts import add_instruction, prompt_text


@dataclass(frozen=True, slots=True)
class AnswerTaskConfig:
    """Form of the prompts, and how answers are judged."""

    instruction: str = BOX_INSTRUCTION
    """Text after each problem; "" for none."""
    marked_only: bool = False
    """Whether an answer must be marked (`sgram.grading.answers`); if not, the end of a response may be its answer."""
    workers: int = 2
    """Largest number of processes that check answers at once."""
    seconds: float = 5.0
    """Limit of a check, in seconds of CPU time; a response whose check exceeds it has no reward."""


class AnswerTask:
    """Problems with answers as a task. Worker processes start when the first response is judged."""

    error_kinds: frozenset[ErrorKind] = frozenset({"format"})

    def __init__(self, name: str, problem_set: ProblemSet, config: AnswerTaskConfig | None = None) -> None:
        self.name, self.config = name, config or AnswerTaskConfig()
        self.problem_set = problem_set
        pool_config = PoolConfig(self.config.workers, self.config.seconds)
        self.grader = Grader(self.config.marked_only, config=pool_config)
        self._problems: dict[Split, tuple[Problem, ...]] = {
            "train": self._with_instruction(problem_set.train),
            "test": self._with_instruction(problem_set.test),
        }

    def _with_instruction(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        return tuple(
            Problem(
                problem.id, add_instruction(problem.prompt, self.config.instruction), problem.reference, problem.meta
            )
            for problem in problems
        )

    def problems(self, split: Split) -> Sequence[Problem]:
        """Return the problems of a split, in file order."""
        return self._problems[split]

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return one outcome a response: reward 1 if its answer equals the reference, else 0; see `Grader`.

        The reward is None if the answer cannot be compared with the reference. All correct answers are equal strings.
        A response without an answer has an error of format.
        """
        references = [problem.reference or "" for problem in problems]
        grades = self.grader.grade_many(responses, references, [prompt_text(problem.prompt) for problem in problems])
        return [_outcome(grade) for grade in grades]

    def describe_unjudged(self) -> str:
        """Return a sentence on the responses that could not be judged, "" if there are none."""
        return describe_unjudged(self.grader.pool)

    def close(self) -> None:
        """End the worker processes."""
        self.grader.close()


def _outcome(grade: Grade) -> TaskOutcome:
    if grade.correct is None:
        return TaskOutcome(None, None)
    return TaskOutcome(
        float(grade.correct), grade.correct, grade.answer, None if grade.answer is not None else "format"
    )
