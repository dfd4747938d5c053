"""Write items as doccano documents, and read doccano's JSONL export.

The export is for a sequence labeling project: the phrase is a span labeled "phrase", which the annotator relabels.
Read are spans, as ``[[start, end, label]]`` or as objects, and labels of whole documents (classification projects).
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sgram.annotation.items import BlindedItem
from sgram.annotation.tool_answers import (
    PLACEHOLDER,
    ToolAnswer,
    encode_jsonl,
    get_item_id,
    get_text,
    parse_jsonl,
    parse_rater,
    parse_span,
    require_list,
    require_single_label,
)
from sgram.errors import InputError
from sgram.files import excerpt


def encode_tasks(items: Sequence[BlindedItem]) -> bytes:
    """Return the documents as JSONL.

    >>> print(encode_tasks([BlindedItem("a1", "But wait, is it?", 4, 8)]).decode(), end="")
    {"text": "But wait, is it?", "label": [[4, 8, "phrase"]], "item": "a1"}
    """
    return encode_jsonl(
        [{"text": item.text, "label": [[item.start, item.end, PLACEHOLDER]], "item": item.item} for item in items]
    )


def parse_answers(content: bytes, file_name: str) -> Iterator[ToolAnswer]:
    """Yield the answers of an export; a document without a label gives an answer without a label.

    Raise `InputError` if a document is invalid.
    """
    for location, row in parse_jsonl(content, file_name):
        labels: list[Any] = []
        spans: list[tuple[int, int] | None] = []
        label_field = row.get("label")
        for key, field in (
            ("label", [label_field] if type(label_field) is str else label_field),
            ("entities", row.get("entities")),
            ("cats", row.get("cats")),
        ):
            for annotation in require_list(field, key, location):
                label, span = _parse_annotation(annotation, location)
                labels.append(label)
                if span is not None:
                    spans.insert(0 if label != PLACEHOLDER else len(spans), span)
        raters = (parse_rater(row.get(key)) for key in ("user", "username", "annotator"))
        yield ToolAnswer(
            location,
            get_item_id(row, location),
            require_single_label(labels, location),
            next((rater for rater in raters if rater), None),
            get_text(row, location),
            spans[0] if spans else None,
        )


def _parse_annotation(annotation: Any, location: str) -> tuple[Any, tuple[int, int] | None]:
    """Return (label, span or None) of one annotation of a document."""
    if type(annotation) is dict:
        return annotation.get("label"), parse_span(annotation.get("start_offset"), annotation.get("end_offset"))
    if type(annotation) is list:
        if len(annotation) != 3 or (span := parse_span(*annotation[:2])) is None:
            raise InputError(
                f"{location}: invalid span {excerpt(str(annotation), 60)}; must be [start, end, label], as in "
                "doccano's JSONL export"
            )
        return annotation[2], span
    return annotation, None
