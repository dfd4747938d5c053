"""Traces in Parquet: rows are read batch by batch and written in row groups."""

import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.safe_reading import BLOCK, Caps
from sgram.traces.containers.arrow_values import Inflation, check_types, iter_batch
from sgram.traces.containers.container import Container, open_seekable
from sgram.traces.containers.parquet_pages import Chunk, ColumnPages, read_column_pages, read_footer
from sgram.traces.rows import InputFile, Row
from sgram.traces.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS_READ = 64
_BYTES_WRITTEN = 16 << 20


class _ParquetRows:
    """Reader of one Parquet file in batches that stay small, whatever its dictionaries inflate to."""

    def __init__(self, raw: BinaryIO, name: str, stored: int, caps: Caps):
        self._raw, self._name, self._caps = raw, name, caps
        self._inflation = Inflation(name, stored, caps)
        self._readers: dict[tuple[str, ...], pq.ParquetFile] = {}
        """Readers by the columns that they leave dictionary-encoded."""
        self._declared = 0
        self.n_rows = self._reader(()).metadata.num_rows
        check_types(self._reader(()).schema_arrow, name)
        try:
            self._groups = read_footer(raw)
            if len(self._groups) != self._reader(()).metadata.num_row_groups:
                raise ValueError("the footer is damaged")
        except ValueError as error:
            raise InputError(f"{name} cannot be read as Parquet: {error}; check or write it again") from None

    def _reader(self, dictionaries: tuple[str, ...]) -> "pq.ParquetFile":
        import pyarrow as pa
        import pyarrow.parquet as pq

        if dictionaries not in self._readers:
            try:
                self._raw.seek(0)
                self._readers[dictionaries] = pq.ParquetFile(
                    self._raw, buffer_size=BLOCK, pre_buffer=False, read_dictionary=list(dictionaries)
                )
            except (pa.ArrowException, OSError, ValueError) as error:
                raise InputError(
                    f"{self._name} cannot be read as Parquet: {_one_line(error)}; check or write it again"
                ) from error
        return self._readers[dictionaries]

    def batches(self) -> Iterator["pa.RecordBatch"]:
        """Yield the batches. Raise `InputError` if pages pass a cap, and what pyarrow raises where data are damaged."""
        for group, chunks in enumerate(self._groups):
            batch_rows, dictionaries = self._plan(chunks)
            yield from self._reader(dictionaries).iter_batches(batch_size=batch_rows, row_groups=[group])

    def rows_of(self, batch: "pa.RecordBatch", n_before: int) -> Iterator[Row]:
        """Yield the rows of a batch. Raise `InputError` if the file inflates past a cap."""
        return iter_batch(batch, n_before, self._inflation)

    def _plan(self, chunks: list[Chunk]) -> tuple[int, tuple[str, ...]]:
        """Return (rows a batch, columns to leave dictionary-encoded) for a row group, by its page headers."""
        cap = self._caps.max_line_bytes
        row_bytes, largest = 0, 0
        dictionaries: list[str] = []
        for chunk in chunks:
            pages = read_column_pages(self._raw, chunk)
            self._declared += max(pages.inflated, pages.n_values * chunk.width)
            self._inflation.check(self._declared)
            largest += pages.largest + pages.dictionary
            if not chunk.is_repeated:
                row_bytes += max(pages.dictionary, pages.largest if pages.has_shared_prefixes else 0)
            elif pages.has_shared_prefixes and pages.n_values * pages.largest > 16 * cap:
                raise self._too_large(chunk.path, "values that share prefixes")
            elif pages.dictionary * pages.n_dictionary_values > 4 * cap:
                if pages.n_dictionary_values == pages.n_values:
                    dictionaries.append(chunk.path)
                # pyarrow cannot leave such a column encoded: its values are bounded by the longest one
                elif _longest_entry(self._raw, chunk, pages) * pages.n_dictionary_values > 64 * cap:
                    raise self._too_large(chunk.path, "lists of values of a dictionary")
        if largest > 16 * cap:
            raise InputError(f"{self._name} has pages of {largest} bytes in one row group, more than the cap allows")
        return max(1, min(_ROWS_READ, cap // max(row_bytes, 1))), tuple(dictionaries)

    def _too_large(self, column: str, values: str) -> InputError:
        return InputError(
            f"{self._name}: a row of the column {column!r} may inflate past the cap, as it holds {values}; write the "
            "file again with other encodings"
        )


def _longest_entry(raw: BinaryIO, chunk: Chunk, pages: ColumnPages) -> int:
    """Return the bytes of the longest string of a dictionary; where that cannot be told, all its bytes."""
    import pyarrow as pa

    raw.seek(chunk.start + pages.dictionary_start)
    data: Any = raw.read(pages.dictionary_stored)
    try:
        if chunk.codec:
            data = pa.Codec(chunk.codec).decompress(data, pages.dictionary, asbytes=True)
        longest = at = 0
        while at < len(data):
            (size,) = struct.unpack_from("<I", data, at)
            longest, at = max(longest, size), at + 4 + size
    except (pa.ArrowException, OSError, ValueError, struct.error):
        return pages.dictionary
    return min(longest, pages.dictionary)


def iter_parquet(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of a Parquet file as records. Damage in the middle ends it with one row that has a fault.

    Raise `InputError` if the file cannot be opened or inflates past a cap.
    """
    import pyarrow as pa

    with open_seekable(file, caps) as raw:
        stored = raw.seek(0, os.SEEK_END)
        rows = _ParquetRows(raw, file.name, stored, caps)
        n_read, n_rows = 0, max(rows.n_rows, 1)
        batches = rows.batches()
        while True:
            try:
                batch = next(batches, None)
            except InputError:
                raise
            except (pa.ArrowException, OSError, ValueError) as error:
                yield Row(n_read + 1, None, None, f"corrupt Parquet data, the rest is not read: {_one_line(error)}")
                return
            if batch is None:
                return
            yield from rows.rows_of(batch, n_read)
            n_read += batch.num_rows
            file.share_read = n_read / n_rows


def _one_line(error: Exception) -> str:
    return excerpt(" ".join(str(error).split()), 1000)


def trace_schema() -> "pa.Schema":
    """Return the columns of traces in a Parquet file; `meta` is JSON."""
    import pyarrow as pa

    text, numbers = pa.string(), pa.list_(pa.float64())
    column_types = {
        "id": text,
        "group": text,
        "run": text,
        "prompt": text,
        "text": text,
        "reward": pa.float64(),
        "correct": pa.bool_(),
        "answer": text,
        "reference": text,
        "step": pa.int64(),
        "model": text,
        "token_ids": pa.list_(pa.int64()),
        "logprobs": numbers,
        "entropies": numbers,
        "meta": text,
    }
    return pa.schema(list(column_types.items()), metadata={"format": "sgram-traces", "version": "1"})


def trace_table(traces: Sequence[tuple[Trace, bytes]]) -> "pa.Table":
    """Return traces, each with its `meta` as JSON, as a table of `trace_schema`."""
    import pyarrow as pa

    schema = trace_schema()
    columns = {name: [getattr(trace, name) for trace, _ in traces] for name in schema.names if name != "meta"}
    columns["meta"] = [meta.decode() for _, meta in traces]
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def write_parquet(traces: Iterable[tuple[Trace, bytes]], file: BinaryIO) -> int:
    """Write traces, each with its `meta` as JSON, in row groups of about 16 MiB; return their number."""
    import pyarrow.parquet as pq

    n_traces, size = 0, 0
    row_group: list[tuple[Trace, bytes]] = []
    with pq.ParquetWriter(file, trace_schema(), compression="zstd") as writer:
        for trace, meta in traces:
            row_group.append((trace, meta))
            n_traces += 1
            size += len(trace.text) + len(trace.prompt or "") + len(meta) + 24 * len(trace.token_ids or ())
            if size >= _BYTES_WRITTEN:
                writer.write_table(trace_table(row_group))
                row_group, size = [], 0
        if row_group:
            writer.write_table(trace_table(row_group))
    return n_traces


PARQUET = Container(
    "parquet",
    (".parquet",),
    "Parquet; TRL, data sets of the hub, lighteval",
    iter_parquet,
    lambda head: head.startswith(b"PAR1"),
)
