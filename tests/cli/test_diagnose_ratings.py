"""``sgram diagnose`` with ratings and with a judge, as a user runs it."""

import csv
import json

import pytest

from sgram.cli import main
from sgram.diagnosis.error_items import read_error_sample
from sgram.traces import write_traces
from tests.builders.judge_endpoint import completion, serving, verdict
from tests.builders.wrong_traces import wrong_trace

KEY = "sk-very-secret-0123456789"


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
def rollouts(tmp_path):
    """40 wrong answers without evidence of anything, of two models."""
    traces = [wrong_trace(str(number), model=f"m{number % 2}", step=number // 20) for number in range(40)]
    write_traces(traces, tmp_path / "in.jsonl")
    return tmp_path / "in.jsonl"


@pytest.fixture
def rated(run, rollouts, tmp_path):
    """Ratings of 20 of them by two people: those of m0 are strategic, those of m1 procedural, and one is a tie."""
    page = tmp_path / "page.html"
    assert run("annotate", "export", rollouts, "--errors", "-n", 20, "-o", page)[0] == 0
    items = read_error_sample(tmp_path / "page.items.jsonl").items
    for rater in ("ada", "bob"):
        labels = ["strategic" if item.source == "m0" else "procedural" for item in items]
        labels[0] = labels[0] if rater == "ada" else "format"
        rows = [{"item": item.item, "rater": rater, "label": label} for item, label in zip(items, labels, strict=True)]
        (tmp_path / f"{rater}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = [tmp_path / "ada.jsonl", tmp_path / "bob.jsonl"]
    path = tmp_path / "rated.jsonl"
    assert run("annotate", "import", *answers, "--items", tmp_path / "page.items.jsonl", "-o", path)[0] == 0
    return path


def test_shares_are_corrected_and_printed_beside_those_of_the_classifier(run, rollouts, rated):
    code, out, err = run("diagnose", rollouts, "--ratings", rated, "--show", 0)
    assert code == 0, err
    assert "1 rated traces have no majority among their raters and are left out" in err
    assert "Corrected by 19 rated traces (2 raters): shares of all wrong traces" in out
    assert "ratings alone [95 %]" in out
    assert "Strategic or procedural, which is more frequent: no difference shown (" in out
    lines = {tuple(line.split()[:3]) for line in out.splitlines()}
    assert {("m0", "20", "10"), ("m1", "20", "9")} <= lines or {("m0", "20", "9"), ("m1", "20", "10")} <= lines
    assert "ada and bob" in out
    code, out, _ = run("diagnose", rollouts, "--ratings", rated, "--json")
    ratings = json.loads(out)["ratings"]
    assert (ratings["n_ratings"], ratings["n_rated"], ratings["n_tied"], ratings["missing"]) == (40, 19, 1, [])
    assert ratings["raters"] == ["ada", "bob"]
    assert {source["name"]: source["kinds"][0]["corrected"]["value"] for source in ratings["sources"]} == {
        "m0": 1.0,
        "m1": 0.0,
    }
    assert [step["name"] for step in ratings["steps"]] == ["0", "1"]
    assert sum(kind["corrected"]["value"] for kind in ratings["kinds"]) == pytest.approx(1)


def test_ratings_of_other_traces_are_named_and_those_of_other_texts_refused(run, rollouts, rated, tmp_path):
    traces = [wrong_trace(str(number), model="m0") for number in range(30)]
    write_traces(traces, tmp_path / "fewer.jsonl")
    code, _, err = run("diagnose", tmp_path / "fewer.jsonl", "--ratings", rated)
    assert code == 0
    assert "rated traces are not among the wrong traces and are left out: '3" in err
    assert "the rated traces were drawn from 40 wrong traces, these are 30" in err
    write_traces([wrong_trace(str(number), text="Another.") for number in range(40)], tmp_path / "changed.jsonl")
    (tmp_path / "d.jsonl").write_text("earlier")
    code, out, err = run("diagnose", tmp_path / "changed.jsonl", "--ratings", rated, "-o", tmp_path / "d.jsonl")
    assert (code, out, (tmp_path / "d.jsonl").read_text()) == (3, "", "earlier")
    assert "has another text than the one that was rated" in err
    write_traces([wrong_trace(str(number)) for number in range(70, 80)], tmp_path / "others.jsonl")
    code, _, err = run("diagnose", tmp_path / "others.jsonl", "--ratings", rated)
    assert (code, "none of the rated traces is among the wrong traces" in err) == (3, True)
    code, _, err = run("diagnose", rollouts, "--ratings", rated, "--max-diagnosed", 5)
    assert (code, "leave out --max-diagnosed" in err) == (2, True)


def test_the_report_has_corrected_shares_as_well(run, rollouts, rated, tmp_path):
    files = ("-o", tmp_path / "report.html", "--csv", tmp_path / "tables")
    code, _, err = run("report", rollouts, "--ratings", rated, "--traces", 0, *files)
    assert code == 0, err
    assert "Which errors wrong traces make, corrected by ratings" in (tmp_path / "report.html").read_text()
    rows = list(csv.DictReader((tmp_path / "tables" / "corrected_errors.csv").read_text().splitlines()))
    shares = {(row["source"], row["kind"]): float(row["corrected"]) for row in rows if row["steps"] == "all"}
    assert (shares["m0", "strategic"], shares["m1", "procedural"]) == (1.0, 1.0)
    write_traces([wrong_trace(str(number), text="Another.") for number in range(40)], rollouts)
    (tmp_path / "report.html").write_text("earlier")
    code, _, err = run("report", rollouts, "--ratings", rated, *files)
    assert (code, "has another text than the one that was rated" in err) == (3, True)
    assert (tmp_path / "report.html").read_text() == "earlier"


def test_ratings_by_trace_id_are_taken_for_a_random_sample_and_that_is_said(run, rollouts, tmp_path):
    rows = [{"item": str(number), "rater": "ada", "label": "unclear"} for number in range(0, 40, 4)]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, err = run("diagnose", rollouts, "--ratings", tmp_path / "own.jsonl", "--json")
    assert code == 0
    assert "they are taken for a random sample of these wrong traces" in err
    shares = {kind["kind"]: kind["corrected"]["value"] for kind in json.loads(out)["ratings"]["kinds"]}
    assert shares["undecided"] == 1.0


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_judge_is_corrected_by_ratings_and_compared_with_everybody(run, rollouts, rated, tmp_path):
    def reply(body, number):
        problem = int(body["messages"][1]["content"].split("What is ")[1].split(" ")[0])
        return verdict("procedural" if problem % 2 else "strategic", "so it is", "It is")

    with serving(reply) as endpoint:
        flags = ("--judge", endpoint.url, "--judge-model", "small", "--judge-dir", tmp_path, "--judge-traces", 36)
        code, out, err = run("diagnose", rollouts, "--ratings", rated, *flags, "--json")
        assert code == 0, err
        assert 36 <= len(endpoint.bodies) <= 40  # a random sample, and the rated ones
        document = json.loads(out)
        judged = document["ratings"]["judge"]
        assert (judged["n_traces"], judged["n_rated"]) == (36, 19)
        strategic = judged["kinds"][0]
        # 36 judged traces correct 19 rated ones by next to nothing
        assert strategic["corrected"]["low"] <= strategic["predicted"] <= strategic["corrected"]["high"]
        agreement = {tuple(pair["raters"]): pair["agreement"]["value"] for pair in document["agreement"]}
        assert agreement["raters", "small"] == 1.0
        assert {("classifier", "small"), ("classifier", "raters"), ("ada", "bob")} <= set(agreement)
        code, out, err = run("diagnose", rollouts, "--ratings", rated, *flags)
        heads = [line.split()[3] for line in out.splitlines() if "ratings alone [95 %]" in line]
        assert heads == ["classifier", "small"]
        assert "0 times" in err  # all from the cache


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        ((401, {}, f"wrong key {KEY}".encode()), 2, "refuses the key (401)"),
        ((404, {}, KEY.encode()), 2, "cannot be asked"),
        ((200, {}, b"<html>sign in</html>"), 1, "no chat completion"),
        (completion("I do not know."), 1, "named no kind in 40 replies"),
    ],
)
def test_without_an_answer_the_exit_code_says_so_and_earlier_files_stay(
    run, rollouts, tmp_path, monkeypatch, reply, code, words
):
    monkeypatch.setenv("SGRAM_JUDGE_KEY", KEY)
    outputs = [tmp_path / "d.jsonl", tmp_path / "d.csv"]
    for path in outputs:
        path.write_text("earlier")
    with serving(lambda body, number: reply) as endpoint:
        flags = ("--judge", endpoint.url, "--judge-model", "m", "--judge-dir", tmp_path / "runs")
        result = run("diagnose", rollouts, *flags, "-o", outputs[0], "--csv", outputs[1])
    assert result[:2] == (code, "")
    assert words in result[2]
    assert KEY not in result[2]
    assert [path.read_text() for path in outputs] == ["earlier", "earlier"]


def test_an_unknown_judge_is_refused_before_anything_is_read(run, rollouts):
    code, _, err = run("diagnose", rollouts, "--judge", "oracle")
    assert (code, "unknown judge 'oracle'; give the URL of an OpenAI-compatible endpoint" in err) == (2, True)
