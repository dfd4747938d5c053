"""Responses of Gemini's generateContent: candidates whose parts are thoughts or answers.

Both spellings are read: that of the REST API (`finishReason`) and that of the Python library (`finish_reason`).
"""

from typing import Any

from sgram.files import excerpt
from sgram.traces.api_objects import check_success, empty_response, has_words, join_blocks, name_samples
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError, RowError, json_type

_READ = frozenset({"candidates", "modelVersion", "model_version", "responseId", "response_id"})
_MARKS = frozenset({"content", "finishReason", "finish_reason"})


def recognize(record: Record) -> bool:
    """Return whether the record has candidates with a content, or feedback on a prompt that was blocked."""
    candidates = record.get("candidates")
    if isinstance(candidates, list) and candidates:
        return all(isinstance(candidate, dict) and not _MARKS.isdisjoint(candidate) for candidate in candidates)
    return _blocked(record) is not None or (
        not candidates and not {"usageMetadata", "usage_metadata"}.isdisjoint(record)
    )


def parse(record: Record, _: DialectOptions) -> list[Fields]:
    """Return the fields of each candidate that has a text."""
    check_success(record)
    candidates = record.get("candidates")
    if not candidates:
        reason = _blocked(record)
        raise FailedRowError(f"the response has no candidates{f': {excerpt(reason)}' if reason else ''}")
    if not isinstance(candidates, list):
        raise RowError(f"candidates is {json_type(candidates)}, not an array")
    samples, failures = [], []
    for candidate in candidates:
        try:
            samples.append(_read_candidate(candidate))
        except FailedRowError as error:
            failures.append(error)
    if not samples:
        raise failures[0]
    for sample in samples:
        sample["model"] = record.get("modelVersion") or record.get("model_version")
    columns = {name: value for name, value in record.items() if name not in _READ}
    return name_samples(samples, record.get("responseId") or record.get("response_id"), None, columns)


def _read_candidate(candidate: Any) -> Fields:
    if not isinstance(candidate, dict):
        raise RowError(f"a candidate is {json_type(candidate)}, not an object")
    pieces = _pieces(candidate.get("content"))
    if not has_words(pieces):
        raise empty_response(candidate.get("finishReason") or candidate.get("finish_reason"))
    meta = {name: value for name, value in candidate.items() if name not in ("content", "index") and value is not None}
    return {"pieces": pieces, "meta": meta}


def _pieces(content: Any) -> list[Piece]:
    parts = content.get("parts") if isinstance(content, dict) else content
    if parts is None:
        return []
    if not isinstance(parts, list):
        raise RowError(f"content of a candidate is {json_type(parts)}, not an array of parts")
    blocks: list[Piece] = []
    for part in parts:
        text = part.get("text") if isinstance(part, dict) else part
        if text is None:  # a call of a function, an image
            blocks.append(("tool", ""))
        elif isinstance(text, str):
            is_thought = isinstance(part, dict) and part.get("thought") is True
            blocks.append(("reasoning" if is_thought else "answer", text))
        else:
            raise RowError(f"text of a part is {json_type(text)}, not a string")
    return join_blocks(blocks)


def _blocked(record: Record) -> str | None:
    """Return why a prompt was blocked."""
    feedback = record.get("promptFeedback") or record.get("prompt_feedback")
    if not isinstance(feedback, dict):
        return None
    reason = feedback.get("blockReason") or feedback.get("block_reason")
    return reason if isinstance(reason, str) else None


GEMINI = Dialect(
    "gemini",
    "Gemini API and Vertex AI: responses of generateContent",
    parse,
    recognize=recognize,
    becomes={
        "candidates[].content.parts": "text, thoughts before the answer",
        "modelVersion": "model",
        "responseId": "id",
        "candidates[].finishReason": "meta.finishReason",
    },
    source="ai.google.dev/api/generate-content, ai.google.dev/gemini-api/docs/thinking",
    rank=20,
)
