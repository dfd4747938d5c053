"""Write diagnoses to a file, one a row: JSONL or Parquet, by the file's name."""

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
    "weight",
    "step",
    "start",
    "end",
    "evidence",
    *(f"score_{kind}" for kind in KINDS),
)
"""Columns of a table of diagnoses. The column `evidence` joins sentences by semicolons, `weight` is how many wrong
traces a row stands for: 1, or more if a sample was diagnosed."""
_BLOCK_ROWS = 4096

DiagnosedTrace = tuple[Trace, Diagnosis]
Weight = Callable[[Trace], float]
"""Returns how many wrong traces a diagnosed trace stands for."""


def _one(trace: Trace) -> float:
    return 1.0


def write_diagnoses(rows: Iterable[DiagnosedTrace], path: str | os.PathLike[str], weight: Weight = _one) -> int:
    """Write `rows` atomically and return their number: .jsonl has all fields, .parquet the `COLUMNS`.

    If `rows` raises an error, no file is written, and one of an earlier call stays. Raise `UsageError` for any other
    file name.
    """
    write_rows = select_writer(path)
    with write_atomic(path) as file:
        return write_rows(rows, file, weight)


def select_writer(path: str | os.PathLike[str]) -> Callable[[Iterable[DiagnosedTrace], BinaryIO, Weight], int]:
    """Return the function that writes a file of that name. Raise `UsageError` if there is none.

    >>> select_writer("diagnoses.txt")
    Traceback (most recent call last):
    sgram.errors.UsageError: cannot write diagnoses to diagnoses.txt: the name must end in .jsonl or .parquet; for CSV
    give --csv FILE
    """
    name = os.fspath(path).lower()
    for ending, writer in ((".jsonl", _write_jsonl), (".parquet", _write_parquet)):
        if name.endswith(ending):
            return writer
    raise UsageError(
        f"cannot write diagnoses to {excerpt(os.fspath(path), 80)}: the name must end in .jsonl or .parquet; for CSV "
        "give --csv FILE"
    )


def jsonl_record(trace: Trace, diagnosis: Diagnosis, weight: float = 1.0) -> dict[str, Any]:
    """Return a line of the JSONL file as JSON values; a weight of 1 is left out."""
    trace_fields = {
        "group": trace.group,
        "model": trace.model,
        "training_step": trace.step,
        "weight": None if weight == 1 else round(weight, 6),
    }
    return {**diagnosis.to_json(), **{name: field for name, field in trace_fields.items() if field is not None}}


def table_row(trace: Trace, diagnosis: Diagnosis, weight: float = 1.0) -> dict[str, Any]:
    """Return a row of `COLUMNS`."""
    record = diagnosis.to_json()
    record["evidence"] = "; ".join(evidence.sentence for evidence in diagnosis.evidence)
    record |= {f"score_{kind}": score for kind, score in record.pop("scores").items()}
    record |= {"group": trace.group, "model": trace.model, "training_step": trace.step, "weight": round(weight, 6)}
    return {name: record[name] for name in COLUMNS}


def _write_jsonl(rows: Iterable[DiagnosedTrace], file: BinaryIO, weight: Weight) -> int:
    n_rows = 0
    for trace, diagnosis in rows:
        file.write(canonical_json(jsonl_record(trace, diagnosis, weight(trace))) + b"\n")
        n_rows += 1
    return n_rows


def _write_parquet(rows: Iterable[DiagnosedTrace], file: BinaryIO, weight: Weight) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    column_types = {
        **dict.fromkeys(("confidence", "weight"), pa.float64()),
        **{f"score_{kind}": pa.float64() for kind in KINDS},
    }
    column_types |= dict.fromkeys(("training_step", "step", "start", "end"), pa.int64())
    schema = pa.schema([(name, column_types.get(name, pa.string())) for name in COLUMNS])
    n_rows = 0
    with pq.ParquetWriter(file, schema) as writer:
        for block in _blocks(rows, weight, _BLOCK_ROWS):
            writer.write_table(pa.Table.from_pylist(block, schema))
            n_rows += len(block)
    return n_rows


def _blocks(rows: Iterable[DiagnosedTrace], weight: Weight, size: int) -> Iterator[list[dict[str, Any]]]:
    block = []
    for trace, diagnosis in rows:
        block.append(table_row(trace, diagnosis, weight(trace)))
        if len(block) == size:
            yield block
            block = []
    if block:
        yield block
