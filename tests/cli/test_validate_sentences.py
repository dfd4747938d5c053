"""``sgram validate --train --unit sentence``, ``--calibrate`` and the kinds of masks."""

import json

import pytest

from sgram.cli import main
from sgram.lexicon import SentenceScorer

PLANS = (("Let me check that.", "verify"), ("Alternatively, use symmetry.", "branch"), ("Now parse the input.", "plan"))
OTHERS = (("It is 4.", "none"), ("So x is two.", "none"), ("Wait for 3 hours.", "none"))


def sgram(capsys, *arguments):
    with pytest.raises(SystemExit) as exit_info:
        main(["validate", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


@pytest.fixture
def labels(tmp_path):
    rows = [
        {"id": f"{problem}-{row}", "text": text, "label": label, "problem": f"p{problem}"}
        for problem in range(12)
        for row, (text, label) in enumerate(PLANS + OTHERS)
    ]
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_sentence_scorer_is_trained_described_and_used(capsys, labels, tmp_path):
    output = tmp_path / "own.json"
    code, out, err = sgram(capsys, "--train", "--unit", "sentence", "--labels", labels, "-o", output)
    assert code == 0
    assert "72 sentences on 12 problems, 36 plan" in out
    # every sentence occurs on every problem, so a scorer that saw none of a problem is right on all of it
    assert "F1                       1.0 [1.0 1.0]" in out
    assert "kappa of moves           1.0 [1.0 1.0]" in out
    assert "a scorer that saw no label on its problem" in err
    scorer = SentenceScorer.load(output)
    assert scorer.name == "own"
    assert [row["name"] for row in scorer.source["labels"]] == ["labels.jsonl"]
    code, out, err = sgram(capsys, "wang2025", "--labels", labels, "--scorer", output)
    assert code == 0
    assert "sentences by the scorer own" in out
    assert "the scorer own was fitted on these labels" in err
    assert "moves by own: kappa 1.0" in out


def test_labels_of_another_schema_are_a_prior(capsys, labels, tmp_path):
    prior = tmp_path / "prior.jsonl"
    rows = [("Hold on.", "planning"), ("It is 4.", "fact")] * 8
    prior.write_text(
        "".join(
            json.dumps({"id": str(row), "text": text, "label": label}) + "\n" for row, (text, label) in enumerate(rows)
        )
    )
    arguments = ("--train", "--unit", "sentence", "--labels", labels, "--also-labels", prior)
    code, out, _ = sgram(capsys, *arguments, "-o", tmp_path / "own.json", "--json")
    assert code == 0
    fields = json.loads(out)
    assert (fields["format"], fields["sentences"], fields["moves"]) == (
        "sgram-scorer-training",
        72,
        ["branching", "goal-setting", "verification"],
    )
    assert fields["out_of_fold"]["f1"]["value"] == 1.0
    assert SentenceScorer.load(tmp_path / "own.json").source["priors"][0]["name"] == "prior.jsonl"


def test_own_labels_calibrate_a_scorer_and_a_gain_is_shown(capsys, labels, tmp_path):
    output = tmp_path / "mine.json"
    code, out, err = sgram(capsys, "--calibrate", labels, "--scorer", "sgram", "-o", output)
    assert code == 0
    assert "gain shown" in out
    assert "calibrated scorer" in err
    source = SentenceScorer.load(output).source
    assert source["calibrated_from"] == {"name": "sgram", "digest": SentenceScorer.load("sgram").digest}
    assert source["labels"][0]["name"] == "labels.jsonl"


def test_without_a_gain_the_weights_are_kept_unless_asked(capsys, labels, tmp_path):
    own, output = tmp_path / "own.json", tmp_path / "mine.json"
    sgram(capsys, "--train", "--unit", "sentence", "--labels", labels, "-o", own)
    code, out, _ = sgram(capsys, "--calibrate", labels, "--scorer", own, "-o", output)
    assert code == 0
    assert "no gain shown" in out
    assert "the scorer keeps its weights" in out
    assert output.read_bytes() == own.read_bytes()
    arguments = ("--calibrate", labels, "--scorer", own, "-o", output, "--even-without-gain", "--json")
    code, out, _ = sgram(capsys, *arguments)
    fields = json.loads(out)
    assert (fields["gain_shown"], fields["calibrated"]) == (False, True)
    assert fields["digest"] == SentenceScorer.load(output).digest != SentenceScorer.load(own).digest


def test_the_kinds_of_masks_are_told_as_json_and_few_words_are_warned_of(capsys, labels, tmp_path):
    code, out, err = sgram(capsys, "wang2025", "--labels", labels, "--json")
    assert code == 0
    masks = json.loads(out)["label_sets"][0]["masks"]
    assert [row["mask"] for row in masks["rows"] if row["kind"] == "lexicon"] == [
        "grams",
        "sentences",
        "grams-in-sentences",
    ]
    silent = tmp_path / "silent.json"
    SentenceScorer("silent", SentenceScorer.load("sgram").planning, {}, 0.999).save(silent)
    _, _, err = sgram(capsys, "wang2025", "--labels", labels, "--scorer", silent)
    assert "grams-in-sentences marks 0.0 % of the words" in err
    assert "sgram validate --calibrate" in err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--unit", "sentence", "--labels", "L"], 2, "--unit needs --train"),
        (["--train", "--unit", "sentence", "--labels", "L"], 2, "-o, a file for the sentence scorer"),
        (["--train", "--unit", "sentence", "--labels", "L", "--labels", "L", "-o", "x.json"], 2, "takes one --labels"),
        (["--train", "--unit", "sentence", "--labels", "L", "--traces", "t", "-o", "x.json"], 2, "on labels alone"),
        (["--calibrate", "L", "--labels", "L"], 2, "takes the labeled sentences itself"),
        (["wang2025", "--calibrate", "L"], 2, "--calibrate takes no lexicon"),
        (["--calibrate", "L", "--scorer", "nothing"], 2, "unknown sentence scorer"),
        (["--calibrate", "L", "-o", "L"], 2, "is an input"),
        (["wang2025", "--labels", "L", "--even-without-gain"], 2, "needs --calibrate"),
        (["wang2025"], 2, "--labels is missing"),
    ],
)
def test_what_cannot_be_meant_is_refused(capsys, labels, tmp_path, monkeypatch, arguments, code, sentence):
    monkeypatch.chdir(tmp_path)
    exit_code, _, err = sgram(capsys, *[labels if argument == "L" else argument for argument in arguments])
    assert exit_code == code
    assert sentence in err


def test_too_few_own_labels_are_refused(capsys, tmp_path):
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps({"id": str(row), "text": "Let me see.", "label": "plan"}) + "\n" for row in "ab"))
    code, _, err = sgram(capsys, "--calibrate", few)
    assert code == 3
    assert "20 labeled sentences or more" in err
    assert "got 2 and 0" in err
