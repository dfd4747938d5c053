"""Exact evaluation of expressions, under limits.

Whole numbers and decimals are fractions throughout. An expression with an irrational root, pi or a function is a
floating-point number. A tree has one number for each of its readings.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from sgram.equations.expressions import ExpressionError, Tree

Number: TypeAlias = Fraction | float
MAX_EXPONENT = 64
MAX_FACTORIAL = 170
MAX_BITS = 1000
"""Bits of numerator and denominator together; fewer than a float can represent."""
MAX_READINGS = 8


def evaluate(tree: Tree, symbols: Mapping[str, Number] | None = None) -> list[Number]:
    """Return the number of each reading of `tree`, exact if no root, pi or function is involved.

    `symbols` are the numbers of its symbols. Raise `ExpressionError` if no reading has a number within the limits.

    >>> from sgram.equations import find_chains, parse_expression
    >>> (chain,) = find_chains("2 1/2 = x")  # a mixed number or a product
    >>> [str(number) for number in evaluate(parse_expression(chain.sides[0].pieces))]
    ['5/2', '1']
    """
    return _evaluate(tree, symbols or {})


def _evaluate(tree: Tree, symbols: Mapping[str, Number]) -> list[Number]:
    name = tree[0]
    if name == "number":
        return [tree[1]]
    if name == "symbol":
        if tree[1] not in symbols:
            raise ExpressionError(f"{tree[1]} is not known")
        return [symbols[tree[1]]]
    if name == "pi":
        return [math.pi]
    if name == "either":
        return _evaluate_readings(tree, symbols)
    operands = [_evaluate(operand, symbols) for operand in tree[1:] if isinstance(operand, tuple)]
    combinations: list[tuple[Number, ...]]
    if len(operands) == 1:
        combinations = [(x,) for x in operands[0]]
    else:
        combinations = [(x, y) for x in operands[0] for y in operands[1]]
    operation = (lambda x: _apply_function(tree[1], x)) if name == "call" else _OPERATIONS[name]
    numbers: list[Number] = []
    failure: ExpressionError | None = None
    for arguments in combinations[:MAX_READINGS]:
        try:
            outcome = operation(*arguments)
        except ExpressionError as error:
            failure = error
            continue
        except ZeroDivisionError:
            failure = ExpressionError("division by zero")
            continue
        except (OverflowError, ValueError):
            failure = ExpressionError("no finite number")
            continue
        for number in outcome if isinstance(outcome, list) else (outcome,):
            if number not in numbers:
                numbers.append(number)
    if not numbers:
        raise failure or ExpressionError("no value")
    return numbers[:MAX_READINGS]


def _evaluate_readings(tree: Tree, symbols: Mapping[str, Number]) -> list[Number]:
    numbers: list[Number] = []
    for reading in tree[1:]:
        numbers += [number for number in _evaluate(reading, symbols) if number not in numbers]
    return numbers[:MAX_READINGS]


def _check_size(number: Number) -> Number:
    """Return `number`; `ExpressionError` if it is not finite or has too many bits."""
    if isinstance(number, Fraction):
        if number.numerator.bit_length() + number.denominator.bit_length() > MAX_BITS:
            raise ExpressionError("a very large number")
    elif not math.isfinite(number):
        raise ExpressionError("no finite number")
    return number


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(exponent, Fraction) and exponent.denominator == 1 and isinstance(base, Fraction):
        n_bits = base.numerator.bit_length() + base.denominator.bit_length()
        if abs(exponent) * n_bits > MAX_BITS or (base == 0 and exponent <= 0):
            raise ExpressionError("a very large power")
        return base ** int(exponent)
    if base < 0 and isinstance(exponent, Fraction) and exponent.denominator % 2:
        return float((-1 if exponent.numerator % 2 else 1) * float(-base) ** float(exponent))
    if base < 0 or not -MAX_EXPONENT <= exponent <= MAX_EXPONENT or (base == 0 and exponent <= 0):
        raise ExpressionError("a power that is not real")
    return float(float(base) ** float(exponent))


def _root(degree: Number, radicand: Number) -> Number:
    if not (isinstance(degree, Fraction) and degree.denominator == 1 and 2 <= degree <= 12):
        raise ExpressionError("a root of that degree")
    n = int(degree)
    if radicand < 0 and n % 2 == 0:
        raise ExpressionError("a root of a negative number")
    size = radicand if radicand >= 0 else -radicand
    if isinstance(size, Fraction):
        numerator, denominator = _whole_root(size.numerator, n), _whole_root(size.denominator, n)
        if numerator is not None and denominator is not None:
            return Fraction(numerator, denominator) * (1 if radicand >= 0 else -1)
    return float(float(size) ** (1 / n) * (1 if radicand >= 0 else -1))


def _whole_root(radicand: int, n: int) -> int | None:
    """Return the n-th root of `radicand` if it is a whole number, else None."""
    if n == 2:
        root = math.isqrt(radicand)
        return root if root * root == radicand else None
    root = round(radicand ** (1 / n)) if radicand.bit_length() < 500 else -1
    return root if root >= 0 and root**n == radicand else None


def _factorial(number: Number) -> Fraction:
    if not isinstance(number, Fraction) or number.denominator != 1 or not 0 <= number <= MAX_FACTORIAL:
        raise ExpressionError("a factorial of that number")
    return Fraction(math.factorial(int(number)))


def _choose(n: Number, k: Number) -> Fraction:
    are_whole = all(isinstance(number, Fraction) and number.denominator == 1 for number in (n, k))
    if not are_whole or not (k >= 0 and 0 <= n <= 400):
        raise ExpressionError("binomial of those numbers")
    return Fraction(math.comb(int(n), int(k)))


def _apply_function(name: str, argument: Number) -> list[Number]:
    """Return the readings of a function: an angle in radians or degrees, a logarithm to the base 10, e or 2."""
    if name in ("ln", "log"):
        if argument <= 0:
            raise ExpressionError("a logarithm of that number")
        natural = math.log(argument)
        return [natural] if name == "ln" else [natural / math.log(10), natural, natural / math.log(2)]
    function = {"sin": math.sin, "cos": math.cos, "tan": math.tan}[name]
    return [function(float(argument)), function(math.radians(float(argument)))]


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": lambda x, y: _check_size(x + y),
    "subtract": lambda x, y: _check_size(x - y),
    "multiply": lambda x, y: _check_size(x * y),
    "divide": lambda x, y: _check_size(x / y),
    "negative": lambda x: -x,
    "degrees": lambda x: x,
    "power": lambda x, y: _check_size(_power(x, y)),
    "root": _root,
    "choose": _choose,
    "factorial": _factorial,
}


def rounding_slack(tree: Tree) -> float:
    """Return how far the number of `tree` may be off if its decimals are rounded to the digits written.

    0 if there is no decimal, infinite if a slightly different decimal has no number.

    >>> from sgram.equations import find_chains, parse_expression
    >>> (chain,) = find_chains("0.33 * 300 = x")  # half a unit of the last digit, 0.005 * 300
    >>> round(rounding_slack(parse_expression(chain.sides[0].pieces)), 2)
    1.53
    """
    paths: list[tuple[int, ...]] = []
    _collect_decimals(tree, (), paths)
    if not paths:
        return 0.0
    center = float(evaluate(tree)[0])
    slack = 0.0
    for path in paths[:16]:
        for sign in (-1, 1):
            try:
                slack += abs(float(evaluate(_shift_decimal(tree, path, sign))[0]) - center) / 2 * 1.02
            except (ExpressionError, OverflowError):
                return math.inf
    return slack


def _collect_decimals(tree: Tree, path: tuple[int, ...], paths: list[tuple[int, ...]]) -> None:
    """Add the paths of the numbers with decimals in `tree`, which is at `path` itself."""
    if tree[0] == "number" and tree[2]:
        paths.append(path)
    for index, operand in enumerate(tree[1:], 1):
        if isinstance(operand, tuple):
            _collect_decimals(operand, (*path, index), paths)


def _shift_decimal(tree: Tree, path: tuple[int, ...], sign: int) -> Tree:
    """Return `tree` with the number at `path` shifted by half a unit of its last digit."""
    if not path:
        return ("number", tree[1] + sign * Fraction(1, 2 * 10 ** tree[2]), tree[2])
    index = path[0]
    return (*tree[:index], _shift_decimal(tree[index], path[1:], sign), *tree[index + 1 :])
