"""Whether a wrong equation is a slip in plain numbers, which proves that a calculation was carried out wrongly.

Other wrong equations may be misread: units that differ, notation with two readings, values of functions, a chain that
goes on from a part of the side before. They are counted as wrong, but they prove nothing.
"""

import re
from fractions import Fraction

from sgram.equations.chains import Side
from sgram.equations.evaluate import Number
from sgram.equations.expressions import Tree

_PLAIN_NODES = frozenset(("number", "add", "subtract", "multiply", "divide", "negative", "power", "root"))
_NOTE = re.compile(r"<<([^<>=]{1,200})=([^<>]{1,200})>>")
_TIME_FACTORS = frozenset(Fraction(factor) for factor in (60, 3600, 24, 12, 7, 365, 30, 52, 100, 1000))
_UNIT_AFTER = re.compile(r"^[^\S\n]*(?:\\[,;: ])*\s*(?:\\(?:text|mathrm)\s*\{|[A-Za-z]{2,}|%|°)")
_ROUND_ZEROS = 3
"""Zeros at the end of a whole number from which it may be rounded."""
_DEDUCED = re.compile(r"(?:\\implies|\\Rightarrow|\\Longrightarrow|=>|[⇒⟹])\s*\Z")
"""A sign of deduction before an equation, which may follow from others instead of stating a calculation."""
_LAST_PLACES = 2.01
"""Units in the last place of a result that are still rounding."""


def is_plain_slip(text: str, sides: tuple[Side, Side], trees: tuple[Tree, Tree], x: Number, y: Number) -> bool:
    """Return whether one side is a result and the other an operation on plain numbers, and rounding explains nothing.

    `x` and `y` are the numbers of the sides.
    """
    if any(side.units for side in sides) or not all(_is_plain(tree) for tree in trees):
        return False
    results = [_is_result(tree) for tree in trees]
    if not any(results) or (all(results) and not all(tree[0] == "divide" for tree in trees)):
        return False
    claimed = 1 if results[1] else 0
    computed = 1 - claimed
    if not claimed and not _is_factorization(trees[computed]):
        return False  # 5 = -2.5 * 0: values put into an equation
    if claimed and _DEDUCED.search(text, max(0, sides[0].start - 40), sides[0].start):
        return False
    if trees[claimed][0] == "divide" and _is_part(sides[claimed], sides[computed]):
        return False
    if not _differs_by_more_than_rounding(trees[claimed], (x, y)[claimed], (x, y)[computed]):
        return False
    if sides[claimed].end == len(text) and _is_cut_result(sides[claimed], (x, y)[computed]):
        return False
    if _is_unit_factor(x, y) and _UNIT_AFTER.match(text[sides[claimed].end : sides[claimed].end + 30]):
        return False
    return _agrees_with_note(text, sides[computed], sides[claimed])


def _is_factorization(tree: Tree) -> bool:
    """Return whether a tree is a product of powers of whole numbers, as in 1404 = 2^2 * 3^3 * 13."""
    if tree[0] == "number":
        return bool(tree[1].denominator == 1)
    return tree[0] in ("multiply", "power") and all(_is_factorization(part) for part in tree[1:])


def _is_plain(tree: Tree) -> bool:
    return tree[0] in _PLAIN_NODES and all(_is_plain(operand) for operand in tree[1:] if isinstance(operand, tuple))


def _is_result(tree: Tree) -> bool:
    """Return whether a tree is a number, a fraction of numbers, or a number times a power of ten."""
    if tree[0] == "negative":
        return _is_result(tree[1])
    if tree[0] == "divide":
        return all(operand[0] == "number" for operand in tree[1:])
    is_scaled = tree[0] == "multiply" and tree[1][0] == "number" and tree[2][0] == "power"
    return bool(tree[0] == "number" or (is_scaled and tree[2][1][:2] == ("number", Fraction(10))))


def _is_cut_result(side: Side, computed: Number) -> bool:
    """Return whether the digits of a result at the end of a text begin the right ones: 30 of 3081."""
    digits = "".join(filter(str.isdigit, side.pieces[-1].text))
    return bool(digits) and f"{float(computed):.15e}".replace(".", "").startswith(digits.lstrip("0"))


def _is_part(claimed: Side, computed: Side) -> bool:
    """Return whether all numbers of `claimed` are in `computed`, as those of 4448 / 24 are in 4448 / (24 * 5)."""
    numbers = [[piece.text for piece in side.pieces if piece.kind == "number"] for side in (claimed, computed)]
    return set(numbers[0]) <= set(numbers[1])


def _differs_by_more_than_rounding(tree: Tree, claimed: Number, computed: Number) -> bool:
    """Return whether the gap is more than `_LAST_PLACES` units in the last place of the claimed result."""
    while tree[0] == "negative":
        tree = tree[1]
    scale = 1.0
    if tree[0] == "multiply":
        scale = float(claimed) / float(tree[1][1]) if tree[1][1] else 1.0
        tree = tree[1]
    if tree[0] != "number":
        return True
    unit = float(10.0 ** -int(tree[2]))
    if not tree[2]:
        digits = str(tree[1].numerator)
        n_zeros = len(digits) - len(digits.rstrip("0"))
        unit = float(10**n_zeros) if n_zeros >= _ROUND_ZEROS and tree[1] else 1.0
    is_exact = not tree[2] and isinstance(computed, Fraction) and unit == 1.0
    return is_exact or abs(float(claimed) - float(computed)) > _LAST_PLACES * unit * abs(scale)


def _is_unit_factor(x: Number, y: Number) -> bool:
    if not (isinstance(x, Fraction) and isinstance(y, Fraction)) or not x or not y:
        return False
    return max(abs(x / y), abs(y / x)) in _TIME_FACTORS


def _agrees_with_note(text: str, computed: Side, claimed: Side) -> bool:
    """Return whether a calculator's note between the sides repeats the operation; True without a note."""
    note = _NOTE.search(text, min(computed.start, claimed.start), max(computed.end, claimed.end))
    return note is None or _squeezed(note[1]) == _squeezed(text[computed.start : computed.end])


def _squeezed(text: str) -> str:
    return re.sub(r"[\s$,]", "", text).replace("x", "*").replace("×", "*").replace(".0", "")
