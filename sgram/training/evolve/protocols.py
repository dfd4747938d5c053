"""Types of `sgram evolve`: roles, what a parser reads of a text, verdicts, judges and tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from sgram.array_types import FloatArray
from sgram.grading.outcome import Problem, TaskOutcome

Role = Literal["proposer", "solver", "judge"]
ROLES: tuple[Role, ...] = get_args(Role)
MAX_SCORE = 10
"""Judges give whole scores from 1 to this one (2510.23595 §3); a score s counts as (s - 1) / 9."""


def share_of_score(score: float) -> float:
    """Return a score in 1..`MAX_SCORE`, or a mean of such scores, as a number in [0, 1].

    >>> share_of_score(1), share_of_score(5.5), share_of_score(10)
    (0.0, 0.5, 1.0)
    """
    return (score - 1) / (MAX_SCORE - 1)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the parser of a role reads in its text: a value, or the name of the fault for which there is none.

    >>> Reading("7 trays of 2 coins").fault is None
    True
    """

    value: str | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """One text of a judge as read: the analysis, and the score in 1..`MAX_SCORE` or the name of a fault."""

    analysis: str
    score: int | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's verdict on a question or an answer.

    >>> Verdict(0.75).is_scored
    True
    """

    score: float | None
    """In [0, 1]; None if the judge's text has none, which is a fault and never 0.5."""
    fault: str | None = None
    text: str = ""
    """What the judge wrote; "" for a judge that writes nothing."""

    @property
    def is_scored(self) -> bool:
        """Whether there is a score."""
        return self.score is not None


@dataclass(frozen=True, slots=True)
class QuestionTruth:
    """What a task knows of a proposed question."""

    problem: Problem | None
    """The question as a problem whose answers the task judges; None if the question is not valid."""
    kind: str | None = None
    """Class of the question, such as method and story, by which diversity is counted; None if it is not valid."""
    fault: str | None = None
    """Why it is not valid; None if it is."""

    @property
    def is_valid(self) -> bool:
        """Whether the question has one right answer."""
        return self.problem is not None


class Judge(Protocol):
    """A judge of questions and answers."""

    name: str

    def judge_questions(self, questions: Sequence[str]) -> list[Verdict]:
        """Return one verdict a question."""

    def judge_answers(self, questions: Sequence[str], answers: Sequence[str]) -> list[Verdict]:
        """Return one verdict an answer; ``answers[i]`` is a whole response to ``questions[i]``."""


class RoleForms(Protocol):
    """How the three roles are asked, and how their texts are read.

    Prompts are text, or messages of a chat if the model has a chat template. What a text must not hold, such as the
    judge's marker in an answer, is a fault with a name. Names of faults are lower-case words with hyphens.
    """

    score_marker: str
    """The judge's own marker; the score stands behind its last occurrence."""

    def proposer_prompt(self, rng: np.random.Generator, reference: str | None) -> str:
        """Return what the proposer is asked; `reference` is a question of the pool to vary, or None."""

    def solver_prompt(self, question: str) -> str:
        """Return what the solver is asked."""

    def judge_question_prompt(self, question: str) -> str:
        """Return what the judge is asked about a question."""

    def judge_answer_prompt(self, question: str, answer: str) -> str:
        """Return what the judge is asked about an answer."""

    def read_proposal(self, text: str) -> Reading:
        """Return the question in a proposer's text."""

    def read_answer(self, text: str) -> Reading:
        """Return the final answer in a solver's text."""

    def read_judgement(self, text: str) -> Judgement:
        """Return analysis and score of a judge's text."""

    def normal_form(self, question: str) -> str:
        """Return the form in which two questions that are the same are equal."""


@runtime_checkable
class EvolveTask(Protocol):
    """A task on which one policy proposes, solves and judges."""

    name: str

    @property
    def forms(self) -> RoleForms:
        """How the roles are asked and read."""

    def start_questions(self) -> Sequence[str]:
        """Return the questions that the pool starts with."""

    def fixed_problems(self) -> Sequence[Problem]:
        """Return problems with known answers for training without proposer; empty if there are none."""

    def held_out_problems(self) -> Sequence[Problem]:
        """Return problems on which accuracy is measured; none of them can be proposed into the pool."""

    def judge_responses(self, problems: Sequence[Problem], responses: Sequence[str]) -> list[TaskOutcome]:
        """Return the true outcome of each response."""


@runtime_checkable
class EvolveTaskWithTruth(EvolveTask, Protocol):
    """A task that knows the truth of every question, answer and judgement."""

    def read_question(self, question: str) -> QuestionTruth:
        """Return the truth of a proposed question. Held-out problems are valid questions here."""

    def levels(self) -> Mapping[str, str]:
        """Return the level (easy, middle or hard) of each kind of question, by the start policy's failures."""


@dataclass(frozen=True, slots=True)
class Written:
    """A sampled text and its token ids, with the end token if it has ended."""

    text: str
    ids: tuple[int, ...]


class Writer(Protocol):
    """A policy that writes texts: the current weights of a trainer, or a frozen model."""

    tokenizer: Any

    def write(self, prompts: Sequence[str]) -> list[Written]:
        """Sample one text for each prompt, all in one call of the sampler."""

    def token_shares(
        self, prompts: Sequence[str], ids: Sequence[Sequence[int]], candidates: Sequence[int]
    ) -> FloatArray:
        """Return (N, C): the probability of each candidate as the next token behind prompt i and ``ids[i]``."""
