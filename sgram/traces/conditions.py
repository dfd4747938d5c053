"""Conditions on traces, such as ``correct=true`` or ``step>=100``. Knows nothing about files."""

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.traces.trace import Trace

_FORM = re.compile(r"\s*([a-z_]+|meta\.[^<>=!~]+?)\s*(>=|<=|!=|==|=|~|>|<)\s*(.*?)\s*", re.DOTALL)
_ORDER = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
_NUMBERS = ("reward", "step", "length")
_STRINGS = ("id", "group", "model", "answer", "reference", "prompt", "text")
_BOOLEANS = {"true": True, "false": False}
HOW = "write field, =, !=, ~ (contains), <, <=, > or >=, value; such as correct=true, model~R1, step>=100"

Condition = Callable[[Trace], bool]


def _getter(name: str) -> Callable[[Trace], Any]:
    if name.startswith("meta."):
        key = name.removeprefix("meta.")
        return lambda trace: trace.meta.get(key)
    if name == "length":
        return lambda trace: len(trace.text)
    return operator.attrgetter(name)


def _operand(text: str, name: str, value: str) -> Any:
    """`value` as the field `name` holds it."""
    if value.lower() == "none":
        return None
    if name in _STRINGS or name.startswith("meta."):
        return value
    try:
        return _BOOLEANS[value.lower()] if name == "correct" else float(value)
    except (KeyError, ValueError):
        wanted = "true, false or none" if name == "correct" else "a number or none"
        raise UsageError(f"condition {excerpt(text)!r}: {name} is compared with {wanted}") from None


def _same(found: Any, wanted: Any) -> bool:
    if isinstance(found, bool) and isinstance(wanted, str):  # a boolean in meta
        return found is _BOOLEANS.get(wanted.lower())
    if isinstance(found, int | float) and isinstance(wanted, str):  # a number in meta
        try:
            return found == float(wanted)
        except ValueError:
            return False
    return found == wanted


def parse_condition(text: str) -> Condition:
    """The test that `text` describes. What is missing matches ``=none`` and ``!=value`` only."""
    match = _FORM.fullmatch(text)
    name = match[1] if match else ""
    if not match or (name not in (*_NUMBERS, *_STRINGS, "correct") and not name.startswith("meta.")):
        fields = ", ".join(("correct", *_NUMBERS, *_STRINGS, "meta.NAME"))
        raise UsageError(f"condition {excerpt(text)!r} is not understood: {HOW}; fields: {fields}")
    get, sign, wanted = _getter(name), match[2], _operand(text, name, match[3])
    if sign in ("=", "=="):
        return lambda trace: _same(get(trace), wanted)
    if sign == "!=":
        return lambda trace: not _same(get(trace), wanted)
    if sign == "~":
        if not isinstance(wanted, str):
            raise UsageError(f"condition {excerpt(text)!r}: ~ asks for a piece of a string")
        return lambda trace: isinstance(found := get(trace), str) and wanted in found
    return _ordered(text, get, _ORDER[sign], wanted)


def _ordered(text: str, get: Callable[[Trace], Any], compare: Callable, wanted: Any) -> Condition:
    try:
        bound = float("" if isinstance(wanted, bool) else wanted)
    except (TypeError, ValueError):
        raise UsageError(f"condition {excerpt(text)!r}: {HOW}; an order needs a number") from None

    def holds(trace: Trace) -> bool:
        found = get(trace)
        return isinstance(found, int | float) and not isinstance(found, bool) and compare(found, bound)

    return holds


def parse_conditions(texts: Iterable[str]) -> Condition | None:
    """One test for all `texts` together; None when there are none."""
    conditions = [parse_condition(text) for text in texts]
    if not conditions:
        return None
    if len(conditions) == 1:
        return conditions[0]
    return lambda trace: all(condition(trace) for condition in conditions)
