"""`JsonScanner`: finds where JSON values end, without parsing them and in bounded memory."""

import re
from collections.abc import Iterator
from contextlib import suppress

from sgram.safe_reading import BlockReader, DamagedInputError

_NOT_SPACE = re.compile(rb"[^ \t\r\n]")
_STRUCTURE = re.compile(rb'["{}\[\]]')
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SCALAR_REST = re.compile(rb'[^ \t\r\n,:{}\[\]"]*')


class JsonEndError(ValueError):
    """The data end in the middle of a value, or something else stands where a value must be."""


class JsonScanner:
    """Reader of the values of JSON text, one after another, as bytes.

    >>> import io
    >>> from sgram.safe_reading import Caps, InputStream
    >>> scanner = JsonScanner(InputStream(io.BytesIO(b'[{"a": "]"}, 2]'), "example", Caps()), 100)
    >>> scanner.read_byte(), scanner.take(), scanner.read_byte(), scanner.take(), scanner.read_byte()
    (b'[', b'{"a": "]"}', b',', b'2', b']')
    """

    def __init__(self, stream: BlockReader, max_value_bytes: int):
        self.line, self.offset = 1, 0
        """Line from 1 and offset of the next byte that is not read yet."""
        self._stream, self._cap = stream, max_value_bytes
        self._buffer, self._at = b"", 0

    def peek(self) -> bytes:
        """Return the next byte that is not white space, and do not consume it; empty at the end.

        Raise `DamagedInputError` where damage begins.
        """
        while True:
            match = _NOT_SPACE.search(self._buffer, self._at)
            if match is not None:
                self._consume(match.start())
                return match[0]
            self._consume(len(self._buffer))
            if not self._fill():
                return b""

    def read_byte(self) -> bytes:
        """Return the next byte that is not white space; empty at the end."""
        byte = self.peek()
        if byte:
            self._consume(self._at + 1)
        return byte

    def take(self) -> bytes | None:
        """Return the next value as it stands; None if it is over the cap, which is skipped without being held.

        Raise `JsonEndError` if there is no whole value, `DamagedInputError` where damage begins.
        """
        first = self.peek()
        if not first or first in b",:]}":
            raise JsonEndError("a value is missing")
        if first in b'{["':
            return self._take_closed()
        parts: list[bytes] = []
        while True:
            match = _SCALAR_REST.match(self._buffer, self._at)
            end = match.end() if match else self._at
            parts.append(self._buffer[self._at : end])
            self._consume(end)
            if end < len(self._buffer) or not self._fill():
                scalar = b"".join(parts)
                return scalar if len(scalar) <= self._cap else None

    def iter_array(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield (offset, bytes) of each element of the array that begins here; bytes are None over the cap.

        Raise `JsonEndError` where the array is not as it must be, `DamagedInputError` where damage begins.
        """
        if self.read_byte() != b"[":
            raise JsonEndError("an array is missing")
        if self.peek() == b"]":
            self.read_byte()
            return
        separator = b","
        while separator != b"]":
            self.peek()
            offset = self.offset
            yield offset, self.take()
            separator = self.read_byte()
            if separator not in (b",", b"]"):
                raise JsonEndError("the array is cut short" if not separator else "a comma is missing in the array")

    def _take_closed(self) -> bytes | None:
        """Return the next string, array or object."""
        parts: list[bytes] = []
        size, depth, in_string = 0, 0, False
        while True:
            end, depth, in_string, is_whole = _scan(self._buffer, self._at, depth, in_string)
            size += end - self._at
            if size <= self._cap:
                parts.append(self._buffer[self._at : end])
            else:
                parts.clear()
            self._consume(end)
            if is_whole:
                return b"".join(parts) if size <= self._cap else None
            if not self._fill():
                raise JsonEndError("a value is cut short")

    def _consume(self, end: int) -> None:
        self.line += self._buffer.count(b"\n", self._at, end)
        self.offset += end - self._at
        self._at = end

    def _fill(self) -> bool:
        """Add a block to the buffer, and drop what was consumed; return whether there was one."""
        block = self._stream.read()
        if not block:
            return False
        is_first = not self.offset and not self._buffer
        self._buffer, self._at = self._buffer[self._at :] + block, 0
        with suppress(DamagedInputError):  # the next block raises it again
            while is_first and len(self._buffer) < 3 and (block := self._stream.read()):
                self._buffer += block
        if is_first and self._buffer.startswith(b"\xef\xbb\xbf"):
            self._consume(3)
        return True


def _scan(buffer: bytes, at: int, depth: int, in_string: bool) -> tuple[int, int, bool, bool]:
    """Return (offset, depth, whether it is inside a string, whether the value ends there) from offset `at` on.

    The offset is where the value ends, or up to where the buffer could be scanned.
    """
    while True:
        if in_string:
            match = _STRING_REST.match(buffer, at)
            at = match.end() if match else at
            if buffer[at : at + 1] != b'"':
                return at, depth, True, False
            at, in_string = at + 1, False
            if not depth:
                return at, depth, False, True
        match = _STRUCTURE.search(buffer, at)
        if match is None:
            return len(buffer), depth, False, False
        at = match.end()
        if match[0] == b'"':
            in_string = True
        elif match[0] in b"{[":
            depth += 1
        else:
            depth -= 1
            if depth <= 0:
                return at, depth, False, True
