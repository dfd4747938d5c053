"""Types of grading: problems, outcomes of responses, grades of answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, get_args

Split = Literal["train", "test"]
ErrorKind = Literal["strategic", "procedural", "format"]
ERROR_KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)


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
    """One of the kinds that the task recognizes (`Task.error_kinds`); None if the response has no error of them."""
    details: Mapping[str, bool] = field(default_factory=dict)
    """What else the task's checker knows, under the name by which its share is logged."""


class AnswerQuestion(TypedDict):
    """Question: is the answer of a response equal to the reference?"""

    reference: str
    part: str
    """Final part of the response."""
    marked_only: bool
    options: Mapping[str, str]
    """Options of a multiple-choice question by their letters."""
    prompt: str
    """End of the problem, which says what is asked for."""
    convert_units: bool


class AnswerGrade(TypedDict):
    """Verdict on an answer; see `sgram.grading.grader.Grade`."""

    correct: bool | None
    answer: str | None
    """One string for all equal answers; None if the response has no answer."""
    why: str
    equal_after: str | None


class AnswerFault(TypedDict):
    """A worker's reply if an answer cannot be graded."""

    fault: str
    """Why it cannot."""
