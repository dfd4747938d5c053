"""Atomic writes, excerpts for messages, JSON forms, digests, sizes and shipped data.

This is the only module that opens files for writing. `sgram.safe_reading` reads untrusted files.
"""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from sgram.errors import SgramError, UsageError

_HAS_LOCKS = os.name == "posix"
_LEFTOVER_SECONDS = 60
_FOLDER_LOCK = ".lock"
"""File in a scratch folder that its process has locked."""
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def excerpt(text: bytes | str | os.PathLike[str], limit: int = 200) -> str:
    r"""Return at most `limit` characters of `text`, safe to print.

    Unprintable characters become backslash escapes; undecodable bytes do, too.

    >>> print(excerpt("red \x1b[31m"))
    red \x1b[31m
    >>> excerpt("a long name", limit=6)
    'a long'
    """
    if isinstance(text, bytes):
        decoded = text[: 4 * limit].decode("utf-8", "backslashreplace")
    else:
        decoded = os.fspath(text)
    decoded = decoded[:limit]
    if decoded.isprintable():
        return decoded
    escaped = (char if char.isprintable() else char.encode("unicode_escape").decode() for char in decoded)
    return "".join(escaped)[:limit]


def data_path(*parts: str) -> Path:
    """Return the path of a shipped file: inside the installed package, or in the checkout's top-level ``data/``.

    Raise `SgramError` if neither folder has it.

    >>> data_path("lexicons", "wang2025.json").name
    'wang2025.json'
    """
    package = Path(__file__).resolve().parent
    for root in (package / "data", package.parent / "data"):
        if (path := root.joinpath(*parts)).exists():
            return path
    raise SgramError(f"shipped file data/{'/'.join(parts)} is missing; install sgram again")


def canonical_json(value: Any) -> bytes:
    """Return the canonical UTF-8 JSON of `value`: sorted keys, no spaces.

    Equal values give equal bytes, so digests are taken of this form. Raise `ValueError` if `value` holds NaN,
    an infinity or a lone surrogate.

    >>> canonical_json({"b": 1, "a": [1.5, None]})
    b'{"a":[1.5,null],"b":1}'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode()


def pretty_json(value: Any) -> bytes:
    r"""Return UTF-8 JSON of `value` for readers: sorted keys, indented by 1, with a final line feed.

    >>> pretty_json({"b": 1, "a": 2})
    b'{\n "a": 2,\n "b": 1\n}\n'
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1)
    return (text + "\n").encode()


def digest(data: bytes) -> str:
    """Return the SHA-256 of `data` in hex.

    >>> digest(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(data).hexdigest()


_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def parse_size(text: str) -> int:
    """Return the number of bytes that a size such as ``2GiB``, ``500 MB`` or ``4096`` names.

    Raise `UsageError` if `text` is not a size.

    >>> parse_size("1.5 KiB"), parse_size("500MB")
    (1536, 500000000)
    """
    match = re.fullmatch(r"(\d{1,15})(\.\d{1,6})?\s*([KMG]?I?B|)", text.strip(), re.ASCII | re.IGNORECASE)
    unit = _UNITS.get(match[3].upper(), 0) if match else 0
    if match is None or unit == 0 or (match[2] and unit == 1):
        raise UsageError(f"invalid size {excerpt(text)!r}: write bytes or a unit, such as 500MB or 2GiB")
    return int(float(match[1] + match[2]) * unit) if match[2] else int(match[1]) * unit


def _publish(temporary: Path, target: Path) -> None:
    """Rename `temporary` to `target` and flush the directory."""
    os.replace(temporary, target)  # noqa: PTH105
    if os.name != "nt":  # Windows cannot open a directory
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed; return False if another process or file object has locked it."""
    if not _HAS_LOCKS:
        return False
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # it is locked, or the file system has no locks
        return False
    return True


_cleaned_folders: set[str] = set()


def _remove_leftovers(folder: Path, now: float) -> None:
    """Remove the temporary files and folders that killed processes left in `folder`; once a process for each folder.

    A file that is being written is locked by its writer, a folder by the file `_FOLDER_LOCK` in it. A new one may not
    be locked yet, so that one that is younger than a minute is left alone; `now` is the time of a file that was just
    made there.
    """
    if not _HAS_LOCKS or str(folder) in _cleaned_folders:
        return
    _cleaned_folders.add(str(folder))
    with suppress(OSError):
        for path in folder.glob(".sgram-*.tmp"):
            is_folder = path.is_dir() and not path.is_symlink()
            with suppress(OSError), open(path / _FOLDER_LOCK if is_folder else path, "rb") as file:
                is_old = now - os.fstat(file.fileno()).st_mtime > _LEFTOVER_SECONDS
                if is_old and _lock(file):
                    if is_folder:
                        shutil.rmtree(path)
                    else:
                        path.unlink()


@contextmanager
def write_atomic(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a binary file that replaces `path` when the block ends without an error.

    A reader sees the old file or the new one, complete, even after a crash or a power cut. Parent directories are
    created, the old file's mode is kept, a symlink is followed. A device or pipe such as /dev/null is written in
    place. Raise `UsageError` if `path` is a directory, `SgramError` if it cannot be written or the disk is full;
    errors of the block itself pass unchanged.

    Accepted limits: the disk holds both files for a moment; owner, ACLs and hard links of the old file are not
    kept; a SIGKILL leaves a ``.sgram-*.tmp`` behind, which the next process that writes there removes; of two writers
    the last one wins; the directory is not flushed on Windows.
    """
    temporary: Path | None = None
    is_opening = True
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise UsageError(f"cannot write {excerpt(path)}: it is a directory; name a file")
        if target.exists() and not target.is_file():
            with open(target, "wb") as device:
                is_opening = False
                yield device
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".sgram-{secrets.token_hex(8)}.tmp"
        with open(temporary, "x+b") as file:  # x is O_CREAT and O_EXCL
            _lock(file)
            _remove_leftovers(target.parent, os.fstat(file.fileno()).st_mtime)
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            is_opening = False
            yield file
            file.flush()
            os.fsync(file.fileno())
            if _HAS_LOCKS:  # under the lock, so that no other process takes the file for a leftover
                _publish(temporary, target)
        if not _HAS_LOCKS:  # Windows renames no open file
            _publish(temporary, target)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        is_disk_fault = isinstance(error, OSError) and error.errno in _DISK_FAULTS
        if is_disk_fault or (is_opening and isinstance(error, OSError | ValueError)):
            reason = getattr(error, "strerror", None) or error
            raise SgramError(f"cannot write {excerpt(path)}: {reason}; choose another path") from error
        raise


@contextmanager
def scratch_folder(parent: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yield a new folder in `parent` (created if missing; None: the system's temporary folder), removed at the end.

    A SIGKILL leaves a ``.sgram-*.tmp`` behind, which the next process that makes a scratch folder or writes a file
    there removes. Raise `SgramError` if the folder cannot be made.

    >>> with scratch_folder() as folder:
    ...     _ = (folder / "part").write_bytes(b"1")
    >>> folder.exists()
    False
    """
    root = Path(tempfile.gettempdir() if parent is None else parent)
    folder = root / f".sgram-{secrets.token_hex(8)}.tmp"
    contents = folder / "files"
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
        contents.mkdir()
    except OSError as error:
        raise SgramError(f"cannot write {excerpt(root)}: {error.strerror or error}; choose another folder") from error
    try:
        with open(folder / _FOLDER_LOCK, "x+b") as file:
            _lock(file)
            _remove_leftovers(root, os.fstat(file.fileno()).st_mtime)
            yield contents
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path` atomically. Errors are those of `write_atomic`."""
    with write_atomic(path) as file:
        file.write(data)


def private_temporary_folder(name: str) -> Path | None:
    """Return the temporary folder ``sgram-<name>-<user>`` that only this user can write to, or None.

    Its files are run or trusted, so a folder that somebody else prepared is not used.
    """
    is_posix = os.name == "posix"
    user = os.getuid() if is_posix else "user"
    try:
        folder = Path(tempfile.gettempdir()) / f"sgram-{name}-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    is_private = not is_posix or (status.st_uid == user and not status.st_mode & 0o077)
    return folder if stat.S_ISDIR(status.st_mode) and is_private else None
