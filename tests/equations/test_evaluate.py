"""Values of expressions: exact, in every reading, within limits."""

import ast
import math
import operator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.equations import ExpressionError, evaluate, find_chains, parse_expression, rounding_slack


def tree(written):
    (chain,) = find_chains(f"{written} = 0")
    return parse_expression(chain.sides[0].pieces)


def evaluate_text(written):
    return evaluate(tree(written))


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1,000 + 2,500", 3500),
        (r"1{,}000 \times 2", 2000),
        ("0.1 + 0.2", Fraction(3, 10)),
        (r"\sqrt{144}", 12),
        (r"\sqrt[3]{27}", 3),
        ("√16 + 1", 5),
        (r"\binom{5}{2}", 10),
        (r"10 \div 4", Fraction(5, 2)),
        ("5 x 3", 15),
        ("2 - -3", 5),
        (r"2(3 + 4)", 14),
        ("2³", 8),
        ("25% of 80", 20),
        (r"\$5 + \$3", 8),
        (r"\frac{3}{4} of 8", 6),
        ("2^{-1}", Fraction(1, 2)),
    ],
)
def test_values_are_exact(written, value):
    assert evaluate_text(written)[0] == value
    assert isinstance(evaluate_text(written)[0], Fraction)


def test_every_reading_has_its_number():
    assert set(evaluate_text("2 1/2")) == {Fraction(5, 2), 1}
    assert set(evaluate_text("-3^2")) == {-9, 9}
    assert set(evaluate_text("5!")) == {120, 5}
    assert set(evaluate_text("50%")) == {Fraction(1, 2), 50}
    assert set(evaluate_text("6/2(3)")) == {9, 1}


def test_an_irrational_number_is_a_float():
    assert evaluate_text(r"\sqrt{2}") == [pytest.approx(math.sqrt(2))]
    assert evaluate_text(r"2\pi") == [pytest.approx(2 * math.pi)]
    assert any(value == pytest.approx(0.5) for value in evaluate_text(r"\sin(30^\circ)"))
    assert any(value == pytest.approx(0.25) for value in evaluate_text("sin²(30°)"))
    assert any(value == pytest.approx(3) for value in evaluate_text(r"\log(1000)"))


@pytest.mark.parametrize(
    "written",
    [
        "9^9^9",
        "2^{100000}",
        "1/0",
        "0/(3-3)",
        "999999!",
        r"\sqrt{-4}",
        "(-8)^{0.5}",
        r"\binom{1000}{500}",
        "x + 1",
        r"\ln(0)",
        "0^{-1}",
        "99999999999^{64}",
        r"\sqrt[99]{2}",
    ],
)
def test_an_expression_without_a_number_or_with_too_large_a_one_is_refused(written):
    with pytest.raises(ExpressionError):
        evaluate_text(written)


def test_symbols_have_the_numbers_passed():
    assert evaluate(tree("2x + y"), {"x": Fraction(3), "y": Fraction(1, 2)}) == [Fraction(13, 2)]


OPERATORS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}


def evaluate_python(node):
    """The value of a Python expression of numbers, in fractions."""
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)](evaluate_python(node.left), evaluate_python(node.right))
    if isinstance(node, ast.UnaryOp):
        return -evaluate_python(node.operand)
    return Fraction(str(node.value))


numbers = st.integers(0, 50).map(str) | st.decimals(0, 20, places=2).map(str)
written_expressions = st.recursive(
    numbers,
    lambda inner: st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
    max_leaves=8,
)


@given(st.lists(written_expressions, min_size=1, max_size=4), st.lists(st.sampled_from("+-*/"), min_size=3))
def test_values_are_those_of_python(parts, signs):
    written = parts[0] + "".join(f" {sign} {part}" for sign, part in zip(signs, parts[1:], strict=False))
    try:
        expected = evaluate_python(ast.parse(written, mode="eval").body)
    except ZeroDivisionError:
        with pytest.raises(ExpressionError):
            evaluate_text(written)
        return
    assert evaluate_text(written) == [expected]


def test_the_slack_is_half_a_unit_of_the_last_digit():
    # 0.33 * 300: each of the last digits may be half a unit off: 0.005 * 300 = 1.5
    assert rounding_slack(tree("0.33 * 300")) == pytest.approx(1.5, rel=0.05)
    assert rounding_slack(tree("33 * 3")) == 0
