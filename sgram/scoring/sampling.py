"""What is sampled: the settings, one request for each sample of each problem, and the prompts."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.grading.answers import BOX_INSTRUCTION
from sgram.grading.outcome import Problem
from sgram.traces import Trace
from sgram.training.tasks.prompts import Messages, add_instruction, as_messages, as_text


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """How responses are sampled. Raise `UsageError` if a setting is invalid.

    >>> SamplingConfig(n=4, temperature=0)
    Traceback (most recent call last):
    sgram.errors.UsageError: temperature 0 gives the same response n times; use -n 1, or a temperature above 0
    """

    n: int = 8
    """Samples of each problem."""
    temperature: float = 1.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """Share of probability that the tokens to draw from have together; 1 for all tokens."""
    top_k: int = 0
    """Number of likeliest tokens to draw from; 0 for all tokens."""
    max_tokens: int = 1024
    """Most tokens of a response."""
    seed: int = 0
    system: str = ""
    """Text of the system message before a chat; "" for none."""
    instruction: str = BOX_INSTRUCTION
    """Text after each problem with a reference; "" for none."""

    def __post_init__(self) -> None:
        for name, minimum in (("n", 1), ("max_tokens", 1), ("top_k", 0), ("seed", 0)):
            if getattr(self, name) < minimum:
                raise UsageError(f"{name} must be >= {minimum} (got {getattr(self, name)})")
        if not 0 <= self.temperature < math.inf:
            raise UsageError(f"temperature must be >= 0 (got {self.temperature})")
        if not 0 < self.top_p <= 1:
            raise UsageError(f"top_p must be > 0 and <= 1 (got {self.top_p})")
        if self.temperature == 0 and self.n > 1:
            raise UsageError("temperature 0 gives the same response n times; use -n 1, or a temperature above 0")

    def identity(self) -> dict[str, Any]:
        """Return the settings that one sample depends on, besides its problem and its number."""
        names = ("temperature", "top_p", "top_k", "max_tokens", "seed", "system", "instruction")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class SampleRequest:
    """One sample of one problem."""

    problem: Problem
    number: int
    """Which sample of the problem it is, from 0."""

    @property
    def id(self) -> str:
        """Id of the sample; that of its row has a digest of the job after it.

        >>> SampleRequest(Problem("p7", "1 + 1?"), 3).id
        'p7#3'
        """
        return f"{self.problem.id}#{self.number}"

    def seed(self, seed: int) -> int:
        """Return a number of 128 bits that `seed`, the problem's id and the sample's number determine.

        It does not depend on the other problems, on the number of samples or on the batch.
        """
        return int.from_bytes(hashlib.sha256(f"{seed} {self.number} {self.problem.id}".encode()).digest()[:16], "big")


class Sampler(Protocol):
    """A model that responses are sampled from."""

    name: str
    n_missing: int
    """Requests without a response so far."""
    first_fault: str
    """Why the first of them has none."""

    def describe(self) -> str:
        """Return in words how prompts reach the model."""

    def suggest(self) -> str:
        """Return what to do if responses are empty."""

    def identity(self) -> dict[str, Any]:
        """Return what a response depends on, besides the request."""

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Trace]]:
        """Yield responses as soon as they are complete, in any order; some requests may get none."""

    def tokenizer_json(self) -> bytes | None:
        """Return the model's tokenizer.json; None if it is unknown."""


def make_requests(problems: Iterable[Problem], n: int) -> list[SampleRequest]:
    """Return `n` requests for each problem, those of one problem side by side."""
    return [SampleRequest(problem, number) for problem in problems for number in range(n)]


def make_messages(problem: Problem, config: SamplingConfig) -> Messages:
    """Return the chat of a problem: system message, then the problem with the instruction.

    Raise `UsageError` if the problem has a system message of its own beside `config.system`.

    >>> make_messages(Problem("a", "1 + 1?"), SamplingConfig(system="Be brief."))
    ({'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': '1 + 1?'})
    """
    messages = as_messages(add_instruction(problem.prompt, _instruction(problem, config)))
    if not config.system:
        return messages
    if messages[0]["role"] in ("system", "developer"):
        raise UsageError(
            f"problem {excerpt(problem.id, 60)} has a system message of its own; leave out --system, or the message"
        )
    return ({"role": "system", "content": config.system}, *messages)


def make_text(problem: Problem, config: SamplingConfig, reason: str) -> str:
    r"""Return the text of a problem with the instruction, for a model without chat.

    Raise `UsageError` if there is a system message or a conversation; `reason` says why the model has no chat.

    >>> make_text(Problem("a", "1 + 1?", "2"), SamplingConfig(), "--no-chat")
    '1 + 1?\n\nPut your final answer in \\boxed{}.'
    """
    if config.system:
        raise UsageError(f"--system needs a chat, and there is none ({reason}); leave out --system")
    return as_text(add_instruction(problem.prompt, _instruction(problem, config)), problem.id, reason)


def _instruction(problem: Problem, config: SamplingConfig) -> str:
    return "" if problem.reference is None else config.instruction


def make_trace(request: SampleRequest, model: str, prompt: str, text: str, finish_reason: str | None) -> Trace:
    """Return a response as a trace that is not graded yet."""
    return Trace(
        id=request.id,
        group=request.problem.id,
        prompt=prompt,
        text=text,
        reference=request.problem.reference,
        model=model,
        meta={} if finish_reason is None else {"finish_reason": finish_reason},
    )
