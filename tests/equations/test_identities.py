"""Identities, by exact values at a few points."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.equations import check_identity, find_chains, parse_expression


def identity_answer(equation):
    (chain,) = find_chains(equation)
    return check_identity(*(parse_expression(side.pieces) for side in chain.sides))


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
        ("x + 1 = y + 1", "cannot say"),  # different symbols
        ("3 + 4 = 7", "cannot say"),  # none
        (r"\sqrt{-x} = \sqrt{-x}", "cannot say"),  # no value at any of the points
    ],
)
def test_identities_by_hand(equation, answer):
    assert identity_answer(equation) == answer


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=4), st.lists(st.integers(-9, 9), min_size=2, max_size=4))
def test_a_product_of_polynomials_is_its_expansion_and_nothing_else(first, second):
    def written(coefficients):
        return " + ".join(f"({c})x^{{{power}}}" for power, c in enumerate(coefficients))

    product = [0] * (len(first) + len(second) - 1)
    for i, x in enumerate(first):
        for j, y in enumerate(second):
            product[i + j] += x * y
    left = f"({written(first)})({written(second)})"
    assert identity_answer(f"{left} = {written(product)}") == "yes"
    product[1] += 1
    assert identity_answer(f"{left} = {written(product)}") == "no"
