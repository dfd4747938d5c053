"""Pieces of expressions: the groups of the regular expression."""

import pytest

from sgram.equations.notation import NOTATION


def pieces(text):
    return [(match.lastgroup, match[0]) for match in NOTATION.finditer(text) if match.lastgroup != "space"]


@pytest.mark.parametrize("number", ["1,234,567", "1{,}000", r"1\,000", r"14,\!400", "3.14", ".5", "007"])
def test_a_number_is_one_piece(number):
    assert pieces(f"= {number}")[1:] == [("number", number)]


@pytest.mark.parametrize("text", ["1.2.3", "x_1", "A4", "v2"])
def test_digits_in_a_name_or_a_version_are_no_number(text):
    assert "number" not in dict(pieces(text)) or text == "1.2.3"
    assert ("number", text) not in pieces(text)


def test_a_list_of_numbers_is_not_one_number():
    assert [text for kind, text in pieces("12, 345") if kind == "number"] == ["12", "345"]
    assert [text for kind, text in pieces("1,23") if kind == "number"] == ["1", "23"]


def test_every_character_lies_in_a_piece():
    text = "Das \\frac{1}{2} ≈ 0,5 \x00 “so” — 三 = 3\n\\begin{pmatrix} 1 & 2 \\end{pmatrix}"
    assert "".join(match[0] for match in NOTATION.finditer(text)) == text


def test_a_matrix_is_one_piece_and_a_calculator_note_too():
    assert pieces(r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}")[0][0] == "block"
    assert pieces("<<48/2=24>>") == [("calc", "<<48/2=24>>")]
