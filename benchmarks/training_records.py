"""Records of the runs of a comparison: what its tables and figures need of a run, one JSON line each.

The records are committed, so that tables can be made again, and further runs added, without the runs' directories.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training_design import PlannedRun

from sgram.files import write_bytes

if TYPE_CHECKING:
    from sgram.training.experiments.run import RunResult

BLOCK = 10
"""Steps of a mean in `RunRecord.series`, and of the trailing mean that reaches a level."""
SERIES = {
    "testbed/right_method": "right_method",
    "testbed/right_execution": "right_execution",
    "entropy_planning": "planning_entropy",
    "entropy_execution": "execution_entropy",
    "semantic_entropy": "semantic_entropy",
    "length": "length",
}
"""Name in `metrics.jsonl` -> name in a record. pass@k and maj@k keep their names."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One finished run."""

    arm: str
    rate: float
    seed: int
    start: int
    accuracy: tuple[float, ...]
    """Share of right responses by step."""
    series: Mapping[str, tuple[float | None, ...]]
    """Means of `BLOCK` steps by name; None where no step measured it."""
    before: Mapping[str, float]
    """The start policy on held-out problems."""
    after: Mapping[str, float]
    """The trained policy on held-out problems."""
    seconds: float
    """Of all steps, as the machine was."""

    @property
    def key(self) -> tuple[str, float, int, int]:
        """What tells the run apart from the others."""
        return self.arm, self.rate, self.seed, self.start

    @property
    def pair(self) -> tuple[int, int]:
        """Seed and start model."""
        return self.seed, self.start

    @property
    def mean_of_run(self) -> float:
        """Mean accuracy of all steps."""
        return math.fsum(self.accuracy) / len(self.accuracy)

    def steps_to(self, level: float) -> int | None:
        """Return the first step at which the mean of the last `BLOCK` steps is at least `level`; None if never.

        >>> RunRecord("a", 0.1, 0, 0, (0.0,) * 10 + (1.0,) * 10, {}, {}, {}, 0.0).steps_to(0.2)
        12
        """
        for step in range(BLOCK, len(self.accuracy) + 1):
            if math.fsum(self.accuracy[step - BLOCK : step]) / BLOCK >= level - 1e-9:
                return step
        return None

    def last(self, name: str, n_blocks: int = 2) -> float | None:
        """Return the mean of the last blocks of a series, or None if one is missing."""
        blocks = self.series.get(name, ())[-n_blocks:]
        known = [block for block in blocks if block is not None]
        return math.fsum(known) / len(known) if known and len(known) == len(blocks) else None


def record_of(run: PlannedRun, result: "RunResult") -> RunRecord:
    """Return the record of a finished run."""
    rows = result.steps
    names = {**SERIES, **{name: name for name in rows[-1] if name.startswith(("pass@", "maj@"))}}
    series = {title: _block_means([row.get(name) for row in rows]) for name, title in sorted(names.items())}
    return RunRecord(
        run.arm,
        run.rate,
        run.seed,
        run.start,
        tuple(round(row["pass_at_1"], 6) for row in rows),
        series,
        _evaluation(result.start),
        _evaluation(result.final),
        round(math.fsum(row["seconds"] for row in rows), 1),
    )


def _evaluation(evaluation: Any) -> dict[str, float]:
    document = evaluation.to_json()
    measures = {name: cell for name, cell in document.items() if isinstance(cell, int | float)}
    measures |= {f"error_{kind}": share for kind, share in document["errors"].items() if share is not None}
    measures |= {name.removeprefix("testbed/"): share for name, share in document["details"].items()}
    return {name: round(number, 5) for name, number in sorted(measures.items())}


def _block_means(cells: Sequence[float | None]) -> tuple[float | None, ...]:
    means: list[float | None] = []
    for first in range(0, len(cells), BLOCK):
        known = [cell for cell in cells[first : first + BLOCK] if cell is not None]
        means.append(round(math.fsum(known) / len(known), 5) if known else None)
    return tuple(means)


def read_records(path: Path) -> dict[tuple[str, float, int, int], RunRecord]:
    """Return the records of a file by their keys; none if it does not exist."""
    if not path.exists():
        return {}
    records = (_parse(line) for line in path.read_text(encoding="utf-8").splitlines())
    return {record.key: record for record in records}


def _parse(line: str) -> RunRecord:
    document = json.loads(line)
    document["accuracy"] = tuple(document["accuracy"])
    document["series"] = {name: tuple(blocks) for name, blocks in document["series"].items()}
    return RunRecord(**document)


def write_records(path: Path, records: Iterable[RunRecord]) -> None:
    """Write records as JSON lines, sorted by their keys."""
    lines = [json.dumps(asdict(record), sort_keys=True) for record in sorted(records, key=lambda record: record.key)]
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode())
