"""The lexicon's file and its JSON document, format version 1. Knows nothing about the classes that hold it.

Every fault is an `InputError` that says file, cluster and gram. A lexicon file may come from anyone: its
size is bounded, every field's type is checked, unknown fields are refused, and nothing in it is executed.
"""

import difflib
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sgram.errors import InputError, UsageError
from sgram.files import data_path, excerpt
from sgram.safe_reading import read_bytes
from sgram.text import NORMAL_FORM

FORMAT = "sgram-lexicon"
VERSION = 1
MAX_BYTES = 256 << 20
"""Largest lexicon file that is read."""
MAX_COUNT = 2**63 - 1
"""Largest df or count."""


class Kind(NamedTuple):
    """What a field must be: its test, and the same in words."""

    accepts: Callable[[Any], bool]
    words: str


TEXT = Kind(lambda value: type(value) is str and value != "", "a text that is not empty")
COUNT = Kind(lambda value: type(value) is int and 0 <= value <= MAX_COUNT, "a whole number from 0")
NUMBER = Kind(lambda value: type(value) in (int, float) and abs(value) <= 1e300, "a finite number")
FLAG = Kind(lambda value: type(value) is bool, "true or false")
OBJECT = Kind(lambda value: type(value) is dict, "an object")
LIST = Kind(lambda value: type(value) is list and value != [], "a list that is not empty")
ANY = Kind(lambda value: True, "anything")

# name: (kind, whether it must be there)
_LEXICON = {
    "format": (ANY, True),
    "version": (ANY, True),
    "name": (TEXT, True),
    "words": (ANY, True),
    "source": (OBJECT, True),
    "clusters": (LIST, True),
}
_CLUSTER = {
    "id": (COUNT, True),
    "move": (TEXT, True),
    "medoid": (TEXT, True),
    "grams": (LIST, True),
    "df": (COUNT, False),
    "score": (NUMBER, False),
}
_GRAM = {
    "text": (TEXT, True),
    "df": (COUNT, False),
    "count": (COUNT, False),
    "df_correct": (COUNT, False),
    "df_wrong": (COUNT, False),
    "score": (NUMBER, False),
    "core": (FLAG, False),
}


def check_document(document: Any, where: str) -> None:
    """Refuse a document whose format, version, fields or types are not those of a lexicon."""
    if type(document) is not dict or document.get("format") != FORMAT:
        raise InputError(f'{where} is no lexicon: a lexicon is a JSON object with "format": "{FORMAT}"')
    version = document.get("version")
    if type(version) is int and version > VERSION:
        raise InputError(
            f"{where} was made by a newer sgram (format version {version}, this one reads up to {VERSION}); "
            "upgrade sgram"
        )
    if type(version) is not int or version != VERSION:
        raise InputError(f"{where}: version must be {VERSION}, not {_shown(version)}")
    if document.get("words") != NORMAL_FORM:
        raise InputError(
            f"{where}: its grams follow the normal form {_shown(document.get('words'))}, this sgram knows "
            f"'{NORMAL_FORM}'; mine it again, or use the sgram that made it"
        )
    _check_fields(document, _LEXICON, where)
    for number, cluster in enumerate(document["clusters"]):
        _check_cluster(cluster, f"{where}, cluster {number}")


def _check_cluster(cluster: Any, place: str) -> None:
    _check_fields(cluster, _CLUSTER, place)
    for number, gram in enumerate(cluster["grams"]):
        text = gram.get("text") if type(gram) is dict else None
        named = _shown(text) if type(text) is str else f"number {number}"
        _check_fields(gram, _GRAM, f"{place}, gram {named}")


def _check_fields(value: Any, fields: dict[str, tuple[Kind, bool]], place: str) -> None:
    if type(value) is not dict:
        raise InputError(f"{place}: must be an object, not {_shown(value)}")
    for name, (kind, needed) in fields.items():
        if name not in value:
            if needed:
                raise InputError(f"{place}: the field '{name}' is missing; it is {kind.words}")
        elif not kind.accepts(value[name]):
            hint = "; leave it out where it is not known" if not needed and value[name] is None else ""
            raise InputError(f"{place}: {name} must be {kind.words}, not {_shown(value[name])}{hint}")
    for name in value:
        if name not in fields:
            raise InputError(f"{place}: unknown field {_shown(name)}; known are {', '.join(fields)}")


def _shown(value: Any) -> str:
    """A short sight of a value for a message."""
    if type(value) is str:
        return f"'{excerpt(value, 60)}'" + ("..." if len(value) > 60 else "")
    if type(value) in (dict, list):
        return "an object" if type(value) is dict else "a list"
    return "null" if value is None else str(value)[:30].lower()


def read_document(path: str | os.PathLike[str]) -> Any:
    """The JSON value in the file `path` (``-``: stdin; gzip and zstd are unpacked), not yet checked."""
    where = shown_path(path)
    data = read_bytes(path, MAX_BYTES, "a lexicon")
    if data[:1] == b"\x80":
        raise InputError(f"{where} is a Python pickle, which sgram never loads; save the lexicon as JSON")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
        return json.loads(text, object_pairs_hook=_object)  # NaN passes here: the checks name its place
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start}); a lexicon is UTF-8 JSON") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{where} is not JSON: {error.msg} ({place}); a lexicon is one JSON object") from None
    except RecursionError:
        raise InputError(f"{where} is nested too deeply to be a lexicon") from None
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the field {_shown(twice)} stands twice in one object")
    return made


def shown_path(path: str | os.PathLike[str]) -> str:
    """How messages call the file `path`."""
    return "stdin" if os.fspath(path) == "-" else excerpt(path)


def preset_names() -> list[str]:
    """Names of the lexicons that are shipped."""
    return sorted(path.stem for path in data_path("lexicons").glob("*.json"))


def find_lexicon(name: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """The file of a preset's name; a path as it is. A preset goes before a file of the same bare name."""
    if not isinstance(name, str) or name == "-":
        return name
    presets = preset_names()
    if name in presets:
        return data_path("lexicons", f"{name}.json")
    if "/" in name or os.sep in name or Path(name).suffix or (name and Path(name).exists()):
        return name
    near = difflib.get_close_matches(name.lower(), presets, n=1)
    meant = f" (did you mean {near[0]}?)" if near else ""
    raise UsageError(f"there is no lexicon {_shown(name)}{meant}; give a path, or a preset ({', '.join(presets)})")
