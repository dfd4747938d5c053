"""Traces in Parquet: rows are read batch by batch and written in row groups."""

import datetime
import math
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from sgram.errors import InputError
from sgram.safe_reading import BLOCK, Caps
from sgram.traces.rows import InputFile, Row
from sgram.traces.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS_READ = 64
_BYTES_WRITTEN = 16 << 20


def _json_value(value: Any) -> Any:
    """Return a Parquet value as JSON: NaN is missing, times and decimals are strings."""
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        if math.isinf(value):
            raise ValueError("a number is not finite")
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(key): _json_value(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(child) for child in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _open(file: InputFile, caps: Caps) -> "pq.ParquetFile":
    """Open a Parquet file. Raise `InputError` if it is not Parquet or inflates past a cap."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(file.path, buffer_size=BLOCK, pre_buffer=False)
        groups = range(parquet.metadata.num_row_groups)
        inflated = sum(parquet.metadata.row_group(group).total_byte_size for group in groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{file.name} cannot be read as Parquet: {reason}; check or write it again") from error
    stored = os.path.getsize(file.path)  # noqa: PTH202
    if inflated > caps.max_inflated_bytes or inflated > max(BLOCK, caps.max_inflation * stored):
        parquet.close()
        raise InputError(f"{file.name} inflates from {stored} to {inflated} bytes, more than the cap allows")
    return parquet


def iter_parquet(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of a Parquet file as records. Damage in the middle ends it with one row that has a fault.

    Raise `InputError` if the file cannot be opened or inflates past a cap.
    """
    import pyarrow as pa

    with _open(file, caps) as parquet:
        n_read, n_rows = 0, max(parquet.metadata.num_rows, 1)
        batches = parquet.iter_batches(batch_size=_ROWS_READ)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                reason = " ".join(str(error).split())
                yield Row(n_read + 1, None, None, f"corrupt Parquet data, the rest is not read: {reason}")
                return
            if batch is None:
                return
            yield from _batch_rows(batch, n_read)
            n_read += batch.num_rows
            file.share_read = n_read / n_rows


def _batch_rows(batch: "pa.RecordBatch", n_before: int) -> Iterator[Row]:
    """Yield the rows of a batch that follows `n_before` rows."""
    import pyarrow as pa

    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    for row in range(batch.num_rows):
        try:
            record = {name: _json_value(column[row].as_py()) for name, column in columns}
        except (pa.ArrowException, ValueError, OverflowError) as error:
            yield Row(n_before + row + 1, None, None, f"a value cannot be read: {error}")
        else:
            yield Row(n_before + row + 1, None, record)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    text, numbers = pa.string(), pa.list_(pa.float64())
    column_types = {
        "id": text,
        "group": text,
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


def write_parquet(traces: Iterable[tuple[Trace, bytes]], file: BinaryIO) -> int:
    """Write traces, each with its `meta` as JSON, in row groups of about 16 MiB; return their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, n_traces, size = _schema(), 0, 0
    columns: dict[str, list[Any]] = {name: [] for name in Trace.__dataclass_fields__}

    def flush(writer: "pq.ParquetWriter") -> None:
        writer.write_table(pa.table({name: columns[name] for name in schema.names}, schema=schema))
        for column in columns.values():
            column.clear()

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for trace, meta in traces:
            for name in columns:
                columns[name].append(meta.decode() if name == "meta" else getattr(trace, name))
            n_traces += 1
            size += len(trace.text) + len(trace.prompt or "") + len(meta) + 24 * len(trace.token_ids or ())
            if size >= _BYTES_WRITTEN:
                flush(writer)
                size = 0
        if columns["id"]:
            flush(writer)
    return n_traces
