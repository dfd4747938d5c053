"""Data frames of pandas or polars, built from rows of Python values with declared types."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, get_args

from sgram.errors import MissingExtraError, UsageError
from sgram.files import excerpt

CellKind = Literal["text", "count", "offset", "number", "flag"]
"""A count is an integer that may be missing, an offset an integer that is never missing."""
Backend = Literal["pandas", "polars"]
"""Library of a data frame."""
BACKENDS: tuple[Backend, ...] = get_args(Backend)

# Nullable types: a missing value stays missing, and an empty frame has the same types.
_PANDAS_TYPES: Mapping[CellKind, str] = {
    "text": "string",
    "count": "Int64",
    "offset": "int64",
    "number": "float64",
    "flag": "boolean",
}


def build_frame(columns: Mapping[str, CellKind], rows: Iterable[Sequence[Any]], backend: Backend | None = None) -> Any:
    """Return the data frame of `rows`, which have a cell for each of `columns`; None is a missing cell.

    `backend` is ``pandas`` or ``polars``; without it the frame is of pandas, and of polars where pandas is not
    installed. Raise `UsageError` for another backend, `MissingExtraError` if the library is not installed.

    >>> build_frame({"gram": "text", "df": "count"}, [("wait", 3), ("so", None)], "pandas").gram.tolist()
    ['wait', 'so']
    """
    backend = _choose_backend(backend)
    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    if backend == "polars":
        return _polars_frame(columns, cells)
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError(f"a data frame needs pandas ({error}); pip install 'sgram[pandas]'") from error
    return pd.DataFrame(
        {
            name: pd.Series(column, dtype=_PANDAS_TYPES[kind])
            for (name, kind), column in zip(columns.items(), cells, strict=True)
        },
        columns=list(columns),
    )


def _choose_backend(backend: str | None) -> Backend:
    if backend is None:
        return "polars" if find_spec("pandas") is None and find_spec("polars") is not None else "pandas"
    for known_backend in BACKENDS:
        if backend == known_backend:
            return known_backend
    raise UsageError(f"backend must be {' or '.join(BACKENDS)} (got {excerpt(str(backend), 60)!r})")


def _polars_frame(columns: Mapping[str, CellKind], cells: Sequence[Sequence[Any]]) -> Any:
    if find_spec("polars") is None:
        raise MissingExtraError("a data frame needs polars, which is not installed; pip install 'sgram[polars]'")
    import narwhals

    types = {
        "text": narwhals.String(),
        "count": narwhals.Int64(),
        "offset": narwhals.Int64(),
        "number": narwhals.Float64(),
        "flag": narwhals.Boolean(),
    }
    schema = {name: types[kind] for name, kind in columns.items()}
    # a column of numbers may hold integers, which polars takes only as floats
    values = {
        name: [float(cell) if kind == "number" and cell is not None else cell for cell in column]
        for (name, kind), column in zip(columns.items(), cells, strict=True)
    }
    return narwhals.from_dict(values, schema=schema, backend="polars").to_native()


def interval_columns(name: str) -> dict[str, CellKind]:
    """Return the columns of a number with its interval.

    >>> list(interval_columns("recall"))
    ['recall', 'recall_low', 'recall_high']
    """
    return dict.fromkeys((name, f"{name}_low", f"{name}_high"), "number")
