"""Export items for annotation tools, and import the answers as ratings."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sgram.annotation import formats_csv, formats_doccano, formats_label_studio, formats_prodigy
from sgram.annotation.items import BlindedItem, parse_json
from sgram.annotation.rater_names import check_one_rater, check_unnamed, name_file_raters, require_rater
from sgram.annotation.ratings import Rating
from sgram.annotation.tasks import PHRASES, AnnotationTask
from sgram.annotation.tool_answers import ToolAnswer, get_item_id, get_text, parse_jsonl, parse_rater, read_export
from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.urls import printable_name

AnswerParser = Callable[[bytes, str], Iterator[ToolAnswer]]
"""Function of (content, file name for messages)."""


def _parse_page_download(content: bytes, file_name: str) -> Iterator[ToolAnswer]:
    """Yield the answers of the ratings file that the HTML page downloads."""
    for location, row in parse_jsonl(content, file_name):
        yield ToolAnswer(
            location, get_item_id(row, location), get_text(row, location, "label"), parse_rater(row.get("rater"))
        )


PARSERS: dict[str, AnswerParser] = {
    "label-studio": formats_label_studio.parse_answers,
    "prodigy": formats_prodigy.parse_answers,
    "doccano": formats_doccano.parse_answers,
    "csv": formats_csv.parse_answers,
    "html": _parse_page_download,
}
FORMATS = tuple(PARSERS)
SUFFIXES = {"label-studio": ".json", "prodigy": ".jsonl", "doccano": ".jsonl", "csv": ".csv", "html": ".html"}
"""File name suffix of an export in each format."""
_MAX_RATER_CHARS = 200


def encode_export(format_name: str, items: Sequence[BlindedItem], task: AnnotationTask = PHRASES) -> dict[str, bytes]:
    """Return the files of an export by file name suffix; the suffix of the tasks is "".

    The HTML page is not built here (`sgram.reports.pages.annotation_page`). Raise `UsageError` if the format is
    unknown.

    >>> sorted(encode_export("csv", [BlindedItem("a1", "But wait, is it?", 4, 8)]))
    ['', '.guideline.md']
    """
    if format_name == "label-studio":
        config = formats_label_studio.encode_labeling_config(task)
        return {"": formats_label_studio.encode_tasks(items), ".config.xml": config}
    if format_name == "prodigy":
        tasks = formats_prodigy.encode_tasks(items, task)
    elif format_name == "doccano":
        tasks = formats_doccano.encode_tasks(items)
    elif format_name == "csv":
        tasks = formats_csv.encode_tasks(items)
    else:
        raise UsageError(f"unknown format {excerpt(format_name, 40)!r}; must be one of {', '.join(FORMATS)}")
    return {"": tasks, ".guideline.md": task.guideline.encode()}


def detect_format(content: bytes, file_name: str) -> str:
    """Return the format of an annotated file, detected from its beginning.

    Raise `InputError` if the file is empty or the format is unknown.

    >>> detect_format(b"item,label\\na1,deduction\\n", "filled.csv")
    'csv'
    """
    head = content.lstrip()
    if not head:
        raise InputError(f"{file_name} is empty; give the file that the annotation tool exported")
    if head[:1] == b"[":
        return "label-studio"
    if head[:1] != b"{":
        if formats_csv.is_annotation_table(head[:4096].decode("utf-8", "replace")):
            return "csv"
        raise InputError(
            f"{file_name}: unknown format; neither JSON nor a table whose first row names item and label; name the "
            "format with --format"
        )
    first_line = head.partition(b"\n")[0]
    row = parse_json(first_line, f"{file_name}:1")
    keys = set(row) if isinstance(row, dict) else set()
    if "format" in keys and {"lexicon", "digest"} & keys:
        raise InputError(f"{file_name} is the items file of an export; give the file that an annotator filled in")
    if {"options", "accept", "answer"} & keys:
        return "prodigy"
    if "text" in keys and {"label", "entities", "cats"} & keys:
        return "doccano"
    if {"item", "label"} <= keys:
        return "html"
    key_list = excerpt(", ".join(row) if isinstance(row, dict) else "", 80)
    raise InputError(
        f"{file_name}: unknown format; its first row has the keys {key_list}; name the format with --format"
    )


def read_answers(path: str | os.PathLike[str], format_name: str = "auto") -> list[ToolAnswer]:
    """Return the answers in a file; the rater is None if the file does not name one.

    Raise `InputError` if the file is invalid.
    """
    content = read_export(path)
    file_name = printable_name(path)
    detected = detect_format(content, file_name)  # also refuses an empty file, whatever the format
    if format_name == "auto" or (format_name == "label-studio" and detected == "csv"):  # Label Studio exports CSV too
        format_name = detected
    return list(PARSERS[format_name](content, file_name))


class BlindedSample(Protocol):
    """A sample, of which annotators see the blinded items."""

    @property
    def blinded_items(self) -> tuple[BlindedItem, ...]:
        """The parts of the items that annotators see."""
        ...


@dataclass(frozen=True, slots=True)
class ImportedRatings:
    """Ratings imported from files."""

    ratings: tuple[Rating, ...]
    """Sorted, one per (item, rater)."""
    n_unanswered: int
    """Answers without a label: skipped, or not answered."""
    n_repeated: int
    """Answers that repeat an answer of the same rater for the same item."""


def import_ratings(
    paths: Iterable[str | os.PathLike[str]],
    sample: BlindedSample,
    *,
    format_name: str = "auto",
    rater: str | None = None,
    names: Mapping[str, str] | None = None,
    task: AnnotationTask = PHRASES,
) -> ImportedRatings:
    """Return the ratings in `paths` of the items of `sample`, with labels of `task`.

    A rating's rater is the one that the file names, else `rater`, else the file's name. `names` are the raters of files
    of one rater, by path; they replace what the file says. Raise `InputError`, with the location, if an item is not in
    the sample, if its text was changed, if a label is unknown, if a rater gives an item two labels, if a file names no
    rater and has two answers for an item, or if a file in `names` has several raters; also if there is no label at all.
    """
    answers: dict[tuple[str, str], tuple[ToolAnswer, str]] = {}
    items = {item.item: item for item in sample.blinded_items}
    n_unanswered = n_repeated = 0
    paths = list(paths)
    default_raters = name_file_raters(paths, names)
    for path in paths:
        file_answers = read_answers(path, format_name)
        file_rater = (names or {}).get(os.fspath(path))
        if file_rater is not None:
            check_one_rater(file_rater, {answer.rater for answer in file_answers if answer.rater}, printable_name(path))
        unnamed: dict[str, str] = {}  # item -> location
        for answer in file_answers:
            label = check_answer(answer, items, task)
            if label is None:
                n_unanswered += 1
                continue
            if answer.rater is None:
                check_unnamed(answer.item, unnamed.setdefault(answer.item, answer.location), answer.location)
            name = file_rater or answer.rater or rater or default_raters[os.fspath(path)]
            key = (answer.item, _check_name(require_rater(name, path, answer.location), answer.location))
            first_answer, first_label = answers.setdefault(key, (answer, label))
            if first_answer is not answer:
                if first_label != label:
                    raise InputError(
                        f"{first_answer.location} and {answer.location}: rater '{excerpt(key[1], 60)}' gives item "
                        f"'{excerpt(answer.item, 40)}' the labels '{first_label}' and '{label}'; keep the "
                        "intended one"
                    )
                n_repeated += 1
    if not answers:
        file_list = ", ".join(map(printable_name, paths[:3]))
        raise InputError(
            f"no item in {file_list} has a label ({n_unanswered:,} answers are empty or skipped); import files that "
            "annotators filled in"
        )
    ratings = sorted(Rating(item, answer_rater, label) for (item, answer_rater), (_, label) in answers.items())
    return ImportedRatings(tuple(ratings), n_unanswered, n_repeated)


def check_answer(answer: ToolAnswer, items: Mapping[str, BlindedItem], task: AnnotationTask = PHRASES) -> str | None:
    """Return the label of an answer, None if it has none.

    Raise `InputError` if its item, text, span or label does not match the export.
    """
    name, location = f"item '{excerpt(answer.item, 40)}'", answer.location
    item = items.get(answer.item)
    if item is None:
        raise InputError(
            f"{location}: {name} is not in the items file; give the .items.jsonl of the export that was annotated"
        )
    if answer.text is not None and _normalize_line_ends(answer.text) != _normalize_line_ends(item.text):
        raise InputError(
            f"{location}: the text of {name} was changed after the export, so its label does not apply to it; restore "
            "the text"
        )
    span = answer.span
    if span is not None and not (span[0] < item.end and item.start < span[1]):
        raise InputError(
            f"{location}: {name} is labeled from {span[0]} to {span[1]}, but its phrase is at {item.start} to "
            f"{item.end}; label the phrase"
        )
    label = None if answer.label is None else task.find_label(answer.label)
    if answer.label is not None and label is None:
        raise InputError(
            f"{location}: {name} has the unknown label '{excerpt(answer.label, 60)}'; must be one of "
            f"{', '.join(task.labels)}"
        )
    return label


def _normalize_line_ends(text: str) -> str:
    """Return the text with LF line ends, because tools and spreadsheets change them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _check_name(rater: str, location: str) -> str:
    """Return `rater`; raise `InputError` if the name is too long."""
    if len(rater) > _MAX_RATER_CHARS:
        raise InputError(
            f"{location}: a rater's name must have at most {_MAX_RATER_CHARS} characters (got {len(rater)})"
        )
    return rater
