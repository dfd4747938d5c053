"""``sgram validate --train``: what it needs, what it writes, what it says."""

import json
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.lexicon import Lexicon
from sgram.mining.classifier import GramClassifier
from tests.builders.paths import ROOT

DATA = ROOT / "data"
LABELS, TRACES = str(DATA / "sample_labels.jsonl"), str(DATA / "sample_traces.jsonl")
TRAIN = ["--train", "--labels", LABELS, "--traces", TRACES]


def sgram(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(list(arguments))
    return exit_info.value.code, *capsys.readouterr()


@pytest.fixture
def workdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(capsys, *flags):
    return sgram(capsys, "validate", "--train", "--labels", LABELS, "--traces", TRACES, *flags)


def test_a_classifier_is_written_described_and_used(workdir, capsys):
    code, out, err = train(capsys, "-o", "own.json")
    assert code == 0
    classifier = GramClassifier.load("own.json")
    head, *rows = out.splitlines()
    assert head.split()[:6] == ["labels", "setting", "from", "P", "R", "F1"]
    assert [row.split()[1] for row in rows] == ["default", "f1", "clean"]
    assert "out of fold: units are scored by classifiers trained without any text on their problem" in err
    # the ten labeled texts are traces of ten problems, each with three traces: none of these 30 is counted
    assert "30 traces answer labeled problems" in err
    assert classifier.source["traces"] == 108 - 30
    assert [
        (label_set["name"], label_set["weight"], label_set["evaluated"]) for label_set in classifier.source["labels"]
    ] == [("sample_labels.jsonl", 1.0, True)]
    code, _, err = sgram(capsys, "mine", TRACES, "--classifier", "own.json", "-o", "mined.json", "--embedder", "hash")
    assert code == 0
    assert Lexicon.load("mined.json").source["scorer"]["classifier"] == classifier.digest
    assert f"classifier {classifier.digest[:16]}, trained on sample_labels.jsonl" in err


def test_a_lexicon_mined_with_a_classifier_of_these_labels_is_in_sample(workdir, capsys):
    assert train(capsys, "-o", "own.json")[0] == 0
    sgram(capsys, "mine", TRACES, "--classifier", "own.json", "-o", "mined.json", "--embedder", "hash")
    _, _, err = sgram(capsys, "validate", "mined.json", "--labels", LABELS)
    assert "made with these labels" in err


def test_training_again_writes_the_same_bytes(workdir, capsys):
    for name in ("a.json", "b.json"):
        assert train(capsys, "-o", name)[0] == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


def test_json_tells_the_figures(workdir, capsys):
    code, out, _ = train(capsys, "-o", "own.json", "--json", "--features", "words")
    document = json.loads(out)
    assert code == 0
    assert document["digest"] == GramClassifier.load("own.json").digest
    assert document["out_of_fold"]["sample_labels.jsonl"]["units"] == 284
    assert GramClassifier.load("own.json").blocks == ("words",)


def test_labels_that_only_add_are_not_evaluated(workdir, capsys):
    copy = workdir / "machine.jsonl"
    rows = [json.loads(line) for line in Path(LABELS).read_text().splitlines()]
    copy.write_text(
        "".join(json.dumps(row | {"id": row["id"] + "x", "text": row["text"] + " "}) + "\n" for row in rows)
    )
    code, out, _ = train(capsys, "--also-labels", "machine.jsonl", "--also-weight", "0.5", "-o", "own.json")
    assert code == 0
    assert "machine.jsonl" not in out
    assert [label_set["weight"] for label_set in GramClassifier.load("own.json").source["labels"]] == [1.0, 0.5]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--labels", LABELS], 2, "name the lexicon to validate, or train a classifier with --train"),
        (["--labels", LABELS, "--train", "-o", "x.json"], 2, "--train needs --traces"),
        (["--labels", LABELS, "--train", "--traces", TRACES], 2, "--train needs -o"),
        (["wang2025", *TRAIN, "-o", "x.json"], 2, "--train takes no lexicon"),
        (["wang2025", "--labels", LABELS, "--traces", TRACES], 2, "need --train"),
        ([*TRAIN, "-o", TRACES], 2, "is an input; write to another file"),
        ([*TRAIN, "-o", "x.json", "--figure", "x.svg"], 2, "--figure needs a lexicon"),
        ([*TRAIN, "-o", "x.json", "--also-weight", "0"], 2, "must be > 0"),
        ([*TRAIN, "-o", "x.json", "--features", "tea"], 2, "unknown features tea"),
        ([*TRAIN, "-o", "x.json", "--positive", "tea"], 3, "has no positive unit"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(workdir, capsys, arguments, code, sentence):
    exit_code, _, err = sgram(capsys, "validate", *arguments)
    assert (exit_code, sentence in err) == (code, True), err
    assert not (workdir / "x.json").exists()
