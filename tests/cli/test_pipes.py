"""Every verb reads named pipes and stdin as it reads files."""

import io
import json
import sys
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.diagnosis.diagnose import diagnose
from sgram.files import data_path
from tests.builders.pipes import feeding

SAMPLE = data_path("sample_traces.jsonl").read_bytes()
ROWS = b"".join(
    b'{"id": "r%d", "prompt": "p%d", "response": "Wait, let me check. We get 6 + 9 = %d.", "score": %d}\n'
    % (n, n // 4, 14 + n % 2, n % 2)
    for n in range(40)
)
"""Rewards that are 0 or 1, and no verdict."""
VERBS = {
    "read": ("read", "{}", "--json"),
    "tag": ("tag", "{}", "--json"),
    "diagnose": ("diagnose", "{}", "--json"),
    "metrics": ("metrics", "{}", "--json", "--placebos", "1"),
    "report": ("report", "{}", "--json", "-o", "page.html"),
    "mine": ("mine", "{}", "--json", "--embedder", "hash"),
    "annotate": ("annotate", "export", "wang2025", "{}", "-n", "10", "-o", "items.html", "--json"),
}


def call(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[str, str]:
    """(stdout, stderr) of a command that succeeds."""
    with pytest.raises(SystemExit) as exit_info:
        main(list(arguments))
    captured = capsys.readouterr()
    assert exit_info.value.code == 0, captured.err
    return captured.out, captured.err


def without_names(out: str) -> str:
    for name in ("/pipe", "pipe", "stdin"):
        out = out.replace(name, "in")
    return out


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_gives_for_a_pipe_and_for_stdin_what_it_gives_for_the_file(verb, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in").write_bytes(ROWS)

    def run(path: str) -> str:
        out, err = call(capsys, *(argument.format(path) for argument in VERBS[verb]))
        assert "score is 0 or 1 in all 40 rows: read as wrong or right" in out + err
        report = json.loads(without_names(out))
        for part in ("notes", "run", "reused"):
            report.pop(part, None)
        return json.dumps(report, sort_keys=True)

    expected = run("in")
    with feeding(tmp_path / "pipe", ROWS):
        assert run("pipe") == expected
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROWS)))
    assert run("-") == expected


def test_lexicons_and_labels_may_be_pipes(capsys, tmp_path):
    labels = data_path("sample_labels.jsonl").read_bytes()
    lexicon = data_path("lexicons", "wang2025.json").read_bytes()
    (tmp_path / "labels.jsonl").write_bytes(labels)
    (tmp_path / "in.jsonl").write_bytes(ROWS)
    arguments = ["validate", "wang2025", "--labels", str(tmp_path / "labels.jsonl"), "--draws", "20", "--json"]
    expected = json.loads(call(capsys, *arguments)[0])
    with feeding(tmp_path / "lexicon", lexicon) as lexicon_pipe, feeding(tmp_path / "labels", labels) as label_pipe:
        out, _ = call(capsys, "validate", str(lexicon_pipe), "--labels", str(label_pipe), *arguments[4:])
    measured = json.loads(out)
    for document in (measured, expected):
        for label_set in document["label_sets"]:
            del label_set["name"]
    assert measured == expected
    with feeding(tmp_path / "lexicon", lexicon) as lexicon_pipe:
        out, _ = call(capsys, "tag", str(tmp_path / "in.jsonl"), "--lexicon", str(lexicon_pipe), "--json")
    assert out == call(capsys, "tag", str(tmp_path / "in.jsonl"), "--lexicon", "wang2025", "--json")[0]


def test_traces_of_a_pipe_are_diagnosed_from_python(tmp_path):
    (tmp_path / "in.jsonl").write_bytes(ROWS)
    with feeding(tmp_path / "pipe", ROWS) as pipe:
        from_pipe = diagnose(pipe)
    assert from_pipe == diagnose(tmp_path / "in.jsonl")
    assert len(from_pipe) == 20
