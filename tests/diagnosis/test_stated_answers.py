"""Answers stated in words."""

from fractions import Fraction

import pytest

from sgram.diagnosis.operations import extract_work
from sgram.diagnosis.stated_answers import is_same_time, other_form, states_reference
from sgram.traces import Trace


@pytest.mark.parametrize(
    ("text", "is_stated"),
    [
        ("6 - 2 = 4\n**Answer**: 3 loaves cost $4 more than 2 bagels.", True),
        ("6 - 2 = 4\n**Answer**: 3 loaves cost $5 more than 2 bagels.", False),
        ("6 - 1 = 5\n**Answer**: 3 loaves cost $4 more than 2 bagels.", False),  # its last result is another
        ("6 - 2 = 4\nIt is 4 or 7.", False),
        ("6 - 2 = 4\nIt is 4, so \\boxed{9}.", False),  # another answer is marked
    ],
)
def test_the_only_new_number_of_the_last_line_is_an_answer(text, is_stated):
    trace = Trace(id="1", prompt="Bread is $2, a bagel $1. How much more are 3 loaves than 2 bagels?", text=text)
    assert states_reference(trace, extract_work(trace), Fraction(4)) == is_stated


def test_a_time_of_day_has_many_spellings():
    assert is_same_time("4:30 p.m", "4:30p..")
    assert is_same_time("2 PM", "2:00 pm")
    assert not is_same_time("4:30", "4:30 pm")
    assert not is_same_time("4:35 pm", "4:30 pm")


@pytest.mark.parametrize(
    ("text", "answer", "reference", "form"),
    [
        ("It takes **3 hours 45 minutes** in all.", "3", 225, "3 hours 45 minutes is 225 minutes"),
        ("It takes 3 minutes and 36 seconds.", "3", 216, "3 minutes 36 seconds is 216 seconds"),
        ("It takes 3 hours 40 minutes.", "3", 225, None),
        ("It takes 45 minutes.", "45", 225, None),
        ("She must begin at 2:00 pm.", "2:00 pm", 2, "2:00 pm is 2 o'clock"),
        ("She must begin at 2:30 pm.", "2:30 pm", 2, None),
    ],
)
def test_durations_and_times_are_the_reference_in_another_form(text, answer, reference, form):
    assert other_form(Trace(id="1", text=text), answer, Fraction(reference)) == form
