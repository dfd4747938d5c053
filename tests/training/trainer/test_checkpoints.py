"""A checkpoint is there whole or not at all, whatever happens while it is written."""

import contextlib
import errno
import os
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path
from pydoc import locate

import pytest

from sgram.errors import SgramError
from sgram.training.trainer.checkpoints import (
    STAGING,
    checkpoint_step,
    clear_staging,
    explain_disk_faults,
    latest_checkpoint,
    list_checkpoints,
    publish_checkpoint,
)
from tests.builders.tiny_policy import same, trained, trainer, weights

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")

KEEP = {"max_steps": 3, "save_strategy": "steps", "save_steps": 1, "save_total_limit": None}
PARTS = {"model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "sgram_state.json"}


def make_folders(*folders: Path) -> None:
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "part").write_text(folder.name)


def test_checkpoints_are_ordered_by_step(tmp_path):
    make_folders(
        tmp_path / "checkpoint-9",
        tmp_path / "checkpoint-10",
        tmp_path / "checkpoint-x",
        tmp_path / STAGING / "checkpoint-11",
    )
    (tmp_path / "checkpoint-12").write_text("a file")
    assert [checkpoint_step(path) for path in list_checkpoints(tmp_path)] == [9, 10]
    assert latest_checkpoint(tmp_path).name == "checkpoint-10"
    assert latest_checkpoint(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("keep", "remaining_steps"), [(1, [11]), (2, [10, 11]), (9, [9, 10, 11]), (None, [9, 10, 11]), (0, [9, 10, 11])]
)
def test_publishing_keeps_the_newest(tmp_path, keep, remaining_steps):
    make_folders(tmp_path / "checkpoint-9", tmp_path / "checkpoint-10", tmp_path / STAGING / "checkpoint-11")
    publish_checkpoint(tmp_path, keep)
    assert [checkpoint_step(path) for path in list_checkpoints(tmp_path)] == remaining_steps
    assert (tmp_path / "checkpoint-11" / "part").read_text() == "checkpoint-11"
    assert not (tmp_path / STAGING).exists()


def test_a_checkpoint_takes_the_place_of_one_of_the_same_step(tmp_path):
    make_folders(tmp_path / "checkpoint-2", tmp_path / STAGING / "checkpoint-2")
    (tmp_path / "checkpoint-2" / "old").write_text("")
    publish_checkpoint(tmp_path, 1)
    assert [path.name for path in (tmp_path / "checkpoint-2").iterdir()] == ["part"]


def test_what_a_killed_run_left_is_cleared_before_training(tmp_path):
    make_folders(tmp_path / STAGING / "checkpoint-1", tmp_path / "checkpoint-7")
    trainer(tmp_path)
    assert not (tmp_path / STAGING).exists()
    assert (tmp_path / "checkpoint-7" / "part").exists()
    clear_staging(tmp_path)  # there is nothing: no complaint


def test_other_faults_pass_through(tmp_path):
    for fault in (RuntimeError("shapes differ"), OSError(errno.ENOENT, "no such file"), KeyboardInterrupt()):
        with pytest.raises(type(fault)) as caught, explain_disk_faults(tmp_path):
            raise fault
        assert caught.value is fault


def test_rotation_keeps_the_newest_while_training(tmp_path):
    trained(tmp_path, **{**KEEP, "save_total_limit": 2})
    assert [checkpoint_step(path) for path in list_checkpoints(tmp_path)] == [2, 3]
    assert not (tmp_path / STAGING).exists()
    for path in list_checkpoints(tmp_path):
        assert {file.name for file in path.iterdir()} >= PARTS


@contextmanager
def files_up_to(size: int):
    """No file can grow beyond `size` bytes: writing one fails in its middle, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # Python ignores the signal that comes with it
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file()
    }


def full_at(step: int, limit: int, ours):
    """The trainer's checkpoint of `step` is written to a disk that is full."""
    original = ours._save_checkpoint

    def save(model, trial):
        if ours.state.global_step != step:
            return original(model, trial)
        with files_up_to(limit):
            return original(model, trial)

    ours._save_checkpoint = save
    return ours


def test_a_disk_that_fills_up_leaves_whole_checkpoints_and_a_sentence(tmp_path):
    whole = trained(tmp_path / "whole", **KEEP)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "whole" / "checkpoint-2").iterdir()}
    assert 60_000 < sizes["model.safetensors"] < sizes["optimizer.pt"]
    expected = {
        name.split("/", 1)[1]: data
        for name, data in contents(tmp_path / "whole").items()
        if name.startswith("checkpoint-1/")
    }
    # in the middle of the weights, of the optimizer's state, of the last files
    for number, limit in enumerate(
        (sizes["model.safetensors"] // 2, sizes["optimizer.pt"] // 2, sizes["optimizer.pt"] - 1)
    ):
        directory = tmp_path / str(number)
        with pytest.raises(
            SgramError, match=r"cannot write .*the last complete .*checkpoint-1: free some space and run"
        ):
            full_at(2, limit, trainer(directory, **KEEP)).train()
        assert [checkpoint_step(path) for path in list_checkpoints(directory)] == [1]
        assert contents(directory / "checkpoint-1").keys() == expected.keys()
        assert contents(directory / "checkpoint-1")["model.safetensors"] == expected["model.safetensors"]
        assert not (directory / STAGING).exists()
    resumed = trainer(directory, **KEEP)
    resumed.train(resume_from_checkpoint=str(directory / "checkpoint-1"))
    assert same(weights(whole), weights(resumed))


def test_a_disk_that_is_full_from_the_start_is_told(tmp_path):
    with pytest.raises(SgramError, match="there is no checkpoint yet: free some space"):
        full_at(1, 1000, trainer(tmp_path, **KEEP)).train()
    assert not list_checkpoints(tmp_path)


@pytest.mark.parametrize(
    "writer",
    [
        "sgram.training.trainer.state.write_bytes",
        "torch.save",
        "transformers.trainer_callback.TrainerState.save_to_json",
    ],
)
def test_a_full_disk_is_told_whichever_file_does_not_fit(tmp_path, monkeypatch, writer):
    def full(*args, **_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writer, full)
    with pytest.raises(SgramError, match=r"No space left on device.*there is no checkpoint yet: free some space"):
        trainer(tmp_path, **KEEP).train()
    assert not list_checkpoints(tmp_path)
    assert not (tmp_path / STAGING).exists()


class Killed(BaseException):
    """Stands for SIGKILL: nothing that is on the disk changes after it."""


OPERATIONS = [
    ("torch", "save"),
    ("os", "makedirs"),
    ("os", "mkdir"),
    ("os", "replace"),
    ("os", "rename"),
    ("os", "unlink"),
    ("os", "rmdir"),
    ("builtins", "open"),
    ("safetensors.torch", "save_file"),
    ("transformers.modeling_utils", "safe_save_file"),
]
WRITERS = ("save", "save_file", "safe_save_file")


class Killing:
    """While it is entered, the n-th operation on files kills; one that writes a file writes half of it."""

    def __init__(self, at: int):
        self.count, self._at, self._dead = 0, at, False

    def wrapped(self, name: str, original):
        def counted(*args, **named):
            if self._dead:  # what handlers and `finally` would do: a killed process does nothing
                return None
            self.count += 1
            if self.count != self._at:
                return original(*args, **named)
            if name in WRITERS:
                original(*args, **named)
                path = Path(args[1])
                os.truncate(path, path.stat().st_size // 2)
            self._dead = True
            raise Killed

        return counted


def states_when_killed(monkeypatch, directory: Path, copies: Path, at_step: int, **settings) -> list[Path]:
    """Copies of the run's directory, as it was when writing a checkpoint was killed at each of its operations."""
    ours = trainer(directory, **{**KEEP, **settings})
    original, states = ours._save_checkpoint, []

    def save(model, trial):
        killed = ours.state.global_step == at_step
        shutil.copytree(directory, copies / "before")
        while killed:
            killed = False
            with monkeypatch.context() as patched:
                killing = Killing(len(states) + 1)
                for module, name in OPERATIONS:
                    patched.setattr(locate(module), name, killing.wrapped(name, getattr(locate(module), name)))
                with contextlib.suppress(Killed):
                    original(model, trial)
                killed = killing._dead
            if killed:
                states.append(copies / str(len(states)))
                directory.rename(states[-1])
                shutil.copytree(copies / "before", directory)
        shutil.rmtree(copies / "before")
        if ours.state.global_step < at_step:
            original(model, trial)

    ours._save_checkpoint = save
    ours.train()
    return states


def test_killed_at_any_file_of_a_checkpoint_the_run_goes_on_from_a_whole_one(tmp_path, monkeypatch):
    settings = {"steps_per_generation": 4, "num_iterations": 2}  # sampled once for all steps: it is in the checkpoint
    whole = trained(tmp_path / "whole", **settings, **KEEP)
    parts = {path.name for path in (tmp_path / "whole" / "checkpoint-2").iterdir()}
    assert parts >= PARTS | {"sampled-000.safetensors"}
    states = states_when_killed(monkeypatch, tmp_path / "run", tmp_path, 2, save_total_limit=1, **settings)
    last = [latest_checkpoint(state) for state in states]
    steps = [checkpoint_step(path) for path in last]
    assert steps == sorted(steps)
    assert set(steps) == {1, 2}
    assert sum((state / STAGING).exists() for state in states) > len(PARTS)
    for path in last:  # whole: the same files as in a run that nobody killed, byte by byte where no clock is in them
        for name in parts - {"trainer_state.json", "training_args.bin"}:
            assert (path / name).read_bytes() == (tmp_path / "whole" / path.name / name).read_bytes(), name
        assert (path / "trainer_state.json").stat().st_size > 500
    for state in (states[steps.index(1)], states[steps.index(2) - 1], states[-1]):
        resumed = trainer(state, **settings, **KEEP)
        assert not (state / STAGING).exists()
        resumed.train(resume_from_checkpoint=str(latest_checkpoint(state)))
        assert same(weights(whole), weights(resumed))
