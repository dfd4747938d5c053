"""Types of grading: problems, outcomes of responses, grades of answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

Split = Literal["train", "test"]
ErrorKind = Literal["strategic", "procedural", "format"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `id` is unique in its task and the key of its group; `prompt` is text, or messages of a chat.

    >>> Problem("sum-1", "What is 2 + 2?", reference="4").reference
    '4'
    """

    id: str
    prompt: str | tuple[Mapping[str, str], ...]
    reference: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """Verdict of a task on one response.

    >>> TaskOutcome(reward=0.0, correct=False, answer="5", error="procedural").correct
    False
    """

    reward: float | None
    """None if the response could not be judged: a missing reward, never a zero."""
    correct: bool | None
    """None if the response could not be judged."""
    answer: str | None = None
    """Answer of the response; equal answers are equal strings."""
    error: ErrorKind | None = None
    """Kind of the error if the task knows it; None if the response is correct or the kind is unknown."""


class AnswerQuestion(TypedDict):
    """Question to a worker: is `answer` equal to `reference`?"""

    reference: str
    answer: str
    marked: bool
    """Whether `answer` is an answer and nothing else; if not, it is the end of a response."""


class AnswerGrade(TypedDict):
    """A worker's verdict on an answer."""

    correct: bool
    answer: str | None
    """One string for all equal answers; None if the end of the response has no answer."""


class AnswerFault(TypedDict):
    """A worker's reply if an answer cannot be graded."""

    fault: str
    """Why the reference cannot be compared."""
