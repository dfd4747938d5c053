"""Write items as tasks for Prodigy's choice interface, and read the JSONL of ``prodigy db-out``.

The phrase is a span, the labels are options. The label is the option in ``accept`` if ``answer`` is "accept". A task
that was rejected or ignored, or accepted without a choice, gives an answer without a label.
"""

from collections.abc import Iterator, Sequence

from sgram.annotation.items import BlindedItem
from sgram.annotation.tasks import PHRASES, AnnotationTask
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

ANSWERS = ("accept", "reject", "ignore")


def encode_tasks(items: Sequence[BlindedItem], task: AnnotationTask = PHRASES) -> bytes:
    """Return the tasks as JSONL."""
    options = [{"id": label, "text": f"{label}: {meaning}"} for label, meaning in task.meanings.items()]
    return encode_jsonl(
        [
            {
                "text": item.text,
                "spans": [{"start": item.start, "end": item.end, "label": PLACEHOLDER}],
                "options": options,
                "item": item.item,
                "meta": {"item": item.item},
            }
            for item in items
        ]
    )


def parse_answers(content: bytes, file_name: str) -> Iterator[ToolAnswer]:
    """Yield the answers of an export, one per task.

    Raise `InputError` if a task is invalid.

    >>> row = b'{"item": "a1", "answer": "accept", "accept": ["deduction"], "_annotator_id": "ada"}'
    >>> [(answer.item, answer.label, answer.rater) for answer in parse_answers(row, "out.jsonl")]
    [('a1', 'deduction', 'ada')]
    """
    for location, row in parse_jsonl(content, file_name):
        answer = row.get("answer", "accept")
        if answer not in ANSWERS:
            raise InputError(
                f"{location}: invalid answer {excerpt(str(answer), 40)!r}; Prodigy writes one of {', '.join(ANSWERS)}"
            )
        rater = parse_rater(row.get("_annotator_id")) or parse_rater(row.get("_session_id"))
        accepted = require_list(row.get("accept"), "accept", location) if answer == "accept" else []
        phrase_spans = [
            span
            for span in require_list(row.get("spans"), "spans", location)
            if isinstance(span, dict) and span.get("label") == PLACEHOLDER
        ]
        yield ToolAnswer(
            location,
            get_item_id(row, location),
            require_single_label(accepted, location),
            rater,
            get_text(row, location),
            parse_span(phrase_spans[0].get("start"), phrase_spans[0].get("end")) if phrase_spans else None,
        )
