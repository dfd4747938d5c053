import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig, mine
from sgram.traces import read_traces

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample_traces.jsonl"


def demo(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["demo", "--embedder", "hash", *arguments])
    return left.value.code, *capsys.readouterr()


def test_the_demo_mines_the_sample_and_shows_what_to_read(tmp_path, capsys):
    code, out, err = demo(capsys, "--out", str(tmp_path / "demo"))
    found = Lexicon.load(tmp_path / "demo" / "lexicon.json")
    assert code == 0
    assert found == mine(read_traces(SAMPLE), MiningConfig(embedder="hash", name="demo"))
    assert out.splitlines()[-1] == "To read: " + " \u00b7 ".join(gram.text for gram in found.core)
    assert "move" in out.splitlines()[0]
    assert f"sgram lexicon show {tmp_path}/demo/lexicon.json" in err.replace("\n", "")
    assert (tmp_path / "demo" / "lexicon.examples.jsonl").exists()


def test_what_the_demo_says_of_the_sample_is_true(tmp_path, capsys):
    _, _, err = demo(capsys, "--out", str(tmp_path))
    assert err.startswith("Mining 108 sample traces (36 problems, three styles) for Strategic Grams ...\n")
    styles = Counter(trace.model for trace in read_traces(SAMPLE))
    assert sum(styles.values()) == 108
    assert set(styles.values()) == {36}
    assert len(styles) == 3
    assert len({trace.prompt for trace in read_traces(SAMPLE)}) == 36


def test_the_demo_finds_phrases_that_everybody_would_name(tmp_path, capsys):
    _, out, _ = demo(capsys, "--out", str(tmp_path))
    told = out.splitlines()[-1].removeprefix("To read: ").split(" \u00b7 ")
    assert {"hold on", "let me verify", "let me start over"} <= set(told)


def test_the_demo_done_again_writes_the_same_bytes(tmp_path, capsys):
    outputs, bytes_ = [], []
    for _ in range(2):
        outputs.append(demo(capsys, "--out", str(tmp_path / "demo")))
        bytes_.append((tmp_path / "demo" / "lexicon.json").read_bytes())
    assert outputs[0] == outputs[1]
    assert bytes_[0] == bytes_[1]


def test_the_demo_needs_no_network_and_no_checkout_as_the_current_folder(tmp_path):
    blocked = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from sgram.cli import main\nmain(['demo'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "reports" / "demo" / "lexicon.json").exists()
    assert "To read: " in ran.stdout


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(capsys):
    code, out, err = demo(capsys, "--out", str(SAMPLE))
    assert (code, out) == (1, "")
    assert err.splitlines()[1].startswith("sgram: cannot write ")
    assert err.count("\n") == 2
