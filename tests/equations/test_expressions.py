"""Expressions as trees: their readings, and which are refused."""

from fractions import Fraction

import pytest

from sgram.equations import ExpressionError, contains_node, find_chains, free_symbols, parse_expression
from sgram.equations.expressions import MAX_DEPTH


def tree(written):
    """The tree of `written` left of an equals sign."""
    (chain,) = find_chains(f"{written} = 0")
    assert not chain.sides[0].opaque
    return parse_expression(chain.sides[0].pieces)


def number(value):
    return ("number", Fraction(value), 0)


def test_products_bind_closer_than_sums_and_powers_closer_than_products():
    product = ("multiply", number(3), ("power", number(4), number(2)))
    assert tree("2 + 3 * 4^2") == ("add", number(2), product)
    assert tree("8 - 3 - 2") == ("subtract", ("subtract", number(8), number(3)), number(2))
    assert tree("2^3^2") == ("power", number(2), ("power", number(3), number(2)))


@pytest.mark.parametrize(
    "written", [r"\frac{1}{2}", r"\dfrac12", "1/2", r"\frac{1}2", r"{1} \div {2}", r"\left( 1/2 \right)", "((1)/2)"]
)
def test_every_notation_of_a_half_is_read(written):
    assert tree(written) == ("divide", number(1), number(2))


def test_two_readings_are_kept():
    assert tree("2 1/2")[0] == "either"
    assert tree("-3^2")[0] == "either"
    assert tree("5!")[0] == "either"  # an exclamation at the end
    assert tree("5! + 1") == ("add", ("factorial", number(5)), number(1))
    assert tree("6/2(3)")[0] == "either"


def test_symbols_have_their_subscripts():
    assert free_symbols(tree(r"x_1 + 2 x_{12} + \alpha")) == {"x_1", "x_{12}", "alpha"}
    assert free_symbols(tree("3ab")) == {"a", "b"}
    assert contains_node(tree(r"2\pi"), "pi")
    assert not contains_node(tree("2x"), "pi")


@pytest.mark.parametrize("written", ["3 4", "2 +", "5 * / 3", r"\frac{1}"])
def test_an_invalid_expression_is_refused(written):
    (chain,) = find_chains(f"1 = {written} = 2")
    with pytest.raises(ExpressionError):
        parse_expression(chain.sides[1].pieces)


def test_deep_nesting_is_refused():
    deep = "(" * MAX_DEPTH + "1+1" + ")" * MAX_DEPTH
    with pytest.raises(ExpressionError, match="deep"):
        tree(deep)
    assert tree(deep[2:-2])  # two brackets less
    with pytest.raises(ExpressionError, match="deep"):
        tree("-" * 60 + "1")
