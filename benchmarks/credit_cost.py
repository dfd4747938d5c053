"""What does a credit method cost in a step? New methods beside GRPO, on the same responses.

    python benchmarks/credit_cost.py [--methods hicra-scale,...] [--rounds 6] [--out FILE]

One run of the testbed whose trainer takes another method at each step: in a round, GRPO and every method get the same
problems and the same seed, and the learning rate is next to nothing, so that they sample the same responses (checked).
A step's cost is the CPU time of the process in it, with one thread. The order of methods changes from round to round.

1. CPU seconds of a step over those of GRPO's step in its round: median and range.
2. CPU time inside the trainer's call that shapes advantages, as a share of the step.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

METHODS = ("hicra-scale", "hicra-push", "hicra-correct", "ktae")


def measure_steps(arms: Sequence[str], n_rounds: int) -> list[dict[str, tuple[float, float]]]:
    """Return for each round the CPU seconds of a step of each method, and of them those that shaping took."""
    import torch

    from sgram.training.credit.registry import find_method
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig
    from sgram.training.trainer.trainer import HICRATrainer

    steps: list[tuple[int, str, float]] = []
    shaping: list[float] = []
    inputs_of_round: list[Any] = [None]
    sizes: dict[int, set[int]] = {}
    generate, shape = HICRATrainer._generate_and_score_completions, HICRATrainer._shape_advantages

    def generate_with(self, inputs):
        number, place = divmod(self.state.global_step, len(arms))
        arm = arms[(place + number) % len(arms)]
        if not place:
            inputs_of_round[0] = inputs
        self.method = find_method(arm)
        torch.manual_seed(number)
        steps.append((number, arm, time.process_time()))
        shaping.append(0.0)
        batch = generate(self, inputs_of_round[0])
        sizes.setdefault(number, set()).add(int(batch["completion_mask"].sum()))
        return batch

    def timed_shape(*arguments):
        started = time.process_time()
        shaped = shape(*arguments)
        shaping[-1] = time.process_time() - started
        return shaped

    HICRATrainer._generate_and_score_completions, HICRATrainer._shape_advantages = generate_with, timed_shape
    try:
        n_steps = n_rounds * len(arms) + 1  # the last one only ends the step before it
        config = RunConfig(method="hicra", steps=n_steps, learning_rate=1e-12, eval_samples=1, save_every=n_steps)
        with tempfile.TemporaryDirectory() as root:
            train(config, Path(root))
    finally:
        HICRATrainer._generate_and_score_completions, HICRATrainer._shape_advantages = generate, shape
    assert all(len(sizes[number]) == 1 for number in range(n_rounds)), "methods of a round sampled other responses"
    rounds: list[dict[str, tuple[float, float]]] = [{} for _ in range(n_rounds)]
    for index, ((number, arm, start), (_, _, end)) in enumerate(zip(steps, steps[1:], strict=False)):
        rounds[number][arm] = (end - start, shaping[index])
    return rounds


def compare(methods: Sequence[str], n_rounds: int) -> Iterator[str]:
    """Yield the lines of the table; the first round, in which code is loaded, is left out."""
    rounds = measure_steps(["grpo", *methods], n_rounds + 1)[1:]
    yield "method          step / GRPO's: median (range) of rounds   shaping, share of a step: median, largest"
    for method in methods:
        ratios = [steps[method][0] / steps["grpo"][0] for steps in rounds]
        shares = [steps[method][1] / steps[method][0] for steps in rounds]
        measured = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f}) of {len(ratios)}"
        yield f"{method:14}  {measured:40}  {statistics.median(shares):.2%}, {max(shares):.2%}"


def main() -> int:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lines = list(compare(arguments.methods.split(","), arguments.rounds))
    print("\n".join(lines))
    if arguments.out:
        from sgram.files import write_bytes

        write_bytes(arguments.out, ("\n".join(lines) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
