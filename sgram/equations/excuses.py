"""Reasons why two sides that differ may be no mistake.

A text states more with = than equalities of numbers: ranges (4-7 = 4 grades), hours of the day, sums of a number and a
percentage, remainders, conditions that are tried, powers whose exponent was lost. An equation with such a reason is
unchecked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from sgram.equations.chains import Chain, Side
from sgram.equations.evaluate import Number, evaluate
from sgram.equations.expressions import ExpressionError, Tree, contains_node, parse_expression
from sgram.equations.notation import NotationPiece

_BEFORE_CHARS = 120
_MODULUS_CHARS = 600
"""Characters before an equation in which a modulus is looked for."""
_BEFORE = re.compile(
    r"\b(?:if|suppose|supposing|assum\w+|whether|not|cannot|can't|isn't|doesn't|n't|instead of|test\w*|try\w*|guess\w*|"
    r"hypothe\w+|would|imagine|wrong|incorrect\w*|mistake\w*|contradict\w*|mod|modulo|base|remainder|claim\w*|different)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"^[^.\n]{0,60}?(?:n't|\bnot\b|absurd|never|wrong|cannot|\?|✗|✘|mod\b|base\b|"
    r"remainder|\bonly if\b|approximat|round|followed by)",
    re.IGNORECASE,
)
_REFUTED = re.compile(
    r"contradict|impossible|not true|\bfalse|incorrect|"
    r"not (?:correct|hold|work|satisf|equal|possible|a solution|valid|match)|"
    r"n't (?:hold|work|satisf|equal|match|make sense)|not make sense|no solution|inconsistent|"
    r"≠|\\neq?\b|discard|extraneous|reject",
    re.IGNORECASE,
)
_INTO = re.compile(r"into (?:the |this |our |each )?(?:\w+ )?equation|satisf|verif|check", re.IGNORECASE)
_TRIAL = re.compile(r"substitut|plug|check|verif|satisf|equation|when |for ", re.IGNORECASE)
_CUT_BEFORE = re.compile(r"(?:\d,|\d\s*:\s*)$")
"""The number before the first side goes on into it: 1,5 or 1 : 2."""
_CUT_AFTER = re.compile(r"^(?:,\s?\d{3}\b|,\d|\s*:\s*-?\d|\s*<su[pb]>|\s*\^|\s+to the\b|\s*[⁻⁰¹⁴⁵⁶⁷⁸⁹])")
"""The last number goes on behind the last side: 33,365, 376 or 10 to the negative 19."""
_NOTATION_OF_BASES = re.compile(r"\b(?:binary|octal|hexadecimal|base[- ]?\d+|in base)\b", re.IGNORECASE)
_MODULUS = re.compile(r"(?:mod(?:ulo)?\s*\{?\(?\s*|divid(?:ed|ing|e)\s*by\s*)(\d{1,9})", re.IGNORECASE)
_HOURS = re.compile(r"\b(?:[ap]\.?m\b|o'clock|hours?|noon|midnight)", re.IGNORECASE)
_FEWEST_FLAT = 2
"""Fewest numbers with such a digit in an equation whose exponents may be lost: one has it by chance."""
_FLAT_EXPONENT = re.compile(r"(\d+)([23])")
_LOST_SIGN = re.compile(r"(?:[*×·x]|\\times|\\cdot)\s*10[-−–]\d")
_CONVERTED_UNITS = re.compile(
    r"\b(?:hours?|hrs?|minutes?|mins?|seconds?|secs?|days?|weeks?|months?|years?|feet|foot|ft|inch(?:es)?|yards?|miles?|"
    r"mm|cm|km|meters?|metres?|kilometers?|grams?|kg|kilograms?|mg|pounds?|lbs?|ounces?|oz|liters?|litres?|ml|"
    r"dollars?|cents?)\b"
)
_TEXT_DASH = re.compile(r"\\\)\s*[–—-]\s*\\\(")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Two neighboring sides of a chain that differ."""

    chain: Chain
    sides: tuple[Side, Side]
    trees: tuple[Tree, Tree]
    numbers: tuple[Number, Number] | None
    """The closest numbers of the two sides; None if they have symbols."""
    are_bare: tuple[bool, bool]

    @property
    def x(self) -> Number:
        """The number of the left side."""
        return self.numbers[0] if self.numbers is not None else 0.0

    @property
    def y(self) -> Number:
        """The number of the right side."""
        return self.numbers[1] if self.numbers is not None else 0.0


def find_excuse(text: str, mismatch: Mismatch) -> str:
    """Return why a mismatch may be no mistake; "" if nothing suggests it.

    The reasons are those of the notation first, then those of the words around the equation.
    """
    for reason, applies in (*(_OF_NUMBERS if mismatch.numbers is not None else ()), *_OF_CONTEXT):
        if applies(text, mismatch):
            return reason
    return ""


def _offsets(mismatch: Mismatch) -> tuple[int, int]:
    sides = [side for side in mismatch.chain.sides if side.pieces]
    return sides[0].start, sides[-1].end


def _sentence_before(text: str, mismatch: Mismatch) -> str:
    start, _ = _offsets(mismatch)
    return re.split(r"[.!?]\s|\n\n", text[max(0, start - _BEFORE_CHARS) : start])[-1]


# -- notation ------------------------------------------------------------------------------------------


def _is_cut(text: str, mismatch: Mismatch) -> bool:
    start, end = _offsets(mismatch)
    lost_sign = any(_LOST_SIGN.search(text, side.start, side.end) for side in mismatch.sides)
    dashed = any(_TEXT_DASH.search(text, side.start, side.end) for side in mismatch.sides)
    is_cut = _CUT_BEFORE.search(text[max(0, start - 8) : start]) or _CUT_AFTER.match(text[end : end + 12])
    return bool(lost_sign or dashed or is_cut)


def _is_range(text: str, mismatch: Mismatch) -> bool:
    """Return whether a difference of growing numbers is told as positive: a range, or the distance of the two."""
    if max(float(mismatch.x), float(mismatch.y)) >= 0 and (
        any(_is_growing_difference(tree) for tree in mismatch.trees)
        or any(_has_tight_range(side) for side in mismatch.sides)
    ):
        return True
    is_negated = abs(float(mismatch.x) + float(mismatch.y)) <= 1e-9 * max(abs(float(mismatch.x)), 1e-9)
    return is_negated and any(_is_difference(tree) for tree in mismatch.trees)


def _is_growing_difference(tree: Tree) -> bool:
    are_numbers = tree[0] == "subtract" and all(operand[0] == "number" for operand in tree[1:])
    return are_numbers and bool(tree[1][1] < tree[2][1])


def _is_difference(tree: Tree) -> bool:
    """Return whether a tree only subtracts numbers: 48 - 40 - 21."""
    return tree[0] == "subtract" and tree[2][0] == "number" and (tree[1][0] == "number" or _is_difference(tree[1]))


def _has_tight_range(side: Side) -> bool:
    """Return whether two growing numbers have a hyphen without spaces between them: 10 (100-199)."""
    triples = zip(side.pieces, side.pieces[1:], side.pieces[2:], strict=False)
    return any(
        sign.text == "-" and sign.tight and second.tight and _is_growing(first.text, second.text)
        for first, sign, second in triples
    )


def _is_growing(first: str, second: str) -> bool:
    return first.isdigit() and second.isdigit() and int(first[:18]) < int(second[:18])


def _mixes_units(text: str, mismatch: Mismatch) -> bool:
    """Return whether a sum has operands in different units: 3 hours + 24 minutes."""
    sums = any(contains_node(tree, "add", "subtract") for tree in mismatch.trees)
    return sums and any(_CONVERTED_UNITS.search(unit) for side in mismatch.sides for unit in side.units)


def _mixes_percentage(text: str, mismatch: Mismatch) -> bool:
    """Return whether a percentage is added to a number (50 + 20%), or a number is rounded to whole percents."""
    if any(_adds_percentage(tree) for tree in mismatch.trees):
        return True
    has_percent = any(piece.text == "%" for side in mismatch.sides for piece in side.pieces)
    return has_percent and abs(float(mismatch.x) - float(mismatch.y)) <= 0.0051


def _adds_percentage(tree: Tree) -> bool:
    if tree[0] in ("add", "subtract") and (tree[1][0] == "either") != (tree[2][0] == "either"):
        return True
    return any(_adds_percentage(operand) for operand in tree[1:] if isinstance(operand, tuple))


def _has_flat_exponents(text: str, mismatch: Mismatch) -> bool:
    """Return whether the sides agree once a last digit 2 or 3 is read as an exponent: 62 + 62 = 36 + 36."""
    texts = [piece.text for side in mismatch.sides for piece in side.pieces if piece.kind == "number"]
    if sum(_FLAT_EXPONENT.fullmatch(text) is not None for text in texts) < _FEWEST_FLAT:
        return False
    numbers = []
    for side in mismatch.sides:
        pieces: list[NotationPiece] = []
        for piece in side.pieces:
            match = _FLAT_EXPONENT.fullmatch(piece.text) if piece.kind == "number" else None
            if match is None:
                pieces.append(piece)
            else:
                parts = ("number", match[1]), ("sign", "^"), ("number", match[2])
                pieces += [piece._replace(kind=kind, text=part) for kind, part in parts]
        try:
            tree = parse_expression(side.pieces), parse_expression(pieces)
            numbers.append([float(number) for reading in tree for number in evaluate(reading)])
        except (ExpressionError, OverflowError):
            return False
    return any(abs(x - y) <= 1e-9 * max(abs(x), 1.0) for x in numbers[0] for y in numbers[1])


def _is_quotient_with_remainder(text: str, mismatch: Mismatch) -> bool:
    """Return whether a division stands for the number that is divided: 24 / 7 = 3 * 7 + 3."""
    numbers = (mismatch.y, mismatch.x)
    pairs = zip(mismatch.trees, numbers, strict=True)
    return any(tree[0] == "divide" and tree[1][0] == "number" and tree[1][1] == number for tree, number in pairs)


def _is_named_pi(text: str, mismatch: Mismatch) -> bool:
    return any(tree == ("pi",) for tree in mismatch.trees)


# -- context -------------------------------------------------------------------------------------------


def _is_condition(text: str, mismatch: Mismatch) -> bool:
    start, end = _offsets(mismatch)
    if _BEFORE.search(_sentence_before(text, mismatch)):
        return True
    return bool(_AFTER.search(text[end : end + 100]) or _REFUTED.search(text[start : end + 200]))


def _is_tried(text: str, mismatch: Mismatch) -> bool:
    before = _sentence_before(text, mismatch)
    two_sides = sum(bool(side.pieces) for side in mismatch.chain.sides) == 2
    if (not any(mismatch.are_bare) and two_sides and _TRIAL.search(before)) or _INTO.search(before):
        return True
    return two_sides and _repeats_condition(text, mismatch)


def _repeats_condition(text: str, mismatch: Mismatch) -> bool:
    """Return whether the equation before has words or symbols and the same right side: "wins + losses = 50"."""
    start, _ = _offsets(mismatch)
    claimed = next((side for side, is_bare in zip(mismatch.sides, mismatch.are_bare, strict=True) if is_bare), None)
    if claimed is None:
        return False
    lines = [line for line in re.split(r"\\\\|\n", text[max(0, start - 300) : start]) if "=" in line]
    if not lines:
        return False
    left_side, _, right = lines[-1].rpartition("=")
    value = re.sub(r"[\s$]|\\[\])]", "", right).strip(".,")
    return value == text[claimed.start : claimed.end].strip() and re.search(r"[A-Za-z]", left_side) is not None


def _is_remainder(text: str, mismatch: Mismatch) -> bool:
    """Return whether the sides are equal modulo a number named before or just after them."""
    if not all(isinstance(number, Fraction) and number.denominator == 1 for number in (mismatch.x, mismatch.y)):
        return False
    start, end = _offsets(mismatch)
    difference = int(mismatch.x - mismatch.y)
    around = text[max(0, start - _MODULUS_CHARS) : end + 60]
    return any(difference % int(modulus) == 0 for modulus in _MODULUS.findall(around) if int(modulus) > 1)


def _is_time_of_day(text: str, mismatch: Mismatch) -> bool:
    """Return whether the difference is half a day or a day, where hours are spoken of: 10 - 6 = 8 hours."""
    start, end = _offsets(mismatch)
    gaps = {abs(float(mismatch.x) - float(mismatch.y)), abs(float(mismatch.x) + float(mismatch.y))}
    return bool(gaps & {12.0, 24.0}) and _HOURS.search(text[max(0, start - 80) : end + 40]) is not None


def _is_other_base(text: str, mismatch: Mismatch) -> bool:
    start, end = _offsets(mismatch)
    return _NOTATION_OF_BASES.search(text[max(0, start - 200) : end + 100]) is not None


_OF_NUMBERS: tuple[tuple[str, Callable[[str, Mismatch], bool]], ...] = (
    ("a number goes on outside", _is_cut),
    ("perhaps a range or a distance", _is_range),
    ("units may differ", _mixes_units),
    ("percentages are read in two ways", _mixes_percentage),
    ("perhaps powers without their signs", _has_flat_exponents),
    ("perhaps a quotient with remainder", _is_quotient_with_remainder),
    ("a quantity is named", _is_named_pi),
    ("perhaps a remainder", _is_remainder),
    ("perhaps hours of the day", _is_time_of_day),
    ("perhaps digits in another base", _is_other_base),
)
NOTATION_REASONS = tuple(reason for reason, _ in _OF_NUMBERS)
"""Reasons that lie in the notation, after which a chain may go on from something else."""
_OF_CONTEXT: tuple[tuple[str, Callable[[str, Mismatch], bool]], ...] = (
    ("perhaps a condition or refuted", _is_condition),
    ("perhaps a condition that is tried", _is_tried),
)
