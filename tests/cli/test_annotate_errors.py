"""``sgram annotate export --errors`` and what comes after it, as a user runs it."""

import json
import re

import pytest

from sgram.cli import main
from sgram.diagnosis.error_items import read_error_sample
from sgram.diagnosis.error_ratings import read_error_ratings
from sgram.traces import Trace, write_traces
from tests.builders.wrong_traces import wrong_trace


@pytest.fixture
def run(capsysbinary, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_info:
            main(list(map(str, arguments)))
        out, err = (stream.decode() for stream in capsysbinary.readouterr())
        return exit_info.value.code, out, err

    return call


@pytest.fixture
def exported(run, tmp_path):
    """The folder of a page with 6 of 12 wrong traces."""
    traces = [wrong_trace(str(number), model="m") for number in range(12)]
    write_traces([*traces, Trace(id="right", text="It is 2.", correct=True)], tmp_path / "in.jsonl")
    code, out, err = run("annotate", "export", tmp_path / "in.jsonl", "--errors", "-n", 6, "-o", tmp_path / "page.html")
    assert code == 0, err
    assert "6 of 12 wrong traces" in err
    assert [line.split() for line in out.splitlines()][-1] == ["m", "6"]
    return tmp_path


def rate(folder, rater, labels):
    """Write the download of the page with a label for each item; None is skipped."""
    items = read_error_sample(folder / "page.items.jsonl").items
    rows = [
        {"item": item.item, "rater": rater, "label": label} for item, label in zip(items, labels, strict=True) if label
    ]
    (folder / f"{rater}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / f"{rater}.jsonl"


def test_the_page_asks_for_kinds_and_hides_what_the_classifier_says(exported):
    page = (exported / "page.html").read_text(encoding="utf-8")
    sample = json.loads(re.search(r'id="sample">(.*?)</script>', page)[1])
    assert [label["label"] for label in sample["labels"]][:2] == ["strategic", "procedural"]
    assert sample["item_name"] == "response"
    assert all(set(item) == {"item", "text", "start", "end"} for item in sample["items"])
    assert all(item["text"].startswith("Problem\n\nWhat is ") for item in sample["items"])
    assert "Why is this response wrong?" in page
    assert "passage" not in page


def test_answers_become_ratings_whose_agreement_is_measured(exported, run):
    ada = rate(exported, "ada", ["strategic"] * 3 + ["procedural", "format", None])
    bob = rate(exported, "bob", ["strategic"] * 3 + ["procedural", "not-wrong", "format"])
    rated, key = exported / "rated.jsonl", exported / "page.items.jsonl"
    code, out, _ = run("annotate", "import", ada, bob, "--items", key, "-o", rated)
    assert (code, out.split()[3:]) == (0, ["ada", "5", "6", "bob", "6", "6"])
    assert read_error_ratings(rated).n_tied == 1
    code, out, _ = run("agreement", rated, "--items", key, "--json")
    measured = json.loads(out)
    # five items were rated twice, four of them alike
    assert (code, measured["overall"]["agreement"]["value"]) == (0, 0.8)
    assert measured["judged_strategic"] is None
    code, out, _ = run("agreement", rated, "--items", key)
    assert code == 0
    assert "[Response]" in out


def test_labels_of_phrases_and_items_of_others_are_refused(exported, run):
    ada = rate(exported, "ada", ["deduction"] * 6)
    key = exported / "page.items.jsonl"
    code, _, err = run("annotate", "import", ada, "--items", key)
    assert (code, "unknown label 'deduction'; must be one of strategic, procedural" in err) == (3, True)
    code, _, err = run("annotate", "import", ada, "--items", key, "--lexicon", "wang2025")
    assert (code, "which are of no lexicon; leave out --lexicon" in err) == (2, True)
    code, _, err = run("annotate", "import", key, "--items", key)
    assert (code, "is the items file of an export" in err) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--errors", "--controls", "0.5"], "are for phrases; leave them out with --errors"),
        (["--errors", "--all-grams"], "are for phrases; leave them out with --errors"),
        (["--errors", "-n", "0"], "n must be between 1 and 10,000 (got 0)"),
        ([], "takes a lexicon and rollouts"),
    ],
)
def test_an_export_that_cannot_be_meant_is_refused(arguments, words, exported, run):
    code, _, err = run("annotate", "export", exported / "in.jsonl", *arguments, "-o", exported / "other.html")
    assert (code, words in err) == (2, True), err
    assert not (exported / "other.html").exists()


def test_traces_without_an_error_leave_no_file(run, tmp_path):
    write_traces([Trace(id="right", text="It is 2.", correct=True)], tmp_path / "in.jsonl")
    code, _, err = run("annotate", "export", tmp_path / "in.jsonl", "--errors", "-o", tmp_path / "page.html")
    assert (code, "no trace is wrong, so there is no error to rate" in err) == (3, True)
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]
