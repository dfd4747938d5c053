"""Items as tasks of Label Studio, and its JSON export back. Knows nothing about other tools.

Written: a JSON list of tasks, and the labeling config for it. Read: the "JSON" export, one answer for each
annotation; ``was_cancelled`` (Skip) and an annotation without a choice are no answers.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

from sgram.annotation.guideline import QUESTION, Block
from sgram.annotation.items import LABEL_KEYS, LABEL_MEANINGS, LABELS, ShownItem, parse_json
from sgram.annotation.tool_answers import (
    Answer,
    a_list,
    a_span,
    an_object,
    item_of,
    marked,
    name_of,
    only_label,
    text_of,
)
from sgram.errors import InputError
from sgram.files import excerpt


def write(shown: Sequence[ShownItem]) -> bytes:
    """The tasks. ``data.marked`` is what the config shows: the text with marks around the phrase."""
    tasks = [
        {
            "data": {
                "item": each.item,
                "text": each.text,
                "start": each.start,
                "end": each.end,
                "gram": each.gram,
                "marked": marked(each),
            }
        }
        for each in shown
    ]
    return (json.dumps(tasks, ensure_ascii=False, indent=1) + "\n").encode()


def config(guideline: Sequence[Block]) -> bytes:
    """The labeling config: the guideline folded above, the text, a choice with a key for each label."""
    told = [
        f'      <Header size="{4 if block.kind == "heading" else 6}" value={quoteattr(line)}/>'
        for block in guideline
        for line in block.plain
    ]
    choices = [
        f'    <Choice value="{label}" hotkey="{LABEL_KEYS[label]}" hint={quoteattr(LABEL_MEANINGS[label])}/>'
        for label in LABELS
    ]
    lines = [
        "<View>",
        "  <Collapse>",
        '    <Panel value="Guideline: read this first">',
        "      <View>",
        *told,
        "      </View>",
        "    </Panel>",
        "  </Collapse>",
        f"  <Header value={quoteattr(QUESTION)}/>",
        '  <Text name="text" value="$marked"/>',
        '  <Choices name="label" toName="text" choice="single-radio" required="true" showInline="false">',
        *choices,
        "  </Choices>",
        "</View>",
    ]
    return ("\n".join(lines) + "\n").encode()


def read(data: bytes, name: str) -> Iterator[Answer]:
    """The answers of an export."""
    tasks = parse_json(data, name)
    if type(tasks) is not list:
        raise InputError(f"{name} is no list of tasks; export from Label Studio as JSON (not JSON-MIN or JSONL)")
    for number, task in enumerate(tasks, start=1):
        place = f"{name}, task {number}"
        task = an_object(task, place)
        item = item_of(task, place)
        shown = an_object(task.get("data"), f"{place}, data")
        span = a_span(shown.get("start"), shown.get("end"))
        for annotation in a_list(task.get("annotations"), "annotations", place):
            annotation = an_object(annotation, f"{place}, annotation")
            label = None if annotation.get("was_cancelled") is True else _label(annotation, place)
            yield Answer(place, item, label, _rater(annotation.get("completed_by")), text_of(shown, place), span)


def _label(annotation: dict[str, Any], place: str) -> str | None:
    labels: list[Any] = []
    for result in a_list(annotation.get("result"), "result", place):
        value = an_object(result, f"{place}, result").get("value")
        if type(value) is dict:
            for kind in ("choices", "labels"):
                labels += a_list(value.get(kind), kind, place)
    return only_label(labels, place)


def _rater(told: Any) -> str | None:
    """Label Studio writes a number, or an object with an e-mail address."""
    if type(told) is dict:
        names = (name_of(told.get(key)) for key in ("email", "username", "id"))
        return next((found for found in names if found), None)
    return None if told is None else name_of(told) or excerpt(str(told), 80)
