"""Items of an annotation: a gram in its context; and the key to the blind. Knows nothing about tools or raters.

What annotators see of an item is a `ShownItem`: an id that says nothing, a text, and where the gram stands in it.
Everything else (whether it is a Strategic Gram or a control, its cluster, its move) stays in the items file.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt, iter_lines, open_input
from sgram.lexicon import MOVE_MEANINGS, MOVES

PROCEDURAL = "procedural"
STRATEGIC = "strategic"
"""Accepted in ratings from elsewhere that ask for no move; our exports do not offer it."""
LABELS = (*MOVES, PROCEDURAL)
"""What an annotator may answer; every label of `MOVES` says that the phrase is strategic."""
LABEL_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        **MOVE_MEANINGS,
        "other": "guides the thinking, but makes none of these moves",
        PROCEDURAL: "carries out, states, formats, or is a fragment without a function",
    }
)
LABEL_KEYS: Mapping[str, str] = MappingProxyType(
    {**{move: str(place) for place, move in enumerate(MOVES, start=1)}, PROCEDURAL: "0"}
)
"""The key that gives each label, in every tool that has keys."""

FORMAT, VERSION = "sgram-annotation", 1
KINDS = ("sg", "control")


@dataclass(frozen=True, slots=True)
class ShownItem:
    """What an annotator sees of an item, and nothing else."""

    item: str
    text: str
    start: int
    """Code points, half-open: ``text[start:end]`` is the gram as written."""
    end: int

    @property
    def gram(self) -> str:
        """The gram as written."""
        return self.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Item:
    """A gram in its context, with all that the annotator must not know."""

    item: str
    """An id that says nothing."""
    kind: str
    """"sg", an occurrence of a gram of the lexicon, or "control", one of a random gram."""
    gram: str
    """Words in normal form, one space between them."""
    cluster: int | None
    """None for a control, as is `move`."""
    move: str | None
    trace: str
    """Id of the trace that it is from."""
    model: str | None
    text: str
    """The context as shown."""
    start: int
    end: int

    def __post_init__(self) -> None:
        for name in ("item", "gram", "trace", "text"):
            if type(getattr(self, name)) is not str or not getattr(self, name):
                raise UsageError(f"{name} must be a text that is not empty")
        if self.kind not in KINDS:
            raise UsageError(f"kind is {excerpt(str(self.kind), 40)!r}; one of {', '.join(KINDS)}")
        if self.model is not None and type(self.model) is not str:
            raise UsageError("model must be a text")
        known = type(self.cluster) is int and self.move in MOVES
        if not (known if self.kind == "sg" else self.cluster is None and self.move is None):
            raise UsageError("an sg has a cluster and a move, a control has none")
        whole = type(self.start) is int and type(self.end) is int
        if not (whole and 0 <= self.start < self.end <= len(self.text)):
            raise UsageError(f"{self.start!r} to {self.end!r} is no stretch of the text")

    @property
    def shown(self) -> ShownItem:
        """The annotator's part."""
        return ShownItem(self.item, self.text, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Sample:
    """The items of one export, by id, which is a random order; a value, the same for the same draw."""

    lexicon: str
    """Digest of the lexicon."""
    seed: int
    items: tuple[Item, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    """How it was drawn, as JSON values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(sorted(self.items, key=lambda item: item.item)))
        for one, other in zip(self.items, self.items[1:], strict=False):
            if one.item == other.item:
                raise UsageError(f"the item {excerpt(one.item)} is there twice")

    @property
    def digest(self) -> str:
        """SHA-256 of the items in canonical JSON, in hex."""
        return digest(canonical_json([asdict(item) for item in self.items]))

    @property
    def shown(self) -> tuple[ShownItem, ...]:
        """What annotators see."""
        return tuple(item.shown for item in self.items)


def items_bytes(sample: Sample) -> bytes:
    """The items file: JSONL, a header and a row an item. Not for annotators' eyes."""
    header = {
        **sample.source,
        "format": FORMAT,
        "version": VERSION,
        "lexicon": sample.lexicon,
        "seed": sample.seed,
        "n": len(sample.items),
        "digest": sample.digest,
    }
    return b"".join(canonical_json(row) + b"\n" for row in (header, *map(asdict, sample.items)))


def read_items(path: str | os.PathLike[str]) -> Sample:
    """The sample of an items file; `InputError` says file and line where it is none, or was changed or cut."""
    rows = _rows(path)
    where, header = next(rows, (excerpt(path), None))
    if header is None:
        raise InputError(f"{where} is empty; give the .items.jsonl file that stands beside the export")
    if header.get("format") != FORMAT:
        raise InputError(
            f'{where} is no items file: its first row has no "format": "{FORMAT}"; give the .items.jsonl file that '
            "stands beside the export"
        )
    if header.get("version") != VERSION:
        raise InputError(
            f"{where}: version is {excerpt(str(header.get('version')), 20)}, this sgram reads {VERSION}; use the "
            "sgram that made it"
        )
    if type(header.get("lexicon")) is not str or type(header.get("seed")) is not int:
        raise InputError(f"{where}: lexicon must be a digest and seed a whole number; export again")
    items = []
    for place, row in rows:
        try:
            items.append(Item(**row))
        except TypeError:
            fields = ", ".join(Item.__dataclass_fields__)
            raise InputError(f"{place}: a row has the fields {fields}; export again") from None
        except UsageError as error:
            raise InputError(f"{place}: {error}; export again") from None
    fixed = {"format", "version", "lexicon", "seed", "n", "digest"}
    source = {name: value for name, value in header.items() if name not in fixed}
    try:
        sample = Sample(header["lexicon"], header["seed"], tuple(items), source)
    except UsageError as error:
        raise InputError(f"{excerpt(path)}: {error}; export again") from None
    if header.get("n") != len(items) or header.get("digest") != sample.digest:
        raise InputError(
            f"{excerpt(path)} was changed or cut since the export ({len(items):,} rows, the header says "
            f"{excerpt(str(header.get('n')), 20)}); export again with the same arguments, which gives the same items"
        )
    return sample


def _rows(path: str | os.PathLike[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, object) of every line that is not blank."""
    with open_input(path) as stream:
        for line in iter_lines(stream):
            place = f"{stream.name}:{line.number}"
            if line.fault:
                raise InputError(f"{place}: {line.fault}")
            if not line.data.strip():
                continue
            row = parse_json(line.data, place)
            if type(row) is not dict:
                raise InputError(f"{place} is no JSON object; give the .items.jsonl file")
            yield place, row


def parse_json(data: bytes, where: str) -> Any:
    """The JSON value `data`, without NaN or lone surrogates; `InputError` says where it is none."""
    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
        value = json.loads(text, parse_constant=_refuse)
        if "\\ud" in text.lower():  # an escape can spell half a character, which no file can hold
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8") from None
    except UnicodeEncodeError:
        raise InputError(f"{where} holds a lone surrogate, which is no character") from None
    except RecursionError:
        raise InputError(f"{where} is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{where} is not valid JSON: {excerpt(str(error), 120)}") from None
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")
