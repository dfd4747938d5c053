r"""Tasks of reasoning-gym: a program makes the questions and scores the answers.

The answer of a response is the content of its last ``<answer>...</answer>``, else of its last ``\boxed{...}``, else its
last line that is not blank. A response is correct if its score is >= `CORRECT`. Incorrect answers may score above 0
(countdown gives .01), and the library gives a partial score to an answer with additional text.
"""

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import UsageError
from sgram.files import canonical_json, excerpt
from sgram.grading.answers import TAG_INSTRUCTION, last_line, marked_answer
from sgram.grading.outcome import ErrorKind, Problem, Split, TaskOutcome
from sgram.grading.pool import PoolConfig, WorkerPool, describe_unjudged
from sgram.training.tasks.prompts import add_instruction

CORRECT = 0.99
"""Smallest score of a correct answer."""
MAX_ANSWER = 20_000
"""Characters of the longest marked answer: the moves of a tower of Hanoi are many."""
_QUESTIONS_PER_CALL = 10
_MAKING_SECONDS = 60.0
_OVERSAMPLING = 4
"""The search for different questions ends after this many times the requested number."""


@dataclass(frozen=True, slots=True)
class GymConfig:
    """Number and form of the questions, and how answers are rewarded."""

    size: int = 500
    """Training problems."""
    test_size: int = 100
    """Held-out problems; none of their questions is a training question."""
    seed: int = 0
    binary: bool = False
    """Whether the reward is 1 or 0 instead of the score."""
    marked_only: bool = False
    """Whether an answer must be marked; if not, the last line may be the answer."""
    instruction: str = TAG_INSTRUCTION
    """Text after each question."""
    workers: int = 2
    seconds: float = 5.0
    """Limit of scoring one answer, in seconds of CPU time."""
    dataset: Mapping[str, Any] = field(default_factory=dict)
    """The dataset's own settings."""

    def __post_init__(self) -> None:
        for name, smallest in (("size", 1), ("test_size", 0)):
            size = getattr(self, name)
            if type(size) is not int or size < smallest:
                raise UsageError(f"{name} must be an integer >= {smallest} (got {excerpt(str(size), 40)})")


class GymTask:
    """A dataset of reasoning-gym as a task. A worker process makes its problems when they are first needed."""

    error_kinds: frozenset[ErrorKind] = frozenset({"format"})

    def __init__(self, dataset: str, config: GymConfig | None = None) -> None:
        self.dataset, self.config = dataset, config or GymConfig()
        self.name = f"gym:{dataset}"
        pool_config = PoolConfig(self.config.workers, self.config.seconds, memory=4 << 30)
        self.pool = WorkerPool("gym", "sgram[gym]", pool_config)
        self._problems: dict[Split, tuple[Problem, ...]] | None = None

    def problems(self, split: Split) -> Sequence[Problem]:
        """Return the problems of a split.

        Raise `UsageError` if the dataset is unknown, it does not accept a setting, or it has too few different
        questions.
        """
        if self._problems is None:
            questions: set[str] = set()
            test = self._make_problems("test", self.config.test_size, questions)
            self._problems = {"train": self._make_problems("train", self.config.size, questions), "test": test}
        return self._problems[split]

    def judge(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return one outcome a response; its reward is None if scoring was killed or failed."""
        answers = [self._extract_answer(response) for response in responses]
        questions = [
            {**problem.meta["entry"], "answer": answer}
            for problem, answer in zip(problems, answers, strict=True)
            if answer is not None
        ]
        replies = iter(self.pool.ask(questions))
        return [
            TaskOutcome(0.0, False, None, "format") if answer is None else self._outcome(problem, answer, next(replies))
            for problem, answer in zip(problems, answers, strict=True)
        ]

    def describe_unjudged(self) -> str:
        """Return a sentence on the responses that could not be judged, "" if there are none."""
        return describe_unjudged(self.pool)

    def close(self) -> None:
        """End the worker processes."""
        self.pool.close()

    def _extract_answer(self, response: str) -> str | None:
        answer = marked_answer(response, hashes=False, max_chars=MAX_ANSWER)
        return last_line(response) if answer is None and not self.config.marked_only else answer

    def _outcome(self, problem: Problem, answer: str, reply: Mapping[str, Any] | None) -> TaskOutcome:
        if reply is None:
            return TaskOutcome(None, None)
        is_correct = reply["score"] >= CORRECT
        reward = float(is_correct) if self.config.binary else reply["score"]
        has_reference = is_correct and problem.reference is not None
        return TaskOutcome(reward, is_correct, problem.reference if has_reference else " ".join(answer.split()))

    def _make_problems(self, split: Split, n_problems: int, questions: set[str]) -> tuple[Problem, ...]:
        """Return `n_problems` problems whose questions are not in `questions`, and add them to it."""
        size = _OVERSAMPLING * n_problems + _QUESTIONS_PER_CALL
        query = {
            "dataset": self.dataset,
            "config": dict(self.config.dataset),
            "size": size,
            "seed": _split_seed(self.dataset, self.config.seed, split),
        }
        problems: list[Problem] = []
        for first in range(0, size, _QUESTIONS_PER_CALL):
            if len(problems) >= n_problems:
                break
            end = min(first + _QUESTIONS_PER_CALL, size)
            pairs = self._ask_questions({**query, "first": first, "end": end})
            for index, (question, answer) in enumerate(pairs, first):
                if question not in questions and len(problems) < n_problems:
                    questions.add(question)
                    prompt = add_instruction(question, self.config.instruction)
                    meta = {"entry": {**query, "first": index}}
                    problems.append(Problem(f"{self.dataset}-{split}-{index}", prompt, answer, meta))
        if len(problems) < n_problems:
            raise UsageError(
                f"{self.name} makes only {len(questions):,} different questions with these settings, but "
                f"{self.config.size + self.config.test_size:,} are needed; ask for fewer (size, test_size) or harder "
                "ones"
            )
        return tuple(problems)

    def _ask_questions(self, query: Mapping[str, Any]) -> list[tuple[str, str | None]]:
        """Return (question, answer) pairs of the dataset."""
        (reply,) = self.pool.ask([query], _MAKING_SECONDS)
        if reply is None:
            raise UsageError(f"{self.name} cannot make its questions: {self.pool.report.first_failure}")
        if "unknown" in reply:
            raise UsageError(unknown_dataset_message(self.dataset, reply["unknown"]))
        if "refused" in reply:
            raise UsageError(f"{self.name} does not accept its settings: {excerpt(reply['refused'])}")
        return [(pair["question"], pair["answer"]) for pair in reply["entries"]]


def unknown_dataset_message(name: str, datasets: Sequence[str]) -> str:
    """Return the error message for an unknown dataset, with the nearest names of `datasets`."""
    near_names = difflib.get_close_matches(name.lower(), datasets, n=3)
    if near_names:
        hint = f"did you mean {', '.join(near_names)}?"
    else:
        hint = f"some are {', '.join(datasets[:: max(1, len(datasets) // 6)][:6])}"
    return f"reasoning-gym has no dataset {excerpt(name, 60)!r}; {hint} ({len(datasets)} in all)"


def _split_seed(dataset: str, seed: int, split: Split) -> int:
    """Return the seed of a split, far from other seeds, because the library's entry i of seed s is entry 0 of s + i."""
    seed_bytes = hashlib.sha256(canonical_json([dataset, seed, split])).digest()
    return int.from_bytes(seed_bytes[:4], "big") >> 1
