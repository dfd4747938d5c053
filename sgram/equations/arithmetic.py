"""Expressions worked out exactly, under limits. Knows nothing about how they are written.

Whole numbers and decimals are fractions throughout; what holds a root that is no fraction, pi, or a function is a
floating-point number. A tree has the values of all its readings.
"""

import math
from collections.abc import Mapping
from fractions import Fraction

from sgram.equations.expressions import NotUnderstoodError, Tree

Value = Fraction | float
MAX_EXPONENT = 64
MAX_FACTORIAL = 170
MAX_BITS = 1000
"""Of numerator and denominator together; below what a float holds."""
MAX_READINGS = 8


def values(tree: Tree, known: Mapping[str, Value] | None = None) -> list[Value]:
    """The value of each reading of `tree`, with `known` for its symbols; exact where no root or pi is met.

    `NotUnderstoodError` where no reading has a value, or where it is past the limits.
    """
    return _values(tree, known or {})


def _values(tree: Tree, known: Mapping[str, Value]) -> list[Value]:
    name = tree[0]
    if name == "number":
        return [tree[1]]
    if name == "symbol":
        if tree[1] not in known:
            raise NotUnderstoodError(f"{tree[1]} is not known")
        return [known[tree[1]]]
    if name == "pi":
        return [math.pi]
    if name == "either":
        return _either(tree, known)
    parts = [_values(each, known) for each in tree[1:] if isinstance(each, tuple)]
    found: list[Value] = []
    if len(parts) == 1:
        pairs = [(value,) for value in parts[0]]
    else:
        pairs = [(x, y) for x in parts[0] for y in parts[1]]
    work = (lambda x: _called(tree[1], x)) if name == "call" else _WORK[name]
    failed: NotUnderstoodError | None = None
    for pair in pairs[:MAX_READINGS]:
        try:
            each = work(*pair)
        except NotUnderstoodError as error:
            failed = error
            continue
        except ZeroDivisionError:
            failed = NotUnderstoodError("division by zero")
            continue
        except (OverflowError, ValueError):
            failed = NotUnderstoodError("no finite number")
            continue
        for value in each if isinstance(each, list) else (each,):
            if value not in found:
                found.append(value)
    if not found:
        raise failed or NotUnderstoodError("no value")
    return found[:MAX_READINGS]


def _either(tree: Tree, known: Mapping[str, Value]) -> list[Value]:
    found: list[Value] = []
    for reading in tree[1:]:
        found += [value for value in _values(reading, known) if value not in found]
    return found[:MAX_READINGS]


def _small(value: Value) -> Value:
    if isinstance(value, Fraction):
        if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
            raise NotUnderstoodError("a very large number")
    elif not math.isfinite(value):
        raise NotUnderstoodError("no finite number")
    return value


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(exponent, Fraction) and exponent.denominator == 1 and isinstance(base, Fraction):
        bits = base.numerator.bit_length() + base.denominator.bit_length()
        if abs(exponent) * bits > MAX_BITS or (base == 0 and exponent <= 0):
            raise NotUnderstoodError("a very large power")
        return base ** int(exponent)
    if base < 0 and isinstance(exponent, Fraction) and exponent.denominator % 2:
        return (-1 if exponent.numerator % 2 else 1) * float(-base) ** float(exponent)
    if base < 0 or abs(exponent) > MAX_EXPONENT or (base == 0 and exponent <= 0):
        raise NotUnderstoodError("a power that is not real")
    return float(base) ** float(exponent)


def _root(degree: Value, value: Value) -> Value:
    if not (isinstance(degree, Fraction) and degree.denominator == 1 and 2 <= degree <= 12):
        raise NotUnderstoodError("a root of that degree")
    n = int(degree)
    if value < 0 and n % 2 == 0:
        raise NotUnderstoodError("a root of a negative number")
    size = abs(value)
    if isinstance(value, Fraction):
        above, below = (_whole_root(each, n) for each in (size.numerator, size.denominator))
        if above is not None and below is not None:
            return Fraction(above, below) * (1 if value >= 0 else -1)
    return float(size) ** (1 / n) * (1 if value >= 0 else -1)


def _whole_root(value: int, n: int) -> int | None:
    if n == 2:
        root = math.isqrt(value)
        return root if root * root == value else None
    root = round(value ** (1 / n)) if value.bit_length() < 500 else -1
    return root if root >= 0 and root**n == value else None


def _factorial(value: Value) -> Fraction:
    if not isinstance(value, Fraction) or value.denominator != 1 or not 0 <= value <= MAX_FACTORIAL:
        raise NotUnderstoodError("a factorial of that number")
    return Fraction(math.factorial(int(value)))


def _choose(n: Value, k: Value) -> Fraction:
    whole = all(isinstance(each, Fraction) and each.denominator == 1 for each in (n, k))
    if not whole or not (k >= 0 and 0 <= n <= 400):
        raise NotUnderstoodError("binomial of those numbers")
    return Fraction(math.comb(int(n), int(k)))


def _called(name: str, value: Value) -> list[Value]:
    """A function's values: without a unit, an angle is in radians or degrees and a logarithm to the base e or 10."""
    if name in ("ln", "log"):
        if value <= 0:
            raise NotUnderstoodError("a logarithm of that number")
        natural = math.log(value)
        return [natural] if name == "ln" else [natural / math.log(10), natural, natural / math.log(2)]
    work = {"sin": math.sin, "cos": math.cos, "tan": math.tan}[name]
    return [work(float(value)), work(math.radians(float(value)))]


_WORK = {
    "add": lambda x, y: _small(x + y),
    "subtract": lambda x, y: _small(x - y),
    "multiply": lambda x, y: _small(x * y),
    "divide": lambda x, y: _small(x / y),
    "negative": lambda x: -x,
    "degrees": lambda x: x,
    "power": lambda x, y: _small(_power(x, y)),
    "root": lambda n, x: _root(n, x),
    "choose": _choose,
    "factorial": _factorial,
}


def rounding_slack(tree: Tree) -> float:
    """How far the value of `tree` may be off if each decimal in it is rounded to the digits shown; 0 without any."""
    places: list[tuple[int, ...]] = []
    _decimals(tree, (), places)
    if not places:
        return 0.0
    middle = float(values(tree)[0])
    slack = 0.0
    for place in places[:16]:
        for sign in (-1, 1):
            moved = _moved(tree, place, sign)
            try:
                slack += abs(float(values(moved)[0]) - middle) / 2 * 1.02
            except (NotUnderstoodError, OverflowError):
                return math.inf
    return slack


def _decimals(tree: Tree, path: tuple[int, ...], places: list[tuple[int, ...]]) -> None:
    if tree[0] == "number" and tree[2]:
        places.append(path)
    for at, each in enumerate(tree[1:], 1):
        if isinstance(each, tuple):
            _decimals(each, (*path, at), places)


def _moved(tree: Tree, path: tuple[int, ...], sign: int) -> Tree:
    if not path:
        return ("number", tree[1] + sign * Fraction(1, 2 * 10 ** tree[2]), tree[2])
    at = path[0]
    return (*tree[:at], _moved(tree[at], path[1:], sign), *tree[at + 1 :])
