"""Outputs of EvalScope: ``predictions/<model>/<dataset>.jsonl`` and ``reviews/<model>/<dataset>.jsonl``.

Both folders hold the same responses, the reviews with scores; where there are both, the reviews are read. Versions
before 1.0 wrote objects like those of the chat API.
"""

import re
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
)
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError, RowError

_READ = frozenset({"index", "target", "messages", "input", "sample_score", "model_output", "model", "agent_trace"})
_READ_OLD = frozenset({"choices", "raw_input", "origin_prompt", "model", "model_spec", "object", "reviewer_spec"})
_MARKDOWN_PROMPT = re.compile(r"\*\*User\*\*: ?\n?(.*)", re.DOTALL)
_MARKDOWN_ROLE = re.compile(r"\*\*(?:User|System|Assistant|Tool)\*\*: ")


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the trace of a review, or of a prediction."""
    output, sample_score = mapping(record.get("model_output")), mapping(record.get("sample_score"))
    score = mapping(sample_score.get("score"))
    if output.get("error"):
        raise FailedRowError(f"the request failed: {error_text(output['error'])}")
    fields: Fields = {
        "reference": record.get("target") or None,
        "columns": {name: value for name, value in record.items() if name not in _READ},
        "meta": {name: sample_score[name] for name in ("group_id", "generation_index") if name in sample_score},
    }
    if record.get("index") is not None:
        fields["id"] = record["index"]
    _add_response(fields, record, output, score)
    if sample_score:
        answer = score.get("extracted_prediction")
        fields["answer"] = answer if answer and answer != score.get("prediction") else None
        choose_score(mapping(score.get("value")), score.get("main_score_name")).add_to(fields)
    choices = output.get("choices")
    reason = mapping(choices[0]).get("stop_reason") if isinstance(choices, list) and choices else None
    return keep_words([fields], reason)


def _add_response(fields: Fields, record: Record, output: Record, score: Record) -> None:
    """Add prompt, response and model: out of the messages, the model's output, or what was scored."""
    messages, choices = record.get("messages"), output.get("choices")
    prompt, pieces = read_messages(messages) if messages else (None, [])
    fields["model"] = record.get("model") or output.get("model") or _model_of(messages)
    if pieces:
        fields["prompt"], fields["pieces"] = prompt, pieces
        return
    sample_input = messages if messages else record.get("input")
    fields["prompt"] = _strip_role(sample_input) if isinstance(sample_input, str) else conversation_text(sample_input)
    if isinstance(choices, list) and choices:
        fields["pieces"] = _message_pieces(mapping(choices[0]).get("message"))
    elif isinstance(score.get("prediction"), str):
        fields["text"] = score["prediction"]
    elif record.get("sample_score") is not None:
        raise RowError("a review without messages and prediction")
    else:
        fields["text"] = ""


def _message_pieces(message: Any) -> list[Piece]:
    return reply_pieces([message]) if message is not None else []


def _model_of(messages: Any) -> Any:
    """Return the model that wrote the last message of the assistant, if it says so."""
    last = messages[-1] if isinstance(messages, list) and messages else None
    return mapping(last).get("model")


def _strip_role(text: str) -> str:
    """Return the prompt without the role that some versions write before it, if it is a single message."""
    match = _MARKDOWN_PROMPT.fullmatch(text)
    return match[1] if match and not _MARKDOWN_ROLE.search(match[1]) else text


def recognize(record: Record) -> bool:
    """Return whether a record is a review or a prediction."""
    if isinstance(record.get("sample_score"), Mapping):
        return isinstance(record["sample_score"].get("score"), Mapping)
    return "index" in record and isinstance(record.get("model_output"), Mapping) and "messages" in record


def parse_old(record: Record, _: DialectOptions) -> list[Fields]:
    """Return a trace for each choice."""
    choices = record["choices"]
    if not isinstance(choices, list):
        raise RowError("choices is no array")
    origin_prompt = record.get("origin_prompt")
    traces: list[Fields] = []
    for choice in choices:
        review = mapping(mapping(choice).get("review"))
        fields: Fields = {
            "prompt": _old_prompt(origin_prompt),
            "pieces": _message_pieces(mapping(choice).get("message")),
            "model": record.get("model"),
            "reference": review.get("gold"),
            "answer": review.get("pred"),
            "columns": {name: value for name, value in record.items() if name not in _READ_OLD},
        }
        result = review.get("result")
        traces.append(choose_score(result if isinstance(result, Mapping) else {"result": result}).add_to(fields))
    return keep_words(traces)


def _old_prompt(origin_prompt: Any) -> str | None:
    """Return the prompt of an old prediction: the system's, and the data or the messages."""
    prompt = mapping(origin_prompt)
    messages = prompt.get("messages")
    if messages:
        return conversation_text(messages)
    data, system = prompt.get("data"), prompt.get("system_prompt")
    contents = [system, *(data if isinstance(data, list) else [data])]
    return "\n\n".join(content for content in contents if isinstance(content, str) and content) or None


EVALSCOPE = Dialect(
    "evalscope",
    "EvalScope, predictions and reviews",
    parse,
    recognize=recognize,
    becomes={
        "messages": "prompt and text",
        "model_output.choices": "text, if there are no messages of the assistant",
        "sample_score.score.prediction": "text, if there are no messages",
        "input": "prompt, if there are no messages",
        "target": "reference",
        "sample_score.score.extracted_prediction": "answer",
        "sample_score.score.value": "reward and correct, by main_score_name; meta.metrics",
        "index": "id",
        "model": "model",
    },
    source="modelscope/evalscope evalscope/api/evaluator/cache.py, evalscope/api/metric/scorer.py",
    judged_copy=("/predictions/", "/reviews/"),
    rank=14,
)
EVALSCOPE_OLD = Dialect(
    "evalscope-0",
    "EvalScope before version 1.0, predictions and reviews",
    parse_old,
    columns=(frozenset({"choices", "raw_input", "answer_id"}), frozenset({"choices", "raw_input", "review_id"})),
    becomes={
        "choices[].message": "text, one trace for each",
        "origin_prompt": "prompt",
        "choices[].review.gold": "reference",
        "choices[].review.pred": "answer",
        "choices[].review.result": "reward and correct",
    },
    source="modelscope/evalscope v0.15 evalscope/evaluator/evaluator.py",
    judged_copy=("/predictions/", "/reviews/"),
    rank=12,
)
