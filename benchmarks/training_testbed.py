"""Does a policy learn on two cores, and what does HICRA cost? From nothing to a trained policy, offline.

    python benchmarks/training_testbed.py [--seeds 0,1,2] [--root DIR] [--out FILE]

1. From nothing: warm-up of the tiny model into an empty cache, then GRPO in the same process; wall time of each part.
2. GRPO and HICRA with every seed from that model: held-out pass@1 before and after, and the share of strategic errors.
3. A step of HICRA beside a step of GRPO: both sample the same responses (the learning rate is next to nothing, the seed
   the same), a few steps in turn, the median of the ratios; what masks and judging take of a step.
4. The loop closed: a lexicon mined from what the warm model samples, against the true planning spans, beside the
   paper's raw pipeline and beside the phrases themselves; and HICRA trained with the mined lexicon.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BEGAN = time.perf_counter()
HERE = Path(__file__).parent
REPEATS, STEPS = 5, 6


def numbers(text: str) -> list[int]:
    """0,1,2 as numbers."""
    return [int(each) for each in text.split(",")]


def from_nothing(root: Path) -> Iterator[str]:
    """Part 1."""
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig

    stages: dict[str, float] = {}

    def tell(row) -> None:
        stages.setdefault(row.get("stage", "training"), time.perf_counter() - BEGAN)
        if "stage" not in row:
            stages["trained"] = time.perf_counter() - BEGAN

    with tempfile.TemporaryDirectory() as cache:
        before, os.environ["SGRAM_CACHE"] = os.environ.get("SGRAM_CACHE"), cache
        try:
            result = train(RunConfig(method="grpo"), root / "from-nothing", tell)
        finally:
            if before is None:
                del os.environ["SGRAM_CACHE"]
            else:
                os.environ["SGRAM_CACHE"] = before
    total = time.perf_counter() - BEGAN
    yield f"imports and task        {stages['warm-up']:6.1f} s"
    warming = stages["measuring"] - stages["warm-up"]
    yield f"warm-up                 {warming:6.1f} s, pass@1 {result.start.pass_at_1:.3f}"
    yield f"measuring 480 responses {stages['training'] - stages['measuring']:6.1f} s, with the first step"
    yield f"79 steps of GRPO        {stages['trained'] - stages['training']:6.1f} s"
    yield f"in all                  {total:6.1f} s, pass@1 {result.final.pass_at_1:.3f}"


def learning(root: Path, seeds: list[int]) -> Iterator[str]:
    """Part 2."""
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig

    yield "method  seed  pass@1          gain  strategic errors"
    for method in ("grpo", "hicra"):
        for seed in seeds:
            result = train(RunConfig(method=method, seed=seed), root)
            start, final = result.start, result.final
            yield (
                f"{method:6}  {seed:4}  {start.pass_at_1:.3f} -> {final.pass_at_1:.3f}  "
                f"{final.pass_at_1 - start.pass_at_1:+.3f}  {start.errors['strategic']:.3f} -> "
                f"{final.errors['strategic']:.3f} ({final.errors['strategic'] - start.errors['strategic']:+.3f})"
            )


def cost() -> Iterator[str]:
    """Part 3."""
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig

    ratios, shares = [], []
    with tempfile.TemporaryDirectory() as root:
        for repeat in range(REPEATS):
            seconds = {}
            for method in ("grpo", "hicra") if repeat % 2 else ("hicra", "grpo"):
                config = RunConfig(method=method, seed=repeat, steps=STEPS, learning_rate=1e-12, eval_samples=1)
                rows = train(config, Path(root)).steps[1:]
                seconds[method] = [row["seconds"] for row in rows]
                if method == "hicra":
                    shares += [(row["time/masking"] + row["time/judging"]) / row["seconds"] for row in rows]
            ratios += [a / b for a, b in zip(seconds["hicra"], seconds["grpo"], strict=True)]
    yield f"HICRA / GRPO, seconds a step: median {statistics.median(ratios):.3f} of {len(ratios)} pairs"
    yield f"masks, spans and judging: median {statistics.median(shares):.2%} of a step"


def loop(root: Path) -> Iterator[str]:
    """Part 4."""
    from sgram.mining import MiningConfig
    from sgram.training.experiments import setup as preparing
    from sgram.training.experiments.mine_from_policy import measure_mask_quality, mine_from_responses
    from sgram.training.experiments.run import train
    from sgram.training.experiments.run_config import RunConfig

    config = RunConfig(lexicon="mined")
    with preparing.open_task(config) as task:
        model, tokenizer = preparing.load_start_model(config, task, lambda row: None)
        sampled = preparing.sample_start_policy(preparing.make_policy(model, tokenizer, config), task, lambda row: None)
        lexicons = {
            "sgram mine": mine_from_responses(sampled, task),
            "the paper's pipeline": mine_from_responses(sampled, task, MiningConfig(method="paper")),
            "the phrases themselves": task.lexicon(),
        }
        for name, lexicon in lexicons.items():
            found = measure_mask_quality(lexicon, sampled, task)
            yield f"{name:22}  {len(lexicon.grams):4} grams  precision {found.precision:.3f}  recall {found.recall:.3f}"
        yield f"a mask of everything                precision {found.share:.3f}  recall 1.000"
    result = train(config, root)
    yield f"HICRA with the mined lexicon: pass@1 {result.start.pass_at_1:.3f} -> {result.final.pass_at_1:.3f}"


def main() -> int:
    """Run all parts and print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    parser.add_argument("--root", type=Path, default=HERE.parent / "reports" / "training_testbed")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    parts = {
        "From nothing": from_nothing(given.root),
        "Learning": learning(given.root, given.seeds),
        "Cost": cost(),
        "The loop closed": loop(given.root),
    }
    lines = []
    for title, part in parts.items():
        for line in (title, "-" * len(title), *part, ""):
            print(line, flush=True)
            lines.append(line)
    if given.out:
        from sgram.files import write_bytes

        write_bytes(given.out, "\n".join(lines).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
