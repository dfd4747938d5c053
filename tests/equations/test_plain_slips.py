"""Slips in plain numbers: what proves that a calculation went wrong, and what only looks like it."""

import pytest

from sgram.equations import check_equations


def plain(text):
    return [equation.is_plain for equation in check_equations(text) if equation.verdict == "wrong"]


@pytest.mark.parametrize(
    "text",
    [
        "17 * 3 = 52.",
        "So 999 - 101 + 1 = 900 integers.",  # 899, not rounded: two zeros only
        r"\frac{67}{40} = \frac{845}{520}",
        r"292.8 \times 10^{-9} \times 206265 \approx 60.4 \text{ arcseconds}",  # 0.0604
        r"\frac{3}{2} \cdot \sqrt{2} \cdot \frac{\sqrt{2}}{2} = \frac{3}{4}.",  # 3/2
        "400 / (40/100) = $<<400/(40/100)=80>>80 dollars",
        r"1404 = 2^2 \times 3^2 \times 13",  # 468
        "The pens cost 17 * 3 = 52 dollars",
    ],
)
def test_a_false_result_of_plain_numbers_is_a_slip(text):
    assert plain(text) == [True]


@pytest.mark.parametrize(
    "text",
    [
        "5 apples + 3 oranges = 9 fruits",  # units
        r"6.2832 \times 2,450,000 = 15,400,000 m",  # rounded to hundred thousands: 15,393,840
        "60+100=<<100-60=40>>40 feet",  # the calculator's note has another operation
        r"\tan 10^\circ + \tan 50^\circ = 7",  # functions
        r"-x + 7 = -x + 9 \implies 7 \cdot 2 = 18",  # deduced, perhaps from a false equation
        "289 = 225 + 64 - 240 * 2",  # values put into an equation
        "36^2 + 36 + 1 = 13",  # cut off: the digits of 1333 begin with 13
        "5 * 60 = 5 hours",  # another unit of time
    ],
)
def test_what_may_be_something_else_is_no_slip_in_plain_numbers(text):
    assert True not in plain(text)
