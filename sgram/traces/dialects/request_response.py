"""Logs of requests and their responses, where a column holds what an API answered.

No list of tools is needed: the response is any object that a dialect of an API reads, in whatever column; the prompt is
what the request asked. LiteLLM, OpenRouter, Langfuse, Helicone, OpenPipe, Replicate and the batches of Gemini, Vertex
AI and Bedrock write such rows.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from sgram.files import excerpt
from sgram.traces.aliases import ALIASES, CONVERSATIONS
from sgram.traces.api_objects import (
    REQUEST_KEYS,
    check_success,
    empty_response,
    find_failure,
    has_text,
    name_samples,
    read_message,
    request_prompt,
)
from sgram.traces.dialect import Dialect, DialectOptions, Fields, Record
from sgram.traces.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from sgram.traces.dialects.bedrock_converse import BEDROCK_CONVERSE
from sgram.traces.dialects.chat_completions import CHAT_COMPLETIONS
from sgram.traces.dialects.gemini import GEMINI
from sgram.traces.dialects.langchain import LANGCHAIN
from sgram.traces.dialects.ollama import OLLAMA
from sgram.traces.dialects.openai_responses import OPENAI_RESPONSES
from sgram.traces.dialects.vllm_outputs import SGLANG_OUTPUTS, TGI_OUTPUTS, VLLM_OUTPUTS
from sgram.traces.trace import FailedRowError, RowError, json_type

API_DIALECTS = (
    *(CHAT_COMPLETIONS, OPENAI_RESPONSES, ANTHROPIC_MESSAGES, GEMINI, BEDROCK_CONVERSE, OLLAMA),
    *(VLLM_OUTPUTS, SGLANG_OUTPUTS, TGI_OUTPUTS, LANGCHAIN),
)
"""Dialects of single responses, in the order in which they are tried."""
_REQUESTS = (
    *("request", "request_body", "requestBody", "req", "reqPayload", "request_json", "raw_request", "modelInput"),
    *("prompt_messages", "messages", "input", "inputs", "prompt", "contents", "kwargs", "params"),
)
_RESPONSES = (
    *("response", "response_body", "responseBody", "resp", "respPayload", "response_json", "raw_response"),
    *("modelOutput", "completion_message", "output", "outputs", "completion", "api_response", "result", "generation"),
)
_TEXTS = ("response", "output", "completion", "generation")
"""Columns that hold the response itself if they hold a text."""
_JUDGES = re.compile("judg|grad|verif|critic|critique|review|eval|feedback|reward|score")
"""Words in the names of columns in which another model speaks of the response."""
_IDS = (*ALIASES["id"], "key", "recordId")


# -- responses --------------------------------------------------------------------------------------------------


def find_api_dialect(response: Any) -> Dialect | None:
    """Return the dialect of an API that reads `response`; None if it is no object of one."""
    if not isinstance(response, dict):
        return None
    return next((dialect for dialect in API_DIALECTS if dialect.fits(response)), None)


def parse_response(response: Any, options: DialectOptions) -> list[Fields]:
    """Return the fields of each sample of a response: an object of an API, a list of them, a message, or a string.

    Raise `RowError` if it is something else, `FailedRowError` if no sample has a text.
    """
    samples: list[Fields] = []
    failures: list[FailedRowError] = []
    for value in _responses(response):
        try:
            samples += _parse_one(value, options)
        except FailedRowError as error:
            failures.append(error)
    if not samples:
        raise failures[0] if failures else FailedRowError("the response has no text")
    return samples


def _parse_one(value: Any, options: DialectOptions) -> list[Fields]:
    dialect = find_api_dialect(value)
    if dialect is not None:
        return dialect.parse(value, options)
    if _is_message(value):
        message = read_message(value)
        if message.failed:
            raise empty_response(None)
        calls = {"tool_calls": list(message.tool_calls)} if message.tool_calls else {}
        return [{"pieces": list(message.pieces), "meta": calls, "columns": {}}]
    if has_text(value):
        return [{"text": value, "meta": {}, "columns": {}}]
    if isinstance(value, str):
        raise empty_response(None)
    names = f" with {excerpt(', '.join(map(str, value)), 100)}" if isinstance(value, dict) else ""
    raise RowError(f"the response is of no known API: {json_type(value)}{names}")


def _responses(value: Any) -> list[Any]:
    """Return the objects of a response: its own, those of a list, or choices that were logged without their object."""
    if not isinstance(value, list):
        return [value]
    if value and all(isinstance(part, dict) and isinstance(part.get("message"), dict) for part in value):
        return [value[0]] if find_api_dialect(value[0]) is not None and len(value) == 1 else [{"choices": value}]
    return value


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and value.get("role") in ("assistant", "model", "ai") and "content" in value


def _is_response(value: Any) -> bool:
    """Return whether a value is an object of an API, a bare message, or a list of objects."""
    if isinstance(value, list):
        return bool(value) and all(find_api_dialect(part) is not None for part in _responses(value))
    return find_api_dialect(value) is not None or _is_message(value)


def _loaded(value: Any) -> Any:
    """Return a value as it is, or what it holds if it is JSON in a string."""
    if isinstance(value, str) and value[:1] in ("{", "[") and value.rstrip()[-1:] in ("}", "]"):
        try:
            document = orjson.loads(value)
        except ValueError:
            return value
        return document if isinstance(document, dict | list) else value
    return value


# -- rows ---------------------------------------------------------------------------------------------------------


def find_responses(record: Record) -> list[str]:
    """Return the columns that hold what an API answered: one of the usual names, or else all columns that do.

    A text in another of the usual columns is a second response, unless the first one says it. In a record with a text
    of its own, an object under another name is none: it may be a judge's.

    >>> find_responses({"id": 1, "r1": {"choices": [{"message": {"role": "assistant", "content": "4"}}]}})
    ['r1']
    >>> find_responses({"text": "4", "judge": {"choices": [{"message": {"role": "assistant", "content": "Yes"}}]}})
    []
    """
    for name in _RESPONSES:
        value = _loaded(record.get(name))
        if value and _is_response(value):
            return [name, *_other_texts(record, _TEXTS, name, value)]
    nested = [
        name
        for name, value in record.items()
        if isinstance(value, dict) and name not in _REQUESTS and find_api_dialect(value) is not None
    ]
    names = [name for name in nested if not _JUDGES.search(name.lower())]
    if not names or _has_reply(record) or any(_is_text(record.get(name)) for name in ("text", *_TEXTS)):
        return []
    return [] if any(_other_texts(record, ALIASES["text"], name, record[name]) for name in names) else names


def _other_texts(record: Record, names: Sequence[str], response_name: str, response: Any) -> list[str]:
    """Return the columns among `names` with a text that the response does not say."""
    texts = [name for name in names if name != response_name and _is_text(record.get(name))]
    answers = _answers(response) if texts else []
    return [name for name in texts if not any(record[name].strip() in answer for answer in answers)]


def _is_text(value: Any) -> bool:
    return has_text(value) and isinstance(_loaded(value), str)


def _has_reply(record: Record) -> bool:
    """Return whether a conversation of the record holds a message of the assistant."""
    messages = next((_loaded(record[name]) for name in CONVERSATIONS if record.get(name)), None)
    rows = messages if isinstance(messages, list) else []
    roles = [message.get("role") or message.get("from") for message in rows if isinstance(message, dict)]
    return any(role in ("assistant", "gpt", "model", "ai", "bot") for role in roles)


def _answers(response: Any) -> list[str]:
    """Return the texts of a response's samples, none if it has none."""
    try:
        samples = parse_response(response, DialectOptions())
    except RowError:
        return []
    pieces = [piece for sample in samples for piece in sample.get("pieces", [("answer", sample.get("text"))])]
    return [text for _, text in pieces if isinstance(text, str)]


def _is_request(value: Any) -> bool:
    """Return whether a value is the body of a request."""
    value = _loaded(value)
    if not isinstance(value, dict):
        return False
    body = value.get("body")
    return not REQUEST_KEYS.isdisjoint(value) or (isinstance(body, dict) and not REQUEST_KEYS.isdisjoint(body))


def recognize(record: Record) -> bool:
    """Return whether a column holds an object of an API, or the body of a request stands beside its response."""
    if find_responses(record):
        return True
    if not any(_is_request(record.get(name)) for name in _REQUESTS):
        return False
    name = next((name for name in _RESPONSES if record.get(name)), None)
    if name is None:
        return any(name in record for name in _RESPONSES) or find_failure(record) is not None
    return not _are_strings(record[name]) or _is_stream(record, name)


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_stream(record: Record, name: str) -> bool:
    """Return whether a list of strings is the tokens of one text, as Replicate writes it."""
    return name == "output" and {"version", "logs"} <= record.keys() and _are_strings(record[name])


def parse(record: Record, options: DialectOptions) -> list[Fields]:
    """Return the fields of each sample of the response, with the prompt of the request."""
    check_success(record)
    names = find_responses(record) or [name for name in _RESPONSES if record.get(name)][:1]
    if not names:
        status = record.get("status")
        reason = find_failure(record) or (excerpt(status) if has_text(status) else "it is empty")
        raise FailedRowError(f"the request has no response: {reason}")
    if len(names) > 1:
        raise RowError(f"several columns hold responses of an API, keep one: {excerpt(', '.join(names))}")
    (name,) = names
    response = _loaded(record[name])
    if _is_stream(record, name):
        response = "".join(response)
    samples = parse_response(response, options)
    columns = {key: value for key, value in record.items() if key != name}
    prompt, request = take_request(columns)
    id_name = next((key for key in _IDS if isinstance(columns.get(key), str | int)), None)
    record_id = columns.pop(id_name) if id_name is not None else None
    models = (columns.pop("model", None), samples[0].get("model"), _model(request))
    model = next((model for model in models if has_text(model)), None)
    for sample in samples:
        sample.pop("group", None)
        sample["meta"] = {**sample.pop("columns"), **sample.get("meta", {})}
        if record_id is not None and "id" in sample:
            sample["meta"]["response_id"] = sample.pop("id")
        if sample.get("model") not in (None, model):
            sample["meta"]["response_model"] = sample["model"]
        sample["model"] = model
        prompt = prompt or sample.get("prompt")
    return name_samples(samples, record_id, prompt, columns)


def take_request(columns: dict[str, Any]) -> tuple[str | None, Any]:
    """Return the prompt of the request among `columns` and the request itself, of which only its settings stay there.

    >>> columns = {"request": {"model": "m", "messages": [{"role": "user", "content": "2+2?"}]}}
    >>> take_request(columns)[0], columns
    ('2+2?', {'request': {'model': 'm'}})
    """
    name, prompt = _find_prompt(columns)
    request = _loaded(columns.pop(name)) if name is not None else None
    if isinstance(request, dict):
        settings = {key: value for key, value in request.items() if key not in REQUEST_KEYS}
        body = request.get("body")
        if isinstance(body, dict):
            settings["body"] = {key: value for key, value in body.items() if key not in REQUEST_KEYS}
        if settings:
            columns["request"] = settings
    return prompt, request


def _find_prompt(columns: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return the column of the request and the prompt in it."""
    for name in _REQUESTS:
        if columns.get(name):
            prompt = request_prompt(_loaded(columns[name]))
            if prompt is not None:
                return name, prompt
    return None, None


def _model(request: Any) -> Any:
    if not isinstance(request, dict):
        return None
    body = request.get("body")
    return request.get("model") or (body.get("model") if isinstance(body, dict) else None)


REQUEST_RESPONSE = Dialect(
    "request-response",
    "logs of LiteLLM, OpenRouter, Langfuse, Helicone, OpenPipe and Replicate, batches of Gemini, Vertex AI and Bedrock "
    "and rows of your own with an API's response in a column",
    parse,
    recognize=recognize,
    becomes={
        "response, or any column with an object of an API": "text, as the dialect of that API reads it",
        "request, messages, input": "prompt",
        "id": "id; the response's own id becomes meta.response_id",
        "model": "model; without it, that of the response, or of the request",
    },
    source="docs.litellm.ai/docs/proxy/logging_spec, "
    "docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results, "
    "cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-from-cloud-storage",
    rank=52,
)
