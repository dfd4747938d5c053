"""Writers of traces: streaming and atomic; reading the file back gives the same traces."""

import gzip
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

import orjson

from sgram.errors import SgramError, UsageError
from sgram.files import excerpt, write_atomic
from sgram.traces.fields import record_of
from sgram.traces.trace import RowError, Trace, check_trace

_STRICT = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
FORMAT_HINT = "end its name in .jsonl, .jsonl.gz, .jsonl.zst or .parquet, or write - for stdout"
"""How the name of an output chooses its format, for messages."""


class _ByteSink(Protocol):
    """Anything that takes bytes: a file, or the compressor in front of it."""

    def write(self, data: bytes, /) -> int: ...


def _has_non_finite(value: Any) -> bool:
    if type(value) is float:
        return not math.isfinite(value)
    if isinstance(value, Mapping):
        return any(map(_has_non_finite, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_non_finite, value))


def _meta_json(trace: Trace) -> bytes:
    """Return `trace.meta` as JSON. orjson nests 254 deep only, the standard library somewhat deeper."""
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


def check_traces(traces: Iterable[Trace]) -> Iterator[tuple[Trace, bytes]]:
    """Yield each trace with its `meta` as JSON. Raise `SgramError` if one cannot be written."""
    for trace in traces:
        try:
            yield check_trace(trace), _meta_json(trace)
        except RowError as error:
            raise SgramError(f"trace {excerpt(str(trace.id))!r} cannot be written: {error}") from error


def _write_lines(traces: Iterable[tuple[Trace, bytes]], file: _ByteSink) -> int:
    n_traces = 0
    for trace, meta in traces:
        record = record_of(trace)
        if trace.meta:
            record["meta"] = orjson.Fragment(meta)
        file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
        n_traces += 1
    return n_traces


@contextmanager
def _compressed(file: BinaryIO, name: str) -> Iterator[_ByteSink]:
    """Yield `file` behind the compression of the suffix of `name`. Equal content gives equal bytes."""
    if name.endswith(".gz"):
        with gzip.GzipFile("", "wb", 6, file, mtime=0) as gzip_file:
            yield gzip_file
    elif name.endswith(".zst"):
        import zstandard

        compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as zstd_file:
            yield zstd_file
    else:
        yield file


def write_traces(traces: Iterable[Trace], path: str | os.PathLike[str]) -> int:
    """Write `traces` to `path` in the format of its suffix, or as JSONL to stdout for ``-``; return their number.

    The file appears when all traces are written. Tuples inside `meta` become lists; everything else is read back as
    it was. Raise `UsageError` if the suffix names no format, `SgramError` if a trace or the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_traces([Trace(id="a", text="wait")], f"{folder}/traces.jsonl.gz")
    1
    """
    name = os.fspath(path).lower()
    if name == "-":
        n_traces = _write_lines(check_traces(traces), sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return n_traces
    is_lines = name.removesuffix(".gz").removesuffix(".zst").endswith((".jsonl", ".ndjson"))
    if not is_lines and not name.endswith(".parquet"):
        raise UsageError(f"the name {excerpt(path)} has no known format; {FORMAT_HINT}")
    with write_atomic(path) as file:
        if is_lines:
            with _compressed(file, name) as compressed:
                return _write_lines(check_traces(traces), compressed)
        from sgram.traces.containers.parquet import write_parquet

        return write_parquet(check_traces(traces), file)
