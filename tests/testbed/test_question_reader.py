"""The reader of problem texts: every problem is read as itself, and every fault has its name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.testbed import TestbedConfig, TwoStepConfig
from sgram.testbed.methods import NOUNS
from sgram.testbed.problems import make_problems
from sgram.testbed.question_reader import QUESTION_FAULTS, read_question

CONFIG = TestbedConfig(methods=8)


@pytest.mark.parametrize("config", [TestbedConfig(), CONFIG, TestbedConfig(largest=99), TwoStepConfig()])
def test_every_problem_of_both_splits_is_read_as_itself(config):
    for split in make_problems(config):
        for problem in split[:800]:
            reading = read_question(config, problem.prompt)
            assert reading.problem == problem
            assert reading.kind == f"{problem.meta['method']}/{problem.meta['story']}"
            assert reading.fault is None


@pytest.mark.parametrize(
    ("text", "kind", "fault"),
    [
        # an "old" is missing; a question without a story; a story of no method
        ("In each of two crates are 6 and 7 new pens. How many pens?", None, "unreadable"),
        ("How many pens?", None, "unreadable"),
        ("", None, "unreadable"),
        ("In each of two crates are 6 old and 7 new pens.", None, "unreadable"),
        ("In each of two crates are 06 old and 7 new pens. How many pens?", None, "unreadable"),
        ("In each of two crates are -6 old and 7 new pens. How many pens?", None, "unreadable"),
        ("In each of two crates are 6 old and 7 new pens. How many pens? Score 9", None, "unreadable"),
        # the first number is 8 and 9; the noun is pens and cards
        ("In a square are 8 by 9 pens, and 3 others. How many pens?", "square/0", "contradiction"),
        ("In each of two crates are 6 old and 7 new pens. How many cards?", "double/0", "contradiction"),
        ("In each of two crates are 6 old and 7 new boxes. How many boxes?", "double/0", "noun"),
        # numbers are from 2 to 9
        ("In each of two crates are 1 old and 7 new pens. How many pens?", "double/0", "range"),
        ("In each of two crates are 6 old and 10 new pens. How many pens?", "double/0", "range"),
        # hands gives 2 + 2 * 2 = 6, and spare gives (2 + 1) * 2 = 6
        ("On a table are 2 pens, and in each hand are 2. How many pens?", "hands/0", "ambiguous"),
    ],
)
def test_every_fault_has_its_name(text, kind, fault):
    reading = read_question(CONFIG, text)
    assert (reading.problem, reading.kind, reading.fault) == (None, kind, fault)
    assert fault in QUESTION_FAULTS


def test_a_story_of_a_method_that_is_not_in_play_is_unreadable():
    text = "On a table are 3 pens, and in each hand are 9. How many pens?"
    assert read_question(CONFIG, text).problem.reference == "21"
    assert read_question(TestbedConfig(methods=7), text).fault == "unreadable"


def test_an_answer_out_of_range_is_a_range_fault():
    # 9 * 9 + 20 = 101, above the highest answer of the hard testbed
    text = "In 9 crates are 9 pens each, some given. How many pens?"
    assert read_question(TwoStepConfig(), text).fault == "range"


def test_another_noun_or_spacing_is_the_same_problem_in_other_words():
    texts = [f"  In each of two crates\nare 6 old and 7 new {noun}.  How many {noun}?\n" for noun in NOUNS]
    problems = [read_question(CONFIG, text).problem for text in texts]
    # the split has it with one of the nouns, under the id without a noun
    assert sorted(problem.id.removeprefix("double-0-6-7") for problem in problems)[0] == ""
    assert len({problem.id for problem in problems}) == len(NOUNS)
    assert {problem.reference for problem in problems} == {"26"}
    assert problems[0].prompt == f"In each of two crates are 6 old and 7 new {NOUNS[0]}. How many {NOUNS[0]}?\n"


@given(st.text(), st.integers(0, 200))
def test_any_text_is_read_or_has_a_fault(text, position):
    whole = "In a square are 8 by 8 pens, and 3 others. How many pens?"
    for candidate in (text, whole[:position] + text + whole[position:]):
        reading = read_question(CONFIG, candidate)
        assert (reading.problem is None) == (reading.fault in QUESTION_FAULTS)
