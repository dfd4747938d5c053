"""Planning masks in Parquet, one row per trace: writing and reading.

Columns: ``id string, token_ids list<int32>, planning_mask list<bool>, spans list<struct<start, end, label>>``. A span
has half-open character offsets into the trace's text; nested occurrences are included. The schema's metadata name the
lexicon and the tokenizer of the masks, with their digests, the part of the responses that was tagged, and the kind of
mask, with the scorer and its digest if sentences were scored.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram import __version__
from sgram.array_types import BoolArray
from sgram.errors import InputError, UsageError
from sgram.files import excerpt, write_atomic
from sgram.lexicon import LexiconLike, SentenceScorerLike, as_lexicon, as_sentence_scorer
from sgram.tagging.kernel.compiled_types import Int32Array
from sgram.tagging.spans import MaskKind, Span, check_mask_kind

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from sgram.tagging.vocabulary import Vocabulary

FORMAT, VERSION = "sgram-masks", "1"
_METADATA_KEYS = ("lexicon", "lexicon_digest", "tokenizer", "tokenizer_digest", "sgram")
_PART_KEY, _WHOLE = "part", "all"
"""Files without the key, which earlier versions wrote, hold masks of whole responses."""
_MASK_KEY, _GRAMS = "mask", "grams"
"""Files without the key, which earlier versions wrote, hold masks of grams."""
_SCORER_KEYS = ("scorer", "scorer_digest")
"""Keys of files whose mask needs a sentence scorer."""
_ROW_GROUP_BYTES = 16 << 20
_ROWS_READ = 64
_MAX_INT32 = (1 << 31) - 1


@dataclass(frozen=True, slots=True, eq=False)
class MaskRow:
    """The mask of one trace; `token_ids` and `planning_mask` have the length of the response.

    >>> row = MaskRow("a", np.array([5, 7], np.int32), np.array([True, False]))
    >>> row.token_ids[row.planning_mask].tolist()
    [5]
    """

    id: str
    token_ids: Int32Array
    """int32 (T,); `write_masks` also takes a list."""
    planning_mask: BoolArray
    """bool (T,), aligned to `token_ids`."""
    spans: tuple[Span, ...] = ()
    """Spans of the trace's text. The file keeps start, end and label of each."""


def mask_schema(metadata: Mapping[str, bytes] | None = None) -> "pa.Schema":
    """Return the columns of a file of masks."""
    import pyarrow as pa

    span = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())])
    columns = [
        ("id", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("planning_mask", pa.list_(pa.bool_())),
        ("spans", pa.list_(span)),
    ]
    return pa.schema(columns, metadata=metadata)


def check_mask_row(row: MaskRow, number: int) -> MaskRow:
    """Return `row` with its arrays in the file's types. Raise `UsageError` if it is invalid."""
    ids, mask = np.asarray(row.token_ids), np.asarray(row.planning_mask)
    fault = ""
    if type(row.id) is not str or not row.id:
        fault = "id must be a non-empty string"
    elif ids.ndim != 1 or ids.shape != mask.shape:
        fault = f"token_ids and planning_mask must both have shape (T,) (got {ids.shape} and {mask.shape})"
    elif len(ids) and not (ids.dtype.kind in "iu" and ids.min() >= 0 and ids.max() <= _MAX_INT32):
        fault = "token_ids must be integers from 0 to 2^31 - 1"
    elif len(mask) and mask.dtype != np.bool_:
        fault = f"planning_mask must be bool (got {mask.dtype})"
    elif any(not 0 <= span.start < span.end <= _MAX_INT32 for span in row.spans):
        fault = "a span must have 0 <= start < end"
    if fault:
        raise UsageError(f"invalid mask row {number} (trace '{excerpt(str(row.id))}'): {fault}")
    return MaskRow(row.id, ids.astype(np.int32, copy=False), mask.astype(np.bool_, copy=False), tuple(row.spans))


def mask_table(rows: Sequence[MaskRow], schema: "pa.Schema") -> "pa.Table":
    """Return checked rows as a table of `mask_schema`."""
    import pyarrow as pa

    def build_lists(flat: pa.Array, sizes: list[int]) -> pa.Array:
        return pa.ListArray.from_arrays(np.cumsum([0, *sizes], dtype=np.int32), flat)

    lengths = [len(row.token_ids) for row in rows]
    spans = [span for row in rows for span in row.spans]
    span_type = schema.field("spans").type.value_type
    span_columns = [
        pa.array([getattr(span, name) for span in spans], span_type.field(name).type)
        for name in ("start", "end", "label")
    ]
    columns = [
        pa.array([row.id for row in rows], pa.string()),
        build_lists(pa.array(np.concatenate([row.token_ids for row in rows])), lengths),
        build_lists(pa.array(np.concatenate([row.planning_mask for row in rows])), lengths),
        build_lists(pa.StructArray.from_arrays(span_columns, fields=list(span_type)), [len(row.spans) for row in rows]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def write_masks(
    path: str | os.PathLike[str],
    rows: Iterable[MaskRow],
    lexicon: LexiconLike,
    vocabulary: "Vocabulary",
    part: str = _WHOLE,
    mask: MaskKind = "grams",
    scorer: SentenceScorerLike | None = None,
) -> int:
    """Write masks made with `lexicon` for ids of `vocabulary` to the Parquet file `path`; return the number of rows.

    `part` is the part of each response that was tagged: all, reasoning or answer. `mask` is what was marked, `scorer`
    the sentence scorer of the kinds that have one. Rows are read one by one and written in row groups of about 16 MiB.
    The file appears when all rows are written. Equal rows give equal bytes. Raise `UsageError` if `path` does not end
    in .parquet, a row is invalid, or `scorer` is missing or given for a mask of grams.
    """
    import pyarrow.parquet as pq

    lexicon = as_lexicon(lexicon)
    if not os.fspath(path).lower().endswith(".parquet"):
        raise UsageError(f"{excerpt(path)}: masks are written as Parquet; end the name in .parquet")
    schema = mask_schema(mask_metadata(lexicon, vocabulary, part, mask, scorer))
    n_rows, n_bytes = 0, 0
    row_group: list[MaskRow] = []
    with write_atomic(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for n_rows, row in enumerate(rows, start=1):
            row_group.append(check_mask_row(row, n_rows))
            n_bytes += len(row.id) + 5 * len(row.token_ids) + 24 * len(row.spans)
            if n_bytes >= _ROW_GROUP_BYTES:
                writer.write_table(mask_table(row_group, schema))
                n_bytes, row_group = 0, []
        if row_group:
            writer.write_table(mask_table(row_group, schema))
    return n_rows


def mask_metadata(
    lexicon: LexiconLike,
    vocabulary: "Vocabulary",
    part: str = _WHOLE,
    mask: MaskKind = "grams",
    scorer: SentenceScorerLike | None = None,
) -> dict[str, bytes]:
    """Return the metadata of a file of masks; arguments and errors are those of `write_masks`."""
    lexicon = as_lexicon(lexicon)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "lexicon": lexicon.name,
        "lexicon_digest": lexicon.digest,
        "tokenizer": vocabulary.name,
        "tokenizer_digest": vocabulary.digest,
        "sgram": __version__,
        _PART_KEY: part,
        _MASK_KEY: mask,
        **_scorer_metadata(mask, scorer),
    }
    return {key: text.encode("utf-8", "backslashreplace") for key, text in metadata.items()}


def _scorer_metadata(mask: MaskKind, scorer: SentenceScorerLike | None) -> dict[str, str]:
    check_mask_kind(mask)
    if (scorer is None) != (mask == _GRAMS):
        problem = "a mask of grams has no sentence scorer" if scorer is not None else f"the mask {mask} needs a scorer"
        raise UsageError(f"{problem}; give write_masks the mask and the scorer of the tagger")
    if scorer is None:
        return {}
    scorer = as_sentence_scorer(scorer)
    return dict(zip(_SCORER_KEYS, (scorer.name, scorer.digest), strict=True))


class MaskReader:
    """An iterable of the `MaskRow`s of one file. Its length is their number; each iteration begins at the first row.

    ``metadata`` names the origin of the masks: ``lexicon, lexicon_digest, tokenizer, tokenizer_digest, sgram, part,
    mask``, and ``scorer, scorer_digest`` if sentences were scored.
    Rows are read a few at a time. Raise `InputError` that names the file and, where possible, the row at fault.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._path, self._name = path, excerpt(path)
        with self._open() as file:
            schema = file.schema_arrow
            raw_metadata = schema.metadata or {}
            metadata = {
                key.decode(errors="replace"): raw_metadata[key].decode(errors="replace") for key in raw_metadata
            }
            self._n_rows = int(file.metadata.num_rows)
        if metadata.get("format") != FORMAT:
            raise InputError(f"{self._name} contains no planning masks; write them with sgram tag")
        if metadata.get("version") != VERSION:
            raise InputError(
                f"{self._name} has format version {excerpt(str(metadata.get('version')))}, but this sgram reads "
                f"version {VERSION}; install a newer sgram or write the masks again"
            )
        missing = [name for name in mask_schema().names if name not in schema.names]
        missing += [key for key in _METADATA_KEYS if key not in metadata]
        if missing:
            raise InputError(f"{self._name}: missing {', '.join(missing)}; write the masks again")
        origin = {_PART_KEY: _WHOLE, _MASK_KEY: _GRAMS} | metadata
        keys = (*_METADATA_KEYS, _PART_KEY, _MASK_KEY, *_SCORER_KEYS)
        self.metadata: Mapping[str, str] = MappingProxyType({key: origin[key] for key in keys if key in origin})

    def _open(self) -> "pq.ParquetFile":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self._path)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(_describe_unreadable(self._name, error)) from error

    def __len__(self) -> int:
        return self._n_rows

    def __iter__(self) -> Iterator[MaskRow]:
        import pyarrow as pa

        schema, n_rows = mask_schema(), 0
        with self._open() as file:
            batches = file.iter_batches(_ROWS_READ, columns=schema.names)
            while True:
                try:
                    batch = next(batches, None)
                    batch = batch and batch.select(schema.names).cast(schema)
                except (pa.ArrowException, OSError, ValueError) as error:
                    raise InputError(f"{_describe_unreadable(self._name, error)} (after row {n_rows})") from error
                if batch is None:
                    return
                yield from _read_rows(batch, self._name, n_rows)
                n_rows += batch.num_rows


def read_masks(path: str | os.PathLike[str]) -> MaskReader:
    """Return a reader of the masks in the Parquet file `path`. Raise `InputError` if it contains no masks.

    >>> from sgram.lexicon import Lexicon
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sgram.tagging.vocabulary import Vocabulary
    >>> vocabulary = Vocabulary.from_tokenizer([b"wait", b"."])
    >>> rows = [MaskRow("a", np.array([0, 1], np.int32), np.array([True, False]))]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "masks.parquet"
    ...     n_rows = write_masks(path, rows, Lexicon.from_grams(["wait"]), vocabulary)
    ...     masks = [row.planning_mask.tolist() for row in read_masks(path)]
    >>> n_rows, masks
    (1, [[True, False]])
    """
    return MaskReader(path)


def _describe_unreadable(name: str, error: Exception) -> str:
    reason = excerpt(" ".join(str(error).split()), 300)
    return f"cannot read planning masks from {name}: {reason}; check the path or write the masks again"


def _read_rows(batch: "pa.RecordBatch", name: str, n_before: int) -> Iterator[MaskRow]:
    """Yield the rows of one batch; `n_before` rows of the file came before it."""
    columns = [batch.column(index) for index in range(batch.num_columns)]
    for index in range(batch.num_rows):
        trace_id, ids, mask, spans = (column[index] for column in columns)
        fault = _find_fault(trace_id, ids, mask)
        span_fields: list[dict[str, Any]] = []
        if not fault:
            span_fields, fault = _check_spans(spans.as_py())
        if fault:
            raise InputError(f"{name}, row {n_before + index + 1}: {fault}; write the masks again")
        yield MaskRow(
            trace_id.as_py(),
            ids.values.to_numpy(),
            mask.values.to_numpy(zero_copy_only=False),
            tuple(Span(fields["start"], fields["end"], fields["label"]) for fields in span_fields),
        )


def _find_fault(trace_id: Any, ids: Any, mask: Any) -> str:
    """Return what is invalid in one row of Arrow scalars, "" for a valid row."""
    if not trace_id.is_valid:
        return "id is null"
    for name, scalar in (("token_ids", ids), ("planning_mask", mask)):
        if not scalar.is_valid or scalar.values.null_count:
            return f"{name} is null or contains a null"
    if len(ids) != len(mask):
        return f"token_ids and planning_mask must have one length (got {len(ids)} and {len(mask)})"
    return ""


def _check_spans(spans: list[dict[str, Any] | None] | None) -> tuple[list[dict[str, Any]], str]:
    """Return (spans, what is invalid in them); the second is "" for valid spans."""
    complete = [fields for fields in spans or () if fields is not None and None not in fields.values()]
    if spans is None or len(complete) < len(spans):
        return [], "spans is null or contains a null"
    if any(not 0 <= fields["start"] < fields["end"] for fields in complete):
        return [], "a span must have 0 <= start < end"
    return complete, ""
