"""Input files and their rows, as every container hands them out."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from sgram.files import excerpt
from sgram.safe_reading import InputStream
from sgram.stored_copies import StoredCopy
from sgram.urls import printable_name

DOCUMENT_KEY = "__document__"
"""Reserved key of a record that was taken out of a wrapper, such as ``{"model": "m", "data": [...]}``.

It holds the other fields of the wrapper (``{"model": "m"}``): numbers, strings, booleans, and objects of at most
4 KiB. The key is missing if the wrapper has no other fields.
"""
ROW_KEY = "__key__"
"""Reserved key of a record that was taken out of an object of objects: its name there, unless it is a number."""


class Row(NamedTuple):
    """One record of an input file, or the reason why there is none.

    >>> Row(3, 120, {"text": "so"}, element=2, member="a/b.jsonl").position
    'a/b.jsonl:3[2]'
    """

    line: int
    """Line number from 1, or number of the record if the format has no lines."""
    byte: int | None
    """Offset of the line in the decompressed file; None if the format has no lines."""
    record: Any
    fault: str = ""
    """Why the row is unusable, or empty."""
    data: bytes | None = None
    """The line itself, if the format has lines and the row is a whole line."""
    element: int | None = None
    """Number of the row within its line from 1, if the line holds several rows, such as an object of lists."""
    member: str = ""
    """Name of the file within an archive; it is a label, not a path to open."""
    n_missing: int = 0
    """Numbers that are NaN or infinite; they are None in the record."""

    @property
    def position(self) -> str:
        """Where the row is in its file, safe to print: ``3``, ``3[2]`` or ``a/b.jsonl:3``."""
        element = "" if self.element is None else f"[{self.element}]"
        return f"{excerpt(self.member, 1000)}:{self.line}{element}" if self.member else f"{self.line}{element}"


@dataclass(slots=True)
class InputFile:
    """One file to read, or stdin, with the progress of its reading.

    >>> file = InputFile("rollouts.parquet", "parquet", size=2000, share_read=0.25)
    >>> file.bytes_read
    500
    """

    path: str
    """Path or URL, or ``-`` for stdin."""
    kind: str
    """Name of its container: ``lines``, ``json``, ``parquet``, ``csv``, ``arrow``, ``archive`` or ``inspect``."""
    size: int | None = None
    """Bytes as stored, if known. Lines and documents are read up to here."""
    stream: InputStream | None = None
    """Open stream of a file of lines or JSON."""
    share_read: float = 0.0
    """Share of a file without a stream that is read, 0 to 1."""
    member: str = ""
    """Name within the archive `path`, for a member of an archive."""
    raw: BinaryIO | None = None
    """Open file that is read in place of `path`: a member of an archive, or what a pipe gave."""
    rows: Callable[[], Iterator[Row]] | None = None
    """Returns the rows, for what is no file but records in memory; `path` says what they are, such as ``the list``.

    `size` is 0 if they can be returned several times, None if not.
    """
    copy: StoredCopy | None = None
    """Copy of stdin, a pipe or a URL that is read in place of `path`."""

    @property
    def stored(self) -> str | os.PathLike[str] | StoredCopy:
        """What is opened: the copy if there is one, else the path."""
        return self.path if self.copy is None else self.copy

    @property
    def is_stream(self) -> bool:
        """Whether the file is read once from its beginning: stdin, a pipe, or a URL.

        >>> InputFile("-", "lines").is_stream, InputFile("a.jsonl", "lines", size=20).is_stream
        (True, False)
        """
        return self.size is None and self.rows is None and self.raw is None

    @property
    def name(self) -> str:
        """The path or URL, safe to print."""
        path = printable_name(self.path, 1000)
        return f"{path}:{excerpt(self.member, 1000)}" if self.member else path

    def locate(self, row: Row) -> str:
        """Return where a row is, safe to print.

        >>> InputFile("a.jsonl", "lines").locate(Row(3, 120, {}))
        'a.jsonl:3'
        """
        return f"{self.name}:{row.position}" if self.rows is None else f"row {row.position} of {self.name}"

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, as stored."""
        return self.stream.bytes_read if self.stream else int(self.share_read * (self.size or 0))
