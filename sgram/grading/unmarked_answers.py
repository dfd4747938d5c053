r"""The number that a response without a marked answer ends on.

It is searched for in the last statement that contains a number: the last such sentence, of it the bold part, of that
the part after the last ``=``. If the statement contains several numbers ("After 2 hours the cars are 20 miles apart",
"It takes 160 minutes, which is 2 hours and 40 minutes"), the answer is the number that the response computed last: the
one that was written last behind a ``=`` before the statement. If none was computed, it is the last number.
"""

import re
from collections.abc import Sequence
from decimal import Decimal

from sgram.grading.notation import superscripts_as_powers, vulgar_fractions_as_text

_POWER = r"(?:\s*(?:\\times|\\cdot|[*×·x])\s*10\s*\^\s*(?:\{\s*-?\d+\s*\}|\(-?\d+\)|-?\d+)|[eE][-+]?\d+(?!\w))"
_NUMBER = (
    r"(?<![\w.])-?\$?(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+ \d{1,3}/\d+(?![\d/])|"
    rf"\d+(?:\.\d+)?(?:/\d+|{_POWER})?|\.\d+{_POWER}?)%?"
)
_NUMBERS = re.compile(_NUMBER)
_MAX_EXPONENT = 400
"""Largest power of ten that is written out."""
_RESULTS = re.compile(rf"[=≈]\s*(?:\\boxed\{{)?\**\s*({_NUMBER})")
_SENTENCES = re.compile(r"(?<=[.!?])\s+(?=[A-Z*(\\$])")
_BOLD = re.compile(r"\*\*(.+?)\*\*")
_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf|textit|mbox)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*\{(\d+)\}\s*\{(\d+)\}")
_SEPARATORS = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,!]|[\u00a0\u2007\u2009\u202f])(?=\d{3}(?!\d))")
_SPACING = re.compile(r"\\[,;:! ]|[~\u00a0\u2007\u2009\u202f]")
_DASHES = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2212": "-"})
_OPERATIONS = re.compile(r"[\\^_=+*/×÷<>]")


def final_number(ending: str) -> str | None:
    """Return the number, digits only, that the end of a response states as its answer; None if there is no number.

    >>> final_number("2 * 5 = 10. With 2 bags she has 10 apples.")
    '10'
    >>> final_number("She earns $1,234.50 a week.")
    '1234.5'
    """
    number = final_number_text(ending)
    return None if number is None else _digits(number)


def final_number_text(ending: str) -> str | None:
    """Return the number that the end of a response states as its answer, as it is written; None without one.

    >>> final_number_text("So 3 in 4 of them, or 75%, came.")
    '75%'
    """
    text = _plain_numbers(ending)
    lines = [line for line in text.split("\n") if _NUMBERS.search(line)]
    if not lines:
        return None
    statement = [sentence for sentence in _SENTENCES.split(lines[-1]) if _NUMBERS.search(sentence)][-1]
    bold_parts = [part for part in _BOLD.findall(lines[-1]) if _NUMBERS.search(part)]
    if bold_parts:
        statement = bold_parts[-1]
    right_side = _NUMBERS.findall(statement.rpartition("=")[2]) if "=" in statement else []
    if right_side:
        return str(right_side[0])
    numbers = _NUMBERS.findall(statement)
    return last_computed(text[: text.rfind(lines[-1])], numbers) or str(numbers[-1])


def last_computed(before: str, numbers: Sequence[str]) -> str | None:
    """Return the one of `numbers` that stands last behind a ``=`` in the text before them; None without one.

    >>> last_computed("2 * 5 = 10.", ["2", "10"])
    '10'
    """
    digits = [_digits(number) for number in numbers]
    for computed in reversed(_RESULTS.findall(_plain_numbers(before))):
        if _digits(computed) in digits:
            return numbers[digits.index(_digits(computed))]
    return None


def number_texts(statement: str) -> list[str]:
    """Return the numbers of a text as they are written.

    >>> number_texts("It is 3/4, or 75%.")
    ['3/4', '75%']
    """
    return _NUMBERS.findall(_plain_numbers(statement))


def single_number(answer: str) -> str | None:
    """Return the one number of an answer that is a sentence; None if the answer is anything else.

    >>> single_number("Jean is 23 years old."), single_number("23"), single_number("18 or 20")
    ('23', None, None)
    """
    text = _plain_numbers(answer)
    numbers = {_digits(number) for number in _NUMBERS.findall(text)}
    is_sentence = re.search(r"[^\W\d_]{3,}", text) and not _OPERATIONS.search(text)
    return numbers.pop() if len(numbers) == 1 and is_sentence else None


def _plain_numbers(text: str) -> str:
    """Return `text` with numbers as one types them: no LaTeX spacing, no escaped currency, no spaced thousands."""
    text = vulgar_fractions_as_text(superscripts_as_powers(text))
    text = _TEXT.sub(r"\1", text.replace("\\$", "$").replace("\\%", "%").replace("{,}", ","))
    text = _SPACING.sub(" ", _SEPARATORS.sub("", text))
    return _FRACTION.sub(_typed_fraction, text).translate(_DASHES)


def _typed_fraction(match: re.Match[str]) -> str:
    """Return a fraction as one types it, apart from a whole number before it."""
    before = match.string[: match.start()]
    return f"{' ' if before[-1:].isdigit() else ''}{match[1]}/{match[2]}"


def _digits(number: str) -> str:
    """Return the one spelling of a number: no currency, no separators, no zeros at the end of a decimal fraction."""
    digits = number.replace("$", "").replace(",", "").rstrip("%")
    power = re.search(_POWER, digits)
    if power:
        exponent = int((re.findall(r"-?\d+", power.group()) or ["0"])[-1])
        if abs(exponent) > _MAX_EXPONENT:
            return digits
        digits = f"{Decimal(digits[: power.start()]).scaleb(exponent):f}"
    if " " in digits:
        return digits
    if "." in digits and "/" not in digits:
        digits = digits.rstrip("0").rstrip(".")
        digits = re.sub(r"^(-?)(?=\.|$)", r"\g<1>0", digits)
    return digits
