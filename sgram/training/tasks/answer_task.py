"""A set of problems and a checker of answers as one task. Knows nothing about files, or how answers are compared."""

from collections.abc import Sequence
from dataclasses import dataclass

from sgram.grading.answers import INSTRUCTION
from sgram.grading.checking import Checker, unjudged
from sgram.grading.outcome import Problem, Split, TaskOutcome
from sgram.grading.pool import PoolConfig
from sgram.training.tasks.problems import ProblemSet
from sgram.training.tasks.prompts import prompt_with


@dataclass(frozen=True, slots=True)
class CheckedConfig:
    """How problems are put to the policy, and its answers judged."""

    instruction: str = INSTRUCTION
    """What follows each problem; "" for nothing."""
    chat: bool = False
    """Whether texts become chats, for models that are tuned to follow."""
    marked_only: bool = False
    """Whether an answer must be marked (see `answers`); if not, what a response ends with may be it."""
    workers: int = 2
    """Most processes that check at a time."""
    seconds: float = 5.0
    """After which a check is killed, and the response has no reward."""


class CheckedTask:
    """Problems with answers as a task; worker processes start when the first response is judged."""

    def __init__(self, name: str, problems: ProblemSet, config: CheckedConfig | None = None):
        self.name, self.config = name, config or CheckedConfig()
        self.read = problems
        self.checker = Checker(self.config.marked_only, PoolConfig(self.config.workers, self.config.seconds))
        self._problems = {split: self._put(getattr(problems, split)) for split in ("train", "test")}

    def _put(self, problems: Sequence[Problem]) -> tuple[Problem, ...]:
        asked = (prompt_with(each.prompt, self.config.instruction, self.config.chat) for each in problems)
        return tuple(
            Problem(each.id, prompt, each.reference, each.meta) for each, prompt in zip(problems, asked, strict=True)
        )

    def problems(self, split: Split) -> Sequence[Problem]:
        """The problems of a split, in file order."""
        return self._problems[split]

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """One verdict a response: see `Checker.judge`."""
        return self.checker.judge([problem.reference for problem in problems], responses)

    def unjudged(self) -> str:
        """A sentence on the responses that could not be judged; "" where all could."""
        return unjudged(self.checker.pool)

    def close(self) -> None:
        """End the worker processes."""
        self.checker.close()
