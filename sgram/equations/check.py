"""Equations of a text, each right, wrong or unchecked.

An equation is "wrong" only if every reading of the notation is wrong, rounding to the digits written does not explain
it, and nothing nearby says that it is a condition, a question or refuted. It is "right" if one reading is right or
rounding explains the difference. Everything else, such as an equation to be solved, is "unchecked".
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeAlias

from sgram.equations.chains import Chain, Side, find_chains
from sgram.equations.evaluate import Number, evaluate, rounding_slack
from sgram.equations.excuses import NOTATION_REASONS, Mismatch, find_excuse
from sgram.equations.expressions import ExpressionError, Tree, contains_node, free_symbols, parse_expression
from sgram.equations.identities import check_identity
from sgram.equations.notation import OPENING
from sgram.equations.plain_slips import is_plain_slip
from sgram.files import excerpt

_IN_PASSING = "a calculation in passing"
HAS_SYMBOLS = "has symbols"
"""Reason of an unchecked equation with symbols."""
SIDES_DIFFER = "the sides differ for some values"
"""Reason of an unchecked equation that is wrong if the right side was meant to rewrite the left one."""
EquationVerdict: TypeAlias = Literal["right", "wrong", "unchecked"]


@dataclass(frozen=True, slots=True)
class EquationLimits:
    """Limits beyond which equations are skipped or unchecked."""

    text: int = 4_000_000
    """Characters of a text that are searched for equations."""
    equations: int = 20_000
    """Equations of a text that are checked."""
    characters: int = 600
    """Characters of a side that is evaluated."""


@dataclass(frozen=True, slots=True)
class Equation:
    """Two or more sides with = or ≈ between them, `text[start:end]`."""

    start: int
    end: int
    text: str
    verdict: EquationVerdict
    reason: str
    """Why it is wrong or unchecked, such as "17 * 3 is 51, not 52"; "" if it is right."""
    is_plain: bool = False
    """Whether it is wrong in plain numbers: an operation and its result, without units, functions or other readings."""


def check_equations(text: str, limits: EquationLimits | None = None) -> list[Equation]:
    """Return the equations of `text` in order, without overlaps: a chain a = b = c is one.

    A chain is wrong if two neighboring sides are, and right if none is wrong and two neighboring sides are right.

    >>> check_equations("So 2 + 3 = 5.")
    [Equation(start=3, end=12, text='2 + 3 = 5', verdict='right', reason='', is_plain=False)]
    """
    limits = limits or EquationLimits()
    equations: list[Equation] = []
    for chain in find_chains(text[: limits.text]):
        if not any(sign != "?" for sign in chain.signs):
            continue
        sides = [side for side in chain.sides if side.pieces]
        start, end = sides[0].start, max(side.end for side in sides)
        verdict: EquationVerdict = "unchecked"
        reason, is_plain = "too many equations", False
        if len(equations) < limits.equations:
            verdict, reason, is_plain = _check_chain(text, chain, limits)
        equations.append(Equation(start, end, text[start:end], verdict, reason, is_plain))
    equations.sort(key=lambda equation: (equation.start, -equation.end))
    separate: list[Equation] = []
    for equation in equations:  # a calculator's note may lie inside the equation that it belongs to
        if not separate or equation.start >= separate[-1].end:
            separate.append(equation)
    return separate


def _check_chain(text: str, chain: Chain, limits: EquationLimits) -> tuple[EquationVerdict, str, bool]:
    """Return verdict, reason and whether the equation is wrong in plain numbers, which is told first."""
    trees = [_parse_side(side, limits) for side in chain.sides]
    is_right, unchecked_reason, wrong_reason = False, "holds what cannot be worked out", ""
    is_running = False
    for index, sign in enumerate(chain.signs):
        left_tree, right_tree = trees[index], trees[index + 1]
        if sign == "?" or left_tree is None or right_tree is None or (sign == "≈" and "?" in chain.signs):
            continue
        sides = chain.sides[index], chain.sides[index + 1]
        comparison = _compare_sides(text, sides, (left_tree, right_tree), sign, index)
        verdict, reason, numbers = comparison.verdict, comparison.reason, comparison.numbers
        if verdict == "wrong":
            trees_of_sides, are_bare = (left_tree, right_tree), (_is_bare(left_tree), _is_bare(right_tree))
            excuse = find_excuse(text, Mismatch(chain, sides, trees_of_sides, numbers, are_bare))
            if not (excuse or is_running or numbers is None) and is_plain_slip(text, sides, trees_of_sides, *numbers):
                return "wrong", reason, True
            verdict, reason = ("unchecked", excuse) if excuse else (verdict, reason)
        if verdict == "wrong":
            wrong_reason = wrong_reason or reason
        is_running = is_running or verdict == "wrong" or reason in (_IN_PASSING, *NOTATION_REASONS)
        is_right = is_right or verdict == "right"
        unchecked_reason = reason if verdict == "unchecked" else unchecked_reason
    if wrong_reason:
        return "wrong", wrong_reason, False
    return ("right", "", False) if is_right else ("unchecked", unchecked_reason, False)


def _parse_side(side: Side, limits: EquationLimits) -> Tree | None:
    if side.opaque or not side.pieces or side.end - side.start > limits.characters:
        return None
    try:
        return parse_expression(side.pieces)
    except ExpressionError:
        return None


# -- two sides -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Comparison:
    verdict: EquationVerdict
    reason: str
    numbers: tuple[Number, Number] | None = None
    """The numbers of the sides if they are wrong."""


def _compare_sides(text: str, sides: tuple[Side, Side], trees: tuple[Tree, Tree], sign: str, index: int) -> _Comparison:
    """Compare two neighboring sides; `index` is that of the left one in its chain."""
    left_tree, right_tree = trees
    if free_symbols(left_tree) | free_symbols(right_tree):
        return _Comparison(*_compare_symbolic(text, sides, trees, index))
    are_bare = (_is_bare(left_tree), _is_bare(right_tree))
    if all(are_bare):
        return _Comparison("unchecked", "two numbers")
    if (sides[0].units or sides[0].named) and (are_bare[0] or (index == 0 and _is_proper_fraction(left_tree))):
        return _Comparison("unchecked", "a quantity is named")  # 15 liters of juice = 15 * 3/5
    try:
        left_numbers, right_numbers = evaluate(left_tree), evaluate(right_tree)
    except ExpressionError as error:
        return _Comparison("unchecked", str(error))
    if any(_are_same(x, y) for x in left_numbers for y in right_numbers):
        return _Comparison("right", "")
    slack = _slack(trees)
    gaps = [(abs(float(x) - float(y)), x, y) for x in left_numbers for y in right_numbers]
    gap, x, y = min(gaps, key=lambda candidate: candidate[0])
    scale = max(abs(float(x)), abs(float(y)), 1e-9)
    n_decimals = max((_n_decimals(tree) for tree, is_bare in zip(trees, are_bare, strict=True) if is_bare), default=0)
    if gap <= 1e-9 * scale or (n_decimals and gap <= 1.001 * 10.0**-n_decimals):
        return _Comparison("right", "")
    is_whole = any(bare and float(number).is_integer() for bare, number in zip(are_bare, (x, y), strict=True))
    if sign == "≈":
        if (is_whole and gap <= 0.51) or gap <= 0.01 * scale:
            return _Comparison("right", "")
        if gap > max(slack, 0.1 * scale):
            return _Comparison("wrong", _mismatch_text(text, sides, x, y, are_bare), (x, y))
        return _Comparison("unchecked", "rough")
    if contains_node(left_tree, "pi") != contains_node(right_tree, "pi") and gap <= 2e-3 * scale:
        return _Comparison("right", "")
    if gap <= slack * 1.001:
        return _Comparison("unchecked", "rounded")
    if gap < 1 and is_whole and not (float(x).is_integer() and float(y).is_integer()):
        return _Comparison("unchecked", "rounded to a whole number")
    if any(side.units for side in sides) and _is_conversion(x, y):
        return _Comparison("unchecked", "units may differ")
    if _is_running_calculation(sides, trees, left_numbers):
        return _Comparison("unchecked", _IN_PASSING)
    return _Comparison("wrong", _mismatch_text(text, sides, x, y, are_bare), (x, y))


def _is_bare(tree: Tree) -> bool:
    """Return whether `tree` is one number, perhaps with a sign or as a percentage."""
    if tree[0] == "either":
        return bool(tree[2][0] == "number" and tree[1][0] == "divide")
    return tree[0] == "number" or (tree[0] in ("negative", "degrees") and _is_bare(tree[1]))


def _is_proper_fraction(tree: Tree) -> bool:
    """Return whether `tree` is a fraction of whole numbers below 1, as in "rent 1/4 = 1500"."""
    if tree[0] != "divide" or tree[1][0] != "number" or tree[2][0] != "number":
        return False
    return bool(tree[1][1] < tree[2][1])


def _are_same(x: Number, y: Number) -> bool:
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x == y
    return abs(float(x) - float(y)) <= 1e-9 * max(abs(float(x)), abs(float(y)), 1e-3)


def _n_decimals(tree: Tree) -> int:
    """Return the largest number of decimals written in `tree`."""
    if tree[0] == "number":
        return int(tree[2])
    return max((_n_decimals(operand) for operand in tree[1:] if isinstance(operand, tuple)), default=0)


def _slack(trees: tuple[Tree, Tree]) -> float:
    """Return how far apart the sides may be because the decimals in them are rounded.

    If a side is irrational and no decimal is written, the other may be rounded to a whole number.
    """
    try:
        slack = sum(rounding_slack(tree) for tree in trees)
    except (ExpressionError, OverflowError):
        return float("inf")
    is_irrational = any(contains_node(tree, "root", "pi", "call") for tree in trees)
    return slack * 2 + (0.51 if is_irrational and not any(_n_decimals(tree) for tree in trees) else 0.0)


_CONVERSIONS = frozenset(
    Fraction(factor)
    for factor in (60, 3600, 24, 7, 12, 52, 365, 30, 31, 100, 1000, 10, 3, 36, 16, 2, 4, 8, 20, 14, 1440, 168)
)


def _is_conversion(x: Number, y: Number) -> bool:
    """Return whether one number may be the other in another common unit, such as minutes and hours."""
    if not (isinstance(x, Fraction) and isinstance(y, Fraction)) or not x or not y:
        return False
    ratio = max(abs(x / y), abs(y / x))
    is_power_of_ten = ratio.denominator == 1 and str(ratio.numerator).strip("0") == "1"
    return ratio in _CONVERSIONS or is_power_of_ten


def _is_running_calculation(sides: tuple[Side, Side], trees: tuple[Tree, Tree], left_numbers: list[Number]) -> bool:
    """Return whether = only shows what was typed next: 2 * 3 = 6 + 1 = 7, or 2 - 18 + 4 = 2 - 18 = -16."""
    left_texts, right_texts = ([piece.text for piece in side.pieces] for side in sides)
    if _is_bare(trees[1]) or right_texts[0] in OPENING:
        return False
    first_operand = trees[1]
    while first_operand[0] in ("add", "subtract", "multiply", "divide"):
        first_operand = first_operand[1]
    first_numbers = [float(number) for number in evaluate(first_operand)]
    repeats_result = any(abs(x - float(y)) <= 0.01 * abs(float(y)) for x in first_numbers for y in left_numbers)
    if repeats_result and len(left_texts) > 1:
        return True
    return len(right_texts) < len(left_texts) and left_texts[: len(right_texts)] == right_texts


# -- symbols -------------------------------------------------------------------------------------------

_REWRITING = re.compile(
    r"expand|simplif|factor(?!ial)|rewrit|re-writ|distribut|combin(?:e|ing) like|multiply(?:ing)? out|rationaliz|foil",
    re.IGNORECASE,
)


def _compare_symbolic(
    text: str, sides: tuple[Side, Side], trees: tuple[Tree, Tree], index: int
) -> tuple[EquationVerdict, str]:
    """Return "right" for an identity in the same symbols; "wrong" if it fails and the text announces a rewriting."""
    left_tree, right_tree = trees
    if left_tree[0] == "symbol" or right_tree[0] == "symbol" or any(_has_call(side) for side in sides):
        return "unchecked", HAS_SYMBOLS
    answer = check_identity(left_tree, right_tree)
    if answer == "yes":
        return "right", ""
    before = text[max(0, sides[0].start - 160) : sides[0].start]
    sentence = re.split(r"[.!?]\s", before)[-1]
    if answer != "no" or index == 0 or free_symbols(left_tree) & {"i", "e", "j"}:
        return "unchecked", HAS_SYMBOLS
    if _REWRITING.search(sentence):
        return "wrong", f"{_side_text(text, sides[0])} is not {_side_text(text, sides[1])} for all values"
    return "unchecked", SIDES_DIFFER


def _has_call(side: Side) -> bool:
    """Return whether a symbol touches an opening bracket, as in f(x)."""
    pairs = zip(side.pieces, side.pieces[1:], strict=False)
    return any(piece.kind == "symbol" and following.text == "(" and following.tight for piece, following in pairs)


# -- reasons ------------------------------------------------------------------------------------------


def _side_text(text: str, side: Side) -> str:
    return excerpt(" ".join(text[side.start : side.end].split()), 60)


def _mismatch_text(text: str, sides: tuple[Side, Side], x: Number, y: Number, are_bare: tuple[bool, bool]) -> str:
    if are_bare[0] and not are_bare[1]:
        return f"{_side_text(text, sides[1])} is {format_number(y)}, not {format_number(x)}"
    if are_bare[1]:
        return f"{_side_text(text, sides[0])} is {format_number(x)}, not {format_number(y)}"
    return f"{_side_text(text, sides[0])} is {format_number(x)}, {_side_text(text, sides[1])} is {format_number(y)}"


def format_number(number: Number) -> str:
    """Return a number as a person would write it: whole, a short decimal, a fraction, or with six digits.

    >>> [format_number(number) for number in (Fraction(51), Fraction(1, 8), Fraction(1, 3), 2**0.5)]
    ['51', '0.125', '1/3', '1.41421']
    """
    if isinstance(number, Fraction):
        if number.denominator == 1:
            return str(number.numerator) if abs(number) < 10**20 else f"{float(number):.6g}"
        if 10**6 % number.denominator == 0:
            return f"{float(number):.10g}"
        if number.denominator < 1000:
            return f"{number.numerator}/{number.denominator}"
    return f"{float(number):.6g}"
