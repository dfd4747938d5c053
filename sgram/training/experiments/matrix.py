"""Run many training runs, one after the other or several at once.

Every run has its own resumable directory, so an interrupted matrix continues where it stopped, and a finished run is
only read. Runs at once are separate processes with one thread each (`sgram.training.experiments.run_process`). They
write lines of JSON, and end when this process ends.
"""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

from sgram.errors import MissingExtraError, SgramError
from sgram.files import canonical_json, write_bytes
from sgram.training.experiments.step_log import ProgressCallback

if TYPE_CHECKING:
    from sgram.training.experiments.run import RunResult
    from sgram.training.experiments.run_config import RunConfig

RunFunction = Callable[["RunConfig", Path, ProgressCallback], "RunResult"]
"""Function that carries out a run, like `sgram.training.experiments.run.train`."""
ReadFunction = Callable[["RunConfig", Path], "RunResult | None"]
"""Function that returns a finished run, like `sgram.training.experiments.run.read_finished_run`."""

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # glibc returns freed tensors to the system at every step and maps them again: a tenth of the time of a tiny model
    "MALLOC_MMAP_THRESHOLD_": str(2**31),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}
_LOG_LINES = 400
_PATIENCE = 10.0
"""Seconds that a process has to end by itself before it is killed."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One run of a matrix. A cell is equal to itself only."""

    arm: str
    config: "RunConfig"

    @property
    def labels(self) -> dict[str, Any]:
        """Arm, seed and warm-up seed, which tell the run apart from the other runs."""
        return {"arm": self.arm, "seed": self.config.seed, "warmup_seed": self.config.warmup_seed}

    @property
    def slug(self) -> str:
        """`labels` as the name of a file."""
        arm = re.sub(r"[^A-Za-z0-9.=-]+", "_", self.arm)
        return f"{arm}.seed-{self.config.seed}.warmup-{self.config.warmup_seed}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed."""

    arm: str
    seed: int
    warmup_seed: int
    message: str
    log: str = ""
    """Path of the end of its log, relative to the root; "" if it logged nothing."""


Outcomes: TypeAlias = "dict[Cell, RunResult | Failure]"


def run_matrix(
    cells: Sequence[Cell],
    root: Path,
    *,
    run: RunFunction,
    read_finished: ReadFunction | None = None,
    jobs: int = 1,
    on_progress: ProgressCallback = lambda event: None,
    command: Sequence[str] | None = None,
) -> list["RunResult | Failure"]:
    """Run all `cells`, `jobs` at once, and return their results or failures in the order of `cells`.

    A failed run does not stop the others. `read_finished` returns a finished run without running it, or None.
    `on_progress` gets a row for each event: the labels of the cell, its ``cell`` number of ``cells``, ``event``
    (started, stage, step, finished, failed), and the row of the run itself. `command` starts the process of one run if
    there are several at once; the root is appended as its last argument, the configuration is written to its stdin.
    """
    root = Path(root)
    forwarder = _RowForwarder(on_progress, {cell: index for index, cell in enumerate(cells)})
    outcomes: Outcomes = {}
    for cell in cells:
        result = None if read_finished is None else read_finished(cell.config, root)
        if result is not None:
            outcomes[cell] = result
            forwarder.send(cell, "finished")
    pending = [cell for cell in cells if cell not in outcomes]
    if jobs == 1 or len(pending) < 2:
        for cell in pending:
            outcomes[cell] = _run_here(cell, root, run, forwarder)
    else:
        process_command = tuple(command or (sys.executable, "-m", "sgram.training.experiments.run_process"))
        _run_in_processes(pending, root, run, forwarder, jobs, process_command, outcomes)
    return [outcomes[cell] for cell in cells]


@dataclass(frozen=True, slots=True)
class _RowForwarder:
    """A forwarder of rows to `on_progress`, with the labels and numbers of their cell."""

    on_progress: ProgressCallback
    indices: Mapping[Cell, int]

    def send(self, cell: Cell, event: str, row: Mapping[str, Any] | None = None) -> None:
        numbers = {"cell": self.indices[cell], "cells": len(self.indices), "steps": cell.config.steps}
        self.on_progress({**(row or {}), **cell.labels, **numbers, "event": event})

    def send_row(self, cell: Cell, row: Mapping[str, Any]) -> None:
        """Send a row of the run itself, which belongs to a stage or to a step."""
        self.send(cell, "stage" if "stage" in row else "step", row)


def _report_failure(cell: Cell, root: Path, forwarder: _RowForwarder, message: str, log: str) -> Failure:
    """Write the log of a failed run, report the failure and return it."""
    path = f"logs/{cell.slug}.log" if log.strip() else ""
    if path:
        write_bytes(root / path, log.encode("utf-8", "backslashreplace"))
    forwarder.send(cell, "failed", {"message": message})
    return Failure(**cell.labels, message=message, log=path)


def _run_here(cell: Cell, root: Path, run: RunFunction, forwarder: _RowForwarder) -> "RunResult | Failure":
    forwarder.send(cell, "started")
    try:
        result = run(cell.config, root, lambda row: forwarder.send_row(cell, row))
    except MissingExtraError:
        raise  # every run needs the library
    except SgramError as error:
        return _report_failure(cell, root, forwarder, str(error), "")
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        return _report_failure(cell, root, forwarder, message, traceback.format_exc())
    forwarder.send(cell, "finished")
    return result


# -- several at once ------------------------------------------------------------------------------------

StreamName = Literal["row", "log"]
"""stdout of a process holds rows, stderr its log."""


@dataclass(slots=True, eq=False)
class _RunProcess:
    """The process of one run. Two threads read its output into a queue, line by line, and None at the end."""

    cell: Cell
    process: "subprocess.Popen[bytes]"
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    message: str = ""
    n_open_streams: int = 2

    @classmethod
    def start(cls, cell: Cell, root: Path, command: Sequence[str], lines: "_LineQueue") -> "_RunProcess":
        """Start the run and write its configuration to its stdin."""
        settings = {setting.name: getattr(cell.config, setting.name) for setting in fields(cell.config)}
        process = subprocess.Popen(  # noqa: S603  our own interpreter; the command holds no input
            [*command, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
        )
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
        if stdin is None or stdout is None or stderr is None:
            raise SgramError("a process was started without pipes")
        child = cls(cell, process)
        streams: tuple[tuple[IO[bytes], StreamName], ...] = ((stdout, "row"), (stderr, "log"))
        for stream, name in streams:
            threading.Thread(target=child._listen, args=(stream, name, lines), daemon=True).start()
        try:
            stdin.write(canonical_json(settings))
            stdin.close()
        except BrokenPipeError:
            child.log.append("ended before it read its configuration")
        return child

    def _listen(self, stream: IO[bytes], name: StreamName, lines: "_LineQueue") -> None:
        with stream:
            for line in stream:
                lines.put((self, name, line.decode("utf-8", "backslashreplace")))
        lines.put((self, name, None))

    def end(self) -> None:
        """End the process if it still runs: first ask it, then kill it."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


_LineQueue: TypeAlias = "queue.Queue[tuple[_RunProcess, StreamName, str | None]]"


@contextmanager
def _ending_all(children: list[_RunProcess]) -> Iterator[None]:
    """End the processes that still run when the block ends, also by an error."""
    try:
        yield
    finally:
        for child in children:
            if child.process.poll() is None:
                child.process.terminate()  # ask all of them first, so that they end side by side
        for child in children:
            child.end()


def _run_in_processes(
    pending: list[Cell],
    root: Path,
    run: RunFunction,
    forwarder: _RowForwarder,
    jobs: int,
    command: Sequence[str],
    outcomes: Outcomes,
) -> None:
    lines: _LineQueue = queue.Queue()
    children: list[_RunProcess] = []
    ready_models: set[Any] = set()  # start models that exist already
    with _ending_all(children):
        while pending or children:
            while len(children) < jobs and (cell := _next_cell(pending, children, ready_models)) is not None:
                pending.remove(cell)
                forwarder.send(cell, "started")
                children.append(_RunProcess.start(cell, root, command, lines))
            child, stream, line = lines.get()
            if line is None:
                child.n_open_streams -= 1
                if not child.n_open_streams:
                    children.remove(child)
                    outcomes[child.cell] = _finish(child, root, run, forwarder)
                    if not isinstance(outcomes[child.cell], Failure):
                        ready_models.add(_start_model(child.cell))
            elif stream == "log":
                child.log.append(line)
            elif (row := _parse_row(child, line)) is not None:
                if row.get("stage") != "warm-up":
                    ready_models.add(_start_model(child.cell))
                forwarder.send_row(child.cell, row)


def _start_model(cell: Cell) -> tuple[Any, ...]:
    return cell.config.model, cell.config.warmup_seed


def _next_cell(pending: Sequence[Cell], children: Sequence[_RunProcess], ready_models: set[Any]) -> Cell | None:
    """Return the next run to start, but none that needs a start model which another run is making."""
    models_in_work = {_start_model(child.cell) for child in children} - ready_models
    return next((cell for cell in pending if _start_model(cell) not in models_in_work), None)


def _parse_row(child: _RunProcess, line: str) -> Mapping[str, Any] | None:
    """Return the row in a line of a run, or None. A failure or any other line is stored in `child`."""
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if isinstance(message, dict) and isinstance(message.get("row"), dict):
        row: dict[str, Any] = message["row"]
        return row
    if isinstance(message, dict) and isinstance(message.get("failed"), str):
        child.message = message["failed"]
    else:
        child.log.append(line)
    return None


def _finish(child: _RunProcess, root: Path, run: RunFunction, forwarder: _RowForwarder) -> "RunResult | Failure":
    """Return the result of a process that has closed its streams, or its failure."""
    code = child.process.wait()
    log = "".join(child.log)
    if code == 0:
        result = run(child.cell.config, root, lambda row: None)  # the run is finished, so it is only read
        forwarder.send(child.cell, "finished")
        return result
    reason = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with code {code}"
    return _report_failure(child.cell, root, forwarder, child.message or reason, log)
