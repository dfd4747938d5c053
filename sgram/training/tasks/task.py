"""A task that a policy is trained on: problems, and a judge of responses."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from sgram.grading.outcome import Problem, Split, TaskOutcome
from sgram.lexicon import Lexicon
from sgram.tagging.spans import Span


class Task(Protocol):
    """Problems and their judge. The same task and seed give the same problems in the same order."""

    name: str

    def problems(self, split: Split) -> Sequence[Problem]:
        """The problems of a split; no problem is in both."""

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """One verdict a response; ``problems[i]`` is what ``responses[i]`` answers."""

    def close(self) -> None:
        """Ends what the task has started, such as a worker process. May be called twice."""


@runtime_checkable
class TaskWithTruth(Task, Protocol):
    """A task that knows which words of a response plan."""

    def planning_spans(self, problem: Problem, response: str) -> list[Span]:
        """The true planning spans of a response, in order, as character offsets."""

    def lexicon(self) -> Lexicon:
        """The phrases that the true spans are made of."""
