"""Named arrays in one file, written in order and read by slices; few large files suit shared storage.

Layout: the arrays in C order, each at a multiple of 64 bytes; their names, places, dtypes and shapes as JSON; the
length of that JSON, 8 bytes, little-endian; `MAGIC`. A file without the end is not finished, and is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from sgram.array_types import AnyArray, ByteArray, IntArray
from sgram.errors import InputError
from sgram.files import canonical_json, excerpt, write_atomic

MAGIC = b"sgram-arrays-1\n\0"
_ALIGNMENT = 64
_SAFE_KINDS = "biufU"
"""Kinds of dtypes that hold no objects."""


class ArrayWriter:
    """Writer of named arrays to a binary file; `finish` makes the file readable.

    >>> import io
    >>> file = io.BytesIO()
    >>> writer = ArrayWriter(file)
    >>> writer.put("ids", np.array([7, 8]))
    >>> writer.finish({"step": "split"})
    >>> file.getvalue().endswith(MAGIC)
    True
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._position = file, 0
        self._entries: dict[str, tuple[int, str, tuple[int, ...]]] = {}

    def put(self, name: str, array: AnyArray) -> None:
        """Append `array` under `name`. Raise `ValueError` if the name is taken."""
        if name in self._entries:
            raise ValueError(f"the array {name!r} is already in the file")
        padding = -self._position % _ALIGNMENT
        array = np.asarray(array, order="C")
        self._file.write(bytes(padding))
        self._entries[name] = (self._position + padding, array.dtype.str, array.shape)
        self._file.write(array.data if array.size else b"")
        self._position += padding + array.nbytes

    def finish(self, about: Mapping[str, Any]) -> None:
        """Write the table of contents, with `about`, a JSON object that describes the file."""
        contents = canonical_json({"about": about, "arrays": self._entries})
        self._file.write(contents + len(contents).to_bytes(8, "little") + MAGIC)


class ArrayFile:
    """Arrays of a finished file. Raise `InputError` if it is missing, unfinished or damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "part.arrays"
    ...     write_arrays(path, {"ids": np.array([7, 8, 9])}, {"step": "split"})
    ...     ArrayFile(path).get("ids", 1).tolist(), ArrayFile(path).about
    ([8, 9], {'step': 'split'})
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - 8 - len(MAGIC)))
                end = file.read()
                length = int.from_bytes(end[:8], "little")
                first = size - len(end) - length
                if not end.endswith(MAGIC) or len(end) != 8 + len(MAGIC) or first < 0:
                    raise ValueError("it has no table of contents")
                file.seek(first)
                contents = orjson.loads(file.read(length))
            self.about: Mapping[str, Any] = contents["about"]
            self._entries = {name: _Entry(*entry) for name, entry in contents["arrays"].items()}
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(
                f"cannot read {excerpt(path)}: {reason}; delete it and run the step that writes it"
            ) from None
        if any(entry.offset + entry.n_bytes > first for entry in self._entries.values()):
            raise InputError(f"{excerpt(path)} is damaged; delete it and run the step that writes it")

    def names(self) -> list[str]:
        """Return the names of the arrays, sorted."""
        return sorted(self._entries)

    def get(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        """Return rows ``[start, stop)`` of the array `name`, by default all; the copy may be written to.

        Raise `KeyError` if there is no such array.
        """
        entry = self._entries[name]
        if not entry.shape:
            return self._read(entry, 0, ())
        n_rows = entry.shape[0]
        stop = n_rows if stop is None else min(stop, n_rows)
        row_bytes = prod(entry.shape[1:]) * entry.dtype.itemsize
        return self._read(entry, start * row_bytes, (max(0, stop - start), *entry.shape[1:]))

    def _read(self, entry: "_Entry", offset: int, shape: tuple[int, ...]) -> AnyArray:
        array: AnyArray = np.empty(shape, entry.dtype)
        if array.nbytes:
            with self.path.open("rb") as file:
                file.seek(entry.offset + offset)
                if file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
                    raise InputError(f"{excerpt(self.path)} became shorter while it was read; run its step again")
        return array


class _Entry:
    """Place, dtype and shape of one array in a file."""

    def __init__(self, offset: int, dtype: str, shape: Sequence[int]) -> None:
        self.offset, self.dtype, self.shape = offset, np.dtype(dtype), tuple(shape)
        if self.dtype.kind not in _SAFE_KINDS or offset < 0 or any(size < 0 for size in self.shape):
            raise ValueError("its table of contents is damaged")

    @property
    def n_bytes(self) -> int:
        """Bytes of the array."""
        return prod(self.shape) * self.dtype.itemsize


def write_arrays(path: Path, arrays: Mapping[str, AnyArray], about: Mapping[str, Any]) -> None:
    """Write `arrays` to `path` atomically; see `ArrayWriter.finish`."""
    with write_atomic(path) as file:
        writer = ArrayWriter(file)
        for name, array in arrays.items():
            writer.put(name, array)
        writer.finish(about)


def pack_strings(strings: Iterable[bytes]) -> tuple[ByteArray, IntArray]:
    """Return the bytes of all `strings`, one after the other, and where each ends.

    >>> arena, ends = pack_strings([b"let", b"me"])
    >>> arena.tobytes(), ends.tolist(), unpack_strings(arena, ends)
    (b'letme', [3, 5], [b'let', b'me'])
    """
    listed = list(strings)
    return np.frombuffer(b"".join(listed), np.uint8), np.cumsum([len(string) for string in listed], dtype=np.int64)


def unpack_strings(arena: ByteArray, ends: IntArray) -> list[bytes]:
    """Return the strings that `pack_strings` packed."""
    arena_bytes, bounds = arena.tobytes(), [0, *ends.tolist()]
    return [arena_bytes[start:end] for start, end in zip(bounds, bounds[1:], strict=False)]
