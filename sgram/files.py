"""Atomic writes, run directories, capped and counted reading, quarantine. Knows nothing about traces.

The only module that opens files for writing. Whatever it reads is untrusted: compressed input is
inflated in bounded memory under `Caps`, lines have a length cap, and names and excerpts that go into
messages pass `excerpt` first.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import stat
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson
import zstandard

from sgram.errors import InputError, SgramError, UsageError

BLOCK = 1 << 20
"""Bytes asked for at a time, and the size of inflated data from which the ratio cap is judged."""
_GZIP_PIECE = 1 << 16
_ZSTD_PIECE = 1 << 10  # zstandard cannot bound what one call inflates: 1 KiB gives at most 32 MiB
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_COMPRESSED = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    *((bytes([first]) + b"*M\x18", "zstd") for first in range(0x50, 0x60)),  # skippable frames
)
_FOREIGN = (
    (b"BZh", "bzip2 data; unpack it first (bunzip2)"),
    (b"\xfd7zXZ", "xz data; unpack it first (unxz)"),
    (b"PK\x03\x04", "a zip archive; unpack it first (unzip)"),
    (b"PAR1", "Parquet; give it a name that ends in .parquet"),
    *((mark, "UTF-16; convert it first (iconv -f UTF-16 -t UTF-8)") for mark in (b"\xff\xfe", b"\xfe\xff")),
    *((b"\x80" + bytes([version]), "a pickle, which can run code; save JSONL") for version in range(2, 6)),
)


def excerpt(value: bytes | str | os.PathLike[str], limit: int = 200) -> str:
    """At most `limit` characters of `value`, safe to print: whatever is not printable shows as an escape."""
    is_text = not isinstance(value, bytes)
    text = os.fspath(value) if is_text else value[: 4 * limit].decode("utf-8", "backslashreplace")
    text = text[:limit]
    if text.isprintable():
        return text
    shown = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
    return "".join(shown)[:limit]


def data_path(*parts: str) -> Path:
    """Path of shipped data: inside the package when installed, else the checkout's top-level ``data/``."""
    package = Path(__file__).resolve().parent
    for root in (package / "data", package.parent / "data"):
        if (path := root.joinpath(*parts)).exists():
            return path
    raise SgramError(f"shipped file data/{'/'.join(parts)} is missing; install sgram again")


def canonical_json(value: Any) -> bytes:
    """The one UTF-8 form of `value`: sorted keys, no spaces, no NaN (`ValueError`)."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def pretty_json(value: Any) -> bytes:
    """`canonical_json` for readers: indented by one, with a line feed at the end."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    return (text + "\n").encode()


def digest(data: bytes) -> str:
    """SHA-256 of `data` in hex."""
    return hashlib.sha256(data).hexdigest()


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(text: str) -> int:
    """Number of bytes that ``2GiB``, ``500 MB`` or ``4096`` names."""
    match = re.fullmatch(r"(\d{1,15})(\.\d{1,6})?\s*([KMG]?I?B|)", text.strip(), re.ASCII | re.IGNORECASE)
    unit = match and _UNITS.get(match[3].upper())
    if not unit or (match[2] and unit == 1):
        raise UsageError(f"{excerpt(text)!r} is no size; write bytes or a unit, such as 500MB or 2GiB")
    return int(float(match[1] + match[2]) * unit) if match[2] else int(match[1]) * unit


def _publish(temporary: Path, target: Path) -> None:
    os.replace(temporary, target)  # noqa: PTH105
    if os.name != "nt":  # Windows cannot open a directory
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


@contextmanager
def write_atomic(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file that takes the place of `path` when the block ends well, and never before.

    A reader sees the old file or the new one, whole, even after a crash or a power cut. Parent
    directories are created, the old file's mode is kept, a symlink is followed. Accepted: the disk
    holds both files for a moment; owner, ACLs and hard links of the old file are not kept; a SIGKILL
    leaves a ``.sgram-*.tmp`` behind; of two writers the last one wins; directory fsync is skipped on
    Windows. A device or pipe such as /dev/null is written in place.
    """
    temporary, opening = None, True
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise UsageError(f"cannot write {excerpt(path)}: it is a directory; name a file")
        if target.exists() and not target.is_file():
            with open(target, "wb") as device:
                opening = False
                yield device
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".sgram-{secrets.token_hex(8)}.tmp"
        with open(temporary, "x+b") as file:  # x is O_CREAT and O_EXCL
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            opening = False
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, target)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        disk = isinstance(error, OSError) and error.errno in _DISK_FAULTS
        if disk or (opening and isinstance(error, OSError | ValueError)):
            reason = getattr(error, "strerror", None) or error
            raise SgramError(f"cannot write {excerpt(path)}: {reason}; name another place") from error
        raise


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Make `data` the content of `path`, atomically."""
    with write_atomic(path) as file:
        file.write(data)


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The parts of one run: named by verb and digest of what identifies it, so old parts never mix in."""

    path: Path

    @classmethod
    def open(cls, root: str | os.PathLike[str], verb: str, identity: Mapping[str, Any]) -> "RunDirectory":
        """Create ``root/<verb>-<12 hex>/`` with ``run.json``, or find it with the parts of an earlier try."""
        run = cls(Path(root) / f"{verb}-{digest(canonical_json(identity))[:12]}")
        wanted, record = pretty_json(identity), run.path / "run.json"
        if not record.exists():
            write_bytes(record, wanted)
        elif record.read_bytes() != wanted:
            raise SgramError(
                f"{excerpt(record)} describes another run than this one; delete the directory or use another"
            )
        return run

    def part(self, name: str) -> Path:
        """Path of the part `name`, whether it exists or not."""
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.=-]*(/[A-Za-z0-9_][A-Za-z0-9_.=-]*)*", name):
            raise ValueError(f"{name!r} is no name for a part of a run")
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether the part `name` is finished."""
        return self.part(name).exists()

    def write(self, name: str):
        """Context manager: a binary file that becomes the part `name` when the block ends well."""
        return write_atomic(self.part(name))


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits that untrusted input must keep."""

    max_line_bytes: int = 64 << 20
    """Longest line, without its end."""
    max_inflation: float = 200
    """Most inflated bytes for one compressed byte, judged after the first 1 MiB inflated."""
    max_inflated_bytes: int = 64 << 30
    """Most bytes that one compressed input may inflate to."""
    max_text_chars: int = 10_000_000
    """Longest text of one trace, in characters."""


class DamagedInputError(InputError):
    """From here on the input is damaged or over a cap; whatever was read before it is good."""


class InputStream:
    """Counting reader of one input: plain, gzip or zstd by its first bytes, inflated in bounded memory."""

    def __init__(self, raw: BinaryIO, name: str, caps: Caps):
        self.name, self.bytes_read, self.bytes_out = name, 0, 0
        """`bytes_read` counts the input as stored, `bytes_out` as handed out."""
        self._raw, self._caps, self._over = raw, caps, ""
        head = raw.read(6)
        foreign = next((what for magic, what in _FOREIGN if head.startswith(magic)), "")
        if foreign:
            raise InputError(f"{name} is {foreign}")
        self.compression = next((kind for magic, kind in _COMPRESSED if head.startswith(magic)), "")
        self._blocks = {"": self._plain, "gzip": self._gunzip, "zstd": self._unzstd}[self.compression](head)

    def read(self) -> bytes:
        """The next block, empty at the end; `DamagedInputError` where damage begins or a cap is passed."""
        if self._over:
            raise DamagedInputError(self._over)
        try:
            block = next(self._blocks, b"")
        except (zlib.error, zstandard.ZstdError, OSError) as error:
            what = "reading fails" if isinstance(error, OSError) else f"corrupt {self.compression} data"
            raise DamagedInputError(f"{what} after byte {self.bytes_out}: {error}") from None
        self.bytes_out += len(block)
        if self.compression:
            self._over = self._passed_cap()
        return block

    def _passed_cap(self) -> str:
        caps, told = self._caps, "unpack it yourself if you trust it"
        if self.bytes_out > caps.max_inflated_bytes:
            return f"inflates past the cap of {caps.max_inflated_bytes} bytes; {told}"
        if self.bytes_out > BLOCK and self.bytes_out > caps.max_inflation * self.bytes_read:
            return f"inflates more than {caps.max_inflation:g} times, as a bomb does; {told}"
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
            rest = member.unconsumed_tail or member.unused_data
            self.bytes_read += len(data) - len(rest)
            if block:
                yield block
            data = rest or self._raw.read1(_GZIP_PIECE)
            while member.eof and data:
                data = data.lstrip(b"\0")  # padding between members, as gzip allows
                if data:
                    member = zlib.decompressobj(31)
                else:
                    data = self._raw.read1(_GZIP_PIECE)
        if not member.eof:
            raise zlib.error("the file is cut short")

    def _unzstd(self, data: bytes) -> Iterator[bytes]:
        opened = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        frame = opened.decompressobj()
        while data:
            if frame.eof:
                frame = opened.decompressobj()
            block = frame.decompress(data)
            rest = frame.unused_data
            self.bytes_read += len(data) - len(rest)
            if block:
                yield block
            data = rest or self._raw.read(_ZSTD_PIECE)
        if not frame.eof:
            raise zstandard.ZstdError("the file is cut short")


def _salvage(member: Any, data: bytes) -> Iterator[bytes]:
    """What `data` holds before the damage in it."""
    for at in range(len(data)):
        try:
            piece = member.decompress(data[at : at + 1])
        except zlib.error:
            return
        if piece:
            yield piece


@contextmanager
def open_input(path: str | os.PathLike[str], caps: Caps | None = None) -> Iterator[InputStream]:
    """An `InputStream` over the file `path`, or over stdin for ``-``; `InputError` if it cannot be opened."""
    caps = caps or Caps()
    if os.fspath(path) == "-":
        if sys.stdin is None:
            raise InputError("stdin is closed; name a file")
        yield InputStream(sys.stdin.buffer, "stdin", caps)
        return
    try:
        raw = open(path, "rb", buffering=1 << 17)  # noqa: SIM115  the with below closes it
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {excerpt(path)}: {reason}; check the path") from error
    with raw:
        yield InputStream(raw, excerpt(path), caps)


class Line(NamedTuple):
    """One line: number from 1, byte where it starts in the inflated input, bytes without the line end."""

    number: int
    offset: int
    data: bytes
    fault: str = ""
    """Why the line cannot be used; `data` is then only its beginning."""


def iter_lines(stream: InputStream, caps: Caps | None = None) -> Iterator[Line]:
    """Lines of `stream` (LF or CRLF); one over the cap, or the damage that ends the input, carries a fault.

    A byte order mark is taken off line 1. A line over the cap is passed over without being held.
    """
    cap = (caps or Caps()).max_line_bytes
    number, offset, held, size, damage = 1, 0, [], 0, ""
    while True:
        try:
            block = stream.read()
        except DamagedInputError as error:
            block, damage = b"", str(error)
        if not block:
            break
        first, *others = block.split(b"\n")
        size += len(first)
        if size <= cap + 4 or not held:  # 4: room for a byte order mark and a CR
            held.append(first if size <= cap + 4 else first[:800])
        if not others:
            continue
        yield _line(number, offset, b"".join(held), size, cap)
        number, offset = number + 1, offset + size + 1
        last = others.pop()
        for data in others:
            plain = len(data) <= cap and data[-1:] != b"\r"
            yield Line(number, offset, data) if plain else _line(number, offset, data, len(data), cap)
            number, offset = number + 1, offset + len(data) + 1
        held, size = [last], len(last)
    data = b"".join(held)
    if damage:
        yield Line(number, offset, data[:800], damage)
    elif size:
        yield _line(number, offset, data, size, cap)


def _line(number: int, offset: int, data: bytes, size: int, cap: int) -> Line:
    if data[-1:] == b"\r" and len(data) == size:
        data, size = data[:-1], size - 1
    if number == 1 and data[:3] == b"\xef\xbb\xbf":
        data, size = data[3:], size - 3
    if size > cap:
        return Line(number, offset, data[:800], f"longer than the cap of {cap} bytes a line")
    return Line(number, offset, data)


class Quarantine:
    """Rows set aside: counted, and written to `path` as JSONL that appears whole when closed."""

    def __init__(self, path: str | os.PathLike[str] | None = None):
        self.path = None if path is None else Path(path)
        self.reasons: Counter[str] = Counter()
        """Rows set aside for each kind of reason: what stands before its first colon."""
        self._writing = self._file = None

    def add(self, file: str, line: int, byte: int | None, reason: str, data: bytes | str) -> None:
        """Set one row aside; `data` is the row or its beginning."""
        self.reasons[reason.partition(":")[0]] += 1
        if self.path is None:
            return
        if self._writing is None:
            self._writing = write_atomic(self.path)
            self._file = self._writing.__enter__()
        row = {"file": excerpt(file, 4096), "line": line, "byte": byte, "reason": reason}
        row["excerpt"] = excerpt(data)
        self._file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Publish the rows; without any, remove the quarantine file that an earlier run left at this path."""
        if self._writing is not None:
            writing, self._writing, self._file = self._writing, None, None
            writing.__exit__(None, None, None)
        elif self.path is not None and not self.reasons and self.path.is_file():
            with open(self.path, "rb") as file:
                if file.readline(1 << 16).startswith(b'{"file":'):
                    self.path.unlink()


def read_whole(path: str | os.PathLike[str], max_bytes: int, such: str) -> bytes:
    """The bytes of a file (``-``: stdin; gzip and zstd are unpacked).

    Raises `InputError` for a damaged file, and past `max_bytes` with `such` ("a lexicon is") said to be smaller.
    """
    blocks, size = [], 0
    with open_input(path) as stream:
        try:
            while block := stream.read():
                size += len(block)
                if size > max_bytes:
                    raise InputError(f"{stream.name} is over {max_bytes >> 20} MiB; {such} not that large")
                blocks.append(block)
        except DamagedInputError as error:
            raise InputError(f"{stream.name}: {error}") from None
    return b"".join(blocks)
