"""Numbers of runs of `sgram evolve`, with Student's 95 % intervals over the runs of different seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sgram.statistics import MeanInterval, t_interval
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
    """Return Student's interval over the runs that have the number."""
    numbers = [value for run in runs if (value := number(run)) is not None]
    interval = t_interval(numbers)
    if interval.n > 1:
        return interval
    reason = "no run" if not runs else "no run has this number" if not interval.n else "one run has no spread"
    return replace(interval, undefined=reason)


def paired(first: Runs, second: Runs, number: Callable[[EvolveRun], float | None]) -> MeanInterval:
    """Return Student's interval of `first` less `second`, over pairs of one seed and one warm-up seed."""
    second_numbers = {run.pair: number(run) for run in second}
    differences = [
        value - other
        for run in first
        if (value := number(run)) is not None and (other := second_numbers.get(run.pair)) is not None
    ]
    interval = t_interval(differences)
    return interval if interval.n > 1 else replace(interval, undefined=interval.undefined if second else "no run of it")
