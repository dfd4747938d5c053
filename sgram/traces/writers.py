"""Traces into files, streaming and atomically; reading them back gives the same traces. Knows no words."""

import gzip
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO

import orjson

from sgram.errors import SgramError, UsageError
from sgram.files import excerpt, write_atomic
from sgram.traces.trace import RowError, Trace, check_trace

_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_FIELDS = tuple(name for name in Trace.__dataclass_fields__ if name != "meta")
HOW = "end its name in .jsonl, .jsonl.gz, .jsonl.zst or .parquet, or write - for stdout"


def _has_non_finite(value: Any) -> bool:
    if type(value) is float:
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_has_non_finite, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_non_finite, value))


def _meta_json(trace: Trace) -> bytes:
    """`meta` as JSON; orjson nests 254 deep only, the standard library somewhat deeper."""
    try:
        if _has_non_finite(trace.meta):
            raise ValueError("it holds NaN or an infinite number")
        try:
            return orjson.dumps(dict(trace.meta), option=_STRICT)
        except orjson.JSONEncodeError as error:
            if "ecursion" not in str(error):
                raise
            return json.dumps(trace.meta, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SgramError(
            f"meta of trace {excerpt(trace.id)!r} cannot be written as JSON: {excerpt(str(error))}; change it"
        ) from error


def _checked(traces: Iterable[Trace]) -> Iterator[tuple[Trace, bytes]]:
    for trace in traces:
        try:
            yield check_trace(trace), _meta_json(trace)
        except RowError as error:
            raise SgramError(f"trace {excerpt(str(trace.id))!r} cannot be written: {error}") from error


def _write_lines(rows: Iterable[tuple[Trace, bytes]], file: BinaryIO) -> int:
    count = 0
    for trace, meta in rows:
        fields = {name: value for name in _FIELDS if (value := getattr(trace, name)) is not None}
        if trace.meta:
            fields["meta"] = orjson.Fragment(meta)
        file.write(orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE))
        count += 1
    return count


@contextmanager
def _packed(file: BinaryIO, name: str) -> Iterator[BinaryIO]:
    """`file` behind the compression that `name` asks for; the same bytes for the same content."""
    if name.endswith(".gz"):
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
            yield packed
    elif name.endswith(".zst"):
        import zstandard

        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as packed:
            yield packed
    else:
        yield file


def write_traces(traces: Iterable[Trace], path: str | os.PathLike[str]) -> int:
    """Write `traces` to `path` in the format that its name ends in, ``-`` for JSONL on stdout; their number.

    The file appears when all are written. Tuples inside `meta` become lists; all else comes back as it was.
    """
    name = os.fspath(path).lower()
    if name == "-":
        count = _write_lines(_checked(traces), sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return count
    lines = name.removesuffix(".gz").removesuffix(".zst").endswith((".jsonl", ".ndjson"))
    if not lines and not name.endswith(".parquet"):
        raise UsageError(f"{excerpt(path)} says no format; {HOW}")
    with write_atomic(path) as file:
        if lines:
            with _packed(file, name) as packed:
                return _write_lines(_checked(traces), packed)
        from sgram.traces.parquet import write_parquet

        return write_parquet(_checked(traces), file)
