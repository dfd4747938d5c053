"""Checks of file names from the command line, before anything is read or computed."""

import os
import re
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.traces.input_files import expand_path
from sgram.traces.runs import split_run
from sgram.urls import is_url, printable_name

_ROW_FILE = re.compile(r"\.(jsonl|ndjson|parquet)(\.gz|\.zst)?$", re.IGNORECASE)


def check_no_options(paths: Iterable[str], verb: str) -> None:
    """Raise `UsageError` for a path that begins with a dash (other than stdin): an unknown option of `verb`."""
    for path in paths:
        if path != "-" and path.startswith("-"):
            raise UsageError(f"unknown option {path}; see sgram {verb} --help, or write ./{path} for a file")


def check_one_stdin(paths: Iterable[str]) -> None:
    """Raise `UsageError` if more than one of `paths` is stdin."""
    if list(paths).count("-") > 1:
        raise UsageError("only one of the inputs can come from stdin; name files for the others")


def check_outputs(
    outputs: Mapping[str, str | os.PathLike[str] | None],
    inputs: Iterable[str] = (),
    stdout: bool = False,
    folders: Collection[str] = (),
) -> None:
    """Raise `UsageError` for an output that is an unknown option, another output, or an input, or cannot be written.

    `outputs` maps each flag to its file, or to its folder if the flag is in `folders`; None means that the flag is not
    set. With `stdout`, - is stdout.
    """
    skipped = (None, "-") if stdout else (None,)
    paths = {flag: str(output) for flag, output in outputs.items() if output not in skipped}
    flag_of: dict[str, str] = {}
    for flag, path in paths.items():
        if path == "-":
            raise UsageError(f"{flag} cannot go to stdout; name a file")
        if is_url(path):
            raise UsageError(f"{flag} {printable_name(path)} is a URL; write to a file, and copy it there")
        if path.startswith("-"):
            raise UsageError(f"{flag} {path} is not a file name; write ./{path} if it is one")
        first_flag = flag_of.setdefault(os.path.realpath(path), flag)
        if first_flag != flag:
            raise UsageError(f"{first_flag} and {flag} both name {path}; give each a file of its own")
    check_not_inputs(paths.values(), inputs)
    check_writable(path for flag, path in paths.items() if flag not in folders)
    for flag in folders:
        if flag in paths:
            check_folder(paths[flag])


def check_not_inputs(paths: Iterable[str | os.PathLike[str]], inputs: Iterable[str], in_folders: bool = True) -> None:
    """Raise `UsageError` if an output is an input, or a row file in an input folder that the next run would read.

    An input may be ``NAME=PATH`` or a pattern. Without `in_folders`, row files may lie in input folders.
    """
    named = [split_run(path)[1] for path in inputs]
    input_paths = {
        os.path.realpath(match)
        for path in named
        if path not in ("", "-") and not is_url(path)
        for match in _matches(path)
    }
    for path in paths:
        target = os.path.realpath(path)
        if target in input_paths:
            raise UsageError(f"{excerpt(path)} is an input; write to another file")
        if (
            in_folders
            and _ROW_FILE.search(target)
            and any(str(folder) in input_paths for folder in Path(target).parents)
        ):
            raise UsageError(f"{excerpt(path)} lies in an input folder, where it would be read; name another")


def _matches(path: str) -> list[str]:
    """Return the paths that a pattern stands for; the pattern itself if there are none, which reading reports."""
    try:
        return expand_path(path)
    except InputError:
        return [path]


def check_writable(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Raise `UsageError` for a file that could not be written; missing folders are fine."""
    for path in paths:
        try:
            obstacle = _obstacle(Path(os.path.realpath(path)))
        except OSError as error:  # such as a name that is too long
            obstacle = error.strerror or str(error)
        if obstacle:
            raise UsageError(f"cannot write {excerpt(path)}: {obstacle}; name another path")


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Raise `UsageError` for a folder in which no file could be written; a missing one is fine."""
    if Path(folder).exists() and not Path(folder).is_dir():
        raise UsageError(f"{excerpt(folder)} is a file; name a folder")
    check_writable([Path(folder) / "any"])


def _obstacle(target: Path) -> str:
    """Return why `target` cannot be written, "" if nothing prevents it; `OSError` for impossible names."""
    folder = target.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        return f"{excerpt(folder)} is not a folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"no permission to write in {excerpt(folder)}"
    for name in target.relative_to(folder).parts:
        with suppress(FileNotFoundError):
            (folder / name).stat()
    return "it is a folder" if target.is_dir() else ""
