"""Rows out of and into Parquet, a batch at a time. Knows nothing about dialects."""

import datetime
import math
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from sgram.errors import InputError
from sgram.safe_reading import BLOCK, Caps
from sgram.traces.sources import Row, Source
from sgram.traces.trace import Trace

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_ROWS_READ = 64
_BYTES_WRITTEN = 16 << 20


def _json_value(value: Any) -> Any:
    """`value` as JSON has it: NaN is missing, times and decimals are strings."""
    if value is None or type(value) in (str, int, bool):
        return value
    if type(value) is float:
        if math.isinf(value):
            raise ValueError("a number is not finite")
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {str(key): _json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _opened(source: Source, caps: Caps) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source.path, buffer_size=BLOCK, pre_buffer=False)
        groups = range(file.metadata.num_row_groups)
        inflated = sum(file.metadata.row_group(group).total_byte_size for group in groups)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{source.name} cannot be read as Parquet: {reason}; check or write it again") from error
    stored = os.path.getsize(source.path)  # noqa: PTH202
    if inflated > caps.max_inflated_bytes or inflated > max(BLOCK, caps.max_inflation * stored):
        file.close()
        raise InputError(f"{source.name} inflates from {stored} to {inflated} bytes, more than the cap allows")
    return file


def iter_parquet(source: Source, caps: Caps) -> Iterator[Row]:
    """Rows of the Parquet file `source` as records; damage in the middle ends it with one faulty row."""
    import pyarrow as pa

    with _opened(source, caps) as file:
        number, total = 0, max(file.metadata.num_rows, 1)
        batches = file.iter_batches(batch_size=_ROWS_READ)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                reason = " ".join(str(error).split())
                yield Row(number + 1, None, None, f"corrupt Parquet data, the rest is not read: {reason}")
                return
            if batch is None:
                return
            yield from _batch_rows(batch, number)
            number += batch.num_rows
            source.share_read = number / total


def _batch_rows(batch: "pa.RecordBatch", before: int) -> Iterator[Row]:
    import pyarrow as pa

    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    for at in range(batch.num_rows):
        try:
            record = {name: _json_value(column[at].as_py()) for name, column in columns}
        except (pa.ArrowException, ValueError, OverflowError) as error:
            yield Row(before + at + 1, None, None, f"a value cannot be read: {error}")
        else:
            yield Row(before + at + 1, None, record)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    text, numbers = pa.string(), pa.list_(pa.float64())
    kinds = {
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
    return pa.schema(list(kinds.items()), metadata={"format": "sgram-traces", "version": "1"})


def write_parquet(rows: Iterable[tuple[Trace, bytes]], file: BinaryIO) -> int:
    """Write traces, each with its `meta` as JSON, in row groups of about 16 MiB; their number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count, size, columns = _schema(), 0, 0, {name: [] for name in Trace.__dataclass_fields__}

    def flush(writer: pq.ParquetWriter) -> None:
        writer.write_table(pa.table({name: columns[name] for name in schema.names}, schema=schema))
        for values in columns.values():
            values.clear()

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for trace, meta in rows:
            for name in columns:
                columns[name].append(meta.decode() if name == "meta" else getattr(trace, name))
            count += 1
            size += len(trace.text) + len(trace.prompt or "") + len(meta) + 24 * len(trace.token_ids or ())
            if size >= _BYTES_WRITTEN:
                flush(writer)
                size = 0
        if columns["id"]:
            flush(writer)
    return count
