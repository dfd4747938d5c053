"""Addresses of the hub: ``hf://[datasets/]owner/name[@revision][/file]``."""

import os
import re

from sgram.errors import UsageError
from sgram.files import excerpt

SCHEME = "hf://"
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(f"{_NAME}/{_NAME}")
_ROOT = re.compile(r"hf://(?:(?:datasets|models|spaces)/)?[^/@]+/[^/@]+(?:@(?:refs/(?:pr|convert)/)?[^/@]+)?/?")
_COMMIT = re.compile(r"hf://(?:\w+/)?[^/@]+/[^/@]+@[0-9a-f]{40}(?:/|$)")
_LONGEST_ID = 96


def is_hub_address(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is an address of the hub.

    >>> is_hub_address("hf://owner/name"), is_hub_address("owner/name")
    (True, False)
    """
    return isinstance(path, str) and path.lower().startswith(SCHEME)


def is_pinned(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is an address of the hub with a commit, so that it always has the same content.

    >>> is_pinned("hf://owner/name@" + "0f" * 20), is_pinned("hf://owner/name@main")
    (True, False)
    """
    return is_hub_address(path) and _COMMIT.match(os.fspath(path)) is not None


def hub_file(path: str | os.PathLike[str], file_name: str) -> str | os.PathLike[str]:
    """Return the file that a path stands for: `file_name` in a repository of the hub, any other path as it is.

    >>> hub_file("hf://owner/name@v1", "lexicon.json"), hub_file("hf://owner/name/old.json", "lexicon.json")
    ('hf://owner/name@v1/lexicon.json', 'hf://owner/name/old.json')
    """
    if is_hub_address(path) and _ROOT.fullmatch(text := os.fspath(path)):
        return f"{text.rstrip('/')}/{file_name}"
    return path


def check_repository(repository: str) -> str:
    """Return the name of a repository without ``hf://``. Raise `UsageError` unless it is ``owner/name``.

    >>> check_repository("hf://owner/name")
    'owner/name'
    """
    name = repository.removeprefix(SCHEME)
    if not _REPOSITORY.fullmatch(name) or len(name) > _LONGEST_ID or "--" in name or ".." in name:
        raise UsageError(
            f"{excerpt(repository, 120)!r} is not the name of a repository; write owner/name, with letters, digits, "
            "-, _ and ."
        )
    return name
