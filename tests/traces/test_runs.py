"""Names of runs: by the user, by the place of the files; digits in names of files are steps or shards."""

import os

import pytest

from sgram.errors import UsageError
from sgram.traces.runs import name_runs, split_run


def test_an_argument_may_name_its_run(tmp_path):
    assert split_run("grpo=runs/a") == ("grpo", "runs/a")
    assert split_run("runs/a") == (None, "runs/a")
    assert split_run("runs/lr=1/a.jsonl") == (None, "runs/lr=1/a.jsonl")  # a folder's name holds the sign
    assert split_run("https://host/a?x=1") == (None, "https://host/a?x=1")
    odd = tmp_path / "x=y.jsonl"
    odd.touch()
    assert split_run(str(odd)) == (None, str(odd))


def run_names(tmp_path, files, arguments):
    for file in files:
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    pairs = [(name, str(tmp_path / path)) for name, path in arguments]
    runs = name_runs(pairs, [str(tmp_path / file) for file in files])
    return {file: runs[str(tmp_path / file)] for file in files}


def test_files_that_differ_in_digits_are_one_run_named_by_their_folder(tmp_path):
    files = [f"rollouts/{step}.jsonl" for step in (1, 2, 10)]
    assert set(run_names(tmp_path, files, [(None, file) for file in files]).values()) == {"rollouts"}


def test_several_series_in_one_folder_are_runs_of_their_own(tmp_path):
    files = ["d/grpo_1.jsonl", "d/grpo_2.jsonl", "d/hicra_1.jsonl", "d/hicra_2.jsonl"]
    assert list(run_names(tmp_path, files, [(None, file) for file in files]).values()) == [
        "grpo",
        "grpo",
        "hicra",
        "hicra",
    ]


def test_a_folder_is_one_run_and_equal_names_get_their_parents(tmp_path):
    files = ["a/dump/1.jsonl", "a/dump/x.jsonl", "b/dump/1.jsonl"]
    runs = run_names(tmp_path, files, [(None, "a/dump"), (None, "b/dump")])
    assert list(runs.values()) == ["a/dump", "a/dump", "b/dump"]


def test_a_named_run_keeps_its_name_beside_others(tmp_path):
    files = ["a/1.jsonl", "b/1.jsonl.gz"]
    assert list(run_names(tmp_path, files, [("mine", "a"), (None, "b/1.jsonl.gz")]).values()) == ["mine", "1"]


def test_one_file_under_two_names_is_refused(tmp_path):
    with pytest.raises(UsageError, match="belongs to the runs a, b; name it once"):
        run_names(tmp_path, ["d/1.jsonl"], [("a", "d"), ("b", "d/1.jsonl")])


def test_stdin_is_a_run():
    assert name_runs([(None, "-")], ["-"]) == {"-": "stdin"}
    assert name_runs([("grpo", "-")], ["-"]) == {"-": "grpo"}


def test_a_pipe_names_its_run_by_its_path_as_given(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "rows.tar.gz").touch()
    paths = [str(tmp_path / name) for name in ("pipe.jsonl", "rows.tar.gz")]
    reading, writing = os.pipe()
    (tmp_path / "substituted").symlink_to(f"/dev/fd/{reading}")
    paths.append(str(tmp_path / "substituted"))
    runs = name_runs([(None, path) for path in paths], paths)
    os.close(reading)
    os.close(writing)
    assert [runs[path] for path in paths] == ["pipe", "rows", "substituted"]
