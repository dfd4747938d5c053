"""Rows of APIs read as `sgram` reads them, and mutations of rows for property tests."""

import copy
from typing import Any

from hypothesis import strategies as st

from sgram.traces.completing import ColumnNotes, ColumnOptions, complete_fields
from sgram.traces.dialect import Dialect, DialectOptions, detect
from sgram.traces.trace import RowError, Trace, check_trace

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def read_row(row: dict[str, Any], options: DialectOptions | None = None) -> list[dict[str, Any]]:
    """Return the completed fields of each trace of a row, by the dialect that recognizes it."""
    dialect = detect(row)
    assert dialect is not None, row
    return complete(dialect, row, options)


def complete(dialect: Dialect, row: dict[str, Any], options: DialectOptions | None = None) -> list[dict[str, Any]]:
    before = copy.deepcopy(row)
    parsed = dialect.parse(row, options or DialectOptions())
    completed = [complete_fields(fields, ColumnOptions(), ColumnNotes()) for fields in parsed]
    assert row == before, "a dialect must not change its row"
    for fields in completed:
        check_trace(Trace(**{"id": "x", **fields}))
    return completed


def parts_of(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (kind, text) of the parts of a trace."""
    return [(part["kind"], fields["text"][part["start"] : part["end"]]) for part in fields["meta"].get("parts", ())]


def gives_fields_or_row_error(dialect: Dialect, row: dict[str, Any]) -> bool:
    """Return whether a row that the dialect recognizes gives fields, or a `RowError`; any other error is raised."""
    if not dialect.fits(row):
        return True
    try:
        complete(dialect, row)
    except RowError as error:
        return bool(str(error)) and "\n" not in str(error)
    return True


@st.composite
def mutations(draw: st.DrawFn, row: dict[str, Any]) -> dict[str, Any]:
    """Draw a row in which a few values were replaced, removed, repeated or emptied, wherever they stand."""
    mutant = copy.deepcopy(row)
    for _ in range(draw(st.integers(1, 3))):
        containers = [value for value in _walk(mutant) if isinstance(value, dict | list) and value]
        if not containers:
            break
        container = draw(st.sampled_from(containers))
        key: Any = draw(st.sampled_from(sorted(container) if isinstance(container, dict) else range(len(container))))
        kind = draw(st.sampled_from(["replace", "replace", "remove", "wrap", "add"]))
        if kind == "remove":
            del container[key]
        elif kind == "wrap":
            container[key] = [container[key]]
        elif kind == "add" and isinstance(container, dict):
            container[draw(st.sampled_from(NAMES) | st.text(max_size=6))] = draw(JSON)
        else:
            container[key] = draw(JSON)
    return mutant


NAMES = (
    *("error", "status", "message", "text", "content", "choices", "role", "reasoning", "thinking", "id", "model"),
    *("prompt", "messages", "logprobs", "token_ids", "tool_calls", "finish_reason", "group", "reward", "meta", "input"),
)


def _walk(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(found for part in inner for found in _walk(part))]
