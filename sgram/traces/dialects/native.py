"""The dialect of sgram itself: rows that `write_traces` wrote, read back as they were."""

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.fields import TRACE_FIELDS, split_meta
from sgram.traces.parts import find_parts
from sgram.traces.trace import wrong_type


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields as they stand; nothing is renamed, and `meta` is read back as it was written."""
    fields = split_meta(record)
    if not isinstance(fields["text"], str):
        raise wrong_type("text", fields["text"], "a string")
    if "parts" not in fields["meta"] and (parts := find_parts(fields["text"])):
        fields["meta"] = {**fields["meta"], "parts": parts}
    return [fields]


NATIVE = Dialect(
    "sgram",
    "`sgram read -o`, and rows of your own with the names of a trace's fields",
    parse,
    columns=(frozenset({"id", "text"}),),
    recognize=lambda record: record.keys() <= TRACE_FIELDS,
    becomes={name: name for name in sorted(TRACE_FIELDS)},
    source="docs/formats.md",
    is_exact=True,
    rank=50,
)
