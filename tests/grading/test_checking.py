"""Verdicts on responses: right, wrong or not known, whatever a response holds and however its check ends."""

import importlib.util
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.grading import pool as pools
from sgram.grading.checking import AnswerChecker, describe_unjudged
from sgram.grading.outcome import TaskOutcome
from sgram.grading.pool import PoolConfig, WorkerPool

pytestmark = pytest.mark.skipif(importlib.util.find_spec("math_verify") is None, reason="needs sgram[train]")
HANGS = "\\boxed{9^{9^{9^9}}}"


@pytest.fixture(scope="module")
def checker():
    """One worker for all tests that do not harm it."""
    answer_checker = AnswerChecker(config=PoolConfig(workers=1, seconds=60.0))
    yield answer_checker
    answer_checker.close()


def outcomes_of(checker, *pairs):
    return checker.judge([reference for reference, _ in pairs], [response for _, response in pairs])


@pytest.mark.parametrize(
    ("reference", "response", "correct", "answer"),
    [
        ("18", "so \\boxed{18}", True, "18"),
        ("18", "#### 18", True, "18"),
        ("18", "<answer>18.</answer>", True, "18"),
        ("18", "I get 12 + 6 = 18. Let me know!", True, "18"),
        ("18", "\\boxed{18 dollars}", True, "18"),
        ("18", "\\boxed{\\$18.00}", True, "18"),
        ("1,234", "\\boxed{1234}", True, "1234"),
        ("18", "\\boxed{19.50}", False, "39/2"),
        ("4", "\\boxed{x=5}", False, "5"),
        ("4", "\\boxed{2^2}", True, "4"),
        ("x=5", "\\boxed{5}", True, "5"),
        ("x=5", "\\boxed{y=5}", False, "not 5"),  # looks like the right one where only the value is told
        ("\\frac12", "\\boxed{0.5}", True, "1/2"),
        ("70\\%", "\\boxed{0.7}", True, "7/10"),
        ("1,2,3", "\\boxed{3,2,1}", True, "{1, 2, 3}"),
        ("2x+1", "\\boxed{1+2x}", True, "2*x + 1"),
        ("2x+1", "\\boxed{1+3x}", False, "3*x + 1"),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "\\boxed{(3, \\pi/2)}", True, "(3, pi/2)"),
        ("Evelyn", "\\boxed{\\text{evelyn}}", True, "evelyn"),
        ("Evelyn", "\\boxed{levyEn}", False, "levyen"),  # not a product of letters
        ("\\text{odd}", "\\boxed{odd}", True, "odd"),
        ("11:30", "\\boxed{11:30}", True, "11/30"),
        ("18", "\\boxed{Jean\\text{ is }18\\text{ years old}.}", True, "18"),
        ("18", "\\boxed{\\text{18 or 20}}", False, "18,20"),  # two numbers are no number
        ("8", "So the pens cost **\\$8.00**.", True, "8"),
        ("8", "**8**.", True, "8"),
        ("2/3", "The share is $\\frac{2}{3}$.", True, "2/3"),
        ("5", "There are 5 + 4 = 9 of them.", False, "9"),
        ("E_{1},E_{2}", "\\boxed{E_{1},E_{2}}", True, "E_{1},E_{2}"),
    ],
)
def test_answers_are_compared_as_mathematics(checker, reference, response, correct, answer):
    assert outcomes_of(checker, (reference, response)) == [TaskOutcome(float(correct), correct, answer)]


@pytest.mark.parametrize("response", ["", "no idea", "\\boxed{}", "\\boxed{" * 1000, "7" * 10_000_000])
def test_a_response_without_an_answer_is_wrong_in_form(checker, response):
    assert outcomes_of(checker, ("4", response)) == [TaskOutcome(0.0, False, None, "format")]


def test_an_answer_is_found_in_a_long_response(checker):
    assert outcomes_of(checker, ("4", "x" * 10_000_000 + "\\boxed{4}"))[0].correct


def test_where_marks_are_demanded_the_end_of_a_response_is_no_answer(checker):
    strict = AnswerChecker(marked_only=True, config=checker.config)
    strict.pool = checker.pool
    assert outcomes_of(strict, ("4", "it is 4"), ("4", "\\boxed{4}")) == [
        TaskOutcome(0.0, False, None, "format"),
        TaskOutcome(1.0, True, "4"),
    ]


def test_all_correct_answers_are_one_string_and_no_wrong_one_is(checker):
    written = ["0.5", "\\frac{1}{2}", "1/2", "\\frac{2}{4}", "50\\%"]
    right = outcomes_of(checker, *(("1/2", f"\\boxed{{{spelling}}}") for spelling in written))
    assert {outcome.answer for outcome in right} == {"1/2"}
    wrong = outcomes_of(checker, *(("2/3", f"\\boxed{{{spelling}}}") for spelling in written))
    assert {(outcome.correct, outcome.answer) for outcome in wrong} == {(False, "1/2")}


def test_a_reference_that_cannot_be_compared_gives_no_reward(checker):
    assert outcomes_of(checker, ("", "\\boxed{4}")) == [TaskOutcome(None, None)]
    assert "1 failed" in describe_unjudged(checker.pool)
    assert "the reference cannot be read as mathematics" in describe_unjudged(checker.pool)
    assert outcomes_of(checker, ("4:30p..", "\\boxed{5}"), ("\\frac{}{2}", "5")) == [TaskOutcome(None, None)] * 2


def test_nothing_is_asked_twice_and_order_is_kept(checker):
    numbers = [3, 1, 2, 1, 3, 5] * 4
    before = checker.pool.report.n_questions - checker.pool.report.n_repeated
    outcomes = outcomes_of(checker, *(("31", f"\\boxed{{{number}0}}") for number in numbers))
    assert [outcome.answer for outcome in outcomes] == [f"{number}0" for number in numbers]
    assert checker.pool.report.n_questions - checker.pool.report.n_repeated - before == 4


def test_a_check_that_hangs_is_killed_and_the_others_are_judged():
    checker = AnswerChecker(config=PoolConfig(workers=1, seconds=2.0))
    try:
        outcomes = outcomes_of(checker, ("4", "\\boxed{4}"), ("4", HANGS), ("4", "\\boxed{5}"), ("4", HANGS))
        assert outcomes == [
            TaskOutcome(1.0, True, "4"),
            TaskOutcome(None, None),
            TaskOutcome(0.0, False, "5"),
            TaskOutcome(None, None),
        ]
        assert (checker.pool.report.n_killed, checker.pool.report.n_failed, checker.pool.report.n_starts) == (1, 0, 2)
        sentence = describe_unjudged(checker.pool)
        assert sentence.startswith(
            "of 3 checks 1 were killed after 2 s; they give no reward; the first: the check took"
        )
        assert "9^{9^{9^9}}" in sentence
    finally:
        checker.close()


def test_workers_side_by_side_reply_as_one_does(checker):
    """From a thread, with other threads alive; one worker dies on the way."""
    side_by_side = AnswerChecker(config=PoolConfig(workers=2, seconds=60.0))
    pairs = [("12", f"\\boxed{{{number}}}") for number in range(40)]
    outcomes = []
    try:
        outcomes_of(side_by_side, *(("7", f"\\boxed{{{number}}}") for number in range(16)))
        processes = [worker._process.popen for worker in side_by_side.pool._workers]
        assert len(processes) == 2
        processes[0].kill()  # between two batches: no check is lost
        processes[0].wait()
        thread = threading.Thread(target=lambda: outcomes.extend(outcomes_of(side_by_side, *pairs)))
        thread.start()
        thread.join()
        assert outcomes == outcomes_of(checker, *pairs)
        assert [outcome.correct for outcome in outcomes] == [number == 12 for number in range(40)]
        assert side_by_side.pool.report.n_starts == 3
        assert describe_unjudged(side_by_side.pool) == ""
        processes = [worker._process.popen for worker in side_by_side.pool._workers]
    finally:
        side_by_side.close()
        side_by_side.close()
    assert all(process.returncode is not None for process in processes)  # taken off the system's list, no zombie
    assert all(process.stdin.closed and process.stdout.closed for process in processes)


_ASKS = (
    "import sys, time\n"
    "from sgram.grading.checking import AnswerChecker\n"
    "checker = AnswerChecker()\n"
    "print(checker.judge(['4'], ['\\\\boxed{4}'])[0].reward, checker.pool._workers[0]._process.popen.pid, flush=True)\n"
    "time.sleep(float(sys.argv[1]))\n"
)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up under /proc")
@pytest.mark.parametrize("killed", [False, True])
def test_no_worker_outlives_the_process_that_asks(killed, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(pools.__file__).parents[3])}
    parent = subprocess.Popen(
        [sys.executable, "-c", _ASKS, "600" if killed else "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    with parent:
        reward, worker = parent.stdout.readline().split()
        if killed:
            parent.kill()
    assert reward == "1.0"
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
        WorkerPool("maths", "sgram[train]").ask([{"reference": "4", "answer": "4", "marked": True}])


def test_a_worker_that_cannot_start_raises_an_error(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(SgramError, match=r"a worker that checks maths does not start within"):
        WorkerPool("maths", "sgram[train]").ask([{"reference": "4", "answer": "4", "marked": True}])


def test_invalid_limits_are_refused():
    with pytest.raises(UsageError, match=r"workers must be a number of processes >= 1 \(got 0\)"):
        PoolConfig(workers=0)
    with pytest.raises(UsageError, match=r"seconds must be a time limit > 0 \(got 0\)"):
        PoolConfig(seconds=0)
