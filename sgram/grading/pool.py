"""A few worker processes that are asked under a time limit, and killed past it. Knows nothing about what is asked.

Questions and replies are JSON objects. A worker that is killed or breaks loses the one question it was asked and is
started again at the next. Equal questions are asked once. Replies come in the order of the questions, and the same
questions get the same replies however many workers there are.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import excerpt

Question = Mapping[str, Any]
_MOST_REMEMBERED = 1 << 16
_PER_WORKER = 8
"""Questions at least for each worker that is used: starting one takes a second."""
_LONGEST = 60.0
"""Most seconds that a question is ever given beyond a pool's own limit."""
_PACKAGES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """How workers are held."""

    workers: int = 2
    """Most processes at a time."""
    seconds: float = 5.0
    """After which a worker that has not replied is killed."""
    start_seconds: float = 180.0
    """After which a worker that is not ready is given up."""
    memory: int = 1 << 30
    """Address space of a worker, bytes."""

    def __post_init__(self) -> None:
        if type(self.workers) is not int or self.workers < 1:
            raise UsageError(f"workers is {excerpt(str(self.workers), 40)}; it is a number of processes from 1")
        if not (isinstance(self.seconds, int | float) and 0 < self.seconds < float("inf")):
            raise UsageError(f"seconds is {excerpt(str(self.seconds), 40)}; it is a time limit above 0")


@dataclass(slots=True)
class PoolReport:
    """What has been asked so far."""

    asked: int = 0
    remembered: int = 0
    """Questions that had been answered before."""
    killed: int = 0
    broken: int = 0
    """Replies that failed, and workers that ended by themselves."""
    first: str = ""
    """The first question without a reply, as a sentence."""
    starts: int = 0


@dataclass(slots=True)
class _Asked:
    """What came of one question."""

    reply: Mapping[str, Any] | None
    why: str = ""
    killed: bool = False


@dataclass(slots=True, eq=False)
class WorkerPool:
    """Workers that answer questions of one `kind`; `extra` is what pip installs the libraries they need with."""

    kind: str
    extra: str
    config: PoolConfig = field(default_factory=PoolConfig)
    report: PoolReport = field(default_factory=PoolReport)
    _known: dict[bytes, _Asked] = field(default_factory=dict)
    _workers: list["_Worker"] = field(default_factory=list)
    _starts_before: int = 0

    def ask(self, questions: Sequence[Question], seconds: float | None = None) -> list[Mapping[str, Any] | None]:
        """The reply to each question; None where the worker was killed or broke, or said that it failed.

        `seconds` is another limit than the pool's. `MissingExtraError` where what the workers need is not installed.
        """
        limit = self.config.seconds if seconds is None else seconds
        keys = [json.dumps(dict(question), sort_keys=True).encode() for question in questions]
        new = [key for key in dict.fromkeys(keys) if key not in self._known]
        self.report.asked += len(keys)
        self.report.remembered += len(keys) - len(new)
        found = {key: self._known[key] for key in keys if key in self._known}
        for key, asked in zip(new, self._ask_workers(new, limit), strict=True):
            found[key] = self._known[key] = asked
            self._count(key, asked)
        self.report.starts = self._starts_before + sum(worker.starts for worker in self._workers)
        while len(self._known) > _MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        return [found[key].reply for key in keys]

    def _ask_workers(self, keys: Sequence[bytes], limit: float) -> list[_Asked]:
        n_workers = min(self.config.workers, -(-len(keys) // _PER_WORKER))
        while len(self._workers) < n_workers:
            self._workers.append(_Worker(self.kind, self.extra, self.config))
        if n_workers < 2:
            return [self._workers[0].ask(key, limit) for key in keys]
        free: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers[:n_workers]:
            free.put(worker)

        def asked(key: bytes) -> _Asked:
            worker = free.get()
            try:
                return worker.ask(key, limit)
            finally:
                free.put(worker)

        with ThreadPoolExecutor(n_workers) as threads:
            return list(threads.map(asked, keys))

    def _count(self, key: bytes, asked: _Asked) -> None:
        if asked.reply is None:
            self.report.killed += asked.killed
            self.report.broken += not asked.killed
            self.report.first = self.report.first or f"{asked.why} ({excerpt(key, 160)})"

    def close(self) -> None:
        """End the workers; asking again starts new ones."""
        for worker in self._workers:
            worker.stop()
        self._starts_before = self.report.starts
        self._workers.clear()


class _Worker:
    """One process, started when it is first asked."""

    def __init__(self, kind: str, extra: str, config: PoolConfig):
        self._kind, self._extra, self._config, self.starts = kind, extra, config, 0
        self._process: subprocess.Popen | None = None
        self._end = None

    def ask(self, line: bytes, seconds: float) -> _Asked:
        """What the process replies to `line` within `seconds`."""
        for _ in range(2):
            process = self._process or self._start()
            told, late = self._told(process, line, seconds)
            if told is not None:
                return _Asked(None, told["fault"]) if "fault" in told else _Asked(told)
            alive_when_asked = late is not None
            self.stop()
            if late:
                return _Asked(None, f"the check took longer than {seconds:g} s", killed=True)
            if alive_when_asked:
                return _Asked(None, "the worker ended while it checked")
        raise SgramError(f"a worker that checks {self._kind} ends before it is asked; is there memory left?")

    def _told(
        self, process: subprocess.Popen, line: bytes, seconds: float
    ) -> tuple[Mapping[str, Any] | None, bool | None]:
        """(reply or None, whether it was killed for being late; None if it had ended before it was asked)."""
        late = threading.Event()

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            return None, late.is_set() or None
        finally:
            timer.cancel()
            timer.join()
        if late.is_set():  # perhaps with its reply on the way: a process that was killed is not asked again
            return None, True
        try:
            return json.loads(answer), False
        except ValueError:
            return None, False

    def _start(self) -> subprocess.Popen:
        config = self._config
        self.starts += 1
        process = subprocess.Popen(  # noqa: S603  our own interpreter; nothing of the input is in the command
            [
                sys.executable,
                "-P",
                "-B",
                "-m",
                "sgram.grading.worker",
                self._kind,
                str(2 * max(config.seconds, _LONGEST)),
                str(config.memory),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
        self._process = process
        self._end = weakref.finalize(self, _end, process, os.getpid())
        timer = threading.Timer(config.start_seconds, process.kill)
        timer.daemon = True
        timer.start()
        try:
            told = json.loads(process.stdout.readline() or b"{}")
        except ValueError:
            told = {}
        finally:
            timer.cancel()
        if told.get("ready"):
            return process
        self.stop()
        if "missing" in told:
            why = excerpt(told["missing"])
            raise MissingExtraError(f"checking answers needs more ({why}): pip install '{self._extra}'")
        raise SgramError(
            f"a worker that checks {self._kind} does not start within {config.start_seconds:g} s and "
            f"{config.memory >> 20} MiB; is there memory left?"
        )

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._end is not None:
            self._end()
        self._process = self._end = None


def _end(process: subprocess.Popen, owner: int) -> None:
    """Kill `process` and take its exit code, so that no zombie is left; a fork of its owner leaves it alone."""
    if os.getpid() != owner:
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()
        except OSError:
            continue  # what was still to be written has no reader


def _environment() -> dict[str, str]:
    """This process's environment; sgram is found where it is, sets have one order, libraries use one thread."""
    paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
