"""Two processes that share a batch, and also a model, end where one process ends that has it alone."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sgram.lexicon import Lexicon
from sgram.traces import read_traces
from sgram.training.experiments.run import read_finished_run
from sgram.training.experiments.run_config import RunConfig
from tests.builders import two_processes
from tests.builders.paths import ROOT
from tests.builders.tiny_policy import model, weights

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.timeout(600),  # the first test waits for the two processes, which a busy machine slows down
]


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder that two processes left, all cases in it."""
    folder = tmp_path_factory.mktemp("two")
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    commands = [
        [sys.executable, two_processes.__file__, str(folder), str(rank), "2", *two_processes.CASES] for rank in (0, 1)
    ]
    outputs = [folder / f"{rank}.txt" for rank in (0, 1)]
    running = []
    for command, output in zip(commands, outputs, strict=True):
        with output.open("wb") as file:
            running.append(subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT))
    try:
        codes = [process.wait(timeout=540) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert codes == [0, 0], "\n".join(output.read_text()[-3000:] for output in outputs)
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A function that returns the trainer of one process for a case; a case is trained once."""
    return cache(lambda case: two_processes.train(case, tmp_path_factory.mktemp("alone"), 1))


def logged_steps(log: list[dict]) -> list[dict]:
    return [row for row in log if "loss" in row]


@pytest.mark.parametrize("case", two_processes.CASES)
def test_two_processes_learn_what_one_learns(together, alone, case):
    alone = alone(case)
    ours, theirs, before = weights(alone), load_file(together / f"{case}.safetensors"), model().state_dict()
    assert all(torch.allclose(ours[name], value, rtol=0, atol=1e-5) for name, value in theirs.items())
    assert max(float((value - before[name]).abs().max()) for name, value in theirs.items()) > 1e-3
    logs = json.loads((together / f"{case}.json").read_bytes())
    n_compared = 0
    for ours_row, theirs_row in zip(alone.state.log_history[:-1], logs[:-1], strict=True):
        for name in ours_row.keys() & theirs_row.keys():
            if name.startswith(("planning/", "execution/", "pass@", "semantic", "grams", "siren/", "reward")):
                assert ours_row[name] == pytest.approx(theirs_row[name], rel=1e-3, abs=1e-5), name
                n_compared += 1
    assert n_compared >= 20
    assert ours_row["planning/share"] > 0.05


@pytest.mark.parametrize("case", two_processes.SHARDED)
def test_a_sharded_model_learns_what_a_whole_one_learns(together, alone, case):
    ours, theirs = weights(alone(case)), load_file(together / f"fsdp2-{case}.safetensors")
    assert theirs.keys() | {"lm_head.weight"} == ours.keys()
    assert all(torch.allclose(ours[name], weight, rtol=0, atol=1e-5) for name, weight in theirs.items())
    rows = logged_steps(json.loads((together / f"fsdp2-{case}.json").read_bytes()))
    assert len(rows) == 2
    for ours_row, theirs_row in zip(logged_steps(alone(case).state.log_history), rows, strict=True):
        assert theirs_row["loss"] == pytest.approx(ours_row["loss"], abs=1e-5)
        assert theirs_row["grad_norm"] == pytest.approx(ours_row["grad_norm"], abs=1e-5)
        assert theirs_row["grad_norm"] > 0.1


@pytest.mark.parametrize("case", two_processes.RESUMED)
def test_a_sharded_run_continues_from_its_checkpoint_as_if_it_had_not_stopped(together, case):
    # the processes themselves compare the weights of the resumed and of the whole run of two steps, and end with an
    # error if they differ; the log is the resumed run's: the row of step 1 from the checkpoint, then one of its own
    rows = logged_steps(json.loads((together / f"{case}.json").read_bytes()))
    assert [row["step"] for row in rows] == [1, 2]
    (checkpoint,) = (together / case / "resumed").glob("checkpoint-1")
    assert (checkpoint / "pytorch_model_fsdp_0").is_dir() == (case == "resumed-shards")
    assert (checkpoint / "model.safetensors").is_file() == (case == "resumed-full")


def test_a_broken_shard_of_one_process_stops_both_before_the_update_and_names_their_traces(together):
    # a step of 8 responses, 4 a process; the script compares the weights with those before
    messages = [(together / f"broken-{rank}.txt").read_text() for rank in (0, 1)]
    assert messages[0] == messages[1]
    assert messages[0].startswith("the gradient of step 1 is not finite; the weights are those before the step.")
    assert all(f"000000-0000{row}" in messages[0] for row in range(8))


def test_processes_with_a_sharded_model_sample_until_the_longest_response_ends(together):
    files = [together / "broken" / "rollouts" / f"step-000000.00{rank}.jsonl.gz" for rank in (0, 1)]
    lengths = [max(len(trace.token_ids) for trace in read_traces([file])) for file in files]
    assert lengths == [3, 12]  # the most tokens that the processes let a response have


def test_processes_with_other_lexicons_are_stopped_by_name(together):
    digests = [Lexicon.from_grams(["first", "then"][: rank + 1]).digest for rank in (0, 1)]
    for rank in (0, 1):
        message = (together / f"differing-{rank}.txt").read_text()
        assert f"the same lexicon: {digests[0]} in process 0, {digests[1]} in process 1; start them" in message


def test_processes_that_do_not_share_a_disk_are_refused(together):
    for rank in (0, 1):
        message = (together / f"disks-{rank}.txt").read_text()
        assert message.startswith(f"process 1 does not see the files that process 0 writes in {together}/disk-{rank}")
    assert list((together / "disk-0").iterdir()) == []


@pytest.mark.parametrize("kind", ["ddp", "fsdp2"])
def test_a_run_of_two_processes_leaves_one_directory_and_one_report(together, monkeypatch, kind):
    launched = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2", "ACCELERATE_USE_FSDP": str(kind == "fsdp2").lower()}
    for name, setting in launched.items():
        monkeypatch.setenv(name, setting)
    config = RunConfig(**two_processes.RUN)
    result = read_finished_run(config, together / f"{kind}-runs")
    assert [row["step"] for row in result.steps] == [1, 2]
    assert (result.start.n, result.final.n) == (8, 8)
    assert sorted(path.name for path in result.directory.iterdir()) == [
        *("curves.svg", "lexicon.json", "lock", "metrics.jsonl", "model", "result.json", "rollouts", "run.json"),
        "timings.jsonl",
    ]
    assert sorted(path.name.split("-")[0] for path in result.directory.parent.iterdir()) == ["start", "train"]
    traces = list(read_traces(sorted((result.directory / "rollouts").iterdir())))
    assert [trace.id for trace in traces] == [f"{step:06d}-{row:05d}" for step in (0, 1) for row in range(12)]
    code, report = (together / f"{kind}-run-0.txt").read_text().split(" ", 1)
    assert (code, json.loads(report)["run"]) == ("0", str(result.directory))
    assert (together / f"{kind}-run-1.txt").read_text() == "0 "


def test_two_processes_evolve_as_one_does(together, tmp_path):
    two_processes.evolve(tmp_path)
    (alone,), (pair,) = (folder.glob("evolve-????????????") for folder in (tmp_path, together / "evolve"))
    assert alone.name != pair.name, "the number of processes is part of a run's name"
    traces, expected = (
        sorted(read_traces(sorted((run / "rollouts").iterdir())), key=lambda trace: trace.id) for run in (pair, alone)
    )
    assert len(expected) == 2 * 16
    for ours, theirs in zip(traces, expected, strict=True):
        assert (ours.id, ours.prompt, ours.text, ours.reward, ours.meta) == (
            *(theirs.id, theirs.prompt, theirs.text, theirs.reward),
            theirs.meta,
        )
    assert (pair / "pools" / "questions.jsonl").read_bytes() == (alone / "pools" / "questions.jsonl").read_bytes()
    weights_of = [load_file(run / "model" / "model.safetensors") for run in (pair, alone)]
    for name, weight in weights_of[1].items():
        torch.testing.assert_close(weights_of[0][name], weight, rtol=0, atol=1e-5)


def test_copies_and_shards_of_a_model_begin_alike_and_are_saved_whole(together):
    (copies,), (shards,) = ((together / f"{kind}-runs").glob("train-*/model") for kind in ("ddp", "fsdp2"))
    ours, theirs = load_file(copies / "model.safetensors"), load_file(shards / "model.safetensors")
    assert {name: weight.shape for name, weight in ours.items()} == {
        name: weight.shape for name, weight in theirs.items()
    }
    (ours_start,), (theirs_start,) = ((together / f"{kind}-runs").glob("start-*.json") for kind in ("ddp", "fsdp2"))
    assert ours_start.read_bytes() == theirs_start.read_bytes()


def test_both_processes_leave_their_rollouts(together, alone):
    files = sorted((together / "hicra" / "rollouts").iterdir())
    assert [path.name for path in files] == [
        f"step-{step:06d}.{rank:03d}.jsonl.gz" for step in (0, 1) for rank in (0, 1)
    ]
    ours = list(read_traces(sorted(Path(alone("hicra").args.output_dir, "rollouts").iterdir())))
    theirs = list(read_traces(files))
    assert [(trace.id, trace.group, trace.prompt, trace.token_ids, trace.reward) for trace in ours] == [
        (trace.id, trace.group, trace.prompt, trace.token_ids, trace.reward) for trace in theirs
    ]
    shared = {trace.group for trace in list(read_traces(files[:1]))} & {
        trace.group for trace in list(read_traces(files[1:2]))
    }
    assert len(shared) == 1
    for ours_row, theirs_row in zip(ours, theirs, strict=True):
        assert ours_row.logprobs == pytest.approx(theirs_row.logprobs, abs=3e-5)


def test_methods_do_not_all_learn_the_same(together):
    norm_weights = [load_file(together / f"{case}.safetensors")["model.norm.weight"] for case in two_processes.CASES]
    for number, first in enumerate(norm_weights):
        for second in norm_weights[:number]:
            assert float((first - second).abs().max()) > 3e-5
