"""The quarantine: rejected rows of an input, counted by reason and written to a file."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import orjson

from sgram.files import excerpt, write_atomic


class Quarantine:
    """Counter of rejected rows, written to `path` as JSONL; the file appears complete on `close`.

    >>> quarantine = Quarantine()
    >>> quarantine.add("rollouts.jsonl", 3, 120, "not valid JSON: unexpected end", b'{"text": ')
    >>> dict(quarantine.reasons)
    {'not valid JSON': 1}
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, keeps_rows: bool = False):
        """With `keeps_rows`, what would be written stays in `rows`, for `add_rows` of the quarantine of all files."""
        self.path = None if path is None else Path(path)
        self._keeps_rows = keeps_rows
        self.rows: list[bytes] = []
        self.reasons: Counter[str] = Counter()
        """Rejected rows per kind of reason: the reason's text before its first colon."""
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def add(self, file: str, line: int, byte: int | None, reason: str, data: bytes | str) -> None:
        """Count one rejected row; `data` is the row or its beginning, of which an excerpt is written."""
        self.reasons[reason.partition(":")[0]] += 1
        if self.path is None and not self._keeps_rows:
            return
        row = {"file": excerpt(file, 4096), "line": line, "byte": byte, "reason": reason, "excerpt": excerpt(data)}
        self._write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def add_rows(self, rows: Iterable[bytes], reasons: Mapping[str, int]) -> None:
        """Add the rows of another quarantine, and its counts."""
        self.reasons.update(reasons)
        if self.path is not None:
            for row in rows:
                self._write(row)

    def _write(self, row: bytes) -> None:
        if self.path is None:
            self.rows.append(row)
            return
        if self._file is None:
            self._file = self._stack.enter_context(write_atomic(self.path))
        self._file.write(row)

    def close(self) -> None:
        """Publish the rows. If there are none, remove the quarantine file that an earlier run left at this path."""
        if self._file is not None:
            self._file = None
            self._stack.close()
        elif self.path is not None and not self.reasons and self.path.is_file():
            with open(self.path, "rb") as file:
                if file.readline(1 << 16).startswith(b'{"file":'):
                    self.path.unlink()
