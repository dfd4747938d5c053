"""Annotation items (a gram in its context), what annotators see of them, and the items file.

Annotators work blind: they see a `BlindedItem`, that is a random id, a text, and the position of the gram in it.
Everything else (Strategic Gram or control, cluster, move, trace) stays in the items file, the key to the blinding.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, NoReturn

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, digest, excerpt
from sgram.lexicon import MOVE_MEANINGS, MOVES
from sgram.safe_reading import iter_lines, open_input
from sgram.urls import printable_name

PROCEDURAL = "procedural"
STRATEGIC = "strategic"
"""Accepted in imported ratings that do not distinguish moves; the exports do not offer it."""
LABELS = (*MOVES, PROCEDURAL)
"""Labels that an annotator may give; every label of `MOVES` says that the phrase is strategic."""
LABEL_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        **MOVE_MEANINGS,
        "other": "guides the thinking, but makes none of these moves",
        PROCEDURAL: "carries out, states, formats, or is a fragment without a function",
    }
)
LABEL_KEYS: Mapping[str, str] = MappingProxyType(
    {**{move: str(number) for number, move in enumerate(MOVES, start=1)}, PROCEDURAL: "0"}
)
"""Keyboard shortcut of each label, in every tool that has shortcuts."""

FORMAT, VERSION = "sgram-annotation", 1
KINDS = ("sg", "control")


@dataclass(frozen=True, slots=True)
class BlindedItem:
    """The part of an item that an annotator sees."""

    item: str
    """Random id."""
    text: str
    start: int
    """Half-open character offsets: ``text[start:end]`` is the gram as written."""
    end: int

    @property
    def gram(self) -> str:
        """The gram as written in the text.

        >>> BlindedItem("a1", "But wait, is it?", 4, 8).gram
        'wait'
        """
        return self.text[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Item:
    """A gram in its context, with everything that annotators must not know.

    Raise `UsageError` if a field is invalid.

    >>> item = Item("a1", "sg", "wait", 3, "backtracking", "trace-7", None, "But wait, is it?", 4, 8)
    >>> item.blinded
    BlindedItem(item='a1', text='But wait, is it?', start=4, end=8)
    """

    item: str
    """Random id."""
    kind: str
    """"sg" (an occurrence of a gram of the lexicon) or "control" (a random gram)."""
    gram: str
    """Normalized words, joined by one space."""
    cluster: int | None
    """Cluster id; None for a control."""
    move: str | None
    """Move of the cluster; None for a control."""
    trace: str
    """Id of the trace."""
    model: str | None
    text: str
    """Context as shown to annotators."""
    start: int
    end: int

    def __post_init__(self) -> None:
        for name in ("item", "gram", "trace", "text"):
            if type(getattr(self, name)) is not str or not getattr(self, name):
                raise UsageError(f"{name} must be a non-empty string")
        if self.kind not in KINDS:
            raise UsageError(f"unknown kind {excerpt(str(self.kind), 40)!r}; must be one of {', '.join(KINDS)}")
        if self.model is not None and type(self.model) is not str:
            raise UsageError("model must be a string or null")
        has_cluster = type(self.cluster) is int and self.move in MOVES
        has_none = self.cluster is None and self.move is None
        if not (has_cluster if self.kind == "sg" else has_none):
            raise UsageError("an item of kind sg must have a cluster and a move, a control must have none")
        are_integers = type(self.start) is int and type(self.end) is int
        if not (are_integers and 0 <= self.start < self.end <= len(self.text)):
            raise UsageError(f"invalid span {self.start!r} to {self.end!r} in a text of {len(self.text)} characters")

    @property
    def blinded(self) -> BlindedItem:
        """The part that annotators see."""
        return BlindedItem(self.item, self.text, self.start, self.end)


@dataclass(frozen=True, slots=True)
class Sample:
    """Items of one export, sorted by id, which is a random order.

    Raise `UsageError` if two items have the same id.
    """

    lexicon: str
    """Digest of the lexicon."""
    seed: int
    items: tuple[Item, ...]
    source: Mapping[str, Any] = field(default_factory=dict)
    """Sampling configuration and counts, as JSON values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(sorted(self.items, key=lambda item: item.item)))
        for item, next_item in zip(self.items, self.items[1:], strict=False):
            if item.item == next_item.item:
                raise UsageError(f"duplicate item {excerpt(item.item)}")

    @property
    def digest(self) -> str:
        """SHA-256 of the items in canonical JSON, in hex."""
        return digest(canonical_json([asdict(item) for item in self.items]))

    @property
    def blinded_items(self) -> tuple[BlindedItem, ...]:
        """The parts of the items that annotators see, in the order of `items`."""
        return tuple(item.blinded for item in self.items)


def encode_sample(sample: Sample) -> bytes:
    """Return the items file of a sample: JSONL, a header and one row per item.

    The file is the key to the blinding; annotators must not see it.
    """
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


def read_sample(path: str | os.PathLike[str]) -> Sample:
    """Return the sample of an items file.

    Raise `InputError`, with file and line, if the file is not an items file or does not match its digest.
    """
    rows = read_rows(path)
    location, header = next(rows, (printable_name(path), None))
    if header is None:
        raise InputError(f"{location} is empty; give the .items.jsonl file that was written beside the export")
    if header.get("format") != FORMAT:
        raise InputError(
            f'{location} is not an items file: its first row lacks "format": "{FORMAT}"; give the .items.jsonl file '
            "that was written beside the export"
        )
    if header.get("version") != VERSION:
        raise InputError(
            f"{location}: unsupported version {excerpt(str(header.get('version')), 20)} (this sgram reads {VERSION}); "
            "use the version of sgram that wrote the file"
        )
    lexicon, seed = header.get("lexicon"), header.get("seed")
    if type(lexicon) is not str or type(seed) is not int:
        raise InputError(f"{location}: lexicon must be a digest and seed an integer; export again")
    items = []
    for location, row in rows:
        try:
            items.append(Item(**row))
        except TypeError:
            fields = ", ".join(Item.__dataclass_fields__)
            raise InputError(f"{location}: a row must have exactly the fields {fields}; export again") from None
        except UsageError as error:
            raise InputError(f"{location}: {error}; export again") from None
    header_fields = {"format", "version", "lexicon", "seed", "n", "digest"}
    source = {name: setting for name, setting in header.items() if name not in header_fields}
    try:
        sample = Sample(lexicon, seed, tuple(items), source)
    except UsageError as error:
        raise InputError(f"{printable_name(path)}: {error}; export again") from None
    if header.get("n") != len(items) or header.get("digest") != sample.digest:
        raise InputError(
            f"{printable_name(path)} was changed or truncated after the export ({len(items):,} rows, the header says "
            f"{excerpt(str(header.get('n')), 20)}); export again with the same arguments, which gives the same items"
        )
    return sample


def read_rows(path: str | os.PathLike[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (location, JSON object) of every line of a file that is not blank.

    Raise `InputError`, with file and line, if a line is not a JSON object.
    """
    with open_input(path) as stream:
        for line in iter_lines(stream):
            location = f"{stream.name}:{line.number}"
            if line.fault:
                raise InputError(f"{location}: {line.fault}")
            if not line.data.strip():
                continue
            row = parse_json(line.data, location)
            if not isinstance(row, dict):
                raise InputError(f"{location} is not a JSON object; give the .items.jsonl file")
            yield location, row


def parse_json(content: bytes, location: str) -> Any:
    """Parse one JSON document; a byte order mark is skipped.

    Raise `InputError`, with `location`, if `content` is not valid JSON or contains NaN, Infinity or a lone surrogate.

    >>> parse_json(b'{"label": "deduction"}', "ratings.jsonl:1")
    {'label': 'deduction'}
    """
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
        document = json.loads(text, parse_constant=_reject_constant)
        if "\\ud" in text.lower():  # an escape can spell half a surrogate pair, which cannot be encoded as UTF-8
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise InputError(f"{location} is not UTF-8") from None
    except UnicodeEncodeError:
        raise InputError(f"{location} contains a lone surrogate, which is not a valid character") from None
    except RecursionError:
        raise InputError(f"{location} is nested too deeply") from None
    except ValueError as error:
        raise InputError(f"{location} is not valid JSON: {excerpt(str(error), 120)}") from None
    return document


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
