"""A set of problems and a checker of mathematical answers as one task."""

from collections.abc import Sequence
from dataclasses import dataclass

from sgram.grading.answers import BOX_INSTRUCTION
from sgram.grading.checking import AnswerChecker, describe_unjudged
from sgram.grading.outcome import Problem, Split, TaskOutcome
from sgram.grading.pool import PoolConfig
from sgram.training.tasks.problems import ProblemSet
from sgram.training.tasks.prompts import add_instruction


@dataclass(frozen=True, slots=True)
class AnswerTaskConfig:
    """Form of the prompts, and how answers are judged."""

    instruction: str = BOX_INSTRUCTION
    """Text after each problem; "" for none."""
    chat: bool = False
    """Whether texts become chats, for instruction-tuned models."""
    marked_only: bool = False
    """Whether an answer must be marked (`sgram.grading.answers`); if not, the end of a response may be its answer."""
    workers: int = 2
    """Largest number of processes that check answers at once."""
    seconds: float = 5.0
    """Time limit of a check; a response whose check exceeds it has no reward."""


class AnswerTask:
    """Problems with answers as a task. Worker processes start when the first response is judged."""

    def __init__(self, name: str, problem_set: ProblemSet, config: AnswerTaskConfig | None = None) -> None:
        self.name, self.config = name, config or AnswerTaskConfig()
        self.problem_set = problem_set
        self.checker = AnswerChecker(self.config.marked_only, PoolConfig(self.config.workers, self.config.seconds))
        self._problems: dict[Split, tuple[Problem, ...]] = {
            "train": self._with_instruction(problem_set.train),
            "test": self._with_instruction(problem_set.test),
        }

    def _with_instruction(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        return tuple(
            Problem(
                problem.id,
                add_instruction(problem.prompt, self.config.instruction, self.config.chat),
                problem.reference,
                problem.meta,
            )
            for problem in problems
        )

    def problems(self, split: Split) -> Sequence[Problem]:
        """Return the problems of a split, in file order."""
        return self._problems[split]

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return one outcome a response; see `AnswerChecker.judge`."""
        return self.checker.judge([problem.reference or "" for problem in problems], responses)

    def describe_unjudged(self) -> str:
        """Return a sentence on the responses that could not be judged, "" if there are none."""
        return describe_unjudged(self.checker.pool)

    def close(self) -> None:
        """End the worker processes."""
        self.checker.close()
