"""Numbers of runs of `sgram evolve`, with 95 % intervals over the runs of different seeds.

They are Student's with one start policy; with several, seeds and start policies both count as random.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sgram.statistics import MeanInterval, pair_interval
from sgram.training.evolve.evolve_run import EvolveRun, Quantity
from sgram.training.evolve.measures import EvolveEvaluation

Runs = Sequence[EvolveRun]
RunsByArm = Mapping[str, Runs]
"""Runs by the short name of their arm."""


def accuracy(evaluation: EvolveEvaluation) -> float | None:
    """Return the held-out accuracy."""
    return evaluation.accuracy


def judge_quantity(judge: str, name: str) -> Quantity:
    """Return what reads a measure of a judge on own answers.

    >>> from sgram.training.evolve.measures import JudgeMeasures
    >>> evaluation = EvolveEvaluation(2, 0.5, own={"policy": JudgeMeasures(2, auc=0.75)})
    >>> judge_quantity("policy", "auc")(evaluation), judge_quantity("frozen", "auc")(evaluation)
    (0.75, None)
    """
    return lambda evaluation: getattr(evaluation.own[judge], name) if judge in evaluation.own else None


def proposal_quantity(name: str) -> Quantity:
    """Return what reads a measure of fresh proposals."""
    return lambda evaluation: None if evaluation.proposals is None else getattr(evaluation.proposals, name)


def accepted_quantity(name: str) -> Quantity:
    """Return what reads a measure of the questions that entered the pool since the evaluation before."""
    return lambda evaluation: None if evaluation.accepted is None else getattr(evaluation.accepted, name)


def over_runs(runs: Runs, number: Callable[[EvolveRun], float | None]) -> MeanInterval:
    """Return the mean over the runs that have the number, with its interval (`pair_interval`)."""
    numbers = {run.pair: value for run in runs if (value := number(run)) is not None}
    return name_reason(pair_interval(numbers), "no run has this number" if runs else "no run")


def paired(first: Runs, second: Runs, number: Callable[[EvolveRun], float | None]) -> MeanInterval:
    """Return the mean of `first` less `second` over pairs of one seed and one warm-up seed, with its interval."""
    second_numbers = {run.pair: number(run) for run in second}
    differences = {
        run.pair: value - other
        for run in first
        if (value := number(run)) is not None and (other := second_numbers.get(run.pair)) is not None
    }
    return name_reason(pair_interval(differences), "no pair of runs has this number" if second else "no run of it")


def name_reason(interval: MeanInterval, without: str) -> MeanInterval:
    """Return `interval` with its reason in terms of runs; `without` is the reason if there is no number."""
    if interval.low is not None:
        return interval
    reasons = {0: without, 1: "one run has no spread"}
    return replace(interval, undefined=reasons.get(interval.n, f"equal in {interval.n} runs"))
