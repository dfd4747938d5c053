"""Planning masks in Parquet, one row a trace, written and read back. Knows nothing about how a mask is made.

Columns: ``id string, token_ids list<int32>, planning_mask list<bool>, spans list<struct<start, end, label>>``. A
span is half-open character offsets into the trace's text; every occurrence is there, nested ones too. The
schema's metadata say which lexicon and which tokenizer the masks are of, by name and digest.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram import __version__
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_atomic
from sgram.lexicon import Lexicon
from sgram.tagging.spans import Span

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sgram.tagging.vocabulary import Vocabulary

FORMAT, VERSION = "sgram-masks", "1"
_NAMED = ("lexicon", "lexicon_digest", "tokenizer", "tokenizer_digest", "sgram")
_BYTES_WRITTEN = 16 << 20
_ROWS_READ = 64
_MOST = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class MaskRow:
    """The mask of one trace; `token_ids` and `planning_mask` are of one length, the response's."""

    id: str
    token_ids: np.ndarray
    """int32 (T,); a list is taken too when written."""
    planning_mask: np.ndarray
    """bool (T,), aligned to `token_ids`."""
    spans: tuple[Span, ...] = ()
    """Spans of the trace's text. The file keeps start, end and label of each."""


def _schema(metadata: Mapping[str, bytes] | None = None) -> "pa.Schema":
    import pyarrow as pa

    span = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
    columns = [
        ("id", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("planning_mask", pa.list_(pa.bool_())),
        ("spans", pa.list_(span)),
    ]
    return pa.schema(columns, metadata=metadata)


def _checked(row: MaskRow, number: int) -> MaskRow:
    """`row` with its arrays in the file's types; `UsageError` where it breaks its promise."""
    ids, mask = np.asarray(row.token_ids), np.asarray(row.planning_mask)
    fault = ""
    if type(row.id) is not str or not row.id:
        fault = "its id is no text, or empty"
    elif ids.ndim != 1 or ids.shape != mask.shape:
        fault = f"token_ids has the shape {ids.shape}, planning_mask {mask.shape}; both are (T,)"
    elif len(ids) and not (ids.dtype.kind in "iu" and ids.min() >= 0 and ids.max() <= _MOST):
        fault = "token_ids holds something else than token ids: whole numbers from 0 to 2^31 - 1"
    elif len(mask) and mask.dtype != np.bool_:
        fault = f"planning_mask holds {mask.dtype}, not bool"
    elif any(not 0 <= span.start < span.end <= _MOST for span in row.spans):
        fault = "a span does not start before its end"
    if fault:
        raise UsageError(f"row {number} (trace '{excerpt(str(row.id))}') is no row of masks: {fault}")
    return MaskRow(row.id, ids.astype(np.int32, copy=False), mask.astype(np.bool_, copy=False), tuple(row.spans))


def _table(rows: list[MaskRow], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    def lists(values: pa.Array, sizes: list[int]) -> pa.Array:
        return pa.ListArray.from_arrays(np.cumsum([0, *sizes], dtype=np.int32), values)

    lengths = [len(row.token_ids) for row in rows]
    spans = [span for row in rows for span in row.spans]
    kind = schema.field("spans").type.value_type
    parts = [
        pa.array([getattr(span, name) for span in spans], kind.field(name).type) for name in ("start", "end", "label")
    ]
    columns = [
        pa.array([row.id for row in rows], pa.string()),
        lists(pa.array(np.concatenate([row.token_ids for row in rows])), lengths),
        lists(pa.array(np.concatenate([row.planning_mask for row in rows])), lengths),
        lists(pa.StructArray.from_arrays(parts, fields=list(kind)), [len(row.spans) for row in rows]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def write_masks(
    path: str | os.PathLike[str], rows: Iterable[MaskRow], lexicon: Lexicon, vocabulary: "Vocabulary"
) -> int:
    """Write `rows`, masks made with `lexicon` on ids of `vocabulary`, to the Parquet file `path`; their number.

    Rows are taken one by one and written in row groups of about 16 MiB; the file appears when all are written.
    Equal rows give equal bytes. `UsageError` names a row that is none.
    """
    import pyarrow.parquet as pq

    if not os.fspath(path).lower().endswith(".parquet"):
        raise UsageError(f"{excerpt(path)}: masks are written as Parquet; end the name in .parquet")
    told = {
        "format": FORMAT,
        "version": VERSION,
        "lexicon": lexicon.name,
        "lexicon_digest": lexicon.digest,
        "tokenizer": vocabulary.name,
        "tokenizer_digest": vocabulary.digest,
        "sgram": __version__,
    }
    schema = _schema({name: value.encode("utf-8", "backslashreplace") for name, value in told.items()})
    count, size, held = 0, 0, []
    with write_atomic(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for count, row in enumerate(rows, start=1):
            held.append(_checked(row, count))
            size += len(row.id) + 5 * len(row.token_ids) + 24 * len(row.spans)
            if size >= _BYTES_WRITTEN:
                writer.write_table(_table(held, schema))
                size, held = 0, []
        if held:
            writer.write_table(_table(held, schema))
    return count


class MaskReader:
    """An iterable of the `MaskRow`s of one file; its length is their number, each iteration starts anew.

    ``metadata`` names what the masks are of: ``lexicon, lexicon_digest, tokenizer, tokenizer_digest, sgram``.
    Rows are read some at a time. `InputError` tells the file, and where it can the row, at fault.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path, self._name = path, excerpt(path)
        with self._opened() as file:
            found = file.schema_arrow
            held = found.metadata or {}
            told = {key.decode(errors="replace"): held[key].decode(errors="replace") for key in held}
            self._n_rows = file.metadata.num_rows
        if told.get("format") != FORMAT:
            raise InputError(f"{self._name} holds no planning masks; write them with sgram tag")
        if told.get("version") != VERSION:
            raise InputError(
                f"{self._name} is of format version {excerpt(str(told.get('version')))}, this sgram reads {VERSION}; "
                "install a newer one or write the masks again"
            )
        missing = [name for name in _schema().names if name not in found.names]
        missing += [name for name in _NAMED if name not in told]
        if missing:
            raise InputError(f"{self._name} has no {', '.join(missing)}; write the masks again")
        self.metadata: Mapping[str, str] = MappingProxyType({name: told[name] for name in _NAMED})

    def _opened(self) -> "pq.ParquetFile":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self._path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(_unreadable(self._name, error)) from error

    def __len__(self) -> int:
        return self._n_rows

    def __iter__(self) -> Iterator[MaskRow]:
        import pyarrow as pa

        schema, number = _schema(), 0
        with self._opened() as file:
            batches = file.iter_batches(_ROWS_READ, columns=schema.names)
            while True:
                try:
                    batch = next(batches, None)
                    batch = batch and batch.select(schema.names).cast(schema)
                except (pa.ArrowException, OSError, ValueError) as error:
                    raise InputError(f"{_unreadable(self._name, error)} (after row {number})") from error
                if batch is None:
                    return
                yield from _rows(batch, self._name, number)
                number += batch.num_rows


def read_masks(path: str | os.PathLike[str]) -> MaskReader:
    """The masks in the Parquet file `path`: iterate for rows, ``.metadata`` for what they are of."""
    return MaskReader(path)


def _unreadable(name: str, error: Exception) -> str:
    reason = excerpt(" ".join(str(error).split()), 300)
    return f"{name} cannot be read as planning masks: {reason}; check the path or write them again"


def _rows(batch: "pa.RecordBatch", name: str, before: int) -> Iterator[MaskRow]:
    columns = [batch.column(place) for place in range(batch.num_columns)]
    for at in range(batch.num_rows):
        trace_id, ids, mask, spans = (column[at] for column in columns)
        held = spans.as_py()
        fault = _fault(trace_id, ids, mask, held)
        if fault:
            raise InputError(f"{name}, row {before + at + 1}: {fault}; write the masks again")
        yield MaskRow(
            trace_id.as_py(),
            ids.values.to_numpy(),
            mask.values.to_numpy(zero_copy_only=False),
            tuple(Span(span["start"], span["end"], span["label"]) for span in held),
        )


def _fault(trace_id: Any, ids: Any, mask: Any, spans: list[dict[str, Any] | None] | None) -> str:
    """What is wrong with one row of Arrow values and its spans; empty where nothing is."""
    if not trace_id.is_valid:
        return "id is null"
    for name, values in (("token_ids", ids), ("planning_mask", mask)):
        if not values.is_valid or values.values.null_count:
            return f"{name} is null, or holds a null"
    if len(ids) != len(mask):
        return f"{len(ids)} token ids, but {len(mask)} values of the mask"
    if spans is None or any(span is None or None in span.values() for span in spans):
        return "spans is null, or holds a null"
    if any(not 0 <= span["start"] < span["end"] for span in spans):
        return "a span does not start before its end"
    return ""
