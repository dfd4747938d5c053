"""Conversion of JSON values to the fields of a trace."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from sgram.traces.messages import prompt_text
from sgram.traces.trace import RowError, Trace, wrong_type

Record = Mapping[str, Any]
"""One row of an input: a JSON object."""
Fields = dict[str, Any]
"""Fields of one trace by name."""
TRACE_FIELDS = frozenset(Trace.__dataclass_fields__)


def is_number(value: Any) -> bool:
    """Return whether `value` is a JSON number (a boolean is not).

    >>> is_number(1.5), is_number(True)
    (True, False)
    """
    return type(value) is float or type(value) is int


def as_text(value: Any) -> str | None:
    """Return a string as it is and any other JSON value as JSON; None stays None. Raise `RowError` if it has no JSON.

    >>> as_text("4"), as_text(["4", 4.5]), as_text(None)
    ('4', '["4",4.5]', None)
    """
    if value is None or type(value) is str:
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        raise RowError(f"a value cannot be written as JSON: {error}") from None


def _string(name: str, value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return str(value)
    raise wrong_type(name, value, "a string")


def _text(name: str, value: Any) -> str:
    if type(value) is str:
        return value
    raise wrong_type(name, value, "a string")


def _number(name: str, value: Any) -> float:
    if is_number(value) or type(value) is bool:
        return float(value)
    raise wrong_type(name, value, "a number")


def _flag(name: str, value: Any) -> bool:
    if type(value) is bool or (is_number(value) and value in (0, 1)):
        return bool(value)
    raise wrong_type(name, value, "true or false")


def whole_number(name: str, value: Any) -> int:
    """Return `value` as an integer of 64 bits. Raise `RowError` unless it is an integer, a whole float or digits.

    >>> whole_number("step", "12"), whole_number("step", 3.0)
    (12, 3)
    """
    has_digits = type(value) is str and value.isascii() and value.isdigit() and len(value) < 19
    if type(value) is int or has_digits or (type(value) is float and value.is_integer()):
        number = int(value)
        if -(1 << 63) <= number < 1 << 63:
            return number
    raise wrong_type(name, value, "a whole number")


def _token_ids(name: str, value: Any) -> tuple[int, ...]:
    if type(value) is list:
        return tuple(value)
    raise wrong_type(name, value, "an array of whole numbers")


def _floats(name: str, value: Any) -> tuple[float, ...]:
    if type(value) is list and all(map(is_number, value)):
        return tuple(map(float, value))
    raise wrong_type(name, value, "an array of numbers only")


def _meta(name: str, value: Any) -> Record:
    if type(value) is str:  # a Parquet column holds it as JSON
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise RowError(f"field {name} is a string that is not JSON") from None
    if type(value) is dict:
        return value
    raise wrong_type(name, value, "an object")


_CONVERTERS: dict[str, Callable[[str, Any], Any]] = {
    "id": _string,
    "group": _string,
    "prompt": lambda name, value: prompt_text(value),
    "text": _text,
    "reward": _number,
    "correct": _flag,
    "answer": _string,
    "reference": _string,
    "step": whole_number,
    "model": _string,
    "token_ids": _token_ids,
    "logprobs": _floats,
    "entropies": _floats,
    "meta": _meta,
}


def convert_fields(fields: Fields) -> Fields:
    """Return `fields` with every value in its field's type, without missing ones.

    Raise `RowError` if a value cannot be converted or the text is missing.

    >>> convert_fields({"text": "wait", "reward": 1, "step": "12", "model": None})
    {'text': 'wait', 'reward': 1.0, 'step': 12}
    """
    if fields.get("text") is None:
        raise RowError("field text is missing")
    return {name: _CONVERTERS[name](name, value) for name, value in fields.items() if value is not None}


def require_fields(record: Record, *names: str) -> None:
    """Raise `RowError` unless `record` has all fields of these `names`."""
    for name in names:
        if record.get(name) is None:
            raise RowError(f"field {name} is missing")


def split_meta(record: Record, excluded: Iterable[str] = ()) -> Fields:
    """Return the fields of `record` that a trace has, all others under `meta`, without the `excluded` ones.

    >>> split_meta({"text": "wait", "step": 1, "dataset": "gsm8k"})
    {'text': 'wait', 'step': 1, 'meta': {'dataset': 'gsm8k'}}
    """
    fields: Fields = {}
    meta: dict[str, Any] = {}
    for key, value in record.items():
        if key in excluded:
            continue
        if key in TRACE_FIELDS and key != "meta":
            fields[key] = value
        else:
            meta[key] = value
    nested = meta.pop("meta", None)
    fields["meta"] = {**meta, **_meta("meta", nested)} if nested is not None else meta
    return fields
