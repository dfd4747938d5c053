"""The command: a page and its files, what it refuses, what it says of odd inputs; on a few of the shipped traces."""

import csv
import html
import json
import re
import subprocess
import sys
from itertools import islice

import pytest

pytest.importorskip("matplotlib", reason="figures need matplotlib")

from sgram.cli import main
from sgram.files import data_path
from sgram.traces import Trace, read_traces, write_traces


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The traces of six problems in the three styles."""
    path = tmp_path_factory.mktemp("sample") / "few.jsonl"
    write_traces(islice(read_traces(data_path("sample_traces.jsonl")), 18), path)
    return path


@pytest.fixture
def few_figures(monkeypatch):
    """Two figures instead of all."""
    from sgram.reports.figures import report_figures as figures

    draw_figure = figures.draw_figure

    def draw_few(spec, table, analysis):
        return draw_figure(spec, table, analysis) if spec.name in ("success", "planning-share") else None

    monkeypatch.setattr(figures, "draw_figure", draw_few)


def report(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(["report", *map(str, arguments)])
    out, err = capsys.readouterr()
    return exit_info.value.code, out, err


def test_a_report_is_a_page_with_its_tables_and_figures_beside_it(capsys, sample, tmp_path, few_figures):
    page = tmp_path / "out" / "page.html"
    beside = [
        "--markdown",
        tmp_path / "paper" / "r.md",
        "--csv",
        tmp_path / "csv",
        "--figures",
        tmp_path / "paper" / "figures",
    ]
    code, out, err = report(capsys, sample, "-o", page, *beside, "--title", "Six <problems>", "--traces", 3)
    assert (code, out) == (0, f"{page}\n")
    assert "figures" in err
    html = page.read_text()
    assert html.startswith("<!doctype html>")
    assert "Six &lt;problems&gt;" in html
    assert "data:image/svg+xml" in html
    assert str(tmp_path) not in html  # no folder of this machine
    assert "sgram report few.jsonl --traces 3 --seed 0" in html  # what makes it again
    text = (tmp_path / "paper" / "r.md").read_text()
    assert text.startswith("# Six &lt;problems&gt;\n")
    figure_names = sorted(path.name for path in (tmp_path / "paper" / "figures").iterdir())
    assert "planning-share.png" in figure_names
    assert all(f"](<figures/{name}>)" in text for name in figure_names)
    with (tmp_path / "csv" / "corpus.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(int(row["traces"]) for row in rows) == 18
    assert {path.suffix for path in (tmp_path / "csv").iterdir()} == {".csv"}


def test_the_same_inputs_give_the_same_page(capsys, sample, tmp_path, few_figures):
    pages = []
    for name in ("a.html", "b.html"):
        assert report(capsys, sample, "-o", tmp_path / name, "--seed", 3)[0] == 0
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]
    assert report(capsys, sample, "-o", tmp_path / "c.html", "--seed", 4)[0] == 0
    assert (tmp_path / "c.html").read_bytes() != pages[0]


def test_json_is_one_object_of_findings_and_tables(capsys, sample, tmp_path, monkeypatch, few_figures):
    monkeypatch.chdir(tmp_path)
    code, out, _ = report(capsys, sample, "--json", "--figure-form", "svg", "--figures", "drawn")
    document = json.loads(out)
    assert (code, document["format"], document["version"]) == (0, "sgram-report", 2)
    assert document["files"][0] == "report.html"  # in the current folder
    assert (tmp_path / "report.html").exists()
    assert all((tmp_path / name).exists() for name in document["files"])
    assert all(name.endswith(".svg") for name in document["files"][1:])
    n_correct = sum(trace.correct for trace in read_traces(sample))
    assert [finding["text"] for finding in document["findings"] if finding["measure"] == "corpus"] == [
        f"18 traces were read. {n_correct} are correct, {18 - n_correct} wrong and 0 not judged."
    ]
    assert all(finding["measure"] in document["tables"] for finding in document["findings"])
    planning = next(finding for finding in document["findings"] if finding["question"] == "planning share")
    assert set(planning) == {
        *("measure", "question", "source", "subject", "estimate", "placebo", "sides", "unit", "verdict", "verdicts"),
        *("at_most", "kinds"),
        *("n", "notes", "text", "at_most", "kinds"),
    }
    assert sum(row["traces"] for row in document["tables"]["corpus"]) == 18


def test_traces_that_nobody_judged_are_reported_as_far_as_can_be(capsys, tmp_path, few_figures):
    path = tmp_path / "unjudged.jsonl"
    write_traces(
        [
            Trace(id="a", text="Wait, let me check. 2 + 2 = 5. So we can use the fact that it is."),
            Trace(id="b\x1b[31m", text=""),
        ],
        path,
    )
    code, out, err = report(capsys, path, "-o", tmp_path / "r.html", "--json")
    assert code == 0
    findings = json.loads(out)["findings"]
    assert findings[0]["text"].startswith("2 traces were read. No trace says whether its answer is right")
    assert all(finding["verdict"] in ("measured", "cannot say") for finding in findings)
    assert "\x1b" not in out + err


def test_the_terminal_shows_the_headlines_of_the_page(capsys, sample, tmp_path, few_figures):
    page = tmp_path / "page.html"
    _, _, err = report(capsys, sample, "-o", page)
    _, out, _ = report(capsys, sample, "-o", page, "--json")
    texts = {finding["text"] for finding in json.loads(out)["findings"]}
    shown = [line for line in err.splitlines() if line in texts]
    assert len(shown) >= 3
    statements = html.unescape(re.sub(r"<[^>]+>", "", page.read_text()))
    assert [text for text in shown if " ".join(text.split()) not in " ".join(statements.split())] == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("", "no rows in"), ("\n", "no rows in"), ("{nonsense\n", "few.jsonl"), ('{"a": 1}\n', "few.jsonl")],
)
def test_inputs_without_traces_end_with_a_sentence(capsys, tmp_path, content, sentence):
    path = tmp_path / "few.jsonl"
    path.write_text(content)
    code, out, err = report(capsys, path, "-o", tmp_path / "r.html")
    assert (code, out) == (3, "") or code == 4
    assert sentence in err
    assert "Traceback" not in err
    assert not (tmp_path / "r.html").exists()


def test_what_cannot_be_meant_is_refused_before_anything_is_read(capsys, sample, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = tmp_path / "file.txt"
    file.write_text("x")
    before = sample.read_bytes()
    for arguments, sentence in (
        ([sample, "-o", sample], "is an input"),
        ([sample, "--markdown", sample], "is an input"),
        ([sample, "-o", "-"], "cannot go to stdout"),
        ([sample, "-o", "-x"], "is not a file name"),
        ([sample, "-o", tmp_path / "r.jsonl"], "would be read as rollouts"),
        ([sample, "-o", folder], "is a folder"),
        ([sample, "--csv", file], "is a file; name a folder"),
        ([sample, "--csv", file / "x"], "is not a folder"),
        ([sample, "-o", file / "x.html"], "is not a folder"),
        ([sample, "-o", "a" * 300], "name another path"),
        ([sample.parent, "--model", "m", "-o", sample.parent / "r.html"], "lies in an input folder"),
        ([sample, "-o", tmp_path / "r", "--markdown", tmp_path / "r"], "both name"),
        ([sample, "--seed", "-1"], "--seed"),
        (["--nonsense", sample], "unknown option"),
        ([sample, "--quarantine", tmp_path / "q"], "read twice"),
        ([sample, "--figure-form", "gif"], "gif"),
    ):
        code, out, err = report(capsys, *arguments)
        assert (code, out) == (2, ""), arguments
        assert sentence in err, arguments
    assert sample.read_bytes() == before
    code, _, err = report(capsys, tmp_path / "missing.jsonl", "-o", tmp_path / "r.html")
    assert code in (2, 3)
    assert "missing.jsonl" in err


def test_a_dry_run_says_what_would_be_read_and_written(capsys, sample, tmp_path):
    code, out, _ = report(capsys, sample, "-o", tmp_path / "r.html", "--csv", tmp_path / "csv", "--dry-run")
    assert code == 0
    assert out.splitlines() == [f"read traces {sample}", f"write {tmp_path / 'r.html'}", f"write {tmp_path / 'csv'}"]
    assert not (tmp_path / "r.html").exists()
    _, out, _ = report(capsys, sample, "--dry-run", "--json")
    assert json.loads(out)["inputs"] == [{"input": str(sample), "kind": "traces", "name": None}]


def test_without_matplotlib_the_page_has_no_figures_and_says_why(capsys, sample, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, _, err = report(capsys, sample, "-o", tmp_path / "r.html")
    assert code == 0
    assert "the page has no figures" in err
    assert "pip install 'sgram[figures]'" in err
    assert b"data:image/svg" not in (tmp_path / "r.html").read_bytes()
    code, _, err = report(capsys, sample, "-o", tmp_path / "s.html", "--figures", tmp_path / "f")
    assert code != 0
    assert "matplotlib" in err


def test_a_model_scores_the_traces_first_and_keeps_them_beside_the_page(
    capsys, sample, tmp_path, monkeypatch, few_figures
):
    """The model is stood in for: the scored file holds the same traces."""
    from types import SimpleNamespace

    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers comes with the embedder")
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.BPE({character: at for at, character in enumerate(sorted(alphabet))}, [])
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    calls = {}

    def score(paths, reading, scoring):
        calls.update(paths=paths, model=scoring.model, output=scoring.output)
        write_traces(read_traces(sample), scoring.output)
        return SimpleNamespace(path=scoring.output, tokenizer=tmp_path)

    monkeypatch.setattr("sgram.cli.metrics.score", score)
    code, out, _ = report(capsys, sample, "--model", "tiny", "-o", tmp_path / "r.html", "--traces", 0)
    assert (code, out) == (0, f"{tmp_path / 'r.html'}\n")
    assert calls == {"paths": [str(sample)], "model": "tiny", "output": tmp_path / "r.scored.jsonl.gz"}
    assert b"r.scored.jsonl.gz" in (tmp_path / "r.html").read_bytes()


def test_help_needs_none_of_the_libraries():
    code = (
        "import sys; from sgram.cli import app; app(['report', '--help'], result_action='return_value'); "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'sympy', 'torch', 'jinja2')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
