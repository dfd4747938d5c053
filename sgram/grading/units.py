"""Units of measurement behind numbers.

A unit is a product of powers of names, such as ``km/h`` or ``cm^2``. It has a dimension and a factor to the base unit
of this dimension. Words that are no unit ("apples") are labels: they say nothing about the number.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

_SCALES: Mapping[str, Mapping[str, int | Fraction]] = {
    "length": {
        "m meter meters metre metres": 1,
        "km kilometer kilometers kilometre kilometres": 1000,
        "cm centimeter centimeters centimetre centimetres": Fraction(1, 100),
        "mm millimeter millimeters millimetre millimetres": Fraction(1, 1000),
        "nm nanometer nanometers": Fraction(1, 10**9),
        "in inch inches": Fraction("0.0254"),
        "ft foot feet": Fraction("0.3048"),
        "yd yard yards": Fraction("0.9144"),
        "mi mile miles": Fraction("1609.344"),
    },
    "time": {
        "s sec secs second seconds": 1,
        "ms millisecond milliseconds": Fraction(1, 1000),
        "min mins minute minutes": 60,
        "h hr hrs hour hours": 3600,
        "day days": 86_400,
        "week weeks": 604_800,
    },
    "months": {"month months": 1, "yr yrs year years": 12, "decade decades": 120, "century centuries": 1200},
    "mass": {
        "g gram grams": 1,
        "kg kilogram kilograms": 1000,
        "mg milligram milligrams": Fraction(1, 1000),
        "lb lbs pound pounds": Fraction("453.59237"),
        "oz ounce ounces": Fraction("28.349523125"),
        "ton tons tonne tonnes": 1_000_000,
    },
    "volume": {
        "l liter liters litre litres": 1,
        "ml milliliter milliliters millilitre millilitres": Fraction(1, 1000),
        "gallon gallons": Fraction("3.785411784"),
        "quart quarts": Fraction("0.946352946"),
        "pint pints": Fraction("0.473176473"),
        "cup cups": Fraction("0.2365882365"),
    },
    "dollars": {"$ dollar dollars usd buck bucks": 1, "cent cents ¢": Fraction(1, 100)},
    "euros": {"€ euro euros eur": 1},
    "angle": {"^\\circ degree degrees deg": 1},
    "dozens": {"dozen dozens": 12},
}
_NAMES: Mapping[str, tuple[str, Fraction]] = {
    name: (dimension, Fraction(factor))
    for dimension, scale in _SCALES.items()
    for names, factor in scale.items()
    for name in names.split()
}
_TERM = re.compile(r"([A-Za-z$€¢]+|\^\\circ)(?:\s*\^?\s*\{?(-?[1-4])\}?)?")
_WORD_POWERS = (("square ", 2), ("squared", 2), ("cubic ", 3), ("cubed", 3), ("sq ", 2), ("sq. ", 2), ("cu ", 3))
_ASKED = re.compile(
    r"\b(?:how many|number of|in|nearest|the)\s+(?:whole |full |more |total )?([a-z]+)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: powers of dimensions, and how many base units it is."""

    dimension: tuple[tuple[str, int], ...]
    factor: Fraction


def parse_unit(words: str) -> Unit | None:
    r"""Return the unit that `words` name; None if they are no unit.

    >>> parse_unit("km/h").factor, parse_unit("square feet").dimension, parse_unit("apples")
    (Fraction(5, 18), (('length', 2),), None)
    """
    text = words.strip().strip(".")
    if not text or len(text) > 60:
        return None
    power = 1
    for word, exponent in _WORD_POWERS:
        if text.lower().startswith(word) or text.lower().endswith(word):
            text, power = text.lower().replace(word, "").strip(), exponent
            break
    dimensions: dict[str, int] = {}
    factor, sign = Fraction(1), 1
    for part in re.split(r"(\s*/\s*|\s+per\s+|\s*\\cdot\s*|\s+)", text):
        if not part.strip():
            continue
        if part.strip() in ("/", "per"):
            sign = -1
            continue
        if part.strip() == "\\cdot":
            continue
        term = _TERM.fullmatch(part)
        unit = _find_name(term[1]) if term else None
        if term is None or unit is None:
            return None
        exponent = sign * power * int(term[2] or 1)
        dimensions[unit[0]] = dimensions.get(unit[0], 0) + exponent
        factor *= unit[1] ** exponent
    dimension = tuple(sorted((name, exponent) for name, exponent in dimensions.items() if exponent))
    return Unit(dimension, factor)


def asked_units(prompt: str) -> list[Unit]:
    """Return the units that a problem asks for, as in "how many hours", the last one first.

    >>> [unit.factor for unit in asked_units("He drives 2 hours. How many minutes is that?")]
    [Fraction(60, 1)]
    """
    names = [match[1].lower() for match in _ASKED.finditer(prompt[-2000:])]
    return [unit for name in reversed(names) if len(name) > 2 and (unit := parse_unit(name)) is not None]


def conversions(unit: Unit) -> list[Fraction]:
    """Return the factors from `unit` to each simple unit of its dimension, the unit itself left out."""
    if len(unit.dimension) != 1:
        return []
    name, exponent = unit.dimension[0]
    factors = (unit.factor / Fraction(factor) ** exponent for factor in _SCALES[name].values())
    return [factor for factor in factors if factor != 1]


def _find_name(name: str) -> tuple[str, Fraction] | None:
    return _NAMES.get(name) or (_NAMES.get(name.lower()) if len(name) > 1 else None)
