"""What does a credit method cost in a step? Each beside GRPO, on the same responses.

    python benchmarks/credit_cost.py [--methods hicra-scale,ktae] [--rounds 6] [--out FILE]

One run of the testbed whose trainer takes another method at each step: in a round, GRPO and every method get the same
problems and the same seed, and the learning rate is next to nothing, so that they sample the same responses (checked).
A step's cost is the CPU time of the process in it, with one thread. The order of methods changes from round to round.

1. CPU seconds of a step over those of GRPO's step in its round: median and range; whether the median is at most 1.02.
2. CPU time inside the trainer's call that shapes advantages, as a share of the step. On a loaded machine this is the
   finer figure: it is all that a method without a part in the loss adds.

Left out are dr-grpo, entropy and siren, which are made when the trainer is. Both placebos use the first one's draw.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from sgram.training.experiments.run_config import RunConfig

Clock = Callable[[], float]
LIMIT = 1.02
"""Largest cost of a step that a method is meant to have, over that of GRPO's."""


class StepCost(NamedTuple):
    """What one step cost."""

    seconds: float
    shaping: float
    """Seconds of them in the call that shapes advantages."""
    peak: float
    """What `read_peak` returned at its end."""


class Round(NamedTuple):
    """Steps of all methods on one set of problems."""

    costs: dict[str, StepCost]
    n_tokens: set[int]
    """Numbers of sampled tokens: one, if all methods sampled the same responses."""


def measure_steps(
    arms: Sequence[str],
    n_rounds: int,
    config: "RunConfig | None" = None,
    clock: Clock = time.process_time,
    read_peak: Clock = lambda: 0.0,
) -> list[Round]:
    """Return the rounds of a run in which the methods take turns.

    `config` says what is trained, by default the testbed with one thread. `read_peak` is called where steps begin: it
    returns the peak since its last call.
    """
    import torch

    from sgram.training.credit.registry import find_method
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig
    from sgram.training.trainer.trainer import HICRATrainer

    steps: list[tuple[int, str, float, float]] = []
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
        peak = read_peak()  # of the step before
        steps.append((number, arm, clock(), peak))
        shaping.append(0.0)
        batch = generate(self, inputs_of_round[0])
        sizes.setdefault(number, set()).add(int(batch["completion_mask"].sum()))
        return batch

    def timed_shape(*arguments):
        started = clock()
        shaped = shape(*arguments)
        shaping[-1] += clock() - started
        return shaped

    HICRATrainer._generate_and_score_completions, HICRATrainer._shape_advantages = generate_with, timed_shape
    try:
        n_steps = n_rounds * len(arms) + 1  # the last one only ends the step before it
        made = replace(
            config or RunConfig(),
            method="hicra",
            steps=n_steps,
            learning_rate=1e-12,
            eval_samples=1,
            save_every=n_steps,
            min_mask_share=0,
        )
        with tempfile.TemporaryDirectory() as root:
            train(made, Path(root))
    finally:
        HICRATrainer._generate_and_score_completions, HICRATrainer._shape_advantages = generate, shape
    rounds = [Round({}, sizes[number]) for number in range(n_rounds)]
    for index, ((number, arm, start, _), (_, _, end, peak)) in enumerate(zip(steps, steps[1:], strict=False)):
        rounds[number].costs[arm] = StepCost(end - start, shaping[index], peak)
    return rounds


def default_methods() -> list[str]:
    """Names of sgram's methods that take turns with GRPO in one trainer."""
    from sgram.training.credit.registry import METHODS

    return [
        method.name
        for method in METHODS.values()
        if method.name != "grpo" and method.loss is None and not isinstance(method.penalty, str)
    ]


def compare(methods: Sequence[str], n_rounds: int) -> Iterator[str]:
    """Yield the lines of the table; the first round, in which code is loaded, is left out."""
    rounds = measure_steps(["grpo", *methods], n_rounds + 1)[1:]
    assert all(len(n_tokens) == 1 for _, n_tokens in rounds), "methods of a round sampled other responses"
    yield "method             step / GRPO's: median (range) of rounds   <= 1.02   shaping, of a step: median, largest"
    for method in methods:
        ratios = [costs[method].seconds / costs["grpo"].seconds for costs, _ in rounds]
        shares = [costs[method].shaping / costs[method].seconds for costs, _ in rounds]
        ratio = statistics.median(ratios)
        measured = f"{ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f}) of {len(ratios)}"
        verdict = "yes" if ratio <= LIMIT else "no"
        yield f"{method:17}  {measured:40}  {verdict:7}   {statistics.median(shares):.2%}, {max(shares):.2%}"


def main() -> int:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", help="by comma; default: all that can take turns in one trainer")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    methods = arguments.methods.split(",") if arguments.methods else default_methods()
    lines = list(compare(methods, arguments.rounds))
    print("\n".join(lines))
    if arguments.out:
        from sgram.files import write_bytes

        write_bytes(arguments.out, ("\n".join(lines) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
