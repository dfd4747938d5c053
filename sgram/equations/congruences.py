r"""Congruences of numbers that a text states, such as 17 \equiv 2 \pmod{5}, and whether they hold."""

import re
from dataclasses import dataclass
from fractions import Fraction

from sgram.equations.chains import find_chains
from sgram.equations.evaluate import evaluate
from sgram.equations.expressions import ExpressionError, parse_expression

MAX_SIDE_CHARS = 80
_SIGN = re.compile(r"(?P<negated>\\not\s*)?(?:\\equiv(?![A-Za-z])|≡)")
_RIGHT = re.compile(
    r"\s*(?P<right>-?\d{1,12})\s*\\?\)?\$?[,;]?\s*(?:\\pmod\s*\{?|\(?\s*\\?(?:b?mod|modulo)\s*\{?)\s*(?P<modulus>\d{1,9})"
    r"(?!\s*[\^*]|\d)"
)
_LEFT_END = re.compile(
    r"=|\$|\\\(|\\\[|\n|[,;:?]|≡|\\equiv|\\\\|&|\\implies|[→⇒]|\.\s|\b(?:is|so|that|thus|then|and|as|since)\b"
)
_CONDITION = re.compile(
    r"\b(?:if|whether|need|check|would|suppos\w*|assum\w*|must|want|requir\w*|equal)\b", re.IGNORECASE
)
_ASKED = re.compile(r"[\s)}$\\\]]*(?:\?|no\b|not\b)", re.IGNORECASE)
_NUMBERS_ONLY = re.compile(r"(?:[\d\s+*^(){}-]|\\cdot|\\times|×|·|\\left|\\right)+")


@dataclass(frozen=True, slots=True)
class FalseCongruence:
    """A congruence of numbers at `[start, end)` that does not hold."""

    start: int
    end: int
    reason: str


def find_false_congruences(text: str) -> list[FalseCongruence]:
    r"""Return the false congruences of numbers, in order.

    A side with symbols is not read; a negated congruence, a question and a condition are no statements. The left number
    must have been reduced: it is at least the modulus, or the result of an equation.

    >>> [found.reason for found in find_false_congruences(r"so 4^4 + 1 = 257 \equiv 0 \pmod{289}, 7 \equiv 2 \pmod 5")]
    ['257 is not congruent to 0 modulo 289']
    """
    congruences = []
    for sign in _SIGN.finditer(text):
        right = _RIGHT.match(text, sign.end())
        if sign["negated"] or right is None or int(right["modulus"]) < 2:
            continue
        before = text[max(0, sign.start() - MAX_SIDE_CHARS) : sign.start()]
        ends = [match.end() for match in _LEFT_END.finditer(before)]
        if not ends:
            continue
        left_side = before[ends[-1] :].strip()
        if before[: ends[-1]].rstrip().endswith(("≡", r"\equiv")):  # n ≡ 5 ≡ 4: the numbers are compared
            continue
        number = _whole_number(left_side)
        is_reduced = number is not None and (abs(number) >= int(right["modulus"]) or before[: ends[-1]].endswith("="))
        if not is_reduced or number is None or _is_no_statement(text, sign.start(), right.end()):
            continue
        if (number - int(right["right"])) % int(right["modulus"]):
            reason = f"{left_side} is not congruent to {right['right']} modulo {right['modulus']}"
            congruences.append(FalseCongruence(sign.start() - len(before) + ends[-1], right.end(), reason))
    return congruences


def _is_no_statement(text: str, start: int, end: int) -> bool:
    sentence = re.split(r"[.!?]\s|\n\n", text[max(0, start - 120) : start])[-1]
    return _CONDITION.search(sentence) is not None or _ASKED.match(text, end) is not None


def _whole_number(text: str) -> int | None:
    if not any(map(str.isdigit, text)) or not _NUMBERS_ONLY.fullmatch(text):
        return None
    for chain in find_chains(f"{text} = 0"):
        side = chain.sides[0]
        if side.opaque or not side.pieces or side.start:
            return None
        try:
            numbers = evaluate(parse_expression(side.pieces))
        except (ExpressionError, OverflowError):
            return None
        (number, *others) = numbers
        is_whole = isinstance(number, Fraction) and number.denominator == 1 and not others
        return int(number) if is_whole else None
    return None
