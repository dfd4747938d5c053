"""Writers of rows in every container that is read, and damage to their bytes."""

import bz2
import csv
import gzip
import io
import json
import lzma
import random
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import zstandard

from sgram.traces.containers.json_shapes import WRAPPER_KEYS
from tests.fuzz.mutations import Rows, to_json

Written = tuple[bytes, str]
"""The bytes of a file and the suffix of its name."""


def write_rows(rows: Rows, chance: random.Random, container: str) -> tuple[bytes, str, bool]:
    """Return the bytes of a file of the rows, the suffix of its name, and whether it is whole.

    Some files are damaged, some have the suffix of another container.
    """
    data, suffix = CONTAINERS[container](rows, chance)
    is_whole = container not in _ARCHIVES  # members may be damaged
    if chance.random() < 0.12:
        data, is_whole = _damage(data, chance), False
    if container in _TEXTS and chance.random() < 0.25:
        pack, packed = chance.choice(_COMPRESSIONS)
        data, suffix = pack(data), suffix + packed
        if chance.random() < 0.1:
            data, is_whole = _damage(data, chance), False
    if chance.random() < 0.12:
        suffix, is_whole = chance.choice(_SUFFIXES), False
    return data, suffix, is_whole


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


_COMPRESSIONS: tuple[tuple[Callable[[bytes], bytes], str], ...] = (
    (_gzip, ".gz"),
    (zstandard.ZstdCompressor(1).compress, ".zst"),
    (bz2.compress, ".bz2"),
    (lambda data: lzma.compress(data, preset=0), ".xz"),
)
_SUFFIXES = (
    *(".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather", ".tar", ".tar.gz", ".zip"),
    *(".gz", ".jsonl.gz", ".json.zst", ".txt", "", ".eval", ".jsonl.bz2", ".parquet.gz"),
)


def _damage(data: bytes, chance: random.Random) -> bytes:
    """Return bytes that were cut, changed or mixed up."""
    at = chance.randrange(len(data) + 1)
    kind = chance.randrange(9)
    if kind <= 1:
        return data[:at]
    if kind == 2:
        return data[at:]
    if kind == 3:
        junk = chance.choice(
            (b"\x00", b"\xff", b"\n", b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\xef\xbb\xbf", b"\r")
        )
        return data[:at] + junk + data[at:]
    if kind == 4:
        changed = bytearray(data)
        for _ in range(min(len(data), chance.choice((1, 3, 30)))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed)
    if kind == 5:
        return data + data
    if kind == 6:
        return b"\xef\xbb\xbf" + data
    if kind == 7:
        return data[:at] + data[at + chance.randrange(40) :]
    return data + chance.choice((b"\n\n", b"\x00" * 600, b"{", b"null\n", b"]"))


# -- text -----------------------------------------------------------------------------------------------------------


def _write_lines(rows: Rows, chance: random.Random) -> Written:
    end = chance.choice((b"\n", b"\n", b"\n", b"\r\n", b"\n\n"))
    options = {"ensure_ascii": chance.random() < 0.8}
    return end.join(to_json(row, **options) for row in rows) + end * chance.randrange(2), ".jsonl"


def _write_array(rows: Rows, chance: random.Random) -> Written:
    return to_json(rows, indent=chance.choice((None, 2))), chance.choice((".json", ".jsonl"))


def _write_pretty(rows: Rows, chance: random.Random) -> Written:
    kept = rows[:1] if chance.random() < 0.3 else rows
    return b"\n".join(to_json(row, indent=2) for row in kept), chance.choice((".json", ".jsonl"))


def _write_wrapped(rows: Rows, chance: random.Random) -> Written:
    key = chance.choice((*WRAPPER_KEYS, "mine", "trajectories"))
    wrapped: Any = [{"row_idx": n, "row": row} for n, row in enumerate(rows)] if chance.random() < 0.2 else rows
    shared = chance.choice(
        ({}, {"model": "m"}, {"step": 3, "run": "r"}, {"config": {"lr": 0.1}}, {"id": 1, "prompt": "so"})
    )
    document = {**shared, key: wrapped} if chance.random() < 0.5 else {key: wrapped, **shared}
    return to_json(document, indent=chance.choice((None, 1))), ".json"


def _write_keyed(rows: Rows, chance: random.Random) -> Written:
    names = chance.choice((str, lambda n: f"task-{n}", lambda n: str(7 * n)))
    return to_json({names(n): row for n, row in enumerate(rows)}), ".json"


def _names(rows: Rows) -> list[str]:
    """Return the columns of the rows."""
    return list(dict.fromkeys(str(name) for row in rows if isinstance(row, dict) for name in row))


def _cells(rows: Rows, name: str) -> list[Any]:
    return [row.get(name) if isinstance(row, dict) else row for row in rows]


def _write_columnar(rows: Rows, chance: random.Random) -> Written:
    columns: dict[str, Any] = {name: _cells(rows, name) for name in _names(rows)}
    if columns and chance.random() < 0.15:
        columns[chance.choice(list(columns))] = []
    kind = chance.randrange(4)
    if kind == 0:
        table: Any = {"columns": list(columns), "data": [list(cells) for cells in zip(*columns.values(), strict=False)]}
    elif kind == 1:
        table = {name: {str(n): cell for n, cell in enumerate(cells)} for name, cells in columns.items()}
    else:
        table = columns
    return to_json(table), chance.choice((".json", ".jsonl"))


def _write_csv(rows: Rows, chance: random.Random) -> Written:
    delimiter, suffix = chance.choice(((",", ".csv"), ("\t", ".tsv"), (";", ".csv")))
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator=chance.choice(("\n", "\r\n")))
    names = _names(rows)
    writer.writerow(names)
    dump = chance.choice((json.dumps, repr))
    for row in rows:
        cells = [row.get(name) if isinstance(row, dict) else row for name in names]
        writer.writerow(["" if cell is None else cell if isinstance(cell, str) else dump(cell) for cell in cells])
    return file.getvalue().encode("utf-8", chance.choice(("surrogatepass", "replace"))), suffix


# -- tables ---------------------------------------------------------------------------------------------------------


_MAX_NESTED = 40
"""Types within types that Arrow still writes."""


def _column(cells: list[Any]) -> Any:
    """Return the cells as an Arrow array: as they are, else as JSON."""
    try:
        column = pa.array(cells)
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError):
        column = None
    if column is None or "struct<>" in str(column.type) or str(column.type).count("<") > _MAX_NESTED:
        column = pa.array([None if cell is None else json.dumps(cell) for cell in cells])
    return column


def _table(rows: Rows, chance: random.Random) -> Any:
    names = [name for name in _names(rows) if name.isprintable() or name.isascii()] or ["text"]
    columns = [_column(_cells(rows, name)) for name in names]
    for place, column in enumerate(columns):
        kind = chance.randrange(12)
        if kind == 0 and pa.types.is_string(column.type):
            columns[place] = column.dictionary_encode() if chance.random() < 0.5 else column.cast(pa.large_string())
        elif kind == 1 and pa.types.is_string(column.type):
            columns[place] = column.cast(pa.binary())
        elif kind == 2 and pa.types.is_floating(column.type):
            columns[place] = column.cast(pa.float32())
        elif kind == 3 and pa.types.is_integer(column.type):
            columns[place] = chance.choice((column.cast(pa.float64(), safe=False), column.cast(pa.string())))
    return pa.table(columns, names=names)


def _write_parquet(rows: Rows, chance: random.Random) -> Written:
    file = io.BytesIO()
    compression = chance.choice(("none", "snappy", "zstd", "gzip"))
    pyarrow.parquet.write_table(
        _table(rows, chance), file, compression=compression, row_group_size=chance.choice((1, 2, 100))
    )
    return file.getvalue(), ".parquet"


def _write_arrow(rows: Rows, chance: random.Random) -> Written:
    table, file = _table(rows, chance), io.BytesIO()
    kind = chance.randrange(3)
    if kind == 2:
        pyarrow.feather.write_feather(table, file, compression=chance.choice(("uncompressed", "lz4", "zstd")))
        return file.getvalue(), ".feather"
    writer = pyarrow.ipc.new_file if kind else pyarrow.ipc.new_stream
    with writer(file, table.schema) as sink:
        sink.write_table(table, max_chunksize=chance.choice((1, 2, 100)))
    return file.getvalue(), ".arrow"


# -- archives and logs ----------------------------------------------------------------------------------------------


def _members(rows: Rows, chance: random.Random) -> list[tuple[str, bytes]]:
    middle = chance.randrange(len(rows) + 1)
    members = []
    for number, part in enumerate((rows[:middle], rows[middle:])):
        if not part:
            continue
        container = chance.choice(("lines", "lines", "array", "csv", "parquet", "pretty"))
        data, suffix, _ = write_rows(part, chance, container)
        members.append(
            (chance.choice(("step_{}{}", "a/step_{}{}", "./{}{}", "../{}{}", "\x1b{}{}")).format(number, suffix), data)
        )
    if chance.random() < 0.3:
        members.append((chance.choice(("README.md", "config.json", ".hidden.jsonl", "empty.jsonl")), b""))
    return members


def _write_tar(rows: Rows, chance: random.Random) -> Written:
    mode, suffix = chance.choice((("w", ".tar"), ("w:gz", ".tar.gz"), ("w:gz", ".tgz"), ("w:bz2", ".tar.bz2")))
    file = io.BytesIO()
    with tarfile.open(
        fileobj=file, mode=mode, format=chance.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT))
    ) as archive:
        for name, data in _members(rows, chance):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file.getvalue(), suffix


def _write_zip(rows: Rows, chance: random.Random) -> Written:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, data in _members(rows, chance):
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue(), ".zip"


def _write_log(rows: Rows, chance: random.Random) -> Written:
    """Return an Inspect log as JSON."""
    log = {"version": 2, "status": "success", "eval": {"task": "sums", "model": "m", "run_id": "r"}, "samples": rows}
    if chance.random() < 0.2:
        log.pop(chance.choice(list(log)))
    return to_json(log, indent=chance.choice((None, 2))), ".json"


_EVAL = {
    "run_id": "r",
    "created": "2026-01-01T00:00:00+00:00",
    "task": "sums",
    "model": "m",
    "dataset": {},
    "config": {},
}


def _write_packed_log(rows: Rows, chance: random.Random) -> Written:
    """Return an Inspect log as a zip archive, as Inspect writes it: a header, summaries, and a file for each sample."""
    samples = [row if isinstance(row, dict) else {"input": row} for row in rows]
    names = [(sample.get("id", number), sample.get("epoch", 1)) for number, sample in enumerate(samples)]
    members = {
        "header.json": {"version": 2, "status": "success", "eval": _EVAL},
        "summaries.json": [{"id": name, "epoch": epoch, "input": "", "target": ""} for name, epoch in names],
    }
    for (name, epoch), sample in zip(names, samples, strict=True):
        members[f"samples/{str(name)[:100]}_epoch_{str(epoch)[:100]}.json"] = sample
    if chance.random() < 0.2:
        members.pop(chance.choice(list(members)))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            data = to_json(value)
            archive.writestr(
                zipfile.ZipInfo(name.encode("utf-8", "replace").decode()),
                _damage(data, chance) if chance.random() < 0.05 else data,
            )
    return file.getvalue(), ".eval"


def write_saved(data: bytes, folder: Path, chance: random.Random) -> None:
    """Write a data set as `datasets` saves it on disk, of which `data` is one file; some are damaged."""
    split = chance.choice(("", "", "train"))
    if split:
        splits = chance.choice((["train"], ["train", "test"], []))
        folder.mkdir()
        (folder / "dataset_dict.json").write_bytes(to_json({"splits": splits}))
    (folder / split).mkdir(exist_ok=True)
    name = "data-00000-of-00001.arrow"
    (folder / split / name).write_bytes(data)
    files: Any = chance.choice(([{"filename": name}],) * 20 + ([{"filename": "../rows.arrow"}], [{}], None, [name], []))
    state = {"_data_files": files, "_fingerprint": "f", "_split": split or None}
    if chance.random() < 0.05:
        state["_indices_data_files"] = [{"filename": "indices.arrow"}]
    for setting, value in (("state.json", state), ("dataset_info.json", {"features": {}})):
        data = to_json(value)
        (folder / split / setting).write_bytes(_damage(data, chance) if chance.random() < 0.05 else data)


CONTAINERS: dict[str, Callable[[Rows, random.Random], Written]] = {
    "lines": _write_lines,
    "array": _write_array,
    "pretty": _write_pretty,
    "wrapped": _write_wrapped,
    "keyed": _write_keyed,
    "columnar": _write_columnar,
    "csv": _write_csv,
    "parquet": _write_parquet,
    "arrow": _write_arrow,
    "tar": _write_tar,
    "zip": _write_zip,
    "log": _write_log,
    "eval": _write_packed_log,
    "saved": _write_arrow,
}
_ARCHIVES = frozenset({"tar", "zip", "eval"})
_TEXTS = frozenset({"lines", "array", "pretty", "wrapped", "keyed", "columnar", "csv", "log"})
