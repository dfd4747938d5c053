"""A pool of worker processes that answer questions under a time limit and are killed past it.

Questions and replies are JSON objects. A worker that is killed or fails loses the question that it works on and is
started again for the next one. Equal questions are asked once. Replies come in the order of the questions and do not
depend on the number of workers.
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
from typing import IO, Any

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.files import excerpt

Question = Mapping[str, Any]
Reply = Mapping[str, Any]
_MAX_CACHED = 1 << 16
_MIN_QUESTIONS_PER_WORKER = 8
"""Fewer questions do not start another worker, because starting one takes a second."""
_MAX_SECONDS = 60.0
"""Longest time limit of one call of `WorkerPool.ask` that a worker's own limit allows for."""
_PACKAGES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """Limits of a pool of workers. Raise `UsageError` if a limit is invalid.

    >>> PoolConfig(workers=0)
    Traceback (most recent call last):
    ...
    sgram.errors.UsageError: workers must be a number of processes >= 1 (got 0)
    """

    workers: int = 2
    """Largest number of processes."""
    seconds: float = 5.0
    """Time after which a worker that has not replied is killed."""
    start_seconds: float = 180.0
    """Time after which a worker that is not ready is killed."""
    memory: int = 1 << 30
    """Address space of a worker, in bytes."""

    def __post_init__(self) -> None:
        if type(self.workers) is not int or self.workers < 1:
            raise UsageError(f"workers must be a number of processes >= 1 (got {excerpt(str(self.workers), 40)})")
        if not _is_time_limit(self.seconds):
            raise UsageError(f"seconds must be a time limit > 0 (got {excerpt(str(self.seconds), 40)})")


def _is_time_limit(seconds: object) -> bool:
    return isinstance(seconds, int | float) and 0 < seconds < float("inf")


@dataclass(slots=True)
class PoolReport:
    """Counts of the questions asked so far."""

    n_questions: int = 0
    n_repeated: int = 0
    """Questions that had been answered before."""
    n_killed: int = 0
    """Questions whose worker was killed at the time limit."""
    n_failed: int = 0
    """Questions whose reply is a fault, or whose worker ended by itself."""
    first_failure: str = ""
    """A sentence on the first question without a reply."""
    n_starts: int = 0
    """Processes that were started."""


@dataclass(slots=True)
class _Outcome:
    """Reply to one question, or why there is none."""

    reply: Reply | None
    reason: str = ""
    is_killed: bool = False


@dataclass(slots=True, eq=False)
class WorkerPool:
    """Workers that answer questions of one `kind`, a key of `sgram.grading.worker.HANDLERS`.

    `extra` is the requirement that installs the libraries of the workers, such as ``sgram[train]``.
    """

    kind: str
    extra: str
    config: PoolConfig = field(default_factory=PoolConfig)
    report: PoolReport = field(default_factory=PoolReport)
    _cache: dict[bytes, _Outcome] = field(default_factory=dict)
    _workers: list["_Worker"] = field(default_factory=list)
    _n_earlier_starts: int = 0

    def ask(self, questions: Sequence[Question], seconds: float | None = None) -> list[Reply | None]:
        """Return the reply to each question; None if its worker was killed, failed or replied with a fault.

        `seconds` replaces the time limit of the configuration. Raise `MissingExtraError` if a library of the workers
        is not installed, `SgramError` if a worker cannot start.
        """
        limit = self.config.seconds if seconds is None else seconds
        keys = [json.dumps(dict(question), sort_keys=True).encode() for question in questions]
        new_keys = [key for key in dict.fromkeys(keys) if key not in self._cache]
        self.report.n_questions += len(keys)
        self.report.n_repeated += len(keys) - len(new_keys)
        outcomes = {key: self._cache[key] for key in keys if key in self._cache}
        for key, outcome in zip(new_keys, self._ask_workers(new_keys, limit), strict=True):
            outcomes[key] = self._cache[key] = outcome
            self._count(key, outcome)
        self.report.n_starts = self._n_earlier_starts + sum(worker.n_starts for worker in self._workers)
        while len(self._cache) > _MAX_CACHED:
            del self._cache[next(iter(self._cache))]
        return [outcomes[key].reply for key in keys]

    def _ask_workers(self, keys: Sequence[bytes], limit: float) -> list[_Outcome]:
        """Return the outcome of each question, given as a line of JSON."""
        n_workers = min(self.config.workers, -(-len(keys) // _MIN_QUESTIONS_PER_WORKER))
        while len(self._workers) < n_workers:
            self._workers.append(_Worker(self.kind, self.extra, self.config))
        if n_workers < 2:
            return [self._workers[0].ask(key, limit) for key in keys]
        free_workers: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        for worker in self._workers[:n_workers]:
            free_workers.put(worker)

        def ask_free_worker(key: bytes) -> _Outcome:
            worker = free_workers.get()
            try:
                return worker.ask(key, limit)
            finally:
                free_workers.put(worker)

        with ThreadPoolExecutor(n_workers) as threads:
            return list(threads.map(ask_free_worker, keys))

    def _count(self, key: bytes, outcome: _Outcome) -> None:
        if outcome.reply is None:
            self.report.n_killed += outcome.is_killed
            self.report.n_failed += not outcome.is_killed
            self.report.first_failure = self.report.first_failure or f"{outcome.reason} ({excerpt(key, 160)})"

    def close(self) -> None:
        """End the workers. A later question starts new ones."""
        for worker in self._workers:
            worker.stop()
        self._n_earlier_starts = self.report.n_starts
        self._workers.clear()


class _Process:
    """A running worker process, its pipes, and the function that ends it."""

    def __init__(self, command: Sequence[str]):
        self.popen = subprocess.Popen(  # noqa: S603  our own interpreter; nothing of the input is in the command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
        )
        self.stdin, self.stdout = _pipe(self.popen.stdin), _pipe(self.popen.stdout)


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """Return a stream that Popen opened, because it was started with pipes."""
    if stream is None:
        raise ValueError("the process was started without a pipe")
    return stream


class _Worker:
    """One process, started when it is first asked."""

    def __init__(self, kind: str, extra: str, config: PoolConfig):
        self._kind, self._extra, self._config, self.n_starts = kind, extra, config, 0
        self._process: _Process | None = None
        self._end: weakref.finalize[[_Process, int], _Worker] | None = None

    def ask(self, line: bytes, seconds: float) -> _Outcome:
        """Return the outcome of the question `line` under a time limit."""
        for _ in range(2):
            process = self._process or self._start()
            reply, is_late = self._read_reply(process, line, seconds)
            if reply is not None:
                return _Outcome(None, reply["fault"]) if "fault" in reply else _Outcome(reply)
            was_alive = is_late is not None
            self.stop()
            if is_late:
                return _Outcome(None, f"the check took longer than {seconds:g} s", is_killed=True)
            if was_alive:
                return _Outcome(None, "the worker ended while it checked")
        raise SgramError(f"a worker that checks {self._kind} ends before it is asked; is there memory left?")

    def _read_reply(self, process: _Process, line: bytes, seconds: float) -> tuple[Reply | None, bool | None]:
        """Return (reply, whether the process was killed for being late).

        The reply is None if there is none. The flag is None if the process had ended before it was asked.
        """
        is_late = threading.Event()

        def kill() -> None:
            is_late.set()
            process.popen.kill()

        timer = threading.Timer(seconds, kill)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            return None, is_late.is_set() or None
        finally:
            timer.cancel()
            timer.join()
        if is_late.is_set():  # perhaps with its reply on the way: a process that was killed is not asked again
            return None, True
        try:
            return json.loads(answer), False
        except ValueError:
            return None, False

    def _start(self) -> _Process:
        """Start the process and wait until it is ready."""
        config = self._config
        self.n_starts += 1
        module, seconds = "sgram.grading.worker", 2 * max(config.seconds, _MAX_SECONDS)
        process = _Process([sys.executable, "-P", "-B", "-m", module, self._kind, str(seconds), str(config.memory)])
        self._process = process
        self._end = weakref.finalize(self, _end_process, process, os.getpid())
        timer = threading.Timer(config.start_seconds, process.popen.kill)
        timer.daemon = True
        timer.start()
        try:
            greeting = json.loads(process.stdout.readline() or b"{}")
        except ValueError:
            greeting = {}
        finally:
            timer.cancel()
        if greeting.get("ready"):
            return process
        self.stop()
        if "missing" in greeting:
            reason = excerpt(greeting["missing"])
            raise MissingExtraError(f"checking answers needs more ({reason}): pip install '{self._extra}'")
        raise SgramError(
            f"a worker that checks {self._kind} does not start within {config.start_seconds:g} s and "
            f"{config.memory >> 20} MiB; is there memory left?"
        )

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._end is not None:
            self._end()
        self._process = self._end = None


def _end_process(process: _Process, owner: int) -> None:
    """Kill `process` and collect its exit code, so that no zombie is left. A fork of its owner does nothing."""
    if os.getpid() != owner:
        return
    process.popen.kill()
    process.popen.wait()
    for stream in (process.stdin, process.stdout):
        try:
            stream.close()
        except OSError:
            continue  # nobody reads the bytes that were not yet written


def _environment() -> dict[str, str]:
    """Return this process's environment, in which workers find sgram, sets have one order, libraries use one thread."""
    paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"}
