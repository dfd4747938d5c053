"""From paths to rows: which files are read, and the records of each file."""

import glob
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, cast

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.safe_reading import BLOCK, Caps, InputStream, find_compression, open_raw
from sgram.stored_copies import StoredCopy
from sgram.traces.containers.table import (
    CONTAINERS,
    HEAD_BYTES,
    JSON_HEAD_BYTES,
    READ_SUFFIXES,
    find_container,
    first_bytes,
    holds_rollouts,
    is_readable,
    rewind,
    suffix_of,
)
from sgram.traces.rows import InputFile, Row
from sgram.urls import expand_url, is_url, list_folder, location, printable_name

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".dill")
_SPREADSHEET_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
_EXPORT_SUFFIXES = (".jsonl", ".ndjson")
_DIGITS = re.compile(r"([0-9]+)")
_MAX_SETTINGS = 16 << 20
"""Bytes of a file that says what a folder holds."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def _check_suffix(path: str) -> None:
    """Raise `InputError` for pickles and spreadsheets."""
    suffix = suffix_of(location(path))
    if suffix in _PICKLE_SUFFIXES:
        raise InputError(
            f"{printable_name(path)} looks like a pickle, and loading one can run any code; save JSONL or Parquet"
        )
    if suffix in _SPREADSHEET_SUFFIXES:
        raise InputError(f"{printable_name(path)} is a spreadsheet; save it as CSV")


def _input_file(path: str, status: os.stat_result) -> InputFile:
    """Return the input file at `path`. Raise `InputError` for pickles, spreadsheets and unfinished exports."""
    _check_suffix(path)
    if is_unfinished(path):
        raise InputError(f"{excerpt(path)} has no STABLE marker beside it yet; read it when its step is done")
    if not stat.S_ISREG(status.st_mode):
        return InputFile(path, find_container(path, b"").name, None)
    return InputFile(path, find_container(path, _read_head(path, HEAD_BYTES)).name, status.st_size)


def _read_head(path: str | StoredCopy, size: int) -> bytes:
    """Return the first `size` bytes of a regular file, decompressed as far as they go; none if it cannot be read."""
    try:
        with open_raw(path) as raw:
            head = raw.read(size)
        if find_compression(head):
            head = b""
            with open_raw(path) as raw:
                stream = InputStream(raw, "", Caps())
                while len(head) < size and (block := stream.read()):
                    head += block
    except InputError:
        return b""  # who reads the file reports it
    return head[:size]


def _unreadable(path: str, error: OSError | ValueError) -> InputError:
    return InputError(f"cannot read {excerpt(path)}: {getattr(error, 'strerror', None) or error}; check the path")


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _raise_unreadable(error: OSError) -> None:
    raise _unreadable(error.filename or "?", error)


# -- folders --------------------------------------------------------------------------------------------------------


def _walk(root: str, warnings: list[str]) -> Iterator[str]:
    """Yield the readable files below `root`, without hidden ones and sgram's own run directories.

    Links are followed, loops are not. Of a data set on disk, the files that it names are yielded. An archive is left
    out with a warning.
    """
    visited = set()
    for folder, subfolders, names in os.walk(root, onerror=_raise_unreadable, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in visited:
            subfolders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        if "run.json" in names:
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        if "dataset_dict.json" in names:
            splits = _read_settings(os.path.join(folder, "dataset_dict.json")).get("splits")  # noqa: PTH118
            if type(splits) is list:
                subfolders[:] = [name for name in subfolders if name in splits]
        if {"state.json", "dataset_info.json"} <= set(names):
            subfolders.clear()
            yield from _files_on_disk(folder)
            continue
        for name in names:
            if name.startswith("."):
                continue
            path = os.path.join(folder, name)  # noqa: PTH118
            if is_readable(name):
                yield path
            elif suffix_of(name) in CONTAINERS["archive"].suffixes:
                warnings.append(f"{excerpt(path)} is left out, as it is an archive in a folder; name it to read it")


def _files_on_disk(folder: str) -> Iterator[str]:
    """Yield the files of a data set that `datasets` saved in `folder`. Raise `InputError` if it cannot be read."""
    state = _read_settings(os.path.join(folder, "state.json"))  # noqa: PTH118
    if state.get("_indices_data_files"):
        raise InputError(f"{excerpt(folder)} is a data set with an index of its rows; load and save it again")
    files = state.get("_data_files")
    for file in files if type(files) is list else []:
        name = file.get("filename") if type(file) is dict else None
        if type(name) is not str or not name or Path(name).name != name:
            raise InputError(f"{excerpt(folder)}: state.json names a file outside of the folder; check it")
        yield os.path.join(folder, name)  # noqa: PTH118


def _read_settings(path: str) -> dict[str, object]:
    """Return the JSON object in a small file; an empty one if it is none."""
    try:
        settings = orjson.loads(_read_head(path, _MAX_SETTINGS))
    except orjson.JSONDecodeError:
        return {}
    return settings if type(settings) is dict else {}


def is_unfinished(path: str) -> bool:
    """Return whether `path` is a prime-rl export of a step that has no STABLE marker yet.

    >>> is_unfinished("token_exports/step_3/rank_0.jsonl"), is_unfinished("rollouts.jsonl")
    (True, False)
    """
    return _is_export(path) and not (Path(path).parent / "STABLE").exists()


def _is_export(path: str) -> bool:
    """Return whether `path` is named as a prime-rl export of a step."""
    folder, name = PurePosixPath(path).parent.name, PurePosixPath(path).name
    return name.startswith("rank_") and suffix_of(name) in _EXPORT_SUFFIXES and folder.startswith("step_")


def natural_key(path: str | PurePath) -> tuple[tuple[object, ...], ...]:
    """Return a key that sorts paths as people count: step_2 before step_10, folder by folder.

    >>> sorted(["step_10/a.jsonl", "step_2/b.jsonl", "step_02/a.jsonl"], key=natural_key)
    ['step_02/a.jsonl', 'step_2/b.jsonl', 'step_10/a.jsonl']
    """
    return tuple(_natural_part(part) for part in PurePath(path).parts)


def _natural_part(part: str) -> tuple[object, ...]:
    pieces = _DIGITS.split(part)  # text and digits take turns, so that equal places hold equal types
    numbers = [piece.lstrip("0") for piece in pieces[1::2]]
    pairs = zip(pieces[::2], [*((len(number), number) for number in numbers), (0, "")], strict=True)
    return (*pairs, (part, (0, "")))


def _find_in_folder(path: str, warnings: list[str]) -> list[InputFile]:
    """Return the input files of a folder, sorted by `natural_key`. Raise `InputError` if there are none."""
    readable = sorted(_walk(path, warnings), key=natural_key)
    unfinished = [file_path for file_path in readable if is_unfinished(file_path)]
    for file_path in unfinished:
        warnings.append(f"{excerpt(file_path)} is left out: its step has no STABLE marker yet")
    files, named = [], set(readable)
    excluded = set(unfinished)
    for file_path in readable:
        if file_path in excluded or not stat.S_ISREG((status := _stat(file_path)).st_mode):
            continue
        if suffix_of(file_path) in CONTAINERS["json"].suffixes:
            packed_log = os.path.splitext(file_path)[0] + ".eval"  # noqa: PTH122
            if packed_log in named:
                warnings.append(f"{excerpt(file_path)} is left out, as {excerpt(packed_log)} is the same log")
                continue
            if not holds_rollouts(_read_head(file_path, JSON_HEAD_BYTES)):
                continue
        files.append(_input_file(file_path, status))
    if not files:
        reason = "; ".join(warnings[:1]) or f"it holds no file ending in {', '.join(READ_SUFFIXES)} with rollouts"
        raise InputError(f"nothing to read in {excerpt(path)}: {reason}")
    return files


# -- URLs -----------------------------------------------------------------------------------------------------------


def _find_at_url(url: str, warnings: list[str]) -> list[InputFile]:
    """Return the input file at `url`, or the files of the folder there, sorted by name, as of a folder on disk.

    Raise `InputError` if it cannot be read or holds nothing.
    """
    listed = list_folder(url)
    if listed is None:
        _check_suffix(url)
        return [InputFile(url, find_container(location(url), b"").name)]
    listing = set(listed)
    run_folders = [name.removesuffix("run.json") for name in listed if name.endswith("/run.json")]
    files = []
    for name in sorted(listed, key=lambda name: natural_key(PurePosixPath(name))):
        inner = PurePosixPath(location(name)[len(location(url).rstrip("/")) :])
        if any(part.startswith(".") for part in inner.parts) or any(map(name.startswith, run_folders)):
            continue
        if suffix_of(inner.name) in CONTAINERS["archive"].suffixes:
            warnings.append(f"{printable_name(name)} is left out, as it is an archive in a folder; name it to read it")
        if not is_readable(inner.name):
            continue
        if _is_export(name) and f"{name.rpartition('/')[0]}/STABLE" not in listing:
            warnings.append(f"{printable_name(name)} is left out: its step has no STABLE marker yet")
            continue
        if suffix_of(inner.name) in CONTAINERS["json"].suffixes and not _url_holds_rollouts(name):
            continue
        files.append(InputFile(name, find_container(inner.name, b"").name))
    if not files:
        reason = "; ".join(warnings[:1]) or f"it holds no file ending in {', '.join(READ_SUFFIXES)} with rollouts"
        raise InputError(f"nothing to read in {printable_name(url)}: {reason}")
    return files


def _url_holds_rollouts(url: str) -> bool:
    with open_raw(url) as raw:
        return holds_rollouts(first_bytes(raw.read(JSON_HEAD_BYTES), JSON_HEAD_BYTES))


# -- paths ----------------------------------------------------------------------------------------------------------


def expand_path(path: str) -> list[str]:
    """Return the paths that `path` stands for: ``~`` is the home folder, and a pattern is expanded if it is no path.

    A URL may be a pattern, too. Raise `InputError` if nothing matches a pattern.

    >>> expand_path("rollouts.jsonl"), expand_path("-")
    (['rollouts.jsonl'], ['-'])
    """
    if is_url(path):
        return expand_url(path)
    if path == "-" or os.path.lexists(path):
        return [path]
    expanded = os.path.expanduser(path)  # noqa: PTH111
    if not glob.has_magic(expanded) or os.path.lexists(expanded):
        return [expanded]
    matches = sorted(glob.glob(expanded, recursive=True), key=natural_key)  # noqa: PTH207
    if not matches:
        raise InputError(f"nothing matches {excerpt(path)}; check the pattern")
    return matches


def find_input_files(paths: Paths) -> tuple[list[InputFile], list[str]]:
    """Return (input files, warnings) for `paths`, in their order; the files of a directory are sorted by name.

    A path may be a URL, also of a folder. Patterns such as ``runs/*/step_*.jsonl`` are expanded. Raise `UsageError` if
    there are no paths, `InputError` if a path cannot be read, is a pickle, or is a directory without traces.

    >>> from sgram.files import data_path
    >>> files, warnings = find_input_files(data_path("sample_traces.jsonl"))
    >>> [file.kind for file in files], warnings
    (['lines'], [])
    """
    listed_paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not listed_paths:
        raise UsageError("nothing to read: name files, directories, or - for stdin")
    files: list[InputFile] = []
    warnings: list[str] = []
    expanded_paths = [match for listed_path in listed_paths for match in expand_path(os.fspath(listed_path))]
    for path in expanded_paths:
        if path == "-":
            files.append(InputFile("-", "lines"))
            continue
        if is_url(path):
            files += _find_at_url(path, warnings)
            continue
        status = _stat(path)
        files += _find_in_folder(path, warnings) if stat.S_ISDIR(status.st_mode) else [_input_file(path, status)]
    return _without_repeats(files, warnings), warnings


def _without_repeats(files: list[InputFile], warnings: list[str]) -> list[InputFile]:
    """Return `files` with each file once, however many paths lead to it; a repeat adds a warning."""
    by_real_path: dict[str, InputFile] = {}
    for file in files:
        real_path = file.path if file.path == "-" or is_url(file.path) else os.path.realpath(file.path)
        if real_path in by_real_path:
            warnings.append(f"{file.name} is named more than once; it is read once")
        else:
            by_real_path[real_path] = file
    return list(by_real_path.values())


def iter_rows(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of `file`. A damaged row carries a fault; raise `InputError` if the file cannot be read.

    A file is read up to the size that it had when it was found. Reading raises `InputError` if it shrinks.

    >>> from sgram.files import data_path
    >>> (file,), _ = find_input_files(data_path("sample_traces.jsonl"))
    >>> row = next(iter_rows(file, Caps()))
    >>> row.line, row.byte, "text" in row.record
    (1, 0, True)
    """
    if file.rows is not None:
        yield from file.rows()
    elif file.is_stream and file.kind != "inspect":
        yield from _iter_pipe(file, caps)
    else:
        if file.is_stream:
            copy_stream(file)  # the library of Inspect reads files only
        yield from CONTAINERS[file.kind].rows(file, caps)


def copy_stream(file: InputFile) -> None:
    """Copy a file that can be read only once to disk; from now on the copy is read, as often as is needed.

    Raise `InputError` if it cannot be read or the disk is full.
    """
    with open_raw(file.path) as raw:
        file.copy = StoredCopy(_Stored(raw, file.name), file.name)
    file.size = file.copy.size
    path = "" if file.path == "-" else location(file.path)
    file.kind = find_container(path, _read_head(file.copy, HEAD_BYTES)).name


def digest_file(file: InputFile) -> str:
    """Return the SHA-256 of a file as stored, up to the size that it had when it was found.

    Raise `InputError` if it cannot be read.

    >>> from sgram.files import data_path
    >>> (file,), _ = find_input_files(data_path("sample_traces.jsonl"))
    >>> len(digest_file(file))
    64
    """
    digest = hashlib.sha256()
    with open_raw(file.stored, file.size) as raw:
        blocks = _Stored(raw, file.name)
        while block := blocks.read():
            digest.update(block)
    return digest.hexdigest()


def check_unchanged(files: Sequence[InputFile], digests: Sequence[str]) -> None:
    """Raise `InputError` for a file whose digest is no longer that in `digests`, which are of the same order.

    Copies cannot change, so they are not read.
    """
    for file, digest in zip(files, digests, strict=True):
        if file.copy is None and digest_file(file) != digest:
            raise InputError(
                f"{file.name} changed while it was read, so what was read of it is mixed; run again when nothing "
                "writes to it"
            )


class _Stored:
    """Reader of blocks as they are stored."""

    def __init__(self, raw: io.BufferedIOBase, name: str):
        self._raw, self._name = raw, name

    def read(self) -> bytes:
        """Return the next block, empty at the end. Raise `InputError` if reading fails."""
        try:
            return self._raw.read1(BLOCK)
        except OSError as error:
            raise InputError(
                f"cannot read {self._name}: {error.strerror or error}; check where it comes from"
            ) from error


def _iter_pipe(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of stdin, a pipe or a URL, whose container its first bytes tell."""
    with open_raw(file.path) as raw:
        blocks = _Stored(raw, file.name)
        head = blocks.read()
        while 0 < len(head) < HEAD_BYTES and (block := blocks.read()):
            head += block
        path = "" if file.path == "-" else location(file.path)
        container = find_container(path, first_bytes(head, HEAD_BYTES))
        file.raw = rewind(head, cast(BinaryIO, raw))
        try:
            yield from container.rows(file, caps)
        finally:
            file.raw = None
