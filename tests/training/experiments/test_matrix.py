"""Runs one after the other and at once: resuming, failing, ending. A few lines of Python stand in for a run."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sgram.training.experiments.matrix import Cell, Failure, run_matrix
from tests.builders.paths import ROOT
from tests.builders.run_examples import config, result

# reads its configuration, notes when it runs, tells two steps, leaves a file; some seeds fail
STAND_IN = """
import json, os, sys, time
from pathlib import Path
config, root = json.load(sys.stdin), Path(sys.argv[-1])
name = f"{config['method']}-{config['seed']}-{config['warmup_seed']}"
(root / f"{name}.pid").write_text(str(os.getpid()))
(root / f"{name}.threads").write_text(os.environ["OMP_NUM_THREADS"])
def say(told): print(json.dumps(told), flush=True)
print("a library talks", file=sys.stderr)
if config["seed"] == 7:
    print("a library that prints where rows go")
    say({"failed": "the loss is not finite"})
    sys.exit(3)
if config["seed"] == 8:
    os.kill(os.getpid(), 9)
(root / f"{name}.begun").write_text(str(time.monotonic()))
say({"row": {"stage": "warm-up", "step": 40}})
time.sleep(0.15)
say({"row": {"step": 1, "pass_at_1": 0.25}})
if config["seed"] == 9:
    time.sleep(60)
(root / f"{name}.told").write_text(str(time.monotonic()))
time.sleep(0.15)
say({"row": {"step": 2, "pass_at_1": 0.5}})
(root / f"{name}.done").write_text(str(time.monotonic()))
"""


@pytest.fixture
def command(tmp_path):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    return [sys.executable, "-S", str(script)]


def cells(*labels):
    return [Cell(arm, config(method=arm, seed=seed, warmup_seed=warmup, steps=2)) for arm, seed, warmup in labels]


def finished(config, root):
    name = f"{config.method}-{config.seed}-{config.warmup_seed}.done"
    return result(config, root) if (root / name).exists() else None


def read_only(config, root, tell):
    """What `train` does of a finished run, and of no other here."""
    finished_run = finished(config, root)
    assert finished_run is not None, "asked to run what should have been a process of its own"
    return finished_run


def moment(root, name):
    return float((root / name).read_text())


def test_runs_at_once_give_what_runs_one_after_the_other_give(tmp_path, command):
    matrix_cells = cells(("grpo", 0, 0), ("hicra", 0, 0), ("grpo", 1, 0), ("hicra", 1, 0))
    events = []
    outcomes = run_matrix(matrix_cells, tmp_path, run=read_only, jobs=3, on_progress=events.append, command=command)
    alone = run_matrix(matrix_cells, tmp_path, run=read_only)
    assert outcomes == alone  # in the order of the cells, however they ended
    assert [outcome.config for outcome in outcomes] == [outcome.config for outcome in matrix_cells]
    steps = [(event["arm"], event["seed"], event["step"]) for event in events if event["event"] == "step"]
    assert sorted(steps) == sorted((c.arm, c.config.seed, step) for c in matrix_cells for step in (1, 2))
    assert {event["stage"] for event in events if event["event"] == "stage"} == {"warm-up"}
    last = events[-1]
    assert (last["event"], last["cells"], last["steps"]) == ("finished", 4, 2)
    assert {(tmp_path / f"grpo-{seed}-0.threads").read_text() for seed in (0, 1)} == {"1"}


def test_a_start_model_is_made_by_one_run_at_a_time(tmp_path, command):
    run_matrix(cells(("grpo", 0, 0), ("hicra", 0, 0), ("grpo", 0, 1)), tmp_path, run=read_only, jobs=3, command=command)
    # hicra waits for grpo's first step, which shows that their start model is there; another start model does not
    assert moment(tmp_path, "hicra-0-0.begun") > moment(tmp_path, "grpo-0-0.begun") + 0.15
    assert moment(tmp_path, "hicra-0-0.begun") < moment(tmp_path, "hicra-0-0.done")
    assert moment(tmp_path, "grpo-0-1.begun") < moment(tmp_path, "grpo-0-0.done")


def test_finished_runs_are_only_read(tmp_path, command):
    matrix_cells = cells(("grpo", 0, 0), ("hicra", 0, 0), ("grpo", 1, 0))
    (tmp_path / "hicra-0-0.done").write_text("0")
    run_matrix(matrix_cells, tmp_path, run=read_only, read_finished=finished, jobs=2, command=command)
    assert not (tmp_path / "hicra-0-0.pid").exists()
    assert (tmp_path / "grpo-0-0.pid").exists()

    def never(config, root, tell):
        raise AssertionError("ran")

    events = []
    again = run_matrix(matrix_cells, tmp_path, run=never, read_finished=finished, on_progress=events.append)
    assert [outcome.config for outcome in again] == [outcome.config for outcome in matrix_cells]
    assert [event["event"] for event in events] == ["finished"] * 3


def test_processes_that_fail_are_told_with_what_they_said_last(tmp_path, command):
    matrix_cells = cells(("grpo", 7, 0), ("grpo", 8, 0), ("grpo", 0, 0))
    failed, killed, fine = run_matrix(matrix_cells, tmp_path, run=read_only, jobs=2, command=command)
    assert fine.config.seed == 0
    assert failed == Failure("grpo", 7, 0, "the loss is not finite", "logs/grpo.seed-7.warmup-0.log")
    assert killed.message == "its process was ended by signal 9"
    log = (tmp_path / failed.log).read_text()
    assert "a library talks\n" in log
    assert "a library that prints where rows go\n" in log


def test_a_command_that_is_not_there_or_reads_nothing_fails_like_a_run(tmp_path):
    matrix_cells = cells(("grpo", 0, 0), ("hicra", 0, 0))
    outcomes = run_matrix(
        matrix_cells, tmp_path, run=read_only, jobs=2, command=[sys.executable, "-S", "-c", "raise SystemExit(4)"]
    )
    assert {outcome.message for outcome in outcomes} == {"its process ended with code 4"}


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "zombie" not in Path(f"/proc/{pid}/status").read_text()


def wait_for(happened, seconds=20.0):
    until = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def test_an_interrupt_leaves_no_process_behind(tmp_path, command):
    matrix_cells = cells(("grpo", 9, 0), ("grpo", 9, 1))
    pids = [tmp_path / "grpo-9-0.pid", tmp_path / "grpo-9-1.pid"]

    def interrupt():
        wait_for(lambda: all((tmp_path / f"grpo-9-{warmup}.begun").exists() for warmup in (0, 1)))
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell in the background has it ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            run_matrix(matrix_cells, tmp_path, run=read_only, jobs=2, command=command)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not any(is_running(int(path.read_text())) for path in pids)


def test_an_error_of_whoever_listens_leaves_no_process_behind(tmp_path, command):
    def refuse(event):
        if event["event"] == "step":
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        run_matrix(
            cells(("grpo", 9, 0), ("grpo", 9, 1)), tmp_path, run=read_only, jobs=2, command=command, on_progress=refuse
        )
    assert not any(is_running(int(path.read_text())) for path in tmp_path.glob("*.pid"))


# -- the process of one run -----------------------------------------------------------------------------

PROCESS = """
import dataclasses, sys, types
sys.path.insert(0, {tests!r})
from tests.builders import run_examples
from sgram.errors import InputError
made = types.ModuleType("sgram.training.experiments.run")
made.RunConfig = run_examples.RunConfig
def train(config, root, tell):
    print("a library prints", flush=True)
    tell({{"step": 1, "alpha": config.alpha, "root": str(root)}})
    if config.seed == 1:
        raise InputError("no problems in x.jsonl")
    if config.seed == 2:
        raise KeyboardInterrupt
made.train = train
sys.modules["sgram.training.experiments.run"] = made
from sgram.training.experiments.run_process import main
sys.exit(main("some/root"))
"""


def process(**config):
    return subprocess.run(
        [sys.executable, "-c", PROCESS.format(tests=str(ROOT))],
        input=json.dumps(config).encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_a_process_answers_in_lines_of_json_and_nothing_else():
    ran = process(alpha=0.5, seed=0)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == b'{"row":{"alpha":0.5,"root":"some/root","step":1}}\n'
    assert b"a library prints" in ran.stderr


@pytest.mark.parametrize(("seed", "code", "answers"), [(1, 3, [["row"], ["failed"]]), (2, 130, [["row"]])])
def test_a_process_that_fails_says_so_and_ends_with_the_code_of_its_error(seed, code, answers):
    ran = process(seed=seed)
    assert ran.returncode == code
    messages = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [list(message) for message in messages] == answers
    if seed == 1:
        assert messages[1]["failed"] == "no problems in x.jsonl"
    assert b"Traceback" not in ran.stderr
