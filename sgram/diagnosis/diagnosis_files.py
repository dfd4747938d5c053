"""Diagnoses in a file, one a row: JSONL or Parquet by its name. Knows nothing about how they were made."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from sgram.diagnosis.kinds import KINDS, Diagnosis
from sgram.errors import UsageError
from sgram.files import canonical_json, excerpt, write_atomic
from sgram.traces import Trace

COLUMNS = (
    "id",
    "group",
    "model",
    "training_step",
    "kind",
    "confidence",
    "step",
    "start",
    "end",
    "evidence",
    *(f"score_{kind}" for kind in KINDS),
)
"""Columns of a table of diagnoses; evidence in sentences, joined by semicolons."""

Row = tuple[Trace, Diagnosis]


def write_diagnoses(rows: Iterable[Row], path: str | os.PathLike[str]) -> int:
    """Write `rows` atomically and return their number: .jsonl holds all that is known, .parquet `COLUMNS`.

    `UsageError` for another name. Nothing is written where `rows` fails.
    """
    write = writer_for(path)
    with write_atomic(path) as file:
        return write(rows, file)


def writer_for(path: str | os.PathLike[str]) -> Callable[[Iterable[Row], BinaryIO], int]:
    """What writes a file of that name."""
    name = os.fspath(path).lower()
    for ending, write in ((".jsonl", _write_lines), (".parquet", _write_parquet)):
        if name.endswith(ending):
            return write
    raise UsageError(
        f"{excerpt(os.fspath(path), 80)}: diagnoses are written as JSONL or Parquet; end the name in .jsonl or "
        ".parquet, or give --csv FILE"
    )


def to_json(trace: Trace, diagnosis: Diagnosis) -> dict[str, Any]:
    """A line of the JSONL file."""
    named = {"group": trace.group, "model": trace.model, "training_step": trace.step}
    return {**diagnosis.to_json(), **{name: value for name, value in named.items() if value is not None}}


def flat(trace: Trace, diagnosis: Diagnosis) -> dict[str, Any]:
    """A row of `COLUMNS`."""
    told = diagnosis.to_json()
    told["evidence"] = "; ".join(each.what for each in diagnosis.evidence)
    told |= {f"score_{kind}": score for kind, score in told.pop("scores").items()}
    told |= {"group": trace.group, "model": trace.model, "training_step": trace.step}
    return {name: told[name] for name in COLUMNS}


def _write_lines(rows: Iterable[Row], file: BinaryIO) -> int:
    count = 0
    for row in rows:
        file.write(canonical_json(to_json(*row)) + b"\n")
        count += 1
    return count


def _write_parquet(rows: Iterable[Row], file: BinaryIO) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {"confidence": pa.float64(), **{f"score_{kind}": pa.float64() for kind in KINDS}}
    whole = dict.fromkeys(("training_step", "step", "start", "end"), pa.int64())
    schema = pa.schema([(name, (kinds | whole).get(name, pa.string())) for name in COLUMNS])
    count = 0
    with pq.ParquetWriter(file, schema) as table:
        for block in _blocks(rows, 4096):
            table.write_table(pa.Table.from_pylist(block, schema))
            count += len(block)
    return count


def _blocks(rows: Iterable[Row], size: int) -> Iterator[list[dict[str, Any]]]:
    block = []
    for row in rows:
        block.append(flat(*row))
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block
