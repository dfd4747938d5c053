"""From paths to rows: which files are read, how each hands out records. Knows nothing about dialects."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.safe_reading import Caps, DamagedInputError, InputStream, iter_lines, open_input

LINE_SUFFIXES = (".jsonl", ".ndjson")
KNOWN_SUFFIXES = (*LINE_SUFFIXES, ".parquet", ".eval")
"""What a directory is searched for; a ``.json`` file must be named itself, as most are settings."""
_PACKED = (".gz", ".zst")
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".dill")
_OURS = (".quarantine.jsonl", ".examples.jsonl")
"""Written beside outputs by sgram itself; never traces."""

Paths = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


class Row(NamedTuple):
    """One record of a source, or why there is none."""

    line: int
    """Line, or number of the record where the format has no lines; from 1."""
    byte: int | None
    """Where the line starts in the inflated file; None where the format has no lines."""
    record: Any
    fault: str = ""
    data: bytes | None = None
    """The line as it stands, if there is one."""


@dataclass(slots=True)
class Source:
    """One file to read, or stdin."""

    path: str
    kind: str
    """``lines``, ``json``, ``parquet`` or ``inspect``."""
    size: int | None = None
    """Bytes as stored, if known."""
    stream: InputStream | None = None
    share_read: float = 0.0
    """How much of a file without a stream is read, 0 to 1."""

    @property
    def name(self) -> str:
        """The path, safe to print."""
        return "stdin" if self.path == "-" else excerpt(self.path, 1000)

    @property
    def bytes_read(self) -> int:
        """Bytes read so far, as stored."""
        return self.stream.bytes_read if self.stream else int(self.share_read * (self.size or 0))


def _suffix(path: str) -> str:
    stem = path.lower()
    for packed in _PACKED:
        stem = stem.removesuffix(packed)
    return Path(stem).suffix


def _source(path: str, status: os.stat_result | None) -> Source:
    suffix = _suffix(path)
    if suffix in _PICKLES:
        raise InputError(
            f"{excerpt(path)} looks like a pickle, and loading one can run any code; save JSONL or Parquet"
        )
    if is_unfinished(path):
        raise InputError(f"{excerpt(path)} has no STABLE marker beside it yet; read it when its step is done")
    kind = {".json": "json", ".parquet": "parquet", ".eval": "inspect"}.get(suffix, "lines")
    known_size = status is not None and stat.S_ISREG(status.st_mode)
    return Source(path, kind, status.st_size if known_size else None)


def _unreadable(path: str, error: OSError | ValueError) -> InputError:
    return InputError(f"cannot read {excerpt(path)}: {getattr(error, 'strerror', None) or error}; check the path")


def _stat(path: str) -> os.stat_result:
    try:
        return os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _refuse(error: OSError) -> None:
    raise _unreadable(error.filename or "?", error)


def _walk(root: str) -> Iterator[str]:
    """Files with a known suffix below `root`, without hidden ones and the directories of our own runs.

    Links are followed, loops are not.
    """
    seen = set()
    for folder, subfolders, files in os.walk(root, onerror=_refuse, followlinks=True):
        status = os.stat(folder)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        if "run.json" in files:
            subfolders.clear()
            continue
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in files:
            wanted = _suffix(name) in KNOWN_SUFFIXES and not name.lower().endswith(_OURS)
            if wanted and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118


def is_unfinished(path: str) -> bool:
    """Whether `path` is a prime-rl export of a step that has no STABLE marker yet."""
    folder, name = Path(path).parent, Path(path).name
    exported = name.startswith("rank_") and _suffix(name) in LINE_SUFFIXES and folder.name.startswith("step_")
    return exported and not (folder / "STABLE").exists()


def find_sources(paths: Paths) -> tuple[list[Source], list[str]]:
    """(sources, warnings): the files behind `paths` in the order given, a directory's sorted by name."""
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise UsageError("nothing to read: name files, directories, or - for stdin")
    sources: list[Source] = []
    warnings: list[str] = []
    for path in map(os.fspath, given):
        if path == "-":
            sources.append(Source("-", "lines"))
            continue
        status = _stat(path)
        if not stat.S_ISDIR(status.st_mode):
            sources.append(_source(path, status))
            continue
        found = sorted(_walk(path), key=lambda file: Path(file).parts)
        unfinished = [file for file in found if is_unfinished(file)]
        for file in unfinished:
            warnings.append(f"{excerpt(file)} is left out: its step has no STABLE marker yet")
        left_out = set(unfinished)
        inside = [file for file in found if file not in left_out]
        if not inside:
            told = "; ".join(warnings[:1]) or f"it holds no file ending in {', '.join(KNOWN_SUFFIXES)}"
            raise InputError(f"nothing to read in {excerpt(path)}: {told}")
        sources += [_source(file, status) for file in inside if stat.S_ISREG((status := _stat(file)).st_mode)]
    return _without_repeats(sources, warnings), warnings


def _without_repeats(sources: list[Source], warnings: list[str]) -> list[Source]:
    kept: dict[str, Source] = {}
    for source in sources:
        place = source.path if source.path == "-" else os.path.realpath(source.path)
        if place in kept:
            warnings.append(f"{source.name} is named more than once; it is read once")
        else:
            kept[place] = source
    return list(kept.values())


def iter_rows(source: Source, caps: Caps) -> Iterator[Row]:
    """Rows of `source`, one at a time; only what cannot be opened at all is an `InputError`."""
    if source.kind == "parquet":
        from sgram.traces.parquet import iter_parquet

        yield from iter_parquet(source, caps)
    elif source.kind == "inspect":
        from sgram.traces.inspect_logs import iter_samples

        yield from iter_samples(source, caps)
    else:
        with open_input(source.path, caps) as stream:
            source.stream = stream
            rows = _json_rows if source.kind == "json" else _line_rows
            yield from rows(stream, caps)


def _line_rows(stream: "InputStream | _Replay", caps: Caps) -> Iterator[Row]:
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


class _Replay:
    """A stream whose first blocks were read already, and perhaps the damage behind them."""

    def __init__(self, blocks: list[bytes], damage: DamagedInputError | None, stream: InputStream):
        self._blocks, self._damage, self._stream = blocks[::-1], damage, stream

    def read(self) -> bytes:
        if self._blocks:
            return self._blocks.pop()
        if self._damage:
            raise self._damage
        return self._stream.read()


def _json_rows(stream: InputStream, caps: Caps) -> Iterator[Row]:
    """One array of records, or one record, if it parses and fits under the cap; else lines."""
    blocks: list[bytes] = []
    size, damage = 0, None
    try:
        while size <= caps.max_line_bytes and (block := stream.read()):
            blocks.append(block)
            size += len(block)
    except DamagedInputError as error:
        damage = error
    if damage is None and size <= caps.max_line_bytes:
        try:
            whole = orjson.loads(b"".join(blocks).removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            pass
        else:
            for number, record in enumerate(whole if type(whole) is list else [whole], 1):
                yield Row(number, None, record)
            return
    yield from _line_rows(_Replay(blocks, damage, stream), caps)
