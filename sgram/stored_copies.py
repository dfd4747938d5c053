"""Copies on disk of what can be read only once, so that it can be read again, and from any place."""

import io
import os
import tempfile
import weakref
from typing import Any, Protocol

from sgram.errors import InputError

_BUFFER = 1 << 17


class Blocks(Protocol):
    """Anything that reads blocks of bytes until an empty one."""

    def read(self) -> bytes:
        """Return the next block, empty at the end."""


class StoredCopy:
    """Copy of a stream in a temporary file without a name: the system deletes it with the last reference to it.

    Nothing is left even if the process is killed. Every `open` reads from the beginning, independently of the others.

    >>> import io
    >>> blocks = iter([b"wait, ", b"so", b""])
    >>> class Pipe:
    ...     def read(self): return next(blocks)
    >>> copy = StoredCopy(Pipe(), "stdin")
    >>> with copy.open() as first, copy.open() as second:
    ...     copy.size, first.read(), second.read(4)
    (8, b'wait, so', b'wait')
    """

    def __init__(self, blocks: Blocks, name: str):
        """Copy `blocks`, which messages call `name`. Raise `InputError` if the disk is full."""
        self.size = 0
        """Bytes of the copy."""
        try:
            file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
        except OSError as error:
            raise _no_space(name, error) from error
        weakref.finalize(self, file.close)
        while block := blocks.read():
            try:
                view = memoryview(block)
                while view:
                    view = view[file.write(view) :]
            except OSError as error:
                file.close()
                raise _no_space(name, error) from error
            self.size += len(block)
        self.descriptor = file.fileno()
        """Descriptor of the file."""

    @property
    def path(self) -> str:
        """A path of the copy in this process, for libraries that open files themselves."""
        return f"/dev/fd/{self.descriptor}"

    def open(self) -> io.BufferedReader:
        """Return a binary file that reads the copy from its beginning."""
        return io.BufferedReader(_CopyReader(self), _BUFFER)


def _no_space(name: str, error: OSError) -> InputError:
    return InputError(
        f"cannot copy {name} into a temporary file in {tempfile.gettempdir()}: {error.strerror}; free space there, or "
        "set TMPDIR to another folder"
    )


class _CopyReader(io.RawIOBase):
    """Reader of a copy with a position of its own."""

    def __init__(self, copy: StoredCopy):
        super().__init__()
        self._copy, self._at = copy, 0

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a place, which may be behind the end, and return it."""
        self._at = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._copy.size}[whence] + offset
        return self._at

    def tell(self) -> int:
        """Return the place from which is read next."""
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end."""
        data = os.pread(self._copy.descriptor, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)
