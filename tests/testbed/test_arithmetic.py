"""Arithmetic written out: every equation is right, the last one is the operation, and depth adds equations."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.testbed.arithmetic import WrittenOperation, list_operations, split_operation, write_out

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
    assert write_out(*operation, depth) == text


@given(numbers, operators, numbers, st.integers(1, 4))
def test_every_equation_is_right_and_the_last_one_is_the_operation(first, operator, second, depth):
    first = first + second if operator == "-" else first
    text = write_out(first, operator, second, depth)
    matches = re.findall(r"(\d+) ([-+*]) (\d+) = (\d+)", text)
    equations = [(int(a), sign, int(b), int(result)) for a, sign, b, result in matches]
    for a, sign, b, result in equations:
        assert {"+": a + b, "-": a - b, "*": a * b}[sign] == result
    operations = list_operations(first, operator, second, depth)
    assert [(*operation.operation, operation.result) for operation in operations] == equations
    assert operations[-1].operation == (first, operator, second)
    assert all(operation.result >= 0 for operation in operations)


@given(numbers, operators, numbers)
def test_the_parts_of_an_operation_do_not_include_itself(first, operator, second):
    first = first + second if operator == "-" else first
    assert (first, operator, second) not in [part.operation for part in split_operation(first, operator, second)]


@given(numbers, operators, numbers)
def test_depth_only_adds_equations(first, operator, second):
    first = first + second if operator == "-" else first
    sizes = [len(list_operations(first, operator, second, depth)) for depth in (1, 2, 3, 4)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 1


def test_an_operation_tells_whether_its_result_is_right():
    assert WrittenOperation(6, "+", 7, 13).is_correct
    assert not WrittenOperation(6, "-", 7, 1).is_correct
