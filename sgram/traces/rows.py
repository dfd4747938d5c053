"""Input files and their rows, as every container format hands them out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from sgram.files import excerpt
from sgram.safe_reading import InputStream


class Row(NamedTuple):
    """One record of an input file, or the reason why there is none."""

    line: int
    """Line number from 1, or number of the record if the format has no lines."""
    byte: int | None
    """Offset of the line in the decompressed file; None if the format has no lines."""
    record: Any
    fault: str = ""
    """Why the row is unusable, or empty."""
    data: bytes | None = None
    """The line itself, if the format has lines."""


@dataclass(slots=True)
class InputFile:
    """One file to read, or stdin, with the progress of its reading.

    >>> file = InputFile("rollouts.parquet", "parquet", size=2000, share_read=0.25)
    >>> file.bytes_read
    500
    """

    path: str
    """Path, or ``-`` for stdin."""
    kind: str
    """``lines``, ``json``, ``parquet`` or ``inspect``."""
    size: int | None = None
    """Bytes as stored, if known."""
    stream: InputStream | None = None
    """Open stream of a file of lines or JSON."""
    share_read: float = 0.0
    """Share of a file without a stream that is read, 0 to 1."""

    @property
    def name(self) -> str:
        """The path, safe to print."""
        return "stdin" if self.path == "-" else excerpt(self.path, 1000)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, as stored."""
        return self.stream.bytes_read if self.stream else int(self.share_read * (self.size or 0))
