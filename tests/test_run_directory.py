"""The folder of a run and its parts."""

import json

import pytest

from sgram.errors import SgramError
from sgram.files import canonical_json, digest
from sgram.run_directory import RunDirectory


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
