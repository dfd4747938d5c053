"""The table of containers, which of them a file is, and the rows of files and of archives' members."""

import io
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

import orjson

from sgram.errors import InputError
from sgram.safe_reading import Caps, DamagedInputError, InputStream
from sgram.traces.containers.archives import is_archive, iter_members
from sgram.traces.containers.arrow_files import ARROW
from sgram.traces.containers.container import Container
from sgram.traces.containers.csv_files import CSV
from sgram.traces.containers.inspect_json import begins_inspect_log, is_inspect_log
from sgram.traces.containers.inspect_logs import INSPECT
from sgram.traces.containers.json_scanner import JsonEndError, JsonScanner
from sgram.traces.containers.json_shapes import is_record, looks_like_rollout, open_document
from sgram.traces.containers.json_text import JSON, LINES
from sgram.traces.containers.json_values import loads
from sgram.traces.containers.parquet import PARQUET
from sgram.traces.rows import InputFile, Row

HEAD_BYTES = 512
"""First bytes of a file that tell what it is."""
JSON_HEAD_BYTES = 1 << 20
"""First bytes of a ``.json`` file that tell whether it holds rollouts."""
_COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
_PACKED_TARS = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}
_OUTPUT_SUFFIXES = (".quarantine.jsonl", ".examples.jsonl")
"""Files that sgram writes beside its outputs; they hold no traces."""


def suffix_of(path: str) -> str:
    """Return the last suffix of a path in lower case, without the suffixes of compression.

    >>> suffix_of("a/Rollouts.JSONL.gz"), suffix_of("run.tgz")
    ('.jsonl', '.tar')
    """
    name = PurePosixPath(path.lower()).name
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    suffix = PurePosixPath(name).suffix
    return _PACKED_TARS.get(suffix, suffix)


def find_container(path: str, head: bytes) -> Container:
    """Return the container of a file by its name and its first bytes, decompressed.

    The suffix decides, the first bytes where the suffix is unknown or wrong.

    >>> find_container("rollouts.jsonl", b'{"text": "so"}').name, find_container("rollouts.jsonl", b"PAR1").name
    ('lines', 'parquet')
    """
    suffix = suffix_of(path)
    by_suffix = next((container for container in CONTAINERS.values() if suffix in container.suffixes), None)
    if by_suffix is INSPECT:
        return INSPECT
    by_bytes = next((container for container in _BINARY if container.recognizes(head)), None)
    if by_bytes is not None:
        return by_bytes
    if by_suffix in (None, LINES, JSON) and INSPECT.recognizes(head):
        return INSPECT
    if by_suffix in (None, *_BINARY, CSV) and LINES.recognizes(head):
        return LINES
    return by_suffix or LINES


def is_readable(name: str) -> bool:
    """Return whether a file of a folder or archive is read, by its name; the content of ``.json`` decides too.

    >>> is_readable("step_1.jsonl"), is_readable("model.safetensors"), is_readable("a.quarantine.jsonl")
    (True, False, False)
    """
    if name.lower().endswith(_OUTPUT_SUFFIXES):
        return False
    suffix = suffix_of(name)
    return suffix in READ_SUFFIXES


def holds_rollouts(head: bytes) -> bool:
    """Return whether JSON text holds rollouts and no settings, by its first bytes (at most `JSON_HEAD_BYTES`).

    >>> holds_rollouts(b'[{"question": "2+2?", "prediction": "4"}]'), holds_rollouts(b'{"lr": 0.1, "seed": 1}')
    (True, False)
    """
    if begins_inspect_log(head):
        return True
    if len(head) < JSON_HEAD_BYTES:
        try:
            value = loads(head.removeprefix(b"\xef\xbb\xbf"))[0]
        except orjson.JSONDecodeError:
            pass
        else:
            return _is_of_rollouts(value)
    return any(map(_is_of_rollouts, _first_values(head)))


def _is_of_rollouts(value: Any) -> bool:
    """Return whether a JSON value is a rollout, or holds some as its rows."""
    if is_inspect_log(value):
        return True
    rows = open_document(value)
    if rows is not None:
        return any(looks_like_rollout(row.record) for row in rows[:10])
    if type(value) is not dict:
        return False
    # one object is more often a setting: names of a prompt and an output are not enough
    return looks_like_rollout({name: child for name, child in value.items() if type(child) is list}) or is_record(value)


def _first_values(head: bytes) -> Iterator[Any]:
    """Yield what is whole of JSON text that may be cut: its first value, or the first elements or rows of it."""
    scanner = JsonScanner(_Head(head), len(head))
    try:
        first = scanner.peek()
        if first == b"[":
            for _, data in scanner.iter_array():
                yield [loads(data or b"null")[0]]
        elif first == b"{":
            yield from _first_children(scanner, head)
    except (JsonEndError, orjson.JSONDecodeError):
        return


def _first_children(scanner: JsonScanner, head: bytes) -> Iterator[Any]:
    """Yield the first object, or its rows so far."""
    try:
        yield loads(scanner.take() or b"null")[0]
        return
    except JsonEndError:
        scanner = JsonScanner(_Head(head), len(head))
    scanner.read_byte()
    fields: dict[str, Any] = {}
    while scanner.peek() == b'"':
        name = loads(scanner.take() or b"null")[0]
        scanner.read_byte()
        if scanner.peek() == b"[":
            rows = []
            try:
                for _, data in scanner.iter_array():
                    rows.append(loads(data or b"null")[0])
            except JsonEndError:
                yield fields | {name: rows}
                return
            fields[name] = rows
        else:
            try:
                fields[name] = loads(scanner.take() or b"null")[0]
            except JsonEndError:
                yield fields
                return
        scanner.read_byte()
    yield fields


class _Head:
    """Stream of one block."""

    def __init__(self, block: bytes):
        self._block = block

    def read(self) -> bytes:
        """Return the block, then nothing."""
        block, self._block = self._block, b""
        return block


# -- rows ---------------------------------------------------------------------------------------------------------


class _Rewound(io.RawIOBase):
    """File whose first bytes were read already."""

    def __init__(self, head: bytes, rest: BinaryIO):
        super().__init__()
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end."""
        size = len(buffer)
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
        else:
            data = self._rest.read(size)
        buffer[: len(data)] = data
        return len(data)


def rewind(head: bytes, rest: BinaryIO) -> BinaryIO:
    """Return a file that reads `head`, then `rest`."""
    return cast(BinaryIO, io.BufferedReader(_Rewound(head, rest)))


def iter_archive(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of the members of a tar or zip archive that are readable; `Row.member` names the member.

    Raise `InputError` if it is no archive, holds nothing to read or another archive, or inflates past a cap.
    """
    n_members, n_inflated, member = 0, 0, ""

    def wants(name: str) -> bool:
        parts = PurePosixPath(name).parts
        if "__MACOSX" in parts or any(part.startswith(".") and part != ".." for part in parts):
            return False
        if suffix_of(name) in (*ARCHIVE.suffixes, *INSPECT.suffixes):
            raise InputError(
                f"{InputFile(file.path, '', member=name).name} is an archive in an archive; unpack it first"
            )
        return is_readable(name)

    try:
        for member_file in iter_members(file, caps, wants):
            member = member_file.member
            raw = member_file.raw
            if raw is None:
                continue
            is_json = suffix_of(member) in JSON.suffixes
            head = raw.read(JSON_HEAD_BYTES if is_json else HEAD_BYTES)
            if is_json and not holds_rollouts(first_bytes(head, JSON_HEAD_BYTES)):
                continue
            n_members += 1
            container = find_container(member, first_bytes(head, HEAD_BYTES))
            if container is ARCHIVE:
                raise InputError(f"{member_file.name} is an archive in an archive; unpack it first")
            member_file.kind, member_file.raw = container.name, rewind(head, raw)
            for row in container.rows(member_file, caps):
                yield row._replace(member=member)
            if member_file.stream is not None and member_file.stream.compression:
                n_inflated += member_file.stream.bytes_out
            if n_inflated > caps.max_inflated_bytes:
                raise InputError(
                    f"{file.name} inflates past the cap of {caps.max_inflated_bytes} bytes; unpack it first"
                )
    except DamagedInputError as error:
        yield Row(1, None, None, f"{error}; the rest is not read", member=member)
        return
    if not n_members:
        raise InputError(f"nothing to read in {file.name}: it holds no file ending in {', '.join(READ_SUFFIXES)}")


def first_bytes(stored: bytes, size: int) -> bytes:
    """Return the first `size` bytes of data of which the beginning is `stored`, decompressed as far as it goes."""
    stream = InputStream(io.BytesIO(stored), "", Caps(), is_text=False)
    head = b""
    try:
        while len(head) < size and (block := stream.read()):
            head += block
    except DamagedInputError:
        pass  # the data are cut
    return head[:size]


ARCHIVE = Container(
    "archive",
    (".tar", ".zip"),
    "a tar (`.tar`, `.tar.gz`, `.tgz`, `.tar.zst`, ...) or zip archive of files that are readable themselves",
    iter_archive,
    is_archive,
)
_BINARY = (PARQUET, ARROW, ARCHIVE)
CONTAINERS: dict[str, Container] = {
    container.name: container for container in (LINES, JSON, CSV, PARQUET, ARROW, ARCHIVE, INSPECT)
}
"""Containers by name."""
READ_SUFFIXES = tuple(
    suffix for container in CONTAINERS.values() if container is not ARCHIVE for suffix in container.suffixes
)
"""Suffixes of the files that are read from a folder or an archive."""
