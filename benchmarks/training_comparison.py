"""Is it the planning tokens? HICRA beside its parts and controls on the hard testbed, each at its own best rate.

    python benchmarks/training_comparison.py [--jobs 2] [--minutes 60] [--seeds 0-3] [--starts 0-2] [--root DIR]
    python benchmarks/training_comparison.py --collect

1. Rates: every arm with three learning rates, on two pairs of seed and start model that are not used again; a
   fourth one if the best is at an edge.
2. Comparison: every arm at its best rate, with every seed from every start model.
3. Regularizers: the uniform entropy bonus and SIREN at three strengths, at GRPO's best rate.
4. Gradients: the cosine between the gradient with and without an arm's credit, at the start and behind GRPO's runs.

The same command adds what is missing: finished runs are read from training_comparison.jsonl beside this file, a run
that was cut off goes on at its last checkpoint under --root. More seeds (--seeds 0-11) and arms (--arms hicra_.2,ktae)
are added in the same way. --minutes starts no further run after that time. --collect runs nothing.

Writes training_comparison.jsonl (a record a run), training_comparison.md and training_comparison.png, which is copied
to docs/training.png for the README; the page says what is missing.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from gradient_cosines import missing_baseline_runs, read_cosines, update_cosines
from seed_lists import parse_seeds
from training_design import (
    ARMS,
    BASELINE,
    MORE_ARMS,
    SEEDS,
    STARTS,
    PlannedRun,
    choose_rate,
    matrix_runs,
    rate_runs,
    regularizer_runs,
)
from training_figure import draw_comparison
from training_page import page
from training_records import RunRecord, read_records, record_of, write_records

from sgram.errors import SgramError
from sgram.files import write_bytes
from sgram.training.experiments.matrix import Cell, Failure, run_matrix

HERE = Path(__file__).parent
RECORDS, PAGE, FIGURE = (HERE / f"training_comparison.{suffix}" for suffix in ("jsonl", "md", "png"))
README_FIGURE = HERE.parent / "docs" / "training.png"
COSINES = HERE / "gradient_cosines.json"
ROOT = HERE.parent / "reports" / "training_comparison"
RUNS_A_BATCH = 8
"""Runs of each job between two writes of the records."""

Records = dict[tuple[str, float, int, int], RunRecord]


def planned_runs(
    arms: Sequence[str], seeds: Sequence[int], starts: Sequence[int], records: Records
) -> list[PlannedRun]:
    """Return the runs that can be planned now: those of a comparison need the rates that were chosen."""
    means = {key: record.mean_of_run for key, record in records.items()}
    runs = rate_runs(arms, means)
    rates = {arm: rate for arm in arms if (rate := choose_rate(means, arm)) is not None}
    runs += matrix_runs(rates, seeds, starts)
    if BASELINE in rates:
        runs += regularizer_runs(rates[BASELINE])
    return runs


def train_missing(runs: Iterable[PlannedRun], records: Records, root: Path, jobs: int, end: float) -> list[Failure]:
    """Train the runs without a record, `jobs` at once, and write the records; start none after `end`."""
    from sgram.training.experiments.run import read_finished_run, train

    failures: list[Failure] = []
    missing = [run for run in runs if run.key not in records]
    size = RUNS_A_BATCH * jobs
    for first in range(0, len(missing), size):
        if time.monotonic() >= end:
            break
        batch = missing[first : first + size]
        cells = [Cell(run.arm, run.config()) for run in batch]
        outcomes = run_matrix(cells, root, run=train, read_finished=read_finished_run, jobs=jobs, on_progress=_report)
        for run, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Failure):
                failures.append(outcome)
            else:
                records[run.key] = record_of(run, outcome)
        write_records(RECORDS, records.values())
    return failures


def train_again(runs: Sequence[PlannedRun], root: Path, jobs: int) -> list[Failure]:
    """Train recorded runs whose models are needed and are not under `root`; their records stay."""
    from sgram.training.experiments.run import read_finished_run, train

    cells = [Cell(run.arm, run.config()) for run in runs]
    outcomes = run_matrix(cells, root, run=train, read_finished=read_finished_run, jobs=jobs, on_progress=_report)
    return [outcome for outcome in outcomes if isinstance(outcome, Failure)]


def collect_finished(runs: Iterable[PlannedRun], records: Records, root: Path) -> None:
    """Add the records of runs that have ended under `root`."""
    from sgram.training.experiments.run import read_finished_run

    for run in runs:
        if run.key not in records and (result := read_finished_run(run.config(), root)) is not None:
            records[run.key] = record_of(run, result)
    write_records(RECORDS, records.values())


def _report(event: Mapping[str, Any]) -> None:
    if event["event"] in ("started", "finished", "failed"):
        place = f"{event['arm']}, seed {event['seed']}, start model {event['warmup_seed']}"
        print(f"{event['event']}: {place} {event.get('message', '')}".rstrip(), file=sys.stderr, flush=True)


def parse_more_arms(text: str) -> list[str]:
    """Return names of `MORE_ARMS` in a text with underscores for spaces."""
    names = [name.replace("_", " ") for name in text.split(",")] if text else []
    for name in names:
        if name not in MORE_ARMS:
            choices = ", ".join(known.replace(" ", "_") for known in MORE_ARMS)
            raise SystemExit(f"no arm {name.replace(' ', '_')!r}; the arms that can be added are {choices}")
    return names


def main() -> int:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arms", default="", help="further arms, such as hicra_.2,correct_1,placebo_1,ktae")
    parser.add_argument("--seeds", type=parse_seeds, default=SEEDS)
    parser.add_argument("--starts", type=parse_seeds, default=STARTS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="start no run after so long")
    parser.add_argument("--root", type=Path, default=ROOT, help="directory of the runs")
    parser.add_argument("--collect", action="store_true", help="only read runs that have ended, and write the page")
    options = parser.parse_args()
    arms = [*ARMS, *parse_more_arms(options.arms)]
    records, end = read_records(RECORDS), time.monotonic() + 60 * options.minutes
    failures: list[Failure] = []
    for _ in range(3):  # rates, the rates beyond an edge, the comparison at the rates that they choose
        runs = planned_runs(arms, options.seeds, options.starts, records)
        if options.collect:
            collect_finished(runs, records, options.root)
        else:
            failures += train_missing(runs, records, options.root, options.jobs, end)
    runs = planned_runs(arms, options.seeds, options.starts, records)
    if not options.collect and time.monotonic() < end:
        cosines_of = (COSINES, records, arms, options.starts, options.root)
        failures += train_again(missing_baseline_runs(*cosines_of), options.root, options.jobs)
        update_cosines(*cosines_of)
    text = page(records, read_cosines(COSINES), arms, options.seeds, options.starts)
    write_bytes(PAGE, text.encode())
    draw_comparison(records, arms, FIGURE)
    write_bytes(README_FIGURE, FIGURE.read_bytes())
    n_missing = sum(run.key not in records for run in runs)
    print(f"{len(records)} runs, {n_missing} of those planned so far are missing", file=sys.stderr)
    for failure in failures:
        print(f"failed: {failure.arm}, seed {failure.seed}: {failure.message}", file=sys.stderr)
    return 1 if failures or n_missing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SgramError as error:
        sys.exit(str(error))
