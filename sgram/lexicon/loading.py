"""Lexicons by their path or preset name, read once while their file stays as it is; and those of lists of phrases."""

import os
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import TypeAlias

from sgram.errors import UsageError
from sgram.hub.addresses import is_pinned
from sgram.lexicon.document import find_lexicon
from sgram.lexicon.lexicon import Lexicon

LexiconLike: TypeAlias = Lexicon | str | os.PathLike[str] | Collection[str]
"""A lexicon, its path, the name of a preset, or its phrases as a person writes them."""


def as_lexicon(lexicon: LexiconLike) -> Lexicon:
    """Return `lexicon` itself, the one in a file or of a preset, which is kept until its file changes, or of phrases.

    One of the hub is kept if its address names a commit, else downloaded again.

    Raise `UsageError` if it is none of these, the name is unknown or a phrase is not a gram, `InputError` if the file
    cannot be read.

    >>> as_lexicon("wang2025").name, as_lexicon("wang2025") is as_lexicon("wang2025")
    ('wang2025', True)
    >>> [gram.text for gram in as_lexicon(["Wait", "let me check"]).grams]
    ['let me check', 'wait']
    """
    if isinstance(lexicon, Lexicon):
        return lexicon
    if isinstance(lexicon, Collection) and not isinstance(lexicon, str | bytes | Mapping):
        return _lexicon_of_phrases(lexicon)
    if not isinstance(lexicon, str | os.PathLike):
        raise UsageError(
            f"lexicon must be a Lexicon (got {type(lexicon).__name__}), its path, the name of a preset or a list of "
            "phrases"
        )
    path = find_lexicon(lexicon)
    if is_pinned(path):
        return _load(os.fspath(path), ())
    try:
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError):  # stdin, or what loading reports
        return Lexicon.load(lexicon)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    return _load(os.path.realpath(path), identity)


def _lexicon_of_phrases(phrases: Collection[str]) -> Lexicon:
    if not phrases:
        raise UsageError(
            "the list of phrases is empty: write lexicon=['let me check', ...], or name a preset such as sgram"
        )
    return Lexicon.from_grams(phrases)


@lru_cache(maxsize=32)
def _load(path: str, identity: tuple[int, ...]) -> Lexicon:
    return Lexicon.load(path)
