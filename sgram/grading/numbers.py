r"""Numbers in every spelling, as exact fractions.

``1,234``, ``1 234``, ``-7``, ``3/4``, ``\frac{3}{4}``, ``2\frac{1}{2}``, ``2 1/2``, ``5.89e-7``,
``5.89 \times 10^{-7}``, ``10^{5}``, ``50%``, ``0.\overline{3}``, ``52_8``, each with a currency before or words behind.
Nothing is computed but the number itself: ``2+2`` is a formula.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from sgram.grading.units import Unit, parse_unit

MAX_DIGITS = 2000
"""Digits of the longest number; a longer one is a formula."""
MAX_EXPONENT = 5000
"""Largest power of ten, up or down; a larger one is a formula."""

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:[ ]\d{3})+(?!\d)|\d+)"
_DECIMAL = rf"(?:{_DIGITS}(?:\.\d*)?|\.\d+)"
_REPEATING = r"(?P<fixed>\d*\.\d*)\\(?:overline|bar|dot)\s*\{?(?P<repeated>\d+)\}?"
_TIMES = r"(?:\\times|\\cdot|\*|[xX](?=\s*10))"
_POWER = (
    r"10\s*(?:\^|\*\*)\s*(?:\{\s*(?P<braced>[-+]?\s*\d+)\s*\}|\(\s*(?P<rounded>[-+]?\s*\d+)\s*\)|(?P<bare>[-+]?\d+))"
)
_BODY = re.compile(
    rf"""
    (?P<sign>[-+]\s*)?
    (?P<currency>(?:US|U\.S\.\s*)?[$€£¥]\s*|(?:USD|Rs\.?)\s+)?
    (?P<second_sign>[-+]\s*)?
    (?:
      {_REPEATING}
      | (?P<mantissa>{_DECIMAL})\s*[eE]\s*(?:\{{\s*)?(?P<exponent>[-+]?\s*\d+)(?:\s*\}})?
      | (?:(?P<factor>{_DECIMAL})\s*{_TIMES}\s*)?(?:{_POWER}|\{{\s*10\s*\}}\s*\^\s*\{{\s*(?P<outer>[-+]?\s*\d+)\s*\}})
      | (?P<whole>{_DIGITS})?\s*\\frac
        \s*\{{\s*(?P<top>-?\s*{_DECIMAL})\s*\}}\s*\{{\s*(?P<bottom>-?\s*{_DECIMAL})\s*\}}
      | (?P<mixed_whole>\d+)(?:\s+|\s+and\s+)(?P<mixed_top>\d+)\s*/\s*(?P<mixed_bottom>\d+)
      | (?P<numerator>{_DECIMAL})\s*/\s*(?P<denominator>-?\s*{_DECIMAL})
      | (?P<digits>[0-9A-Za-z]+)_\{{?(?P<base>\d+)\}}?
      | (?P<decimal>{_DECIMAL})
    )
    (?P<after>\s*%|\s*\\?\s*percent\b|\s*per\ cent\b)?
    (?P<words>.*)
    """,
    re.VERBOSE | re.DOTALL,
)
_LEADING = re.compile(r"^(?:=|\\approx|\\sim|~|≈|about|approximately|exactly|only|roughly)\s*")
_WORDS = re.compile(r"(?:\s*[A-Za-zÀ-ɏ\u0370-\u03ff\u0400-\u04ff\u4e00-\u9fff'’$€£¢.,/()^\\{}\-0-9 ]*)")
_UNIT_POWER = re.compile(r"\^\s*(?:\{\s*-?\d\s*\}|-?\d)")
_MAX_WORDS = 5
"""Words that may stand behind a number; of more the number is one of a sentence."""
_SCALE_WORDS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12, "k": 3}
_SCALE_WORD = re.compile(r"\s*(hundred|thousand|million|billion|trillion|[kK](?=$|\s))\b", re.IGNORECASE)
_NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {word: 10 * tens for tens, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_COMPOUND = re.compile(r"(?<![\w.])\d+\s*[A-Za-z]+(?:,?\s+(?:and\s+)?\d+(?:\.\d+)?\s*[A-Za-z]+){1,2}")
_PART_WORDS = {
    **{"half": Fraction(1, 2), "halves": Fraction(1, 2), "third": Fraction(1, 3), "thirds": Fraction(1, 3)},
    **{"quarter": Fraction(1, 4), "quarters": Fraction(1, 4), "fifths": Fraction(1, 5), "sixths": Fraction(1, 6)},
    **{"eighths": Fraction(1, 8), "tenths": Fraction(1, 10)},
}
_MAX_SPOKEN_WORDS = 16


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    value: Fraction
    """Without the percent sign: 50 for ``50%``."""
    is_percent: bool = False
    unit: Unit | None = None
    words: str = ""
    """What stands behind the number."""
    base: int | None = None
    """The base that is written as an index; `value` is then that of the digits read as decimal ones."""
    n_decimals: int | None = None
    """Digits behind the decimal point; None if the number is not a decimal fraction or in scientific notation."""
    n_significant: int = 0
    """Digits without leading zeros, of a decimal number."""

    @property
    def share(self) -> Fraction:
        """Value with the percent sign applied."""
        return self.value / 100 if self.is_percent else self.value


def parse_number(text: str) -> Number | None:
    r"""Return the number that a text in the notation of `sgram.grading.notation.plain` is; None if it is anything else.

    >>> [str(parse_number(text).value) for text in ("1,234.50", "2\\frac{1}{2}", "5.89\\times 10^{-1}", "18 dollars")]
    ['2469/2', '5/2', '589/1000', '18']
    >>> parse_number("2+2"), parse_number("3x")
    (None, None)
    """
    text = _LEADING.sub("", text.strip())
    if len(text) > MAX_DIGITS:
        return None
    if text.startswith("(") and text.endswith(")") and text.count("(") == 1 and "," not in text:
        text = text[1:-1].strip()
    if (quantity := _compound(text)) is not None:
        return quantity
    match = _BODY.fullmatch(text)
    if match is None:
        return _number_word(text)
    words = match["words"]
    number = _number(match)
    if number is None:
        return None
    sign = -1 if "-" in ((match["sign"] or "") + (match["second_sign"] or "")) else 1
    number = replace(number, value=sign * number.value)
    if scale := _SCALE_WORD.match(words):
        number = replace(number, value=number.value * 10 ** _SCALE_WORDS[scale[1].lower()])
        words = words[scale.end() :]
    if match["after"]:
        number = replace(number, is_percent=True)
    if not words.strip():
        unit = parse_unit("$") if match["currency"] and "$" in match["currency"] else None
        return replace(number, unit=unit)
    return _with_words(number, words)


def compound_quantities(text: str) -> list[str]:
    """Return the first quantity in several units that a text holds, and those in one unit that are as much.

    >>> compound_quantities("It takes 225 minutes, or **3 hours and 45 minutes**.")
    ['3 hours and 45 minutes', '225 minutes']
    """
    for match in _COMPOUND.finditer(text):
        quantity = _compound(match.group())
        if quantity is not None and quantity.unit is not None:
            size = quantity.value * quantity.unit.factor
            equal_quantities = [
                f"{number} {unit}" for number, unit in _QUANTITY.findall(text) if _size(number, unit) == size
            ]
            return [match.group(), *equal_quantities]
    return []


def _size(number: str, name: str) -> Fraction | None:
    unit = parse_unit(name)
    return None if unit is None else Fraction(number) * unit.factor


def _compound(text: str) -> Number | None:
    """Return a quantity in several units, such as "3 h 45 min", in the first of them; None for anything else."""
    if not _COMPOUND.fullmatch(text):
        return None
    pieces = [(Fraction(number), parse_unit(unit)) for number, unit in _QUANTITY.findall(text)]
    first = pieces[0][1]
    if first is None:
        return None
    value, smallest = Fraction(0), first.factor
    for row, (number, unit) in enumerate(pieces):
        if unit is None or unit.dimension != first.dimension or (row and unit.factor >= smallest):
            return None
        value, smallest = value + number * unit.factor / first.factor, unit.factor
    return Number(value, unit=first, words=text)


def _with_words(number: Number, words: str) -> Number | None:
    """Return a number with the words behind it; None if they make it something else."""
    stripped = words.strip()
    glued = not words[0].isspace()
    unit = parse_unit(stripped)
    if unit is not None and (not glued or len(stripped) > 1):
        return replace(number, unit=unit, words=stripped)
    if glued and stripped[0] not in "(^" and not (len(stripped) > 2 and stripped.isalpha()):
        return None  # 3x, 18m
    letters = _UNIT_POWER.sub("", stripped)
    if len(stripped.split()) > _MAX_WORDS or not _WORDS.fullmatch(letters) or re.search(r"\d", letters):
        return None
    if re.search(r"\\(?!circ|cdot|mu|Omega)", letters) or not re.search(r"[^\W\d_]{2}", letters):
        is_letter = re.fullmatch(r"[A-Z](?:/[A-Za-z]+)?|[mgslh]", letters)  # 5 N, 3 J/K
        return replace(number, words=stripped) if is_letter and not glued and stripped != "I" else None
    return replace(number, words=stripped)


def _number(match: re.Match[str]) -> Number | None:
    """Return the number of the part of the expression that matched; None if it is too large or divides by zero."""
    if match["repeated"] is not None:
        fixed, repeated = match["fixed"], match["repeated"]
        n_decimals = len(fixed.partition(".")[2])
        value = _fraction(fixed) + Fraction(int(repeated), (10 ** len(repeated) - 1) * 10**n_decimals)
        return Number(value)
    if match["mantissa"] is not None:
        return _scientific(match["mantissa"], match["exponent"])
    power = match["braced"] or match["rounded"] or match["bare"] or match["outer"]
    if power is not None:
        return _scientific(match["factor"] or "1", power)
    if match["top"] is not None:
        top, bottom = _fraction(match["top"]), _fraction(match["bottom"])
        if match["whole"] and ("-" in match["top"] + match["bottom"]):
            return None
        whole = _fraction(match["whole"]) if match["whole"] else Fraction(0)
        return Number(whole + top / bottom) if bottom else None
    if match["mixed_top"] is not None:
        bottom = Fraction(match["mixed_bottom"])
        whole, top = Fraction(match["mixed_whole"]), Fraction(match["mixed_top"])
        return Number(whole + top / bottom) if bottom and top < bottom else None
    if match["numerator"] is not None:
        bottom = _fraction(match["denominator"])
        return Number(_fraction(match["numerator"]) / bottom) if bottom else None
    if match["digits"] is not None:
        digits = match["digits"].upper()
        base = int(match["base"][:3])
        if not 2 <= base <= 36 or any(int(digit, 36) >= base for digit in digits):
            return None
        return Number(Fraction(int(digits, 10 if digits.isdigit() else base)), base=base)
    return _decimal(match["decimal"])


def _decimal(text: str) -> Number:
    digits = text.replace(",", "").replace(" ", "")
    whole, _, decimals = digits.partition(".")
    significant = len((whole + decimals).lstrip("0"))
    return Number(_fraction(digits), n_decimals=len(decimals), n_significant=significant)


def _scientific(mantissa: str, exponent: str) -> Number | None:
    power = int(exponent.replace(" ", "")[:8])
    if abs(power) > MAX_EXPONENT:
        return None
    number = _decimal(mantissa)
    n_decimals = None if number.n_decimals is None else max(0, number.n_decimals - power)
    return replace(number, value=number.value * Fraction(10) ** power, n_decimals=n_decimals)


def _fraction(text: str) -> Fraction:
    digits = text.replace(",", "").replace(" ", "")
    return Fraction(digits + "0" if digits.endswith(".") or digits == "" else digits)


def spoken_number(sentence: str) -> str | None:
    """Return the one number of a sentence that is written in words, "one" aside; None without one, or with several.

    >>> spoken_number("There are three of them."), spoken_number("Two or three"), spoken_number("about one million")
    ('three', None, 'one million')
    """
    runs: list[list[str]] = [[]]
    for word in re.findall(r"[a-z]+", sentence.lower()):
        if word in _NUMBER_WORDS or word in _SCALE_WORDS or word in _PART_WORDS or (word == "and" and runs[-1]):
            runs[-1].append(word)
        else:
            runs.append([])
    texts = {re.sub(r"(?: and)+$", "", " ".join(run)) for run in runs if run}
    texts = {text for text in texts if text != "one" and _spoken_value(text) is not None}
    return texts.pop() if len(texts) == 1 else None


def _spoken_value(text: str) -> Fraction | None:
    """Return the value of a number in words, such as "forty-two", "two hundred and five" or "one half"."""
    words = [word for word in re.split(r"[\s-]+", text.lower()) if word]
    if not words or len(words) > _MAX_SPOKEN_WORDS:
        return None
    sign = 1
    if words[0] in ("minus", "negative"):
        sign, words = -1, words[1:]
    part = _PART_WORDS.get(words[-1]) if words else None
    if part is not None:
        words = ["one"] if words[:-1] in ([], ["a"]) else words[:-1]
    total, group, last = Fraction(0), 0, None
    for word in words:
        if word in _NUMBER_WORDS:
            number = _NUMBER_WORDS[word]
            if last is not None and not (
                last == 100 or (last >= 20 and last % 10 == 0 and 0 < number < 10 and last < 100)
            ):
                return None
            group, last = group + number, number
        elif word == "hundred":
            group, last = max(group, 1) * 100, 100
        elif word in ("thousand", "million", "billion", "trillion"):
            total, group, last = total + max(group, 1) * 10 ** _SCALE_WORDS[word], 0, 100
        elif word != "and" or last is None:
            return None
    return sign * (total + group) * (part or 1) if last is not None else None


def _number_word(text: str) -> Number | None:
    """Return the number that words such as "twelve" or "minus forty-two" are."""
    value = _spoken_value(text)
    return None if value is None else Number(value, n_decimals=0 if value.denominator == 1 else None)
