"""Parsing of one JSON value: NaN and infinities are missing, long integers keep their digits, nesting is limited."""

import json
import re
from typing import Any

import orjson

MAX_DEPTH = 200
"""Levels of nesting that a record may have; what is written back may have 254 with orjson."""
_CONSTANT = re.compile(rb'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN', re.DOTALL)


_LONG = 2.0**63
"""Smallest float that orjson may have made of an integer, as it does of those that 64 bits do not hold."""


def loads(data: bytes) -> tuple[Any, int]:
    """Return (value of the JSON text `data`, number of NaN and infinities in it, which are None in the value).

    An integer that 64 bits do not hold is the string of its digits. Raise `orjson.JSONDecodeError` if `data` is not
    valid JSON otherwise.

    >>> loads(b'{"text": "NaN", "reward": NaN, "answer": 15511210043330985984000000}')
    ({'text': 'NaN', 'reward': None, 'answer': '15511210043330985984000000'}, 1)
    """
    try:
        return with_long_integers(orjson.loads(data), data), 0
    except orjson.JSONDecodeError:
        if b"NaN" not in data and b"Infinity" not in data:
            raise
        n_missing = 0

        def replace(match: re.Match[bytes]) -> bytes:
            nonlocal n_missing
            if match[0][:1] == b'"':
                return match[0]
            n_missing += 1
            return b"null"

        replaced = _CONSTANT.sub(replace, data)
        if not n_missing:
            raise
        try:
            value = orjson.loads(replaced)
        except orjson.JSONDecodeError:
            value = _INVALID
        if value is _INVALID:
            raise  # the error of the data as they stand
        return with_long_integers(value, replaced), n_missing


def with_long_integers(value: Any, data: bytes) -> Any:
    """Return the `value` that orjson read from `data`, but integers beyond 64 bits as strings, not as rounded floats.

    >>> with_long_integers([1.8446744073709552e19, 2.0], b"[18446744073709551617, 2.0]")
    ['18446744073709551617', 2.0]
    """
    try:
        return json.loads(data, parse_int=_integer) if _may_hold_long(value) else value
    except (ValueError, RecursionError):  # orjson has read it: it is nested too deeply for json, and for a row
        return value


def _may_hold_long(value: Any) -> bool:
    """Return whether a float may have been a long integer; in a list of floats, such as entropies, the first tells."""
    kind = type(value)
    if kind is dict:
        children = value.values()
    elif kind is list:
        children = value[:1] if value and type(value[0]) is float else value
    else:
        children = (value,)
    for child in children:
        kind = type(child)
        if kind is float:
            if not -_LONG < child < _LONG:
                return True
        elif (kind is dict or kind is list) and _may_hold_long(child):
            return True
    return False


def _integer(digits: str) -> int | str:
    if len(digits) > len(str(1 << 64)):  # int() refuses thousands of digits
        return digits
    number = int(digits)
    return number if -(1 << 63) <= number < 1 << 64 else digits


_INVALID = object()


def is_too_deep(value: Any, max_depth: int = MAX_DEPTH) -> bool:
    """Return whether arrays and objects are nested deeper than `max_depth` levels; this does not recurse.

    >>> is_too_deep([[1]], 2), is_too_deep([[[1]]], 2)
    (False, True)
    """
    level = [value] if type(value) is dict or type(value) is list else []
    for _ in range(max_depth):
        if not level:
            return False
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
    return bool(level)


def may_be_deep(data: bytes) -> bool:
    """Return whether `data` has enough brackets to be nested too deeply, also in `meta`; most rows have not."""
    return data.count(b"[") + data.count(b"{") >= MAX_DEPTH


def fault_of(error: orjson.JSONDecodeError) -> str:
    """Return what is wrong with data that are not valid JSON, as a fault of a row."""
    return f"not valid JSON: {error.msg}, column {error.colno}"


DEEP_FAULT = f"nested more than {MAX_DEPTH} levels deep"
