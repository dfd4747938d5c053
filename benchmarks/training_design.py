"""What the comparison on the hard testbed consists of: arms, learning rates, seeds, start models, and their runs.

Arms are compared at the best of three learning rates of each, because a larger rate does for plain GRPO much of what
credit for planning tokens does. The rate is that with the greatest mean of run over `RATE_PAIRS`, whose seeds no
comparison uses. Where the best of the three is the smallest or the largest, the next one beyond it is tried, too.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.run_presets import apply_preset

STEPS = 100
RATES = (3.5e-4, 5e-4, 7e-4)
EDGE_RATES: Mapping[float, float] = {3.5e-4: 2.5e-4, 7e-4: 1e-3}
"""Rate at an edge of `RATES` -> the one that is tried if it is the best."""
ALL_RATES = tuple(sorted((*RATES, *EDGE_RATES.values())))
RATE_PAIRS = ((100, 0), (101, 1))
"""(seed, start model) of the runs by which a rate is chosen."""
SEEDS, STARTS = (0, 1, 2, 3), (0, 1, 2, 3, 4)
FIRST_STARTS = (0, 1, 2)
"""Start models of the first look: the others were added when its result was known, which the page says."""
REGULARIZER_PAIRS = ((0, 0), (1, 0))
BASELINE, TREATMENT = "grpo", "hicra 1"
ARMS: Mapping[str, str] = {
    "grpo": "grpo",
    "hicra 1": "hicra:alpha=1.0",
    "hicra .5": "hicra:alpha=0.5",
    "scale 1": "hicra-scale:alpha=1.0",
    "push 1": "hicra-push:alpha=1.0",
    "symmetric 1": "hicra-symmetric:alpha=1.0",
    "execution scale 1": "execution-scale:alpha=1.0",
    "execution symmetric 1": "execution-symmetric:alpha=1.0",
}
"""Name of an arm -> the arm in the notation of `sgram train --compare`, without its learning rate."""
MORE_ARMS: Mapping[str, str] = {
    "hicra .2": "hicra:alpha=0.2",
    "correct 1": "hicra-correct:alpha=1.0",
    "placebo 1": "placebo-execution:alpha=1.0",
    "ktae": "ktae",
}
"""Arms that a run of the command with --arms may add."""
CREDITS: Mapping[str, str] = {
    "grpo": "A on all tokens",
    "scale 1": "(1 + alpha (1 - 2p)) A on planning tokens",
    "push 1": "A + 2 alpha p (1 - p) / sigma on planning tokens",
    "symmetric 1": "(1 + alpha) A on planning tokens",
    "execution scale 1": "(1 + alpha (1 - 2p)) A on as many execution tokens",
    "execution symmetric 1": "(1 + alpha) A on as many execution tokens",
}
"""Control -> its credit: A is GRPO's advantage, p the share of right responses in a group, sigma their deviation."""
CONTROLS = tuple(CREDITS)
"""What the primary family compares `TREATMENT` with."""
REGULARIZERS: Mapping[str, str] = {
    **{f"entropy {coefficient:g}": f"entropy:entropy_coef={coefficient}" for coefficient in (0.003, 0.01, 0.03)},
    **{f"siren {coefficient:g}": f"siren:siren_coef={coefficient}" for coefficient in (0.02, 0.1, 0.5)},
}
"""Arms at the baseline's learning rate."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of the design."""

    arm: str
    rate: float
    seed: int
    start: int

    @property
    def key(self) -> tuple[str, float, int, int]:
        """What tells the run apart from the others."""
        return self.arm, self.rate, self.seed, self.start

    def config(self, steps: int = STEPS) -> RunConfig:
        """Return its configuration."""
        notation = {**ARMS, **MORE_ARMS, **REGULARIZERS}[self.arm]
        (arm,) = parse_arms(f"{notation}:learning_rate={self.rate}")
        base = RunConfig(**apply_preset("hard", {"steps": steps, "save_every": 20}))
        return arm.apply(base, seed=self.seed, warmup_seed=self.start)


MeansOfRun = Mapping[tuple[str, float, int, int], float]
"""Arm, rate, seed, start model -> mean of run."""


def rate_runs(arms: Iterable[str], means_of_run: MeansOfRun) -> list[PlannedRun]:
    """Return the runs by which the rate of each arm is chosen, as far as they can be planned."""
    rates = {arm: rates_of_choice(means_of_run, arm) for arm in arms}
    return [
        PlannedRun(arm, rate, seed, start)
        for seed, start in RATE_PAIRS
        for arm, arm_rates in rates.items()
        for rate in arm_rates
    ]


def rates_of_choice(means_of_run: MeansOfRun, arm: str) -> tuple[float, ...]:
    """Return the rates that an arm is tried with: `RATES`, and the next one if the best of these is at an edge.

    >>> rates_of_choice({("grpo", rate, *pair): rate for rate in RATES for pair in RATE_PAIRS}, "grpo")
    (0.00035, 0.0005, 0.0007, 0.001)
    """
    means = mean_by_rate(means_of_run, arm)
    if not set(RATES) <= set(means):
        return RATES
    further_rate = EDGE_RATES.get(_best(means, RATES))
    return RATES if further_rate is None else tuple(sorted((*RATES, further_rate)))


def matrix_runs(rates: Mapping[str, float], seeds: Sequence[int], starts: Sequence[int]) -> list[PlannedRun]:
    """Return the runs of the comparison, all arms of one pair before the next pair; `rates` has those of the arms."""
    return [PlannedRun(arm, rate, seed, start) for seed in seeds for start in starts for arm, rate in rates.items()]


def regularizer_runs(baseline_rate: float) -> list[PlannedRun]:
    """Return the runs of the uniform entropy bonus and of SIREN."""
    return [PlannedRun(arm, baseline_rate, seed, start) for seed, start in REGULARIZER_PAIRS for arm in REGULARIZERS]


def mean_by_rate(means_of_run: MeansOfRun, arm: str) -> dict[float, float]:
    """Return rate -> mean over `RATE_PAIRS` of the mean of run; rates without all of their runs are absent."""
    means: dict[float, float] = {}
    for rate in ALL_RATES:
        keys = [(arm, rate, seed, start) for seed, start in RATE_PAIRS]
        if all(key in means_of_run for key in keys):
            means[rate] = math.fsum(means_of_run[key] for key in keys) / len(keys)
    return means


def choose_rate(means_of_run: MeansOfRun, arm: str) -> float | None:
    """Return the rate with the greatest mean, of equal ones the smallest; None until all runs of the choice are there.

    >>> choose_rate({("grpo", rate, *pair): -rate for rate in ALL_RATES for pair in RATE_PAIRS}, "grpo")
    0.00025
    """
    means, rates = mean_by_rate(means_of_run, arm), rates_of_choice(means_of_run, arm)
    return _best(means, rates) if set(rates) <= set(means) else None


def _best(means: Mapping[float, float], rates: Iterable[float]) -> float:
    return max(rates, key=lambda rate: (means[rate], -rate))
