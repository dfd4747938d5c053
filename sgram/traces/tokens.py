"""Tokenizers: their files, names and decoders, for exports that hold token ids without text."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import InputError, MissingExtraError
from sgram.files import excerpt

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def _tokenizer_file(path: Path) -> Path:
    """Return the ``tokenizer.json`` of `path`: the file itself, a model's directory, or one of the hub's cache."""
    if not path.is_dir():
        return path
    snapshots = sorted(path.glob("snapshots/*/tokenizer.json"))
    current = path / "refs" / "main"
    if current.is_file():
        snapshots.append(path / "snapshots" / current.read_text().strip() / "tokenizer.json")
    candidates = [path / "tokenizer.json", *reversed(snapshots)]
    file = next((candidate for candidate in candidates if candidate.is_file()), None)
    if file is None:
        raise InputError(f"{excerpt(path)} holds no tokenizer.json; name the file itself")
    return file


def tokenizer_name(path: str | os.PathLike[str]) -> str:
    """Return the name of the tokenizer at `path`: its hub id, its directory's or its file's name, never a path.

    >>> tokenizer_name("/models/Qwen2.5-7B/tokenizer.json"), tokenizer_name("/hub/models--org--name")
    ('Qwen2.5-7B', 'org/name')
    """
    path = Path(os.path.abspath(path))  # noqa: PTH100  a link is called by its own name
    hub = next((part for part in reversed(path.parts) if part.startswith("models--")), "")
    if hub:
        return hub.removeprefix("models--").replace("--", "/")
    if path.name == "tokenizer.json":
        return path.parent.name
    return path.name.removesuffix(".json")


def load_tokenizer(path: str | os.PathLike[str]) -> "Tokenizer":
    """Return the tokenizer at `path`, a tokenizer.json or its directory, without truncation and padding.

    Raise `InputError` if it cannot be read, `MissingExtraError` if the library is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtraError(f"a tokenizer needs its library ({error}); pip install tokenizers") from error
    file = _tokenizer_file(Path(path))
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises Exception itself
        reason = " ".join(str(error).split())
        raise InputError(f"{excerpt(file)} cannot be read as a tokenizer: {reason}; check the path") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def load_decoder(path: str | os.PathLike[str]) -> Callable[[list[int]], str]:
    """Return a function from token ids to their text, with special tokens, by the tokenizer at `path`.

    Errors are those of `load_tokenizer`.
    """
    tokenizer = load_tokenizer(path)

    def decode(token_ids: list[int]) -> str:
        return tokenizer.decode(token_ids, skip_special_tokens=False)

    return decode
