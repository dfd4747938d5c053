"""Chains: where sides start and end, and which are opaque."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.equations import find_chains
from sgram.equations.chains import MAX_PARAGRAPH


def sides(text):
    """The sides of the only chain, as written; None for an opaque one."""
    (chain,) = find_chains(text)
    return [None if side.opaque else text[side.start : side.end] if side.pieces else "" for side in chain.sides]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We see that 3 + 4 = 7 apples in all.", ["3 + 4", "7"]),
        ("Cost = 5 * 3 = 15", ["", "5 * 3", "15"]),
        ("5 apples + 3 oranges = 8 fruits", ["5 apples + 3", "8"]),
        ("60 miles/hour * 2 hours = 120", ["60 miles/hour * 2", "120"]),
        ("1. 5 + 3 = 8", ["5 + 3", "8"]),
        ("- 5 + 3 = 8", ["5 + 3", "8"]),
        ("the value is -5 + 3 = -2", ["-5 + 3", "-2"]),
        ("(so 5 + 3 = 8)", ["5 + 3", "8)"]),
        ("a &= 3 + 4 \\\\\n &= 7", ["a", "3 + 4", "7"]),
        ("x\n= 3 + 4\n= 7", ["x", "3 + 4", "7"]),
        ("12 - 5 = 7, 8", ["12 - 5", "7"]),
        ("**12 - 5** = **7**", ["12 - 5", "7"]),
        ("12 - 5 ≈ 7", ["12 - 5", "7"]),
    ],
)
def test_words_and_ends_of_sentences_part_sides(text, expected):
    assert sides(text) == expected


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("Total - 5 + 3 = 8", 0),  # the word belongs to it
        ("half of 6 + 4 = 7", 0),
        ("arctan(3/2) = 56.3", 0),
        ("a + b = 5 million", 1),
        ("8 = 5 + |x|", 1),
        ("1 = (1 + 2 = 3", 1),
        ("(1, 2 + 3 = 6)", 0),
        ("5 = 3) + 2 = 5", 1),
        (r"1 = \sum_{k} k + 2", 1),
        ("x = 101_2", 1),
        ("3:4 = 0.75", 0),
        (r"13 = 3 \pmod{5}", 1),
        ("2 + 3 = 5 mod 7", 0),
    ],
)
def test_unsupported_notation_makes_its_side_opaque(text, index):
    assert sides(text)[index] is None


def test_a_calculator_note_is_a_chain_of_its_own():
    chains = list(find_chains("48/2 = <<48/2=24>>24 clips"))
    assert len(chains) == 2
    assert [len(chain.sides) for chain in chains] == [2, 2]


def test_code_a_blank_line_and_a_very_long_line_hold_no_chain_together():
    assert list(find_chains("```\nx = 2 + 2\n```\n")) == []
    assert sides("3 + 4\n\n= 7 = 7") == ["", "7", "7"]
    assert list(find_chains("1 + " * MAX_PARAGRAPH + "1 = 5")) == []


@given(st.text(alphabet="0123456789+-*/=()[]{}\\frac $,.:<>x\n%!^_", max_size=60))
def test_sides_lie_in_the_text_in_order(text):
    for chain in find_chains(text):
        assert len(chain.signs) == len(chain.sides) - 1
        pieces = [piece for side in chain.sides for piece in side.pieces]
        assert all(0 <= piece.start < piece.end <= len(text) for piece in pieces)
        assert all(piece.end <= following.start for piece, following in zip(pieces, pieces[1:], strict=False))
