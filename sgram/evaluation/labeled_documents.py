"""Read texts whose parts (units) are labeled by people or by a model.

Four JSONL layouts are read (also .gz and .zst), detected by their fields:

- sgram: ``{"id", "text", "units": [{"start", "end", "label"}], "problem"}``, one document per line. Offsets are
  characters, half-open; ``labels`` (a list) may replace ``label``; ``problem`` is optional.
- sentences: ``{"text", "label"}``, one sentence per line; ``id``, ``start`` and ``problem`` (or ``problem_id``) are
  optional. A missing label with ``planning`` (true or false) is "planning" or "none".
- ReasoningFlow (Lee et al. 2025): ``doc_id, annotator, response, nodes``. If several people labeled a document, the
  record of the annotator with the most documents is used.
- Thought Anchors (Bogdan et al. 2025): ``trace, chunk_idx, chunk, function_tags``, one sentence per line.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from sgram.errors import InputError
from sgram.files import excerpt
from sgram.lexicon import MOVES
from sgram.safe_reading import DamagedInputError, iter_lines, open_input
from sgram.urls import printable_name

POSITIVE_LABELS = frozenset(
    {
        *MOVES,
        "strategic",
        "planning",
        "reflection",  # ReasoningFlow
        "plan_generation",
        "uncertainty_management",
        "self_checking",  # Thought Anchors
        *("plan", "branch", "backtrack", "verify", "monitor", "deduce"),  # sentences by the packaged guideline
    }
)
"""Labels of units that guide the reasoning, in the supported label schemes."""

_Row = tuple[dict[str, Any], str]
"""(JSON object, location for messages)."""


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """A labeled part of a document: half-open character offsets."""

    start: int
    end: int
    labels: tuple[str, ...]

    def is_positive(self, positive: frozenset[str] = POSITIVE_LABELS) -> bool:
        """Return whether one of its labels is in `positive`.

        >>> Unit(0, 13, ("planning",)).is_positive(), Unit(14, 25, ("fact",)).is_positive()
        (True, False)
        """
        return not positive.isdisjoint(self.labels)


@dataclass(frozen=True, slots=True)
class LabeledDocument:
    """A text and its units, sorted by start; units do not overlap and need not cover the text."""

    id: str
    text: str
    units: tuple[Unit, ...]
    problem: str = ""
    """Key of the problem that the text answers; documents of one problem stay together when data are split."""


def read_labels(path: str | Path, annotator: str | None = None) -> list[LabeledDocument]:
    """Return the documents of a file or URL, sorted by id.

    `annotator` selects whose records of ReasoningFlow are used. Raise `InputError`, with file and line, if a row is
    invalid, if units overlap or exceed their text, or if there is no labeled text.
    """
    rows, file = list(_read_rows(path)), printable_name(path)
    if not rows:
        raise InputError(f"{file} contains no labeled text; give a JSONL file with one document per line")
    layouts = {_detect_layout(row, location) for row, location in rows}
    if len(layouts) > 1:
        raise InputError(f"{file} mixes rows of {' and '.join(sorted(layouts))}; give a file of one layout")
    parsers = {
        "sgram": _parse_sgram,
        "sentences": _parse_sentences,
        "reasoningflow": _parse_reasoningflow,
        "thought-anchors": _parse_thought_anchors,
    }
    documents = list(parsers[layouts.pop()](rows, annotator))
    if not documents:
        raise InputError(f"{file} contains no labels by {annotator!r}; name another annotator")
    duplicate_ids = [name for name, n in Counter(document.id for document in documents).items() if n > 1]
    if duplicate_ids:
        raise InputError(f"{file} contains the document '{excerpt(duplicate_ids[0])}' twice; keep one")
    return sorted(documents, key=lambda document: document.id)


def _read_rows(path: str | Path) -> Iterator[_Row]:
    """Yield every line that is not blank."""
    with open_input(path) as stream:
        try:
            for line in iter_lines(stream):
                location = f"{printable_name(path)}, line {line.number}"
                if line.fault:
                    raise InputError(f"{location}: {line.fault}; repair the file, or download it again")
                if not line.data.strip():
                    continue
                try:
                    row = orjson.loads(line.data.removeprefix(b"\xef\xbb\xbf"))
                except orjson.JSONDecodeError as error:
                    raise InputError(
                        f"{location}: invalid JSON ({excerpt(str(error))}); each line must be one JSON object"
                    ) from None
                if not isinstance(row, dict):
                    raise InputError(f"{location}: must be a JSON object (a document or a sentence)")
                yield row, location
        except DamagedInputError as error:
            raise InputError(f"{printable_name(path)}: {error}") from None


def _detect_layout(row: Mapping[str, Any], location: str) -> str:
    if {"text", "units"} <= row.keys():
        return "sgram"
    if {"doc_id", "response", "nodes"} <= row.keys():
        return "reasoningflow"
    if {"trace", "chunk_idx", "chunk", "function_tags"} <= row.keys():
        return "thought-anchors"
    if {"text", "label"} <= row.keys():
        return "sentences"
    raise InputError(
        f"{location}: not a labeled text; must have id, text and units, or text and label (one sentence), or the "
        "fields of ReasoningFlow or Thought Anchors"
    )


def _build_document(
    location: str, name: Any, text: Any, units: Iterable[tuple[Any, Any, Any]], problem: Any
) -> LabeledDocument:
    """Check the fields of a document and build it; `units` are (start, end, label or labels)."""
    if not isinstance(name, str) or not name or not isinstance(text, str):
        raise InputError(f"{location}: id must be a non-empty string and text a string")
    checked_units = []
    for start, end, labels in units:
        if not (type(start) is int and type(end) is int and 0 <= start < end <= len(text)):
            raise InputError(f"{location}: invalid unit {start!r} to {end!r} in a text of {len(text):,} characters")
        labels = [labels] if isinstance(labels, str) else labels
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise InputError(f"{location}: the label of unit {start} to {end} must be a string or a list of strings")
        checked_units.append(Unit(start, end, tuple(sorted(set(labels)))))
    checked_units.sort()
    for unit, next_unit in pairwise(checked_units):
        if next_unit.start < unit.end:
            raise InputError(f"{location}: the units that start at {unit.start} and at {next_unit.start} overlap")
    if type(problem) is int:
        problem = str(problem)
    if not (problem is None or isinstance(problem, str)):
        raise InputError(f"{location}: problem must be a string, or missing")
    return LabeledDocument(name, text, tuple(checked_units), problem or "")


def _parse_sgram(rows: Iterable[_Row], annotator: str | None) -> Iterator[LabeledDocument]:
    for row, location in rows:
        units = row["units"]
        if not isinstance(units, list) or not all(isinstance(unit, dict) for unit in units):
            raise InputError(f"{location}: units must be a list of objects with start, end and label")
        spans = ((unit.get("start"), unit.get("end"), unit.get("labels", unit.get("label"))) for unit in units)
        yield _build_document(location, row.get("id"), row["text"], spans, row.get("problem"))


def _parse_sentences(rows: Iterable[_Row], annotator: str | None) -> Iterator[LabeledDocument]:
    for number, (row, location) in enumerate(rows, 1):
        text, label, planning = row["text"], row["label"], row.get("planning")
        if label is None and type(planning) is bool:
            label = "planning" if planning else "none"
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{location}: text must be a sentence")
        start = row.get("start")
        name = f"{row.get('id', number)}" + ("" if start is None else f":{start}")
        yield _build_document(location, name, text, [(0, len(text), label)], row.get("problem", row.get("problem_id")))


def _parse_reasoningflow(rows: list[_Row], annotator: str | None) -> Iterator[LabeledDocument]:
    n_documents = Counter(str(row.get("annotator")) for row, _ in rows)
    preferred: dict[str, tuple[tuple[int, str, bytes], dict[str, Any], str]] = {}
    for row, location in rows:
        row_annotator, name = str(row.get("annotator")), str(row["doc_id"])
        rank = (-n_documents[row_annotator], row_annotator, orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
        if annotator in (None, row_annotator) and (name not in preferred or rank < preferred[name][0]):
            preferred[name] = (rank, row, location)
    for _, row, location in preferred.values():
        try:
            units = [
                (node["start"], node["end"], node["label"])
                for node in row["nodes"]
                if node.get("source", "response") == "response"
                and node["label"] is not None
                and node["end"] > node["start"]
            ]
        except (TypeError, KeyError, AttributeError):
            raise InputError(f"{location}: nodes must be a list of objects with start, end and label") from None
        yield _build_document(location, row["doc_id"], row["response"], units, row.get("problem_id"))


def _parse_thought_anchors(rows: list[_Row], annotator: str | None) -> Iterator[LabeledDocument]:
    traces: dict[str, list[tuple[int, dict[str, Any], str]]] = {}
    for row, location in rows:
        number = row["chunk_idx"]
        if not (type(number) is int or (isinstance(number, str) and number.strip().isdecimal())):
            raise InputError(f"{location}: chunk_idx must be an integer, the number of the sentence in its trace")
        traces.setdefault(str(row["trace"]), []).append((int(number), row, location))
    for name, chunks in traces.items():
        chunks.sort(key=lambda chunk: chunk[0])
        text, units = "", []
        for (number, *_), (next_number, _, location) in pairwise(chunks):
            if number == next_number:
                raise InputError(f"{location}: duplicate sentence {next_number} of a trace; keep one")
        for _, row, location in chunks:
            if not isinstance(row["chunk"], str):
                raise InputError(f"{location}: chunk must be a string")
            if row["chunk"].strip():
                units.append((len(text), len(text) + len(row["chunk"]), row["function_tags"]))
                text += row["chunk"] + "\n"
        _, first_row, first_location = chunks[0]
        yield _build_document(first_location, name, text, units, first_row.get("problem_id"))
