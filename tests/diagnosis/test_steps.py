"""Steps: all text is in a step, and blocks are not cut."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.steps import LONG_PARAGRAPH, split_steps
from tests.builders.paths import ROOT


def step_texts(text):
    return [text[step.start : step.end] for step in split_steps(text)]


def test_paragraphs_and_marks_begin_steps():
    assert step_texts("First.\n\nSecond.\nStill second.") == ["First.", "Second.\nStill second."]
    assert step_texts("Step 1: a\nStep 2: b") == ["Step 1: a", "Step 2: b"]
    assert step_texts("1. a\n2. b\n- c") == ["1. a", "2. b", "- c"]


def test_a_heading_and_a_formula_belong_to_their_text():
    assert step_texts("## Step 1\n\nWe add.\n\n\\[ 1 + 1\n\n= 2 \\]\n\nNext.") == [
        "## Step 1\n\nWe add.\n\n\\[ 1 + 1\n\n= 2 \\]",
        "Next.",
    ]


def test_code_and_environments_are_not_cut():
    code = "```\na = 1\n\nStep 2: b\n```"
    assert step_texts(f"Run:\n\n{code}\n\nDone.") == [f"Run:\n\n{code}", "Done."]
    aligned = "\\begin{align*}\na &= 1 \\\\\n\n1. b\n\\end{align*}"
    assert step_texts(f"x\n\n{aligned}\n\ny") == [f"x\n\n{aligned}", "y"]


def test_a_block_without_an_end_cuts_nothing_short():
    assert step_texts("\\[ 1\n\n2\n\n3") == ["\\[ 1", "2", "3"]


def test_a_long_paragraph_is_cut_between_sentences():
    sentence = "We note that e.g. the value of f is 3.5 at Dr. No's point x, as it was before. "
    pieces = step_texts(sentence * 20)
    assert len(pieces) > 2
    assert all(piece.startswith("We note") and piece.endswith("before.") for piece in pieces)
    assert all(len(piece) < LONG_PARAGRAPH for piece in pieces)


def test_nothing_but_space_has_no_steps():
    assert split_steps("") == split_steps(" \n\n\t") == []


def covers_all_ink(text):
    """Check that steps are in order and begin and end with ink; return whether no ink is outside."""
    steps, previous_end = split_steps(text), 0
    for index, step in enumerate(steps):
        assert step.index == index
        assert not text[previous_end : step.start].strip()
        assert text[step.start : step.end] == text[step.start : step.end].strip() != ""
        previous_end = step.end
    return not text[previous_end:].strip()


@given(st.text(alphabet="ab.A1 \n$\\[]`#-:=!?（。", max_size=200) | st.text(max_size=50))
def test_all_ink_is_in_exactly_one_step(text):
    assert covers_all_ink(text)
    long = (text + " Word. ") * 12
    assert covers_all_ink(long)


TRACES = ROOT.parent / "shared" / "data" / "traces" / "reasoningflow.jsonl.gz"


@pytest.mark.skipif(not TRACES.exists(), reason="needs the shared traces beside the checkout")
def test_steps_of_real_traces_are_paragraphs_or_sentences():
    sizes = []
    with gzip.open(TRACES) as lines:
        for _, line in zip(range(25), lines, strict=False):
            text = json.loads(line)["response"]
            assert covers_all_ink(text)
            sizes += [step.end - step.start for step in split_steps(text)]
    sizes.sort()
    assert 40 < sizes[len(sizes) // 2] < LONG_PARAGRAPH
    assert sizes[int(0.98 * len(sizes))] < 2 * LONG_PARAGRAPH
