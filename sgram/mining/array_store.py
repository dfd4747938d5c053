"""Named numpy arrays: in memory up to a limit, in scratch files beyond it."""

import ctypes
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

import numpy as np

from sgram.array_types import AnyArray
from sgram.mining.array_files import ArrayFile


def return_freed_memory() -> None:
    """Ask glibc to return freed pages to the system, which it otherwise keeps. No effect with other C libraries."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class ArrayStore:
    """Named arrays: the first `memory_limit` bytes stay in memory, the rest are files under `directory`.

    Without a directory all arrays stay in memory. The files are scratch: written once, read by the same process,
    deleted by `drop` or by the owner of the directory.

    >>> store = ArrayStore()
    >>> store.put("ids", np.array([7, 8, 9]))
    >>> store.get("ids", 1, 3).tolist()
    [8, 9]
    """

    def __init__(self, directory: Path | None = None, memory_limit: int = 1 << 62) -> None:
        self.directory, self.memory_limit = directory, memory_limit
        self.bytes_in_memory = self.bytes_on_disk = 0
        self._arrays: dict[str, AnyArray | Path | tuple[ArrayFile, str]] = {}
        self._lock = Lock()  # threads put arrays at the same time

    def put(self, name: str, array: AnyArray) -> None:
        """Store `array` under `name`, replacing an earlier array of that name."""
        self.drop(name)
        with self._lock:
            if self.directory is None or self.bytes_in_memory + array.nbytes <= self.memory_limit:
                self._arrays[name] = array
                self.bytes_in_memory += array.nbytes
                return
        path = self._file_path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, np.asarray(array, order="C"), allow_pickle=False)  # `get` reads rows
        self._arrays[name] = path
        with self._lock:
            self.bytes_on_disk += array.nbytes

    def get(self, name: str, start: int = 0, stop: int | None = None) -> AnyArray:
        """Return rows ``[start, stop)`` of the array under `name`, by default all. Raise `KeyError` if missing."""
        array = self._arrays[name]
        if isinstance(array, np.ndarray):
            return array[start:stop]
        if isinstance(array, tuple):
            array_file, name_in_file = array
            return array_file.get(name_in_file, start, stop)
        # The offset is computed from the header, so that a slice costs one seek and no mapping: mapped pages
        # would count as resident memory.
        with array.open("rb") as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):  # np.save writes a later version only for headers above 64 KiB
                raise ValueError(f"{array}: unknown version {version} of the npy format; expected (1, 0)")
            shape, _fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
            stop = shape[0] if stop is None else min(stop, shape[0])
            row_size = int(np.prod(shape[1:], dtype=np.int64))
            file.seek(start * row_size * dtype.itemsize, 1)
            n_rows = max(0, stop - start)
            flat = np.fromfile(file, dtype, n_rows * row_size)
        return flat.reshape(n_rows, *shape[1:])

    def move_to_disk(self) -> None:
        """Write the arrays in memory to disk, so that others can use the memory. No effect without a directory."""
        if self.directory is None:
            return
        memory_limit, self.memory_limit = self.memory_limit, -1  # below 0, so that empty arrays are written too
        for name in list(self._arrays):  # names only: a list of the arrays would hold their memory until the end
            array = self._arrays[name]
            if isinstance(array, np.ndarray):
                self.put(name, array)
        self.memory_limit = memory_limit
        return_freed_memory()

    def names(self) -> list[str]:
        """Return the names of all arrays, sorted."""
        return sorted(self._arrays)

    def adopt_files(self, names: Iterable[str]) -> None:
        """Register the files that an earlier store wrote to the directory under `names`."""
        for name in names:
            self._arrays[name] = self._file_path(name)

    def adopt_array(self, name: str, file: ArrayFile, name_in_file: str) -> None:
        """Register an array of a file of arrays under `name`. The file is only read."""
        self._arrays[name] = (file, name_in_file)

    def drop(self, name: str) -> None:
        """Remove the array under `name`, if there is one."""
        array = self._arrays.pop(name, None)
        if isinstance(array, np.ndarray):
            with self._lock:
                self.bytes_in_memory -= array.nbytes
        elif isinstance(array, Path):
            array.unlink(missing_ok=True)

    def _file_path(self, name: str) -> Path:
        if self.directory is None:
            raise ValueError(f"the array store has no directory for {name!r}; create it with one")
        return self.directory / f"{name}.npy"
