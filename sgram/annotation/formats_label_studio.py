"""Write items as Label Studio tasks with a labeling config, and read Label Studio's JSON and JSON-MIN exports.

Tasks are a JSON list. The format "JSON" gives one answer per annotation; an annotation that was skipped
(``was_cancelled``) or has no choice gives an answer without a label. The format "JSON-MIN" is a list of flat objects,
one per annotation: the fields of the task, the choice as ``label``, and ``annotator``; it lacks skipped annotations.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from sgram.annotation.guideline import parse_guideline
from sgram.annotation.items import BlindedItem, parse_json
from sgram.annotation.tasks import PHRASES, AnnotationTask
from sgram.annotation.tool_answers import (
    ToolAnswer,
    get_item_id,
    get_text,
    mark_phrase,
    parse_choice,
    parse_rater,
    parse_span,
    require_list,
    require_object,
    require_single_label,
)
from sgram.errors import InputError
from sgram.files import excerpt


def encode_tasks(items: Sequence[BlindedItem]) -> bytes:
    """Return the tasks as JSON. The labeling config shows ``data.marked``, the text with marks around the phrase."""
    tasks = [
        {
            "data": {
                "item": item.item,
                "text": item.text,
                "start": item.start,
                "end": item.end,
                "gram": item.gram,
                "marked": mark_phrase(item),
            }
        }
        for item in items
    ]
    return (json.dumps(tasks, ensure_ascii=False, indent=1) + "\n").encode()


def encode_labeling_config(task: AnnotationTask = PHRASES) -> bytes:
    """Return the labeling config as XML: the collapsed guideline, the text, and a choice with a hotkey per label."""
    headers = [
        f'      <Header size="{4 if block.kind == "heading" else 6}" value={quoteattr(line)}/>'
        for block in parse_guideline(task.guideline)
        for line in block.plain
    ]
    choices = [
        f'    <Choice value="{label}" hotkey="{task.keys[label]}" hint={quoteattr(meaning)}/>'
        for label, meaning in task.meanings.items()
    ]
    lines = [
        "<View>",
        "  <Collapse>",
        '    <Panel value="Guideline: read this first">',
        "      <View>",
        *headers,
        "      </View>",
        "    </Panel>",
        "  </Collapse>",
        f"  <Header value={quoteattr(task.question)}/>",
        '  <Text name="text" value="$marked"/>',
        '  <Choices name="label" toName="text" choice="single-radio" required="true" showInline="false">',
        *choices,
        "  </Choices>",
        "</View>",
    ]
    return ("\n".join(lines) + "\n").encode()


def parse_answers(content: bytes, file_name: str) -> Iterator[ToolAnswer]:
    """Yield the answers of an export, one per annotation of each task.

    Raise `InputError` if the export is invalid.
    """
    tasks = parse_json(content, file_name)
    if not isinstance(tasks, list):
        raise InputError(
            f"{file_name} is not a list of tasks; export from Label Studio as JSON, JSON-MIN or CSV (not as JSONL)"
        )
    for number, task in enumerate(tasks, start=1):
        location = f"{file_name}, task {number}"
        task = require_object(task, location)
        if "data" not in task and "annotations" not in task:
            yield _parse_flat_task(task, location)
            continue
        item = get_item_id(task, location)
        task_data = require_object(task.get("data"), f"{location}, data")
        span = parse_span(task_data.get("start"), task_data.get("end"))
        for annotation in require_list(task.get("annotations"), "annotations", location):
            annotation = require_object(annotation, f"{location}, annotation")
            label = None if annotation.get("was_cancelled") is True else _parse_label(annotation, location)
            rater = _parse_completed_by(annotation.get("completed_by"))
            yield ToolAnswer(location, item, label, rater, get_text(task_data, location), span)


def _parse_flat_task(task: dict[str, Any], location: str) -> ToolAnswer:
    """Return the answer of an object of the format JSON-MIN."""
    missing = [key for key in ("item", "label", "annotator") if key not in task]
    if missing:
        raise InputError(
            f"{location} is an object of Label Studio's JSON-MIN without {' and '.join(missing)} (its keys are "
            f"{excerpt(', '.join(task), 80)}); export the project as JSON, and import the answers to the tasks and "
            "the labeling config that sgram annotate export wrote"
        )
    span = parse_span(task.get("start"), task.get("end"))
    label, rater = parse_choice(task["label"], location), _parse_completed_by(task["annotator"])
    return ToolAnswer(location, get_item_id(task, location), label, rater, get_text(task, location), span)


def _parse_label(annotation: dict[str, Any], location: str) -> str | None:
    labels: list[Any] = []
    for region in require_list(annotation.get("result"), "result", location):
        answer = require_object(region, f"{location}, result").get("value")
        if isinstance(answer, dict):
            for key in ("choices", "labels"):
                labels += require_list(answer.get(key), key, location)
    return require_single_label(labels, location)


def _parse_completed_by(field: Any) -> str | None:
    """Return the rater; Label Studio writes a user id, or an object with an e-mail address."""
    if isinstance(field, dict):
        names = (parse_rater(field.get(key)) for key in ("email", "username", "id"))
        return next((name for name in names if name), None)
    return None if field is None else parse_rater(field) or excerpt(str(field), 80)
