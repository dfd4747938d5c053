"""The rows of metrics.jsonl: one a step, collected while a run trains and written atomically."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from sgram.files import write_bytes
from sgram.grading.outcome import ERROR_KINDS

ProgressCallback = Callable[[Mapping[str, Any]], None]
"""Function that is called with each row of a step, and with rows ``{"stage": ...}`` between steps."""

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


class StepLog:
    """The rows of one run, in memory until `write`."""

    def __init__(self, directory: Path, on_progress: ProgressCallback) -> None:
        self._path, self._on_progress = directory / "metrics.jsonl", on_progress
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
        """Write all rows atomically."""
        write_bytes(self._path, b"".join(orjson.dumps(row, option=orjson.OPT_SORT_KEYS) + b"\n" for row in self.rows))
