"""Parsing of one JSON value: NaN and infinities are missing values, nesting is limited."""

import re
from typing import Any

import orjson

MAX_DEPTH = 200
"""Levels of nesting that a record may have; what is written back may have 254 with orjson."""
_CONSTANT = re.compile(rb'"(?:[^"\\]++|\\.)*+"|-?Infinity|NaN', re.DOTALL)


def loads(data: bytes) -> tuple[Any, int]:
    """Return (value of the JSON text `data`, number of NaN and infinities in it, which are None in the value).

    Raise `orjson.JSONDecodeError` if it is not valid JSON otherwise.

    >>> loads(b'{"text": "NaN", "reward": NaN}')
    ({'text': 'NaN', 'reward': None}, 1)
    """
    try:
        return orjson.loads(data), 0
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
        return value, n_missing


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
