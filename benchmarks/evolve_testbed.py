"""Do the claims of Multi-Agent Evolve hold where the truth is known? Evolve beside its controls, on the testbed.

    python benchmarks/evolve_testbed.py [--arms evolve,judge=oracle,gate=none] [--seeds 0,1,2] [--steps 80] [--jobs 2]
    python benchmarks/evolve_testbed.py --collect

Every arm runs with every seed for equally many steps; `--arms` takes short names (`sgram.training.evolve.arm_names`,
by default all of them) or any settings, as in evolve:trials=4. A run that is cut off goes on where it stopped and a
finished one is only read, so the same command goes on, and one with other arms adds them: the tables hold every
finished run with these settings, and say which are missing. --collect runs nothing. `judge=random` is the first to look
at: where accuracy leaves the start under a random judge, the settings decide and not the method.

Writes evolve_testbed.md and .json beside this file: a verdict for each claim with its interval over seeds, tables by
arm; evolve_testbed.png, the curves of the main arms; evolve_testbed_arms.png, those of all arms.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from sgram.errors import UsageError
from sgram.files import pretty_json, write_bytes
from sgram.reports.figures.evolve_curves import draw_evolve_curves
from sgram.training.evolve.arm_names import ARMS, METHOD, arm_title
from sgram.training.evolve.evolve_comparison import EvolveComparison, summarize_evolve, to_json, to_markdown
from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.evolve_matrix import evolve_cells, parse_evolve_arms, run_evolve_matrix
from sgram.training.evolve.run import EvolveResult, read_finished_evolve
from sgram.training.experiments.markdown_tables import table_head, table_line
from sgram.training.experiments.matrix import Cell, Failure

HERE = Path(__file__).parent
PICTURED = (METHOD, "judge=oracle", "gate=none", "fixed-questions", "judge=random")
"""Arms of the main figure."""
REPORTED_STEPS = 10
"""A step of so many is printed while a run trains."""


def read_numbers(text: str) -> list[int]:
    """Return the numbers of 0,1,2."""
    return [int(number) for number in text.split(",")]


def read_setting(text: str) -> tuple[str, Any]:
    """Return name and value of a setting; a value that is not JSON is text."""
    name, _, setting = text.partition("=")
    try:
        return name, json.loads(setting)
    except ValueError:
        return name, setting


def print_progress(event: Mapping[str, Any]) -> None:
    """Print when a run starts, ends or fails, and some of its steps."""
    is_step = event["event"] == "step"
    if event["event"] == "stage" or (is_step and event["step"] % REPORTED_STEPS):
        return
    accuracy = event.get("solver/true_accuracy")
    detail = f" {event['step']} of {event['steps']}, accuracy {accuracy or 0:.2f}" if is_step else ""
    detail += f": {event['message']}" if "message" in event else ""
    name = f"{arm_title(event['arm'])}, seed {event['seed']}, start {event['warmup_seed']}"
    print(f"{time.strftime('%H:%M:%S')} {name}: {event['event']}{detail}", file=sys.stderr, flush=True)


def other_arms(config: EvolveConfig, chosen: Sequence[Cell], options: argparse.Namespace) -> list[Cell]:
    """Return the runs of the named arms that this call does not ask for, without those that do not fit the settings."""
    names = {cell.arm for cell in chosen}
    cells = []
    for arm in parse_evolve_arms([text for text in ARMS.values() if text not in names]):
        try:
            cells += evolve_cells(config, [arm], options.seeds, options.warmup_seeds)
        except UsageError:
            continue
    return cells


def describe(config: EvolveConfig) -> str:
    """Return the settings that decide most, in one line."""
    return (
        f"Testbed of {config.steps} steps; a step has {config.proposals} proposals with {config.trials} trial answers, "
        f"{config.questions} questions x {config.answers} answers, {config.judge_rows} judge rows; learning rate "
        f"{config.learning_rate:g}; gate {config.gate}; "
        f"{'expected scores' if config.expected_score else 'sampled scores'}; {config.eval_samples} answers and "
        f"{config.eval_proposals} proposals an evaluation."
    )


def cost_table(cells: Sequence[Cell], outcomes: Sequence[Any]) -> list[str]:
    """Return the median seconds and the median number of generations of a step, by arm."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for cell, outcome in zip(cells, outcomes, strict=True):
        if isinstance(outcome, EvolveResult):
            rows.setdefault(arm_title(cell.arm), []).extend(outcome.steps)
    lines = ["### Cost of a step, medians", "", *table_head(["arm", "seconds", "texts"])]
    for arm, steps in rows.items():
        cells_of_arm = [
            f"{median(numbers):.{decimals}f}" if (numbers := [row[name] for row in steps if name in row]) else "-"
            for name, decimals in (("seconds", 2), ("generations", 0))
        ]
        lines.append(table_line([arm, *cells_of_arm]))
    return [*lines, ""]


def write(comparison: EvolveComparison, config: EvolveConfig, costs: Sequence[str], out: Path) -> None:
    """Write tables, numbers and figures."""
    page = "\n".join(["# Multi-Agent Evolve on the testbed", "", describe(config), "", to_markdown(comparison), *costs])
    write_bytes(out / "evolve_testbed.md", page.rstrip().encode() + b"\n")
    settings = {name: setting for name, setting in config.identity().items() if name not in ("seed", "warmup_seed")}
    write_bytes(out / "evolve_testbed.json", pretty_json({"config": settings, **to_json(comparison)}))
    if not comparison.arms:
        return
    pictured = {arm: runs for arm, runs in comparison.arms.items() if arm in PICTURED}
    draw_evolve_curves(pictured or comparison.arms, out / "evolve_testbed.png")
    if len(comparison.arms) > len(pictured):
        draw_evolve_curves(comparison.arms, out / "evolve_testbed_arms.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing of the chosen arms, and write the tables of all finished runs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default=",".join(ARMS), help="short names or settings, with commas")
    parser.add_argument("--seeds", type=read_numbers, default=[0, 1, 2])
    parser.add_argument("--warmup-seeds", type=read_numbers, default=[0])
    parser.add_argument("--steps", type=int, default=EvolveConfig().steps)
    parser.add_argument(
        "--set", type=read_setting, action="append", default=[], metavar="NAME=VALUE", help="a setting of all arms"
    )
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--root", type=Path, default=HERE.parent / "reports" / "evolve_testbed")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the tables and figures")
    parser.add_argument("--collect", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    config = EvolveConfig.from_mapping({"steps": options.steps, **dict(options.set)}, "--set")
    chosen = evolve_cells(config, parse_evolve_arms(options.arms), options.seeds, options.warmup_seeds)
    if options.collect:
        outcomes: list[Any] = [read_finished_evolve(cell.config, options.root) for cell in chosen]
    else:
        outcomes = run_evolve_matrix(chosen, options.root, jobs=options.jobs, on_progress=print_progress)
    others = other_arms(config, chosen, options)
    cells = [*chosen, *others]
    all_outcomes = [*outcomes, *(read_finished_evolve(cell.config, options.root) for cell in others)]
    comparison = summarize_evolve(cells, all_outcomes, expected=tuple(ARMS))
    write(comparison, config, cost_table(cells, all_outcomes), options.out)
    print((options.out / "evolve_testbed.md").read_text(encoding="utf-8"))
    return 1 if any(isinstance(outcome, Failure) for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
