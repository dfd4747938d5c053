"""Reading of untrusted files: size limits, decompression in bounded memory, numbered lines."""

import bz2
import io
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast

import zstandard

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.stored_copies import StoredCopy
from sgram.urls import is_url, open_url, printable_name

BLOCK = 1 << 20
"""Bytes read at a time, and the size of decompressed data from which the ratio cap applies."""
_BUFFER = 1 << 17
_GZIP_BLOCK = 1 << 16
_ZSTD_BLOCK = 1 << 10  # zstandard cannot bound what one call decompresses: 1 KiB gives at most 32 MiB
_MAX_WINDOW = 1 << 27
"""Bytes that a zstd or xz decompressor may hold; what xz -9 writes needs half of it."""
_EXCERPT_BYTES = 800
"""Bytes of an unusable line that are handed out for its excerpt."""
_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    *((bytes([first]) + b"*M\x18", "zstd") for first in range(0x50, 0x60)),  # skippable frames
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
)
_UNSUPPORTED = (
    (b"PK\x03\x04", "a zip archive; unpack it first (unzip)"),
    (b"PAR1", "Parquet; give it a name that ends in .parquet"),
    *((mark, "UTF-16; convert it first (iconv -f UTF-16 -t UTF-8)") for mark in (b"\xff\xfe", b"\xfe\xff")),
    *((b"\x80" + bytes([version]), "a pickle, which can run code; save JSONL") for version in range(2, 6)),
)


def find_compression(head: bytes) -> str:
    """Return the compression of data by their first bytes: gzip, zstd, bzip2, xz, or empty if there is none.

    >>> find_compression(b"BZh91AY&SY"), find_compression(b"{}")
    ('bzip2', '')
    """
    return next((kind for magic, kind in _COMPRESSIONS if head.startswith(magic)), "")


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits for untrusted input."""

    max_line_bytes: int = 64 << 20
    """Largest line, in bytes without its line end."""
    max_inflation: float = 200
    """Largest ratio of decompressed to compressed bytes, checked after the first MiB of decompressed data."""
    max_inflated_bytes: int = 64 << 30
    """Largest decompressed size of one input, in bytes."""
    max_text_chars: int = 10_000_000
    """Largest text of one trace, in characters."""


class DamagedInputError(InputError):
    """Damage or a passed cap inside an input; everything read before it is valid."""


class BlockReader(Protocol):
    """Anything that reads blocks of bytes until an empty one."""

    def read(self) -> bytes:
        """Return the next block, empty at the end; raise `DamagedInputError` where damage begins."""


class _Decompressor(Protocol):
    """The part of a `zlib` decompressor that salvaging uses."""

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


class RawFile(Protocol):
    """The part of a buffered binary file that `InputStream` reads."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, fewer only at the end."""

    def read1(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, perhaps fewer; none only at the end."""


class InputStream:
    """Counting reader of one input: plain, gzip, zstd, bzip2 or xz by its first bytes, unpacked in bounded memory.

    Raise `InputError` if the first bytes are those of a format that is no text, unless `is_text` is false.

    >>> import gzip, io
    >>> stream = InputStream(io.BytesIO(gzip.compress(b"wait")), "example.gz", Caps())
    >>> stream.compression, stream.read(), stream.bytes_out
    ('gzip', b'wait', 4)
    """

    def __init__(self, raw: RawFile, name: str, caps: Caps, is_text: bool = True):
        self.name, self.bytes_read, self.bytes_out = name, 0, 0
        """`bytes_read` counts bytes as stored, `bytes_out` bytes as returned."""
        self._raw, self._caps, self._fault = raw, caps, ""
        head = raw.read(6)
        unsupported = next((format_name for magic, format_name in _UNSUPPORTED if head.startswith(magic)), "")
        if unsupported and is_text:
            raise InputError(f"{name} is {unsupported}")
        self.compression = find_compression(head)
        unpack = {"": self._plain, "gzip": self._gunzip, "zstd": self._unzstd}.get(self.compression, self._unpack)
        self._blocks = unpack(head)

    def read(self) -> bytes:
        """Return the next block, empty at the end.

        Raise `DamagedInputError` where damage begins or a cap is passed, then and from then on.
        """
        if self._fault:
            raise DamagedInputError(self._fault)
        try:
            block = next(self._blocks, b"")
        except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError) as error:
            # bz2 reports corrupt data as an OSError without a number
            is_corrupt = not isinstance(error, OSError) or (self.compression == "bzip2" and error.errno is None)
            fault = f"corrupt {self.compression} data" if is_corrupt else "reading fails"
            self._fault = f"{fault} after byte {self.bytes_out}: {error}"
            raise DamagedInputError(self._fault) from None
        except DamagedInputError as error:  # of the archive that the input is in
            self._fault = str(error)
            raise
        self.bytes_out += len(block)
        if self.compression:
            self._fault = self._check_caps()
        return block

    def _check_caps(self) -> str:
        caps, advice = self._caps, "unpack it yourself if you trust it"
        if self.bytes_out > caps.max_inflated_bytes:
            return f"inflates past the cap of {caps.max_inflated_bytes} bytes; {advice}"
        if self.bytes_out > BLOCK and self.bytes_out > caps.max_inflation * self.bytes_read:
            return f"inflates more than {caps.max_inflation:g} times, as a bomb does; {advice}"
        return ""

    def _plain(self, head: bytes) -> Iterator[bytes]:
        while head:
            self.bytes_read += len(head)
            yield head
            head = self._raw.read1(BLOCK)

    def _gunzip(self, data: bytes) -> Iterator[bytes]:
        member = zlib.decompressobj(31)
        while data:
            before = member.copy()
            try:
                block = member.decompress(data, BLOCK)
            except zlib.error:
                yield from _salvage(before, data)
                raise
            unread = member.unconsumed_tail or member.unused_data
            self.bytes_read += len(data) - len(unread)
            if block:
                yield block
            data = unread or self._raw.read1(_GZIP_BLOCK)
            while member.eof and data:
                data = data.lstrip(b"\0")  # padding between members, as gzip allows
                if data:
                    member = zlib.decompressobj(31)
                else:
                    data = self._raw.read1(_GZIP_BLOCK)
        if not member.eof:
            raise zlib.error("the file is cut short")

    def _unzstd(self, data: bytes) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        frame = decompressor.decompressobj()
        while data:
            if frame.eof:
                frame = decompressor.decompressobj()
            block = frame.decompress(data)
            unread = frame.unused_data
            self.bytes_read += len(data) - len(unread)
            if block:
                yield block
            data = unread or self._raw.read(_ZSTD_BLOCK)
        if not frame.eof:
            raise zstandard.ZstdError("the file is cut short")

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        """Yield the content of bzip2 or xz data: streams one after another, with padding of zeros between them."""

        def start() -> bz2.BZ2Decompressor | lzma.LZMADecompressor:
            is_bzip2 = self.compression == "bzip2"
            return bz2.BZ2Decompressor() if is_bzip2 else lzma.LZMADecompressor(lzma.FORMAT_XZ, _MAX_WINDOW)

        member = start()
        while data or not member.needs_input:
            if member.eof:
                data = data.lstrip(b"\0")
                if data:
                    member = start()
            else:
                if block := member.decompress(data, BLOCK):
                    yield block
                self.bytes_read += len(data) - len(member.unused_data)
                data = member.unused_data
            if not data and (member.eof or member.needs_input):
                data = self._raw.read1(_GZIP_BLOCK)
                if not data:
                    break
        if not member.eof:
            raise lzma.LZMAError("the file is cut short")


def _salvage(member: _Decompressor, data: bytes) -> Iterator[bytes]:
    """Yield what `data` decompresses to before the damage in it, byte by byte."""
    for offset in range(len(data)):
        try:
            block = member.decompress(data[offset : offset + 1])
        except zlib.error:
            return
        if block:
            yield block


class _Snapshot(io.FileIO):
    """File of which only the first `size` bytes are read, by default as many as it has when it is opened.

    What is appended later is not read. Reading raises `InputError` if the file has become shorter. Pipes and devices
    have no size and are read to their end.
    """

    def __init__(self, path: str | os.PathLike[str], size: int | None = None):
        super().__init__(path)
        status = os.fstat(self.fileno())
        is_regular = stat.S_ISREG(status.st_mode)
        self._size = None if not is_regular else status.st_size if size is None else size
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a place and return it; the end is that of the snapshot."""
        if whence == os.SEEK_END and self._size is not None:
            offset, whence = self._size + offset, os.SEEK_SET
        self._at = super().seek(offset, whence)
        return self._at

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer` and return the number of bytes, 0 at the end of the snapshot."""
        if self._size is None:
            return super().readinto(buffer)
        window = memoryview(buffer)[: max(0, self._size - self._at)]
        if not window:
            return 0
        n_read = super().readinto(window) or 0
        if not n_read:
            raise InputError(
                f"{excerpt(os.fspath(self.name), 1000)} shrank from {self._size} to "
                f"{os.fstat(self.fileno()).st_size} bytes while it was read; read it again when nothing writes to it"
            )
        self._at += n_read
        return n_read

    def readall(self) -> bytes:
        """Return the rest of the snapshot."""
        blocks = []
        block = bytearray(_BUFFER)
        while n_read := self.readinto(block):
            blocks.append(bytes(block[:n_read]))
        return b"".join(blocks)


@contextmanager
def open_raw(path: str | os.PathLike[str] | StoredCopy, size: int | None = None) -> Iterator[io.BufferedIOBase]:
    """Yield the file `path`, or stdin for ``-``, as stored: its first `size` bytes, by default those it has now.

    In place of a path, a URL or a copy of a stream may be given. Raise `InputError` if it cannot be opened; reading
    raises it if the file shrinks.

    >>> from sgram.files import data_path
    >>> with open_raw(data_path("moves.json")) as file:
    ...     file.read(1)
    b'{'
    """
    if isinstance(path, StoredCopy):
        with path.open() as copy:
            yield copy
        return
    if isinstance(path, str) and is_url(path):
        with open_url(path) as file:
            yield file
        return
    if os.fspath(path) == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed; name a file")
        # typeshed promises less than CPython gives: the buffer is a BufferedReader
        yield cast(io.BufferedIOBase, sys.stdin.buffer)
        return
    try:
        raw = io.BufferedReader(_Snapshot(path, size), _BUFFER)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {excerpt(path)}: {reason}; check the path") from error
    with raw:
        yield raw


@contextmanager
def open_input(
    path: str | os.PathLike[str], caps: Caps | None = None, size: int | None = None
) -> Iterator[InputStream]:
    """Yield an `InputStream` over the file or URL `path`, or over stdin for ``-``.

    The first `size` bytes of a file are read, by default as many as it has when it is opened. Raise `InputError` if it
    cannot be opened; reading raises it if the file shrinks.

    >>> from sgram.files import data_path
    >>> with open_input(data_path("moves.json")) as stream:
    ...     print(stream.compression == "", stream.read()[:1])
    True b'{'
    """
    with open_raw(path, size) as raw:
        yield InputStream(raw, printable_name(path), caps or Caps())


class StreamFile(io.RawIOBase):
    """Binary file over a reader of blocks, for libraries that read files.

    >>> import io
    >>> stream = InputStream(io.BytesIO(b"wait"), "example", Caps())
    >>> io.BufferedReader(StreamFile(stream)).read()
    b'wait'
    """

    def __init__(self, stream: BlockReader):
        super().__init__()
        self._stream, self._block = stream, memoryview(b"")

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end."""
        if not self._block:
            self._block = memoryview(self._stream.read())
        n_read = min(len(buffer), len(self._block))
        buffer[:n_read], self._block = self._block[:n_read], self._block[n_read:]
        return n_read


class Line(NamedTuple):
    """One line of an input: number from 1, byte offset in the decompressed input, bytes without the line end."""

    number: int
    offset: int
    data: bytes
    fault: str = ""
    """Why the line is unusable, or empty; with a fault, `data` is only the line's beginning."""


def iter_lines(stream: BlockReader, caps: Caps | None = None) -> Iterator[Line]:
    r"""Yield the lines of `stream`, which end in LF or CRLF.

    A line over the cap, and the damage that ends the input, are lines with a fault. A byte order mark is removed
    from line 1. A line over the cap is skipped without being held in memory.

    >>> import io
    >>> stream = InputStream(io.BytesIO(b"wait\r\nlet me check\n"), "example", Caps())
    >>> [(line.number, line.offset, line.data) for line in iter_lines(stream)]
    [(1, 0, b'wait'), (2, 6, b'let me check')]
    """
    cap = (caps or Caps()).max_line_bytes
    number, offset, damage = 1, 0, ""
    line_parts: list[bytes] = []
    size = 0
    while True:
        try:
            block = stream.read()
        except DamagedInputError as error:
            block, damage = b"", str(error)
        if not block:
            break
        first, *following = block.split(b"\n")
        size += len(first)
        if size <= cap + 4 or not line_parts:  # 4: room for a byte order mark and a CR
            line_parts.append(first if size <= cap + 4 else first[:_EXCERPT_BYTES])
        if not following:
            continue
        yield _make_line(number, offset, b"".join(line_parts), size, cap)
        number, offset = number + 1, offset + size + 1
        last = following.pop()
        for data in following:
            is_plain = len(data) <= cap and data[-1:] != b"\r"
            yield Line(number, offset, data) if is_plain else _make_line(number, offset, data, len(data), cap)
            number, offset = number + 1, offset + len(data) + 1
        line_parts, size = [last], len(last)
    data = b"".join(line_parts)
    if damage:
        yield Line(number, offset, data[:_EXCERPT_BYTES], damage)
    elif size:
        yield _make_line(number, offset, data, size, cap)


def _make_line(number: int, offset: int, data: bytes, size: int, cap: int) -> Line:
    """Return a line without CR and byte order mark; `size` is its length where `data` is only its beginning."""
    if data[-1:] == b"\r" and len(data) == size:
        data, size = data[:-1], size - 1
    if number == 1 and data[:3] == b"\xef\xbb\xbf":
        data, size = data[3:], size - 3
    if size > cap:
        return Line(number, offset, data[:_EXCERPT_BYTES], f"longer than the cap of {cap} bytes a line")
    return Line(number, offset, data)


def read_bytes(path: str | os.PathLike[str], max_bytes: int, kind: str) -> bytes:
    """Return the content of a file or URL (``-``: stdin), decompressed if it is gzip, zstd, bzip2 or xz.

    Raise `InputError` if the file is damaged or larger than `max_bytes`; the message calls it by its `kind`, such as
    "a lexicon".

    >>> from sgram.files import data_path
    >>> read_bytes(data_path("moves.json"), 1 << 20, "a list of moves")[:1]
    b'{'
    """
    blocks: list[bytes] = []
    size = 0
    with open_input(path) as stream:
        try:
            while block := stream.read():
                size += len(block)
                if size > max_bytes:
                    raise InputError(f"{stream.name} is larger than {max_bytes >> 20} MiB, the limit for {kind}")
                blocks.append(block)
        except DamagedInputError as error:
            raise InputError(f"{stream.name}: {error}") from None
    return b"".join(blocks)
