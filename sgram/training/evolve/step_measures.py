"""What a step logs, by role; what a step did not measure is absent."""

from collections.abc import Mapping, Sequence

import numpy as np

from sgram.array_types import AnyArray
from sgram.training.evolve.protocols import QuestionTruth
from sgram.training.evolve.step_texts import Answer, Proposal, StepTexts, as_floats
from sgram.training.evolve.truth_measures import (
    effective_classes,
    mean_failure,
    mean_score,
    pooled_auc,
    share,
    share_unparsable,
)


def step_measures(
    texts: StepTexts, rewards: Mapping[str, AnyArray], failures: Mapping[str, float] | None
) -> dict[str, float]:
    """Return the measures of a step, such as ``solver/true_accuracy``.

    `rewards` are those of each role, NaN where unknown; `failures` are the start solver's failure rates by kind.
    """
    measures: dict[str, float | None] = {f"{role}/reward": _mean(numbers) for role, numbers in rewards.items()}
    if texts.proposals:
        measures |= _proposer_measures(texts.proposals, failures)
    if texts.answers:
        measures |= _solver_measures(texts.answers)
    measures |= _judge_measures(texts)
    return {name: number for name, number in measures.items() if number is not None}


def _proposer_measures(proposals: Sequence[Proposal], failures: Mapping[str, float] | None) -> dict[str, float | None]:
    entered = [proposal for proposal in proposals if proposal.entered is not None]
    measures: dict[str, float | None] = {
        "proposer/quality": _mean(as_floats([proposal.quality.score for proposal in proposals])),
        "proposer/difficulty": _mean(as_floats([proposal.difficulty for proposal in proposals])),
        "proposer/format": share(proposal.is_readable for proposal in proposals).value,
        "proposer/readable": share(_states_question(proposal) for proposal in proposals).value,
        "proposer/new": sum(proposal.is_new for proposal in proposals),
        "proposer/entered": len(entered),
    }
    if any(proposal.truth is not None for proposal in proposals):
        measures["proposer/valid"] = share(_kind(proposal.truth) is not None for proposal in proposals).value
        measures["proposer/kinds"] = effective_classes(_kind(proposal.truth) for proposal in proposals).value
        measures["proposer/true_difficulty"] = mean_failure(
            (_kind(proposal.truth) for proposal in entered), failures
        ).value
        outcomes = [trial.outcome for proposal in proposals if _kind(proposal.truth) for trial in proposal.trials]
        measures["proposer/solve_rate"] = share(
            bool(outcome.correct) for outcome in outcomes if outcome is not None and outcome.correct is not None
        ).value
    return measures


def _states_question(proposal: Proposal) -> bool:
    """Return whether there is a question, and the task's reader, if there is one, can read it."""
    return proposal.is_readable and (proposal.truth is None or proposal.truth.fault != "unreadable")


def _kind(truth: QuestionTruth | None) -> str | None:
    """Return the kind of a valid question."""
    return truth.kind or "valid" if truth is not None and truth.is_valid else None


def _solver_measures(answers: Sequence[Answer]) -> dict[str, float | None]:
    truths = [answer.outcome.correct for answer in answers if answer.outcome is not None]
    return {
        "solver/score": _mean(as_floats([answer.verdict.score for answer in answers])),
        "solver/format": share(answer.reading.fault is None for answer in answers).value,
        "solver/true_accuracy": share(bool(correct) for correct in truths if correct is not None).value,
        "solver/length": _mean(np.array([len(answer.written.ids) for answer in answers], np.float64)),
    }


def _judge_measures(texts: StepTexts) -> dict[str, float | None]:
    """Return measures of the judge on the answers of this step, right and wrong; trial answers count, too."""
    answers = [*texts.answers, *texts.trials]
    measures: dict[str, float | None] = {}
    if texts.judge_rows:
        measures["judge/format"] = share(row.judgement.fault is None for row in texts.judge_rows).value
    if not answers:
        return measures
    known = [answer for answer in answers if answer.outcome is not None and answer.outcome.correct is not None]
    scores = as_floats([answer.verdict.score for answer in known])
    truths = [answer.outcome is not None and bool(answer.outcome.correct) for answer in known]
    return measures | {
        "judge/score": _mean(as_floats([answer.verdict.score for answer in answers])),
        "judge/unparsable": share_unparsable(as_floats([answer.verdict.score for answer in answers])).value,
        "judge/leniency": mean_score(scores, truths, truth=False).value,
        "judge/auc": pooled_auc(scores, truths).value,
    }


def _mean(numbers: AnyArray) -> float | None:
    """Return the mean of the numbers that are known, None if none is."""
    known = numbers[~np.isnan(numbers)]
    return float(known.mean()) if len(known) else None
