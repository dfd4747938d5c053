"""Token ids back to text, for exports that hold ids alone. Knows nothing about traces."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from sgram.errors import InputError, MissingExtraError
from sgram.files import excerpt

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def _tokenizer_file(path: Path) -> Path:
    """``tokenizer.json`` behind `path`: the file, a model's directory, or a directory of the hub's cache."""
    if not path.is_dir():
        return path
    snapshots = sorted(path.glob("snapshots/*/tokenizer.json"))
    current = path / "refs" / "main"
    if current.is_file():
        snapshots.append(path / "snapshots" / current.read_text().strip() / "tokenizer.json")
    choices = [path / "tokenizer.json", *reversed(snapshots)]
    found = next((choice for choice in choices if choice.is_file()), None)
    if found is None:
        raise InputError(f"{excerpt(path)} holds no tokenizer.json; name the file itself")
    return found


def tokenizer_name(path: str | os.PathLike[str]) -> str:
    """What the tokenizer at `path` is called: by its hub id, its directory, or its file's own name; never by a path."""
    path = Path(os.path.abspath(path))  # noqa: PTH100  a link is called by its own name
    hub = next((part for part in reversed(path.parts) if part.startswith("models--")), "")
    if hub:
        return hub.removeprefix("models--").replace("--", "/")
    if path.name == "tokenizer.json":
        return path.parent.name
    return path.name.removesuffix(".json")


def load_tokenizer(path: str | os.PathLike[str]) -> "Tokenizer":
    """The tokenizer at `path`, a tokenizer.json or its directory; it neither cuts nor pads what it encodes."""
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
    """Function from token ids to their text, special tokens included, by the tokenizer at `path`."""
    tokenizer = load_tokenizer(path)

    def decode(ids: list[int]) -> str:
        return tokenizer.decode(ids, skip_special_tokens=False)

    return decode
