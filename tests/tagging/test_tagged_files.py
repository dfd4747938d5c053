"""A folder of tagged traces: each file is that of its input alone, and a file that is there is not made again."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sgram.cli import main
from sgram.engines import SerialEngine
from sgram.errors import InputError, UsageError
from sgram.lexicon import Lexicon
from sgram.tagging.masks import read_masks, write_masks
from sgram.tagging.tagged_files import QUARANTINES, TagSettings, plan_files, tag_file
from sgram.tagging.tagged_rollouts import RolloutTagger
from sgram.traces import ReadOptions, TraceReader, read_traces, write_traces
from tests.builders.mining_examples import sample_traces
from tests.builders.paths import ROOT

tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")
LEXICON = Lexicon.load("wang2025")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, show_progress=False, initial_alphabet=alphabet)
    bpe.train_from_iterator([trace.text for trace in sample_traces()], trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bpe.save(str(path))
    return path


@pytest.fixture
def rollouts(tmp_path) -> Path:
    folder = tmp_path / "rollouts"
    (folder / "later").mkdir(parents=True)
    traces = sample_traces()
    write_traces(traces[:30], folder / "a.jsonl")
    write_traces(traces[30:70], folder / "b.jsonl.gz")
    write_traces(traces[70:], folder / "later" / "a.jsonl")
    return folder


def tag_folder(rollouts, target, tokenizer, lexicon=LEXICON, **settings):
    options = ReadOptions()
    tasks = plan_files(
        TraceReader(rollouts, options=options), target, TagSettings(lexicon, str(tokenizer), **settings), "auto"
    )
    return [report for _, report in SerialEngine().run(tag_file, [(task,) for task in tasks])]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


@pytest.mark.parametrize("part", ["all", "reasoning"])
def test_each_file_holds_the_traces_and_the_masks_of_its_input(part, rollouts, tokenizer, tmp_path):
    reports = tag_folder(rollouts, tmp_path / "tagged", tokenizer, part=part)
    names = {
        "a.jsonl.parquet": "a.jsonl",
        "b.jsonl.gz.parquet": "b.jsonl.gz",
        "later__a.jsonl.parquet": "later/a.jsonl",
    }
    assert set(bytes_of(tmp_path / "tagged")) == set(names)
    for name, source in names.items():
        tagger = RolloutTagger(LEXICON, tokenizers.Tokenizer.from_file(str(tokenizer)), part=part)
        tagged = list(tagger(read_traces(rollouts / source)))
        alone = tmp_path / "alone.parquet"
        write_masks(alone, [trace.mask_row() for trace in tagged], LEXICON, tagger.vocabulary, part)
        masks, of_folder = read_masks(alone), read_masks(tmp_path / "tagged" / name)
        assert [(row.id, row.spans, row.token_ids.tolist(), row.planning_mask.tolist()) for row in of_folder] == [
            (row.id, row.spans, row.token_ids.tolist(), row.planning_mask.tolist()) for row in masks
        ]
        assert {**of_folder.metadata, "tokenizer": ""} == {**masks.metadata, "tokenizer": ""}
        read_back = [replace(trace, token_ids=None) for trace in read_traces(tmp_path / "tagged" / name)]
        assert read_back == [trace.trace for trace in tagged]
    assert sum(report.traces + report.left_out for report in reports) == 108
    assert sum(report.planning for report in reports) == sum(
        int(row.planning_mask.sum()) for name in names for row in read_masks(tmp_path / "tagged" / name)
    )


def test_a_finished_file_is_not_made_again_unless_its_input_or_the_settings_change(rollouts, tokenizer, tmp_path):
    target = tmp_path / "tagged"
    first = tag_folder(rollouts, target, tokenizer)
    made = {path: path.stat().st_mtime_ns for path in target.glob("*.parquet")}
    again = tag_folder(rollouts, target, tokenizer)
    assert [report.reused for report in first] == [False] * 3
    assert again == [replace(report, reused=True) for report in first]
    assert {path: path.stat().st_mtime_ns for path in target.glob("*.parquet")} == made
    (target / "b.jsonl.gz.parquet").unlink()  # what a killed run did not finish
    write_traces(sample_traces()[:5], rollouts / "a.jsonl")
    assert [report.reused for report in tag_folder(rollouts, target, tokenizer)] == [False, False, True]
    other = Lexicon.from_grams(["wait"])
    assert [report.reused for report in tag_folder(rollouts, target, tokenizer, other)] == [False] * 3
    tag_folder(rollouts, tmp_path / "fresh", tokenizer, other)
    assert bytes_of(target) == bytes_of(tmp_path / "fresh")


def test_what_rewards_mean_is_decided_over_all_files(tokenizer, tmp_path):
    # Rewards of 1 alone say nothing; with the 0 of the other file of the run they are correctness.
    folder = tmp_path / "run"
    folder.mkdir()
    for step, rewards in ((1, [0, 1]), (2, [1, 1])):
        rows = [{"prompt": "2+2?", "response": f"Wait, {n}.", "reward": reward} for n, reward in enumerate(rewards)]
        (folder / f"step_{step}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tag_folder(folder, tmp_path / "tagged", tokenizer)
    correct = pq.read_table(tmp_path / "tagged" / "step_2.jsonl.parquet")["correct"].to_pylist()
    assert correct == [True, True]
    assert pq.read_table(tmp_path / "tagged" / "step_1.jsonl.parquet")["run"].to_pylist() == ["run", "run"]


def test_a_file_of_a_folder_without_rollouts_is_left_out(rollouts, tokenizer, tmp_path):
    (rollouts / "metrics.jsonl").write_text('{"best_metric": 0.5}')
    reports = {Path(report.source).name: report for report in tag_folder(rollouts, tmp_path / "tagged", tokenizer)}
    assert reports["metrics.jsonl"].traces == 0
    assert "is left out: none of its rows is a rollout" in reports["metrics.jsonl"].warnings[0]
    assert reports["b.jsonl.gz"].traces == 40
    with pytest.raises(InputError, match="best_metric"):
        tag_folder(rollouts / "metrics.jsonl", tmp_path / "other", tokenizer)


def test_files_of_other_inputs_are_not_mixed_in(rollouts, tokenizer, tmp_path):
    tag_folder(rollouts, tmp_path / "tagged", tokenizer)
    write_traces(sample_traces()[:2], tmp_path / "new.jsonl")
    with pytest.raises(UsageError, match=r"holds files of other inputs \(a.jsonl.parquet\)"):
        tag_folder(tmp_path / "new.jsonl", tmp_path / "tagged", tokenizer)


# -- the command ----------------------------------------------------------------------------------------------------


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["tag", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


def test_the_command_writes_a_data_set_and_sets_broken_rows_aside(rollouts, tokenizer, tmp_path, capsys):
    with (rollouts / "a.jsonl").open("a") as file:
        file.write("{broken\n")
    target = f"{tmp_path}/tagged/"
    options = ("--lexicon", "wang2025", "--tokenizer", tokenizer, "--max-bad", "0.1", "-o", target)
    code, out, err = run(capsys, rollouts, *options)
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["file", "traces", "tokens", "planning"]
    assert [line[1] for line in lines[1:4]] == ["30", "40", "38"]
    assert lines[4][:4] == ["all", "3", "files", "108"]
    assert "rows set aside: 1" in err
    (quarantine,) = (tmp_path / "tagged" / QUARANTINES).iterdir()
    assert quarantine.name == "a.jsonl.parquet.jsonl"
    assert pq.read_table(tmp_path / "tagged").num_rows == 108  # the folder is one data set
    code, out, err = run(capsys, rollouts, *options, "--json")
    assert [file["reused"] for file in json.loads(out)["files"]] == [True] * 3
    assert "3 files were there already" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "tagged/"), "-o needs --tokenizer"),
        (("-o", "tagged/", "--tokenizer", "TOKENIZER", "--show", "1"), "leave out --show, --html and --limit"),
        (("-o", "rollouts/tagged/", "--tokenizer", "TOKENIZER"), "lies in an input folder, where it would be read"),
        (("--engine", "ray"), "--engine is for a folder of masks"),
        (("-o", "masks.txt", "--tokenizer", "TOKENIZER"), "or in / for a folder of files"),
    ],
)
def test_options_that_do_not_fit_a_folder_are_refused(
    options, message, rollouts, tokenizer, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, rollouts, *(str(tokenizer) if option == "TOKENIZER" else option for option in options))
    assert code == 2
    assert message in err
    assert not (tmp_path / "tagged").exists()


def test_the_recipe_for_datasets_gives_the_masks_of_the_tagger_in_two_processes(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ)  # datasets puts a copy in its place, which others do not read
    datasets = pytest.importorskip("datasets", reason="datasets comes with the trainer")
    from transformers import PreTrainedTokenizerFast

    text = (ROOT / "docs" / "tagging.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"```python\n(from datasets import load_dataset\nfrom sgram.+?)```", text, re.DOTALL)
    rows = [{"response": trace.text} for trace in sample_traces()[:12]]
    (tmp_path / "rollouts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    names = {"tokenizer": PreTrainedTokenizerFast(tokenizer_file=str(tokenizer))}
    exec(recipe, names)  # noqa: S102  the code of the page
    tagger = RolloutTagger("sgram", tokenizers.Tokenizer.from_file(str(tokenizer)))
    expected = [tagged.mask_row() for tagged in tagger(sample_traces()[:12])]
    assert names["tagged"]["planning_mask"][:] == [row.planning_mask.tolist() for row in expected]
    assert names["tagged"]["token_ids"][:] == [row.token_ids.tolist() for row in expected]
    assert any(map(any, names["tagged"]["planning_mask"]))
