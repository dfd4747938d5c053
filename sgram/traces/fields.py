"""What the JSON of the wild may hold for one field of a trace. Knows nothing about dialects."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson

from sgram.traces.messages import prompt_text
from sgram.traces.trace import RowError, Trace, wrong_type

Record = Mapping[str, Any]
Fields = dict[str, Any]
FIELDS = frozenset(Trace.__dataclass_fields__)


def is_number(value: Any) -> bool:
    """Whether `value` is a number of JSON."""
    return type(value) is float or type(value) is int


def as_text(value: Any) -> str | None:
    """`value` as a string: JSON unless it is one already; None stays None."""
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


def whole(name: str, value: Any) -> int:
    """`value` as a whole number of 64 bits: an integer, a float without fraction, or digits."""
    digits = type(value) is str and value.isascii() and value.isdigit() and len(value) < 19
    if type(value) is int or digits or (type(value) is float and value.is_integer()):
        number = int(value)
        if -(1 << 63) <= number < 1 << 63:
            return number
    raise wrong_type(name, value, "a whole number")


def _ids(name: str, value: Any) -> tuple[int, ...]:
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


_COERCE: dict[str, Callable[[str, Any], Any]] = {
    "id": _string,
    "group": _string,
    "prompt": lambda name, value: prompt_text(value),
    "text": _text,
    "reward": _number,
    "correct": _flag,
    "answer": _string,
    "reference": _string,
    "step": whole,
    "model": _string,
    "token_ids": _ids,
    "logprobs": _floats,
    "entropies": _floats,
    "meta": _meta,
}


def coerced(fields: Fields) -> Fields:
    """`fields` with every value of its field's type, missing ones left out; `RowError` where that fails."""
    if fields.get("text") is None:
        raise RowError("field text is missing")
    return {name: _COERCE[name](name, value) for name, value in fields.items() if value is not None}


def need(record: Record, *names: str) -> None:
    """`RowError` unless `record` holds all of `names`."""
    for name in names:
        if record.get(name) is None:
            raise RowError(f"field {name} is missing")


def rest(record: Record, used: Iterable[str] = ()) -> Fields:
    """Known fields by their own names, all others as `meta`; `used` ones left out."""
    fields: Fields = {}
    meta: dict[str, Any] = {}
    for key, value in record.items():
        if key in used:
            continue
        if key in FIELDS and key != "meta":
            fields[key] = value
        else:
            meta[key] = value
    nested = meta.pop("meta", None)
    fields["meta"] = {**meta, **_meta("meta", nested)} if nested is not None else meta
    return fields
