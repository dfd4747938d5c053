"""``sgram annotate``, run as a user runs it: through `main`, with what it writes, what it says and its exit code."""

import json
import re
from pathlib import Path

import pytest

from sgram.annotation.items import read_sample
from sgram.annotation.ratings import read_ratings
from sgram.cli import main
from sgram.files import data_path
from sgram.lexicon import Lexicon
from sgram.traces import Trace, read_traces, write_traces
from tests.builders.annotation_examples import ANNOTATORS

SAMPLE = data_path("sample_traces.jsonl")
WANG = Lexicon.load("wang2025")
ENDINGS = {"label-studio": ".json", "prodigy": ".jsonl", "doccano": ".jsonl", "csv": ".csv"}


@pytest.fixture
def run(capsysbinary, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_info:
            main(["annotate", *map(str, arguments)])
        out, err = (stream.decode() for stream in capsysbinary.readouterr())
        return exit_info.value.code, out, err

    return call


@pytest.fixture
def exported(run, tmp_path):
    """(items, path of the page) of 20 items of the sample traces."""
    path = tmp_path / "page.html"
    assert run("export", "wang2025", SAMPLE, "-n", 20, "-o", path)[0] == 0
    return read_sample(tmp_path / "page.items.jsonl").items, path


def downloaded(path: Path, items, rater="ada", label="other") -> Path:
    path.write_text("".join(json.dumps({"item": item.item, "rater": rater, "label": label}) + "\n" for item in items))
    return path


@pytest.mark.parametrize("name", ENDINGS)
def test_export_annotators_and_import_give_ratings(name, run, tmp_path):
    out = tmp_path / f"tasks{ENDINGS[name]}"
    code, stdout, _ = run("export", "wang2025", SAMPLE, "-n", 20, "--format", name, "-o", out, "--json")
    document = json.loads(stdout)
    assert (code, document["n"], document["n_sg"], document["n_controls"], document["lexicon"]) == (
        0,
        20,
        10,
        10,
        WANG.digest,
    )
    beside = ".config.xml" if name == "label-studio" else ".guideline.md"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, f"tasks{beside}", "tasks.items.jsonl"])
    assert document["files"] == [str(out), str(tmp_path / f"tasks{beside}"), str(tmp_path / "tasks.items.jsonl")]
    sample = read_sample(tmp_path / "tasks.items.jsonl")
    labels = {item.item: item.move or "procedural" for item in sample.items}
    files = []
    for rater in ("ada", "bob"):
        files.append(tmp_path / f"{rater}{ENDINGS[name]}")
        files[-1].write_bytes(ANNOTATORS[name][0](out.read_bytes(), labels, rater))
    ratings = tmp_path / "ratings.jsonl"
    code, stdout, _ = run("import", *files, "--items", tmp_path / "tasks.items.jsonl", "-o", ratings)
    assert (code, stdout.split()) == (0, ["rater", "items", "of", "ada", "20", "20", "bob", "20", "20"])
    ratings_read = read_ratings(ratings)
    assert {(path.item, path.label) for path in ratings_read} == set(labels.items())
    assert len(ratings_read) == 40


def test_the_page_holds_the_items_and_says_nothing_of_their_kind(exported):
    items, path = exported
    sample = json.loads(re.search(r'id="sample">(.*?)</script>', path.read_text(encoding="utf-8"))[1])
    assert [page_item["item"] for page_item in sample["items"]] == [item.item for item in items]
    assert all(set(page_item) == {"item", "text", "start", "end"} for page_item in sample["items"])


def test_no_page_names_the_lexicon_that_the_phrases_are_from(exported):
    _, path = exported
    page = path.read_text(encoding="utf-8")
    assert "<title>Phrases in context</title>" in page
    assert "wang2025" not in page


def test_files_may_be_named_after_their_raters(exported, run, tmp_path):
    items, _ = exported
    first = downloaded(tmp_path / "a.jsonl", items[:2], rater="3")
    code, out, _ = run("import", f"ada={first}", "--items", tmp_path / "page.items.jsonl")
    assert (code, [json.loads(line)["rater"] for line in out.splitlines()]) == (0, ["ada", "ada"])


def test_a_table_tells_what_was_drawn(run, tmp_path):
    code, out, err = run("export", "wang2025", SAMPLE, "-n", 20, "-o", tmp_path / "page.html")
    lines = [line.split() for line in out.splitlines()]
    items = read_sample(tmp_path / "page.items.jsonl").items
    controls = [item for item in items if item.kind == "control"]
    assert (code, lines[0]) == (0, ["kind", "items", "grams", "clusters", "models"])
    assert lines[1][:6] == ["of", "the", "lexicon", "10", "10", "10"]
    table_rows = [
        "controls",
        "10",
        str(len({item.gram for item in controls})),
        "0",
        str(len({item.model for item in controls})),
    ]
    assert lines[2] == table_rows
    assert f"key of the blinded items, not for them: {tmp_path / 'page.items.jsonl'}" in err


def test_ratings_go_to_stdout_by_default(exported, run, tmp_path):
    items, _ = exported
    path = downloaded(tmp_path / "a.jsonl", items[:2])
    code, out, err = run("import", path, "--items", tmp_path / "page.items.jsonl")
    assert code == 0
    assert [json.loads(line) for line in out.splitlines()] == [
        {"item": item.item, "label": "other", "rater": "ada"} for item in items[:2]
    ]
    assert err == ""


def test_import_tells_in_json(exported, run, tmp_path):
    items, _ = exported
    first = downloaded(tmp_path / "a.jsonl", items[:2])
    second = downloaded(tmp_path / "b.jsonl", items[1:4])
    key, out = tmp_path / "page.items.jsonl", tmp_path / "r.jsonl"
    code, stdout, err = run("import", first, second, "--items", key, "-o", out, "--json", "--lexicon", "wang2025")
    document = json.loads(stdout)
    assert (code, document["n_ratings"], document["raters"], document["n_repeated"], document["n_items"]) == (
        0,
        4,
        {"ada": 4},
        1,
        20,
    )
    assert "1 answers repeat an answer of the same rater and were left out" in err


def test_equal_exports_are_equal_bytes_whatever_the_order_of_files(run, tmp_path):
    traces = list(read_traces(SAMPLE))
    write_traces(traces[:50], tmp_path / "a.jsonl")
    write_traces(traces[50:], tmp_path / "b.jsonl")
    written = []
    for name, files in (("one", ["a.jsonl", "b.jsonl"]), ("two", ["b.jsonl", "a.jsonl"])):
        out = tmp_path / name / "page.html"
        assert run("export", "wang2025", *(tmp_path / file for file in files), "-n", 30, "-o", out)[0] == 0
        written.append((out.read_bytes(), (tmp_path / name / "page.items.jsonl").read_bytes()))
    assert written[0] == written[1]


def test_too_few_are_told_and_none_is_an_error(run, tmp_path):
    path = tmp_path / "in.jsonl"
    write_traces([Trace(id="a", text="Wait, the quick brown fox jumps.", model="m")], path)
    code, _, err = run("export", "wang2025", path, "-o", tmp_path / "page.html")
    assert code == 0
    assert "1 occurrences of 1 grams in 1 traces of 1 models" in err
    assert "warning: 1 grams instead of 100: there are no more without overlap" in err
    write_traces([Trace(id="a", text="Nothing.")], path)
    code, _, err = run("export", "wang2025", path, "-o", tmp_path / "other.html")
    assert (code, "no core gram of the lexicon wang2025 occurs in the 1 traces" in err) == (3, True)
    assert not (tmp_path / "other.html").exists()


def test_the_key_of_another_sample_is_never_overwritten(exported, run, tmp_path):
    _, path = exported
    before = (tmp_path / "page.items.jsonl").read_bytes()
    code, _, err = run("export", "wang2025", SAMPLE, "-n", 20, "--seed", 1, "-o", path)
    assert (code, "page.items.jsonl is the key of another sample" in err) == (2, True)
    assert (tmp_path / "page.items.jsonl").read_bytes() == before
    assert run("export", "wang2025", SAMPLE, "-n", 20, "-o", tmp_path / "page.csv")[0] == 0  # the same sample


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-o", "tasks.jsonl"), "tasks.jsonl does not determine the format; name it: --format label-studio"),
        (("-o", "-"), "-o cannot go to stdout; name a file"),
        (("-o", "-x.html"), "write ./-x.html"),
        (("-o", "p.html", "-n", "0"), "n must be between 1 and 100,000 (got 0)"),
        (("-o", "p.html", "--controls", "1"), "controls must be >= 0 and < 1 (got 1.0)"),
        (("-o", "p.html", "--context", "9999"), "context must be between 0 and 2000 characters (got 9999)"),
        (("-o", "p.html", "--seed", "-1"), "seed must be >= 0 and < 2^63 (got -1)"),
        (("-o", "p.html", "--format", "excel"), "excel"),
        (("--bad", "-o", "p.html"), "--bad"),
        ((), "--output"),
    ],
)
def test_an_export_that_cannot_be_meant_is_refused(arguments, says, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("export", "wang2025", SAMPLE, *arguments)
    assert (code, out, says in err) == (2, "", True), err
    assert list(tmp_path.iterdir()) == []


def test_inputs_are_not_overwritten(run, tmp_path):
    for name in ("in.html", "in.items.jsonl", "in.guideline.md"):
        path = tmp_path / name
        write_traces([Trace(id="a", text="Wait.")], tmp_path / "x.jsonl")
        (tmp_path / "x.jsonl").rename(path)
        form = ("--format", "csv") if name.endswith("md") else ()
        code, _, err = run("export", "wang2025", path, "-o", tmp_path / "in.html", *form)
        assert (code, "is an input; write to another file" in err) == (2, True)
    items = tmp_path / "k.items.jsonl"
    items.write_text("{}\n")
    code, _, err = run("import", tmp_path / "in.html", "--items", items, "-o", items)
    assert (code, "is an input" in err) == (2, True)


def test_what_cannot_be_imported_is_told_in_one_line(exported, run, tmp_path):
    items, _ = exported
    key, another = tmp_path / "page.items.jsonl", tmp_path / "own.json"
    Lexicon.from_grams(["wait"], name="own").save(another)
    good = downloaded(tmp_path / "good.jsonl", items[:1])
    bad, empty = downloaded(tmp_path / "bad.jsonl", items[:1], label="sure"), tmp_path / "empty.jsonl"
    empty.write_text("")
    for arguments, code, says in (
        (
            (good, "--items", key, "--lexicon", another),
            3,
            f"items of the lexicon {WANG.digest[:12]} (wang2025), not of",
        ),
        ((bad, "--items", key), 3, "bad.jsonl:1: item '"),
        ((empty, "--items", key), 3, "empty.jsonl is empty"),
        ((tmp_path / "none.jsonl", "--items", key), 3, "cannot read"),
        ((good, "--items", good), 3, "good.jsonl:1 is not an items file"),
        ((key, "--items", key), 3, "is the items file of an export; give the file that an annotator filled in"),
        ((good, "--items", key, "--json"), 2, "--json and the ratings both go to stdout"),
        ((good, "--items", key, "--rater", " "), 2, "--rater is empty"),
        (("-", "--items", "-"), 2, "only one of the inputs can come from stdin"),
        (("--what", "--items", key), 2, "--what"),
        ((good,), 2, "--items"),
    ):
        got, out, err = run("import", *arguments)
        assert (got, out, says in err, err.count("\n")) == (code, "", True, 1), err


def test_the_reading_flags_choose_the_traces(run, tmp_path):
    out = tmp_path / "page.html"
    assert run("export", "wang2025", SAMPLE, "-n", 10, "-o", out, "--where", "model=sample-searcher")[0] == 0
    assert {item.model for item in read_sample(tmp_path / "page.items.jsonl").items} == {"sample-searcher"}
