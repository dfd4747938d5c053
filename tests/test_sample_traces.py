"""The shipped sample: every answer in it is checked by a program, every claim of data/README.md about it too."""

import re
from collections import Counter

import orjson
import pytest

from tests.builders.paths import ROOT
from tests.builders.sample_solvers import SOLVERS

ROWS = [orjson.loads(line) for line in (ROOT / "data" / "sample_traces.jsonl").read_bytes().splitlines()]
LENGTHS = {"searching": (250, 600), "terse": (30, 90), "textbook": (90, 220)}


@pytest.mark.parametrize("group", sorted(SOLVERS))
def test_reference_answers_are_what_an_independent_program_computes(group):
    references = {row["reference"] for row in ROWS if row["group"] == group}
    assert references == {SOLVERS[group]()}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_trace_is_marked_correct_when_its_boxed_answer_is(row):
    boxed = re.findall(r"\\boxed\{([^{}]*)\}", row["text"])
    assert boxed[-1] == row["answer"]
    assert row["correct"] == (row["answer"] == row["reference"])
    assert row["reward"] == float(row["correct"])
    assert (row["meta"].get("error") in ("procedural", "strategic")) == (not row["correct"])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_a_trace_has_the_length_of_its_style(row):
    shortest, longest = LENGTHS[row["meta"]["style"]]
    assert shortest <= len(row["text"].split()) <= longest


def test_the_sample_is_large_and_balanced_enough_to_mine():
    assert len(ROWS) == len({row["id"] for row in ROWS}) == 108
    assert Counter(Counter(row["group"] for row in ROWS).values()) == {3: 36}
    assert set(Counter(row["meta"]["style"] for row in ROWS).values()) == {36}
    wrong_styles = Counter(row["meta"]["style"] for row in ROWS if not row["correct"])
    assert set(wrong_styles) == {"searching", "terse", "textbook"}
    errors = Counter(row["meta"]["error"] for row in ROWS if not row["correct"])
    assert min(errors.values()) >= 15
