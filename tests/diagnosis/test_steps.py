"""Steps: all text is in one, and nothing that belongs together is cut."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.steps import LONG, split_steps
from tests.builders.paths import ROOT


def texts(text):
    return [text[step.start : step.end] for step in split_steps(text)]


def test_paragraphs_and_marks_begin_steps():
    assert texts("First.\n\nSecond.\nStill second.") == ["First.", "Second.\nStill second."]
    assert texts("Step 1: a\nStep 2: b") == ["Step 1: a", "Step 2: b"]
    assert texts("1. a\n2. b\n- c") == ["1. a", "2. b", "- c"]


def test_a_heading_and_a_formula_belong_to_their_text():
    assert texts("## Step 1\n\nWe add.\n\n\\[ 1 + 1\n\n= 2 \\]\n\nNext.") == [
        "## Step 1\n\nWe add.\n\n\\[ 1 + 1\n\n= 2 \\]",
        "Next.",
    ]


def test_code_and_environments_are_not_cut():
    code = "```\na = 1\n\nStep 2: b\n```"
    assert texts(f"Run:\n\n{code}\n\nDone.") == [f"Run:\n\n{code}", "Done."]
    aligned = "\\begin{align*}\na &= 1 \\\\\n\n1. b\n\\end{align*}"
    assert texts(f"x\n\n{aligned}\n\ny") == [f"x\n\n{aligned}", "y"]


def test_a_block_without_an_end_cuts_nothing_short():
    assert texts("\\[ 1\n\n2\n\n3") == ["\\[ 1", "2", "3"]


def test_a_long_paragraph_is_cut_between_sentences():
    sentence = "We note that e.g. the value of f is 3.5 at Dr. No's point x, as it was before. "
    found = texts(sentence * 20)
    assert len(found) > 2
    assert all(piece.startswith("We note") and piece.endswith("before.") for piece in found)
    assert all(len(piece) < LONG for piece in found)


def test_nothing_but_space_has_no_steps():
    assert split_steps("") == split_steps(" \n\n\t") == []


def exact(text):
    """Each step begins and ends with ink, they are in order, and no ink is outside."""
    steps, at = split_steps(text), 0
    for index, step in enumerate(steps):
        assert step.index == index
        assert not text[at : step.start].strip()
        assert text[step.start : step.end] == text[step.start : step.end].strip() != ""
        at = step.end
    return not text[at:].strip()


@given(st.text(alphabet="ab.A1 \n$\\[]`#-:=!?（。", max_size=200) | st.text(max_size=50))
def test_all_ink_is_in_exactly_one_step(text):
    assert exact(text)
    long = (text + " Word. ") * 12
    assert exact(long)


TRACES = ROOT.parent / "shared" / "data" / "traces" / "reasoningflow.jsonl.gz"


@pytest.mark.skipif(not TRACES.exists(), reason="needs the shared traces beside the checkout")
def test_steps_of_real_traces_are_paragraphs_or_sentences():
    sizes = []
    with gzip.open(TRACES) as lines:
        for _, line in zip(range(25), lines, strict=False):
            text = json.loads(line)["response"]
            assert exact(text)
            sizes += [step.end - step.start for step in split_steps(text)]
    sizes.sort()
    assert 40 < sizes[len(sizes) // 2] < LONG
    assert sizes[int(0.98 * len(sizes))] < 2 * LONG
