"""`Task`: what a policy is trained on, problems with a judge of responses."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from sgram.grading.outcome import ErrorKind, Problem, Split, TaskOutcome
from sgram.lexicon import Lexicon
from sgram.tagging.spans import Span


class Task(Protocol):
    """Problems and their judge. The same task and seed give the same problems in the same order."""

    name: str
    error_kinds: frozenset[ErrorKind]
    """Kinds of error that `judge` recognizes; empty if none. Shares of other kinds are unknown, not 0: they are null in
    files and absent from tables. A task without this attribute recognizes none."""

    def problems(self, split: Split) -> Sequence[Problem]:
        """Return the problems of a split; no problem is in both splits."""

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return one outcome a response; ``responses[i]`` answers ``problems[i]``."""

    def close(self) -> None:
        """End what the task has started, such as worker processes. May be called twice."""


@runtime_checkable
class TaskWithTruth(Task, Protocol):
    """A task that knows which words of a response are planning."""

    def planning_spans(self, problem: Problem, response: str) -> list[Span]:
        """Return the true planning spans of a response, in order, as character offsets."""

    def lexicon(self) -> Lexicon:
        """Return the phrases that the true planning spans consist of."""
