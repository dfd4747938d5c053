"""Reward functions: stop on a reward that is not finite, and use a task as a reward function."""

import functools
import inspect
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.grading.outcome import ErrorKind, Problem, TaskOutcome
from sgram.traces.parts import SEPARATOR
from sgram.training.tasks.task import Task

if TYPE_CHECKING:
    import torch


def check_rewards(reward_function: Any) -> Any:
    """Return `reward_function` with a check of its rewards. Return a model, name or coroutine function as it is.

    None means that a response could not be judged; it then counts in no mean. The wrapper raises `InputError`, with the
    name of the function and the response, for NaN and infinity, which would silently void a group. It holds the
    original as `reward_function`.

    >>> check_rewards(lambda completions: [1.0, None])(completions=["4", "?"])
    [1.0, None]
    """
    is_model = hasattr(reward_function, "forward")
    if not callable(reward_function) or inspect.iscoroutinefunction(reward_function) or is_model:
        return reward_function
    name = getattr(reward_function, "__name__", type(reward_function).__name__)

    def call(*args: Any, **columns: Any) -> list[float | None]:
        rewards = list(reward_function(*args, **columns))
        for row, reward in enumerate(rewards):
            if reward is not None and not math.isfinite(reward):
                raise InputError(
                    f"reward function {name} returned {reward} for response {row} "
                    f"({excerpt(str(_completion(columns, row)))!r}); return None if a response cannot be judged"
                )
        return rewards

    checked_function: Any = functools.update_wrapper(call, reward_function, updated=())
    checked_function.__name__ = name  # TRL logs rewards by it
    checked_function.reward_function = reward_function
    return checked_function


def _completion(columns: Mapping[str, Any], row: int) -> Any:
    completions = columns.get("completions") or ()
    return completions[row] if row < len(completions) else ""


class TaskReward:
    """A task as TRL's reward function. Dataset rows carry the problem's id in the column `problem`."""

    __name__ = "task"

    def __init__(self, task: Task, problems: Sequence[Problem]) -> None:
        self.task = task
        self.error_kinds: frozenset[ErrorKind] | None = getattr(task, "error_kinds", None)
        """Those of the task; None if it does not declare them."""
        self._problems = {problem.id: problem for problem in problems}
        self.outcomes: list[TaskOutcome] = []
        """One outcome a row of the last call."""

    def __call__(self, completions: Sequence[Any], problem: Sequence[str], **_: Any) -> list[float | None]:
        """Return one reward a response, None if it could not be judged. `problem` holds the problem ids."""
        problems = [self._problems[problem_id] for problem_id in problem]
        self.outcomes = self.task.judge(problems, [completion_text(completion) for completion in completions])
        return [outcome.reward for outcome in self.outcomes]


def completion_text(completion: Any) -> str:
    """Return a response as text: a string as it is, of messages the contents of the assistant's, by blank lines.

    >>> completion_text([{"role": "assistant", "content": "So 4."}, {"role": "tool", "content": "42"}])
    'So 4.'
    """
    if isinstance(completion, str):
        return completion
    contents = [message.get("content") or "" for message in completion if message.get("role") == "assistant"]
    return SEPARATOR.join(content for content in contents if content)


def total_rewards(rewards: "torch.Tensor") -> "torch.Tensor":
    """Return the (n,) sums of (n, reward functions) weighted rewards, without the missing ones; NaN if all are missing.

    >>> import torch
    >>> total_rewards(torch.tensor([[1.0, float("nan")], [float("nan"), float("nan")]])).tolist()
    [1.0, nan]
    """
    is_missing = rewards.isnan()
    return rewards.nansum(1).masked_fill(is_missing.all(1), math.nan)


def find_outcomes(reward_functions: Sequence[Any], n_rows: int) -> list[TaskOutcome] | None:
    """Return the `outcomes` of the first reward function that has them, or None if none has.

    Raise `UsageError` unless there is one outcome a row.
    """
    judge = _find_judge(reward_functions)
    if judge is None:
        return None
    if len(judge.outcomes) != n_rows:
        raise UsageError(
            f"{len(judge.outcomes)} outcomes for {n_rows} responses; a reward function must replace its outcomes at "
            "each call"
        )
    return list(judge.outcomes)


def find_error_kinds(reward_functions: Sequence[Any]) -> frozenset[ErrorKind] | None:
    """Return the `error_kinds` of the reward function that `find_outcomes` reads; None if it does not declare them."""
    kinds: frozenset[ErrorKind] | None = getattr(_find_judge(reward_functions), "error_kinds", None)
    return kinds


def _find_judge(reward_functions: Sequence[Any]) -> Any:
    """Return the first reward function that has outcomes, or None."""
    originals = (getattr(function, "reward_function", function) for function in reward_functions)
    return next((original for original in originals if getattr(original, "outcomes", None) is not None), None)
