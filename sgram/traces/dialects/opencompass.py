"""Outputs of OpenCompass: predictions (``predictions/<model>/<dataset>.json``, or the ``.jsonl`` of a run that goes on)
and the details of its results (``results/...``), which hold the same responses with the answers and verdicts.
"""

from collections.abc import Mapping
from typing import Any

from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.eval_rows import conversation_text, keep_words, mapping, strings
from sgram.traces.trace import RowError, json_type

_READ = frozenset({"origin_prompt", "prediction", "gold"})
_READ_DETAIL = frozenset({"prompt", "origin_prediction", "predictions", "references", "correct"})


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of a prediction; several samples of one prompt are one group, rounds are one response."""
    if any(name.startswith("label: ") for name in record):
        raise RowError("prediction is a choice by perplexity, not a response")
    prompt, prediction = record["origin_prompt"], record["prediction"]
    texts = strings(prediction)
    if not texts:
        raise RowError(f"prediction is {json_type(prediction)}, not a text: no row of a generation task")
    columns = {name: value for name, value in record.items() if name not in _READ}
    fields: Fields = {"reference": record.get("gold"), "columns": columns}
    if isinstance(prediction, list) and _has_rounds(prompt, len(prediction)):
        fields["prompt"] = conversation_text(prompt[0])
        fields["pieces"] = [piece for text in texts for piece in (("turn", ""), ("answer", text))]
        return keep_words([fields])
    return keep_words([{**fields, "prompt": conversation_text(prompt), "text": text} for text in texts])


def _has_rounds(prompt: Any, n_rounds: int) -> bool:
    """Return whether there is a prompt for each prediction: a conversation of several rounds."""
    return isinstance(prompt, list) and len(prompt) == n_rounds and all(isinstance(turns, list) for turns in prompt)


def parse_detail(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the traces of one detail, or those of the details of a whole result."""
    if "origin_prediction" in record:
        return keep_words(_detail_traces(record))
    details = filter(_is_detail, mapping(record.get("details")).values())
    return keep_words([fields for detail in details for fields in _detail_traces(detail)])


def _detail_traces(record: Record) -> list[Fields]:
    """Return the traces of one detail; of several samples none has the answer and the verdict, which are of all."""
    texts = strings(record["origin_prediction"])
    if not texts:
        raise RowError("origin_prediction is no text: no detail of a generation task")
    fields: Fields = {
        "prompt": conversation_text(record.get("prompt")),
        "reference": _single(record.get("references")),
        "columns": {name: value for name, value in record.items() if name not in _READ_DETAIL},
    }
    if len(texts) == 1:
        fields["answer"], fields["correct"] = _single(record.get("predictions")), _single(record.get("correct"))
    else:
        fields["meta"] = {name: record[name] for name in ("predictions", "correct") if record.get(name) is not None}
    return [{**fields, "text": text} for text in texts]


def _single(value: Any) -> Any:
    """Return the one item of a list that has one, else the value."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def _is_detail(value: Any) -> bool:
    return isinstance(value, Mapping) and "origin_prediction" in value


def recognize_detail(record: Record) -> bool:
    """Return whether a record is a detail of a result, or a result with details."""
    if "origin_prediction" in record and record.keys() & {"prompt", "predictions", "references"}:
        return True
    details = record.get("details")
    return isinstance(details, Mapping) and any(map(_is_detail, details.values()))


OPENCOMPASS = Dialect(
    "opencompass",
    "OpenCompass, predictions",
    parse,
    columns=(frozenset({"origin_prompt", "prediction"}),),
    becomes={"prediction": "text", "origin_prompt": "prompt", "gold": "reference"},
    source="open-compass/opencompass opencompass/openicl/icl_inferencer/icl_base_inferencer.py",
    judged_copy=("/predictions/", "/results/"),
    rank=40,
)
OPENCOMPASS_DETAILS = Dialect(
    "opencompass-details",
    "OpenCompass, results with `--dump-eval-details`",
    parse_detail,
    recognize=recognize_detail,
    becomes={
        "origin_prediction": "text",
        "prompt": "prompt",
        "predictions": "answer",
        "references": "reference",
        "correct": "correct",
    },
    source="open-compass/opencompass opencompass/tasks/openicl_eval.py",
    judged_copy=("/predictions/", "/results/"),
    rank=40,
)
