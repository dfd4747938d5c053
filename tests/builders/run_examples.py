"""Hand-made runs: results with the shape of a training run's, without any training."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sgram.training.experiments.run_config import RunConfig

METHODS = (
    "grpo",
    "grpo-matched",
    "hicra",
    "hicra-symmetric",
    "hicra-centered",
    "placebo",
    "placebo-execution",
    "entropy",
    "siren",
)
SETTINGS = tuple(setting.name for setting in fields(RunConfig))


def config(**settings: Any) -> RunConfig:
    """Return a configuration of a short run."""
    return RunConfig(**{"steps": 30, **settings})


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Stand-in for `PolicyEvaluation`, whose module loads torch."""

    n: int
    pass_at_1: float
    errors: Mapping[str, float]
    planning_entropy: float | None = None
    execution_entropy: float | None = None
    semantic_entropy: float | None = None
    length: float | None = None
    by_problem: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """Stand-in for `RunResult`."""

    directory: Path
    config: RunConfig
    start: Evaluation
    final: Evaluation
    steps: tuple[Mapping[str, Any], ...]
    scorer: str | None = None
    chat: bool = False


def step_row(step: int, accuracy: float, **columns: Any) -> dict[str, Any]:
    """Return a row of metrics.jsonl."""
    wave = 0.05 * math.sin(1.7 * step + 10 * accuracy)
    return {
        "step": step,
        "reward": accuracy,
        "pass_at_1": accuracy,
        "planning_share": 0.4 - 0.001 * step,
        "entropy_planning": 0.5 - 0.004 * step + wave,
        "entropy_execution": 0.25 - 0.002 * step + wave / 3,
        "semantic_entropy": 3.6 - 0.02 * step + wave,
        "error_strategic": 0.75 - 0.8 * (accuracy - 0.2),
        "error_procedural": 0.04 + wave / 4 + 0.02,
        "error_format": 0.05,
        "length": 46 - 0.1 * step,
        "seconds": 2.0,
        **columns,
    }


def result(
    config: RunConfig, root: Path = Path("reports"), final: float = 0.6, start: float = 0.2, wobble: float = 0.0
) -> Result:
    """Return a run whose accuracy climbs from `start` to `final`."""
    rows = tuple(
        step_row(step, start + (final - start) * step / config.steps + wobble * math.sin(2.1 * step + config.seed))
        for step in range(1, config.steps + 1)
    )
    name = f"{config.method}-{config.alpha}-{config.seed}-{config.warmup_seed}"
    errors = {"strategic": 1 - final - 0.1, "procedural": 0.06, "format": 0.04}
    return Result(
        Path(root) / f"train-{name}",
        config,
        Evaluation(480, start, {"strategic": 0.75}),
        Evaluation(480, final, errors, 0.3, 0.15, 3.1, 44.0),
        rows,
        "ab12" * 16 if config.uses_scorer else None,
    )
