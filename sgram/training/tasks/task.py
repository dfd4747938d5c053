"""What a policy is trained on: problems, and a judge of responses. Knows nothing about models or training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from sgram.lexicon import Lexicon
from sgram.tagging.spans import Span

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
class Verdict:
    """What a judge says of one response.

    `reward` and `correct` are None where the response could not be judged (a missing reward, never a zero); `answer`
    is what the response answers, in a form in which equal answers are equal strings; `error` is the kind of what went
    wrong where the task can tell, None where the response is correct or the kind is unknown.
    """

    reward: float | None
    correct: bool | None
    answer: str | None = None
    error: ErrorKind | None = None


class Task(Protocol):
    """Problems and their judge. The same task and seed give the same problems in the same order."""

    name: str

    def problems(self, split: Split) -> Sequence[Problem]:
        """The problems of a split; no problem is in both."""

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[Verdict]:
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
