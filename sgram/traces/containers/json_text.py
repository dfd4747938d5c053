"""Rows of JSON text, whatever its suffix: one record a line, an array, a document, or values one after another.

Lines are read one by one. A document is parsed whole up to `Caps.max_line_bytes`; beyond that an array, objects one
after another, and the list of a wrapper are read element by element.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from sgram.errors import InputError
from sgram.safe_reading import BlockReader, Caps, DamagedInputError, Line, iter_lines
from sgram.traces.containers.container import Container, open_stream
from sgram.traces.containers.inspect_json import is_inspect_log, iter_document
from sgram.traces.containers.json_scanner import JsonEndError, JsonScanner
from sgram.traces.containers.json_shapes import (
    WRAPPER_KEYS,
    Element,
    document_fields,
    open_document,
    open_line,
    with_document,
)
from sgram.traces.containers.json_values import (
    DEEP_FAULT,
    fault_of,
    is_too_deep,
    loads,
    may_be_deep,
    with_long_integers,
)
from sgram.traces.rows import InputFile, Row

_SPACE = b" \t\r\n"
_NESTED = frozenset({dict, list})
_MAX_FIELD_BYTES = 1 << 16
"""Bytes of a wrapper's other fields that are parsed, if the wrapper is read in parts."""


class _ReplayedStream:
    """Stream whose first blocks were read already, with the damage that followed them, if any."""

    def __init__(self, blocks: list[bytes], damage: DamagedInputError | None, stream: BlockReader):
        self._blocks, self._damage, self._stream = blocks[::-1], damage, stream

    def read(self) -> bytes:
        """Return the next block; raise `DamagedInputError` where damage begins."""
        if self._blocks:
            return self._blocks.pop()
        if self._damage:
            raise self._damage
        return self._stream.read()


class _Beginning:
    """The first bytes of a stream, as many as were asked for."""

    def __init__(self, stream: BlockReader):
        self._stream = stream
        self._blocks: list[bytes] = []
        self.size = 0
        self.is_whole = False
        """Whether the stream has no more bytes."""
        self.damage: DamagedInputError | None = None

    def read_to(self, size: int) -> None:
        """Read until there are more than `size` bytes, or no more."""
        while self.size <= size and not self.is_whole and self.damage is None:
            try:
                block = self._stream.read()
            except DamagedInputError as error:
                self.damage = error
                return
            self.is_whole = not block
            if block:
                self._blocks.append(block)
                self.size += len(block)

    def read_line(self, cap: int) -> bytes | None:
        """Return the first line that is not blank, without its end; None if it is longer than `cap`."""
        while True:
            text = self.bytes.lstrip(_SPACE)
            end = text.find(b"\n")
            if end >= 0 or self.is_whole or self.damage is not None:
                line = text[:end] if end >= 0 else text
                return line if len(line) <= cap else None
            if len(text) > cap:
                return None
            self.read_to(max(self.size, min(2 * self.size, cap)))

    @property
    def bytes(self) -> bytes:
        """The bytes read so far, without a byte order mark."""
        if len(self._blocks) > 1:
            self._blocks = [b"".join(self._blocks)]
        return self._blocks[0].removeprefix(b"\xef\xbb\xbf") if self._blocks else b""

    def replay(self) -> BlockReader:
        """Return the stream from its first byte."""
        return _ReplayedStream(list(self._blocks), self.damage, self._stream)


def iter_json(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of JSON text. A row that is not valid JSON carries a fault.

    Raise `InputError` if the file cannot be opened, or is one document over the cap that cannot be read in parts.
    """
    with open_stream(file, caps) as stream:
        beginning = _Beginning(stream)
        line = beginning.read_line(caps.max_line_bytes)
        if beginning.bytes.lstrip(_SPACE)[:1] not in (b"{", b"[") or (line is not None and _is_json(line)):
            yield from _line_rows(beginning.replay(), caps)
            return
        beginning.read_to(caps.max_line_bytes)
        if beginning.is_whole and beginning.size <= caps.max_line_bytes + 3:
            try:
                value, n_missing = loads(beginning.bytes)
            except orjson.JSONDecodeError:
                pass
            else:
                yield from _document_rows(value, n_missing, beginning.bytes, caps)
                return
        parts = _parts(beginning, caps, file.name)
        yield from _line_rows(beginning.replay(), caps) if parts is None else parts


def _is_json(line: bytes) -> bool:
    try:
        loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


# -- lines --------------------------------------------------------------------------------------------------------


def _line_rows(stream: BlockReader, caps: Caps) -> Iterator[Row]:
    """Yield the rows of each line that is not blank. A value on the only line may be a document."""
    lines = iter_lines(stream, caps)
    first, second = _next_row(lines), _next_row(lines)
    if first is None:
        return
    if second is None and first.fault == DEEP_FAULT:  # perhaps only one of its rows is
        first = first._replace(record=loads(first.data or b"null")[0], fault="")
    if second is None and not first.fault:
        yield from _document_rows(first.record, first.n_missing, first.data or b"", caps, first)
        return
    yield from _open_row(first)
    if second is not None:
        yield from _open_row(second)
    for line in lines:
        number, offset, data, fault = line
        try:
            record = None if fault else with_long_integers(orjson.loads(data), data)
        except orjson.JSONDecodeError:
            record = None
        if type(record) is dict and _NESTED.isdisjoint(map(type, record.values())):
            yield Row(number, offset, record, "", data)  # most lines: one flat record
        elif type(record) is dict and not may_be_deep(data):
            yield from _open_row(Row(number, offset, record, "", data))
        elif (row := _line_row(line)) is not None:
            yield from _open_row(row)


def _next_row(lines: Iterator[Line]) -> Row | None:
    """Return the next line that is not blank as a row, parsed; None at the end."""
    return next((row for line in lines if (row := _line_row(line)) is not None), None)


def _line_row(line: Line) -> Row | None:
    """Return a line as a row, parsed; None if it is blank."""
    number, offset, data, fault = line
    if fault:
        return Row(number, offset, None, fault, data)
    return _parse(number, offset, data) if data and not data.isspace() else None


def _open_row(row: Row) -> Iterator[Row]:
    """Yield the rows of a line."""
    elements = None if row.fault else open_line(row.record)
    if elements is None:
        yield row
    elif len(elements) == 1 and type(row.record) is list:
        yield row._replace(record=elements[0].record)
    else:
        for number, (record, fault) in enumerate(elements, 1):
            n_missing = row.n_missing if number == 1 else 0
            yield Row(row.line, row.byte, record, fault, None, number, n_missing=n_missing)


def _parse(number: int, offset: int, data: bytes) -> Row:
    try:
        record, n_missing = loads(data)
    except orjson.JSONDecodeError as error:
        return Row(number, offset, None, fault_of(error), data)
    if may_be_deep(data) and is_too_deep(record):
        return Row(number, offset, None, DEEP_FAULT, data)
    return Row(number, offset, record, "", data, None, "", n_missing)


# -- documents ----------------------------------------------------------------------------------------------------


def _document_rows(value: Any, n_missing: int, data: bytes, caps: Caps, row: Row | None = None) -> Iterator[Row]:
    """Yield the rows of a value that is all that a file holds; `row` is that value on one line."""
    if type(value) is dict and is_inspect_log(value):
        yield from iter_document(value, caps)
        return
    elements = open_document(value)
    can_be_deep = may_be_deep(data)
    if elements is None:
        checked = _checked(Element(value), can_be_deep)
        whole = row or Row(1, None, None, n_missing=n_missing)
        yield whole._replace(record=checked.record, fault=checked.fault)
        return
    is_one = len(elements) == 1
    for number, element in enumerate(elements, 1):
        opened = None if element.fault else open_line(element.record)
        for index, inner in enumerate(opened or [element], 1):
            checked = _checked(inner, can_be_deep)
            if row is not None:  # the number of the element, however it was opened
                place = None if is_one else number
                yield Row(row.line, row.byte, *checked, element=place, n_missing=n_missing)
            else:
                yield Row(number, None, *checked, element=None if opened is None else index, n_missing=n_missing)
            n_missing = 0


def _checked(element: Element, can_be_deep: bool) -> Element:
    """Return an element of a document, or its fault if it is nested too deeply."""
    if can_be_deep and not element.fault and is_too_deep(element.record):
        return Element(None, DEEP_FAULT)
    return element


# -- parts of what is no line and too large or too damaged for one document ------------------------------------------


def _parts(beginning: _Beginning, caps: Caps, name: str) -> Iterator[Row] | None:
    """Return the rows of an array, of values one after another, or of a wrapper, read in parts; None if it is neither.

    Raise `InputError` for one document over the cap.
    """
    text = beginning.bytes.lstrip(_SPACE)
    if text[:1] == b"[":
        if not _is_array_of_rows(text):
            return None
        return array_rows(JsonScanner(beginning.replay(), caps.max_line_bytes), caps)
    if _is_sequence_of_rows(text, caps.max_line_bytes):
        return _sequence_rows(JsonScanner(beginning.replay(), caps.max_line_bytes), caps)
    if beginning.is_whole and beginning.size <= caps.max_line_bytes:
        return None
    return _wrapper_rows(beginning, caps, name)


def _is_array_of_rows(text: bytes) -> bool:
    """Return whether text is an array as far as it goes, whose first element is an object or array."""
    scanner = JsonScanner(_ReplayedStream([text], None, _Nothing()), len(text))
    first = None
    try:
        for _, data in scanner.iter_array():
            if first is None:
                first = data or b""
                if first[:1] not in (b"{", b"[") or not _is_json(first):
                    return False
    except JsonEndError:
        return first is not None and not scanner.peek()
    return first is not None


def _is_sequence_of_rows(text: bytes, cap: int) -> bool:
    """Return whether text is objects one after another as far as it goes, on several lines or several on a line."""
    scanner = JsonScanner(_ReplayedStream([text], None, _Nothing()), cap)
    first = None
    try:
        while separator := scanner.peek():
            if first is None:
                first = scanner.take() or b""
                if not _is_json(first) or (b"\n" not in first and scanner.peek() != b"{"):
                    return False
            elif separator == b"{":
                scanner.take()
            elif separator == b",":
                scanner.read_byte()
            else:
                return False
    except JsonEndError:
        return first is not None and not scanner.peek()
    return first is not None


class _Nothing:
    """Stream without bytes."""

    def read(self) -> bytes:
        """Return nothing."""
        return b""


def array_rows(scanner: JsonScanner, caps: Caps, others: Mapping[str, Any] | None = None) -> Iterator[Row]:
    """Yield the elements of an array as rows, each with the `others` fields of its wrapper."""
    number, shared = 0, document_fields(others or {})
    try:
        for number, (offset, data) in enumerate(scanner.iter_array(), 1):
            yield from _element_rows(number, offset, data, caps, shared)
    except (JsonEndError, DamagedInputError) as error:
        yield _last_row(number + 1, scanner.offset, error)


def _sequence_rows(scanner: JsonScanner, caps: Caps) -> Iterator[Row]:
    """Yield the values that stand one after another, each with the number of its first line."""
    line, offset = 1, 0
    try:
        while separator := scanner.peek():
            line, offset = scanner.line, scanner.offset
            if separator == b",":
                scanner.read_byte()
            elif separator == b"{":
                yield from _element_rows(line, offset, scanner.take(), caps, {})
            else:
                raise JsonEndError("something else than an object follows")
    except (JsonEndError, DamagedInputError) as error:
        yield _last_row(line, offset, error)


def _last_row(number: int, offset: int, error: Exception) -> Row:
    reason = str(error) if isinstance(error, DamagedInputError) else f"not valid JSON: {error}"
    return Row(number, offset, None, f"{reason}; the rest is not read")


def _element_rows(number: int, offset: int, data: bytes | None, caps: Caps, shared: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the rows of one element, given as the bytes that stand at `offset`; None is over the cap."""
    if data is None:
        yield Row(number, offset, None, f"longer than the cap of {caps.max_line_bytes} bytes a row")
        return
    row = _parse(number, offset, data)
    elements = None if row.fault else open_line(row.record)
    if elements is None:
        yield row._replace(record=with_document(row.record, shared))
        return
    is_one = len(elements) == 1 and type(row.record) is list
    for index, (record, fault) in enumerate(elements, 1):
        n_missing = row.n_missing if index == 1 else 0
        yield Row(
            number, offset, with_document(record, shared), fault, None, None if is_one else index, n_missing=n_missing
        )


def _wrapper_rows(beginning: _Beginning, caps: Caps, name: str) -> Iterator[Row] | None:
    """Return the rows of a document over the cap whose list of rows can be read in parts; None if it is no document.

    Raise `InputError` for another document over the cap.
    """
    scanner = JsonScanner(beginning.replay(), caps.max_line_bytes)
    outer_fields: dict[str, Any] = {}
    try:
        scanner.read_byte()
        while scanner.peek() == b'"':
            key = loads(scanner.take() or b"null")[0]
            if scanner.read_byte() != b":":
                return None
            if scanner.peek() == b"[" and key in WRAPPER_KEYS:
                return array_rows(scanner, caps, outer_fields)
            data = scanner.take()
            if data is None or scanner.offset > caps.max_line_bytes:
                raise InputError(
                    f"{name} is one JSON document of more than {caps.max_line_bytes} bytes; save its rows as JSONL"
                )
            if len(data) <= _MAX_FIELD_BYTES:
                outer_fields[str(key)] = loads(data)[0]
            if scanner.read_byte() != b",":
                return None
    except (JsonEndError, DamagedInputError, orjson.JSONDecodeError):
        return None
    return None


LINES = Container(
    "lines",
    (".jsonl", ".ndjson"),
    "one JSON object a line; what most tools write",
    iter_json,
    lambda head: head.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)[:1] in (b"{", b"["),
)
JSON = Container(
    "json",
    (".json",),
    "a JSON document: an array, a wrapper such as `data`, `rows` or `request_states`, a table of columns and data, an "
    "object of lists or of objects, or objects one after another; from web servers, pandas, W&B, HELM, OpenCompass",
    iter_json,
    LINES.recognizes,
)
