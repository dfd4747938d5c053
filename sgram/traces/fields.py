"""Names of the fields of a trace, and JSON values as text."""

from typing import Any

import orjson

from sgram.traces.trace import RowError, Trace

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
