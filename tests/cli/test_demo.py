"""The demo: the whole chain on what is shipped."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import pytest

from sgram.cli import main
from sgram.cli.demo import chief_sentences
from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig, mine
from sgram.traces import read_traces
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"


def demo(capture: pytest.CaptureFixture, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(["demo", "--embedder", "hash", *arguments])
    return exit_info.value.code, *capture.readouterr()


@pytest.fixture(scope="module")
def demo_output(tmp_path_factory):
    """(folder, stdout, stderr) of a demo that does not train."""
    out = tmp_path_factory.mktemp("demo")
    ran = subprocess.run(
        [sys.executable, "-m", "cli", "demo", "--embedder", "hash", "--steps", "0", "--out", "shown"],
        cwd=out,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stderr
    return out / "shown", ran.stdout, ran.stderr


def test_the_demo_ends_with_the_path_of_its_report(demo_output):
    folder, out, err = demo_output
    assert out.splitlines()[-1] == "shown/report.html"
    assert (folder / "report.html").read_bytes().startswith(b"<!doctype html>")
    sentences_text, _, address = err.partition("What was found:\n")[2].partition("Open in a browser: ")
    assert address.strip() == (folder / "report.html").resolve().as_uri()
    sentences = sentences_text.splitlines()
    assert 0 < len(sentences) <= 3
    assert all(sentence.startswith("  ") and sentence.endswith(".") for sentence in sentences)


def test_what_was_found_is_a_sentence_each_on_accuracy_errors_and_strategies():
    names = ("accuracy over training", "accuracy of methods", "kinds of errors", "what settles first", "planning share")
    statements = tuple(
        SimpleNamespace(finding=SimpleNamespace(question=SimpleNamespace(name=name)), text=name) for name in names
    )
    assert chief_sentences(statements) == ["accuracy of methods", "kinds of errors", "planning share"]
    assert chief_sentences(statements[:1]) == ["accuracy over training"]


def test_what_the_demo_mines_is_what_mining_finds(demo_output):
    lexicon = Lexicon.load(demo_output[0] / "lexicon.json")
    assert lexicon == mine(read_traces(SAMPLE), MiningConfig(embedder="hash", name="demo"))
    assert {"hold on", "let me verify", "let me start over"} <= {gram.text for gram in lexicon.core}


def test_every_step_is_told_with_its_command(demo_output):
    lines = demo_output[2].splitlines()
    steps = [line for line in lines if re.match(r"\[\d/\d\]", line)]
    assert [line[:5] for line in steps] == [f"[{at}/5]" for at in range(1, 6)]
    verbs = [line.split()[2] for line in lines if line.startswith("$ sgram ")]
    assert verbs == ["mine", "validate", "tag", "metrics", "report"]


def test_what_the_demo_says_of_the_sample_is_true(demo_output):
    assert "Mining 108 sample traces (36 problems, three styles) for Strategic Grams" in demo_output[2]
    styles = Counter(trace.model for trace in read_traces(SAMPLE))
    assert sum(styles.values()) == 108
    assert set(styles.values()) == {36}
    assert len(styles) == 3
    assert len({trace.prompt for trace in read_traces(SAMPLE)}) == 36


def test_the_demo_done_again_writes_the_same_bytes(demo_output, capsys, monkeypatch):
    folder = demo_output[0]
    before = {name: (folder / name).read_bytes() for name in ("lexicon.json", "report.html")}
    monkeypatch.chdir(folder.parent)
    code, out, _ = demo(capsys, "--steps", "0", "--out", "shown")
    assert code == 0
    assert out == demo_output[1]
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_the_whole_chain_trains_measures_and_reports_without_a_network(tmp_path):
    # short in each of its parts: the policy starts from a cache of its own, so that it is warmed up; in one process,
    # which may not ask for the network
    short = {"sft_steps": 80, "eval_samples": 32, "prompts": 4, "samples": 4}
    blocked = (
        "import socket\n"
        "def refuse(*_, **__): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from sgram.training.experiments import setup\n"
        "from sgram.training.experiments.run_config import RunConfig\n"
        "setup.START_SAMPLES = 128\n"
        "read = RunConfig.from_mapping\n"
        f"RunConfig.from_mapping = lambda settings, where='': read({{**settings, **{short}}}, where)\n"
        "from sgram.cli import main\nmain(['demo', '--steps', '2', '--jobs', '1'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", blocked],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT), "SGRAM_CACHE": str(tmp_path / "cache")},
    )
    assert ran.returncode == 0, ran.stderr
    out = tmp_path / "reports" / "demo"
    assert ran.stdout.splitlines()[-1] == "reports/demo/report.html"
    runs = sorted((out / "training").glob("train-*"))
    configs = [json.loads((run / "run.json").read_bytes())["config"] for run in runs]
    assert all(config.items() >= short.items() for config in configs)
    methods = [config["method"] for config in configs]
    assert sorted(methods) == ["grpo", "hicra", "placebo"]
    page = (out / "report.html").read_text()
    assert all(method in page for method in methods)
    mined, policy_lexicon = Lexicon.load(out / "lexicon.json"), Lexicon.load(runs[0] / "lexicon.json")
    both = Lexicon.load(out / "both.json")
    assert {gram.text for gram in both.grams} == {
        gram.text for lexicon in (mined, policy_lexicon) for gram in lexicon.grams
    }


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(capsys):
    code, out, err = demo(capsys, "--steps", "0", "--out", str(SAMPLE))
    assert (code, out) == (2, "")
    assert err == f"sgram: {SAMPLE} is a file; name a folder\n"
    assert "Traceback" not in err


@pytest.mark.parametrize("flags", [("--steps", "-1"), ("--jobs", "0")])
def test_numbers_that_mean_nothing_are_refused(flags, capsys, tmp_path):
    code, _, err = demo(capsys, "--out", str(tmp_path), *flags)
    assert code == 2
    assert f"{flags[0]} must be >= " in err
