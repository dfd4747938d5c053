"""What number a response without a marked answer ends on; the expected ones are read off by eye."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.grading.unmarked_answers import final_number, single_number


@pytest.mark.parametrize(
    ("ending", "number"),
    [
        ("It is 7.", "7"),
        ("First 3, then 4.\nSo there are 12 in all.\nThat is the answer.", "12"),  # the last line with a number
        ("I had 5. Now she has 9. Done!", "9"),
        ("**Answer:** 8 pens will cost **\\$12.00**.", "12"),  # what is bold
        ("6 times 7:\n\\[\n6 \\times 7 = 42\\text{ cookies}\n\\]", "42"),
        ("\\(2 + 2 = 4\\), in 3 steps.\nSo the two cars are 4 miles apart after 9 hours.", "4"),  # computed last
        ("2 = 2 and 5 = 5. Then 2 * 5 = 10.\nWith 2 bags of 5 there are many.", "5"),  # of two computed, the later
        ("It takes 160 minutes, which is 2 hours and 40 minutes.", "40"),  # nothing computed: the last one
        ("She earns $1,234.50 a week.", "1234.5"),
        ("She earns \\$1{,}234.", "1234"),
        ("That makes 14\u202f400 of them.", "14400"),
        ("That makes 14\\,400 of them.", "14400"),
        ("That makes 3,\\!000 of them.", "3000"),
        ("In 2005 100 came.", "100"),  # a plain space separates
        ("The probability is \\frac{3}{8}.", "3/8"),
        ("The ratio is 1.5/20.", "1.5/20"),  # the zero belongs to the 20
        ("The change is \u22125 degrees.", "-5"),
        ("A 30\u2011day month.", "30"),
        ("About .50 of it", "0.5"),
        ("About .0 of it", "0"),
        ("The 5-2 split", "2"),  # a hyphen between digits is no sign
        ("see x2 and a_3", None),
        ("", None),
        ("nothing here", None),
    ],
)
def test_the_number_that_an_ending_states_is_found(ending, number):
    assert final_number(ending) == number


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("18 dollars", "18"),
        ("Jean\\text{ is }23\\text{ years old}", "23"),
        ("\\text{She will have } \\$350 \\text{ left, that is 350 dollars}", "350"),
        ("18", None),  # is no sentence
        ("18m", None),
        ("18x", None),
        ("either 2 or 3", None),
        ("sum = 2", None),
        ("\\sqrt{16}", None),
        ("many", None),
    ],
)
def test_a_sentence_with_one_number_is_that_number(answer, number):
    assert single_number(answer) == number


@given(
    value=st.decimals(0, 10**7, places=2),
    before=st.sampled_from(["", "$", "\\$", "**", "\\("]),
    words=st.text(alphabet="abc ", max_size=20),
)
def test_a_value_is_found_in_any_notation(value, before, words):
    after = {"**": "**", "\\(": "\\)"}.get(before, "")
    number = final_number(f"{words} {before}{value:,}{after} {words}.")
    assert Fraction(number) == Fraction(value)


@given(st.text(alphabet="0123456789.,-$*=/\\{} \n\u202fa", max_size=60))
def test_the_result_for_any_ending_is_a_number_or_none(ending):
    number = final_number(ending)
    assert number is None or re.fullmatch(r"-?\d+(\.\d+)?(/\d+)?|-?\d+ \d+/\d+", number)  # "3 1/2" is a number
