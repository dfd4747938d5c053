"""Identities: told by exact values at a few points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.equations.chains import find_chains
from sgram.equations.expressions import parse
from sgram.equations.symbols import identical


def said(equation):
    (chain,) = find_chains(equation)
    return identical(*(parse(side.pieces) for side in chain.sides))


@pytest.mark.parametrize(
    ("equation", "answer"),
    [
        ("(x + 1)^2 = x^2 + 2x + 1", "yes"),
        ("(x + 1)^2 = x^2 + x + 1", "no"),
        ("(a - b)(a + b) = a^2 - b^2", "yes"),
        (r"\frac{x^2 - 1}{x - 1} = x + 1 + 0x", "yes"),
        (r"\sqrt{x^2} = \sqrt{x} \sqrt{x}", "yes"),
        (r"\sin^2 x + \cos^2 x = 1 + 0x", "yes"),
        ("2(x - x) = 3x - 3x", "yes"),
        ("x + 1 = y + 1", "cannot say"),  # other symbols
        ("3 + 4 = 7", "cannot say"),  # none
        (r"\sqrt{-x} = \sqrt{-x}", "cannot say"),  # no value at any of the points
    ],
)
def test_identities_are_told(equation, answer):
    assert said(equation) == answer


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=4), st.lists(st.integers(-9, 9), min_size=2, max_size=4))
def test_a_product_of_polynomials_is_its_expansion_and_nothing_else(one, other):
    def written(coefficients):
        return " + ".join(f"({c})x^{{{power}}}" for power, c in enumerate(coefficients))

    product = [0] * (len(one) + len(other) - 1)
    for i, x in enumerate(one):
        for j, y in enumerate(other):
            product[i + j] += x * y
    left = f"({written(one)})({written(other)})"
    assert said(f"{left} = {written(product)}") == "yes"
    product[1] += 1
    assert said(f"{left} = {written(product)}") == "no"
