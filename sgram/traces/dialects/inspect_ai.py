"""Samples of Inspect logs (``.eval`` and ``.json``): as the container of logs hands them out, or as a log holds them.

The first scorer's grade is the reward. If scorers disagree on what is correct, `sgram.traces.eval_rows.choose_score`
says which counts, and ``meta`` says so. Scores of planning (`sgram.integrations.inspect`) are no grades.
"""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import (
    choose_score,
    conversation_text,
    error_text,
    keep_words,
    mapping,
    read_messages,
    reply_pieces,
    strings,
)
from sgram.traces.fields import as_text
from sgram.traces.own_scores import without_own
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError

_GRADES = {"c": 1.0, "i": 0.0, "p": 0.5, "n": 0.0, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
"""Grades as Inspect reads them (`value_to_float`); N is no answer."""


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of a sample. The sample is a failed one if it ended with an error and has no score."""
    document = mapping(record.get("__document__"))
    header = mapping(document.get("eval"))
    scores = mapping(record.get("scores"))
    judging_scores = without_own(scores)
    error = record.get("error")
    if error and not judging_scores:
        raise FailedRowError(f"the sample ended with an error: {error_text(error)}")
    task, model, run = (record.get(name) or header.get(key) for name, key in _HEADER)
    prompt, pieces = _conversation(record)
    sample_id, epoch = as_text(record.get("id")), record.get("epoch")
    target, targets = record.get("target"), strings(record.get("target"))
    fields: Fields = {
        "id": record.get("uuid") or f"{run}/{sample_id}/{epoch}",
        "group": f"{task}/{sample_id}" if task is not None else sample_id,
        "prompt": prompt,
        "pieces": pieces,
        "reference": "\n".join(targets) if targets else target,
        "model": model,
        "meta": {},
    }
    values = {"task": task, "epoch": epoch, "error": error_text(error) if error else None}
    fields["meta"] = {name: value for name, value in values.items() if value is not None}
    if scores:
        fields["meta"]["scores"] = {name: mapping(score).get("value") for name, score in scores.items()}
    if judging_scores:
        _add_scores(fields, judging_scores)
    return keep_words([fields])


_ATTACHMENT = "attachment://"
_HEADER = (("task", "task"), ("model", "model"), ("run", "run_id"))


def _add_scores(fields: Fields, scores: Record) -> None:
    """Add the grade and the answer of the scorer that counts."""
    graded: dict[str, float] = {}
    for name, score in scores.items():
        value = mapping(score).get("value")
        parts = {f"{name}/{key}": part for key, part in value.items()} if isinstance(value, Mapping) else {name: value}
        graded |= {key: grade for key, part in parts.items() if (grade := _grade(part)) is not None}
    choice = choose_score(graded)
    choice.add_to(fields)
    fields["meta"].pop("metrics", None)  # `scores` holds them as they were given
    counts = mapping(scores.get((choice.name or next(iter(scores))).partition("/")[0]))
    answer = counts.get("answer")
    fields["answer"] = answer if isinstance(answer, str) else None


def _grade(value: Any) -> float | None:
    """Return the grade of a score: a number, or one for its letter or word."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _GRADES:
            return _GRADES[word]
        try:
            value = float(word)
        except ValueError:
            return None
    try:
        grade = float(value) if isinstance(value, int | float) else None
    except OverflowError:
        return None
    return grade if grade is not None and abs(grade) < float("inf") else None


def _conversation(record: Record) -> tuple[str | None, list[Piece]]:
    """Return prompt and pieces of a sample: those of its messages, or of its input and completion."""
    attachments = mapping(record.get("attachments"))
    sample_input = record.get("input")
    prompt = conversation_text(_resolved(sample_input, attachments))
    messages = _resolved(record.get("messages"), attachments)
    if messages:
        before, pieces = read_messages(messages)
        if pieces:
            return prompt or before, pieces
    output = mapping(record.get("output"))
    choices = output.get("choices")
    if isinstance(choices, list) and choices:
        return prompt, reply_pieces(_resolved([mapping(choices[0]).get("message")], attachments))
    completion = record.get("completion") or output.get("completion")
    if not isinstance(completion, str):
        raise FailedRowError("the sample has no assistant message")
    return prompt, [("answer", completion)]


def _resolved(messages: Any, attachments: Record) -> Any:
    """Return messages whose contents are in them: long ones may stand beside, as attachments."""
    if not attachments or not isinstance(messages, list):
        return messages
    return [
        {**message, "content": _resolved_content(message.get("content"), attachments)}
        if isinstance(message, Mapping)
        else message
        for message in messages
    ]


def _resolved_content(content: Any, attachments: Record) -> Any:
    if isinstance(content, list):
        return [_resolved_part(part, attachments) for part in content]
    return _resolved_text(content, attachments)


def _resolved_part(part: Any, attachments: Record) -> Any:
    if isinstance(part, Mapping):
        return {name: _resolved_text(value, attachments) for name, value in part.items()}
    return _resolved_text(part, attachments)


def _resolved_text(value: Any, attachments: Record) -> Any:
    if not isinstance(value, str) or not value.startswith(_ATTACHMENT):
        return value
    attached = attachments.get(value.removeprefix(_ATTACHMENT))
    return attached if isinstance(attached, str) else value


def recognize(record: Record) -> bool:
    """Return whether a record is a sample: it has an epoch, and messages or an output."""
    return type(record["epoch"]) is int and bool(record.keys() & {"messages", "output", "completion"})


INSPECT = Dialect(
    "inspect",
    "Inspect (inspect-ai), `.eval` and JSON logs",
    parse,
    columns=(frozenset({"id", "epoch", "input", "target"}),),
    recognize=recognize,
    container="inspect",
    becomes={
        "messages, output": "text",
        "input": "prompt",
        "target": "reference",
        "scores": "reward and correct, all of them meta.scores",
        "scores[].answer": "answer",
        "uuid, or run, id and epoch": "id",
        "task, id": "group",
        "eval.model": "model",
    },
    source="UKGovernmentBEIS/inspect_ai src/inspect_ai/log/_log.py",
    rank=20,
)
