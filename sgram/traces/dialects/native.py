"""The dialect of sgram itself: rows that `write_traces` wrote, read back as they were."""

from collections.abc import Mapping
from typing import Any

import orjson

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import TRACE_FIELDS
from sgram.traces.parts import find_parts
from sgram.traces.trace import FailedRowError, wrong_type


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields as they stand; nothing is renamed, and `meta` is read back as it was written."""
    fields = {name: value for name, value in record.items() if name in TRACE_FIELDS and name != "meta"}
    meta = {name: value for name, value in record.items() if name not in TRACE_FIELDS}
    text = fields.get("text")
    if text is None:
        raise FailedRowError("field text is missing")
    if not isinstance(text, str):
        raise wrong_type("text", text, "a string")
    given = _loaded(record.get("meta"))
    if isinstance(given, Mapping):
        meta.update(given)
    elif given is not None:
        fields["columns"] = {"meta": given}
    if "parts" not in meta and (parts := find_parts(text)):
        meta["parts"] = parts
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
    """Return whether the record has no other columns than the fields of a trace."""
    return record.keys() <= TRACE_FIELDS


NATIVE = Dialect(
    "sgram",
    "`sgram read -o`, and rows of your own with the names of a trace's fields",
    parse,
    columns=(frozenset({"id", "text"}),),
    recognize=recognize,
    becomes={name: name for name in sorted(TRACE_FIELDS)},
    source="docs/formats.md",
    is_exact=True,
    rank=50,
)
