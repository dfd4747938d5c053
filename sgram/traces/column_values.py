"""Values of columns as the values of fields: numbers and truth values also from strings; what does not fit is None."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from sgram.traces.containers.json_values import loads
from sgram.traces.fields import as_text, is_number
from sgram.traces.trace import RowError

_TRUE = frozenset({"true", "1", "1.0", "yes", "correct", "right", "pass", "passed"})
_FALSE = frozenset({"false", "0", "0.0", "no", "incorrect", "wrong", "fail", "failed"})
_MAX_TOKEN_ID = (1 << 31) - 1


def flag(value: Any) -> bool | None:
    """Return a truth value, 0 or 1, or a word for it, as a truth value; None if it is none.

    >>> flag("True"), flag(0.0), flag("No"), flag(0.5)
    (True, False, False, None)
    """
    if isinstance(value, bool):
        return value
    if is_number(value):
        return bool(value) if value in (0, 1) else None
    word = value.strip().lower() if isinstance(value, str) and len(value) < 20 else ""
    return True if word in _TRUE else False if word in _FALSE else None


def number(value: Any) -> float | None:
    """Return a finite number, a truth value or a string of a number as a float; None if it is none.

    >>> number("1.5"), number(True), number("nan"), number("12th")
    (1.5, 1.0, None, None)
    """
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        if len(value) > 40:
            return None
        try:
            value = float(value)
        except ValueError:
            return None
    if not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if math.isfinite(converted) else None


def whole(value: Any) -> int | None:
    """Return a whole number of 64 bits, also from a string or a float; None if it is none.

    >>> whole("12"), whole("12.0"), whole(3.5), whole(True)
    (12, 12, None, None)
    """
    if type(value) is int:
        return value if -(1 << 63) <= value < 1 << 63 else None
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        digits = text[1:] if text[:1] == "-" else text
        value = int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else number(text)
    if isinstance(value, float):
        value = int(value) if value.is_integer() else None
    return value if isinstance(value, int) and -(1 << 63) <= value < 1 << 63 else None


def string(value: Any) -> str | None:
    """Return a string as it is, a number or truth value as one; None if it is something else or empty.

    >>> string(42), string(True), string(["42"]), string("")
    ('42', 'True', None, None)
    """
    if isinstance(value, str):
        return value or None
    if isinstance(value, bool):
        return str(value)
    try:
        return str(value) if is_number(value) and math.isfinite(value) else None
    except (OverflowError, ValueError):  # whole numbers of hundreds of digits
        return None


def reference(value: Any) -> str | None:
    """Return an expected answer: a list of one is its element, other lists and objects are JSON.

    >>> reference(["42"]), reference(["4", "four"]), reference(42), reference([])
    ('42', '["4","four"]', '42', None)
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, list | dict):
        return string(value)
    try:
        return as_text(value) if value else None
    except RowError:
        return None


def _list_of(value: Any) -> Any:
    """Return what a string holds that begins like a list; everything else as it is."""
    if isinstance(value, str) and value[:1] == "[":
        try:
            return orjson.loads(value)
        except ValueError:
            return None
    return value


def token_ids(value: Any) -> tuple[int, ...] | None:
    """Return a list of ids of tokens, also as JSON in a string; None if it holds something else.

    >>> token_ids([1, 2]), token_ids("[1, 2]"), token_ids([1.5]), token_ids("12")
    ((1, 2), (1, 2), None, None)
    """
    value = _list_of(value)
    if isinstance(value, list | tuple) and all(type(item) is int and 0 <= item <= _MAX_TOKEN_ID for item in value):
        return tuple(value)
    return None


def floats(value: Any) -> tuple[float, ...] | None:
    """Return a list of finite numbers, also as JSON in a string; None if it holds something else.

    >>> floats([0, -0.5]), floats("[-0.5]"), floats([None])
    ((0.0, -0.5), (-0.5,), None)
    """
    value = _list_of(value)
    if not isinstance(value, list | tuple) or not all(map(is_number, value)):
        return None
    try:
        numbers = tuple(map(float, value))
    except OverflowError:
        return None
    return numbers if all(map(math.isfinite, numbers)) else None


CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "id": string,
    "group": string,
    "run": string,
    "reward": number,
    "correct": flag,
    "answer": string,
    "reference": reference,
    "step": whole,
    "model": string,
    "token_ids": token_ids,
    "logprobs": floats,
    "entropies": floats,
}
"""Field -> what makes its value out of a column's."""


def lookup(columns: Mapping[str, Any], path: str) -> Any:
    """Return the value of a column, or of a key of an object in a column, `outer.inner`; None if there is none.

    The object may be JSON in a string.

    >>> lookup({"reward_model": {"ground_truth": "42"}}, "reward_model.ground_truth"), lookup({"a.b": 1}, "a.b")
    ('42', 1)
    """
    if path in columns or "." not in path:
        return columns.get(path)
    outer, _, inner = path.partition(".")
    value = columns.get(outer)
    if isinstance(value, str) and value.lstrip()[:1] == "{":
        try:
            value = loads(value.encode())[0]
        except ValueError:
            return None
    return lookup(value, inner) if isinstance(value, Mapping) else None
