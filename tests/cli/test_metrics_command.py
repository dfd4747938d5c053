"""``sgram metrics`` as people call it."""

import csv
import json

import pytest

from sgram.cli import main
from sgram.files import data_path
from sgram.traces import Trace, write_traces

SAMPLES = str(data_path("sample_traces.jsonl"))


def call(capsys, *arguments):
    """(exit code, stdout, stderr)"""
    with pytest.raises(SystemExit) as exit_info:
        main(["metrics", *map(str, arguments)])
    captured = capsys.readouterr()
    return exit_info.value.code, captured.out, captured.err


@pytest.fixture
def rollouts(tmp_path):
    """Eight traces of two models, one with a name that is an escape sequence."""
    texts = ["Wait, let me check. We have 2 + 2 = 5.", "So we add 2 + 2 = 4. So it is 4."]
    traces = [
        Trace(id=f"{n}", group=f"p{n // 2}", text=texts[n % 2], correct=n % 2 == 1, model=["m", "evil\x1b[31m"][n // 4])
        for n in range(8)
    ]
    write_traces(traces, tmp_path / "rollouts.jsonl")
    return tmp_path / "rollouts.jsonl"


def test_the_main_tables_are_printed_with_intervals_beside_placebos(capsys):
    code, out, err = call(capsys, SAMPLES, "--placebos", 1)
    assert code == 0
    assert "108 traces of 3 models" in out
    assert "SGs [95 %]" in out
    assert "placebo" in out
    for title in (
        "how often they are correct",
        "planning share",
        "semantic entropy at equal size, nats",
        "entropy of what follows a span, nats",
        "kinds of errors, of wrong traces",
        "equations that do not hold",
        "lengths of work between plans",
    ):
        assert f"\n{title}" in out
    (line,) = [
        text_line for text_line in out.splitlines() if text_line.startswith("sample-searcher") and " all " in text_line
    ]
    share, low, high = (
        float(text_line)
        for text_line in line.replace(",", " ").replace("[", " ").replace("]", " ").replace("%", " ").split()[3:6]
    )
    assert low < share < high
    assert "sgram metrics --model" in err, "what is left out is told, with the way to it"
    assert "tables: corpus, success, shares, moves, grams, semantic_entropy" in err
    # the last lines are the headlines: the first is the range of pass@1, 22 to 24 of 36 traces, the largest last
    headlines = out.rstrip("\n").split("\n\n")[-1].splitlines()
    assert len(headlines) > 2
    assert headlines[0].startswith("Accuracy (pass@1): ")
    assert headlines[0].index("61.1 %") < headlines[0].index("66.7 %") < headlines[0].index("sample-textbook")


def test_kinds_that_do_not_occur_are_left_out_and_missing_placebos_are_dashes(capsys):
    _, out, _ = call(capsys, SAMPLES, "--placebos", 1)
    blocks = {block.splitlines()[0].strip(): block.splitlines()[1:] for block in out.split("\n\n")}
    assert {line.split()[1] for line in blocks["kinds of errors, of wrong traces: at least"][1:]} == {
        "strategic",
        "procedural",
    }
    head, *lines = blocks["semantic entropy at equal size, nats"]
    assert head.split()[:6] == ["source", "bins", "SGs", "[95", "%]", "placebo"]
    (moves,) = [line for line in lines if line.startswith("sample-searcher") and " moves " in line]
    assert " - " in moves, "random grams make no moves"


def test_one_table_is_printed_whole(capsys):
    code, out, _ = call(capsys, SAMPLES, "--placebos", 0, "--table", "corpus", "--table", "moves")
    assert code == 0
    assert out.count("sample-terse") > 6
    assert "not_judged" in out
    assert "planning share" not in out


def test_a_table_that_is_not_there_is_told(capsys):
    code, _, err = call(capsys, SAMPLES, "--table", "curve")
    assert code == 2
    assert "unknown table 'curve'; the tables are corpus, success" in err
    code, _, err = call(capsys, SAMPLES, "--placebos", 0, "--table", "curves")
    assert code == 2
    assert "these inputs give no table curves" in err


def test_json_holds_every_table_and_says_its_format(capsys):
    code, out, _ = call(capsys, SAMPLES, "--placebos", 0, "--json")
    assert code == 0
    document = json.loads(out)
    assert (document["format"], document["version"]) == ("sgram-metrics", 1)
    names = [column["name"] for column in document["tables"]["corpus"]["columns"]]
    assert dict(zip(names, document["tables"]["corpus"]["rows"][0], strict=True))["traces"] == 36
    assert document["provenance"]["inputs"][0]["traces"] == 108
    (accuracy,) = [
        finding
        for finding in document["findings"]
        if finding["question"] == "accuracy" and finding["source"] == "sample-textbook"
    ]
    assert (accuracy["measure"], accuracy["verdict"], accuracy["n"]) == ("success", "measured", 36)
    assert accuracy["estimate"]["value"] == pytest.approx(24 / 36, abs=1e-6)
    assert accuracy["text"].startswith("sample-textbook: accuracy (pass@1): 66.7 % [")
    assert {finding["measure"] for finding in document["findings"]} <= set(document["tables"])
    code, out, _ = call(capsys, SAMPLES, "--placebos", 0, "--json", "--table", "corpus")
    assert list(json.loads(out)["tables"]) == ["corpus"]


def test_tables_are_written_as_csv(capsys, tmp_path):
    code, _, err = call(capsys, SAMPLES, "--placebos", 0, "--csv", tmp_path / "tables")
    assert code == 0
    with (tmp_path / "tables" / "corpus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["traces"] for row in rows] == ["36", "36", "36"]
    assert "tables written to" in err


def test_the_same_command_prints_the_same_bytes(capsys, rollouts):
    first = call(capsys, rollouts, "--json", "--seed", 5)
    assert first == call(capsys, rollouts, "--json", "--seed", 5)


def test_what_traces_hold_cannot_move_the_terminal(capsys, rollouts):
    for flags in ((), ("--table", "corpus"), ("--json",)):
        code, out, err = call(capsys, rollouts, *flags)
        assert code == 0
        assert "\x1b[31m" not in out + err
    assert "evil\\x1b[31m" in call(capsys, rollouts)[1]


def test_names_that_cannot_be_meant_are_refused(capsys, rollouts, tmp_path):
    for arguments, sentence in (
        ((rollouts, "-o", tmp_path / "x.jsonl"), "-o is for rollouts that --model scores"),
        ((rollouts, "--model", "smollm2"), "--model needs -o"),
        ((rollouts, "--model", "smollm2", "-o", rollouts), "is an input"),
        ((tmp_path, "--model", "smollm2", "-o", tmp_path / "x.jsonl"), "lies in an input folder"),
        ((rollouts, "--csv", rollouts), "is a file; name a folder"),
        ((rollouts, "--csv", rollouts / "x"), "is not a folder; name another path"),
        ((rollouts, "--csv", "-"), "write ./- if it is one"),
        ((rollouts, "--model", "smollm2", "-o", "-"), "write ./- if it is one"),
        ((rollouts, "--model", "smollm2", "-o", "x.txt"), "rollouts are written as .jsonl"),
        ((rollouts, "--model", "smollm2", "-o", tmp_path / ("a" * 300 + ".jsonl")), "name another path"),
        ((rollouts, "--quarantine", tmp_path / "q"), "sgram read --quarantine"),
        (("--no-such",), "unknown option --no-such"),
        ((rollouts, "--placebos", "-1"), "n_placebos must be >= 0 (got -1)"),
    ):
        code, _, err = call(capsys, *arguments)
        assert (code, sentence in err) == (2, True), err
    for flags in ((), ("--dry-run",)):
        code, _, err = call(capsys, tmp_path / "missing.jsonl", *flags)
        assert (code, "cannot read" in err) == (3, True)


def test_a_dry_run_says_what_would_be_read(capsys, rollouts):
    code, out, _ = call(capsys, rollouts, "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["inputs"] == [{"path": str(rollouts), "kind": "traces", "source": None}]
    code, out, _ = call(capsys, rollouts, "--dry-run")
    assert out.startswith("traces")


def test_a_model_scores_rollouts_once_and_its_tokens_are_analyzed(capsys, rollouts, tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
    from sgram.testbed.warmup import make_model
    from sgram.training.models import LoadedModel, save_model

    tokenizer = make_tokenizer(TestbedConfig())
    save_model(LoadedModel(make_model(tokenizer, WarmUpConfig()), tokenizer), tmp_path / "model")
    scored = tmp_path / "scored.jsonl.gz"
    code, out, _ = call(capsys, rollouts, "--model", tmp_path / "model", "--dry-run", "--json")
    assert code == 0
    assert json.loads(out)["scoring"]["traces"] == 8
    assert not scored.exists()
    code, out, err = call(capsys, rollouts, "--model", tmp_path / "model", "-o", scored, "--placebos", 0)
    assert code == 0
    assert "8 of 8 traces scored" in err
    assert "token entropy, nats" in out
    again = call(capsys, scored, "--tokenizer", f"{scored}.tokenizer.json", "--placebos", 0)
    assert again[1] == out, "nothing needs to be computed again"


def test_help_needs_none_of_the_libraries(capsys):
    code, out, _ = call(capsys, "--help")
    assert code == 0
    assert "sgram metrics rollouts.jsonl --model smollm2" in out


def test_one_part_is_counted_and_said_in_title_note_json_and_plan(tmp_path, capsys):
    texts = ["<think>Wait, let me check.</think>\n\nIt is 4.", "So it is 4."]
    traces = [Trace(id=f"{n}", group=f"p{n}", text=texts[n // 6], correct=n % 2 == 1, model="m") for n in range(8)]
    write_traces(traces, tmp_path / "rollouts.jsonl")
    arguments = (tmp_path / "rollouts.jsonl", "--part", "reasoning", "--placebos", 0)
    code, out, err = call(capsys, *arguments)
    assert code == 0
    assert out.startswith("6 traces of m, reasoning only")
    assert "Part reasoning: 2 of 8 traces have no marked reasoning and are left out; " in err
    document = json.loads(call(capsys, *arguments, "--json")[1])
    assert (document["part"], document["provenance"]["config"]["part"]) == ("reasoning", "reasoning")
    columns = [column["name"] for column in document["tables"]["corpus"]["columns"]]
    (row,) = document["tables"]["corpus"]["rows"]
    # "Wait, let me check.", six times
    assert row[columns.index("words")] == 24
    assert "part     reasoning" in call(capsys, *arguments, "--dry-run")[1]
    assert json.loads(call(capsys, *arguments, "--dry-run", "--json")[1])["part"] == "reasoning"
