"""Worker processes: limits of computing time, deaths, order; what they grade is in test_grader."""

import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.grading import pool as pools
from sgram.grading.grader import Grader
from sgram.grading.pool import PoolConfig, WorkerPool, describe_unjudged

pytestmark = pytest.mark.skipif(importlib.util.find_spec("math_verify") is None, reason="needs sgram[train]")
HANGS = "\\boxed{9^{9^{9^9}}}"


@pytest.fixture(scope="module")
def grader():
    """One worker for all tests that do not harm it."""
    with Grader(config=PoolConfig(workers=1, seconds=60.0)) as one_grader:
        yield one_grader


def verdicts_of(grader, *pairs):
    grades = grader.grade_many([response for _, response in pairs], [reference for reference, _ in pairs])
    return [grade.correct for grade in grades]


def formula(number):
    """A box that only math-verify can compare."""
    return f"\\boxed{{\\sqrt{{{number}^2}}}}"


def test_nothing_is_asked_twice_and_order_is_kept(grader):
    numbers = [3, 1, 2, 1, 3, 5] * 4
    before = grader.pool.report.n_questions - grader.pool.report.n_repeated
    verdicts = verdicts_of(grader, *(("2", formula(number)) for number in numbers))
    assert verdicts == [number == 2 for number in numbers]
    assert grader.pool.report.n_questions - grader.pool.report.n_repeated - before == 4


def test_numbers_letters_and_words_start_no_worker():
    with Grader() as grader:
        assert verdicts_of(grader, ("4", "\\boxed{4.0}"), ("B", "So (B)."), ("even", "It is odd.")) == [
            True,
            True,
            False,
        ]
        assert grader.pool.report.n_questions == 0


def test_a_check_that_hangs_ends_at_the_limit_of_computing_time_and_the_others_are_judged():
    with Grader(config=PoolConfig(workers=1, seconds=2.0)) as grader:
        pairs = [("4", "\\boxed{2^2}"), ("4", HANGS), ("4", "\\boxed{2^3}"), ("4", HANGS)]
        grades = grader.grade_many([response for _, response in pairs], [reference for reference, _ in pairs])
        assert [grade.correct for grade in grades] == [True, None, False, None]
        assert grades[1].why == "not compared: the check took longer than 2 s of CPU time"
        report = grader.pool.report
        assert (report.n_killed, report.n_failed, report.n_starts) == (1, 0, 2)
        sentence = describe_unjudged(grader.pool)
        assert sentence.startswith(
            "of 3 checks 1 reached the limit of 2 s of CPU time; they give no reward; the first:"
        )
        assert "9^{9^{9^9}}" in sentence


def test_a_worker_that_is_stopped_for_longer_than_its_limit_gives_the_same_verdict():
    """What a busy machine does to a process: it waits, and computes as much as ever."""
    with Grader(config=PoolConfig(workers=1, seconds=1.0)) as grader:
        verdicts_of(grader, ("4", "\\boxed{1+3}"))
        worker = grader.pool._workers[0]._process.popen
        worker.send_signal(signal.SIGSTOP)
        wakening = threading.Timer(2.5, worker.send_signal, [signal.SIGCONT])
        wakening.start()
        assert verdicts_of(grader, ("4", "\\boxed{2+2}"), ("4", "\\boxed{2+3}")) == [True, False]
        wakening.join()
        assert (grader.pool.report.n_killed, grader.pool.report.n_starts) == (0, 1)


def test_a_worker_that_sleeps_instead_of_computing_is_killed(monkeypatch):
    monkeypatch.setattr(pools, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(pools, "_MAX_SLEEPS", 3)
    monkeypatch.setattr(pools, "_MAX_BLIND_LOOKS", 3)
    process = pools._Process([sys.executable, "-c", "input()"])
    assert process.read_line() == b""
    assert process.was_asleep
    process.wait_for_end()
    process.stdin.close()
    process.stdout.close()


def test_what_earlier_questions_left_in_memory_decides_nothing(monkeypatch):
    """A worker without memory is asked again when it is new."""
    lines = iter([{"fault": "MemoryError: "}, {"correct": True, "answer": "4", "why": "", "equal_after": None}])
    with Grader(config=PoolConfig(workers=1, seconds=60.0)) as grader:
        verdicts_of(grader, ("4", "\\boxed{1+3}"))
        monkeypatch.setattr(pools._Worker, "_read_reply", lambda worker, process, line: next(lines))
        assert verdicts_of(grader, ("4", "\\boxed{2+2}")) == [True]
        assert grader.pool._workers[0].n_starts == 2


def test_workers_side_by_side_reply_as_one_does(grader):
    """From a thread, with other threads alive; one worker dies on the way."""
    pairs = [("12", formula(number)) for number in range(40)]
    verdicts = []
    with Grader(config=PoolConfig(workers=2, seconds=60.0)) as side_by_side:
        verdicts_of(side_by_side, *(("7", formula(number)) for number in range(16)))
        processes = [worker._process.popen for worker in side_by_side.pool._workers]
        assert len(processes) == 2
        processes[0].kill()  # between two batches: no check is lost
        processes[0].wait()
        thread = threading.Thread(target=lambda: verdicts.extend(verdicts_of(side_by_side, *pairs)))
        thread.start()
        thread.join()
        assert verdicts == verdicts_of(grader, *pairs) == [number == 12 for number in range(40)]
        assert side_by_side.pool.report.n_starts == 3
        assert describe_unjudged(side_by_side.pool) == ""
        processes = [worker._process.popen for worker in side_by_side.pool._workers]
        side_by_side.close()
    assert all(process.returncode is not None for process in processes)  # taken off the system's list, no zombie
    assert all(process.stdin.closed and process.stdout.closed for process in processes)


_ASKS = (
    "import sys, time\n"
    "from sgram.grading.grader import Grader\n"
    "grader = Grader()\n"
    "verdict = grader.grade_many(['\\\\boxed{2^2}'], ['4'])[0].correct\n"
    "print(verdict, grader.pool._workers[0]._process.popen.pid, flush=True)\n"
    "time.sleep(float(sys.argv[1]))\n"
)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up under /proc")
@pytest.mark.parametrize("killed", [False, True])
def test_no_worker_outlives_the_process_that_asks(killed, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(pools.__file__).parents[2])}
    parent = subprocess.Popen(
        [sys.executable, "-c", _ASKS, "600" if killed else "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    with parent:
        verdict, worker = parent.stdout.readline().split()
        if killed:
            parent.kill()
    assert verdict == "True"
    assert parent.returncode == (-9 if killed else 0)
    for _ in range(1500):
        if not _runs(worker):
            return
        time.sleep(0.02)
    pytest.fail(f"worker {worker} still runs")


def _runs(process: str) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_missing_library_raises_an_error_with_the_pip_command(monkeypatch):
    monkeypatch.setattr(pools, "_environment", lambda: {"PYTHONPATH": str(pools._PACKAGES), "PYTHONNOUSERSITE": "1"})
    monkeypatch.setattr(sys, "executable", getattr(sys, "_base_executable", sys.executable))
    if sys.executable == sys.prefix or sys.prefix == sys.base_prefix:
        pytest.skip("needs a Python outside this environment, which lacks the library")
    with pytest.raises(MissingExtraError, match=r"No module named .*: pip install 'sgram\[train\]'"):
        WorkerPool("maths", "sgram[train]").ask([{"reference": "4"}])


def test_a_worker_that_cannot_start_raises_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(SgramError, match=r"a worker that checks maths does not start within"):
        WorkerPool("maths", "sgram[train]").ask([{"reference": "4"}])


def test_invalid_limits_are_refused():
    with pytest.raises(UsageError, match=r"workers must be a number of processes >= 1 \(got 0\)"):
        PoolConfig(workers=0)
    with pytest.raises(UsageError, match=r"seconds must be a time limit > 0 \(got 0\)"):
        PoolConfig(seconds=0)
