"""Traces out of what Python holds: paths, DataFrames, data sets, tables, rows, texts."""

import datetime
import glob
import io
import logging
import math
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeAlias

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.traces.containers.json_shapes import is_conversation, is_messages, open_document, open_line
from sgram.traces.containers.json_values import DEEP_FAULT, MAX_DEPTH
from sgram.traces.containers.table import READ_SUFFIXES, suffix_of
from sgram.traces.fields import record_of
from sgram.traces.readers import ReadOptions, TraceReader
from sgram.traces.rows import InputFile, Row
from sgram.traces.runs import split_run
from sgram.traces.trace import RowError, Trace

Rollouts: TypeAlias = str | os.PathLike[str] | Iterable[Any]
"""What `as_traces` takes; a `pyarrow.Table` too."""

_TAKEN = (
    "paths or patterns, a DataFrame of pandas or polars, a Dataset, a pyarrow Table, or an iterable of Trace, of dicts "
    "(one row each) or of texts"
)
_MAX_NAME = 255
"""Characters that the name of a file may have."""
_BATCH_ROWS = 64

log = logging.getLogger(__name__)


def as_traces(x: Rollouts, *, options: ReadOptions | None = None, dialect: str = "auto") -> Iterable[Trace]:
    r"""Return the traces that `x` holds; what can be read twice gives them twice.

    `x` is one of these:

    - a path, a pattern, a URL or ``NAME=PATH``, or a list of them, as for `TraceReader`;
    - a DataFrame of pandas or polars, a `datasets.Dataset`, a `pyarrow.Table`, or an iterable of dicts. These are rows
      in any shape that files may have. Their traces have no run unless a column names it. NaN and NA are missing;
    - an iterable of texts, which become traces that have a text only;
    - an iterable of `Trace`. They stay as they are, unless `options` are given.

    Strings in a list are paths if all of them exist, and texts if none can be a path. Rows are read lazily. Rejected
    rows and warnings are logged once.

    Raise `UsageError` for anything else. Iterating raises what `TraceReader` raises; rows are counted from 1.

    >>> rows = [{"question": "2+2?", "response": "Wait, 4.", "gold": 4}, {"question": "3+3?", "response": "So 6."}]
    >>> [(trace.text, trace.reference) for trace in as_traces(rows)]
    [('Wait, 4.', '4'), ('So 6.', None)]
    >>> [trace.text for trace in as_traces(["Let me see.\nIt is 4."])]
    ['Let me see.\nIt is 4.']
    """
    if isinstance(x, TraceReader | _GivenTraces):
        if options is not None or dialect != "auto":
            raise UsageError("these traces are read already; give options and dialect where they are read first")
        return x
    if isinstance(x, str | os.PathLike):
        return _Reader(x, dialect, options=options)
    return _from_object(x, dialect, options)


def _from_object(x: Any, dialect: str, options: ReadOptions | None) -> Iterable[Trace]:
    """Return the traces of what is neither paths nor read already."""
    name, kind = name_of(x), type(x)
    table = _table_rows(x, name)
    if table is not None:
        return _read_rows(table, name, dialect, options)
    if isinstance(x, Mapping):
        return _read_rows(_rows_of_mapping(x), name, dialect, options)
    if isinstance(x, io.IOBase):
        raise UsageError("cannot read an open file; give its path")
    if isinstance(x, Trace | bytes | bytearray) or not isinstance(x, Iterable):
        hint = "; write [trace]" if isinstance(x, Trace) else ""
        raise UsageError(f"cannot read traces out of {excerpt(kind.__name__)}{hint}; give {_TAKEN}")
    return _from_iterable(x, name, dialect, options)


def can_be_reread(traces: Iterable[Trace]) -> bool:
    """Return whether what `as_traces` returned gives the same traces at every iteration.

    >>> can_be_reread(as_traces([Trace(id="a", text="so")])), can_be_reread(as_traces(iter([{"text": "so"}])))
    (True, False)
    """
    if isinstance(traces, TraceReader):
        return traces.bytes_total is not None
    return not traces.is_consumed if isinstance(traces, _GivenTraces) else False


def are_paths(x: Rollouts) -> bool:
    """Return whether `x` names files: a string or path, or a sequence of them that are no texts.

    >>> are_paths("rollouts.jsonl"), are_paths(["Let me see.\\nIt is 4."])
    (True, False)
    """
    if isinstance(x, str | os.PathLike):
        return True
    if not isinstance(x, list | tuple | set | frozenset):
        return False
    return all(isinstance(item, str | os.PathLike) for item in x) and not (x and all(map(_is_text, x)))


def name_of(x: object) -> str:
    """Return what messages call rollouts that are no paths.

    >>> name_of([{"text": "so"}])
    'the list'
    """
    return f"the {excerpt(type(x).__name__, 60)}"


class _Reader(TraceReader):
    """Reader that logs its warnings and decisions at the end of the first iteration."""

    _has_logged = False

    def __iter__(self) -> Generator[Trace, None, None]:
        yield from super().__iter__()
        if not self._has_logged:
            self._has_logged = True
            for sentence in self.report.warnings:
                log.warning("%s", sentence)
            for sentence in self.report.decisions:
                log.info("%s", sentence)


class _GivenTraces:
    """Traces that exist already, checked for their type only."""

    def __init__(self, traces: Iterable[Any], name: str, is_consumed: bool) -> None:
        self._traces, self._name, self.is_consumed = traces, name, is_consumed

    def __iter__(self) -> Iterator[Trace]:
        for number, trace in enumerate(self._traces, 1):
            if not isinstance(trace, Trace):
                raise UsageError(
                    f"item {number} of {self._name} is of the type {_type_name(trace)}, not a Trace as the first one"
                )
            yield trace


def _type_name(value: object) -> str:
    return excerpt(type(value).__name__, 60)


# -- tables -----------------------------------------------------------------------------------------------------------


def _table_rows(x: Any, name: str) -> Callable[[], Iterable[Any]] | None:
    """Return what iterates over the rows of a table or data set; None if `x` is none. No library is loaded for it."""
    pyarrow, datasets = sys.modules.get("pyarrow"), sys.modules.get("datasets")
    if pyarrow is not None and isinstance(x, pyarrow.Table | pyarrow.RecordBatch):
        _check_names(x.schema.names, name)
        table = pyarrow.Table.from_batches([x]) if isinstance(x, pyarrow.RecordBatch) else x
        return lambda: (row for batch in table.to_batches(_BATCH_ROWS) for row in batch.to_pylist())
    if datasets is not None:
        if isinstance(x, datasets.DatasetDict | datasets.IterableDatasetDict):
            splits = ", ".join(map(str, x))
            raise UsageError(f"{name} has the splits {excerpt(splits)}; give one of them, such as data['train']")
        if isinstance(x, datasets.Dataset):
            plain = x.with_format(None)
            return lambda: plain
        if isinstance(x, datasets.IterableDataset):
            return lambda: x
    if not hasattr(type(x), "columns") or isinstance(x, Mapping | list | tuple):
        return None
    import narwhals

    try:
        frame = narwhals.from_native(x)
    except TypeError:
        return None
    except narwhals.exceptions.DuplicateError:
        _check_names(list(x.columns), name)
        raise
    if isinstance(frame, narwhals.LazyFrame):
        raise UsageError(f"{name} is not computed yet; give its result, such as frame.collect()")
    return lambda: frame.iter_rows(named=True, buffer_size=_BATCH_ROWS)


def _check_names(names: list[Any], name: str) -> None:
    """Raise `UsageError` if two columns have one name."""
    if len(set(names)) < len(names):
        repeated = next(column for column in names if names.count(column) > 1)
        raise UsageError(f"{name} has two columns named {excerpt(str(repeated))!r}; rename one")


# -- iterables --------------------------------------------------------------------------------------------------------


def _rows_of_mapping(x: Mapping[Any, Any]) -> Callable[[], Iterable[Any]]:
    """Return the rows of a dict of columns, or of a document that wraps rows. Raise `UsageError` for a single row."""
    try:
        elements = open_document(_as_json(x))
    except RowError:
        elements = None
    if elements is None:
        raise UsageError(f"a {type(x).__name__} is one row; give a list of rows: [row]")
    records = [element.record for element in elements]
    return lambda: records


def _from_iterable(x: Iterable[Any], name: str, dialect: str, options: ReadOptions | None) -> Iterable[Trace]:
    iterator = iter(x)
    is_consumed = iterator is x
    try:
        first = next(iterator)
    except StopIteration:
        return _GivenTraces((), name, False)
    items: Iterable[Any] = chain((first,), iterator) if is_consumed else x
    if isinstance(first, Trace):
        given = _GivenTraces(items, name, is_consumed)
        if options is None and dialect == "auto":
            return given
        return _read_rows(lambda: map(_fields_of, given), name, "sgram", options, is_consumed)
    if isinstance(first, str | os.PathLike):
        return _from_strings(list(items), name, dialect, options)
    if isinstance(x, list) and is_conversation(x):
        return _read_rows(lambda: [{"messages": x}], name, dialect, options)
    if isinstance(first, Mapping) or is_messages(first):
        return _read_rows(lambda: items, name, dialect, options, is_consumed)
    raise UsageError(
        f"cannot read traces out of {name}, whose first item is of the type {_type_name(first)}; give {_TAKEN}"
    )


def _from_strings(items: list[Any], name: str, dialect: str, options: ReadOptions | None) -> Iterable[Trace]:
    for number, item in enumerate(items, 1):
        if not isinstance(item, str | os.PathLike):
            raise UsageError(
                f"item {number} of {name} is of the type {_type_name(item)}, not a path or text as the first one"
            )
    if all(map(_is_path, items)):
        return _Reader(items, dialect, options=options)
    if all(map(_is_text, items)):
        return _read_rows(lambda: ({"text": str(text)} for text in items), name, "sgram", options)
    unclear = next(item for item in items if not _is_path(item))
    raise UsageError(
        f"cannot tell whether {name} holds paths or texts: {excerpt(unclear, 80)!r} does not exist; check the "
        "paths, or give texts as rows: [{'text': text}]"
    )


def _is_path(item: str | os.PathLike[str]) -> bool:
    """Return whether something in a list is a path: it exists, is a pattern that matches, or a URL."""
    path = split_run(os.fspath(item))[1]
    if not isinstance(item, str):
        return True
    if os.path.lexists(path) or path == "-" or ("://" in path[:16] and not any(map(str.isspace, path))):
        return True
    expanded = os.path.expanduser(path)  # noqa: PTH111
    if len(path) > 4096 or "\n" in path or "\0" in path:
        return False
    return os.path.lexists(expanded) or (glob.has_magic(expanded) and any(glob.iglob(expanded, recursive=True)))  # noqa: PTH207


def _is_text(item: str | os.PathLike[str]) -> bool:
    """Return whether something in a list is no path for sure."""
    if not isinstance(item, str) or os.path.lexists(item):
        return False
    if "\n" in item or len(item) > _MAX_NAME:
        return True
    return " " in item and suffix_of(item) not in READ_SUFFIXES and not _is_path(item)


def _fields_of(trace: Trace) -> dict[str, Any]:
    return {**record_of(trace), "meta": trace.meta}


# -- rows -------------------------------------------------------------------------------------------------------------


def _read_rows(
    records: Callable[[], Iterable[Any]],
    name: str,
    dialect: str,
    options: ReadOptions | None,
    is_consumed: bool = False,
) -> TraceReader:
    """Return the reader of records in memory; `is_consumed`: they can be iterated over once."""
    file = InputFile(name, "rows", None if is_consumed else 0, rows=lambda: _iter_rows(records()))
    return _Reader(file, dialect, options=options)


def _iter_rows(records: Iterable[Any]) -> Iterator[Row]:
    """Yield records as rows. A record that holds several rows, as a line of a file may, is opened."""
    for number, given in enumerate(records, 1):
        try:
            record = _as_json(given)
        except RowError as error:
            yield Row(number, None, None, str(error))
            continue
        elements = open_line(record)
        if elements is None:
            yield Row(number, None, record)
            continue
        is_one = len(elements) == 1
        for index, element in enumerate(elements, 1):
            yield Row(number, None, element.record, element.fault, element=None if is_one else index)


def _as_json(value: Any, depth: int = MAX_DEPTH) -> Any:
    """Return a value of Python as JSON, as Arrow's values are: times are strings; NaN, NaT and NA are missing.

    Raise `RowError` if it is nested too deeply.
    """
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        _check_depth(depth)
        return {str(key): _as_json(child, depth - 1) for key, child in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        _check_depth(depth)
        return [_as_json(child, depth - 1) for child in value]
    if isinstance(value, bool | str | int | float):  # of a subclass, such as numpy's
        plain = next(base for base in (str, int, float) if isinstance(value, base))
        return _as_json(plain(value), depth)
    if kind.__module__.startswith("pandas.") and kind.__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if callable(getattr(value, "tolist", None)):  # scalars and arrays of numpy, tensors, Series
        _check_depth(depth)
        return _as_json(value.tolist(), depth - 1)
    return str(value)


def _check_depth(depth: int) -> None:
    if depth <= 0:
        raise RowError(DEEP_FAULT)
