"""Many training runs, one after the other or several at once. Knows nothing about what is compared or concluded.

Every run has its own resumable directory, so a matrix that was cut off goes on where it stopped, and a finished run is
only read. Runs at once are processes of their own with one thread each (`sgram.training.experiments.run_process`): they answer in lines of
JSON, and end when this process does.
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
from typing import TYPE_CHECKING, Any

from sgram.errors import MissingExtraError, SgramError
from sgram.files import canonical_json, write_bytes

if TYPE_CHECKING:
    from sgram.training.experiments.run import RunResult
    from sgram.training.experiments.run_config import RunConfig

Run = Callable[["RunConfig", Path, Callable[[Mapping], None]], "RunResult"]
Read = Callable[["RunConfig", Path], "RunResult | None"]
Tell = Callable[[Mapping[str, Any]], None]

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}
_LOG_LINES = 400
_PATIENCE = 10.0
"""Seconds that a process has to end by itself before it is killed."""


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One run of a matrix; no other cell is equal to it."""

    arm: str
    config: "RunConfig"

    @property
    def labels(self) -> dict[str, Any]:
        """What tells the run apart from the others."""
        return {"arm": self.arm, "seed": self.config.seed, "warmup_seed": self.config.warmup_seed}

    @property
    def slug(self) -> str:
        """`labels` as the name of a file."""
        arm = re.sub(r"[^A-Za-z0-9.=-]+", "_", self.arm)
        return f"{arm}.seed-{self.config.seed}.warmup-{self.config.warmup_seed}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that did not end well."""

    arm: str
    seed: int
    warmup_seed: int
    message: str
    log: str = ""
    """Where the end of what it said lies, under the root; "" where it said nothing more."""


Outcomes = dict[Cell, "RunResult | Failure"]


def run_matrix(
    cells: Sequence[Cell],
    root: Path,
    *,
    run: Run,
    read: Read | None = None,
    jobs: int = 1,
    tell: Tell = lambda event: None,
    command: Sequence[str] | None = None,
) -> list["RunResult | Failure"]:
    """Run all `cells`, `jobs` at once; what came of each, in their order.

    One failing run does not keep the others from running. `read` gives a finished run without running it, None where
    there is none. `tell` gets a row for everything that happens: the labels of the cell, its ``cell`` number of
    ``cells``, ``event`` (started, stage, step, finished, failed), and what the run itself told. `command` starts the
    process of one run where there are several; the root follows as its last argument, the configuration on its stdin.
    """
    root, told = Path(root), _Telling(tell, {cell: place for place, cell in enumerate(cells)})
    done: Outcomes = {}
    for cell in cells:
        found = None if read is None else read(cell.config, root)
        if found is not None:
            done[cell] = found
            told(cell, "finished")
    waiting = [cell for cell in cells if cell not in done]
    if jobs == 1 or len(waiting) < 2:
        for cell in waiting:
            done[cell] = _run_here(cell, root, run, told)
    else:
        prefix = tuple(command or (sys.executable, "-m", "sgram.training.experiments.run_process"))
        _run_at_once(waiting, root, run, told, jobs, prefix, done)
    return [done[cell] for cell in cells]


@dataclass(frozen=True, slots=True)
class _Telling:
    """Rows for whoever listens."""

    tell: Tell
    places: Mapping[Cell, int]

    def __call__(self, cell: Cell, event: str, row: Mapping[str, Any] | None = None) -> None:
        event = event or ("stage" if "stage" in row else "step")
        place = {"cell": self.places[cell], "cells": len(self.places)}
        self.tell({**(row or {}), **cell.labels, **place, "steps": cell.config.steps, "event": event})


def _failed(cell: Cell, root: Path, told: _Telling, message: str, log: str) -> Failure:
    place = f"logs/{cell.slug}.log" if log.strip() else ""
    if place:
        write_bytes(root / place, log.encode("utf-8", "backslashreplace"))
    told(cell, "failed", {"message": message})
    return Failure(**cell.labels, message=message, log=place)


def _run_here(cell: Cell, root: Path, run: Run, told: _Telling) -> "RunResult | Failure":
    told(cell, "started")
    try:
        result = run(cell.config, root, lambda row: told(cell, "", row))
    except MissingExtraError:
        raise  # no run can do without
    except SgramError as error:
        return _failed(cell, root, told, str(error), "")
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        return _failed(cell, root, told, message, traceback.format_exc())
    told(cell, "finished")
    return result


# -- several at once ------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Child:
    """The process of one run; two threads read what it says into a queue, None when it has ended."""

    cell: Cell
    process: subprocess.Popen
    log: deque[str] = field(default_factory=lambda: deque(maxlen=_LOG_LINES))
    message: str = ""
    open_streams: int = 2

    @classmethod
    def start(cls, cell: Cell, root: Path, prefix: Sequence[str], said: queue.Queue) -> "_Child":
        """Start the run and hand it its configuration."""
        given = {each.name: getattr(cell.config, each.name) for each in fields(cell.config)}
        process = subprocess.Popen(  # noqa: S603  our own interpreter; nothing of the input is in the command
            [*prefix, str(root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **_ONE_THREAD},
        )
        child = cls(cell, process)
        for stream, name in ((process.stdout, "row"), (process.stderr, "log")):
            threading.Thread(target=child._listen, args=(stream, name, said), daemon=True).start()
        try:
            process.stdin.write(canonical_json(given))
            process.stdin.close()
        except BrokenPipeError:
            child.log.append("ended before it read its configuration")
        return child

    def _listen(self, stream: Any, name: str, said: queue.Queue) -> None:
        with stream:
            for line in stream:
                said.put((self, name, line.decode("utf-8", "backslashreplace")))
        said.put((self, name, None))

    def end(self) -> None:
        """End the process if it still runs, gently first."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def _ended_whatever_happens(children: list[_Child]) -> Iterator[None]:
    try:
        yield
    finally:
        for child in children:
            if child.process.poll() is None:
                child.process.terminate()  # all at once, so that they end side by side
        for child in children:
            child.end()


def _run_at_once(
    waiting: list[Cell], root: Path, run: Run, told: _Telling, jobs: int, prefix: Sequence[str], done: Outcomes
) -> None:
    said: queue.Queue = queue.Queue()
    children: list[_Child] = []
    warm: set[Any] = set()  # start models that are there already
    with _ended_whatever_happens(children):
        while waiting or children:
            while len(children) < jobs and (cell := _next(waiting, children, warm)) is not None:
                waiting.remove(cell)
                told(cell, "started")
                children.append(_Child.start(cell, root, prefix, said))
            child, stream, line = said.get()
            if line is None:
                child.open_streams -= 1
                if not child.open_streams:
                    children.remove(child)
                    done[child.cell] = _outcome(child, root, run, told)
                    if not isinstance(done[child.cell], Failure):
                        warm.add(_start_model(child.cell))
            elif stream == "log":
                child.log.append(line)
            elif (row := _row(child, line)) is not None:
                if row.get("stage") != "warm-up":
                    warm.add(_start_model(child.cell))
                told(child.cell, "", row)


def _start_model(cell: Cell) -> tuple[Any, ...]:
    return cell.config.model, cell.config.warmup_seed


def _next(waiting: Sequence[Cell], children: Sequence[_Child], warm: set[Any]) -> Cell | None:
    """The next run to start: not one that would make a start model that another is making just now."""
    making = {_start_model(child.cell) for child in children} - warm
    return next((cell for cell in waiting if _start_model(cell) not in making), None)


def _row(child: _Child, line: str) -> Mapping[str, Any] | None:
    """The metrics in a line of a run, if it holds some."""
    try:
        told = json.loads(line)
    except ValueError:
        told = None
    if isinstance(told, dict) and isinstance(told.get("row"), dict):
        return told["row"]
    if isinstance(told, dict) and isinstance(told.get("failed"), str):
        child.message = told["failed"]
    else:
        child.log.append(line)
    return None


def _outcome(child: _Child, root: Path, run: Run, told: _Telling) -> "RunResult | Failure":
    code = child.process.wait()
    log = "".join(child.log)
    if code == 0:
        result = run(child.cell.config, root, lambda row: None)  # finished: it is only read
        told(child.cell, "finished")
        return result
    if code < 0:
        message = f"its process was ended by signal {-code}"
    else:
        message = f"its process ended with code {code}"
    return _failed(child.cell, root, told, child.message or message, log)
