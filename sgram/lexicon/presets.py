"""Files of shipped values, such as lexicons and sentence scorers, by their bare names."""

import difflib
import os
from collections.abc import Collection
from pathlib import Path

from sgram.errors import UsageError
from sgram.files import data_path, excerpt


def names_in(folder: str) -> list[str]:
    """Return the names of the values that are shipped in a folder of ``data/``.

    >>> "wang2025" in names_in("lexicons")
    True
    """
    return sorted(path.stem for path in data_path(folder).glob("*.json"))


def is_path(name: str) -> bool:
    """Return whether a name is that of a file by its form: stdin, with a separator, or with a suffix.

    >>> is_path("runs/mine"), is_path("mine.json"), is_path("mine")
    (True, True, False)
    """
    return name == "-" or "/" in name or os.sep in name or bool(Path(name).suffix)


def find_file(
    name: str | os.PathLike[str], folder: str, noun: str, others: Collection[str] = ()
) -> str | os.PathLike[str]:
    """Return the file of a preset, or `name` itself if it is a path. A preset precedes a file of the same bare name.

    Raise `UsageError` if `name` is neither; the message calls the value by its `noun`, and lists the presets and
    `others`.

    >>> find_file("wang2025", "lexicons", "lexicon").name
    'wang2025.json'
    """
    if not isinstance(name, str) or name == "-":
        return name
    presets = names_in(folder)
    if name in presets:
        return data_path(folder, f"{name}.json")
    if is_path(name) or (name and Path(name).exists()):
        return name
    presets = sorted({*presets, *others})
    similar = difflib.get_close_matches(name.lower(), presets, n=1)
    suggestion = f" (did you mean {similar[0]}?)" if similar else ""
    displayed_name = f"'{excerpt(name, 60)}'" + ("..." if len(name) > 60 else "")
    raise UsageError(f"unknown {noun} {displayed_name}{suggestion}; give a path or a preset ({', '.join(presets)})")
