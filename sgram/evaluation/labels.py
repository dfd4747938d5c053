"""Texts whose stretches people, or a model, have labeled. Knows nothing about lexicons or scores.

Read are three kinds of JSONL (also .gz, .zst), told apart by their fields:

- sgram's own: ``{"id", "text", "units": [{"start", "end", "label"}], "problem"}``, a line a document; offsets are
  characters, half-open; ``labels`` (a list) may stand for ``label``; `problem` may be missing;
- ReasoningFlow (Lee et al. 2025): ``doc_id, annotator, response, nodes``; of a document that several people labeled
  one record is taken, that of the one who labeled most documents;
- Thought Anchors (Bogdan et al. 2025): ``trace, chunk_idx, chunk, function_tags``, a line a sentence.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from sgram.errors import InputError
from sgram.files import DamagedInputError, excerpt, iter_lines, open_input
from sgram.lexicon import MOVES

POSITIVE_LABELS = frozenset(
    {
        *MOVES,
        "strategic",
        "planning",
        "reflection",  # ReasoningFlow
        "plan_generation",
        "uncertainty_management",
        "self_checking",  # Thought Anchors
    }
)
"""Labels of units that guide the reasoning, in the schemas that are known."""


@dataclass(frozen=True, slots=True, order=True)
class Unit:
    """A labeled stretch of a document: half-open character offsets."""

    start: int
    end: int
    labels: tuple[str, ...]

    def is_positive(self, positive: frozenset[str] = POSITIVE_LABELS) -> bool:
        """Whether one of its labels is in `positive`."""
        return not positive.isdisjoint(self.labels)


@dataclass(frozen=True, slots=True)
class LabeledDocument:
    """A text with its units by start; they do not overlap, and need not cover the text."""

    id: str
    text: str
    units: tuple[Unit, ...]
    problem: str = ""
    """Key of the problem that the text answers; documents of one problem stay together when data are split."""


def read_labels(path: str | Path, annotator: str | None = None) -> list[LabeledDocument]:
    """The documents of the file `path`, by id; `annotator` chooses whose records of ReasoningFlow are taken.

    Raises `InputError` with file and line where a row is of no known kind, or units overlap or leave their text.
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError(f"{excerpt(path)} holds no labeled text; give a JSONL file with a document a line")
    kinds = {_kind(row, where) for row, where in rows}
    if len(kinds) > 1:
        raise InputError(f"{excerpt(path)} mixes rows of {' and '.join(sorted(kinds))}; give a file of one kind")
    made = {"sgram": _own, "reasoningflow": _reasoningflow, "thought-anchors": _thought_anchors}[kinds.pop()]
    documents = list(made(rows, annotator))
    if not documents:
        raise InputError(f"{excerpt(path)} holds nothing labeled by {annotator!r}; ask for another annotator")
    twice = [name for name, times in Counter(each.id for each in documents).items() if times > 1]
    if twice:
        raise InputError(f"{excerpt(path)} holds the document '{excerpt(twice[0])}' twice; keep one of them")
    return sorted(documents, key=lambda document: document.id)


def _rows(path: str | Path) -> Iterator[tuple[dict[str, Any], str]]:
    """(row, where it stands) of every line that is not blank."""
    with open_input(path) as stream:
        try:
            for line in iter_lines(stream):
                where = f"{excerpt(path)}, line {line.number}"
                if line.fault:
                    raise InputError(f"{where}: {line.fault}; mend the file, or fetch it again")
                if not line.data.strip():
                    continue
                try:
                    row = orjson.loads(line.data.removeprefix(b"\xef\xbb\xbf"))
                except orjson.JSONDecodeError as error:
                    raise InputError(
                        f"{where}: no JSON ({excerpt(str(error))}); each line is one JSON object"
                    ) from None
                if not isinstance(row, dict):
                    raise InputError(f"{where}: must be a JSON object, a document or a sentence")
                yield row, where
        except DamagedInputError as error:
            raise InputError(f"{excerpt(path)}: {error}") from None


def _kind(row: Mapping[str, Any], where: str) -> str:
    if {"text", "units"} <= row.keys():
        return "sgram"
    if {"doc_id", "response", "nodes"} <= row.keys():
        return "reasoningflow"
    if {"trace", "chunk_idx", "chunk", "function_tags"} <= row.keys():
        return "thought-anchors"
    raise InputError(
        f"{where}: no labeled text; wanted are id, text and units, or the fields of ReasoningFlow or Thought Anchors"
    )


def _document(where: str, name: Any, text: Any, units: Iterable[tuple[Any, Any, Any]], problem: Any) -> LabeledDocument:
    """A document of checked fields."""
    if not isinstance(name, str) or not name or not isinstance(text, str):
        raise InputError(f"{where}: the id and the text of a document are texts")
    made = []
    for start, end, labels in units:
        if not (type(start) is int and type(end) is int and 0 <= start < end <= len(text)):
            raise InputError(
                f"{where}: a unit from {start!r} to {end!r} is no stretch of a text of {len(text):,} characters"
            )
        labels = [labels] if isinstance(labels, str) else labels
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            raise InputError(f"{where}: the label of the unit from {start} to {end} is a text, or a list of texts")
        made.append(Unit(start, end, tuple(sorted(set(labels)))))
    made.sort()
    for one, other in pairwise(made):
        if other.start < one.end:
            raise InputError(f"{where}: the units from {one.start} and from {other.start} overlap")
    if type(problem) is int:
        problem = str(problem)
    if not (problem is None or isinstance(problem, str)):
        raise InputError(f"{where}: the problem of a document is a text that names it, or left out")
    return LabeledDocument(name, text, tuple(made), problem or "")


def _own(rows: Iterable[tuple[dict, str]], annotator: str | None) -> Iterator[LabeledDocument]:
    for row, where in rows:
        units = row["units"]
        if not isinstance(units, list) or not all(isinstance(unit, dict) for unit in units):
            raise InputError(f"{where}: units is a list of objects with start, end and label")
        found = ((unit.get("start"), unit.get("end"), unit.get("labels", unit.get("label"))) for unit in units)
        yield _document(where, row.get("id"), row["text"], found, row.get("problem"))


def _reasoningflow(rows: list[tuple[dict, str]], annotator: str | None) -> Iterator[LabeledDocument]:
    labeled = Counter(str(row.get("annotator")) for row, _ in rows)
    chosen: dict[Any, tuple[tuple, dict, str]] = {}
    for row, where in rows:
        by, name = str(row.get("annotator")), str(row["doc_id"])
        rank = (-labeled[by], by, orjson.dumps(row, option=orjson.OPT_SORT_KEYS))
        if annotator in (None, by) and (name not in chosen or rank < chosen[name][0]):
            chosen[name] = (rank, row, where)
    for _, row, where in chosen.values():
        try:
            units = [
                (node["start"], node["end"], node["label"])
                for node in row["nodes"]
                if node.get("source", "response") == "response"
                and node["label"] is not None
                and node["end"] > node["start"]
            ]
        except (TypeError, KeyError, AttributeError):
            raise InputError(f"{where}: nodes is a list of objects with start, end and label") from None
        yield _document(where, row["doc_id"], row["response"], units, row.get("problem_id"))


def _thought_anchors(rows: list[tuple[dict, str]], annotator: str | None) -> Iterator[LabeledDocument]:
    traces: dict[str, list[tuple[int, dict, str]]] = {}
    for row, where in rows:
        number = row["chunk_idx"]
        if not (type(number) is int or (isinstance(number, str) and number.strip().isdecimal())):
            raise InputError(f"{where}: chunk_idx is the number of the sentence in its trace")
        traces.setdefault(str(row["trace"]), []).append((int(number), row, where))
    for name, chunks in traces.items():
        chunks.sort(key=lambda chunk: chunk[0])
        text, units = "", []
        for (one, *_), (other, _, where) in pairwise(chunks):
            if one == other:
                raise InputError(f"{where}: sentence {other} of its trace stands twice; keep one of them")
        for _, row, where in chunks:
            if not isinstance(row["chunk"], str):
                raise InputError(f"{where}: chunk is a text")
            if row["chunk"].strip():
                units.append((len(text), len(text) + len(row["chunk"]), row["function_tags"]))
                text += row["chunk"] + "\n"
        yield _document(chunks[0][2], name, text, units, chunks[0][1].get("problem_id"))
