"""A pool of worker processes that answer questions under a limit of computing time and end past it.

Questions and replies are JSON objects. A worker that ends or fails loses the question that it works on and is started
again for the next one. Equal questions are asked once. Replies come in the order of the questions and do not depend on
the number of workers, nor on how busy the machine is: the limit is CPU time, which the operating system enforces, and
what a worker does before it is ready counts for no question. No reply depends on the clock on the wall; only a worker
that sleeps instead of computing is killed after a while.
"""

import json
import os
import queue
import selectors
import signal
import subprocess
import sys
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
_LOOK_SECONDS = 5.0
"""Time between two looks at a worker that does not reply."""
_MAX_SLEEPS = 12
"""Looks in a row at which a worker sleeps and has not computed, after which it is killed."""
_MAX_BLIND_LOOKS = 720
"""The same where the system does not show what a process does."""
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
    """CPU time after which a question without a reply ends its worker."""
    start_seconds: float = 180.0
    """CPU time after which a worker that is not ready ends."""
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
    """Questions whose worker reached the time limit."""
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
        """Return the reply to each question; None if its worker reached the limit, failed or replied with a fault.

        See `ask_with_reasons`.
        """
        return [reply for reply, _ in self.ask_with_reasons(questions, seconds)]

    def ask_with_reasons(
        self, questions: Sequence[Question], seconds: float | None = None
    ) -> list[tuple[Reply | None, str]]:
        """Return (reply, "") to each question, or (None, why there is none).

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
        return [(outcomes[key].reply, outcomes[key].reason) for key in keys]

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
        self.n_questions = 0
        self.has_taken = False
        """Whether it was alive when it was asked."""
        self.was_asleep = False
        """Whether it was killed because it slept."""
        self.has_closed = False

    def read_line(self) -> bytes:
        """Return the next line that the process writes; b"" if it ends, or sleeps and is killed for that."""
        n_sleeps, last_time = 0, None
        with selectors.DefaultSelector() as selector:
            selector.register(self.stdout, selectors.EVENT_READ)
            while not selector.select(_LOOK_SECONDS):
                state = _computing_state(self.popen.pid)
                if state is None:
                    n_sleeps += 1
                else:
                    is_asleep = state[0] == "S" and state[1] == last_time
                    n_sleeps, last_time = n_sleeps + 1 if is_asleep else 0, state[1]
                if n_sleeps >= (_MAX_BLIND_LOOKS if state is None else _MAX_SLEEPS):
                    self.was_asleep = True
                    self.popen.kill()
        line = self.stdout.readline()
        self.has_closed = not line
        return line

    def wait_for_end(self) -> None:
        """Wait for a process that closed its pipe, so that its exit code says why it ended."""
        if self.has_closed:
            self.popen.wait()


def _computing_state(pid: int) -> tuple[str, str] | None:
    """Return the state of a process and the time that it has computed; None if the system does not show them."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return fields[0].decode(), f"{fields[11]!r} {fields[12]!r}"


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
        """Return the outcome of the question `line` under a limit of computing time."""
        for _ in range(2):
            process = self._process or self._start()
            is_new, process.n_questions = process.n_questions == 0, process.n_questions + 1
            reply = self._read_reply(process, b"%r %s" % (float(seconds), line))
            if reply is not None and "fault" in reply:
                if reply["fault"].startswith("MemoryError") and not is_new:
                    self.stop()  # what earlier questions left in memory must not decide
                    continue
                return _Outcome(None, reply["fault"])
            if reply is not None:
                return _Outcome(reply)
            was_asleep, exit_code = process.was_asleep, self.stop()
            if was_asleep:
                return _Outcome(None, "the check waits for something instead of computing", is_killed=True)
            if exit_code == -signal.SIGPROF:
                return _Outcome(None, f"the check took longer than {seconds:g} s of CPU time", is_killed=True)
            if is_new or process.has_taken:
                return _Outcome(None, "the worker ended while it checked")
        raise SgramError(f"a worker that checks {self._kind} ends before it is asked; is there memory left?")

    def _read_reply(self, process: _Process, line: bytes) -> Reply | None:
        """Return the reply to a line; None if the process ends without one."""
        process.has_taken = False
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            process.has_taken = process.popen.poll() is None
            reply: Reply = json.loads(process.read_line())
        except (OSError, ValueError):
            return None
        return reply

    def _start(self) -> _Process:
        """Start the process and wait until it is ready."""
        config = self._config
        self.n_starts += 1
        limits = [str(float(config.start_seconds)), str(config.memory)]
        process = _Process([sys.executable, "-P", "-B", "-m", "sgram.grading.worker", self._kind, *limits])
        self._process = process
        self._end = weakref.finalize(self, _end_process, process, os.getpid())
        try:
            greeting = json.loads(process.read_line() or b"{}")
        except ValueError:
            greeting = {}
        if greeting.get("ready"):
            return process
        self.stop()
        if "missing" in greeting:
            reason = excerpt(greeting["missing"])
            raise MissingExtraError(f"checking answers needs more ({reason}): pip install '{self._extra}'")
        raise SgramError(
            f"a worker that checks {self._kind} does not start within {config.start_seconds:g} s of CPU time and "
            f"{config.memory >> 20} MiB; is there memory left?"
        )

    def stop(self) -> int | None:
        """End the process, if there is one, and return its exit code."""
        process = self._process
        if process is not None:
            process.wait_for_end()
        if self._end is not None:
            self._end()
        self._process = self._end = None
        return None if process is None else process.popen.returncode


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


def describe_unjudged(pool: WorkerPool) -> str:
    """Return a sentence on the questions without a reply; "" if all have one.

    >>> pool = WorkerPool("maths", "sgram[train]")
    >>> pool.report.n_questions, pool.report.n_failed, pool.report.first_failure = 3, 1, "no memory"
    >>> describe_unjudged(pool)
    'of 3 checks 1 failed; they give no reward; the first: no memory'
    """
    report = pool.report
    if not report.n_killed + report.n_failed:
        return ""
    failures = []
    if report.n_killed:
        failures.append(f"{report.n_killed:,} reached the limit of {pool.config.seconds:g} s of CPU time")
    if report.n_failed:
        failures.append(f"{report.n_failed:,} failed")
    n_checks = report.n_questions - report.n_repeated
    return f"of {n_checks:,} checks {' and '.join(failures)}; they give no reward; the first: {report.first_failure}"
