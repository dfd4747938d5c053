"""Sizes that the footer and the page headers of a Parquet file declare, read without decompressing anything.

The footer may say anything; a reader allocates what the page headers say. So caps are held against these. Both are read
here, because functions of pyarrow that describe a footer can end the process if it is damaged.
"""

import os
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

_HEADER_BYTES = 1 << 12
_MAX_HEADER_BYTES = 1 << 20
"""Bytes of one page header; statistics in it may hold long values."""
_DICTIONARY_PAGE = 2
_DATA_PAGES = {0: 5, 3: 8}
"""Type of a data page -> field of the page header that describes it."""
_DICTIONARY_ENCODINGS = (2, 8)
_DELTA_BYTE_ARRAY = 7
_MAX_DEPTH = 16


@dataclass(slots=True)
class ColumnPages:
    """What the pages of one column of a row group hold."""

    inflated: int = 0
    """Bytes of all pages, decompressed."""
    largest: int = 0
    """Bytes of the largest page, decompressed."""
    n_values: int = 0
    dictionary: int = 0
    """Bytes of the dictionary page, decompressed; 0 if there is none."""
    dictionary_start: int = 0
    """Bytes from the start of the chunk to the dictionary."""
    dictionary_stored: int = 0
    """Bytes of the dictionary page as stored."""
    n_dictionary_values: int = 0
    """Values in pages that refer to the dictionary."""
    has_shared_prefixes: bool = False
    """Whether values may begin with the value before them, so that they are larger than their page."""


class Chunk(NamedTuple):
    """One column of one row group, as the footer describes it."""

    path: str
    start: int
    """Byte at which its first page begins."""
    stored: int
    n_values: int
    width: int
    """Bytes of a value, if all values have the same number; else 0."""
    is_repeated: bool
    """Whether a row may have several values."""
    codec: str


_WIDTHS = {0: 1, 1: 4, 2: 8, 3: 8, 4: 4, 5: 8}
_CODECS = {0: "", 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_REPEATED = 2


class _Compact:
    """Reader of Thrift's compact protocol, as far as footers and page headers need it."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            self.at += 1
            return None
        if kind in (4, 5, 6):
            number = self._varint()
            return (number >> 1) ^ -(number & 1)
        if kind == 7:
            self.at += 8
            return None
        if kind == 8:
            size = self._varint()
            value = self.data[self.at : self.at + size]
            self.at += size
            if self.at > len(self.data):
                raise IndexError
            return value
        if kind in (9, 10):
            head = self.data[self.at]
            self.at += 1
            size = head >> 4 if head >> 4 != 15 else self._varint()
            if size > len(self.data):
                raise ValueError("a list is too long")
            return [self._element(head & 15, depth + 1) for _ in range(size)]
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError(f"unknown type {kind}")

    def _element(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):  # in a list, a boolean has a byte of its own
            self.at += 1
            return self.data[self.at - 1] == 1
        return self._value(kind, depth)

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the values of the struct that begins here by their field numbers."""
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while True:
            head = self.data[self.at]
            self.at += 1
            if head & 15 == 0:
                return fields
            if head >> 4:
                number += head >> 4
            else:
                zigzag = self._varint()
                number = (zigzag >> 1) ^ -(zigzag & 1)
            fields[number] = self._value(head & 15, depth)


def read_footer(file: BinaryIO) -> list[list[Chunk]]:
    """Return the columns of each row group of a Parquet file. Raise `ValueError` if its footer is not valid."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 8))
    tail = file.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > size - 12:
        raise ValueError("it has no footer of Parquet")
    file.seek(size - 8 - length)
    try:
        footer = _Compact(file.read(length)).struct()
        leaves = _leaves(footer[2])
        return [[_chunk(column, leaves) for column in group[1]] for group in footer.get(4, [])]
    except (IndexError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"the footer is damaged ({type(error).__name__})") from None


def _leaves(elements: list[dict[int, Any]]) -> dict[str, bool]:
    """Return path of each column of a schema -> whether a row may have several values of it."""
    leaves: dict[str, bool] = {}
    parents: list[tuple[str, bool, int]] = []
    """Path, whether it is repeated, and how many children are still to come."""
    for element in elements[1:]:
        while parents and not parents[-1][2]:
            parents.pop()
        prefix, is_repeated, n_left = parents[-1] if parents else ("", False, 0)
        if parents:
            parents[-1] = prefix, is_repeated, n_left - 1
        path = f"{prefix}{element[4].decode()}"
        is_repeated |= element.get(3) == _REPEATED
        if element.get(5):
            parents.append((f"{path}.", is_repeated, element[5]))
        else:
            leaves[path] = is_repeated
    return leaves


def _chunk(column: dict[int, Any], leaves: dict[str, bool]) -> Chunk:
    details = column[3]
    if not all(type(details.get(field, 0)) is int for field in (1, 4, 5, 7, 9, 11)):
        raise TypeError("a number is missing")
    path = ".".join(name.decode() for name in details[3])
    starts = [start for start in (details[9], details.get(11, 0)) if start > 0]
    return Chunk(
        path,
        min(starts, default=0),
        details[7],
        details[5],
        _WIDTHS.get(details[1], 0),
        leaves.get(path, True),
        _CODECS.get(details[4], "unknown"),
    )


def read_column_pages(file: BinaryIO, chunk: Chunk) -> ColumnPages:
    """Return the sizes of the pages of a column chunk. Raise `ValueError` if a page header is not valid."""
    pages = ColumnPages()
    at = start = chunk.start
    while at < start + chunk.stored and pages.n_values < chunk.n_values:
        header, size = _read_header(file, at)
        kind, inflated, compressed = (header.get(field) for field in (1, 2, 3))
        if type(kind) is not int or type(inflated) is not int or type(compressed) is not int:
            raise ValueError("a page header is damaged")
        if inflated < 0 or compressed < 0:
            raise ValueError("a page has a negative size")
        pages.inflated += inflated
        pages.largest = max(pages.largest, inflated)
        if kind == _DICTIONARY_PAGE:
            pages.dictionary, pages.dictionary_stored = inflated, compressed
            pages.dictionary_start = at - start + size
        elif kind in _DATA_PAGES:
            details = header.get(_DATA_PAGES[kind])
            if not isinstance(details, dict) or not isinstance(details.get(1), int) or details[1] < 0:
                raise ValueError("a page does not say how many values it has")
            pages.n_values += details[1]
            encoding = details.get(2 if kind == 0 else 4)
            if encoding in _DICTIONARY_ENCODINGS:
                pages.n_dictionary_values += details[1]
            pages.has_shared_prefixes |= encoding == _DELTA_BYTE_ARRAY
        at += size + compressed
    return pages


def _read_header(file: BinaryIO, at: int) -> tuple[dict[int, Any], int]:
    """Return (page header at byte `at`, its size)."""
    size = _HEADER_BYTES
    while True:
        file.seek(at)
        data = file.read(size)
        reader = _Compact(data)
        try:
            return reader.struct(), reader.at
        except IndexError:
            if len(data) < size or size >= _MAX_HEADER_BYTES:
                raise ValueError("a page header is cut short") from None
            size = _MAX_HEADER_BYTES
