"""Lexicons by their path or preset name, read once while their file stays as it is."""

import os
from functools import lru_cache
from typing import TypeAlias

from sgram.errors import UsageError
from sgram.lexicon.document import find_lexicon
from sgram.lexicon.lexicon import Lexicon

LexiconLike: TypeAlias = Lexicon | str | os.PathLike[str]
"""A lexicon, its path, or the name of a preset."""


def as_lexicon(lexicon: LexiconLike) -> Lexicon:
    """Return `lexicon` itself, or the one in a file or of a preset, which is kept until its file changes.

    Raise `UsageError` if it is none of these or the name is unknown, `InputError` if the file cannot be read.

    >>> as_lexicon("wang2025").name, as_lexicon("wang2025") is as_lexicon("wang2025")
    ('wang2025', True)
    """
    if isinstance(lexicon, Lexicon):
        return lexicon
    if not isinstance(lexicon, str | os.PathLike):
        raise UsageError(
            f"lexicon must be a Lexicon (got {type(lexicon).__name__}), its path or the name of a preset; see "
            "Lexicon.from_grams"
        )
    path = find_lexicon(lexicon)
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):  # stdin, or what loading reports
        return Lexicon.load(lexicon)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return _load(os.path.realpath(path), identity)


@lru_cache(maxsize=32)
def _load(path: str, identity: tuple[int, ...]) -> Lexicon:
    return Lexicon.load(path)
