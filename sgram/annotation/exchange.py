"""Annotations out to tools and back as ratings. Knows nothing about what a tool's file looks like inside."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sgram.annotation import formats_csv, formats_doccano, formats_label_studio, formats_prodigy
from sgram.annotation.guideline import guideline_text, parse_guideline
from sgram.annotation.items import LABELS, STRATEGIC, Item, Sample, ShownItem, parse_json
from sgram.annotation.ratings import Rating
from sgram.annotation.tool_answers import Answer, item_of, jsonl_rows, name_of, read_all, text_of
from sgram.errors import InputError, UsageError
from sgram.files import excerpt

Reader = Callable[[bytes, str], Iterator[Answer]]


def _read_ratings(data: bytes, name: str) -> Iterator[Answer]:
    """Rows of ratings, as the page's download has them."""
    for place, row in jsonl_rows(data, name):
        yield Answer(place, item_of(row, place), text_of(row, place, "label"), name_of(row.get("rater")))


READERS: dict[str, Reader] = {
    "label-studio": formats_label_studio.read,
    "prodigy": formats_prodigy.read,
    "doccano": formats_doccano.read,
    "csv": formats_csv.read,
    "html": _read_ratings,
}
FORMATS = tuple(READERS)
SUFFIXES = {"label-studio": ".json", "prodigy": ".jsonl", "doccano": ".jsonl", "csv": ".csv", "html": ".html"}
"""How the name of an export ends."""
_MOST_RATER = 200


def export_files(format_name: str, shown: Sequence[ShownItem]) -> dict[str, bytes]:
    """The files of an export but for the page: by ending of their name, "" for the export itself."""
    guideline = guideline_text()
    if format_name == "label-studio":
        config = formats_label_studio.config(parse_guideline(guideline))
        return {"": formats_label_studio.write(shown), ".config.xml": config}
    writers = {"prodigy": formats_prodigy, "doccano": formats_doccano, "csv": formats_csv}
    if format_name not in writers:
        raise UsageError(f"{excerpt(format_name, 40)!r} is no format; there are: {', '.join(FORMATS)}")
    return {"": writers[format_name].write(shown), ".guideline.md": guideline.encode()}


def detect(data: bytes, name: str) -> str:
    """Which tool a file is from, by its beginning."""
    head = data.lstrip()
    if not head:
        raise InputError(f"{name} is empty; give the file that the annotation tool exported")
    if head[:1] == b"[":
        return "label-studio"
    if head[:1] != b"{":
        if formats_csv.is_table(head[:4096].decode("utf-8", "replace")):
            return "csv"
        raise InputError(
            f"{name} is of no known format: neither JSON nor a table whose first row names item and label; name it "
            "with --format"
        )
    line = head.partition(b"\n")[0]
    row = parse_json(line, f"{name}:1")
    keys = row.keys() if type(row) is dict else ()
    if {"format", "lexicon"} <= set(keys):
        raise InputError(f"{name} is the items file of an export, not what an annotator filled in")
    if {"options", "accept", "answer"} & set(keys):
        return "prodigy"
    if "text" in keys and {"label", "entities", "cats"} & set(keys):
        return "doccano"
    if {"item", "label"} <= set(keys):
        return "html"
    raise InputError(
        f"{name} is of no known format: its first row has the keys {excerpt(', '.join(keys), 80)}; name it with "
        "--format"
    )


def read_answers(path: str | os.PathLike[str], format_name: str = "auto") -> list[Answer]:
    """The answers in one tool's file; the rater, where the file does not tell, stays None."""
    data = read_all(path)
    name = "stdin" if os.fspath(path) == "-" else excerpt(path)
    found = detect(data, name)  # an empty file is told of whatever the format
    return list(READERS[found if format_name == "auto" else format_name](data, name))


@dataclass(frozen=True, slots=True)
class Imported:
    """The ratings that files gave."""

    ratings: tuple[Rating, ...]
    """Sorted, each (item, rater) once."""
    n_unanswered: int
    """Answers without a label: skipped, or not reached."""
    n_repeated: int
    """Answers that say again what the same rater said of the same item."""


def import_answers(
    paths: Iterable[str | os.PathLike[str]], sample: Sample, *, format_name: str = "auto", rater: str | None = None
) -> Imported:
    """The ratings in `paths` of the items of `sample`; the rater is the file's, else `rater`, else the file's name.

    `InputError` names the place of an item that is not in the sample or whose text was changed, of an unknown label,
    and of two labels by one rater for one item.
    """
    homes: dict[tuple[str, str], Answer] = {}
    items = {item.item: item for item in sample.items}
    n_unanswered = n_repeated = 0
    paths = list(paths)
    for path in paths:
        for answer in read_answers(path, format_name):
            check_answer(answer, items)
            if answer.label is None:
                n_unanswered += 1
                continue
            key = (answer.item, _rater(answer, rater, path))
            first = homes.setdefault(key, answer)
            if first is not answer:
                _check_same(first, answer, key[1])
                n_repeated += 1
    if not homes:
        names = ", ".join(excerpt(path) for path in paths[:3])
        raise InputError(
            f"no item in {names} has a label yet ({n_unanswered:,} answers are empty or skipped); import what was "
            "filled in"
        )
    ratings = sorted(Rating(item, name, answer.label) for (item, name), answer in homes.items())
    return Imported(tuple(ratings), n_unanswered, n_repeated)


def check_answer(answer: Answer, items: dict[str, Item]) -> None:
    """Refuse an answer about another item, another text or with another label than the export's."""
    shown, place = f"item '{excerpt(answer.item, 40)}'", answer.place
    item = items.get(answer.item)
    if item is None:
        raise InputError(
            f"{place}: {shown} is not in the items file; give the .items.jsonl of the export that was annotated"
        )
    if answer.text is not None and _line_ends(answer.text) != _line_ends(item.text):
        raise InputError(
            f"{place}: the text of {shown} was changed since the export, so that its label says nothing of the "
            "phrase; restore the text"
        )
    span = answer.span
    if span is not None and not (span[0] < item.end and item.start < span[1]):
        raise InputError(
            f"{place}: {shown} is labeled from {span[0]} to {span[1]}, but the phrase stands from {item.start} to "
            f"{item.end}; label the phrase"
        )
    if answer.label is not None and answer.label not in (*LABELS, STRATEGIC):
        raise InputError(
            f"{place}: {shown} has the unknown label '{excerpt(answer.label, 60)}'; one of {', '.join(LABELS)}"
        )


def _line_ends(text: str) -> str:
    """A text with LF line ends: tools and spreadsheets change them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _rater(answer: Answer, given: str | None, path: str | os.PathLike[str]) -> str:
    name = answer.rater or given
    if name is None:
        if os.fspath(path) == "-":
            raise InputError(f"{answer.place} does not say who rated; name the rater (--rater NAME)")
        name = Path(path).name.partition(".")[0] or Path(path).name
    if len(name) > _MOST_RATER:
        raise InputError(f"{answer.place}: a rater's name has at most {_MOST_RATER} characters")
    return name


def _check_same(first: Answer, again: Answer, rater: str) -> None:
    if first.label != again.label:
        raise InputError(
            f"{first.place} and {again.place}: rater '{excerpt(rater, 60)}' labels item '{excerpt(first.item, 40)}' "
            f"'{first.label}' and '{again.label}'; keep the one that is meant"
        )
