"""Compare arms with controls over the same seeds and start models, with paired intervals.

Every arm runs with every seed from every start model (warm-up seed), for equally many steps. Two arms are compared
within each pair of (seed, warm-up seed), which removes what a seed or a start model does to both. Pairs with one seed
or one start model are not independent of each other: where there are several of both, intervals are
`crossed_interval`s.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.frames import Backend, CellKind, build_frame, interval_columns
from sgram.statistics import LEVEL, Direction, MeanInterval, holm, pair_interval
from sgram.training.experiments.arms import Arm, choose_controls
from sgram.training.experiments.matrix import Cell, Failure, ReadFunction, RunFunction, run_matrix
from sgram.training.experiments.step_log import ProgressCallback

if TYPE_CHECKING:
    from sgram.training.experiments.run import RunResult
    from sgram.training.experiments.run_config import RunConfig

MEASURES = {
    "pass_at_1": "pass@1 at the end, held-out problems",
    "accuracy": "accuracy on the sampled problems, mean of all steps",
    "strategic": "share of responses with a strategic error, at the end",
    "procedural": "share of responses with a procedural error, at the end",
    "format": "share of responses with an error of form, at the end",
    "planning_entropy": "token entropy on planning tokens at the end, nats",
    "execution_entropy": "token entropy on execution tokens at the end, nats",
    "semantic_entropy": "semantic entropy at the end, nats",
    "length": "tokens a response, at the end",
}
"""Measure of a run -> its title. The first one is the default measure of a difference."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """Measurements of one run; None if a measure is missing."""

    arm: str
    seed: int
    warmup_seed: int
    steps: int
    n: int
    """Held-out samples of `pass_at_1`."""
    start: float | None
    """pass@1 before the first step."""
    pass_at_1: float | None
    accuracy: float | None
    strategic: float | None
    procedural: float | None
    format: float | None
    planning_entropy: float | None
    execution_entropy: float | None
    semantic_entropy: float | None
    length: float | None
    mask: str
    """Kind of the planning mask, by which planning and execution tokens are told apart."""
    scorer: str
    """Digest of the sentence scorer; empty if the mask needs none."""
    directory: str
    """Directory of the run, relative to the root of the matrix."""

    @property
    def pair(self) -> tuple[int, int]:
        """Seed and warm-up seed, by which the runs of different arms are paired."""
        return self.seed, self.warmup_seed


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm less a control in one measure, over the pairs of runs that both have."""

    arm: str
    control: str
    measure: str
    interval: MeanInterval
    holm_p: float | None
    """Holm's p-value among all pairs of arms that are compared in this measure."""

    @property
    def verdict(self) -> Direction:
        """The side of 0 on which this 95 % interval lies, by itself."""
        return self.interval.direction

    @property
    def holm_verdict(self) -> Direction:
        """`verdict`, if it holds after Holm's correction for all comparisons in this measure."""
        is_significant = self.holm_p is not None and self.holm_p < 1 - LEVEL
        return self.interval.direction if is_significant else "cannot say"


_DIFFERENCE_COLUMNS: dict[str, CellKind] = {
    **dict.fromkeys(("arm", "control", "measure"), "text"),
    "pairs": "offset",
    **interval_columns("difference"),
    "p": "number",
    "holm_p": "number",
    "verdict": "text",
    "holm_verdict": "text",
}
_RUN_COLUMNS: dict[str, CellKind] = {
    "arm": "text",
    **dict.fromkeys(("seed", "warmup_seed", "steps", "n"), "offset"),
    **dict.fromkeys(("start", *MEASURES), "number"),
    **dict.fromkeys(("mask", "scorer", "directory"), "text"),
}


@dataclass(frozen=True, slots=True, repr=False)
class ArmComparison:
    """A matrix of runs and their paired differences. The order in which runs end does not matter."""

    arms: tuple[str, ...]
    controls: tuple[str, ...]
    seeds: tuple[int, ...]
    warmup_seeds: tuple[int, ...]
    steps: int
    rows: tuple[RunRow, ...]
    differences: tuple[Difference, ...]
    failures: tuple[Failure, ...]
    results: Mapping[str, tuple["RunResult", ...]]
    """The runs of each arm, for figures."""

    def frame(self, name: str = "differences", backend: Backend | None = None) -> Any:
        """Return the paired differences as a data frame, or with the name "runs" one row per run.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `UsageError` for another name,
        `MissingExtraError` if the library is not installed.
        """
        if name == "runs":
            run_rows = (tuple(getattr(row, column) for column in _RUN_COLUMNS) for row in self.rows)
            return build_frame(_RUN_COLUMNS, run_rows, backend)
        if name != "differences":
            raise UsageError(f"a comparison has the tables differences and runs (got {excerpt(name, 60)!r})")
        difference_rows = (
            (
                *(difference.arm, difference.control, difference.measure, difference.interval.n),
                *(difference.interval.mean, difference.interval.low, difference.interval.high),
                *(difference.interval.p, difference.holm_p, difference.verdict, difference.holm_verdict),
            )
            for difference in self.differences
        )
        return build_frame(_DIFFERENCE_COLUMNS, difference_rows, backend)

    def __repr__(self) -> str:
        arms = excerpt(", ".join(self.arms), 160)
        return f"ArmComparison({arms}; {len(self.rows):,} runs, {len(self.failures):,} failed)"

    def difference(self, arm: str, control: str, measure: str = "pass_at_1") -> Difference:
        """Return the difference between `arm` and `control` in `measure`."""
        key = (arm, control, measure)
        return next(
            difference
            for difference in self.differences
            if (difference.arm, difference.control, difference.measure) == key
        )


def compare(
    config: "RunConfig",
    arms: Sequence[Arm],
    seeds: Sequence[int],
    warmup_seeds: Sequence[int],
    root: Path,
    *,
    jobs: int = 1,
    controls: Sequence[str] | None = None,
    on_progress: ProgressCallback = lambda event: None,
    run: RunFunction | None = None,
    read_finished: ReadFunction | None = None,
    command: Sequence[str] | None = None,
) -> ArmComparison:
    """Run every arm with every seed and warm-up seed, `jobs` runs at once, and compare them.

    Runs have their own directories under `root`; finished ones are only read. `controls` are names of arms; by default
    they are the arms whose methods are controls, or else the first arm. A failed run is listed in `failures`, and its
    pair is left out of the differences of its arm. `on_progress`, `run`, `read_finished` and `command` are as in
    `run_matrix`; by default runs are those of `sgram.training.experiments.run`. Raise `UsageError` if a seed is given
    twice or two arms are the same run.
    """
    if jobs < 1:
        raise UsageError(f"--jobs must be >= 1 (got {jobs})")
    control_arms = choose_controls(arms, controls)
    cells = matrix_cells(config, arms, seeds, warmup_seeds)
    if run is None:
        from sgram.training.experiments.run import read_finished_run, train

        run, read_finished = train, read_finished_run
    outcomes = run_matrix(
        cells, Path(root), run=run, read_finished=read_finished, jobs=jobs, on_progress=on_progress, command=command
    )
    return summarize_matrix(arms, control_arms, cells, outcomes, Path(root))


def matrix_cells(
    config: "RunConfig", arms: Sequence[Arm], seeds: Sequence[int], warmup_seeds: Sequence[int]
) -> list[Cell]:
    """Return the runs of a matrix, by seed, warm-up seed and arm: all arms of one pair before the next pair.

    Raise `UsageError` if there is no arm or seed, a seed is given twice, or two arms are the same run.
    """
    if not arms:
        raise UsageError("a comparison needs at least one arm")
    for name, numbers in (("seeds", seeds), ("warm-up seeds", warmup_seeds)):
        if not numbers or len(set(numbers)) < len(numbers) or min(numbers) < 0:
            numbers_text = ", ".join(map(str, numbers)) or "none"
            raise UsageError(f"{name} must be different integers >= 0 (got {numbers_text})")
    cells = []
    for seed in sorted(seeds):
        for warmup_seed in sorted(warmup_seeds):
            configs = [arm.apply(config, seed=seed, warmup_seed=warmup_seed) for arm in arms]
            for (arm, arm_config), (second_arm, second_config) in combinations(zip(arms, configs, strict=True), 2):
                if arm_config == second_config:
                    raise UsageError(
                        f"the arms {excerpt(arm.name)} and {excerpt(second_arm.name)} are the same run; leave one out"
                    )
            cells += [Cell(arm.name, arm_config) for arm, arm_config in zip(arms, configs, strict=True)]
    return cells


def summarize_matrix(
    arms: Sequence[Arm],
    controls: Sequence[Arm],
    cells: Sequence[Cell],
    outcomes: Sequence["RunResult | Failure"],
    root: Path,
) -> ArmComparison:
    """Return the comparison of the runs that `run_matrix` returned for `cells`."""
    arm_order = {arm.name: index for index, arm in enumerate(arms)}
    steps = cells[0].config.steps
    runs: list[tuple[Cell, RunResult]] = []
    failures: list[tuple[Cell, Failure]] = []
    for cell, outcome in zip(cells, outcomes, strict=True):
        if not isinstance(outcome, Failure):
            outcome = _fail_if_short(cell, outcome, steps)
        if isinstance(outcome, Failure):
            failures.append((cell, outcome))
        else:
            runs.append((cell, outcome))

    def sort_key(cell: Cell) -> tuple[int, int, int]:
        return arm_order[cell.arm], cell.config.seed, cell.config.warmup_seed

    runs.sort(key=lambda pair: sort_key(pair[0]))
    failures.sort(key=lambda pair: sort_key(pair[0]))
    rows = tuple(_make_row(cell, result, root) for cell, result in runs)
    control_names = tuple(control.name for control in controls)
    return ArmComparison(
        arms=tuple(arm_order),
        controls=control_names,
        seeds=tuple(sorted({cell.config.seed for cell in cells})),
        warmup_seeds=tuple(sorted({cell.config.warmup_seed for cell in cells})),
        steps=steps,
        rows=rows,
        differences=tuple(
            difference
            for measure in MEASURES
            for difference in paired_differences(rows, tuple(arm_order), control_names, measure)
        ),
        failures=tuple(failure for _, failure in failures),
        results={name: tuple(result for cell, result in runs if cell.arm == name) for name in arm_order},
    )


def paired_differences(
    rows: Sequence[RunRow], arms: Sequence[str], controls: Sequence[str], measure: str
) -> list[Difference]:
    """Return every arm less every control in one measure, over the pairs of (seed, warm-up seed) that both have.

    Two controls have two differences that are each other's negative; Holm's correction counts them once.
    """
    numbers: dict[str, dict[tuple[int, int], float]] = {arm: {} for arm in arms}
    for row in sorted(rows, key=lambda row: row.pair):
        if (number := getattr(row, measure)) is not None:
            numbers[row.arm][row.pair] = number
    intervals: dict[tuple[str, str], MeanInterval] = {}
    for control in controls:
        for arm in arms:
            if arm != control:
                pairs = [pair for pair in numbers[arm] if pair in numbers[control]]
                intervals[arm, control] = pair_interval(
                    {pair: numbers[arm][pair] - numbers[control][pair] for pair in pairs}
                )
    p_values = {frozenset(arm_pair): interval.p for arm_pair, interval in intervals.items()}
    adjusted_p_values = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return [
        Difference(arm, control, measure, interval, adjusted_p_values[frozenset((arm, control))])
        for (arm, control), interval in intervals.items()
    ]


def _fail_if_short(cell: Cell, result: "RunResult", steps: int) -> "RunResult | Failure":
    """Return the result if its run has all of its steps, else a failure."""
    n_steps = max((row["step"] for row in result.steps), default=0)
    if n_steps == steps:
        return result
    message = f"the run has {n_steps} of {steps} steps, so it cannot be compared with the other runs"
    return Failure(**cell.labels, message=message)


def _make_row(cell: Cell, result: "RunResult", root: Path) -> RunRow:
    final, directory = result.final, Path(result.directory)
    return RunRow(
        **cell.labels,
        steps=cell.config.steps,
        n=final.n,
        start=result.start.pass_at_1,
        pass_at_1=final.pass_at_1,
        accuracy=mean_or_none(row.get("pass_at_1") for row in result.steps),
        strategic=final.errors.get("strategic"),
        procedural=final.errors.get("procedural"),
        format=final.errors.get("format"),
        planning_entropy=final.planning_entropy,
        execution_entropy=final.execution_entropy,
        semantic_entropy=final.semantic_entropy,
        length=final.length,
        mask=cell.config.mask_kind,
        scorer=result.scorer or "",
        directory=str(directory.relative_to(root)) if directory.is_relative_to(root) else directory.name,
    )


def mean_or_none(numbers: Iterable[float | None]) -> float | None:
    """Return the mean of the numbers that are not None, or None if there is none.

    >>> mean_or_none([1.0, None, 2.0])
    1.5
    """
    present_numbers = [number for number in numbers if number is not None]
    return math.fsum(present_numbers) / len(present_numbers) if present_numbers else None
