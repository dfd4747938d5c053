"""Names of raters for files that do not name them: one given with the file, else the file's own name."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.urls import printable_name


def name_file_raters(
    paths: Iterable[str | os.PathLike[str]], names: Mapping[str, str] | None = None
) -> dict[str, str | None]:
    """Return the rater of each file, by path: its name in `names`, else the file's name without suffixes.

    None for stdin, and for files of different folders with one name, which would turn several raters into one.

    >>> name_file_raters(["ada.csv", "x/ratings.csv", "y/ratings.csv"], {"y/ratings.csv": "eve"})
    {'ada.csv': 'ada', 'x/ratings.csv': 'ratings', 'y/ratings.csv': 'eve'}
    >>> name_file_raters(["x/ratings.csv", "y/ratings.csv"])
    {'x/ratings.csv': None, 'y/ratings.csv': None}
    """
    names = names or {}
    distinct_paths = dict.fromkeys(os.fspath(path) for path in paths)
    stems = {path: _stem(path) for path in distinct_paths if path != "-" and path not in names}
    n_files = Counter(stems.values())
    return {
        path: names.get(path) or (stem if (stem := stems.get(path)) is not None and n_files[stem] == 1 else None)
        for path in distinct_paths
    }


def require_rater(rater: str | None, path: str | os.PathLike[str], location: str) -> str:
    """Return `rater`; raise `InputError`, which says how to name the rater of the file, if it is None."""
    if rater is not None:
        return rater
    if os.fspath(path) == "-":
        raise InputError(f"{location}: missing rater; name the rater: ada=-")
    raise InputError(
        f"{location}: missing rater, and other files have the name '{excerpt(_stem(os.fspath(path)), 60)}' too; name "
        f"the rater of each file: ada={printable_name(path)}"
    )


def check_one_rater(name: str, file_raters: Collection[str], file_name: str) -> None:
    """Raise `InputError` if a file whose rater is called `name` has ratings of several raters."""
    if len(file_raters) > 1:
        raters = ", ".join(f"'{excerpt(rater, 40)}'" for rater in sorted(file_raters)[:5])
        raise InputError(
            f"{file_name} has ratings of several raters ({raters}), which would become one, '{excerpt(name, 40)}'; "
            "leave out the name before the file"
        )


def check_unnamed(item: str, first_location: str, location: str) -> None:
    """Raise `InputError` if a file that names no rater labels `item` at two locations: it may hold two raters."""
    if first_location != location:
        raise InputError(
            f"{first_location} and {location} both label item '{excerpt(item, 80)}' and name no rater; if they are of "
            "different raters, add the column rater, else keep one"
        )


def _stem(path: str) -> str:
    name = Path(path).name
    return name.partition(".")[0] or name
