"""The texts of a step: proposals, answers and judgements, with what was read in them and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sgram.array_types import FloatArray
from sgram.grading.outcome import TaskOutcome
from sgram.training.evolve.pool import PoolPair, PoolQuestion
from sgram.training.evolve.protocols import Judgement, QuestionTruth, Reading, Verdict, Written, share_of_score

UNJUDGED = Verdict(None, "not-judged")


@dataclass(slots=True)
class Answer:
    """An answer to a question; `trial` answers measure the difficulty of a proposal and are not trained on."""

    question: str
    question_id: str
    prompt: str
    written: Written
    reading: Reading
    outcome: TaskOutcome | None = None
    """True outcome; None if it is not known, or if the question is not valid."""
    verdict: Verdict = UNJUDGED


@dataclass(slots=True)
class Proposal:
    """A text of the proposer."""

    prompt: str
    written: Written
    reading: Reading
    truth: QuestionTruth | None = None
    """None if the task does not know it, or if no question can be read."""
    quality: Verdict = UNJUDGED
    trials: list[Answer] = field(default_factory=list)
    is_new: bool = False
    """Whether the pool lacks the question, and no proposal before it in this step has it."""
    is_admitted: bool = False
    """Whether the gate lets it through."""
    entered: PoolQuestion | None = None
    """The question as it joined the pool."""
    difficulty: float | None = None
    """1 - mean score of its trial answers."""

    @property
    def is_readable(self) -> bool:
        """Whether there is a question."""
        return self.reading.fault is None


@dataclass(frozen=True, slots=True)
class JudgeRow:
    """A judgement of an earlier answer that the judge is trained on."""

    pair: PoolPair
    prompt: str
    written: Written
    judgement: Judgement

    @property
    def score(self) -> float | None:
        """The score that the judgement gives, in [0, 1]."""
        return None if self.judgement.score is None else share_of_score(self.judgement.score)


@dataclass(slots=True)
class StepTexts:
    """All texts of a step that are scored."""

    proposals: list[Proposal]
    answers: list[Answer]
    judge_rows: list[JudgeRow]

    @property
    def trials(self) -> list[Answer]:
        """The trial answers to all proposals."""
        return [trial for proposal in self.proposals for trial in proposal.trials]


def as_floats(numbers: Sequence[float | None]) -> FloatArray:
    """Return numbers as float64; None is NaN.

    >>> as_floats([0.5, None])
    array([0.5, nan])
    """
    return np.array([np.nan if number is None else number for number in numbers], np.float64)
