"""Members of tar and zip archives, in the order of their names. Nothing is unpacked under a member's name."""

import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import IO, Any, BinaryIO, NamedTuple, cast

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.safe_reading import BLOCK, Caps, DamagedInputError, StreamFile, find_compression, open_raw
from sgram.traces.containers.container import open_seekable, open_stream
from sgram.traces.rows import InputFile

_TAR_BLOCK = 512
_MAX_TAR_HEADER = 1 << 20
"""Bytes of a header that holds a long name or attributes."""
_REGULAR = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_HEADERS = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, b"X")
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_MAX_MEMBERS = 1_000_000

Wants = Callable[[str], bool]
"""Whether a member of this name is read; raises `InputError` if the archive must be refused because of it."""


class _TarMember(NamedTuple):
    name: str
    size: int
    offset: int
    """Where its content begins in the archive."""


class _TarReader:
    """Bytes of a tar archive in order, counted; skipping seeks if the archive can seek."""

    def __init__(self, raw: BinaryIO):
        self._raw = raw
        self._end = _size(raw) if raw.seekable() else None
        self.at = 0
        self.n_faults = 0
        """How often damage was reported."""

    def read(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer at the end. Raise `DamagedInputError` where damage begins."""
        try:
            data = self._raw.read(size)
        except DamagedInputError:
            self.n_faults += 1
            raise
        self.at += len(data)
        return data

    def read_all(self, size: int) -> bytes:
        """Return the next `size` bytes. Raise `DamagedInputError` if there are fewer."""
        data = self.read(size)
        if len(data) < size:
            raise self.fault("the archive is cut short")
        return data

    def skip(self, size: int) -> None:
        """Move on by `size` bytes. Raise `DamagedInputError` where damage begins."""
        if self._end is not None:
            self.at = self._raw.seek(size, os.SEEK_CUR)
            if self.at > self._end:
                raise self.fault("the archive is cut short")
            return
        while size > 0:
            size -= len(self.read_all(min(size, BLOCK)))

    def seek(self, offset: int) -> None:
        """Move to the byte `offset` of an archive that can seek."""
        self.at = self._raw.seek(offset)

    def fault(self, reason: str) -> DamagedInputError:
        """Return damage to raise."""
        self.n_faults += 1
        return DamagedInputError(f"{reason} after byte {self.at}")


def _size(raw: BinaryIO) -> int:
    """Return the bytes of a file, which is read from its beginning."""
    size = raw.seek(0, os.SEEK_END)
    raw.seek(0)
    return size


class _Part(io.RawIOBase):
    """The next `size` bytes of a tar archive as a file."""

    def __init__(self, reader: _TarReader, size: int):
        super().__init__()
        self._reader, self.left = reader, size

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end of the member."""
        size = min(len(buffer), self.left)
        if not size:
            return 0
        data = self._reader.read(size)
        if not data:
            raise self._reader.fault("the archive is cut short")
        buffer[: len(data)] = data
        self.left -= len(data)
        return len(data)


def _tar_members(reader: _TarReader) -> Iterator[_TarMember]:
    """Yield the regular files of an archive; between two of them, the reader stands at the first one's content.

    The caller moves the reader behind the content or leaves it there. Raise `DamagedInputError` where damage begins.
    """
    attributes: dict[str, str] = {}
    while True:
        block = reader.read(_TAR_BLOCK)
        if not block or block.count(0) == _TAR_BLOCK:
            return
        if len(block) < _TAR_BLOCK:
            raise reader.fault("the archive is cut short")
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.TarError as error:
            raise reader.fault(f"corrupt tar data ({error})") from None
        if header.type in _HEADERS:
            attributes |= _read_attributes(reader, header)
            continue
        while header.type == tarfile.GNUTYPE_SPARSE and block[482 if block[257:262] == b"ustar" else 504]:
            block = reader.read_all(_TAR_BLOCK)
        name = attributes.get("path", header.name)
        size = int(attributes["size"]) if attributes.get("size", "").isdecimal() else header.size
        if size < 0:
            raise reader.fault("corrupt tar data (a size is negative)")
        is_sparse = header.type == tarfile.GNUTYPE_SPARSE or any("sparse" in key for key in attributes)
        attributes = {}
        has_content = header.type in _REGULAR or header.type not in tarfile.SUPPORTED_TYPES or is_sparse
        end = reader.at + (-(-size // _TAR_BLOCK) * _TAR_BLOCK if has_content else 0)
        if header.type in _REGULAR and not is_sparse and not name.endswith("/"):
            yield _TarMember(name, size, reader.at)
        reader.skip(end - reader.at)


def _read_attributes(reader: _TarReader, header: tarfile.TarInfo) -> dict[str, str]:
    """Return what a header of headers says of the next member: its path, its size."""
    if not 0 <= header.size <= _MAX_TAR_HEADER:
        raise reader.fault(f"corrupt tar data (a header of {header.size} bytes)")
    data = reader.read_all(header.size)
    reader.skip(-header.size % _TAR_BLOCK)
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": data.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    attributes: dict[str, str] = {}
    while header.type in (tarfile.XHDTYPE, b"X") and data:
        length, _, rest = data.partition(b" ")
        if not length.isdigit() or not len(length) < int(length[:9]) <= len(data):
            raise reader.fault("corrupt tar data (attributes)")
        key, _, value = rest[: int(length) - len(length) - 1].rstrip(b"\n").partition(b"=")
        attributes[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
        data = data[int(length) :]
    return attributes


def clean_name(name: str) -> str:
    """Return the name of a member without a leading ``./``."""
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name


def iter_members(file: InputFile, caps: Caps, wants: Wants) -> Iterator[InputFile]:
    """Yield the members of an archive that are wanted, in the order of their names, each to be read before the next.

    Directories, links and devices are ignored; of members with one name the last is read, as unpacking would leave it.
    Raise `InputError` if it is no archive, or inflates past a cap, `DamagedInputError` where damage begins.
    """
    if _is_packed_tar(file) and _names_are_sorted(file, caps, wants):
        yield from _iter_packed_tar(file, caps, wants)
        return
    with open_seekable(file, caps) as raw:
        stored = raw.seek(0, os.SEEK_END)
        raw.seek(0)
        is_zip = raw.read(4) in _ZIP_MAGIC
        raw.seek(0)
        yield from (_iter_zip(file, raw, stored, caps, wants) if is_zip else _iter_tar(file, raw, stored, wants))


def _is_packed_tar(file: InputFile) -> bool:
    if file.raw is not None:
        return False
    with open_raw(file.stored) as raw:
        return raw.seekable() and bool(find_compression(raw.read(6)))


def _names_are_sorted(file: InputFile, caps: Caps, wants: Wants) -> bool:
    """Return whether a packed archive can be read in one pass, up to its damage if there is any."""
    last = ""
    with open_stream(file, caps) as stream, io.BufferedReader(StreamFile(stream)) as raw:
        try:
            for member in _tar_members(_TarReader(raw)):
                name = clean_name(member.name)
                if wants(name):
                    if name <= last:
                        return False
                    last = name
        except DamagedInputError:
            return True
    return True


def _iter_packed_tar(file: InputFile, caps: Caps, wants: Wants) -> Iterator[InputFile]:
    with open_stream(file, caps) as stream, io.BufferedReader(StreamFile(stream)) as raw:
        reader = _TarReader(raw)
        try:
            for member in _tar_members(reader):
                if wants(clean_name(member.name)):
                    yield _member_file(file, reader, member)
        except DamagedInputError:
            if reader.n_faults == 1:  # else the member's rows tell of it already
                raise


def _iter_tar(file: InputFile, raw: BinaryIO, stored: int, wants: Wants) -> Iterator[InputFile]:
    """Yield the members of an archive that can seek."""
    reader = _TarReader(raw)
    members: dict[str, _TarMember] = {}
    damage: DamagedInputError | None = None
    try:
        for member in _tar_members(reader):
            if wants(clean_name(member.name)):
                members[clean_name(member.name)] = member
                if len(members) > _MAX_MEMBERS:
                    raise InputError(f"{file.name} has more than {_MAX_MEMBERS} members; unpack it first")
    except DamagedInputError as error:
        damage = error
    for name in sorted(members):
        reader.seek(members[name].offset)
        yield _member_file(file, reader, members[name])
        file.share_read = reader.at / max(stored, 1)
    if damage is not None and reader.n_faults == 1:  # else the last member's rows tell of it already
        raise damage


def _member_file(file: InputFile, reader: _TarReader, member: _TarMember) -> InputFile:
    raw = io.BufferedReader(_Part(reader, member.size))
    return InputFile(file.path, "", member.size, member=clean_name(member.name), raw=cast(BinaryIO, raw))


# -- zip ----------------------------------------------------------------------------------------------------------


class _ZipPart(io.RawIOBase):
    """A member of a zip archive as a file; whatever is wrong with it is damage."""

    def __init__(self, open_member: Callable[[], IO[bytes]]):
        super().__init__()
        self._open_member = open_member
        self._opened: Any = None

    def readable(self) -> bool:
        """Return true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end of the member."""
        try:
            self._opened = self._opened or self._open_member()
            data = self._opened.read1(len(buffer))
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
            raise DamagedInputError(f"corrupt zip data: {error}") from None
        except (NotImplementedError, RuntimeError) as error:
            raise DamagedInputError(f"the member cannot be read: {error}; unpack the archive first") from None
        buffer[: len(data)] = data
        return len(data)


def _iter_zip(file: InputFile, raw: BinaryIO, stored: int, caps: Caps, wants: Wants) -> Iterator[InputFile]:
    try:
        archive = zipfile.ZipFile(raw)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(f"{file.name} cannot be read as a zip archive: {error}; check the file") from None
    with closing(archive):
        members: dict[str, zipfile.ZipInfo] = {}
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            name = clean_name(member.filename)
            if kind in (0, stat.S_IFREG) and not member.is_dir() and wants(name):
                members[name] = member
        inflated = sum(member.file_size for member in members.values())
        if inflated > caps.max_inflated_bytes or inflated > max(BLOCK, caps.max_inflation * stored):
            raise InputError(f"{file.name} inflates from {stored} to {inflated} bytes, more than the cap allows")
        n_read, packed = 0, max(1, sum(member.compress_size for member in members.values()))
        for name in sorted(members):
            if members[name].flag_bits & 1:
                raise InputError(f"{file.name}:{excerpt(name, 1000)} is encrypted; unpack the archive first")
            part = io.BufferedReader(_ZipPart(partial(archive.open, members[name])))
            yield InputFile(file.path, "", members[name].file_size, member=name, raw=cast(BinaryIO, part))
            n_read += members[name].compress_size
            file.share_read = n_read / packed


def is_archive(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a zip or tar archive."""
    return head[:4] in _ZIP_MAGIC or head[257:262] == b"ustar"
