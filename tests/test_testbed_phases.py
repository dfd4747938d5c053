"""What settles first on the hard testbed: the page of benchmarks/testbed_phases.py, on made-up verdicts."""

import sys

import pytest

pytest.importorskip("torch", reason="runs of the comparison need torch")

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import testbed_phases
from testbed_phases import PhaseVerdict, page, read_verdicts, write_verdicts


def verdicts(first, by_entropy, agreement):
    """Return the verdicts of a run by half of the change: the checker's by results, and that of the token entropy."""
    return [
        PhaseVerdict("results", "checker", 0.5, first, 60.0, 50.0, 70.0, "", ""),
        PhaseVerdict("results", "token entropy", 0.5, by_entropy, None, None, None, agreement, "entropy rises"),
    ]


RUNS = {
    ("grpo", 5e-4, 0, 0): verdicts("execution", "execution", "agrees"),
    ("grpo", 5e-4, 1, 0): verdicts("execution", "planning", "contradicts"),
    ("hicra 1", 5e-4, 0, 0): verdicts("cannot say", "cannot say", "cannot say"),
}


def test_the_page_counts_answers_and_agreements_of_each_arm():
    lines = page(RUNS).splitlines()
    assert "best rate: 2 of grpo, 1 of hicra 1. " in lines[2]
    # execution first, planning first, cannot say
    assert "| grpo | results | 50% | 2 | 0 | 0 |" in lines
    assert "| hicra 1 | results | 50% | 0 | 0 | 1 |" in lines
    # execution, planning, cannot say; agrees, contradicts, one cannot say
    assert "| grpo | token entropy | 50% | 1 | 1 | 0 | 1 | 1 | 0 |" in lines


def test_the_page_gives_steps_with_their_interval_or_why_there_are_none():
    line = next(line for line in page(RUNS).splitlines() if line.startswith("| hicra 1, seed 0, start model 0"))
    assert line.endswith("| 5e-4 | cannot say, 60 [50, 70] | - | cannot say (entropy rises) |")


def test_verdicts_come_back_as_they_were_written(tmp_path, monkeypatch):
    monkeypatch.setattr(testbed_phases, "VERDICTS", tmp_path / "verdicts.jsonl")
    write_verdicts(RUNS)
    assert read_verdicts() == RUNS
