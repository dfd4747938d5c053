"""The command, on the shipped sample traces and on rollouts made by hand."""

import csv
import io
import json
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.files import data_path
from sgram.traces import Trace, write_traces
from tests.builders.judge_endpoint import serving, verdict

SAMPLE = data_path("sample_traces.jsonl")
RIGHT = "We get 6 + 9 = 15, so 15 * 2 = 30. The answer is 30."
SLIP = "We get 6 + 9 = 16, so 16 * 2 = 32. The answer is 32."


def diagnose(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command."""
    with pytest.raises(SystemExit) as exit_info:
        main(["diagnose", *map(str, arguments)])
    captured = capsys.readouterr()
    return exit_info.value.code, captured.out, captured.err


def rollouts(folder: Path, *traces: Trace) -> Path:
    path = folder / "rollouts.jsonl"
    write_traces(traces, path)
    return path


PAIR = (
    Trace(id="r", group="g", text=RIGHT, correct=True, model="m"),
    Trace(id="w", group="g", text=SLIP, correct=False, model="m"),
)


def test_kinds_are_printed_with_evidence_and_written(tmp_path, capsys):
    code, out, err = diagnose(capsys, SAMPLE, "-o", tmp_path / "d.jsonl", "--csv", tmp_path / "d.csv")
    assert code == 0
    assert "40 of 108 judged traces are wrong; 40 of them have a correct sibling." in out
    assert "at least [95 %]" in out
    assert "Of 40 wrong traces: strategic " in out
    assert "--- strategic" in out
    assert "--- procedural" in out
    assert err.count("40 diagnoses written") == 2
    lines = (tmp_path / "d.jsonl").read_text().splitlines()
    rows = list(csv.reader(io.StringIO((tmp_path / "d.csv").read_text())))
    assert len(lines) == len(rows) - 1 == 40
    assert [json.loads(line)["id"] for line in lines] == [row[0] for row in rows[1:]]


def test_json_is_one_object_whose_counts_add_up(tmp_path, capsys):
    code, out, _ = diagnose(capsys, SAMPLE, "--json")
    document = json.loads(out)
    assert (code, document["format"], document["version"]) == (0, "sgram-diagnose", 1)
    assert sum(row["count"] for row in document["kinds"]) == document["n_wrong"] == 40
    assert document["n_traces"] == document["n_wrong"] + document["n_correct"] + document["n_not_judged"]
    assert {row["model"] for row in document["models"]} == {"sample-terse", "sample-textbook", "sample-searcher"}
    assert document["judge"] is None
    assert diagnose(capsys, SAMPLE, "--json")[1] == out


def test_stdin_is_held_and_gives_the_same(tmp_path, capsys, monkeypatch):
    file = rollouts(tmp_path, *PAIR)
    _, from_file, _ = diagnose(capsys, file, "--json")

    class Stdin:
        buffer = io.BytesIO(file.read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin())
    code, from_stdin, err = diagnose(capsys, "-", "--json")
    assert code == 0, err
    assert json.loads(from_stdin)["kinds"] == json.loads(from_file)["kinds"]


def test_traces_of_which_nothing_is_known_are_said_to_be_so(tmp_path, capsys):
    blank = rollouts(tmp_path, *(Trace(id=str(number), text="x") for number in range(3)))
    code, out, err = diagnose(capsys, blank)
    assert (code, out) == (3, "")
    assert "none has a verdict (field correct), and none has a reference answer" in err
    path = rollouts(tmp_path, *PAIR, Trace(id="u", text="x"))
    code, _, err = diagnose(capsys, path)
    assert code == 0
    assert "1 of 3 traces have no verdict and are left out: 1 have no reference answer" in err
    good = rollouts(tmp_path, PAIR[0])
    code, out, err = diagnose(capsys, good, "-o", tmp_path / "d.jsonl")
    assert (code, (tmp_path / "d.jsonl").read_bytes()) == (0, b"")
    assert "none of the 1 judged traces is wrong" in err


def test_an_earlier_file_stays_if_nothing_is_judged(tmp_path, capsys):
    blank = rollouts(tmp_path, Trace(id="a", text="x"))
    for name in ("d.jsonl", "d.csv"):
        (tmp_path / name).write_text("earlier")
    code, out, err = diagnose(capsys, blank, "-o", tmp_path / "d.jsonl", "--csv", tmp_path / "d.csv")
    assert (code, out) == (3, "")
    assert "nothing to diagnose" in err
    assert [(tmp_path / name).read_text() for name in ("d.jsonl", "d.csv")] == ["earlier", "earlier"]


def test_above_a_limit_a_sample_is_diagnosed_and_said_to_be_one(tmp_path, capsys):
    traces = [Trace(id=f"{n}", group=f"g{n % 4}", text=SLIP, correct=False, step=n // 8) for n in range(16)]
    file = rollouts(tmp_path, *traces)
    code, out, err = diagnose(capsys, file, "--max-diagnosed", 8, "--csv", tmp_path / "d.csv")
    assert code == 0
    assert "Of 16 wrong traces, 8 of them diagnosed: " in out
    assert "8 of 16 wrong traces are diagnosed, a sample stratified by step and problem" in err
    rows = list(csv.DictReader(io.StringIO((tmp_path / "d.csv").read_text())))
    assert [float(row["weight"]) for row in rows] == [2.0] * 8
    document = json.loads(diagnose(capsys, file, "--max-diagnosed", 8, "--json")[1])
    assert (document["n_wrong"], document["n_diagnosed"]) == (16, 8)
    assert {row["n_wrong"] for row in document["kinds"]} == {16}
    assert sum(row["share"] for row in document["kinds"]) == pytest.approx(1)


def test_accuracy_by_the_grader_stands_beside_that_of_the_file(tmp_path, capsys):
    traces = [
        Trace(id="a", text="It is 4. The answer is 4.", reference="4", correct=True),
        Trace(id="b", text="It is 4. The answer is 4.", reference="4", correct=False),
        Trace(id="c", text=SLIP, reference="30", correct=False),
    ]
    file = rollouts(tmp_path, *traces)
    _, out, _ = diagnose(capsys, file)
    first = out.splitlines()[0]
    assert first.startswith("Accuracy 33.3 % [")
    assert " by the file, 66.7 % [" in first
    assert first.endswith("the grader calls 1 wrong answers right and 0 right ones wrong.")
    document = json.loads(diagnose(capsys, file, "--json")[1])
    assert document["accuracy"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    assert document["regraded_accuracy"]["value"] == pytest.approx(2 / 3, abs=1e-6)
    assert (document["n_not_wrong"], document["n_not_right"], document["n_correct"]) == (1, 0, 1)


def test_references_tell_right_from_wrong_unless_that_is_not_wanted(tmp_path, capsys):
    pytest.importorskip("math_verify", reason="answers are compared with sgram[train]")
    traces = [
        Trace(id="a", text=SLIP + " \\boxed{32}", reference="30"),
        Trace(id="b", text="\\boxed{30}", reference="30"),
    ]
    file = rollouts(tmp_path, *traces)
    document = json.loads(diagnose(capsys, file, "--json")[1])
    assert (document["n_wrong"], document["n_correct"]) == (1, 1)
    code, _, err = diagnose(capsys, file, "--no-judge-answers")
    assert code == 3
    assert "leave out --no-judge-answers" in err


def test_limits_and_conditions_hold_in_every_pass(tmp_path, capsys):
    file = rollouts(tmp_path, *PAIR, Trace(id="late", group="g", text=SLIP, correct=False, model="n"))
    assert json.loads(diagnose(capsys, file, "--json", "--limit", 2)[1])["n_wrong"] == 1
    document = json.loads(diagnose(capsys, file, "--json", "--where", "model=n")[1])
    assert (document["n_wrong"], document["n_wrong_with_siblings"]) == (1, 0)


def test_rows_that_cannot_be_read_are_told_once(tmp_path, capsys):
    file = rollouts(tmp_path, *PAIR)
    file.write_text(file.read_text() + "not json\n")
    code, out, err = diagnose(capsys, file, "--json", "--max-bad", 0.5)
    assert code == 0
    assert json.loads(out)["rows_quarantined"] == 1
    assert err.count("rows set aside") == 1


def test_nothing_of_a_trace_reaches_the_terminal_as_it_is(tmp_path, capsys):
    evil = "\x1b]0;owned\x07"
    traces = [
        Trace(id="a" + evil, text=f"[bold]{evil} So 6 + 9 = 16. The answer is 16.", correct=False, model=f"m{evil}"),
        Trace(id="b", group="g", text=f"loop {evil}x " * 40, correct=False, model="=1+1"),
    ]
    code, out, err = diagnose(capsys, rollouts(tmp_path, *traces), "--csv", tmp_path / "d.csv")
    assert code == 0
    assert "\x1b" not in out + err
    cells = [cell for row in csv.reader(io.StringIO((tmp_path / "d.csv").read_text())) for cell in row]
    assert "'=1+1" in cells


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--seed", "-1"), "--seed"),
        (("--limit", "0"), "--limit"),
        (("-o", "d.txt"), ".jsonl or .parquet"),
        (("-o", "/dev/null/d.jsonl"), "is not a folder"),
        (("--csv", "."), "it is a folder"),
        (("-o", "same.jsonl", "--csv", "same.jsonl"), "give each a file of its own"),
        (("--nonsense",), "option"),
        (("--judge-model", "m"), "give its URL with --judge"),
        (("--dry-run",), "give its URL with --judge"),
        (("--judge", "localhost", "--judge-model", "m"), "invalid http(s) URL"),
        (("--judge", "http://localhost/v1"), "give --judge-model"),
        (("--judge", "http://localhost/v1", "--judge-model", "m", "--judge-traces", "0"), "--judge-traces"),
        (("--lexicon", "no-such-lexicon"), "no-such-lexicon"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_read(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = diagnose(capsys, SAMPLE, *arguments)
    assert code in (2, 3)
    assert words in err
    assert (out, list(tmp_path.iterdir())) == ("", [])


def test_an_input_is_never_written_over(tmp_path, capsys):
    file = rollouts(tmp_path, *PAIR)
    before = file.read_bytes()
    code, _, err = diagnose(capsys, file, "-o", file)
    assert (code, file.read_bytes()) == (2, before)
    assert "is an input" in err
    code, _, err = diagnose(capsys, tmp_path, "-o", tmp_path / "new.jsonl")
    assert (code, list(tmp_path.iterdir())) == (2, [file])
    assert "lies in an input folder" in err


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_judge_is_asked_when_wanted_and_compared_with_the_offline_kinds(tmp_path, capsys):
    def reply(body, number):
        return verdict("procedural" if "= 16," in body["messages"][1]["content"] else "strategic", "r", "The answer is")

    file = rollouts(
        tmp_path, *PAIR, Trace(id="p", group="g", text="6 * 9 = 54, 54 - 6 = 48. The answer is 48.", correct=False)
    )
    with serving(reply) as endpoint:
        flags = ("--judge", endpoint.url, "--judge-model", "small", "--judge-dir", tmp_path / "runs")
        code, _, err = diagnose(capsys, file, *flags, "--dry-run", "--price-in", 2, "--price-out", 8)
        assert (code, endpoint.bodies) == (0, [])
        assert "the judge would be asked 2 times" in err
        assert "at --price-in and --price-out; no request was sent" in err

        code, out, err = diagnose(capsys, file, *flags)
        assert (code, len(endpoint.bodies)) == (0, 2)
        assert "small / classifier" in out
        assert '--- small: strategic at "The answer is"  p' in out
        assert "classifier and small" in out
        assert "Cohen's kappa" in out
        assert "judge asked 2 times, 0 replies taken from the cache: 200 tokens in, 40 out" in err

        document = json.loads(diagnose(capsys, file, *flags, "--json", "--judge-traces", 1)[1])
        assert len(endpoint.bodies) == 2  # remembered
        (judgment,) = document["judge"]["judgments"]
        assert judgment["kind"] == {"w": "procedural", "p": "strategic"}[judgment["id"]]
