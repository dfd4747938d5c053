"""Which inputs are read, and how sources are named."""

import json
from dataclasses import replace

import pytest

from sgram.analysis import AnalysisConfig, analyze
from sgram.analysis.sources import POOLED_SOURCES, find_inputs, pool_small_sources
from sgram.errors import InputError, UsageError
from sgram.traces import Trace, write_traces
from tests.builders.analysis_examples import build_trace, write_rollouts, write_run

QUICK = AnalysisConfig(n_placebos=0, n_draws=20, n_examples=0, n_siblings=0)
STEP = [build_trace("a", "so", step=0, model=None)]


def source_names(sources):
    return [source.name for source in sources]


def test_a_run_is_called_by_its_method_and_seed_and_brings_its_lexicon(tmp_path):
    directory = write_run(tmp_path, "aaa", STEP, method="grpo", seed=3)
    (source,), notes = find_inputs([directory])
    assert (source.name, source.kind, source.typed_path) == ("grpo, seed 3", "run", str(directory))
    assert source.lexicon == str(directory / "lexicon.json")
    assert source.tokenizer is None
    assert notes == []


def test_a_folder_of_runs_gives_all_of_them_under_unique_names(tmp_path):
    # two runs of one method and seed differ in warmup_seed; two more differ in nothing but their directories
    write_run(tmp_path, "a", STEP, warmup_seed=0)
    write_run(tmp_path, "b", STEP, warmup_seed=1)
    write_run(tmp_path, "c", STEP, method="grpo")
    write_run(tmp_path, "d", STEP, method="grpo")
    (tmp_path / "compare-x").mkdir()
    sources, _ = find_inputs([tmp_path])
    assert source_names(sources) == [
        "grpo, seed 0 (train-c)",
        "grpo, seed 0 (train-d)",
        "hicra, seed 0, warmup_seed 0",
        "hicra, seed 0, warmup_seed 1",
    ]
    assert sources[0].typed_path == f"{tmp_path}/train-c"


def test_runs_are_called_by_their_start_model_where_there_are_several(tmp_path):
    write_run(tmp_path, "a", STEP, method="grpo", warmup_seed=3)
    write_run(tmp_path, "b", STEP, warmup_seed=4)
    sources, _ = find_inputs([tmp_path])
    assert source_names(sources) == ["grpo, seed 0, warmup_seed 3", "hicra, seed 0, warmup_seed 4"]


def test_a_comparison_gives_the_runs_that_it_compares(tmp_path):
    write_run(tmp_path, "a", STEP)
    write_run(tmp_path, "b", STEP, method="grpo")
    directory = tmp_path / "compare-x"
    directory.mkdir()
    (directory / "run.json").write_text(json.dumps({"verb": "compare", "config": {}}))
    (directory / "comparison.json").write_text(
        json.dumps({"runs": [{"directory": "train-b"}, {"directory": "train-z"}]})
    )
    sources, notes = find_inputs([directory])
    assert source_names(sources) == ["grpo, seed 0"]
    assert "train-z" in notes[0]


def test_the_same_input_named_twice_is_read_once_and_the_order_does_not_matter(tmp_path):
    directory = write_run(tmp_path, "a", STEP)
    first = write_rollouts(tmp_path, [build_trace("a", "so")], "one.jsonl")
    second = write_rollouts(tmp_path, [build_trace("b", "so")], "two.jsonl")
    sources, _ = find_inputs([second, directory, first, directory, f"{tmp_path}/./one.jsonl"])
    again, _ = find_inputs([first, second, directory])
    assert [source.paths[0] for source in sources] == [str(directory / "rollouts"), f"{tmp_path}/./one.jsonl", second]
    assert [source.kind for source in again] == ["run", "traces", "traces"]


def test_a_run_that_has_not_ended_is_analyzed_with_a_note(tmp_path):
    _, notes = find_inputs([write_run(tmp_path, "a", STEP, ended=False)])
    assert "has not ended" in notes[0]


def test_unusable_inputs_are_refused_with_a_clear_message(tmp_path):
    with pytest.raises(UsageError, match="nothing to analyze"):
        find_inputs([])
    directory = write_run(tmp_path, "a", STEP)
    (directory / "run.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*run\.json"):
        find_inputs([directory])
    (directory / "run.json").write_text('{"verb": "train"}')
    with pytest.raises(InputError, match="has no `config`"):
        find_inputs([directory])
    empty = tmp_path / "train-empty"
    empty.mkdir()
    (empty / "run.json").write_text('{"verb": "train", "config": {}}')
    with pytest.raises(InputError, match="has no rollouts yet"):
        find_inputs([empty])


def test_small_sources_are_put_together():
    sizes = [("a", 5), ("b", 9), ("c", 5), ("d", 1)]
    assert pool_small_sources(sizes, 4) == {"a": "a", "b": "b", "c": "c", "d": "d"}
    assert pool_small_sources(sizes, 3) == {"b": "b", "a": "a", "c": POOLED_SOURCES, "d": POOLED_SOURCES}, (
        "of equals the first by name"
    )


def test_provenance_depends_on_the_content_of_an_input_not_on_its_folder(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "y").mkdir()
    paths = [write_rollouts(tmp_path / name, [build_trace("a", "so")]) for name in ("x", "y")]
    records = [find_inputs([path])[0][0].provenance(["00"], 2) for path in paths]
    assert records[0] == records[1]
    assert records[0]["path"] == "rollouts.jsonl", "a page that is passed on names no folders of the machine"


def test_an_input_is_called_as_it_was_typed_where_that_names_no_machines_folders(tmp_path, monkeypatch):
    (tmp_path / "x").mkdir()
    write_rollouts(tmp_path / "x", [build_trace("a", "so")])
    monkeypatch.chdir(tmp_path)
    assert find_inputs(["x/rollouts.jsonl"])[0][0].provenance(["00"], 2)["path"] == "x/rollouts.jsonl"


def test_a_run_is_read_once_by_whatever_path_it_is_named(tmp_path):
    directory = write_run(tmp_path, "a", STEP)
    (tmp_path / "link").symlink_to(directory)
    sources, _ = find_inputs([directory, f"{directory}/", tmp_path / "link", f"{tmp_path}/../{tmp_path.name}/train-a"])
    assert source_names(sources) == ["hicra, seed 0"]


def test_copies_of_a_run_have_names_of_their_own(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write_run(tmp_path / folder, "a", STEP)
    sources, _ = find_inputs([tmp_path / "y", tmp_path / "x"])
    assert source_names(sources) == ["hicra, seed 0 (train-a)", "hicra, seed 0 (train-a), 2"]
    assert [source.typed_path for source in sources] == [f"{tmp_path}/{folder}/train-a" for folder in ("x", "y")]


def test_what_is_read_as_part_of_another_input_is_not_read_again(tmp_path):
    folder = tmp_path / "rollouts"
    folder.mkdir()
    inside = write_rollouts(folder, [build_trace("a", "so")], "one.jsonl")
    write_rollouts(folder, [build_trace("b", "so")], "two.jsonl")
    beside = write_rollouts(tmp_path, [build_trace("c", "so")], "three.jsonl")
    directory = write_run(tmp_path, "a", STEP)
    sources, notes = find_inputs([inside, folder, beside, directory, directory / "rollouts"])
    assert [source.typed_path for source in sources] == [str(directory), str(folder), beside]
    assert sorted(notes) == [
        f"{path} is read as part of another input, and not again" for path in (inside, f"{directory}/rollouts")
    ]


def test_unusable_runs_of_a_folder_are_left_out_with_a_note(tmp_path):
    write_run(tmp_path, "a", STEP)
    empty_run = write_run(tmp_path, "b", STEP, method="grpo")
    for file in (empty_run / "rollouts").iterdir():
        file.unlink()
    (write_run(tmp_path, "c", STEP) / "run.json").write_text("[]")
    sources, notes = find_inputs([tmp_path])
    assert source_names(sources) == ["hicra, seed 0"]
    assert len(notes) == 2
    assert f"left out: the run {empty_run} has no rollouts yet" in notes[0]
    assert "does not describe a run" in notes[1]
    with pytest.raises(InputError, match="no rollouts yet"):
        find_inputs([empty_run])


def test_a_run_without_its_lexicon_has_a_note(tmp_path):
    directory = write_run(tmp_path, "a", STEP)
    (directory / "lexicon.json").unlink()
    assert "holds no lexicon of its own" in find_inputs([directory])[1][0]


def test_the_name_of_a_run_is_short_and_printable_whatever_its_configuration_holds(tmp_path):
    (source,), _ = find_inputs([write_run(tmp_path, "a", STEP, method="\x1b[2J" + "x" * 9000)])
    assert source.name.isprintable()
    assert len(source.name) < 60


def test_a_missing_input_is_an_error_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*missing"):
        find_inputs([tmp_path / "missing"])


def write_dump(folder, accuracy, n=4):
    """A run's dump: one file for each of two steps, `n` samples of one problem in each."""
    for step in (1, 2):
        traces = [
            build_trace(f"{step}-{i}", f"So we add. It is {i}.", prompt="2+2?", step=step, correct=i < accuracy)
            for i in range(n)
        ]
        path = folder / f"{step}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_traces([replace(trace, model=None) for trace in traces], path)
    return folder


def test_two_runs_are_two_sources_with_groups_of_their_own(tmp_path):
    """Equal prompts and steps in two folders: groups of 4 each, so there is no pass@8."""
    a, b = write_dump(tmp_path / "a", 1), write_dump(tmp_path / "b", 3)
    analysis = analyze([a, b], QUICK)
    assert analysis.sources == ("a", "b")
    success = analysis.tables["success"]
    assert {row["measure"] for row in success.records()} == {"pass@1", "pass@4", "avg@4"}
    assert [row["value"] for row in success.records(measure="pass@1")] == [0.25, 0.75]


def test_runs_are_pooled_only_if_asked(tmp_path):
    a, b = write_dump(tmp_path / "a", 1), write_dump(tmp_path / "b", 3)
    pooled = analyze([a, b], replace(QUICK, pool_runs=True))
    assert pooled.sources == ("unknown model",)
    (row,) = pooled.tables["success"].records(measure="pass@1")
    assert row["value"] == 0.5


def test_step_files_of_one_folder_are_one_run(tmp_path):
    folder = write_dump(tmp_path / "grpo", 2)
    analysis = analyze(sorted(folder.iterdir()), QUICK)
    assert analysis.sources == ("grpo",)
    assert analysis.tables["corpus"].records()[0]["traces"] == 8
    named = analyze([f"mine={folder}"], QUICK)
    assert named.sources == ("mine",)


def test_traces_without_a_verdict_are_judged_by_their_reference_unless_it_is_turned_off(tmp_path):
    rows = [("The answer is (B).", "B", None), ("The answer is 4.", "5", None), ("It is 4.", "5", True)]
    traces = [
        Trace(id=str(row), text=text, reference=reference, correct=correct, model="m")
        for row, (text, reference, correct) in enumerate(rows)
    ]
    path = tmp_path / "t.jsonl"
    write_traces(traces, path)
    names = ("correct", "wrong", "not_judged")
    analysis = analyze([path], QUICK)
    (judged,) = analysis.tables["corpus"].records()
    assert [judged[name] for name in names] == [2, 1, 0], "the file's own verdict stays"
    assert any("2 traces do not say whether they are correct" in note for note in analysis.notes)
    (left,) = analyze([path], replace(QUICK, judge_answers=False)).tables["corpus"].records()
    assert [left[name] for name in names] == [1, 0, 2]


def test_traces_that_no_curve_shows_are_counted_in_a_note(tmp_path):
    stepped = [build_trace(f"a{n}", "wait, so 4", step=n % 2, model="m") for n in range(4)]
    others = [build_trace(f"b{n}", "wait, so 5", step=None, model="m") for n in range(3)]

    def step_notes(traces):
        path = write_rollouts(tmp_path, traces)
        return [note for note in analyze(path, QUICK).notes if "no step" in note]

    (note,) = step_notes(stepped + others)
    assert note.startswith("3 of 7 traces of m have no step: ")
    assert step_notes(stepped) == step_notes(others) == []
