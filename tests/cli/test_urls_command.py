"""Verbs on URLs: the same results, one sentence where they cannot be read, and no secret anywhere."""

import json
import uuid
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.files import data_path
from sgram.lexicon import Lexicon
from tests.builders.web_server import serving_files

fsspec = pytest.importorskip("fsspec", reason="fsspec comes with the extra remote")
pytest.importorskip("aiohttp", reason="aiohttp comes with the extra remote")
pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

ROWS = b"".join(
    b'{"id": "r%d", "prompt": "p%d", "response": "Wait, let me check. We get 6 + 9 = %d.", "score": %d}\n'
    % (n, n // 4, 14 + n % 2, n % 2)
    for n in range(40)
)
LEXICON = data_path("lexicons", "wang2025.json").read_bytes()
LABELS = data_path("sample_labels.jsonl").read_bytes()


def call(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of a command."""
    with pytest.raises(SystemExit) as exit_info:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return exit_info.value.code, captured.out, captured.err


@pytest.fixture
def web(tmp_path, monkeypatch):
    """Function from a path to its URL with a password and a signature; the working directory is empty."""
    monkeypatch.chdir(tmp_path)
    files = {"/rows.jsonl": ROWS, "/lexicon.json": LEXICON, "/labels.jsonl": LABELS, "/broken.json": b"{"}
    with serving_files(files) as served:
        yield lambda path: f"http://me:secret@{served.address}/{path}?signature=0f0f"


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize(
    "arguments",
    [
        ("read", "{rows}", "-o", "out.jsonl"),
        ("read", "{rows}", "--json"),
        ("tag", "{rows}", "--lexicon", "{lexicon}", "--html", "page.html"),
        ("mine", "{rows}", "--embedder", "hash", "-o", "mined.json"),
        ("mine", "{rows}", "--embedder", "hash", "--dry-run"),
        ("diagnose", "{rows}", "-o", "diagnoses.jsonl"),
        ("metrics", "{rows}", "--lexicon", "{lexicon}", "--placebos", "1", "--csv", "tables", "--json"),
        ("report", "{rows}", "--lexicon", "{lexicon}", "--markdown", "report.md"),
        ("report", "{rows}", "--dry-run"),
        ("validate", "{lexicon}", "--labels", "{labels}", "--draws", "20", "--json"),
        ("annotate", "export", "{lexicon}", "{rows}", "-n", "10", "-o", "items.html"),
        ("lexicon", "show", "{lexicon}"),
    ],
)
def test_a_verb_reads_urls_and_keeps_their_secrets(arguments, web, capsys, tmp_path):
    urls = {"rows": web("rows.jsonl"), "lexicon": web("lexicon.json"), "labels": web("labels.jsonl")}
    code, out, err = call(capsys, *(argument.format(**urls) for argument in arguments))
    assert code == 0, err
    everything = out.encode() + err.encode() + written(tmp_path)
    assert b"secret" not in everything
    assert b"0f0f" not in everything


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("read", "{}"), 3),
        (("mine", "{}"), 3),
        (("report", "{}"), 3),
        (("tag", "{}"), 3),
        (("lexicon", "show", "{}"), 3),
        (("validate", "wang2025", "--labels", "{}"), 3),
        (("read", "foo://{}"), 2),
        (("read", "{}", "-o", "s3://bucket/out.jsonl"), 2),
    ],
)
def test_what_cannot_be_read_is_one_sentence_without_secrets(arguments, expected, web, capsys):
    code, out, err = call(capsys, *(argument.format(web("nothing.jsonl")) for argument in arguments))
    assert (code, out) == (expected, "")
    assert "Traceback" not in err
    assert len(err.strip().split("; ")) <= 2
    assert "secret" not in err
    assert "0f0f" not in err


def test_a_run_on_a_url_is_that_on_the_file_until_the_file_behind_it_changes(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, name = fsspec.filesystem("memory"), uuid.uuid4().hex
    files.pipe_file(f"/{name}/rows.jsonl", ROWS)
    Path("rows.jsonl").write_bytes(ROWS)

    def directory(path: str) -> tuple[str, bool]:
        code, out, err = call(capsys, "mine", path, "--embedder", "hash", "--json")
        assert code == 0, err
        return json.loads(out)["run"], "already finished" in err

    first, _ = directory("rows.jsonl")
    assert directory(f"memory://{name}/rows.jsonl") == (first, True)
    files.pipe_file(f"/{name}/rows.jsonl", ROWS[: ROWS.rindex(b"\n", 0, -1) + 1])
    assert directory(f"memory://{name}/rows.jsonl")[0] != first
    files.rm(f"/{name}", recursive=True)


def test_a_lexicon_is_loaded_from_a_url():
    with serving_files({"/lexicon.json": LEXICON}) as served:
        assert Lexicon.load(f"{served.url}/lexicon.json") == Lexicon.load("wang2025")
