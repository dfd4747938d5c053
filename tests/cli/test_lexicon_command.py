"""``sgram lexicon``, run as a user runs it: through `main`, with what it prints and its exit code."""

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.lexicon import Cluster, Gram, Lexicon


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as exit_info:
            main(["lexicon", *map(str, arguments)])
        printed = capsys.readouterr()
        return exit_info.value.code, printed.out, printed.err

    return call


def made(name="made", **source):
    doubt = (Gram(("wait",), 1500, count=1700, score=-0.25), Gram(("hold", "on"), 4, core=False))
    clusters = [
        Cluster(0, doubt, 1502, "wait", "backtracking", 1.5),
        Cluster(0, (Gram(("let", "me", "check")),), None, "let me check", "verification"),
    ]
    return Lexicon.build(name, clusters, source)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "made.json"
    made().save(path)
    return path


def test_show_prints_a_row_a_cluster_and_the_digest(run, file):
    code, out, err = run("show", file)
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["rank", "move", "df", "medoid", "members"]
    assert rows[1] == ["0", "backtracking", "1,502", "wait", "hold", "on"]
    assert rows[2] == ["1", "verification", "-", "let", "me", "check"]
    assert out.splitlines()[-1] == f"made: 2 clusters, 3 grams (2 core), digest {made().digest}"
    assert (code, err) == (0, "")


def test_show_takes_top_move_and_grams(run, file):
    _, out, err = run("show", "wang2025", "--top", 3)
    assert len(out.splitlines()) == 1 + 3 + 1
    assert "71 more rows" in err  # of 74 clusters
    _, out, err = run("show", "wang2025", "--move", "verification", "--grams", "--top", 0)
    assert len(out.splitlines()) == 1 + 19 + 1
    assert err == ""
    _, out, _ = run("show", file, "--grams")
    assert [line.split()[0] for line in out.splitlines()] == ["gram", "wait", "let", "hold", "made:"]


def test_show_prints_the_readable_list_first_and_topics_apart(run, tmp_path):
    # "maybe a typo" is in more traces than "wait", but is a topic and not in the readable list
    path = tmp_path / "topics.json"
    grams = [Gram(("maybe", "a", "typo"), 90, core=False), Gram(("wait",), 50)]
    clusters = [Cluster(0, (gram,), gram.df, gram.text, "other") for gram in grams]
    Lexicon.build("made", clusters, {"topics": {"grams": {"maybe a typo": "ill-posed"}}}).save(path)
    lines = run("show", path)[1].splitlines()
    assert [line.split()[-1] for line in lines[1:3]] == ["wait", "typo"]
    assert lines[3] == "topics of its corpus, not in the readable list: maybe a typo"
    rows = json.loads(run("show", path, "--json")[1])["clusters"]
    assert [row["medoid"] for row in rows] == ["maybe a typo", "wait"]


def test_show_json_is_one_object_with_all_rows_unless_top_says_otherwise(run, file):
    code, out, _ = run("show", "wang2025", "--json")
    document = json.loads(out)
    assert (code, document["format"], document["version"]) == (0, "sgram-lexicon-show", 1)
    assert (len(document["clusters"]), document["n_grams"], document["n_core"]) == (74, 249, 249)
    assert document["digest"] == Lexicon.load("wang2025").digest
    document = json.loads(run("show", file, "--grams", "--top", 1, "--json")[1])
    assert document["n_rows"] == 3
    assert document["grams"] == [
        {
            "text": "wait",
            "cluster": 0,
            "medoid": "wait",
            "move": "backtracking",
            "df": 1500,
            "count": 1700,
            "df_correct": None,
            "df_wrong": None,
            "score": -0.25,
            "core": True,
        }
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("show", "wang2026"), 2, "did you mean wang2025?"),
        (("show", "missing.json"), 3, "cannot read missing.json"),
        (("show", "wang2025", "--move", "backtracing"), 2, "did you mean backtracking?"),
        (("show", "wang2025", "--top", "-1"), 2, "--top must be >= 0 (got -1)"),
        (("show",), 2, "LEXICON"),
        (("merge", "wang2025", "-o", "x.json"), 2, "merge needs two or more lexicons (got 1)"),
        (("merge", "wang2025", "wang2025"), 2, "--output"),
        (("export", "wang2025", "--format", "xml"), 2, "choose from txt, csv, jsonl"),
        (("export", "wang2025", "-o", "--full"), 2, "is not a file name"),
        (("export", "wang2025", "--ful"), 2, "--ful"),
        (("merge", "wang2025", "made", "--nmae", "x", "-o", "x.json"), 2, "did you mean --name?"),
        (("shew", "wang2025"), 2, "did you mean show?"),
    ],
)
def test_a_wrong_call_ends_with_its_exit_code_and_one_sentence(run, arguments, code, sentence):
    exit_code, out, err = run(*arguments)
    assert exit_code == code
    assert sentence in out + err
    assert "Traceback" not in out + err


def test_a_damaged_file_is_named_and_cannot_move_the_terminal(run, tmp_path):
    bad = tmp_path / "bad.json"
    document = made().to_json()
    document["clusters"][0]["grams"][0]["text"] = "\x1b[2J\u202ewait"
    bad.write_text(json.dumps(document))
    code, out, err = run("show", bad)
    assert (code, out) == (3, "")
    assert f"{bad}, cluster 0: gram" in err
    assert "\x1b" not in err
    assert "\u202e" not in err


def test_a_hostile_name_or_word_is_printed_as_escapes(run, tmp_path):
    # U+180E, a Mongolian vowel separator, counts as a letter in the normal form but is invisible on a terminal
    hostile = Lexicon.build(
        "\x1b[2J\nname", [Cluster(0, (Gram(("wait\u180ex",)),), None, "wait\u180ex", "other")], {"p": "\x9b"}
    )
    path = tmp_path / "hostile.json"
    hostile.save(path)
    for arguments in (
        ("show", path),
        ("show", path, "--grams"),
        ("show", path, "--json"),
        ("diff", path, "wang2025"),
        ("check", path),
        ("export", path),
        ("export", path, "--format", "csv"),
        ("merge", path, path, "-o", "-"),
    ):
        code, out, err = run(*arguments)
        assert code == 0
        assert not {"\x1b", "\x9b", "\u180e"} & set(out + err)


def test_diff_prints_the_changes_and_ends_with_0(run, file, tmp_path):
    new_file = tmp_path / "other.json"
    Lexicon.build("other", [Cluster(0, (Gram(("wait",), 9),), 9, "wait", "branching")], {}).save(new_file)
    code, out, _ = run("diff", file, new_file)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert "removed hold on 4" in lines
    assert "moved wait wait (backtracking) wait (branching)" in lines
    assert "df wait 1,500 9" in lines
    assert "0 added, 2 removed, 1 moved, 3 numbers changed" in lines  # df, count and score of 'wait'
    document = json.loads(run("diff", file, new_file, "--json")[1])
    assert document["format"] == "sgram-lexicon-diff"
    assert document["removed"] == ["hold on", "let me check"]
    assert document["old"]["digest"] == made().digest


def test_diff_of_a_lexicon_with_itself_says_identical(run, file):
    assert "0 numbers changed, identical" in run("diff", file, file)[1]


def test_merge_writes_the_union_named_after_its_file(run, file, tmp_path):
    target = tmp_path / "deep" / "union.json"
    code, out, err = run("merge", file, "wang2025", "-o", target)
    merged = Lexicon.load(target)
    assert (code, out) == (0, "")
    assert err.startswith("union: ")
    assert merged.name == "union"
    assert len(merged.grams) == 250  # of the made three, 'let me check' is not published
    assert merged.find("wait")[1].df == 1500
    code, out, _ = run("merge", file, "wang2025", "-o", "-", "--name", "union")
    assert Lexicon.from_json(json.loads(out)) == merged


def test_check_warns_and_ends_with_0(run):
    code, out, _ = run("check", "wang2025")
    assert code == 0
    assert "common-word: 6 grams are one common word" in out
    document = json.loads(run("check", "wang2025", "--json")[1])
    assert (document["format"], document["version"]) == ("sgram-lexicon-check", 1)
    assert [finding["rule"] for finding in document["findings"]] == [
        "common-word",
        "contained",
        "fragment",
        "singleton",
        "no-df",
    ]


def test_export_writes_the_pruned_list_by_default_and_the_full_one_on_demand(run, file, tmp_path):
    assert run("export", file)[1] == "wait\nlet me check\n"
    assert run("export", file, "--pruned")[1] == "wait\nlet me check\n"
    assert run("export", file, "--full")[1] == "wait\nhold on\nlet me check\n"
    target = tmp_path / "list.txt"
    code, out, err = run("export", file, "--full", "-o", target)
    assert (code, out) == (0, "")
    assert str(target) in err
    assert target.read_bytes() == b"wait\nhold on\nlet me check\n"


def test_export_of_a_list_without_core_grams_is_empty(run, tmp_path):
    path = tmp_path / "made.json"
    Lexicon.build("made", [Cluster(0, (Gram(("wait",), core=False),), None, "wait", "other")], {}).save(path)
    assert run("export", path)[:2] == (0, "")


def test_export_csv_can_be_read_back_and_its_numbers_stay_numbers(run, file):
    rows = list(csv.DictReader(io.StringIO(run("export", file, "--format", "csv", "--full")[1])))
    assert rows[0] == {
        "text": "wait",
        "cluster": "0",
        "medoid": "wait",
        "move": "backtracking",
        "df": "1500",
        "count": "1700",
        "df_correct": "",
        "df_wrong": "",
        "score": "-0.25",
        "core": "true",
    }
    assert [row["text"] for row in rows] == ["wait", "hold on", "let me check"]


def test_a_csv_cell_that_a_spreadsheet_would_run_is_made_text():
    from sgram.cli.lexicon import _NUMBERS, _as_csv

    def written(text: str) -> list[str]:
        row = dict.fromkeys(("cluster", "medoid", "move", *_NUMBERS)) | {"text": text, "score": -0.5}
        return list(csv.reader(io.StringIO(_as_csv([row]), newline="")))[1]

    for cell in ("=1+1", "+1", "-x", "@a", "\tx", "\rx"):
        assert written(cell)[0] == "'" + cell
    cells = written("wait")
    assert [cells[0], cells[4 + _NUMBERS.index("score")], cells[1]] == ["wait", "-0.5", ""]


def test_export_jsonl_has_one_object_a_gram_without_what_is_not_known(run, file):
    rows = [json.loads(line) for line in run("export", file, "--format", "jsonl")[1].splitlines()]
    assert rows[1] == {
        "text": "let me check",
        "cluster": 1,
        "medoid": "let me check",
        "move": "verification",
        "core": True,
    }
    assert Lexicon.from_grams(row["text"] for row in rows).find("wait")


def test_presets_are_listed_with_their_source(run):
    code, out, _ = run("presets")
    assert code == 0
    assert "wang2025" in out
    assert "arXiv 2509.03646v3" in out
    document = json.loads(run("presets", "--json")[1])
    presets = {preset["name"]: preset for preset in document["presets"]}
    assert presets["wang2025"]["n_grams"] == 249
    assert 250 <= presets["sgram"]["n_core"] <= 400


def test_a_lexicon_is_read_from_standard_input(run, file, monkeypatch):
    with Path(file).open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        assert run("export", "-")[1] == "wait\nlet me check\n"


def test_the_help_of_the_verb_lists_its_verbs(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(verb in out for verb in ("show", "diff", "merge", "check", "export", "presets"))
