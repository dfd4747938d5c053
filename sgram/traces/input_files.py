"""From paths to rows: which files are read, and the records of each file."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.safe_reading import Caps, find_compression, open_input, open_raw
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

_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".dill")
_SPREADSHEET_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
_EXPORT_SUFFIXES = (".jsonl", ".ndjson")
_MAX_SETTINGS = 16 << 20
"""Bytes of a file that says what a folder holds."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def _input_file(path: str, status: os.stat_result) -> InputFile:
    """Return the input file at `path`. Raise `InputError` for pickles, spreadsheets and unfinished exports."""
    suffix = suffix_of(path)
    if suffix in _PICKLE_SUFFIXES:
        raise InputError(
            f"{excerpt(path)} looks like a pickle, and loading one can run any code; save JSONL or Parquet"
        )
    if suffix in _SPREADSHEET_SUFFIXES:
        raise InputError(f"{excerpt(path)} is a spreadsheet; save it as CSV")
    if is_unfinished(path):
        raise InputError(f"{excerpt(path)} has no STABLE marker beside it yet; read it when its step is done")
    if not stat.S_ISREG(status.st_mode):
        return InputFile(path, find_container(path, b"").name, None)
    return InputFile(path, find_container(path, _read_head(path, HEAD_BYTES)).name, status.st_size)


def _read_head(path: str, size: int) -> bytes:
    """Return the first `size` bytes of a regular file, decompressed as far as they go; none if it cannot be read."""
    try:
        with open_raw(path) as raw:
            head = raw.read(size)
        if find_compression(head):
            head = b""
            with open_input(path) as stream:
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
    folder, name = Path(path).parent, Path(path).name
    is_export = name.startswith("rank_") and suffix_of(name) in _EXPORT_SUFFIXES and folder.name.startswith("step_")
    return is_export and not (folder / "STABLE").exists()


def _find_in_folder(path: str, warnings: list[str]) -> list[InputFile]:
    """Return the input files of a folder, sorted by name. Raise `InputError` if there are none."""
    readable = sorted(_walk(path, warnings), key=lambda file_path: Path(file_path).parts)
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


# -- paths ----------------------------------------------------------------------------------------------------------


def expand_path(path: str) -> list[str]:
    """Return the paths that `path` stands for: ``~`` is the home folder, and a pattern is expanded if it is no path.

    Raise `InputError` if nothing matches a pattern.

    >>> expand_path("rollouts.jsonl"), expand_path("-")
    (['rollouts.jsonl'], ['-'])
    """
    if path == "-" or os.path.lexists(path):
        return [path]
    expanded = os.path.expanduser(path)  # noqa: PTH111
    if not glob.has_magic(expanded) or os.path.lexists(expanded):
        return [expanded]
    matches = sorted(glob.glob(expanded, recursive=True), key=lambda match: Path(match).parts)  # noqa: PTH207
    if not matches:
        raise InputError(f"nothing matches {excerpt(path)}; check the pattern")
    return matches


def find_input_files(paths: Paths) -> tuple[list[InputFile], list[str]]:
    """Return (input files, warnings) for `paths`, in their order; the files of a directory are sorted by name.

    Patterns such as ``runs/*/step_*.jsonl`` are expanded. Raise `UsageError` if there are no paths, `InputError` if a
    path cannot be read, is a pickle, or is a directory without traces.

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
        status = _stat(path)
        files += _find_in_folder(path, warnings) if stat.S_ISDIR(status.st_mode) else [_input_file(path, status)]
    return _without_repeats(files, warnings), warnings


def _without_repeats(files: list[InputFile], warnings: list[str]) -> list[InputFile]:
    """Return `files` with each file once, however many paths lead to it; a repeat adds a warning."""
    by_real_path: dict[str, InputFile] = {}
    for file in files:
        real_path = file.path if file.path == "-" else os.path.realpath(file.path)
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
    elif file.size is None and file.raw is None and file.kind != "inspect":
        yield from _iter_pipe(file, caps)
    else:
        yield from CONTAINERS[file.kind].rows(file, caps)


def _iter_pipe(file: InputFile, caps: Caps) -> Iterator[Row]:
    """Yield the rows of stdin or a pipe, whose container its first bytes tell."""
    with open_raw(file.path) as raw:
        head = raw.read1(1 << 16)
        while 0 < len(head) < HEAD_BYTES and (more := raw.read1(1 << 16)):
            head += more
        path = "" if file.path == "-" else file.path
        container = find_container(path, first_bytes(head, HEAD_BYTES))
        file.raw = rewind(head, cast(BinaryIO, raw))
        try:
            yield from container.rows(file, caps)
        finally:
            file.raw = None
