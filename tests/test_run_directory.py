"""The folder of a run and its parts."""

import errno
import fcntl
import json
import os
import subprocess
import sys

import pytest

from sgram.errors import SgramError
from sgram.files import canonical_json, digest
from sgram.run_directory import RunDirectory, lock_folder
from tests.builders.paths import ROOT


def test_a_run_directory_is_named_by_verb_and_identity(tmp_path):
    identity = {"min_df": 5, "inputs": ["a", "b"]}
    run = RunDirectory.open(tmp_path, "mine", identity)
    assert run.path == tmp_path / f"mine-{digest(canonical_json(identity))[:12]}"
    assert json.loads((run.path / "run.json").read_bytes()) == identity
    assert RunDirectory.open(tmp_path, "mine", {**identity, "min_df": 6}).path != run.path


def test_a_run_opened_again_finds_the_parts_of_the_earlier_try(tmp_path):
    run = RunDirectory.open(tmp_path, "mine", {"a": 1})
    assert not run.has("counts/0.parquet")
    with run.write("counts/0.parquet") as file:
        file.write(b"part")
    with pytest.raises(RuntimeError), run.write("counts/1.parquet"):
        raise RuntimeError
    again = RunDirectory.open(tmp_path, "mine", {"a": 1})
    assert again.has("counts/0.parquet")
    assert not again.has("counts/1.parquet")
    assert again.part("counts/0.parquet").read_bytes() == b"part"


def test_a_run_directory_of_another_run_is_refused(tmp_path):
    run = RunDirectory.open(tmp_path, "mine", {"a": 1})
    (run.path / "run.json").write_text('{"a": 2}')
    with pytest.raises(SgramError, match="describes another run; delete its directory"):
        RunDirectory.open(tmp_path, "mine", {"a": 1})


@pytest.mark.parametrize("name", ["", "/x", "../x", "a/../b", "a//b", ".x", "a/.x", "a\0b", "a b", "x/"])
def test_a_part_stays_inside_its_run(tmp_path, name):
    with pytest.raises(ValueError, match=r"^invalid name for a part of a run: "):
        RunDirectory(tmp_path).part(name)


def test_a_lock_is_for_one_process_and_dies_with_it(tmp_path):
    script = (
        "import sys; from pathlib import Path; from sgram.run_directory import lock_folder\n"
        "with lock_folder(Path(sys.argv[1])):\n    print('locked', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "run")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "locked\n"
        with pytest.raises(SgramError, match=r"^another process is working on this run \(.*run\); wait for it$"):
            lock_folder(tmp_path / "run").__enter__()
        first.kill()  # not even a chance to clean up
    with lock_folder(tmp_path / "run"):
        assert [path.name for path in (tmp_path / "run").iterdir()] == ["lock"]


def test_a_disk_without_locks_is_refused_with_what_to_do(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(SgramError, match=r"cannot lock .* \(.*\), so that .*; use a folder on another disk"):
        lock_folder(tmp_path).__enter__()
