"""Conditions on traces, such as ``correct=true`` or ``step>=100``."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.traces.trace import Trace

_FORM = re.compile(r"\s*([a-z_]+|meta\.[^<>=!~]+?)\s*(>=|<=|!=|==|=|~|>|<)\s*(.*?)\s*", re.DOTALL)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_NUMBER_FIELDS = ("reward", "step", "length")
_STRING_FIELDS = ("id", "group", "run", "model", "answer", "reference", "prompt", "text")
_BOOLEANS = {"true": True, "false": False}
_SYNTAX = "write field, =, !=, ~ (contains), <, <=, > or >=, value; such as correct=true, model~R1, step>=100"

Condition = Callable[[Trace], bool]


def _getter(name: str) -> Callable[[Trace], Any]:
    """Return a function from a trace to its field `name`."""
    if name.startswith("meta."):
        key = name.removeprefix("meta.")
        return lambda trace: trace.meta.get(key)
    if name == "length":
        return lambda trace: len(trace.text)
    return operator.attrgetter(name)


def _parse_operand(condition: str, name: str, operand: str) -> Any:
    """Return the right-hand side of a condition in the type of the field `name`."""
    if operand.lower() == "none":
        return None
    if name in _STRING_FIELDS or name.startswith("meta."):
        return operand
    try:
        return _BOOLEANS[operand.lower()] if name == "correct" else float(operand)
    except (KeyError, ValueError):
        expected = "true, false or none" if name == "correct" else "a number or none"
        raise UsageError(f"condition {excerpt(condition)!r}: {name} must be compared with {expected}") from None


def _is_equal(field: Any, operand: Any) -> bool:
    """Return whether a field equals the operand; a boolean or number in `meta` is compared with the operand's text."""
    if isinstance(field, bool) and isinstance(operand, str):
        return field is _BOOLEANS.get(operand.lower())
    if isinstance(field, int | float) and isinstance(operand, str):
        try:
            return field == float(operand)
        except ValueError:
            return False
    return bool(field == operand)


def parse_condition(text: str) -> Condition:
    """Return the test that `text` describes, such as ``correct=true``, ``model~R1`` or ``meta.dataset=gsm8k``.

    A missing field matches ``=none`` and ``!=value`` only. Raise `UsageError` if `text` is not a condition.

    >>> condition = parse_condition("step>=100")
    >>> condition(Trace(id="a", text="", step=100)), condition(Trace(id="b", text=""))
    (True, False)
    """
    match = _FORM.fullmatch(text)
    name = match[1] if match else ""
    if not match or (name not in (*_NUMBER_FIELDS, *_STRING_FIELDS, "correct") and not name.startswith("meta.")):
        names = ", ".join(("correct", *_NUMBER_FIELDS, *_STRING_FIELDS, "meta.NAME"))
        raise UsageError(f"condition {excerpt(text)!r} is invalid: {_SYNTAX}; fields: {names}")
    get, sign, operand = _getter(name), match[2], _parse_operand(text, name, match[3])
    if sign in ("=", "=="):
        return lambda trace: _is_equal(get(trace), operand)
    if sign == "!=":
        return lambda trace: not _is_equal(get(trace), operand)
    if sign == "~":
        if not isinstance(operand, str):
            raise UsageError(f"condition {excerpt(text)!r}: ~ needs text to search for in a string field")
        return lambda trace: isinstance(field := get(trace), str) and operand in field
    return _ordered(text, get, _COMPARISONS[sign], operand)


def _ordered(
    text: str, get: Callable[[Trace], Any], compare: Callable[[float, float], bool], operand: Any
) -> Condition:
    """Return the test whether a field is a number on the right side of `operand`."""
    try:
        bound = float("" if isinstance(operand, bool) else operand)
    except (TypeError, ValueError):
        raise UsageError(f"condition {excerpt(text)!r}: {_SYNTAX}; an order needs a number") from None

    def is_met(trace: Trace) -> bool:
        field = get(trace)
        return isinstance(field, int | float) and not isinstance(field, bool) and compare(field, bound)

    return is_met


def parse_conditions(texts: Iterable[str]) -> Condition | None:
    """Return the test that a trace meets all conditions; None if there are none.

    >>> condition = parse_conditions(["correct=true", "length>=4"])
    >>> condition(Trace(id="a", text="wait", correct=True))
    True
    """
    conditions = [parse_condition(text) for text in texts]
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]
    return lambda trace: all(condition(trace) for condition in conditions)
