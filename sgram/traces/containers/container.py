"""`Container`: one file format that holds rows, and how its files are opened."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from sgram.errors import InputError
from sgram.safe_reading import Caps, DamagedInputError, InputStream, RawFile, find_compression, open_raw
from sgram.stored_copies import StoredCopy
from sgram.traces.rows import InputFile, Row


def _never(_: bytes) -> bool:
    return False


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """One file format that holds rows.

    The suffix of a file decides which container it is, its first bytes where the suffix is unknown or wrong.
    """

    name: str
    """Name, as `InputFile.kind` has it."""
    suffixes: tuple[str, ...]
    """Suffixes of its files, without those of compression."""
    description: str
    """What it is and who writes it, as one line for the documentation."""
    rows: Callable[[InputFile, Caps], Iterator[Row]]
    """Yields the rows of a file. A damaged row carries a fault; raises `InputError` if the file cannot be read."""
    recognizes: Callable[[bytes], bool] = _never
    """Whether the first 512 bytes of a file, decompressed, are those of the container."""


@contextmanager
def open_stream(file: InputFile, caps: Caps) -> Iterator[InputStream]:
    """Yield the decompressed stream of a file or of the member of an archive; it becomes the file's progress.

    Raise `InputError` if the file cannot be opened.
    """
    if file.raw is not None:
        file.stream = InputStream(cast(RawFile, file.raw), file.name, caps)
        yield file.stream
        return
    with open_raw(file.stored, file.size) as raw:
        file.stream = InputStream(raw, file.name, caps)
        yield file.stream


@contextmanager
def open_seekable(file: InputFile, caps: Caps) -> Iterator[BinaryIO]:
    """Yield a file that can seek, decompressed.

    What is compressed, is a member of an archive or comes from a pipe is first copied to a temporary file without a
    name. Raise `InputError` if the file cannot be opened, is damaged or passes a cap.
    """
    with ExitStack() as stack:
        raw = file.raw or cast(BinaryIO, stack.enter_context(open_raw(file.stored, file.size)))
        if raw.seekable():
            head = raw.read(6)
            raw.seek(0)
            if not find_compression(head):
                yield raw
                return
        stream = InputStream(cast(RawFile, raw), file.name, caps, is_text=False)
        try:
            copy = StoredCopy(stream, file.name)
        except DamagedInputError as error:
            raise InputError(f"{file.name}: {error}") from None
        yield cast(BinaryIO, stack.enter_context(copy.open()))
