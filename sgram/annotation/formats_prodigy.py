"""Items as tasks for Prodigy's choice interface, and its JSONL back. Knows nothing about other tools.

The phrase is a span, the labels are options. Read back: ``accept`` where ``answer`` is "accept"; "reject", "ignore" and
an accepted task without a choice are no answers.
"""

from collections.abc import Iterator, Sequence

from sgram.annotation.items import LABEL_MEANINGS, LABELS, ShownItem
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

ANSWERS = ("accept", "reject", "ignore")


def write(shown: Sequence[ShownItem]) -> bytes:
    """The tasks, one a line."""
    options = [{"id": label, "text": f"{label}: {LABEL_MEANINGS[label]}"} for label in LABELS]
    return jsonl(
        [
            {
                "text": each.text,
                "spans": [{"start": each.start, "end": each.end, "label": PLACEHOLDER}],
                "options": options,
                "item": each.item,
                "meta": {"item": each.item},
            }
            for each in shown
        ]
    )


def read(data: bytes, name: str) -> Iterator[Answer]:
    """The answers of ``prodigy db-out``."""
    for place, row in jsonl_rows(data, name):
        given = row.get("answer", "accept")
        if given not in ANSWERS:
            raise InputError(
                f"{place}: answer is {excerpt(str(given), 40)!r}; Prodigy writes one of {', '.join(ANSWERS)}"
            )
        rater = name_of(row.get("_annotator_id")) or name_of(row.get("_session_id"))
        label = only_label(a_list(row.get("accept"), "accept", place), place) if given == "accept" else None
        spans = [
            each
            for each in a_list(row.get("spans"), "spans", place)
            if type(each) is dict and each.get("label") == PLACEHOLDER
        ]
        span = a_span(spans[0].get("start"), spans[0].get("end")) if spans else None
        yield Answer(place, item_of(row, place), label, rater, text_of(row, place), span)
