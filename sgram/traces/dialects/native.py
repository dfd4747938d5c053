"""The dialect of sgram itself: rows that `write_traces` wrote, read back as they were."""

from collections.abc import Mapping
from typing import Any

import orjson

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import TRACE_FIELDS
from sgram.traces.parts import find_parts
from sgram.traces.trace import FailedRowError, wrong_type

MASK_COLUMNS = frozenset({"planning_mask", "spans"})
"""Columns that `sgram tag -o FOLDER/` writes beside the fields of a trace; they are made of the trace, and not read."""


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields as they stand, and `meta` as it was written.

    An `answer` beside a prompt or group is left to the table of names if the row has no key `reference`: `write_traces`
    writes that key beside the model's answer, so the row is of another origin, and its `answer` the expected one.
    """
    fields = {name: value for name, value in record.items() if name in TRACE_FIELDS and name != "meta"}
    is_tagged = record.keys() >= MASK_COLUMNS
    meta = {
        name: value
        for name, value in record.items()
        if name not in TRACE_FIELDS and not (is_tagged and name in MASK_COLUMNS)
    }
    text = fields.get("text")
    if text is None:
        raise FailedRowError("field text is missing")
    if not isinstance(text, str):
        raise wrong_type("text", text, "a string")
    columns: dict[str, Any] = {}
    is_asked = fields.get("prompt") is not None or fields.get("group") is not None
    if is_asked and "reference" not in record and fields.get("answer") is not None:
        columns["answer"] = fields.pop("answer")
    given = _loaded(record.get("meta"))
    if isinstance(given, Mapping):
        meta.update(given)
    elif given is not None:
        columns["meta"] = given
    if "parts" not in meta and (parts := find_parts(text)):
        meta["parts"] = parts
    if columns:
        fields["columns"] = columns
    return [{**fields, "meta": meta}]


def _loaded(meta: Any) -> Any:
    """Return the object that a column of Parquet holds as JSON; everything else is returned as it is."""
    if isinstance(meta, str) and meta.startswith("{"):
        try:
            return orjson.loads(meta)
        except orjson.JSONDecodeError:
            return meta
    return meta


def recognize(record: Record) -> bool:
    """Return whether the record has no other columns than the fields of a trace, and the masks of `sgram tag`."""
    return record.keys() <= TRACE_FIELDS or record.keys() - TRACE_FIELDS == MASK_COLUMNS


NATIVE = Dialect(
    "sgram",
    "`sgram read -o`, `sgram tag -o FOLDER/`, and rows of your own with the names of a trace's fields",
    parse,
    columns=(frozenset({"id", "text"}),),
    recognize=recognize,
    becomes={name: name for name in sorted(TRACE_FIELDS)},
    source="docs/formats.md",
    is_exact=True,
    rank=50,
)
