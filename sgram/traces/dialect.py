"""`Dialect`: how one tool writes a rollout. A file of `sgram.traces.dialects` that declares one is found by itself."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sgram.declarations import add_declaration, declared_in, installed
from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.traces.trace import RowError

Record = Mapping[str, Any]
"""One row of an input: a JSON object."""
Fields = dict[str, Any]
"""What a dialect reads out of a record for one trace, by name: fields of `Trace`, and

- `pieces`: [(kind, text)] in place of `text`, see `sgram.traces.parts`;
- `rewards`: numbers by the names of their columns, in place of `reward`;
- `columns`: columns that the dialect left, for `sgram.traces.aliases`; what is left of them goes to `meta`.
"""
ENTRY_POINTS = "sgram.dialects"
"""Group of entry points by which a package adds dialects; each names a `Dialect` or a sequence of them."""


@dataclass(frozen=True, slots=True)
class DialectOptions:
    """What dialects need beside the record."""

    decode: Callable[[list[int]], str] | None = None
    """From token ids to text, for exports that hold ids alone."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field -> column that the user named."""


@dataclass(frozen=True, slots=True, eq=False)
class Dialect:
    """How one tool, or a family of tools, writes a rollout."""

    name: str
    written_by: str
    """Tools and data sets that write it, as a phrase."""
    parse: Callable[[Record, DialectOptions], list[Fields]]
    """Returns the fields of each trace of a record; raises `RowError` if the record cannot be understood, and
    `FailedRowError` if it says itself that the rollout failed."""
    columns: tuple[frozenset[str], ...] = ()
    """Sets of columns; a record that has all columns of one of them is of this dialect."""
    recognize: Callable[[Record], bool] | None = None
    """Whether a record with the columns is of this dialect, if columns alone do not tell. The first sentence of its
    docstring, "Return whether ...", stands in the documentation."""
    becomes: Mapping[str, str] = field(default_factory=dict)
    """Column -> what it becomes, for the documentation and for `sgram read`."""
    source: str = ""
    """Where the shape is defined: a file of the tool, a data set's card."""
    is_exact: bool = False
    """Whether records hold the fields of traces as they are, so that no group is made of the prompt."""
    container: str = ""
    """The container whose rows this dialect alone reads; most dialects are read from any container."""
    needs_decode: bool = False
    """Whether records hold token ids alone, so that reading them needs `DialectOptions.decode`."""
    repeated_by: str = ""
    """Key of ``meta``, if a file may hold each response once for each value of it: one value is read."""
    judged_copy: tuple[str, str] | None = None
    """(part of a file's path, what stands in its place in the path of the file that holds the same responses with
    verdicts), if the tool writes both: of two such files the judged one is read."""
    rank: int = 0
    """Dialects are tried by increasing rank: special ones before general ones."""

    def fits(self, record: Record) -> bool:
        """Return whether `record` is of this dialect. Raise `RowError` if the dialect fails on it."""
        if self.columns:
            keys = record.keys()
            for columns in self.columns:
                if columns <= keys:
                    break
            else:
                return False
        if self.recognize is None:
            return bool(self.columns)
        try:
            return bool(self.recognize(record))
        except Exception as error:  # any error of foreign code
            raise RowError(f"the dialect {self.name} cannot recognize the row: {type(error).__name__}") from error


_registered: list[Dialect] = []


def register_dialect(dialect: Dialect) -> Dialect:
    """Add a dialect to every later reading of this process, and return it; it is tried before the built-in ones.

    Raise `UsageError` if another dialect has its name.
    """
    return add_declaration(dialect, _registered, all_dialects().values(), "dialect")


def unregister_dialect(name: str) -> None:
    """Remove a dialect that `register_dialect` added; nothing happens if there is none of that name."""
    _registered[:] = [dialect for dialect in _registered if dialect.name != name]


def all_dialects() -> dict[str, Dialect]:
    """Return all dialects by name, in the order in which they are tried.

    Raise `UsageError` if a package's dialect cannot be loaded, or has the name of another one.

    >>> {"trl", "verl", "columns"} <= set(all_dialects())
    True
    """
    return {dialect.name: dialect for dialect in (*_registered, *_installed(), *_built_in())}


@cache
def _built_in() -> tuple[Dialect, ...]:
    declared = declared_in("sgram.traces.dialects", Dialect)
    return tuple(sorted(declared, key=lambda dialect: (dialect.rank, dialect.name)))


@cache
def _installed() -> tuple[Dialect, ...]:
    added = installed(ENTRY_POINTS, Dialect)
    names = Counter(dialect.name for dialect in (*added, *_built_in()))
    name, n_dialects = names.most_common(1)[0]
    if n_dialects > 1:
        raise UsageError(f"{n_dialects} dialects are named {excerpt(name)!r}; rename or uninstall one of them")
    return tuple(added)


def detect(record: Record) -> Dialect | None:
    """Return the first dialect that fits `record`; None if none does. Raise `RowError` if a dialect fails on it."""
    return next((dialect for dialect in all_dialects().values() if dialect.fits(record)), None)
