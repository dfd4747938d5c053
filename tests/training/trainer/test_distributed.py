"""Two processes that share a batch end where one process ends that has it alone."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from sgram.traces import read_traces
from tests.builders import two_processes
from tests.builders.paths import ROOT
from tests.builders.tiny_policy import model, weights

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")


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
        codes = [process.wait(timeout=240) for process in running]
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert codes == [0, 0], "\n".join(output.read_text()[-3000:] for output in outputs)
    return folder


@pytest.mark.parametrize("case", two_processes.CASES)
def test_two_processes_learn_what_one_learns(together, tmp_path, case):
    alone = two_processes.train(case, tmp_path, 1)
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


def test_both_processes_leave_their_rollouts(together, tmp_path):
    two_processes.train("hicra", tmp_path, 1)
    files = sorted((together / "hicra" / "rollouts").iterdir())
    assert [path.name for path in files] == [
        f"step-{step:06d}.{rank:03d}.jsonl.gz" for step in (0, 1) for rank in (0, 1)
    ]
    ours = list(read_traces(sorted((tmp_path / "hicra" / "rollouts").iterdir())))
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
