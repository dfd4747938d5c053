"""From paths to rows: which files are read, and the records of each file."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.safe_reading import BlockReader, Caps, DamagedInputError, InputStream, iter_lines, open_input
from sgram.traces.rows import InputFile, Row

LINE_SUFFIXES = (".jsonl", ".ndjson")
DIRECTORY_SUFFIXES = (*LINE_SUFFIXES, ".parquet", ".eval")
"""Suffixes of the files that are read from a directory. A ``.json`` file must be named: most of them are settings."""
_COMPRESSION_SUFFIXES = (".gz", ".zst")
_PICKLE_SUFFIXES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".dill")
_OUTPUT_SUFFIXES = (".quarantine.jsonl", ".examples.jsonl")
"""Files that sgram writes beside its outputs; they hold no traces."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def _suffix(path: str) -> str:
    """Return the last suffix of a path in lower case, without the suffixes of compression."""
    stem = path.lower()
    for compression in _COMPRESSION_SUFFIXES:
        stem = stem.removesuffix(compression)
    return Path(stem).suffix


def _input_file(path: str, status: os.stat_result) -> InputFile:
    """Return the input file at `path`. Raise `InputError` for pickles and unfinished exports."""
    suffix = _suffix(path)
    if suffix in _PICKLE_SUFFIXES:
        raise InputError(
            f"{excerpt(path)} looks like a pickle, and loading one can run any code; save JSONL or Parquet"
        )
    if is_unfinished(path):
        raise InputError(f"{excerpt(path)} has no STABLE marker beside it yet; read it when its step is done")
    kind = {".json": "json", ".parquet": "parquet", ".eval": "inspect"}.get(suffix, "lines")
    return InputFile(path, kind, status.st_size if stat.S_ISREG(status.st_mode) else None)


def _unreadable(path: str, error: OSError | ValueError) -> InputError:
    return InputError(f"cannot read {excerpt(path)}: {getattr(error, 'strerror', None) or error}; check the path")


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _raise_unreadable(error: OSError) -> None:
    raise _unreadable(error.filename or "?", error)


def _walk(root: str) -> Iterator[str]:
    """Yield the files with a known suffix below `root`, without hidden ones and sgram's own run directories.

    Links are followed, loops are not.
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
        for name in names:
            holds_traces = _suffix(name) in DIRECTORY_SUFFIXES and not name.lower().endswith(_OUTPUT_SUFFIXES)
            if holds_traces and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118


def is_unfinished(path: str) -> bool:
    """Return whether `path` is a prime-rl export of a step that has no STABLE marker yet.

    >>> is_unfinished("token_exports/step_3/rank_0.jsonl"), is_unfinished("rollouts.jsonl")
    (True, False)
    """
    folder, name = Path(path).parent, Path(path).name
    is_export = name.startswith("rank_") and _suffix(name) in LINE_SUFFIXES and folder.name.startswith("step_")
    return is_export and not (folder / "STABLE").exists()


def find_input_files(paths: Paths) -> tuple[list[InputFile], list[str]]:
    """Return (input files, warnings) for `paths`, in their order; the files of a directory are sorted by name.

    Raise `UsageError` if there are no paths, `InputError` if a path cannot be read, is a pickle, or is a directory
    without traces.

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
    for path in (os.fspath(path) for path in listed_paths):
        if path == "-":
            files.append(InputFile("-", "lines"))
            continue
        status = _stat(path)
        if not stat.S_ISDIR(status.st_mode):
            files.append(_input_file(path, status))
            continue
        file_paths = sorted(_walk(path), key=lambda file_path: Path(file_path).parts)
        unfinished = [file_path for file_path in file_paths if is_unfinished(file_path)]
        for file_path in unfinished:
            warnings.append(f"{excerpt(file_path)} is left out: its step has no STABLE marker yet")
        excluded = set(unfinished)
        finished = [file_path for file_path in file_paths if file_path not in excluded]
        if not finished:
            reason = "; ".join(warnings[:1]) or f"it holds no file ending in {', '.join(DIRECTORY_SUFFIXES)}"
            raise InputError(f"nothing to read in {excerpt(path)}: {reason}")
        files += [
            _input_file(file_path, status)
            for file_path in finished
            if stat.S_ISREG((status := _stat(file_path)).st_mode)
        ]
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
    """Yield the rows of `file`. A damaged row carries a fault; raise `InputError` if the file cannot be opened.

    >>> from sgram.files import data_path
    >>> (file,), _ = find_input_files(data_path("sample_traces.jsonl"))
    >>> row = next(iter_rows(file, Caps()))
    >>> row.line, row.byte, "text" in row.record
    (1, 0, True)
    """
    if file.kind == "parquet":
        from sgram.traces.parquet import iter_parquet

        yield from iter_parquet(file, caps)
    elif file.kind == "inspect":
        from sgram.traces.inspect_logs import iter_samples

        yield from iter_samples(file, caps)
    else:
        with open_input(file.path, caps) as stream:
            file.stream = stream
            rows = _json_rows if file.kind == "json" else _line_rows
            yield from rows(stream, caps)


def _line_rows(stream: BlockReader, caps: Caps) -> Iterator[Row]:
    """Yield one row per line that is not blank."""
    for number, offset, data, fault in iter_lines(stream, caps):
        if fault:
            yield Row(number, offset, None, fault, data)
        elif data and not data.isspace():
            try:
                record = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                yield Row(number, offset, None, f"not valid JSON: {error.msg}, column {error.colno}", data)
            else:
                yield Row(number, offset, record, "", data)


class _ReplayedStream:
    """Stream whose first blocks were read already, with the damage that followed them, if any."""

    def __init__(self, blocks: list[bytes], damage: DamagedInputError | None, stream: InputStream):
        self._blocks, self._damage, self._stream = blocks[::-1], damage, stream

    def read(self) -> bytes:
        if self._blocks:
            return self._blocks.pop()
        if self._damage:
            raise self._damage
        return self._stream.read()


def _json_rows(stream: InputStream, caps: Caps) -> Iterator[Row]:
    """Yield the records of one JSON array or of one record; fall back to lines if it is not valid or over the cap."""
    blocks: list[bytes] = []
    size = 0
    damage: DamagedInputError | None = None
    try:
        while size <= caps.max_line_bytes and (block := stream.read()):
            blocks.append(block)
            size += len(block)
    except DamagedInputError as error:
        damage = error
    if damage is None and size <= caps.max_line_bytes:
        try:
            document = orjson.loads(b"".join(blocks).removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            pass
        else:
            for number, record in enumerate(document if type(document) is list else [document], 1):
                yield Row(number, None, record)
            return
    yield from _line_rows(_ReplayedStream(blocks, damage, stream), caps)
