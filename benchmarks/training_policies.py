"""Does training on planning tokens differ from its controls where there is room for it: larger models, more seeds?

    python benchmarks/training_policies.py [testbed smollm2] [--minutes 4.5] [--root DIR] [--seeds 0-9] [--out FILE.md]

``testbed`` is the comparison of arms on the built-in task with a policy of some 20 times the default's weights, longer
arithmetic (planning tokens are a small share) and more seeds and start models. ``smollm2`` trains SmolLM2-135M-Instruct
on the grade-school problems under ../shared/data/problems (or ``--problems TRAIN --held-out TEST``), with the
published lexicon; the answers are checked by math-verify.

The work is a list of runs, each in a directory under ``--root`` that it resumes from. ``--minutes`` ends a call at the
first step after a checkpoint once they are over; the same call again goes on there. Each call ends with a table of the
runs that are finished, under the device's name. Exit code 0 when all runs are, 75 when there is more to do (call
again), 2 without CUDA. ``--dry-run`` lists the runs; ``--smoke`` makes two steps of a tiny setting, on any device.
"""

import argparse
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from corpora import SHARED
from seed_lists import parse_seeds

from sgram.errors import SgramError
from sgram.files import pretty_json, write_bytes
from sgram.training.experiments.arms import choose_controls, parse_arms
from sgram.training.experiments.compare import matrix_cells, summarize_matrix
from sgram.training.experiments.comparison_io import to_json, to_markdown
from sgram.training.experiments.matrix import Cell, Failure
from sgram.training.experiments.run import RunResult, read_finished_run, train
from sgram.training.experiments.run_config import RunConfig

ROOT = Path(__file__).parents[1] / "reports" / "training_policies"
ARMS = "grpo,grpo-matched,hicra,hicra-symmetric,hicra-centered,placebo,placebo-execution,entropy,siren"
MORE_TO_DO = 75
POLICY = {"layers": 6, "width": 512, "steps": 2000, "batch": 64, "matrix_rate": 0.01, "other_rate": 2e-3}
"""The larger policy of the testbed, and how it is warmed up."""


class OutOfTimeError(BaseException):
    """Leaves a run where it can be resumed; no `Exception`, so that nothing on the way takes it for a failure."""


@dataclass(frozen=True)
class Study:
    """Arms to be compared in one setting."""

    name: str
    config: RunConfig
    arms: str
    seeds: tuple[int, ...]
    warmup_seeds: tuple[int, ...] = (0,)
    policy: Mapping[str, Any] | None = None
    """Of the testbed, if it is another one than the default."""


@dataclass(frozen=True)
class Clock:
    """When a call has to end."""

    end: float

    def is_over(self) -> bool:
        """Whether it has."""
        return time.monotonic() >= self.end

    def watch(self, config: RunConfig, tell: Callable[[Mapping], None]) -> Callable[[Mapping], None]:
        """`tell` that leaves the run at the first step after a checkpoint of this call once time is over."""
        begun: list[int] = []

        def watched(row: Mapping[str, Any]) -> None:
            tell(row)
            if "step" not in row:
                return
            begun.append(row["step"])
            if row["step"] % config.save_every == 1 % config.save_every and len(begun) > 1 and self.is_over():
                raise OutOfTimeError

        return watched


def testbed(seeds: tuple[int, ...]) -> Study:
    """The larger comparison on the built-in task."""
    config = RunConfig(
        task="testbed",
        task_options={"methods": 8, "largest": 99, "execution": 2},
        model="testbed",
        steps=300,
        prompts=32,
        samples=8,
        max_tokens=384,
        learning_rate=2e-4,
        schedule="constant",
        eval_samples=2000,
        eval_every=50,
        save_every=10,
        threads=4,
    )
    return Study("testbed", config, ARMS, seeds, (0, 1, 2), POLICY)


def smollm2(seeds: tuple[int, ...], problems: Path, held_out: Path) -> Study:
    """A small real model on problems with checked answers."""
    options = {"test": str(held_out), "chat": True, "workers": 4}
    config = RunConfig(
        task=str(problems),
        task_options=options,
        model="smollm2",
        lexicon="wang2025",
        steps=200,
        prompts=32,
        samples=8,
        max_tokens=320,
        learning_rate=2e-6,
        schedule="constant",
        eval_samples=1319,
        eval_every=50,
        save_every=5,
        accumulation=4,
        bf16=True,
        threads=4,
    )
    return Study("smollm2", config, "grpo,hicra,hicra-symmetric,placebo,placebo-execution", seeds)


def smoke() -> Study:
    """Two steps of next to nothing: the path from the list of runs to the table."""
    config = RunConfig(
        task="testbed",
        task_options={"methods": 2, "largest": 4},
        sft_steps=5,
        steps=2,
        prompts=2,
        samples=2,
        max_tokens=16,
        min_mask_share=0,
        eval_samples=4,
        save_every=1,
    )
    return Study("smoke", config, "grpo,hicra", (0, 1))


def cells_of(study: Study, root: Path, device: str = "cpu", make: bool = True) -> list[Cell]:
    """The runs of a study, all arms of one pair before the next; with `make`, start models are made for them."""
    arms = parse_arms(study.arms)
    cells: list[Cell] = []
    for warmup_seed in study.warmup_seeds:
        config = study.config
        if study.policy is not None and make:
            config = replace(config, model=str(start_model(study, warmup_seed, root, device)))
        cells += matrix_cells(config, arms, study.seeds, [warmup_seed])
    return sorted(cells, key=lambda cell: (cell.config.seed, cell.config.warmup_seed))


def start_model(study: Study, warmup_seed: int, root: Path, device: str) -> Path:
    """Folder of the warm policy that a study's runs start from; made on the device at the first call."""
    from sgram.testbed import TestbedConfig, WarmUpConfig, warm_policy

    config = WarmUpConfig(**study.policy, seed=warmup_seed)
    told = {"last": time.monotonic()}

    def tell(row: Mapping[str, Any]) -> None:
        if time.monotonic() - told["last"] > 30:
            told["last"] = time.monotonic()
            say(f"warm-up {warmup_seed}: {_shown(row)}")

    testbed = TestbedConfig(**study.config.task_options)
    return warm_policy(testbed, config, root / "policies", on_step=tell, device=device)


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def _shown(row: Mapping[str, Any]) -> str:
    wanted = ("stage", "step", "done", "of", "loss", "reward", "pass_at_1", "planning_share", "length", "seconds")
    numbers = {name: row[name] for name in wanted if name in row}
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in numbers.items()
    )


def outcomes(cells: list[Cell], root: Path, clock: Clock) -> Iterator[RunResult | Failure]:
    """What came of each run; those that time does not allow are told as not made yet."""
    for number, cell in enumerate(cells, 1):
        label = f"{number}/{len(cells)} {cell.slug}"
        result = read_finished_run(cell.config, root)
        if result is None and clock.is_over():
            yield Failure(**cell.labels, message="not made yet")
            continue
        if result is None:
            say(f"{label}: begins")
            try:
                result = train(cell.config, root, clock.watch(cell.config, _speaker(label)))
            except OutOfTimeError:
                say(f"{label}: left at a checkpoint")
                yield Failure(**cell.labels, message="not finished yet")
                continue
            except SgramError as error:
                yield Failure(**cell.labels, message=str(error))
                continue
            say(f"{label}: pass@1 {result.start.pass_at_1} -> {result.final.pass_at_1}")
        yield result


def _speaker(label: str) -> Callable[[Mapping], None]:
    """Tells of every tenth step."""

    def tell(row: Mapping[str, Any]) -> None:
        if row.get("step", 0) % 10 == 0 and "step" in row:
            say(f"{label}: {_shown(row)}")

    return tell


def device_name() -> tuple[str, str]:
    """(device for PyTorch, its name with versions)."""
    import torch

    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("torch", "transformers", "trl"))
    if torch.cuda.is_available():
        capability = ".".join(map(str, torch.cuda.get_device_capability()))
        return (
            "cuda",
            f"{torch.cuda.get_device_name()}, compute capability {capability}, CUDA {torch.version.cuda}; {versions}",
        )
    return "cpu", f"no CUDA device: {platform.machine()} CPU, {torch.get_num_threads()} threads; {versions}"


def report(study: Study, cells: list[Cell], found: list[RunResult | Failure], root: Path, device: str) -> str:
    """The comparison of the pairs of runs that are finished, as markdown; also written as JSON beside the runs."""
    arms = parse_arms(study.arms)
    comparison = summarize_matrix(arms, choose_controls(arms), cells, found, root)
    n_done = len(comparison.rows)
    seconds = [
        row["seconds"] for runs in comparison.results.values() for run in runs for row in run.steps if "seconds" in row
    ]
    pace = f", {sum(seconds) / len(seconds):.2f} s a step" if seconds else ""
    write_bytes(root / f"{study.name}.json", pretty_json({"device": device, **to_json(comparison)}))
    head = f"## {study.name}: {n_done} of {len(cells)} runs\n\n{device}{pace}\n\n"
    return head + (to_markdown(comparison) if n_done else "No run is finished.\n")


def dry_run(study: Study, root: Path) -> None:
    """Print what would be run."""
    config = study.config
    cells = cells_of(study, root, make=False)
    size = f"{config.prompts * config.samples} responses a step of up to {config.max_tokens} tokens"
    print(f"## {study.name}: {len(cells)} runs of {config.steps} steps, {size}")
    if study.policy is not None:
        told = ", ".join(f"{name} {value}" for name, value in study.policy.items())
        print(f"start models {', '.join(map(str, study.warmup_seeds))}: {told}")
    print()
    for cell in cells:
        print(f"- {cell.slug}")
    print()


def main() -> None:
    """Go on with the runs, then one table a study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("studies", nargs="*", default=["testbed", "smollm2"], metavar="testbed|smollm2")
    parser.add_argument("--minutes", type=float, default=4.5, help="end after so long; the next call goes on")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--seeds", type=parse_seeds, default=tuple(range(5)), help="such as 0-9")
    parser.add_argument("--problems", type=Path, default=SHARED / "problems" / "gsm8k_train.jsonl")
    parser.add_argument("--held-out", type=Path, default=SHARED / "problems" / "gsm8k_test.jsonl")
    parser.add_argument("--out", type=Path, help="also write the markdown here")
    parser.add_argument("--dry-run", action="store_true", help="list the runs and leave")
    parser.add_argument("--smoke", action="store_true", help="two steps of a tiny setting, on any device")
    options = parser.parse_args()
    made = {
        "testbed": lambda: testbed(options.seeds),
        "smollm2": lambda: smollm2(options.seeds, options.problems, options.held_out),
    }
    if unknown := [name for name in options.studies if name not in made]:
        parser.error(f"there is no study {unknown[0]}; there are {', '.join(made)}")
    studies = [smoke()] if options.smoke else [made[name]() for name in options.studies]
    device, described = device_name()
    if options.dry_run:
        for study in studies:
            dry_run(study, options.root)
        return
    if device == "cpu" and not options.smoke:
        say("this benchmark needs a CUDA device; torch finds none here (--smoke and --dry-run do without)")
        raise SystemExit(2)
    clock, texts, done = Clock(time.monotonic() + 60 * options.minutes), [], True
    for study in studies:
        if clock.is_over():
            done = False
            continue
        cells = cells_of(study, options.root, device)
        found = list(outcomes(cells, options.root, clock))
        done &= not any(isinstance(each, Failure) and each.message.endswith("yet") for each in found)
        texts.append(report(study, cells, found, options.root, described))
    text = "\n".join(texts)
    print(text, end="")
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if not done:
        say("there is more to do: the same call again goes on")
        raise SystemExit(MORE_TO_DO)


if __name__ == "__main__":
    main()
