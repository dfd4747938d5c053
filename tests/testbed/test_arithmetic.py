"""Arithmetic written out: what is written is right, ends in what was asked, and grows with the depth."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.testbed.arithmetic import Equation, equations, rests_on, written

numbers = st.integers(1, 999)
operators = st.sampled_from("+-*")


@pytest.mark.parametrize(
    ("operation", "depth", "text"),
    [
        ((6, "+", 7), 4, "6 + 7 = 13"),
        ((47, "+", 38), 1, "47 + 38 = 85"),
        ((47, "+", 38), 2, "47 + 38: 47 + 30 = 77, 77 + 8 = 85, so 47 + 38 = 85"),
        ((47, "+", 38), 3, "47 + 38: 47 + 30 = 77, 77 + 8: 77 + 3 = 80, 80 + 5 = 85, so 77 + 8 = 85, so 47 + 38 = 85"),
        ((40, "+", 30), 2, "40 + 30: 4 + 3 = 7, so 40 + 30 = 70"),
        ((55, "-", 8), 2, "55 - 8: 55 - 5 = 50, 50 - 3 = 47, so 55 - 8 = 47"),
        ((3, "*", 7), 2, "3 * 7: 7 + 7 = 14, 14 + 7 = 21, so 3 * 7 = 21"),
        ((13, "*", 2), 2, "13 * 2: 10 * 2 = 20, 3 * 2 = 6, 20 + 6 = 26, so 13 * 2 = 26"),
        ((47, "*", 38), 2, "47 * 38: 47 * 30 = 1410, 47 * 8 = 376, 1410 + 376 = 1786, so 47 * 38 = 1786"),
        ((40, "*", 30), 2, "40 * 30: 4 * 3 = 12, so 40 * 30 = 1200"),
        ((100, "-", 100), 2, "100 - 100 = 0"),
        ((1005, "-", 40), 3, "1005 - 40 = 965"),  # nothing at its place to begin with
    ],
)
def test_operations_are_written_as_on_paper(operation, depth, text):
    assert written(*operation, depth) == text


@given(numbers, operators, numbers, st.integers(1, 4))
def test_every_equation_that_is_written_holds_and_the_last_is_what_was_asked(left, operator, right, depth):
    left = left + right if operator == "-" else left
    text = written(left, operator, right, depth)
    found = re.findall(r"(\d+) ([-+*]) (\d+) = (\d+)", text)
    for one, sign, other, result in found:
        one, other = int(one), int(other)
        assert {"+": one + other, "-": one - other, "*": one * other}[sign] == int(result)
    listed = equations(left, operator, right, depth)
    assert [(each.left, each.operator, each.right, each.result) for each in listed] == [
        (int(one), sign, int(other), int(result)) for one, sign, other, result in found
    ]
    assert listed[-1].operation == (left, operator, right)
    assert all(each.result >= 0 for each in listed)


@given(numbers, operators, numbers)
def test_what_an_operation_rests_on_is_other_operations(left, operator, right):
    left = left + right if operator == "-" else left
    assert (left, operator, right) not in [each.operation for each in rests_on(left, operator, right)]


@given(numbers, operators, numbers)
def test_depth_only_adds(left, operator, right):
    left = left + right if operator == "-" else left
    sizes = [len(equations(left, operator, right, depth)) for depth in (1, 2, 3, 4)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 1


def test_an_equation_knows_whether_it_holds():
    assert Equation(6, "+", 7, 13).holds
    assert not Equation(6, "-", 7, 1).holds
