"""Items as documents of doccano, and its JSONL back. Knows nothing about other tools.

Written for a sequence labeling project: the phrase is a span labeled "phrase", to which the annotator gives its
label. Read back: spans ``[[start, end, label]]`` or objects, or the labels of a document (classification).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sgram.annotation.items import ShownItem
from sgram.annotation.tool_answers import (
    PLACEHOLDER,
    Answer,
    a_list,
    a_span,
    item_of,
    jsonl,
    jsonl_rows,
    name_of,
    only_label,
    text_of,
)
from sgram.errors import InputError
from sgram.files import excerpt


def write(shown: Sequence[ShownItem]) -> bytes:
    """The documents, one a line."""
    return jsonl(
        [{"text": each.text, "label": [[each.start, each.end, PLACEHOLDER]], "item": each.item} for each in shown]
    )


def read(data: bytes, name: str) -> Iterator[Answer]:
    """The answers of an export; a document without a label is none."""
    for place, row in jsonl_rows(data, name):
        labels: list[Any] = []
        spans: list[tuple[int, int] | None] = []
        told = row.get("label")
        for key, given in (
            ("label", [told] if type(told) is str else told),
            ("entities", row.get("entities")),
            ("cats", row.get("cats")),
        ):
            for each in a_list(given, key, place):
                label, span = _label(each, place)
                labels.append(label)
                if span is not None:
                    spans.insert(0 if label != PLACEHOLDER else len(spans), span)
        names = (name_of(row.get(key)) for key in ("user", "username", "annotator"))
        rater = next((found for found in names if found), None)
        yield Answer(
            place,
            item_of(row, place),
            only_label(labels, place),
            rater,
            text_of(row, place),
            spans[0] if spans else None,
        )


def _label(given: Any, place: str) -> tuple[Any, tuple[int, int] | None]:
    """(label, span or None) of one entry."""
    if type(given) is dict:
        return given.get("label"), a_span(given.get("start_offset"), given.get("end_offset"))
    if type(given) is list:
        if len(given) != 3 or (span := a_span(*given[:2])) is None:
            raise InputError(f"{place}: a span is [start, end, label], not {excerpt(str(given), 60)}; export as JSONL")
        return given[2], span
    return given, None
