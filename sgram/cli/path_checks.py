"""Names of files that cannot be meant. Knows nothing about what is in the files."""

import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from sgram.errors import UsageError
from sgram.files import excerpt

_ROWS = re.compile(r"\.(jsonl|ndjson|parquet)(\.gz|\.zst)?$", re.IGNORECASE)


def refuse_options(paths: Iterable[str], verb: str) -> None:
    """Refuse what begins with a dash and is not stdin: an option that `verb` does not have, taken for a file."""
    for path in paths:
        if path != "-" and path.startswith("-"):
            raise UsageError(f"there is no option {path}; see sgram {verb} --help, or write ./{path} for a file")


def refuse_inputs(paths: Iterable[str | os.PathLike[str]], inputs: Iterable[str]) -> None:
    """Refuse to write over an input, and rows into a folder that is one, where they would be read the next time."""
    read = {os.path.realpath(each) for each in inputs if each != "-"}
    for path in paths:
        target = os.path.realpath(path)
        if target in read:
            raise UsageError(f"{excerpt(path)} is an input; write to another file")
        if _ROWS.search(target) and any(str(folder) in read for folder in Path(target).parents):
            raise UsageError(f"{excerpt(path)} lies in an input folder, where it would be read; name another")


def refuse_places(paths: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse files that could not be written, before anything is computed for them; folders may be missing."""
    for path in paths:
        try:
            fault = _hindrance(Path(os.path.realpath(path)))
        except OSError as error:  # such as a name that is too long
            fault = error.strerror or str(error)
        if fault:
            raise UsageError(f"cannot write {excerpt(path)}: {fault}; name another place")


def _hindrance(target: Path) -> str:
    """Why `target` cannot be written; "" where nothing is seen that hinders. `OSError` for names that cannot be."""
    folder = target.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        return f"{excerpt(folder)} is no folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing may be written in {excerpt(folder)}"
    for name in target.relative_to(folder).parts:
        with suppress(FileNotFoundError):
            (folder / name).stat()
    return "it is a folder" if target.is_dir() else ""
