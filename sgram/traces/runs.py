"""Names of runs: a training run or sampling job is told by the user, by the data, or by where its files lie."""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from sgram.errors import UsageError
from sgram.urls import is_url, location, printable_name

_NAMED = re.compile(r"([^=/\\]{1,80})=(.+)", re.DOTALL)
_SUFFIXES = (
    *(".gz", ".zst", ".bz2", ".xz", ".jsonl", ".ndjson", ".json", ".parquet", ".csv", ".tsv", ".arrow", ".feather"),
    *(".eval", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".tzst", ".zip"),
)


def split_run(path: str) -> tuple[str | None, str]:
    """Return (name of the run or None, path) of an argument ``NAME=PATH``; an existing path stays whole.

    >>> split_run("grpo=rollouts/"), split_run("rollouts.jsonl")
    (('grpo', 'rollouts/'), (None, 'rollouts.jsonl'))
    """
    match = _NAMED.fullmatch(path)
    if match is None or "://" in path.partition("=")[0] or os.path.lexists(path):
        return None, path
    return match[1], match[2]


def name_runs(arguments: Iterable[tuple[str | None, str]], files: Iterable[str]) -> dict[str, str]:
    """Return the run of each of `files`, which the `arguments` (name or None, path) led to.

    A run is named by its argument, else by its folder, or by the stem of its file. Files of one folder whose stems
    differ in digits only (steps, shards) are one run, named by the folder. Equal names of different runs get as many
    parent folders as tell them apart. A pipe is a run of its own. Raise `UsageError` if one file belongs to two names.

    >>> name_runs([(None, "a/1.jsonl"), (None, "a/2.jsonl"), (None, "b.jsonl")], ["a/1.jsonl", "a/2.jsonl", "b.jsonl"])
    {'a/1.jsonl': 'a', 'a/2.jsonl': 'a', 'b.jsonl': 'b'}
    """
    pairs = list(arguments)
    naming_paths: dict[str, str] = {}
    named: dict[str, str] = {}
    for file in files:
        if file == "-":
            named[file] = next((name for name, path in pairs if path == "-" and name), "stdin")
            continue
        names = {name for name, path in pairs if name is not None and _leads_to(path, file)}
        if not names and (pipe := _pipe_name(file)):
            named[file] = pipe
            continue
        if len(names) > 1:
            raise UsageError(f"{printable_name(file)} belongs to the runs {', '.join(sorted(names))}; name it once")
        folder = next((path for name, path in pairs if _is_above(path, file)), None)
        if names:
            named[file] = names.pop()
        else:
            naming_paths[file] = _place(file if folder is None else folder)
    urls = [file for file in naming_paths if is_url(file)]
    if len({_place(url) for url in urls}) < len(urls):
        first = next(url for url in urls if sum(_place(url) == _place(other) for other in urls) > 1)
        raise UsageError(f"several URLs are called {printable_name(first)}; name the run of each: NAME=URL")
    runs = named | _distinct_names(naming_paths)
    # the name of a file may be no text
    return {file: name.encode(errors="backslashreplace").decode() for file, name in runs.items()}


def _pipe_name(file: str) -> str:
    """Return the name of a pipe, which says nothing of a run but keeps it apart from others; empty for other files."""
    if not Path(file).is_fifo():
        return ""
    is_unnamed = Path(file).parent in (Path("/dev/fd"), Path("/proc/self/fd"))
    return f"pipe {Path(file).name}" if is_unnamed else _stem(file)


def _leads_to(path: str, file: str) -> bool:
    """Return whether an argument is the file, or a folder above it."""
    if is_url(path) and not _is_above(path, file):
        return path == file
    folder, target = _place(path), _place(file)
    return target == folder or target.startswith(folder.rstrip(os.sep) + os.sep)


def _is_above(path: str, file: str) -> bool:
    """Return whether an argument is a folder above a file."""
    if is_url(path):
        return _place(file).startswith(_place(path).rstrip("/") + "/") and _place(file) != _place(path)
    return Path(path).is_dir() and _leads_to(path, file)


def _place(path: str) -> str:
    """Return the real path of a file, or the URL without what is secret in it."""
    return location(path) if is_url(path) else os.path.realpath(path)


def _stem(path: str) -> str:
    name = Path(path).name
    while (suffix := Path(name).suffix.lower()) in _SUFFIXES and name != suffix:
        name = name[: -len(suffix)]
    return name


def _distinct_names(naming_paths: dict[str, str]) -> dict[str, str]:
    """Return the run of each file that no argument names; `naming_paths` are the files or folders that name them."""
    series: dict[tuple[str, str], list[str]] = {}
    for file, origin in naming_paths.items():
        if origin == _place(file):
            pattern = re.sub(r"\d+", "#", _stem(origin))
            series.setdefault((str(Path(origin).parent), pattern), []).append(file)
    origins = dict(naming_paths)
    for (folder, pattern), members in series.items():
        if len(members) > 1 and "#" in pattern:
            # several series in one folder, such as grpo_1 and hicra_1, are runs of their own
            is_alone = sum(parent == folder for parent, _ in series) == 1
            name = pattern.replace("#", "").strip("_-. ") or pattern
            origins.update(dict.fromkeys(members, folder if is_alone else str(Path(folder, name))))
    distinct = sorted(set(origins.values()))
    names = {origin: _name(origin, 1) for origin in distinct}
    depth = 1
    while len(set(names.values())) < len(distinct) and depth < 12:
        depth += 1
        counts: dict[str, int] = {}
        for name in names.values():
            counts[name] = counts.get(name, 0) + 1
        names = {origin: _name(origin, depth) if counts[name] > 1 else name for origin, name in names.items()}
    return {file: names[origin] for file, origin in origins.items()}


def _name(origin: str, depth: int) -> str:
    """Return the last `depth` parts of a path, without the suffixes of a file."""
    parts = Path(origin).parts[-depth:]
    last = _stem(parts[-1]) if Path(parts[-1]).suffix.lower() in _SUFFIXES else parts[-1]
    return "/".join((*parts[:-1], last))
