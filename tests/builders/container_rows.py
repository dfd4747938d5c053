"""Rows of files that tests write."""

from pathlib import Path

from sgram.safe_reading import Caps
from sgram.traces.input_files import find_input_files, iter_rows
from sgram.traces.rows import Row


def write(path: Path, content: bytes | str) -> Path:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(path: Path | str, caps: Caps | None = None) -> list[Row]:
    """Return the rows of all files that a path leads to."""
    return [row for file in find_input_files(path)[0] for row in iter_rows(file, caps or Caps())]


def records_of(path: Path | str, caps: Caps | None = None) -> list:
    """Return the records of rows that must have no fault."""
    rows = rows_of(path, caps)
    assert [row.fault for row in rows if row.fault] == []
    return [row.record for row in rows]


def kinds_of(paths: object) -> dict[str, str]:
    """Return name of each file -> its container."""
    return {Path(file.path).name: file.kind for file in find_input_files(paths)[0]}
