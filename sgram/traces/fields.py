"""Names of the fields of a trace, a trace as a record, and JSON values as text."""

from typing import Any

import orjson

from sgram.traces.trace import FailedRowError, RowError, Trace, json_type

TRACE_FIELDS = frozenset(Trace.__dataclass_fields__)
_WRITTEN = tuple(name for name in Trace.__dataclass_fields__ if name != "meta")


def record_of(trace: Trace) -> dict[str, Any]:
    """Return the fields of a trace that are not None, without `meta`, as they are written.

    Two fields are written as None. `correct` beside a reward says that no verdict follows from the reward. `reference`
    beside an answer says that the answer is the model's; other people's `answer` is mostly the expected one.

    >>> record_of(Trace(id="a", text="It is 4.", answer="4"))
    {'id': 'a', 'text': 'It is 4.', 'answer': '4', 'reference': None}
    """
    record = {name: value for name in _WRITTEN if (value := getattr(trace, name)) is not None}
    if trace.reward is not None:
        record.setdefault("correct", None)
    if trace.answer is not None:
        record.setdefault("reference", None)
    return record


def is_number(value: Any) -> bool:
    """Return whether `value` is a JSON number (a boolean is not).

    >>> is_number(1.5), is_number(True)
    (True, False)
    """
    return type(value) is float or type(value) is int


def sampled_text(value: Any, column: str, noun: str) -> str:
    """Return `value` as the text of a response, which stands in `column`; `noun` is what the tool calls a response.

    Raise `FailedRowError` if it is missing, and `RowError` if it is no string.

    >>> sampled_text("It is 4.", "output", "output")
    'It is 4.'
    """
    if value is None:
        raise FailedRowError(f"the {noun} is missing")
    if not isinstance(value, str):
        raise RowError(f"{column} is {json_type(value)}, not a string")
    return value


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
