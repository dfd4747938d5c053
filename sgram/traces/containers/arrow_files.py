"""Rows of Arrow IPC files: streams, as `datasets` stores them, and files with a footer (Feather).

Before pyarrow reads a batch, its message is checked: compressed buffers say what they inflate to.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.safe_reading import Caps
from sgram.traces.containers.arrow_values import Inflation, check_types, iter_batch
from sgram.traces.containers.container import Container, open_seekable
from sgram.traces.rows import InputFile, Row

_FILE_MAGIC = b"ARROW1\0\0"
_CONTINUATION = b"\xff\xff\xff\xff"
_MAX_METADATA = 64 << 20
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
"""Types of messages that have a body."""


class _Table:
    """One table of a flatbuffer, read field by field. Reading past the end raises `struct.error`."""

    def __init__(self, data: bytes, at: int):
        self._data, self._at = data, at
        self._fields = at - self._number("<i", at)

    def _number(self, kind: str, at: int) -> int:
        if at < 0:
            raise struct.error("an offset is negative")
        number: int = struct.unpack_from(kind, self._data, at)[0]
        return number

    def _find(self, field: int) -> int:
        """Return where a field is; 0 if it is missing."""
        if 4 + 2 * field >= self._number("<H", self._fields):
            return 0
        offset = self._number("<H", self._fields + 4 + 2 * field)
        return self._at + offset if offset else 0

    def number(self, field: int, kind: str) -> int:
        """Return a number; 0 if the field is missing."""
        at = self._find(field)
        return self._number(kind, at) if at else 0

    def table(self, field: int) -> "_Table | None":
        """Return a table; None if the field is missing."""
        at = self._find(field)
        return _Table(self._data, at + self._number("<I", at)) if at else None

    def pairs(self, field: int) -> list[tuple[int, int]]:
        """Return a list of structs of two numbers of 64 bits."""
        at = self._find(field)
        if not at:
            return []
        begin = at + self._number("<I", at)
        count = self._number("<I", begin)
        if count > len(self._data):
            raise struct.error("a list is too long")
        return [struct.unpack_from("<qq", self._data, begin + 4 + 16 * index) for index in range(count)]


@dataclass(slots=True)
class _Messages:
    """What the messages of a stream are, as far as they are whole."""

    batches: list[int]
    """Where each record batch ends, in bytes."""
    fault: str = ""
    """Why the stream ends early, or empty."""


def _read_messages(raw: BinaryIO, begin: int, inflation: Inflation) -> _Messages:
    """Return the messages from byte `begin` on. Raise `InputError` if one of them inflates past a cap."""
    messages = _Messages([])
    size, at = raw.seek(0, os.SEEK_END), begin
    while at < size:
        raw.seek(at)
        head = raw.read(8)
        is_old = head[:4] != _CONTINUATION
        length = int.from_bytes(head[:4] if is_old else head[4:], "little")
        if not length:
            return messages
        start = at + (4 if is_old else 8)
        if len(head) < 8 or length > min(_MAX_METADATA, size - start):
            messages.fault = "the file is cut short"
            return messages
        raw.seek(start)
        metadata = raw.read(length)
        try:
            message = _Table(metadata, int.from_bytes(metadata[:4], "little"))
            kind, header, body_size = message.number(1, "<B"), message.table(2), message.number(3, "<q")
            body = start + length
            if body_size < 0 or body + body_size > size:
                raise struct.error("the file is cut short")
            data = header.table(1) if kind == _DICTIONARY_BATCH and header is not None else header
            if kind in (_DICTIONARY_BATCH, _RECORD_BATCH) and data is not None and data.table(3) is not None:
                inflated = _inflated_size(raw, body, body_size, data.pairs(2))
                inflation.check(inflated)
                if inflated > 64 * inflation.caps.max_line_bytes:
                    raise InputError(f"{inflation.name} has a batch of {inflated} bytes, more than the cap allows")
        except struct.error as error:
            messages.fault = str(error) if "short" in str(error) else f"a message is not valid: {error}"
            return messages
        at = body + body_size
        if kind == _RECORD_BATCH:
            messages.batches.append(at)
    return messages


def _inflated_size(raw: BinaryIO, body: int, body_size: int, buffers: list[tuple[int, int]]) -> int:
    """Return the bytes that the compressed buffers of a message say they inflate to."""
    inflated = 0
    for offset, length in buffers:
        if offset < 0 or length < 0 or offset + length > body_size:
            raise struct.error("a buffer lies outside of its message")
        if length >= 8:
            raw.seek(body + offset)
            (size,) = struct.unpack("<q", raw.read(8))
            inflated += length if size == -1 else max(size, 0)
    return inflated


def iter_arrow(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of an Arrow IPC stream or file. Damage in the middle ends it with one row that has a fault.

    Raise `InputError` if the file cannot be opened or inflates past a cap.
    """
    import pyarrow as pa
    import pyarrow.ipc

    with open_seekable(file, caps) as raw:
        begin = len(_FILE_MAGIC) if raw.read(len(_FILE_MAGIC)) == _FILE_MAGIC else 0
        stored = raw.seek(0, os.SEEK_END)
        inflation = Inflation(file.name, stored, caps)
        messages = _read_messages(raw, begin, inflation)
        raw.seek(begin)
        try:
            reader = pyarrow.ipc.open_stream(raw)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(
                f"{file.name} cannot be read as Arrow IPC: {_one_line(error)}; check or write it again"
            ) from error
        check_types(reader.schema, file.name)
        n_read = 0
        for end in messages.batches:
            try:
                batch = reader.read_next_batch()
                batch.validate(full=True)
            except (pa.ArrowException, OSError, ValueError, StopIteration) as error:
                yield Row(n_read + 1, None, None, f"corrupt Arrow data, the rest is not read: {_one_line(error)}")
                return
            yield from iter_batch(batch, n_read, inflation)
            n_read += batch.num_rows
            file.share_read = end / stored
        if messages.fault:
            yield Row(n_read + 1, None, None, f"corrupt Arrow data, the rest is not read: {messages.fault}")
        file.share_read = 1.0


def _one_line(error: Exception) -> str:
    return excerpt(" ".join(str(error).split()), 1000)


def _is_arrow(head: bytes) -> bool:
    """Return whether the first bytes are those of an IPC file, or of a stream: a schema of a plausible length."""
    length = int.from_bytes(head[4:8], "little")
    return head.startswith(_FILE_MAGIC) or (head.startswith(_CONTINUATION) and 8 <= length <= _MAX_METADATA)


ARROW = Container(
    "arrow",
    (".arrow", ".feather", ".ipc"),
    "Arrow IPC, stream or file (Feather); data sets on disk (`save_to_disk`), pandas, polars",
    iter_arrow,
    _is_arrow,
)
