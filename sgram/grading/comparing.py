r"""Whether two answers are equal, and what would make unequal ones equal.

Both are texts in the notation of `sgram.grading.notation.plain`. Numbers, words, lists and intervals are compared here,
exactly; what is left is a formula and goes to `Formulas`, which math-verify answers in a worker process.

==============================  ============================================================================
numbers                         equal values; a unit is ignored unless both have one of the same dimension
percent                         ``50%`` is 50 and 1/2; where the problem asks for a percentage, 50 alone
``a = b``                       its right side, unless both have a left side and these differ
``a, b`` and ``\{a, b\}``       in any order
``(a, b)``                      in its order
intervals, inequalities         by their ends
words                           by their normal form
==============================  ============================================================================
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

from sgram.grading import sequences
from sgram.grading.numbers import Number, parse_number
from sgram.grading.sequences import Interval, parse_intervals, parse_sequence, right_side
from sgram.grading.texts import is_words, normal_text
from sgram.grading.units import asked_units, conversions

_ASKS_PERCENT = re.compile(r"percent|per cent|%", re.IGNORECASE)
_RATIO = re.compile(r"^(\d+(?:\.\d+)?)\s*(?::|to)\s*(\d+(?:\.\d+)?)$")
_RANGE = re.compile(
    r"\\infty|\\cup|\\(?:le|ge|ne)(?![a-z])|[<>]|^\[.*[)\[]$|^[(\]].*[\]\[]$|^\\mathbb\{R\}$", re.DOTALL
)
"""An infinite end, a half-open interval, a union, an inequality."""
_FULL_HOUR = re.compile(r"^(\d{1,2})(?::00)?\s*(?:[ap]\.?\s?m\.?|o'clock)?$", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"^([-+]?\d+),(\d{1,2}|\d{4,})$")
_Item = TypeVar("_Item")
_MIN_DIGITS = 3
"""Fewest significant digits of a number that another one is rounded to."""


class UnreadableError(Exception):
    """The reference cannot be read as a formula; the message says why."""


class FormulaNeededError(Exception):
    """The comparison needs math-verify."""


class Formulas(Protocol):
    """Comparison of formulas."""

    def equal(self, reference: str, answer: str) -> bool:
        """Return whether two formulas are equal. Raise `UnreadableError` if the reference is no formula."""

    def value(self, formula: str) -> Fraction | None:
        """Return the value of a formula without variables, to 30 digits; None if it has none."""

    def canonical(self, formula: str) -> str:
        """Return one string for equal formulas."""


class NoFormulas:
    """Raises `FormulaNeededError` where a formula must be compared."""

    def equal(self, reference: str, answer: str) -> bool:
        """Raise `FormulaNeededError`."""
        raise FormulaNeededError

    def value(self, formula: str) -> Fraction | None:
        """Raise `FormulaNeededError`."""
        raise FormulaNeededError

    def canonical(self, formula: str) -> str:
        """Raise `FormulaNeededError`."""
        raise FormulaNeededError


@dataclass(frozen=True, slots=True)
class Comparison:
    """How answers to one problem are compared."""

    formulas: Formulas
    prompt: str = ""
    convert_units: bool = False

    def equal(self, reference: str, answer: str) -> bool:
        """Return whether two answers are equal."""
        if reference == answer or _layout_free(reference) == _layout_free(answer):
            return True
        numbers = parse_number(reference), parse_number(answer)
        if numbers[0] is not None and numbers[1] is not None:
            return self.numbers_equal(numbers[0], numbers[1])
        if (verdict := self._special(reference, answer, numbers)) is not None:
            return verdict
        if (verdict := self._sides_equal(reference, answer)) is not None:
            return verdict
        if (verdict := self._ranges_equal(reference, answer)) is not None:
            return verdict
        if (verdict := self._sequences_equal(reference, answer)) is not None:
            return verdict
        if (verdict := self._words_equal(reference, answer, numbers)) is not None:
            return verdict
        return self.formulas.equal(reference, answer)

    def numbers_equal(self, reference: Number, answer: Number) -> bool:
        """Return whether two numbers are equal as answers to the problem."""
        if reference.base is not None or answer.base is not None:
            is_same_base = None in (reference.base, answer.base) or reference.base == answer.base
            return is_same_base and reference.value == answer.value
        factor = Fraction(1)
        if reference.unit and answer.unit and reference.unit.dimension == answer.unit.dimension:
            factor = answer.unit.factor / reference.unit.factor
            if factor != 1 and not self.convert_units:
                return False
        elif self.convert_units and answer.unit is not None and reference.unit is None:
            units = [unit for unit in asked_units(self.prompt) if unit.dimension == answer.unit.dimension]
            factor = answer.unit.factor / units[0].factor if units else Fraction(1)
        if reference.is_percent == answer.is_percent:
            return reference.value == answer.value * factor
        written, shares = reference.value == answer.value * factor, reference.share == answer.share * factor
        asks_percent = _ASKS_PERCENT.search(self.prompt) is not None
        bare = answer if reference.is_percent else reference
        if not reference.is_percent and asks_percent and abs(bare.value) >= 1:
            return written
        if abs(bare.value) > 1 or asks_percent:
            return written or shares
        return shares

    def _special(self, reference: str, answer: str, numbers: tuple[Number | None, Number | None]) -> bool | None:
        """Return whether two ratios, or a ratio and a fraction, are equal, or a number with a decimal comma."""
        ratios = _RATIO.match(reference), _RATIO.match(answer)
        if ratios[0] and ratios[1]:
            first, second = ([Fraction(ratio[1]), Fraction(ratio[2])] for ratio in ratios if ratio)
            in_proportion = "ratio" in self.prompt.lower() and first[0] * second[1] == first[1] * second[0]
            return first == second or in_proportion
        for row in (0, 1):
            ratio, number = ratios[row], numbers[1 - row]
            if ratio and number is not None:
                return Fraction(ratio[1]) == number.value * Fraction(ratio[2])
            text = (reference, answer)[row]
            comma = _DECIMAL_COMMA.match(text)
            if comma and number is not None and "." in (answer, reference)[row]:
                return Fraction(f"{comma[1]}.{comma[2]}") == number.value
        return None

    def _sides_equal(self, reference: str, answer: str) -> bool | None:
        """Return whether two equalities, or an equality and a value, are equal; None if neither is an equality."""
        if parse_sequence(reference) is not None or parse_sequence(answer) is not None:
            return None
        (reference_left, right), (answer_left, answer_right) = right_side(reference), right_side(answer)
        if right == reference and answer_right == answer:
            return None
        if reference_left and answer_left and _name(reference_left) != _name(answer_left):
            if len(reference_left.split()) > 1 or len(answer_left.split()) > 1:
                return self.equal(right, answer_right)  # a description, not a variable
            if is_words(reference_left) and is_words(right):
                return normal_text(reference_left) == normal_text(answer_right) and normal_text(right) == normal_text(
                    answer_left
                )
            return parse_number(right) is None and self.formulas.equal(reference, answer)
        if reference_left and not answer_left and "=" in answer and "=" in reference:
            return self.formulas.equal(reference, answer)
        if answer_left and not reference_left and "=" in reference and "=" in answer:
            return self.formulas.equal(reference, answer)
        if "=" in right or "=" in answer_right:
            return self.formulas.equal(reference, answer)
        return self.equal(right, answer_right)

    def _ranges_equal(self, reference: str, answer: str) -> bool | None:
        ranges = parse_intervals(reference), parse_intervals(answer)
        if ranges[0] is None or ranges[1] is None:
            text, range_text = (reference, answer) if ranges[1] is None else (answer, reference)
            if parse_intervals(text) is None or not _is_range(text):
                return None
            is_other = (
                parse_number(range_text) is not None or is_words(range_text) or parse_sequence(range_text) is not None
            )
            return False if is_other else None
        if reference.startswith("(") and answer.startswith("(") and not (_is_range(reference) or _is_range(answer)):
            return None  # two points
        return len(ranges[0]) == len(ranges[1]) and _match(ranges[0], ranges[1], self._intervals_equal)

    def _intervals_equal(self, reference: Interval, answer: Interval) -> bool:
        ends = (reference.has_low, reference.has_high) == (answer.has_low, answer.has_high)
        return ends and self._ends_equal(reference.low, answer.low) and self._ends_equal(reference.high, answer.high)

    def _ends_equal(self, reference: str, answer: str) -> bool:
        infinities = [_infinity(end) for end in (reference, answer)]
        return infinities[0] == infinities[1] if any(infinities) else self.equal(reference, answer)

    def _sequences_equal(self, reference: str, answer: str) -> bool | None:
        parsed = parse_sequence(reference), parse_sequence(answer)
        if parsed[0] is None and parsed[1] is None:
            return None
        if parsed[0] is None or parsed[1] is None:
            single = reference if parsed[0] is None else answer
            sequence = parsed[0] or parsed[1]
            if sequence is not None and len(sequence.items) == 1:  # a set of one
                return self.equal(sequence.items[0], single) if parsed[0] else self.equal(single, sequence.items[0])
            if sequence is not None and sequence.kind == "list" and (is_words(reference) or is_words(answer)):
                return None
            if "\\begin" in single or "\\cup" in single or "\\mid" in single:
                return None
            return self._all_equal(parsed[0], single) if parsed[0] is not None else False
        return self.sequences_match(parsed[0], parsed[1])

    def _all_equal(self, reference: sequences.Sequence, answer: str) -> bool:
        """Return whether a list says the same twice, and the answer is it."""
        return reference.kind != "tuple" and len(set(reference.items)) == 1 and self.equal(reference.items[0], answer)

    def sequences_match(self, reference: sequences.Sequence, answer: sequences.Sequence) -> bool:
        """Return whether two lists are equal, in order unless the reference is a set or both are plain lists."""
        if reference.shape and answer.shape and reference.shape != answer.shape:
            return False
        vectors = [part for part in (reference, answer) if part.kind == "matrix" and part.shape and 1 not in part.shape]
        if vectors and not (reference.shape and answer.shape):
            return False
        kinds = {reference.kind, answer.kind}
        is_unordered = reference.kind == "set" or kinds in ({"list"}, {"list", "set"})
        items, answer_items = list(reference.items), list(answer.items)
        if kinds <= {"list", "set"} and len({tuple(_name_value(item)[:1]) for item in items}) == len(items) > 1:
            lefts = [right_side(item)[0] for item in items]
            if all(lefts) and not any(right_side(item)[0] for item in answer_items):
                is_unordered = False  # x = 1, y = 2 beside 1, 2
        if is_unordered:
            items, answer_items = list(dict.fromkeys(items)), list(dict.fromkeys(answer_items))
            return len(items) == len(answer_items) and _match(items, answer_items, self.equal)
        return len(items) == len(answer_items) and all(map(self.equal, items, answer_items))

    def _words_equal(self, reference: str, answer: str, numbers: tuple[Number | None, Number | None]) -> bool | None:
        """Return whether words are equal; None if neither side is words."""
        words = is_words(reference), is_words(answer)
        if words[0] or (words[1] and numbers[0] is not None):
            return normal_text(reference) == normal_text(answer)
        if words[1] and not _looks_like_product(answer):
            return normal_text(reference) == normal_text(answer)
        return None

    def equal_after(self, reference: str, answer: str) -> str | None:
        """Return the conversion or rereading, in words, that makes two unequal answers equal; None if none does."""
        first, second = self._value(reference), self._value(answer)
        if first is None:
            return self._other_order(reference, answer)
        if second is None:
            return _other_reading(first, answer)
        if first.unit and second.unit and first.unit.dimension == second.unit.dimension:
            if first.value * first.unit.factor == second.value * second.unit.factor:
                return "a unit converted"
        elif second.unit is not None and first.unit is None:
            converted = [second.value * factor for factor in conversions(second.unit)]
            if first.value in converted:
                return "a unit converted"
        if second.is_percent != first.is_percent and second.value == first.value:
            return "a percent sign dropped"
        if second.value * 100 == first.value or second.value == first.value * 100:
            asks_percent = _ASKS_PERCENT.search(self.prompt) is not None
            if asks_percent or first.is_percent or second.is_percent:
                return "a share and a percentage taken for each other"
        for based, plain_value in ((first, second), (second, first)):
            if based.base is not None and plain_value.base is None and _in_base(based) == plain_value.value:
                return f"a number of base {based.base} written in base 10"
        if _rounds_to(second.share, first):
            return "a number rounded to the digits of the reference"
        if _rounds_to(first.share, second):
            return "the reference rounded to the digits of the answer"
        return None

    def _value(self, text: str) -> Number | None:
        number = parse_number(right_side(text)[1])
        if number is not None:
            return number
        if is_words(text) or parse_sequence(text) is not None or parse_intervals(text) is not None:
            return None
        value = self.formulas.value(right_side(text)[1])
        return None if value is None else Number(value)

    def _other_order(self, reference: str, answer: str) -> str | None:
        first, second = parse_sequence(reference), parse_sequence(answer)
        if first is None or second is None or first.kind == "matrix" or len(first.items) != len(second.items):
            return None
        return "a list in another order" if _match(list(first.items), list(second.items), self.equal) else None


def _other_reading(reference: Number, answer: str) -> str | None:
    """Return how an answer that is no number may mean the reference; None if it does not."""
    clock = _FULL_HOUR.match(answer)
    if clock and Fraction(clock[1]) == reference.value:
        return "a time of day taken for its hour"
    sequence = parse_sequence(answer)
    numbers = [parse_number(item) for item in sequence.items] if sequence is not None else []
    values = [number.value for number in numbers if number is not None]
    if len(values) == len(numbers) > 1 and sum(values) == reference.value:
        return "the parts of an answer added"
    return None


def _match(references: Sequence[_Item], answers: Sequence[_Item], equal: Callable[[_Item, _Item], bool]) -> bool:
    """Return whether the items of two equally long lists can be paired so that both of every pair are equal."""
    remaining = list(answers)
    for reference in references:
        row = next((row for row, answer in enumerate(remaining) if equal(reference, answer)), None)
        if row is None:
            return False
        del remaining[row]
    return True


def _in_base(number: Number) -> Fraction:
    """Return the value of digits that are written with a base."""
    digits, base = str(number.value), number.base or 10
    is_readable = digits.isdigit() and all(int(digit) < base for digit in digits)
    return Fraction(int(digits, base)) if is_readable else number.value


def _rounds_to(exact: Fraction, rounded: Number) -> bool:
    """Return whether `exact` is `rounded` at its digits."""
    if rounded.n_decimals is None or rounded.n_significant < _MIN_DIGITS or exact == rounded.share:
        return False
    n_decimals = rounded.n_decimals + (2 if rounded.is_percent else 0)
    if n_decimals == 0 and rounded.value >= 1000:
        return False  # a whole number is no rounding
    return abs(exact - rounded.share) <= Fraction(1, 2 * 10**n_decimals)


def _layout_free(text: str) -> str:
    """Return `text` without spaces and line breaks of formulas, which some data sets have lost."""
    return re.sub(r"\s|\\\\(?![a-zA-Z])", "", text) if "\\" in text else text


def _is_range(text: str) -> bool:
    """Return whether intervals are certain to be no points."""
    return _RANGE.search(text) is not None


def _infinity(end: str) -> str:
    compact = end.replace(" ", "").lstrip("+")
    return compact if compact in ("\\infty", "-\\infty") else ""


def _name(left_side: str) -> str:
    return re.sub(r"[\s{}\\]", "", left_side)


def _name_value(item: str) -> tuple[str, str]:
    return right_side(item)


def _looks_like_product(text: str) -> bool:
    r"""Return whether letters may be a formula: no spaces, at most three of them."""
    return re.fullmatch(r"[A-Za-z]{1,2}|[a-z]{3}", text) is not None
