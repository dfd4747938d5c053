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
        codes = [each.wait(timeout=240) for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()
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
    for own, their in zip(alone.state.log_history[:-1], logs[:-1], strict=True):
        for name in own.keys() & their.keys():
            if name.startswith(("planning/", "execution/", "pass@", "semantic", "grams", "siren/", "reward")):
                assert own[name] == pytest.approx(their[name], rel=1e-3, abs=1e-5), name
                n_compared += 1
    assert n_compared >= 20
    assert own["planning/share"] > 0.05


def test_both_processes_leave_their_rollouts(together, tmp_path):
    two_processes.train("hicra", tmp_path, 1)
    files = sorted((together / "hicra" / "rollouts").iterdir())
    assert [path.name for path in files] == [
        f"step-{step:06d}.{rank:03d}.jsonl.gz" for step in (0, 1) for rank in (0, 1)
    ]
    ours = list(read_traces(sorted((tmp_path / "hicra" / "rollouts").iterdir())))
    theirs = list(read_traces(files))
    assert [(each.id, each.group, each.prompt, each.token_ids, each.reward) for each in ours] == [
        (each.id, each.group, each.prompt, each.token_ids, each.reward) for each in theirs
    ]
    shared = {each.group for each in list(read_traces(files[:1]))} & {
        each.group for each in list(read_traces(files[1:2]))
    }
    assert len(shared) == 1
    for own, their in zip(ours, theirs, strict=True):
        assert own.logprobs == pytest.approx(their.logprobs, abs=3e-5)


def test_methods_do_not_all_learn_the_same(together):
    found = [load_file(together / f"{case}.safetensors")["model.norm.weight"] for case in two_processes.CASES]
    for number, first in enumerate(found):
        for second in found[:number]:
            assert float((first - second).abs().max()) > 3e-5
