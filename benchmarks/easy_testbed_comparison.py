"""Is it the planning tokens? HICRA beside GRPO, matched updates, variants, placebos, the entropy bonus and SIREN.

    python benchmarks/easy_testbed_comparison.py [--seeds 0,1,2] [--warmup-seeds 0,1] [--jobs 2] [--steps 80]
    python benchmarks/easy_testbed_comparison.py --collect
    python benchmarks/easy_testbed_comparison.py --coefficients 0.001,0.01,0.1 [--seeds 0,1]

Every arm runs on the built-in testbed with every seed from every start model, for equally many steps and otherwise
equal settings. Two arms are compared within pairs of one seed and one start model; differences carry 95 % intervals
over both. No setting was tuned for an arm. A run that is cut off goes on where it stopped and a finished one is only
read, so the same command may be given again until all are there; --collect makes the tables of those that are. On
this testbed HICRA's factor is 1.03, so that it cannot show (docs/what_hicra_does.md): `training_comparison.py` has
the hard one.

The committed tables are of --arms grpo,grpo-matched,hicra,hicra-symmetric,hicra-centered,placebo,placebo-execution,\
entropy:entropy_coef=0.01,siren:siren_coef=0.5 and of --coefficients 0.02,0.1,0.5 --seeds 0,1 --warmup-seeds 0; the two
strengths were chosen before any run, as round multiples of the papers'.

Writes easy_testbed_comparison.md and .json beside this file, with the curves and differences as pictures; with
--coefficients, instead, the uniform entropy bonus and SIREN at several strengths, as entropy_regularizers.md and .png.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regularizer_figure import draw_entropy_regularizers

from sgram.cli.train_tables import board
from sgram.errors import SgramError
from sgram.files import pretty_json, write_bytes
from sgram.reports.figures.learning_curves import draw_learning_curves
from sgram.reports.figures.paired_differences import draw_paired_differences
from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.compare import ArmComparison, compare
from sgram.training.experiments.comparison_io import to_json, to_markdown
from sgram.training.experiments.run_config import RunConfig

HERE = Path(__file__).parent
ARMS = (
    "grpo,grpo-matched,hicra,hicra-symmetric,hicra-centered,placebo,placebo-execution,entropy,siren,"
    "grpo:learning_rate=7e-4"
)


def not_run(config: RunConfig, root: Path, tell: Any) -> None:
    """Stands in for training where finished runs are only collected."""
    raise SgramError("not run yet")


def numbers(text: str) -> list[int]:
    """0,1,2 as numbers."""
    return [int(each) for each in text.split(",")]


def runs_of(arms: str, config: RunConfig, given: argparse.Namespace) -> ArmComparison:
    """The matrix, run or collected."""
    from sgram.training.experiments.run import read_finished_run, train

    chosen = parse_arms(arms)
    shown = board(len(chosen) * len(given.seeds) * len(given.warmup_seeds))
    with shown.shown():
        return compare(
            config,
            chosen,
            given.seeds,
            given.warmup_seeds,
            given.root,
            jobs=1 if given.collect else given.jobs,
            run=not_run if given.collect else train,
            read_finished=read_finished_run,
            on_progress=(lambda event: None) if given.collect else shown,
        )


def settings(config: RunConfig) -> Mapping[str, Any]:
    """What all arms share."""
    varied = ("method", "seed", "warmup_seed", "entropy_coef", "siren_coef")
    return {key: value for key, value in config.identity().items() if key not in varied and value not in (None, {})}


def write(made: ArmComparison, config: RunConfig, name: str, pictures: Mapping[str, str]) -> None:
    """Tables and numbers beside this file."""
    shared = ", ".join(f"{key} {value}" for key, value in settings(config).items())
    head = f"Made by `benchmarks/easy_testbed_comparison.py`. Shared settings: {shared}.\n"
    shown = "".join(f"\n![{told}]({file})\n" for file, told in pictures.items())
    write_bytes(HERE / f"{name}.md", f"{head}\n{to_markdown(made)}{shown}".encode())
    write_bytes(HERE / f"{name}.json", pretty_json({**to_json(made), "settings": settings(config)}))


def main() -> int:
    """Run, write, and tell what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default=ARMS)
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    parser.add_argument("--warmup-seeds", type=numbers, default=[0, 1])
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--root", type=Path, default=HERE.parent / "reports" / "easy_testbed_comparison")
    parser.add_argument("--coefficients", help="strengths of the uniform bonus and of SIREN, as 0.001,0.01")
    parser.add_argument("--collect", action="store_true", help="only read runs that have ended")
    given = parser.parse_args()
    config = RunConfig(steps=given.steps)
    if given.coefficients:
        strengths = given.coefficients.split(",")
        arms = ["grpo"] + [f"{kind}:{kind}_coef={each}" for kind in ("entropy", "siren") for each in strengths]
        made = runs_of(",".join(arms), config, given)
        runs = [run for results in made.results.values() for run in results]
        if runs:
            draw_entropy_regularizers(runs, HERE / "entropy_regularizers.png")
            write(made, config, "entropy_regularizers", {"entropy_regularizers.png": "token entropy by step"})
    else:
        made = runs_of(given.arms, config, given)
        pictures = {"easy_testbed_curves.png": "curves by arm", "easy_testbed_differences.png": "paired differences"}
        if made.rows:
            draw_learning_curves(made.results, HERE / "easy_testbed_curves.png")
            draw_paired_differences(made, HERE / "easy_testbed_differences.png")
            write(made, config, "easy_testbed_comparison", pictures)
    print(f"{len(made.rows)} runs, {len(made.failures)} missing or failed", file=sys.stderr)
    for failure in made.failures:
        print(
            f"  {failure.arm}, seed {failure.seed}, warm-up seed {failure.warmup_seed}: {failure.message}",
            file=sys.stderr,
        )
    return 1 if made.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SgramError as error:
        sys.exit(str(error))
