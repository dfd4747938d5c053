"""Sides that differ and are no mistake, one example of each kind."""

import pytest

from sgram.diagnosis.operations import replace_operator_words
from sgram.equations import check_equations


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The grades 4-7 inclusive = 4 grades", "perhaps a range or a distance"),
        ("They need 400 - 475 = 75 more points.", "perhaps a range or a distance"),
        ("3 hours + 24 minutes = 3 hours 24 minutes", "units may differ"),
        ("The total is 50 + 20% = 60.", "percentages are read in two ways"),
        ("The diagonal d satisfies 62 + 62 = 36 + 36 there", "perhaps powers without their signs"),
        ("We have 3^4 = 13 when squares mod 17 are listed", "perhaps a remainder"),  # 81 - 13 = 4 * 17
        ("From 10 pm to 6 am are 10 - 6 = 8 hours.", "perhaps hours of the day"),  # 4 and half a day
        ("In binary, 101 + 11 = 1000.", "perhaps digits in another base"),
        (r"Profit is \pi = 16 * 3 - 2", "a quantity is named"),
        ("Here 24 / 7 = 3 * 7 + 3, so the rest is 3.", "perhaps a quotient with remainder"),
        ("We see 5776 * 2 = 33, 365 of them", "a number goes on outside"),
        ("That is 2.420 * 10 = 3 to the negative 19", "a number goes on outside"),
        ("1,5 * 2 = 3", "a number goes on outside"),
        ("wins + losses + ties = 50\n25 + 44 + 11 = 50", "perhaps a condition that is tried"),
    ],
)
def test_an_equation_with_an_excuse_is_unchecked(text, reason):
    (equation,) = (found for found in check_equations(text) if found.reason != "has symbols")
    assert (equation.verdict, equation.reason) == ("unchecked", reason)


@pytest.mark.parametrize(
    "text",
    [
        "Then 7-8 is $30 and 8-9 is $60.",  # hours
        "For n = 3 is 2 * 10 the energy.",
        "The last multiple of 7 before 200 is 28 * 7 = 196.",  # 200 is not 196
        "To sum up, d(R) > 1 is 30 * 6 = 180.",
        "At 440-449 is 10 numbers.",
    ],
)
def test_the_word_is_states_an_equation_only_between_an_operation_and_its_result(text):
    assert all(equation.verdict != "wrong" for equation in check_equations(replace_operator_words(text)))
    (stated,) = check_equations(replace_operator_words("we know that 6 times 6 is 35."))
    assert (stated.verdict, stated.is_plain) == ("wrong", True)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("3.00 × 10^8 / 5.00 × 10^14 = 6 × 10^-7", "right"),  # the power belongs to the divisor
        ("128 + 64 (2^6) = 192", "right"),  # a remark in brackets
        (r"\[ a \frac{1}{2} = 3 \]", "unchecked"),  # a is a symbol here
        ("\\[\n- (3 - 1)^2 + 1 = -3\n\\]", "right"),  # a sign, no mark of a list
        (r"3 + 0.\overline{6} = 5", "unchecked"),
        ("324sinθ + 432cosθ = 0", "unchecked"),
        (r"E = 13.6 \text{ eV} \left( \frac{1}{4} - 1 \right) = 9", "unchecked"),
        ("1*2 = 3\\]\\[-4 * 5 = -20", "wrong"),  # two formulas, of which the first is false
        ("30/100*9 = 2.6999999999999997", "right"),
        ("Note 289*149=289*(150-1)=289*150=43350 -289", "wrong"),  # goes on from a part of the side before
    ],
)
def test_notation_with_two_readings_is_read_as_it_may_be_meant(text, verdict):
    assert check_equations(text)[0].verdict == verdict
    assert not check_equations(text)[0].is_plain or verdict == "wrong"


def test_a_running_calculation_proves_no_slip():
    (equation,) = check_equations("289*149=289*(150-1)=289*150=43350 -289=43350-289=43061.")
    assert not equation.is_plain
