"""Arrays in memory while they fit, on disk beyond. Knows nothing about what the arrays mean."""

import ctypes
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

import numpy as np


def give_back_freed_memory() -> None:
    """Ask the C library to return freed pages to the system; it keeps them otherwise. No effect but on glibc."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class ArrayStore:
    """Named arrays: the first `limit` bytes stay in memory, the rest are files under `directory`.

    Without a directory everything stays in memory. Files are scratch: written once, read by the same
    process, removed by `drop` or by the owner of the directory.
    """

    def __init__(self, directory: Path | None = None, limit: int = 1 << 62):
        self.directory, self.limit, self.held, self.spilled = directory, limit, 0, 0
        self._arrays: dict[str, np.ndarray | Path] = {}
        self._lock = Lock()  # threads put arrays at the same time

    def put(self, name: str, array: np.ndarray) -> None:
        """Keep `array` under `name`, replacing what was there."""
        self.drop(name)
        with self._lock:
            if self.directory is None or self.held + array.nbytes <= self.limit:
                self._arrays[name] = array
                self.held += array.nbytes
                return
        path = self.directory / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.asarray(array, order="C"), allow_pickle=False)  # `get` reads rows
        self._arrays[name] = path
        with self._lock:
            self.spilled += array.nbytes

    def get(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """The array under `name`, or its rows ``[start, stop)`` only."""
        held = self._arrays[name]
        if isinstance(held, np.ndarray):
            return held[start:stop]
        # The offset is read from the header, so that a slice costs one seek and no mapping: mapped pages
        # would count as resident memory.
        with held.open("rb") as file:
            version = np.lib.format.read_magic(file)
            read_header = np.lib.format.read_array_header_1_0
            shape, _fortran, dtype = read_header(file) if version == (1, 0) else (None, None, None)
            stop = shape[0] if stop is None else min(stop, shape[0])
            per_row = int(np.prod(shape[1:], dtype=np.int64))
            file.seek(start * per_row * dtype.itemsize, 1)
            rows = max(0, stop - start)
            flat = np.fromfile(file, dtype, rows * per_row)
        return flat.reshape(rows, *shape[1:])

    def release(self) -> None:
        """Move what is in memory to disk, for whoever needs the memory more; nothing without a directory."""
        if self.directory is None:
            return
        limit, self.limit = self.limit, 0
        for name in [name for name, held in self._arrays.items() if isinstance(held, np.ndarray)]:
            self.put(name, self._arrays[name])
        self.limit = limit
        give_back_freed_memory()

    def names(self) -> list[str]:
        """Names of all arrays, sorted."""
        return sorted(self._arrays)

    def adopt(self, names: Iterable[str]) -> None:
        """Take the files that an earlier store left in the directory under these names."""
        for name in names:
            self._arrays[name] = self.directory / f"{name}.npy"

    def drop(self, name: str) -> None:
        """Forget `name`, if it is there."""
        held = self._arrays.pop(name, None)
        if isinstance(held, np.ndarray):
            with self._lock:
                self.held -= held.nbytes
        elif held is not None:
            held.unlink(missing_ok=True)
