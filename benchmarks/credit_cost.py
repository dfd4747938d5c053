"""What does a credit method cost in a step? New methods beside GRPO, on the same responses.

    python benchmarks/credit_cost.py [--methods hicra-scale,...] [--repeats 3] [--steps 6] [--out FILE]

All runs of a repeat sample the same responses: the seed is the same, the learning rate next to nothing. A step's cost
is the CPU time of the process in it, with one thread, so that other load of the machine counts little. The order of
runs alternates; the first step of a run is left out.

1. CPU seconds of a step over those of GRPO's step of the same number and seed: median and range of the pairs.
2. CPU time inside the trainer's call that shapes advantages, as a share of the step.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

METHODS = ("hicra-scale", "hicra-push", "hicra-correct", "ktae")


def step_seconds(method: str, seed: int, n_steps: int, root: Path) -> tuple[list[float], list[float]]:
    """Return the CPU seconds of each step but the first, and of them those that shaping took."""
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig
    from sgram.training.trainer.trainer import HICRATrainer

    marks, shaping = [], [0.0]
    original = HICRATrainer._shape_advantages

    def shape(*arguments):
        started = time.process_time()
        shaped = original(*arguments)
        shaping[-1] += time.process_time() - started
        return shaped

    def on_progress(row) -> None:
        if "step" in row:
            marks.append(time.process_time())
            shaping.append(0.0)

    HICRATrainer._shape_advantages = shape
    try:
        config = RunConfig(method=method, seed=seed, steps=n_steps, learning_rate=1e-12, eval_samples=1)
        train(config, root, on_progress)
    finally:
        HICRATrainer._shape_advantages = original
    return [after - before for before, after in zip(marks, marks[1:], strict=False)], shaping[1 : len(marks)]


def compare(methods: Sequence[str], n_repeats: int, n_steps: int) -> Iterator[str]:
    """Yield the lines of the table."""
    ratios: dict[str, list[float]] = {method: [] for method in methods}
    shares: dict[str, list[float]] = {method: [] for method in methods}
    for repeat in range(n_repeats):
        arms = ["grpo", *methods]
        seconds, shaping = {}, {}
        with tempfile.TemporaryDirectory() as root:
            for arm in arms if repeat % 2 else arms[::-1]:
                seconds[arm], shaping[arm] = step_seconds(arm, repeat, n_steps, Path(root))
                print(f"repeat {repeat}: {arm}", file=sys.stderr, flush=True)
        for method in methods:
            ratios[method] += [ours / grpo for ours, grpo in zip(seconds[method], seconds["grpo"], strict=True)]
            shares[method] += [part / step for part, step in zip(shaping[method], seconds[method], strict=True)]
    yield "method          step / GRPO's: median (range) of pairs   shaping, share of a step: median, largest"
    for method in methods:
        pairs = ratios[method]
        measured = f"{statistics.median(pairs):.3f} ({min(pairs):.3f} to {max(pairs):.3f}) of {len(pairs)}"
        yield f"{method:14}  {measured:39}  {statistics.median(shares[method]):.2%}, {max(shares[method]):.2%}"


def main() -> int:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lines = []
    for line in compare(arguments.methods.split(","), arguments.repeats, arguments.steps):
        print(line, flush=True)
        lines.append(line)
    if arguments.out:
        from sgram.files import write_bytes

        write_bytes(arguments.out, ("\n".join(lines) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
