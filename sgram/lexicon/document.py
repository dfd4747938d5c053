"""The JSON document of a lexicon, format version 1: reading, checks, shipped presets.

Every fault is an `InputError` that names file, cluster and gram. A lexicon file may come from anyone: its size is
bounded, every field's type is checked, unknown fields are refused, and nothing in it is executed.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.hub.addresses import hub_file
from sgram.lexicon.presets import find_file, names_in
from sgram.safe_reading import read_bytes
from sgram.text import NORMAL_FORM
from sgram.urls import printable_name

FORMAT = "sgram-lexicon"
VERSION = 1
MAX_BYTES = 256 << 20
"""Largest lexicon file that is read, in bytes."""
MAX_COUNT = 2**63 - 1
"""Largest df or count."""


class FieldType(NamedTuple):
    """Type of a field: its test and its name in messages."""

    accepts: Callable[[Any], bool]
    description: str


TEXT = FieldType(lambda value: type(value) is str and value != "", "a string that is not empty")
COUNT = FieldType(lambda value: type(value) is int and 0 <= value <= MAX_COUNT, "an integer >= 0")
NUMBER = FieldType(lambda value: type(value) in (int, float) and abs(value) <= 1e300, "a finite number")
FLAG = FieldType(lambda value: type(value) is bool, "true or false")
OBJECT = FieldType(lambda value: type(value) is dict, "an object")
LIST = FieldType(lambda value: type(value) is list and value != [], "a list that is not empty")
ANY = FieldType(lambda value: True, "anything")

# name: (type, whether it is required)
_LEXICON_FIELDS = {
    "format": (ANY, True),
    "version": (ANY, True),
    "name": (TEXT, True),
    "words": (ANY, True),
    "source": (OBJECT, True),
    "clusters": (LIST, True),
}
_CLUSTER_FIELDS = {
    "id": (COUNT, True),
    "move": (TEXT, True),
    "medoid": (TEXT, True),
    "grams": (LIST, True),
    "df": (COUNT, False),
    "score": (NUMBER, False),
}
_GRAM_FIELDS = {
    "text": (TEXT, True),
    "df": (COUNT, False),
    "count": (COUNT, False),
    "df_correct": (COUNT, False),
    "df_wrong": (COUNT, False),
    "score": (NUMBER, False),
    "core": (FLAG, False),
}


def check_document(document: Any, where: str) -> None:
    """Raise `InputError` if format, version, fields or types of a document are not those of a lexicon.

    >>> check_document({"format": "sgram-mask"}, "masks.json")
    Traceback (most recent call last):
    ...
    sgram.errors.InputError: masks.json is not a lexicon: expected a JSON object with "format": "sgram-lexicon"
    """
    if type(document) is not dict or document.get("format") != FORMAT:
        raise InputError(f'{where} is not a lexicon: expected a JSON object with "format": "{FORMAT}"')
    version = document.get("version")
    if type(version) is int and version > VERSION:
        raise InputError(
            f"{where} was made by a newer sgram (format version {version}, this one reads up to {VERSION}); "
            "upgrade sgram"
        )
    if type(version) is not int or version != VERSION:
        raise InputError(f"{where}: version must be {VERSION}, not {_describe(version)}")
    if document.get("words") != NORMAL_FORM:
        raise InputError(
            f"{where}: its grams have the normal form {_describe(document.get('words'))}, this sgram supports "
            f"'{NORMAL_FORM}'; mine it again, or use the sgram that made it"
        )
    _check_fields(document, _LEXICON_FIELDS, where)
    for number, cluster in enumerate(document["clusters"]):
        _check_cluster(cluster, f"{where}, cluster {number}")


def _check_cluster(cluster: Any, location: str) -> None:
    _check_fields(cluster, _CLUSTER_FIELDS, location)
    for number, gram in enumerate(cluster["grams"]):
        text = gram.get("text") if type(gram) is dict else None
        gram_name = _describe(text) if type(text) is str else f"number {number}"
        _check_fields(gram, _GRAM_FIELDS, f"{location}, gram {gram_name}")


def _check_fields(value: Any, fields: dict[str, tuple[FieldType, bool]], location: str) -> None:
    """Raise `InputError` unless `value` is an object with these fields."""
    if type(value) is not dict:
        raise InputError(f"{location}: must be an object, not {_describe(value)}")
    for name, (field_type, is_required) in fields.items():
        if name not in value:
            if is_required:
                raise InputError(f"{location}: the field '{name}' is missing; it must be {field_type.description}")
        elif not field_type.accepts(value[name]):
            hint = "; leave it out if it is unknown" if not is_required and value[name] is None else ""
            raise InputError(f"{location}: {name} must be {field_type.description}, not {_describe(value[name])}{hint}")
    for name in value:
        if name not in fields:
            raise InputError(f"{location}: unknown field {_describe(name)}; known: {', '.join(fields)}")


def _describe(value: Any) -> str:
    """Return a short form of a JSON value for a message."""
    if type(value) is str:
        return f"'{excerpt(value, 60)}'" + ("..." if len(value) > 60 else "")
    if type(value) in (dict, list):
        return "an object" if type(value) is dict else "a list"
    return "null" if value is None else str(value)[:30].lower()


def read_document(path: str | os.PathLike[str]) -> Any:
    """Return the JSON value in the file or URL `path` (``-``: stdin), decompressed, not yet checked.

    Raise `InputError` if it cannot be read, is larger than `MAX_BYTES` or is not JSON.

    >>> read_document(find_lexicon("wang2025"))["format"]
    'sgram-lexicon'
    """
    where = printable_name(path)
    data = read_bytes(path, MAX_BYTES, "a lexicon")
    if data[:1] == b"\x80":
        raise InputError(f"{where} is a Python pickle, which sgram never loads; save the lexicon as JSON")
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
        return json.loads(text, object_pairs_hook=_unique_fields)  # NaN passes here: the checks name its location
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not UTF-8 (byte {error.start}); a lexicon is UTF-8 JSON") from None
    except json.JSONDecodeError as error:
        location = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{where} is not JSON: {error.msg} ({location}); a lexicon is one JSON object") from None
    except RecursionError:
        raise InputError(f"{where} is nested too deeply for a lexicon") from None
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}") from None


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        [(repeated_name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the field {_describe(repeated_name)} appears twice in one object")
    return fields


HUB_LEXICON = "lexicon.json"
"""File of a repository of the hub that holds its lexicon."""
DEFAULT_LEXICON = "sgram"
"""Preset that verbs use where no lexicon is named."""


def preset_names() -> list[str]:
    """Return the names of the shipped lexicons.

    >>> "wang2025" in preset_names()
    True
    """
    return names_in("lexicons")


def find_lexicon(name: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Return the file of a preset, or `name` itself if it is a path. A preset precedes a file of the same bare name.

    A repository of the hub stands for its lexicon.json. Raise `UsageError` if `name` is neither.

    >>> find_lexicon("wang2025").name
    'wang2025.json'
    """
    return hub_file(find_file(name, "lexicons", "lexicon"), HUB_LEXICON)
