"""``sgram annotate disputes`` and ``gold``, from ratings to labels that ``sgram validate`` reads."""

import csv
import io
import json

import pytest

from sgram.annotation.items import encode_sample
from sgram.annotation.ratings import Rating, read_ratings, write_ratings
from sgram.cli import main
from sgram.diagnosis.error_items import ErrorItem, ErrorSample, encode_error_sample
from sgram.evaluation.labeled_documents import Unit, read_labels
from tests.builders.annotation_examples import item, sample

PHRASES = sample(item("a1"), item("b2"), item("c3", kind="control"))
NAMES = ("a1", "b2", "c3")
# they agree on a1, and differ on b2 and c3
LABELS = {"ada": ("other", "deduction", "procedural"), "ben": ("other", "branching", "other")}


@pytest.fixture
def run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_info:
            main(["annotate", *map(str, arguments)])
        printed = capsys.readouterr()
        return exit_info.value.code, printed.out, printed.err

    return call


@pytest.fixture
def study(tmp_path):
    """(ratings, items file) of three phrases and two raters."""
    ratings, items = tmp_path / "ratings.jsonl", tmp_path / "study.items.jsonl"
    rows = [
        Rating(name, rater, label)
        for rater, labels in LABELS.items()
        for name, label in zip(NAMES, labels, strict=True)
    ]
    write_ratings(ratings, rows)
    items.write_bytes(encode_sample(PHRASES))
    return ratings, items


def fill_in(path, labels):
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    saved = io.StringIO(newline="")
    table = csv.DictWriter(saved, rows[0])
    table.writeheader()
    table.writerows({**row, "label": labels.get(row["item"], "")} for row in rows)
    path.write_text(saved.getvalue(), encoding="utf-8")


def test_disputes_go_out_and_verdicts_come_in_as_gold_for_validate(run, study, tmp_path):
    ratings, items = study
    table, gold = tmp_path / "disputes.csv", tmp_path / "gold.jsonl"
    code, out, err = run("disputes", ratings, "--items", items, "-o", table)
    assert (code, out, "2 items for the adjudicator" in err) == (0, "", True)
    fill_in(table, {"b2": "Branching"})
    code, out, err = run("gold", ratings, "--items", items, "--verdicts", table, "-o", gold)
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [["by", "verdict", "1"], ["all", "raters", "agree", "1"]]
    assert "1 items in dispute have no verdict and are left out" in err
    documents = read_labels(gold)
    assert [(document.id, document.text, document.units) for document in documents] == [
        ("a1", "But wait, is it?", (Unit(4, 8, ("other",)),)),
        ("b2", "But wait, is it?", (Unit(4, 8, ("branching",)),)),
    ]


def test_an_adjudicator_may_use_the_page_and_sees_only_the_disputes(run, study, tmp_path):
    ratings, items = study
    page = tmp_path / "disputes.html"
    code, out, _ = run("disputes", ratings, "--items", items, "-o", page, "--json")
    assert (code, json.loads(out)["n_disputes"], json.loads(out)["n_items"]) == (0, 2, 3)
    content = page.read_text(encoding="utf-8")
    assert '"item":"b2"' in content
    assert '"item":"a1"' not in content
    assert "<title>Phrases in context</title>" in content
    assert not (tmp_path / "disputes.items.jsonl").exists()


def test_sentences_that_sgram_did_not_export_have_their_texts_in_a_file(run, tmp_path):
    for rater, labels in (("ada", "plan\ns2,fact"), ("ben", "plan\ns2,plan")):
        (tmp_path / f"{rater}.csv").write_text(f"item,label\ns1,{labels}\n")
    files = tmp_path / "ada.csv", tmp_path / "ben.csv"
    texts, table, gold = tmp_path / "texts.csv", tmp_path / "disputes.csv", tmp_path / "gold.jsonl"
    texts.write_text("item,text,problem\ns1,Let me check.,p1\ns2,It is 4.,p2\n")
    assert run("disputes", *files, "--texts", texts, "-o", table)[0] == 0
    assert "It is 4." in table.read_text(encoding="utf-8-sig")
    fill_in(table, {"s2": "fact"})
    assert run("gold", *files, "--texts", texts, "--verdicts", table, "-o", gold)[0] == 0
    assert [(row.id, row.problem, row.units[0].labels) for row in read_labels(gold)] == [
        *(("s1", "p1", ("plan",)), ("s2", "p2", ("fact",)))
    ]
    code, out, _ = run("gold", *files)
    assert (code, json.loads(out)) == (0, {"item": "s1", "label": "plan", "basis": "agreed"})


def test_gold_labels_of_wrong_traces_are_ratings_for_diagnose(run, tmp_path):
    error = ErrorItem("e1", "t1", "d" * 64, "strategic", "s", None, 0.5, "Response: 4", 0, 8)
    items, ratings, gold = tmp_path / "e.items.jsonl", tmp_path / "r.jsonl", tmp_path / "gold.jsonl"
    items.write_bytes(encode_error_sample(ErrorSample(0, 2, (error,))))
    write_ratings(ratings, [Rating("e1", "ada", "strategic"), Rating("e1", "ben", "procedural")])
    (tmp_path / "v.csv").write_text("item,label,rater\ne1,Procedural,eve\n")
    code, _, _ = run("gold", ratings, "--items", items, "--verdicts", tmp_path / "v.csv", "-o", gold)
    assert (code, read_ratings(gold)) == (0, [Rating("e1", "gold", "procedural")])
    assert json.loads(gold.read_text())["trace"] == "t1"


def test_majority_and_json_tell_what_decides(run, study, tmp_path):
    ratings, items = study
    third = tmp_path / "eve.csv"
    third.write_text("item,label,rater\nb2,deduction,eve\n")
    code, out, _ = run("gold", ratings, third, "--items", items, "--majority", "-o", tmp_path / "g.jsonl", "--json")
    document = json.loads(out)
    assert (code, document["bases"], document["undecided"]) == (0, {"agreed": 1, "majority": 1, "verdict": 0}, ["c3"])


def test_what_cannot_be_meant_is_told_in_one_line(run, study, tmp_path):
    ratings, items = study
    agreed, stranger, guess = tmp_path / "agreed.jsonl", tmp_path / "stranger.jsonl", tmp_path / "guess.jsonl"
    write_ratings(agreed, [Rating("a1", rater, "other") for rater in ("ada", "ben")])
    write_ratings(stranger, [Rating("zz", "ada", "other")])
    write_ratings(guess, [Rating("b2", "eve", "guess")])
    for arguments, code, sentence in (
        (("disputes", ratings, "-o", tmp_path / "d.html"), 2, "--format html needs the items file of the export"),
        (("disputes", ratings, "-o", "-"), 2, "-o cannot go to stdout; name a file"),
        (("disputes", ratings, "-o", ratings), 2, "is an input; write to another file"),
        (("disputes", agreed, "-o", tmp_path / "d.csv"), 3, "the raters differ on no item, so there is nothing to"),
        (("disputes", stranger, "--items", items, "-o", tmp_path / "d.csv"), 3, "item 'zz' is rated, but is not in"),
        (("gold", ratings, "--items", items, "--texts", items), 2, "--items already has the texts"),
        (("gold", ratings, "--json"), 2, "--json and the gold labels both go to stdout"),
        (("gold", ratings, "--items", items, "--verdicts", guess), 3, "has the unknown label 'guess'"),
        (("gold", "--bogus"), 2, "unknown option --bogus"),
    ):
        got, out, err = run(*arguments)
        assert (got, out, sentence in err, err.count("\n")) == (code, "", True, 1), err
