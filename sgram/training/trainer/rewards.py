"""Reward functions, watched: a reward that is no number stops the run. Knows nothing about advantages."""

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.training.tasks.task import Task


def watched(reward: Any) -> Any:
    """`reward`, with what it returns checked; a model, or what is no plain function, is returned as it is.

    None says that a response could not be judged: it then counts for nothing. NaN and infinity are refused
    (`InputError` names the function and the row), since they would silently void a group.
    """
    if not callable(reward) or inspect.iscoroutinefunction(reward) or hasattr(reward, "forward"):
        return reward
    name = getattr(reward, "__name__", type(reward).__name__)

    @functools.wraps(reward, updated=())
    def checked(*given: Any, **named: Any) -> list[float | None]:
        rewards = list(reward(*given, **named))
        for row, value in enumerate(rewards):
            if value is not None and not math.isfinite(value):
                raise InputError(
                    f"reward function {name} gave {value} for response {row} "
                    f"({excerpt(str(_completion(named, row)))!r}); return None for what cannot be judged"
                )
        return rewards

    checked.__name__ = name
    checked.sgram_source = reward
    return checked


def _completion(named: dict[str, Any], row: int) -> Any:
    completions = named.get("completions") or ()
    return completions[row] if row < len(completions) else ""


class TaskReward:
    """A task as TRL's reward function: rows carry the problem's id in the column `problem`.

    `verdicts` are those of the last call, a row each.
    """

    __name__ = "task"

    def __init__(self, task: Task, problems: Sequence[Problem]):
        self.task = task
        self._problems = {problem.id: problem for problem in problems}
        self.verdicts: list[TaskOutcome] = []

    def __call__(self, completions: Sequence[Any], problem: Sequence[str], **_: Any) -> list[float | None]:
        """One reward a response, None where it could not be judged."""
        asked = [self._problems[each] for each in problem]
        self.verdicts = self.task.judge(asked, [completion_text(each) for each in completions])
        return [verdict.reward for verdict in self.verdicts]


def completion_text(completion: Any) -> str:
    """A response as text: itself, or the contents of the messages that answer."""
    if isinstance(completion, str):
        return completion
    return "".join(message.get("content") or "" for message in completion if message.get("role") == "assistant")


def verdicts_of(rewards: Sequence[Callable], n_rows: int) -> list[TaskOutcome] | None:
    """The verdicts of the first reward function that keeps some, None where none does."""
    for reward in rewards:
        verdicts = getattr(getattr(reward, "sgram_source", reward), "verdicts", None)
        if verdicts is None:
            continue
        if len(verdicts) != n_rows:
            raise UsageError(f"{len(verdicts)} verdicts for {n_rows} responses: a reward function keeps old ones")
        return list(verdicts)
    return None
