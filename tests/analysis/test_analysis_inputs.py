"""Which inputs are read, and what they are called."""

import json

import pytest

from sgram.analysis.sources import OTHERS, find_inputs, largest
from sgram.errors import InputError, UsageError
from tests.builders.analysis_examples import rollouts, run, trace

STEP = [trace("a", "so", step=0, model=None)]


def names(found):
    return [each.name for each in found]


def test_a_run_is_called_by_its_method_and_seed_and_brings_its_lexicon(tmp_path):
    place = run(tmp_path, "aaa", STEP, method="grpo", seed=3)
    (found,), notes = find_inputs([place])
    assert (found.name, found.kind, found.shown) == ("grpo, seed 3", "run", str(place))
    assert found.lexicon == str(place / "lexicon.json")
    assert found.tokenizer is None
    assert notes == []


def test_a_folder_of_runs_gives_all_of_them_under_unique_names(tmp_path):
    # two runs of one method and seed differ in warmup_seed; two more differ in nothing but their directories
    run(tmp_path, "a", STEP, warmup_seed=0)
    run(tmp_path, "b", STEP, warmup_seed=1)
    run(tmp_path, "c", STEP, method="grpo")
    run(tmp_path, "d", STEP, method="grpo")
    (tmp_path / "compare-x").mkdir()
    found, _ = find_inputs([tmp_path])
    assert names(found) == [
        "grpo, seed 0 (train-c)",
        "grpo, seed 0 (train-d)",
        "hicra, seed 0, warmup_seed 0",
        "hicra, seed 0, warmup_seed 1",
    ]
    assert found[0].shown == f"{tmp_path}/train-c"


def test_a_comparison_gives_the_runs_that_it_compares(tmp_path):
    run(tmp_path, "a", STEP)
    run(tmp_path, "b", STEP, method="grpo")
    place = tmp_path / "compare-x"
    place.mkdir()
    (place / "run.json").write_text(json.dumps({"verb": "compare", "config": {}}))
    (place / "comparison.json").write_text(json.dumps({"runs": [{"directory": "train-b"}, {"directory": "train-z"}]}))
    found, notes = find_inputs([place])
    assert names(found) == ["grpo, seed 0"]
    assert "train-z" in notes[0]


def test_the_same_input_named_twice_is_read_once_and_the_order_does_not_matter(tmp_path):
    place = run(tmp_path, "a", STEP)
    first = rollouts(tmp_path, [trace("a", "so")], "one.jsonl")
    second = rollouts(tmp_path, [trace("b", "so")], "two.jsonl")
    found, _ = find_inputs([second, place, first, place, f"{tmp_path}/./one.jsonl"])
    again, _ = find_inputs([first, second, place])
    assert [each.paths[0] for each in found] == [str(place / "rollouts"), f"{tmp_path}/./one.jsonl", second]
    assert [each.kind for each in again] == ["run", "traces", "traces"]


def test_a_run_that_has_not_ended_is_analyzed_and_told(tmp_path):
    _, notes = find_inputs([run(tmp_path, "a", STEP, ended=False)])
    assert "has not ended" in notes[0]


def test_inputs_that_cannot_be_used_are_refused_with_a_sentence(tmp_path):
    with pytest.raises(UsageError, match="nothing to analyze"):
        find_inputs([])
    with pytest.raises(UsageError, match="read twice"):
        find_inputs(["-"])
    place = run(tmp_path, "a", STEP)
    (place / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"run\.json cannot be read"):
        find_inputs([place])
    (place / "run.json").write_text('{"verb": "train"}')
    with pytest.raises(InputError, match="holds no configuration"):
        find_inputs([place])
    empty = tmp_path / "train-empty"
    empty.mkdir()
    (empty / "run.json").write_text('{"verb": "train", "config": {}}')
    with pytest.raises(InputError, match="has no rollouts yet"):
        find_inputs([empty])


def test_small_sources_are_put_together():
    sizes = [("a", 5), ("b", 9), ("c", 5), ("d", 1)]
    assert largest(sizes, 4) == {"a": "a", "b": "b", "c": "c", "d": "d"}
    assert largest(sizes, 3) == {"b": "b", "a": "a", "c": OTHERS, "d": OTHERS}, "of equals the first by name"


def test_an_input_is_told_by_what_it_holds_not_by_where_it_lies(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    paths = [rollouts(tmp_path / name, [trace("a", "so")]) for name in ("x", "y")]
    records = [find_inputs([path])[0][0].record() for path in paths]
    assert records[0] == records[1]
    assert records[0]["path"] == "rollouts.jsonl", "a page that is passed on names no folders of the machine"


def test_an_input_is_called_as_it_was_typed_where_that_names_no_machines_folders(tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    rollouts(tmp_path / "x", [trace("a", "so")])
    monkeypatch.chdir(tmp_path)
    assert find_inputs(["x/rollouts.jsonl"])[0][0].record()["path"] == "x/rollouts.jsonl"


def test_a_run_is_read_once_by_whatever_path_it_is_named(tmp_path):
    place = run(tmp_path, "a", STEP)
    (tmp_path / "link").symlink_to(place)
    found, _ = find_inputs([place, f"{place}/", tmp_path / "link", f"{tmp_path}/../{tmp_path.name}/train-a"])
    assert names(found) == ["hicra, seed 0"]


def test_copies_of_a_run_have_names_of_their_own(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        run(tmp_path / folder, "a", STEP)
    found, _ = find_inputs([tmp_path / "y", tmp_path / "x"])
    assert names(found) == ["hicra, seed 0 (train-a)", "hicra, seed 0 (train-a), 2"]
    assert [each.shown for each in found] == [f"{tmp_path}/{folder}/train-a" for folder in ("x", "y")]


def test_what_is_read_as_part_of_another_input_is_not_read_again(tmp_path):
    folder = tmp_path / "rollouts"
    folder.mkdir()
    inside = rollouts(folder, [trace("a", "so")], "one.jsonl")
    rollouts(folder, [trace("b", "so")], "two.jsonl")
    beside = rollouts(tmp_path, [trace("c", "so")], "three.jsonl")
    place = run(tmp_path, "a", STEP)
    found, notes = find_inputs([inside, folder, beside, place, place / "rollouts"])
    assert [each.shown for each in found] == [str(place), str(folder), beside]
    assert sorted(notes) == [
        f"{path} is read as part of another input, and not again" for path in (inside, f"{place}/rollouts")
    ]


def test_runs_of_a_folder_that_cannot_be_used_are_left_out_and_told(tmp_path):
    run(tmp_path, "a", STEP)
    begun = run(tmp_path, "b", STEP, method="grpo")
    for file in (begun / "rollouts").iterdir():
        file.unlink()
    (run(tmp_path, "c", STEP) / "run.json").write_text("[]")
    found, notes = find_inputs([tmp_path])
    assert names(found) == ["hicra, seed 0"]
    assert len(notes) == 2
    assert f"left out: the run {begun} has no rollouts yet" in notes[0]
    assert "does not describe a run" in notes[1]
    with pytest.raises(InputError, match="no rollouts yet"):
        find_inputs([begun])


def test_a_run_without_its_lexicon_is_told(tmp_path):
    place = run(tmp_path, "a", STEP)
    (place / "lexicon.json").unlink()
    assert "holds no lexicon of its own" in find_inputs([place])[1][0]


def test_the_name_of_a_run_is_short_and_printable_whatever_its_configuration_holds(tmp_path):
    (found,), _ = find_inputs([run(tmp_path, "a", STEP, method="\x1b[2J" + "x" * 9000)])
    assert found.name.isprintable()
    assert len(found.name) < 60


def test_an_input_that_is_not_there_is_told_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*missing"):
        find_inputs([tmp_path / "missing"])
