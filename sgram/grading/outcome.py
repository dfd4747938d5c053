"""Problems, and the outcome of one response to a problem."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Split = Literal["train", "test"]
ErrorKind = Literal["strategic", "procedural", "format"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `id` is unique in its task and the key of its group; `prompt` is text, or messages of a chat."""

    id: str
    prompt: str | tuple[Mapping[str, str], ...]
    reference: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskOutcome:
    """What a judge says of one response.

    `reward` and `correct` are None where the response could not be judged (a missing reward, never a zero); `answer`
    is what the response answers, in a form in which equal answers are equal strings; `error` is the kind of what went
    wrong where the task can tell, None where the response is correct or the kind is unknown.
    """

    reward: float | None
    correct: bool | None
    answer: str | None = None
    error: ErrorKind | None = None
