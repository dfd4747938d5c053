r"""Equality of two formulas, by math-verify.

Runs in the worker process only: a comparison may compute for ever (``9^{9^{9^9}}``), so the caller must be able to kill
it. math-verify's own limits are switched off, because they need signals and wall time.

Both are parsed as the content of ``\boxed{}``. math-verify rounds to six decimals and leaves some equal products
unequal, so that the values decide where both formulas have some: those of constants to 30 digits, those of expressions
with variables at a few points.
"""

import logging
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

import sympy
from math_verify import parse, verify

from sgram.grading.comparing import UnreadableError
from sgram.grading.judging import judge
from sgram.grading.outcome import AnswerFault, AnswerGrade

logging.getLogger("math_verify").setLevel(logging.CRITICAL)  # it warns that its limits are off

_MAX_OPERATIONS = 60
_MAX_EXPONENT = 64
_MAX_EXPONENT_OPERATIONS = 10
_MAX_CANONICAL_CHARS = 200
_DIGITS = 30
_TOLERANCE = Fraction(1, 10**18)
_POINTS = (Fraction(7, 5), Fraction(23, 11), Fraction(13, 4))
_EULER_NAME = re.compile(r"(?<![A-Za-z\\])[Ee](?=_)")
_VARIABLE = re.compile(r"(?<![\\A-Za-z])[a-df-hj-zA-DF-HJ-Z](?![A-Za-z])")
_WARM_UP = (("\\frac{1}{2}+x", "x+\\frac12"), ("(1,\\sqrt{2})", "[1,2]"), ("y=2x", "x<3"), ("\\pi", "\\{1,2\\}"))


def warm_up() -> None:
    """Compare once what loads every part of the libraries, so that no question pays for it."""
    for reference, answer in _WARM_UP:
        formulas = MathVerify()
        formulas.equal(reference, answer)
        formulas.value(reference)
        formulas.canonical(answer)


def reply(question: Mapping[str, Any]) -> AnswerGrade | AnswerFault:
    """Return the grade of the answer, or a fault if it cannot be compared with the reference."""
    return judge(question, MathVerify())


class MathVerify:
    """Comparison of formulas by math-verify and SymPy."""

    def equal(self, reference: str, answer: str) -> bool:
        """Return whether two formulas are equal. Raise `UnreadableError` if the reference is no formula."""
        references = _parse(reference)
        if not references or (all(isinstance(expression, str) for expression in references)):
            if _compact(reference) == _compact(answer):
                return True
            raise UnreadableError("the reference cannot be read as mathematics")
        answers = _parse(answer)
        if not answers:
            return False
        by_value = _equal_by_value(references[0], answers[0])
        if by_value is not None:
            return by_value
        return bool(verify(references, answers, timeout_seconds=None)) or _proportional(references[0], answers[0])

    def value(self, formula: str) -> Fraction | None:
        """Return the value of a formula without variables, to 30 digits; None if it has none."""
        expressions = _parse(formula)
        if not expressions or isinstance(expressions[0], str) or getattr(expressions[0], "free_symbols", True):
            return None
        return _real_value(expressions[0])

    def canonical(self, formula: str) -> str:
        """Return one string for equal formulas: fractions for decimals, sums in one order; else the text itself."""
        expressions = _parse(formula)
        try:
            canonical = str(_simplify(expressions[0])) if expressions else formula
        except Exception:
            canonical = formula  # an answer that cannot be simplified stays as it was written
        return " ".join((canonical if len(canonical) <= _MAX_CANONICAL_CHARS else formula).split())


def _compact(text: str) -> str:
    return "".join(text.split()).replace("{", "").replace("}", "").casefold()


@lru_cache(maxsize=4096)
def _parse(formula: str) -> list[Any]:
    """Return a formula as math-verify parses it: an expression and its text, or nothing.

    math-verify takes the letter of ``E_{1}`` for Euler's number and fails, and falls back to a number that a formula
    which it cannot parse holds.
    """
    expressions: list[Any] = parse(f"\\boxed{{{_EULER_NAME.sub(_other_letter, formula)}}}", parsing_timeout=None)
    if expressions and _VARIABLE.search(formula) and getattr(expressions[0], "free_symbols", None) == set():
        return [expression for expression in expressions if isinstance(expression, str)]
    return expressions


def _other_letter(match: re.Match[str]) -> str:
    return "\\Xi" if match.group() == "E" else "\\xi"


def _equal_by_value(reference: Any, answer: Any) -> bool | None:
    """Return whether two expressions have the same values; None if they have none that can be compared."""
    if not all(isinstance(expression, sympy.Expr) for expression in (reference, answer)):
        return None
    if not (_is_cheap(reference) and _is_cheap(answer)):
        return None
    symbols = sorted(reference.free_symbols | answer.free_symbols, key=str)
    variables = [symbol for symbol in symbols if str(symbol) != "i"]
    if variables and reference.free_symbols != answer.free_symbols:
        return None
    try:
        return all(_same_at(reference, answer, symbols, row) for row in range(len(_POINTS) if variables else 1))
    except (TypeError, ValueError, ZeroDivisionError, ArithmeticError, AttributeError, RecursionError):
        return None


def _same_at(reference: Any, answer: Any, symbols: list[Any], row: int) -> bool:
    """Return whether two expressions have one value at a point. Raise `ValueError` if one has none."""
    point = {
        symbol: sympy.I if str(symbol) == "i" else sympy.Rational(_POINTS[(row + column) % len(_POINTS)]) + column
        for column, symbol in enumerate(symbols)
    }
    values = [sympy.N(_exact(expression).subs(point), _DIGITS) for expression in (reference, answer)]
    if any(not value.is_number or value.has(sympy.nan, sympy.zoo) for value in values):
        raise ValueError("no value")
    if any(value in (sympy.oo, -sympy.oo) for value in values):
        return bool(values[0] == values[1])
    first, second = map(_complex_parts, values)
    size = max(abs(part) for part in (*first, *second))
    return all(abs(a - b) <= _TOLERANCE * size for a, b in zip(first, second, strict=True))


def _complex_parts(value: Any) -> tuple[Fraction, Fraction]:
    """Return real and imaginary part of a SymPy number as fractions. Raise `ValueError` if it is no number."""
    parts = value.as_real_imag()
    if any(not (part.is_Float or part.is_Rational) for part in parts):
        raise ValueError("no value")
    real, imaginary = (Fraction(str(sympy.Rational(str(part)))) for part in parts)
    return real, imaginary


def _real_value(expression: Any) -> Fraction | None:
    if not isinstance(expression, sympy.Expr) or not _is_cheap(expression):
        return None
    try:
        real, imaginary = _complex_parts(sympy.N(_exact(expression), _DIGITS))
    except (TypeError, ValueError, ArithmeticError, AttributeError, RecursionError):
        return None
    return None if imaginary else real


def _proportional(reference: Any, answer: Any) -> bool:
    """Return whether two equations say the same: the differences of their sides are in one proportion everywhere."""
    if not (isinstance(reference, sympy.Eq) and isinstance(answer, sympy.Eq)):
        return False
    first, second = (expression.lhs - expression.rhs for expression in (reference, answer))
    if not (isinstance(first, sympy.Expr) and isinstance(second, sympy.Expr) and second != 0):
        return False
    if first.free_symbols != second.free_symbols or not (_is_cheap(first) and _is_cheap(second)):
        return False
    symbols = sorted(first.free_symbols, key=str)
    try:
        ratios = []
        for row in range(len(_POINTS)):
            point = {
                symbol: sympy.Rational(_POINTS[(row + column) % len(_POINTS)]) + column
                for column, symbol in enumerate(symbols)
            }
            ratio = _complex_parts(sympy.N(_exact(first).subs(point) / _exact(second).subs(point), _DIGITS))
            ratios.append(ratio[0])
    except (TypeError, ValueError, ZeroDivisionError, ArithmeticError, AttributeError, RecursionError):
        return False
    return ratios[0] != 0 and all(abs(ratio - ratios[0]) <= _TOLERANCE * abs(ratios[0]) for ratio in ratios)


def _is_cheap(expression: Any) -> bool:
    """Return whether the arithmetic of an expression is certain to be short."""
    if sympy.count_ops(expression) > _MAX_OPERATIONS:
        return False
    return all(_is_small(power.exp) for power in expression.atoms(sympy.Pow))


def _is_small(exponent: Any) -> bool:
    """Return whether a power with this exponent is quick to compute; a variable's value is small."""
    if not exponent.is_number:
        return True
    if not exponent.is_Number:
        if exponent.has(sympy.Pow) or sympy.count_ops(exponent) >= _MAX_EXPONENT_OPERATIONS:
            return False
        exponent = sympy.N(exponent, 5)
    return bool(abs(exponent) <= _MAX_EXPONENT)


def _exact(expression: Any) -> Any:
    """Return `expression` with fractions for its decimals."""
    return expression.xreplace({number: sympy.Rational(str(number)) for number in expression.atoms(sympy.Float)})


def _simplify(expression: Any) -> Any:
    """Return `expression` with its arithmetic done, if that is certain to be cheap."""
    if isinstance(expression, str) or not _is_cheap(expression):
        return expression
    expression = _exact(expression).doit()
    is_definition = isinstance(expression, sympy.Eq) and isinstance(expression.lhs, sympy.Symbol)
    return expression.rhs if is_definition else expression
