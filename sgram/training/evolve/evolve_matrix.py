"""Runs of `sgram evolve` with different settings, in the machinery of `sgram train --compare`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from pathlib import Path
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.training.evolve.arm_names import METHOD, expand_arm
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.run import EvolveResult, read_finished_evolve, run_evolve
from sgram.training.experiments.arms import SHARED, Arm, parse_arms
from sgram.training.experiments.matrix import Cell, Failure, run_matrix
from sgram.training.experiments.step_log import ProgressCallback

_SHARED = {*SHARED, "task_options", "eval_proposals"} - {"iterations", "accumulation"}
"""Settings that every arm shares: the task, the start model, the number of steps and the evaluation."""


@dataclass(frozen=True, slots=True)
class EvolveArm(Arm):
    """An arm of `sgram evolve`: its `overrides` are settings of `EvolveConfig`, of which `method` is one."""

    def apply(self, config: Any, **run_settings: Any) -> Any:
        """Return `config` with the settings of this arm and `run_settings`, such as the seed of the run."""
        settings = {setting.name: getattr(config, setting.name) for setting in fields(config)}
        return type(config).from_mapping(settings | run_settings | dict(self.overrides), f"arm {self.name}")


def parse_evolve_arms(text: str | Sequence[str]) -> list[EvolveArm]:
    """Return the arms in `text`, such as ``evolve,evolve:judge=frozen,fixed-questions``.

    An arm is a short name (`arm_names.ARMS`) or ``evolve`` and its settings after colons. Raise `UsageError` as
    `parse_arms` does.

    >>> [arm.name for arm in parse_evolve_arms("evolve,judge=frozen,evolve:gate=0.7:method=hicra")]
    ['evolve', 'evolve:judge=frozen', 'evolve:gate=0.7:method=hicra']
    """
    parts = text.split(",") if isinstance(text, str) else list(text)
    names = [setting.name for setting in fields(EvolveConfig)]
    arms = parse_arms([expand_arm(part.strip()) for part in parts], [METHOD], names, _SHARED)
    return [EvolveArm(arm.method, arm.overrides) for arm in arms]


def evolve_cells(
    config: EvolveConfig, arms: Sequence[EvolveArm], seeds: Sequence[int], warmup_seeds: Sequence[int]
) -> list[Cell]:
    """Return the runs of a matrix, by seed, warm-up seed and arm. Raise `UsageError` if two arms are the same run."""
    cells: list[Cell] = []
    for seed in sorted(seeds):
        for warmup_seed in sorted(warmup_seeds):
            configs = [(arm.name, arm.apply(config, seed=seed, warmup_seed=warmup_seed)) for arm in arms]
            for (name, arm_config), (second_name, second_config) in combinations(configs, 2):
                if arm_config.identity() == second_config.identity():
                    raise UsageError(
                        f"the arms {excerpt(name)} and {excerpt(second_name)} are the same run; leave one out"
                    )
            cells += [Cell(name, arm_config) for name, arm_config in configs]
    return cells


def run_evolve_matrix(
    cells: Sequence[Cell], root: Path, *, jobs: int = 1, on_progress: ProgressCallback = lambda event: None
) -> list[EvolveResult | Failure]:
    """Run all `cells`, `jobs` at once, and return their results or failures in the order of `cells`."""
    run: Any = run_evolve
    read_finished: Any = read_finished_evolve
    outcomes: list[Any] = run_matrix(
        cells,
        root,
        run=run,
        read_finished=read_finished,
        jobs=jobs,
        on_progress=on_progress,
        command=(sys.executable, "-m", "sgram.training.evolve.run_process"),
    )
    return outcomes
