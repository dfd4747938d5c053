"""Tasks of reasoning-gym: questions made by a program, answers scored by one. Knows nothing about files of problems.

The answer of a response is what its last ``<answer>...</answer>`` holds, else its last ``\\boxed{...}``, else its last
line that is not blank. A response is correct from a score of `CORRECT`: wrong answers may score above 0 (countdown
gives .01), and the library gives answers that hold more than the answer a part.
"""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import UsageError
from sgram.files import canonical_json, excerpt
from sgram.grading.answers import TAGGED, last_line, marked_answer
from sgram.grading.checking import unjudged
from sgram.grading.outcome import Problem, Split, TaskOutcome
from sgram.grading.pool import PoolConfig, WorkerPool
from sgram.training.tasks.prompts import prompt_with

CORRECT = 0.99
"""Score from which an answer is correct."""
MAX_ANSWER = 20_000
"""Most characters of a marked answer: the moves of a tower of Hanoi are many."""
_AT_ONCE = 10
_MAKING_SECONDS = 60.0
_TRIES = 4
"""How many times as many questions as wanted are looked through for ones that differ."""


@dataclass(frozen=True, slots=True)
class GymConfig:
    """What is asked, and how it is rewarded."""

    size: int = 500
    """Training problems."""
    test_size: int = 100
    """Held-out problems; none of their questions is one of training."""
    seed: int = 0
    binary: bool = False
    """Whether the reward is 1 or 0 instead of the score."""
    marked_only: bool = False
    """Whether an answer must be marked; if not, the last line may be it."""
    instruction: str = TAGGED
    """What follows each question."""
    chat: bool = False
    """Whether prompts are chats, for models that are tuned to follow."""
    workers: int = 2
    seconds: float = 5.0
    """After which scoring an answer is given up."""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """The dataset's own settings."""

    def __post_init__(self) -> None:
        for name in ("size", "test_size"):
            value = getattr(self, name)
            if type(value) is not int or value < (name == "size"):
                raise UsageError(f"{name} is {excerpt(str(value), 40)}; it is a whole number of problems")


class GymTask:
    """A dataset of reasoning-gym as a task; it is made in a worker process when its problems are first wanted."""

    def __init__(self, dataset: str, config: GymConfig | None = None):
        self.dataset, self.config = dataset, config or GymConfig()
        self.name = f"gym:{dataset}"
        pool = PoolConfig(self.config.workers, self.config.seconds, memory=4 << 30)
        self.pool = WorkerPool("gym", "sgram[gym]", pool)
        self._problems: dict[Split, tuple[Problem, ...]] | None = None

    def problems(self, split: Split) -> Sequence[Problem]:
        """The problems of a split. `UsageError` for an unknown dataset or setting, or too few different questions."""
        if self._problems is None:
            seen: set[str] = set()
            test = self._made("test", self.config.test_size, seen)
            self._problems = {"train": self._made("train", self.config.size, seen), "test": test}
        return self._problems[split]

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """One verdict a response; no reward (None) where scoring was killed or failed."""
        answers = [self._answer(response) for response in responses]
        questions = [
            {**problem.meta["entry"], "answer": answer}
            for problem, answer in zip(problems, answers, strict=True)
            if answer is not None
        ]
        replies = iter(self.pool.ask(questions))
        return [
            TaskOutcome(0.0, False, None, "format") if answer is None else self._verdict(problem, answer, next(replies))
            for problem, answer in zip(problems, answers, strict=True)
        ]

    def unjudged(self) -> str:
        """A sentence on the responses that could not be judged; "" where all could."""
        return unjudged(self.pool)

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()

    def _answer(self, response: str) -> str | None:
        answer = marked_answer(response, hashes=False, most=MAX_ANSWER)
        return last_line(response) if answer is None and not self.config.marked_only else answer

    def _verdict(self, problem: Problem, answer: str, reply: Mapping[str, Any] | None) -> TaskOutcome:
        if reply is None:
            return TaskOutcome(None, None)
        correct = reply["score"] >= CORRECT
        reward = float(correct) if self.config.binary else reply["score"]
        told = problem.reference if correct and problem.reference is not None else " ".join(answer.split())
        return TaskOutcome(reward, correct, told)

    def _made(self, split: Split, wanted: int, seen: set[str]) -> tuple[Problem, ...]:
        """`wanted` problems whose questions are not in `seen`, which gets them."""
        size = _TRIES * wanted + _AT_ONCE
        entry = {
            "dataset": self.dataset,
            "config": dict(self.config.dataset),
            "size": size,
            "seed": _spread(self.dataset, self.config.seed, split),
        }
        made: list[Problem] = []
        for first in range(0, size, _AT_ONCE):
            if len(made) >= wanted:
                break
            end = min(first + _AT_ONCE, size)
            for place, (question, answer) in enumerate(self._entries({**entry, "first": first, "end": end}), first):
                if question not in seen and len(made) < wanted:
                    seen.add(question)
                    told = prompt_with(question, self.config.instruction, self.config.chat)
                    where = {"entry": {**entry, "first": place}}
                    made.append(Problem(f"{self.dataset}-{split}-{place}", told, answer, where))
        if len(made) < wanted:
            raise UsageError(
                f"{self.name} makes only {len(seen):,} different questions with these settings, of "
                f"{self.config.size + self.config.test_size:,} wanted; ask for fewer (size, test_size) or harder ones"
            )
        return tuple(made)

    def _entries(self, question: Mapping[str, Any]) -> list[tuple[str, str | None]]:
        (reply,) = self.pool.ask([question], _MAKING_SECONDS)
        if reply is None:
            raise UsageError(f"{self.name} cannot make its questions: {self.pool.report.first}")
        if "unknown" in reply:
            raise UsageError(unknown_dataset(self.dataset, reply["unknown"]))
        if "refused" in reply:
            raise UsageError(f"{self.name} does not take its settings: {excerpt(reply['refused'])}")
        return [(entry["question"], entry["answer"]) for entry in reply["entries"]]


def unknown_dataset(name: str, known: Sequence[str]) -> str:
    """The sentence on a dataset that there is not."""
    near = difflib.get_close_matches(name.lower(), known, n=3)
    meant = (
        f"did you mean {', '.join(near)}?" if near else f"some are {', '.join(known[:: max(1, len(known) // 6)][:6])}"
    )
    return f"reasoning-gym has no dataset {excerpt(name, 60)!r}; {meant} ({len(known)} in all)"


def _spread(dataset: str, seed: int, split: Split) -> int:
    """The seed of a split: far from others, since the library's entry i of seed s is entry 0 of seed s + i."""
    drawn = hashlib.sha256(canonical_json([dataset, seed, split])).digest()
    return int.from_bytes(drawn[:4], "big") >> 1
