"""Equations of a text, each right, wrong or unchecked. Knows nothing about steps or whole solutions.

"Wrong" is said only where every reading of the notation is wrong, rounding to the digits shown does not explain it,
and nothing nearby says that the equation is a condition, a question or being refuted. "Right" is said of what every
reading of rounding allows. All else, as an equation to be solved, is "unchecked".
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from sgram.equations.arithmetic import Value, rounding_slack, values
from sgram.equations.chains import Chain, Side, find_chains
from sgram.equations.expressions import NotUnderstoodError, Tree, free_symbols, holds, parse
from sgram.equations.notation import OPENING
from sgram.equations.symbols import identical
from sgram.files import excerpt

DIFFERS = "the sides differ for some values"
"""Reason of what is wrong if the right side was meant to rewrite the left one."""
Verdict = Literal["right", "wrong", "unchecked"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused as unchecked."""

    text: int = 4_000_000
    """Most characters of a text in which equations are looked for."""
    equations: int = 20_000
    """Most equations of a text that are worked out."""
    characters: int = 600
    """Longest side that is worked out."""


@dataclass(frozen=True, slots=True)
class Equation:
    """Two or more sides with = or ≈ between them, `text[start:end]`."""

    start: int
    end: int
    text: str
    verdict: Verdict
    reason: str
    """Why it is wrong or was not checked: "17 * 3 is 51, not 52"; "" where it is right."""


def check_equations(text: str, limits: Limits | None = None) -> list[Equation]:
    """The equations of `text` in their order, none overlapping another: a chain a = b = c is one.

    A chain is wrong where any two neighboring sides are, and right where some are and none is wrong.
    """
    limits = limits or Limits()
    found: list[Equation] = []
    for chain in find_chains(text[: limits.text]):
        if not any(sign != "?" for sign in chain.signs):
            continue
        sides = [side for side in chain.sides if side.pieces]
        start, end = sides[0].start, max(side.end for side in sides)
        verdict, reason = ("unchecked", "too many equations")
        if len(found) < limits.equations:
            verdict, reason = _judged(text, chain, limits)
        found.append(Equation(start, end, text[start:end], verdict, reason))
    found.sort(key=lambda equation: (equation.start, -equation.end))
    apart: list[Equation] = []
    for equation in found:  # a calculator's note may lie inside the equation it belongs to
        if not apart or equation.start >= apart[-1].end:
            apart.append(equation)
    return apart


def _judged(text: str, chain: Chain, limits: Limits) -> tuple[Verdict, str]:
    trees = [_tree(side, limits) for side in chain.sides]
    right, why = False, "holds what cannot be worked out"
    for at, sign in enumerate(chain.signs):
        left, other = trees[at], trees[at + 1]
        if sign == "?" or left is None or other is None or (sign == "≈" and "?" in chain.signs):
            continue
        sides = chain.sides[at], chain.sides[at + 1]
        verdict, reason = _compared(text, sides, (left, other), sign, at)
        if verdict == "wrong":
            excuse = _excuse(text, chain, sides)
            if not excuse:
                return "wrong", reason
            verdict, reason = "unchecked", excuse
        right = right or verdict == "right"
        why = reason if verdict == "unchecked" else why
    return ("right", "") if right else ("unchecked", why)


def _tree(side: Side, limits: Limits) -> Tree | None:
    if side.opaque or not side.pieces or side.end - side.start > limits.characters:
        return None
    try:
        return parse(side.pieces)
    except NotUnderstoodError:
        return None


# -- two sides -----------------------------------------------------------------------------------------


def _compared(
    text: str, sides: tuple[Side, Side], trees: tuple[Tree, Tree], sign: str, place: int
) -> tuple[Verdict, str]:
    left, right = trees
    names = free_symbols(left) | free_symbols(right)
    if names:
        return _compared_symbols(text, sides, trees, place)
    bare = [_is_bare(tree) for tree in trees]
    if all(bare):
        return "unchecked", "two numbers"
    if (sides[0].units or sides[0].named) and (bare[0] or (place == 0 and _is_part(left))):
        return "unchecked", "a quantity is named"  # 15 liters of juice = 15 * 3/5
    try:
        ours, theirs = values(left), values(right)
    except NotUnderstoodError as error:
        return "unchecked", str(error)
    if any(_same(x, y) for x in ours for y in theirs):
        return "right", ""
    slack = _slack(trees, bare)
    gaps = [(abs(float(x) - float(y)), x, y) for x in ours for y in theirs]
    gap, x, y = min(gaps, key=lambda each: each[0])
    scale = max(abs(float(x)), abs(float(y)), 1e-9)
    shown = max((_digits_shown(tree) for tree, is_bare in zip(trees, bare, strict=True) if is_bare), default=0)
    if shown and gap <= 1.001 * 10.0**-shown:
        return "right", ""
    if sign == "≈":
        if gap <= 0.51 or gap <= 0.01 * scale:
            return "right", ""
        return ("wrong", _reason(text, sides, x, y, bare)) if gap > max(slack, 0.1 * scale) else ("unchecked", "rough")
    if holds(left, "pi") != holds(right, "pi") and gap <= 2e-3 * scale:
        return "right", ""
    if gap <= slack * 1.001:
        return "unchecked", "rounded"
    to_whole = any(each and float(value).is_integer() for each, value in zip(bare, (x, y), strict=True))
    if gap < 1 and to_whole and not (float(x).is_integer() and float(y).is_integer()):
        return "unchecked", "rounded to a whole number"
    if any(side.units for side in sides) and _is_conversion(x, y):
        return "unchecked", "units may differ"
    if _runs_on(sides, trees, ours):
        return "unchecked", "a calculation in passing"
    return "wrong", _reason(text, sides, x, y, bare)


def _is_bare(tree: Tree) -> bool:
    """Whether `tree` is one number, with a sign or as per cent."""
    if tree[0] == "either":
        return tree[2][0] == "number" and tree[1][0] == "divide"
    return tree[0] == "number" or (tree[0] in ("negative", "degrees") and _is_bare(tree[1]))


def _is_part(tree: Tree) -> bool:
    """Whether `tree` is a fraction of whole numbers below 1, as in "rent 1/4 = 1500"."""
    return tree[0] == "divide" and all(each[0] == "number" for each in tree[1:]) and tree[1][1] < tree[2][1]


def _same(x: Value, y: Value) -> bool:
    if isinstance(x, Fraction) and isinstance(y, Fraction):
        return x == y
    return abs(float(x) - float(y)) <= 1e-9 * max(abs(float(x)), abs(float(y)), 1e-3)


def _digits_shown(tree: Tree) -> int:
    if tree[0] == "number":
        return tree[2]
    return max((_digits_shown(each) for each in tree[1:] if isinstance(each, tuple)), default=0)


def _slack(trees: tuple[Tree, Tree], bare: list[bool]) -> float:
    """How far apart the sides may be by the rounding of the decimals in them, a bare one's last digit whole."""
    try:
        slack = sum(rounding_slack(tree) for tree in trees)
    except (NotUnderstoodError, OverflowError):
        return float("inf")
    rough = any(holds(tree, "root", "pi", "call") for tree in trees)
    return slack * 2 + (0.51 if rough and all(not _digits_shown(tree) for tree in trees) else 0.0)


_CONVERSIONS = frozenset(
    Fraction(each)
    for each in (60, 3600, 24, 7, 12, 52, 365, 30, 31, 100, 1000, 10, 3, 36, 16, 2, 4, 8, 20, 14, 1440, 168)
)


def _is_conversion(x: Value, y: Value) -> bool:
    """Whether one value is the other in a unit as common as minutes and hours."""
    if not (isinstance(x, Fraction) and isinstance(y, Fraction)) or not x or not y:
        return False
    ratio = max(abs(x / y), abs(y / x))
    power_of_ten = ratio.denominator == 1 and str(ratio.numerator).strip("0") == "1"
    return ratio in _CONVERSIONS or power_of_ten


def _runs_on(sides: tuple[Side, Side], trees: tuple[Tree, Tree], ours: list[Value]) -> bool:
    """Whether = only says what was typed next: 2 * 3 = 6 + 1 = 7, or 2 - 18 + 4 = 2 - 18 = -16."""
    left, right = ([piece.text for piece in side.pieces] for side in sides)
    if _is_bare(trees[1]) or right[0] in OPENING:
        return False
    first = trees[1]
    while first[0] in ("add", "subtract", "multiply", "divide"):
        first = first[1]
    typed = any(_same(value, each) for value in values(first) for each in ours)
    return (typed and len(left) > 1) or (len(right) < len(left) and left[: len(right)] == right)


# -- symbols -------------------------------------------------------------------------------------------

_REWRITING = re.compile(
    r"expand|simplif|factor(?!ial)|rewrit|re-writ|distribut|combin(?:e|ing) like|multiply(?:ing)? out|rationaliz|foil",
    re.IGNORECASE,
)


def _compared_symbols(text: str, sides: tuple[Side, Side], trees: tuple[Tree, Tree], place: int) -> tuple[Verdict, str]:
    """An identity in the same symbols is right or, where the text says that it rewrites, wrong."""
    left, right = trees
    if left[0] == "symbol" or right[0] == "symbol" or any(_is_call(text, side) for side in sides):
        return "unchecked", "has symbols"
    said = identical(left, right)
    if said == "yes":
        return "right", ""
    before = text[max(0, sides[0].start - 160) : sides[0].start]
    last = re.split(r"[.!?]\s", before)[-1]
    if said != "no" or place == 0 or free_symbols(left) & {"i", "e", "j"}:
        return "unchecked", "has symbols"
    if _REWRITING.search(last):
        return "wrong", f"{_written(text, sides[0])} is not {_written(text, sides[1])} for all values"
    return "unchecked", DIFFERS


def _is_call(text: str, side: Side) -> bool:
    """Whether a symbol touches an opening bracket, as in f(x)."""
    pairs = zip(side.pieces, side.pieces[1:], strict=False)
    return any(one.kind == "symbol" and other.text == "(" and other.tight for one, other in pairs)


# -- what stands around --------------------------------------------------------------------------------

_BEFORE = re.compile(
    r"\b(?:if|suppose|supposing|assum\w+|whether|not|cannot|can't|isn't|doesn't|n't|instead of|test\w*|try\w*|guess\w*|"
    r"hypothe\w+|would|imagine|wrong|incorrect\w*|mistake\w*|contradict\w*|mod|modulo|base|remainder|claim\w*|different)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^[^.\n]{0,60}?(?:n't|\bnot\b|absurd|never|wrong|cannot|\?|✗|✘|mod\b|base\b|"
    r"remainder|\bonly if\b|approximat|round)",
    re.IGNORECASE,
)
_REFUTED = re.compile(
    r"contradict|impossible|not true|\bfalse|incorrect|"
    r"not (?:correct|hold|work|satisf|equal|possible|a solution|valid|match)|"
    r"n't (?:hold|work|satisf|equal|match)|no solution|inconsistent|≠|\\neq?\b|discard|extraneous|reject",
    re.IGNORECASE,
)
_INTO = re.compile(r"into (?:the |this |our |each )?(?:\w+ )?equation|satisf|verif|check", re.IGNORECASE)
_TRIAL = re.compile(r"substitut|plug|check|verif|satisf|equation|when |for ", re.IGNORECASE)


def _excuse(text: str, chain: Chain, sides: tuple[Side, Side]) -> str:
    """Why a mismatch is perhaps no mistake; "" where nothing says so."""
    pieces = [side for side in chain.sides if side.pieces]
    start, end = pieces[0].start, pieces[-1].end
    before = re.split(r"[.!?]\s|\n\n", text[max(0, start - 120) : start])[-1]
    if _BEFORE.search(before):
        return "perhaps a condition or refuted"
    if _AFTER.search(text[end : end + 100]) or _REFUTED.search(text[start : end + 200]):
        return "perhaps a condition or refuted"
    both = not any(_is_bare(parse(side.pieces)) for side in sides)
    if (both and len(pieces) == 2 and _TRIAL.search(before)) or _INTO.search(before):
        return "perhaps a condition that is tried"
    return ""


def _written(text: str, side: Side) -> str:
    return excerpt(" ".join(text[side.start : side.end].split()), 60)


def _reason(text: str, sides: tuple[Side, Side], x: Value, y: Value, bare: list[bool]) -> str:
    if bare[0] and not bare[1]:
        return f"{_written(text, sides[1])} is {number_text(y)}, not {number_text(x)}"
    if bare[1]:
        return f"{_written(text, sides[0])} is {number_text(x)}, not {number_text(y)}"
    return f"{_written(text, sides[0])} is {number_text(x)}, {_written(text, sides[1])} is {number_text(y)}"


def number_text(value: Value) -> str:
    """A value as a person would write it: whole, a short decimal, a fraction, or six digits of it."""
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value.numerator) if abs(value) < 10**20 else f"{float(value):.6g}"
        if 10**6 % value.denominator == 0:
            return f"{float(value):.10g}"
        if value.denominator < 1000:
            return f"{value.numerator}/{value.denominator}"
    return f"{float(value):.6g}"
