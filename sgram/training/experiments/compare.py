"""Arms against controls over the same seeds and start models, with paired intervals. Knows nothing about one run.

Every arm runs with every seed from every start model (warm-up seed), for equally many steps. Two arms are compared
within each pair of (seed, warm-up seed), so that what a seed or a start model does to both does not count. Pairs that
share a start model are not independent of it: the intervals speak of runs from the start models that were used.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.statistics import LEVEL, Direction, MeanInterval, holm, t_interval
from sgram.training.experiments.arms import Arm, choose_controls
from sgram.training.experiments.matrix import Cell, Failure, Read, Run, Tell, run_matrix

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
"""What arms are compared in; the first is what a verdict is about unless it says otherwise."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """What one run came to; None where it was not measured."""

    arm: str
    seed: int
    warmup_seed: int
    steps: int
    n: int
    """Held-out samples behind `pass_at_1`."""
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
    directory: str
    """Of the run, under the root of the matrix."""

    @property
    def pair(self) -> tuple[int, int]:
        """What the run shares with those of the other arms."""
        return self.seed, self.warmup_seed


@dataclass(frozen=True, slots=True)
class Difference:
    """An arm less a control in one measure, over the pairs of runs that have it."""

    arm: str
    control: str
    measure: str
    interval: MeanInterval
    holm_p: float | None
    """The p value as it stands among all pairs of arms that are compared in this measure."""

    @property
    def verdict(self) -> Direction:
        """higher or lower where the 95 % interval excludes 0, by itself."""
        return self.interval.direction

    @property
    def holm_verdict(self) -> Direction:
        """The same where it holds up among all that was compared."""
        holds = self.holm_p is not None and self.holm_p < 1 - LEVEL
        return self.interval.direction if holds else "cannot say"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A matrix of runs and what it says; the same runs give the same comparison, in whatever order they ended."""

    arms: tuple[str, ...]
    controls: tuple[str, ...]
    seeds: tuple[int, ...]
    warmup_seeds: tuple[int, ...]
    steps: int
    rows: tuple[RunRow, ...]
    differences: tuple[Difference, ...]
    failures: tuple[Failure, ...]
    results: Mapping[str, tuple["RunResult", ...]]
    """The runs of each arm, for who draws them."""

    def difference(self, arm: str, control: str, measure: str = "pass_at_1") -> Difference:
        """One of `differences`."""
        wanted = (arm, control, measure)
        return next(each for each in self.differences if (each.arm, each.control, each.measure) == wanted)


def compare(
    config: "RunConfig",
    arms: Sequence[Arm],
    seeds: Sequence[int],
    warmup_seeds: Sequence[int],
    root: Path,
    *,
    jobs: int = 1,
    controls: Sequence[str] | None = None,
    tell: Tell = lambda event: None,
    run: Run | None = None,
    read: Read | None = None,
    command: Sequence[str] | None = None,
) -> Comparison:
    """Run every arm with every seed and warm-up seed, `jobs` runs at once, and compare them.

    Runs lie in directories of their own under `root`; finished ones are only read. `controls` are names of arms: by
    default those whose methods are controls, or else the first arm. A failing run is told in `failures`, and its pair
    is left out where its arm is compared. `UsageError` for seeds given twice or two arms that are the same run.
    `tell`, `run`, `read` and `command` are as in `run_matrix`; by default runs are those of `sgram.training.experiments.run`.
    """
    if jobs < 1:
        raise UsageError(f"--jobs takes a number from 1, not {jobs}")
    chosen = choose_controls(arms, controls)
    cells = matrix_cells(config, arms, seeds, warmup_seeds)
    if run is None:
        from sgram.training.experiments.run import finished as read
        from sgram.training.experiments.run import train as run
    outcomes = run_matrix(cells, Path(root), run=run, read=read, jobs=jobs, tell=tell, command=command)
    return summarize(arms, chosen, cells, outcomes, Path(root))


def matrix_cells(
    config: "RunConfig", arms: Sequence[Arm], seeds: Sequence[int], warmup_seeds: Sequence[int]
) -> list[Cell]:
    """The runs of a matrix, by seed, warm-up seed and arm: all arms of one pair before the next pair."""
    if not arms:
        raise UsageError("a comparison needs at least one arm")
    for name, given in (("seeds", seeds), ("warm-up seeds", warmup_seeds)):
        if not given or len(set(given)) < len(given) or min(given) < 0:
            raise UsageError(f"{name} are different whole numbers from 0, not {', '.join(map(str, given)) or 'none'}")
    cells = []
    for seed in sorted(seeds):
        for warmup_seed in sorted(warmup_seeds):
            configs = [arm.apply(config, seed=seed, warmup_seed=warmup_seed) for arm in arms]
            for (one, first), (other, second) in combinations(zip(arms, configs, strict=True), 2):
                if first == second:
                    raise UsageError(
                        f"the arms {excerpt(one.name)} and {excerpt(other.name)} are the same run; leave one out"
                    )
            cells += [Cell(arm.name, each) for arm, each in zip(arms, configs, strict=True)]
    return cells


def summarize(
    arms: Sequence[Arm],
    controls: Sequence[Arm],
    cells: Sequence[Cell],
    outcomes: Sequence["RunResult | Failure"],
    root: Path,
) -> Comparison:
    """What came of the cells, as a comparison."""
    order = {arm.name: place for place, arm in enumerate(arms)}
    steps = cells[0].config.steps
    runs, failures = [], []
    for cell, outcome in zip(cells, outcomes, strict=True):
        if not isinstance(outcome, Failure):
            outcome = _enough(cell, outcome, steps)
        (failures if isinstance(outcome, Failure) else runs).append((cell, outcome))
    runs.sort(key=lambda pair: (order[pair[0].arm], pair[0].config.seed, pair[0].config.warmup_seed))
    failures.sort(key=lambda pair: (order[pair[0].arm], pair[0].config.seed, pair[0].config.warmup_seed))
    rows = tuple(_row(cell, result, root) for cell, result in runs)
    results = {name: tuple(result for cell, result in runs if cell.arm == name) for name in order}
    names = tuple(control.name for control in controls)
    return Comparison(
        tuple(order),
        names,
        tuple(sorted({cell.config.seed for cell in cells})),
        tuple(sorted({cell.config.warmup_seed for cell in cells})),
        steps,
        rows,
        tuple(each for measure in MEASURES for each in differences(rows, tuple(order), names, measure)),
        tuple(failure for _, failure in failures),
        results,
    )


def differences(rows: Sequence[RunRow], arms: Sequence[str], controls: Sequence[str], measure: str) -> list[Difference]:
    """Every arm less every control in one measure, over the pairs of (seed, warm-up seed) that both have it for.

    Between two controls there are two differences, one the other turned round; Holm's correction counts them once.
    """
    values: dict[str, dict[tuple[int, int], float]] = {arm: {} for arm in arms}
    for row in sorted(rows, key=lambda row: row.pair):
        if (value := getattr(row, measure)) is not None:
            values[row.arm][row.pair] = value
    found: dict[tuple[str, str], MeanInterval] = {}
    for control in controls:
        for arm in arms:
            if arm != control:
                shared = [pair for pair in values[arm] if pair in values[control]]
                found[arm, control] = t_interval([values[arm][pair] - values[control][pair] for pair in shared])
    once = {frozenset(pair): interval.p for pair, interval in found.items()}
    adjusted = dict(zip(once, holm(list(once.values())), strict=True))
    return [
        Difference(arm, control, measure, interval, adjusted[frozenset((arm, control))])
        for (arm, control), interval in found.items()
    ]


def _enough(cell: Cell, result: "RunResult", steps: int) -> "RunResult | Failure":
    """The result, if its run made all of its steps."""
    made = max((row["step"] for row in result.steps), default=0)
    if made == steps:
        return result
    return Failure(**cell.labels, message=f"made {made} of {steps} steps, so it cannot stand beside the others")


def _row(cell: Cell, result: "RunResult", root: Path) -> RunRow:
    final, place = result.final, Path(result.directory)
    return RunRow(
        **cell.labels,
        steps=cell.config.steps,
        n=final.n,
        start=result.start.pass_at_1,
        pass_at_1=final.pass_at_1,
        accuracy=mean_of(row.get("pass_at_1") for row in result.steps),
        **{kind: final.errors.get(kind) for kind in ("strategic", "procedural", "format")},
        planning_entropy=final.planning_entropy,
        execution_entropy=final.execution_entropy,
        semantic_entropy=final.semantic_entropy,
        length=final.length,
        directory=str(place.relative_to(root)) if place.is_relative_to(root) else place.name,
    )


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean of those that are known, None where none is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
