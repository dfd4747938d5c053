"""The rows of metrics.jsonl and timings.jsonl: one a step, collected while a run trains and written atomically.

What depends on the clock is in timings.jsonl, so that metrics.jsonl has the same bytes after an interruption.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from sgram.files import write_bytes
from sgram.grading.outcome import ERROR_KINDS

ProgressCallback = Callable[[Mapping[str, Any]], None]
"""Function that is called with each row of a step, and with rows ``{"stage": ...}`` between steps."""

METRICS_FILE, TIMINGS_FILE = "metrics.jsonl", "timings.jsonl"
ROW_NAMES = {
    "step_time": "seconds",
    "pass@1": "pass_at_1",
    "planning/share": "planning_share",
    "planning/entropy": "entropy_planning",
    "execution/entropy": "entropy_execution",
    "completions/mean_length": "length",
    "error/strategic": "error_strategic",
    "error/procedural": "error_procedural",
    "error/format": "error_format",
}
"""Name in the trainer's log -> name in metrics.jsonl; any name that is not listed stays as it is."""


def make_row(logs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a trainer's log of one step as a row of metrics.jsonl: finite numbers only, named by `ROW_NAMES`.

    The share of an error kind that the task does not recognize is None.

    >>> make_row({"step": 3, "pass@1": 0.5, "loss": float("nan"), "note": "text", "error/format": 0.25})
    {'error_strategic': None, 'error_procedural': None, 'error_format': 0.25, 'step': 3, 'pass_at_1': 0.5}
    """
    row: dict[str, Any] = {ROW_NAMES[f"error/{kind}"]: None for kind in ERROR_KINDS}
    for name, number in logs.items():
        if isinstance(number, bool) or not isinstance(number, int | float) or number - number != 0:
            continue
        row[ROW_NAMES.get(name, name)] = number
    return row


def is_timing(name: str) -> bool:
    """Return whether a quantity depends on the clock, such as seconds and tokens per second.

    >>> [is_timing(name) for name in ("seconds", "time/masking", "train_tokens_per_second", "num_tokens", "reward")]
    [True, True, True, False, False]
    """
    return name in _TIMINGS or name.startswith(_TIMING_PREFIXES) or name.endswith(_TIMING_SUFFIXES)


_TIMINGS = ("seconds", "step_time")
_TIMING_PREFIXES = ("time/", "profiling/")
_TIMING_SUFFIXES = ("_runtime", "_per_second", "_seconds")


class StepLog:
    """The rows of one run, in memory until `write`."""

    def __init__(self, directory: Path, on_progress: ProgressCallback) -> None:
        self._directory, self._on_progress = directory, on_progress
        self.rows: list[dict[str, Any]] = []
        self.evaluations: list[dict[str, Any]] = []
        """``{"step", "evaluation"}`` of each measurement on held-out problems during training."""

    def restore(self, history: Sequence[Mapping[str, Any]]) -> None:
        """Replace the rows by those of the trainer's log `history`, which a checkpoint holds."""
        self.rows = [make_row(logs) for logs in history if "step" in logs and "loss" in logs]
        self.evaluations = [dict(logs) for logs in history if "evaluation" in logs]

    def add(self, logs: Mapping[str, Any]) -> None:
        """Add the row of a step and report it."""
        row = make_row(logs)
        self.rows.append(row)
        self._on_progress(row)

    def write(self) -> None:
        """Write all rows atomically, to two files."""
        for file, has_timings in ((TIMINGS_FILE, True), (METRICS_FILE, False)):
            rows = [
                {name: number for name, number in row.items() if name == "step" or is_timing(name) == has_timings}
                for row in self.rows
            ]
            lines = [orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n" for row in rows]
            write_bytes(self._directory / file, b"".join(lines))


def read_steps(directory: Path) -> tuple[dict[str, Any], ...]:
    """Return the rows of a run's steps, with their timings if there are any.

    Raise `OSError`, `ValueError`, `KeyError` or `TypeError` if a file cannot be read.
    """
    rows = _read_rows(directory / METRICS_FILE)
    timings = _read_rows(directory / TIMINGS_FILE) if (directory / TIMINGS_FILE).exists() else []
    timings_by_step = {row["step"]: row for row in timings}
    return tuple({**timings_by_step.get(row["step"], {}), **row} for row in rows)


def _read_rows(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]
