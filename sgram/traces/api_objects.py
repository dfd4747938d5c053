"""What the objects of APIs have in common: errors, the prompt of a request, samples of one response, and tokens."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

from sgram.files import excerpt
from sgram.traces.aliases import find_column
from sgram.traces.dialect import DialectOptions, Fields, Record
from sgram.traces.fields import is_number
from sgram.traces.ids import content_digest
from sgram.traces.messages import Conversation, prompt_text, read_conversation
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError, RowError, json_type

_ERRORS = ("error", "error_str", "error_information")
"""Keys of the error of a request that failed, although there may be a text."""
_EXCUSES = ("error_message", "errorMessage", "exception", "statusMessage")
"""Keys that say why there is no text; beside a text they may speak of something else, such as a test that failed."""
_REASON_KEYS = ("message", "errorMessage", "error_message", "detail", "error", "type", "code", "errorCode")
_FAILED = frozenset({"failed", "failure", "error", "errored", "canceled", "cancelled", "expired", "rejected"})
_STATUS_CODES = ("status_code", "statusCode", "response_status", "responseStatus", "http_status")
_SYSTEM = ("instructions", "system", "system_prompt", "systemInstruction", "system_instruction")
_ASKED = ("messages", "contents", "input", "inputs", "prompt", "text")
_ROUNDING = 1e-3
"""Largest log-probability that is zero but for rounding."""
_BODIES = ("body", "payload", "json", "kwargs")
REQUEST_KEYS = frozenset({*_SYSTEM, *_ASKED})
"""Keys of a request's body that hold what `request_prompt` reads."""


# -- errors -------------------------------------------------------------------------------------------------


def find_error(record: Record) -> str | None:
    """Return the error that a request ended with, in words; None if its record tells of none.

    >>> find_error({"error": {"message": "Rate limit", "code": 429}}), find_error({"error": None})
    ('Rate limit', None)
    """
    return next((reason for name in _ERRORS if (reason := _reason(record.get(name)))), None)


def find_failure(record: Record) -> str | None:
    """Return why a record without a response has none, if it says so: an error, a message, a status; else None.

    >>> find_failure({"status": "failure"}), find_failure({"status_code": 500}), find_failure({"status": "success"})
    ('failure', 'status 500', None)
    """
    reason = find_error(record) or next((reason for name in _EXCUSES if (reason := _reason(record.get(name)))), None)
    if reason is not None:
        return reason
    status = record.get("status")
    if isinstance(status, str) and status.lower() in _FAILED:
        return status
    codes = (record.get(name) for name in _STATUS_CODES)
    return next((f"status {code}" for code in codes if type(code) is int and code >= 400), None)


def _reason(error: Any) -> str | None:
    """Return the words of an error: a string, or an object with a message, perhaps inside another one."""
    for _ in range(3):
        if not isinstance(error, dict):
            break
        inner = next((error[key] for key in _REASON_KEYS if error.get(key)), None)
        error = inner if inner is not None else ("unknown error" if any(map(bool, error.values())) else None)
    if isinstance(error, dict):
        return "unknown error"
    if isinstance(error, str):
        return excerpt(error) or None
    return f"error {error}" if type(error) is int and error else None


def check_success(record: Record) -> None:
    """Raise `FailedRowError` if a record tells of an error of its request."""
    reason = find_error(record)
    if reason is not None:
        raise FailedRowError(f"the request failed: {reason}")


def empty_response(reason: Any) -> FailedRowError:
    """Return the error for a response without any text; `reason` is why the model stopped, as the API says it."""
    explanation = f": it ended with {excerpt(reason)}" if isinstance(reason, str) and reason else ""
    return FailedRowError(f"the response has no text{explanation}")


# -- responses ----------------------------------------------------------------------------------------------


def read_message(message: Any) -> Conversation:
    """Return a message of the assistant as a conversation without a prompt. Raise `RowError` if it is no message.

    >>> read_message({"role": "assistant", "reasoning_content": "Hmm.", "content": "4"}).pieces
    (('reasoning', 'Hmm.'), ('answer', '4'))
    """
    if not isinstance(message, dict):
        raise RowError(f"the message is {json_type(message)}, not an object")
    return read_conversation([{**message, "role": "assistant"}], prompt_messages="")


def has_text(value: Any) -> TypeGuard[str]:
    """Return whether `value` is a string with more than whitespace."""
    return isinstance(value, str) and bool(value.strip())


def has_words(pieces: Iterable[Piece]) -> bool:
    """Return whether a piece holds text.

    >>> has_words([("turn", ""), ("answer", " ")]), has_words([("answer", "4")])
    (False, True)
    """
    return any(text.strip() for _, text in pieces)


def join_blocks(blocks: Iterable[Piece]) -> list[Piece]:
    """Return pieces with neighbors of one kind joined: an API cuts one text into blocks, for citations or chunks.

    A block without text, such as a call of a tool, keeps its neighbors apart.

    >>> join_blocks([("reasoning", "Hm"), ("reasoning", "m."), ("answer", "4")])
    [('reasoning', 'Hmm.'), ('answer', '4')]
    >>> join_blocks([("answer", "I look it up."), ("tool", ""), ("answer", "4")])
    [('answer', 'I look it up.'), ('answer', '4')]
    """
    pieces: list[Piece] = []
    open_kind = None
    for kind, text in blocks:
        if kind == open_kind:
            pieces[-1] = (kind, pieces[-1][1] + text)
        elif text:
            pieces.append((kind, text))
            open_kind = kind
        else:
            open_kind = None
    return pieces


def name_samples(samples: Sequence[Fields], name: Any, prompt: str | None, columns: Record) -> list[Fields]:
    """Return the samples of one response with ids, the prompt, and the columns that are left.

    One sample has the id of the response, `name`; several are numbered. They are one group even if neither a prompt nor
    a column says so. An empty list in the column `prompt` is no prompt.

    >>> name_samples([{"text": "4"}, {"text": "5"}], "r", None, {})[1]
    {'text': '5', 'columns': {}, 'id': 'r/1', 'group': 'r'}
    """
    columns = {key: value for key, value in columns.items() if key != "prompt" or value}
    is_named = (isinstance(name, str) and name != "") or type(name) is int
    has_group = prompt is not None or any(find_column(columns, field) is not None for field in ("prompt", "group"))
    group = None
    if len(samples) > 1 and not has_group:
        group = str(name) if is_named else content_digest("response", *(_sample_text(sample) for sample in samples))
    traces = []
    for index, sample in enumerate(samples):
        fields = {**sample, "columns": {**columns, **sample.get("columns", {})}}
        if is_named:
            fields["id"] = str(name) if len(samples) == 1 else f"{name}/{index}"
        if prompt is not None:
            fields["prompt"] = prompt
        if group is not None:
            fields["group"] = group
        traces.append(fields)
    return traces


def _sample_text(sample: Fields) -> str:
    return sample.get("text") or "\n".join(text for _, text in sample.get("pieces", ()))


# -- requests -----------------------------------------------------------------------------------------------


def request_prompt(request: Any) -> str | None:
    r"""Return the prompt of a request: a string, messages, or a body that holds them, after its system prompt.

    None if there is none, or if there are several, one for each response.

    >>> request_prompt({"system": "Be brief.", "messages": [{"role": "user", "content": "2+2?"}]})
    'Be brief.\n\n2+2?'
    >>> request_prompt({"contents": [{"role": "user", "parts": [{"text": "2+2?"}]}]})
    '2+2?'
    """
    if not isinstance(request, dict) or ("role" in request and "content" in request):
        return _conversation_text(_messages("user", request))
    bodies = [request, *(request[name] for name in _BODIES if isinstance(request.get(name), dict))]
    for body in bodies:
        system = next((body[name] for name in _SYSTEM if body.get(name)), None)
        for name in _ASKED:
            messages = _messages("user", body.get(name))
            if messages:
                text = _conversation_text([*_messages("system", system), *messages])
                if text is not None:
                    return text
    return None


def _messages(role: str, value: Any) -> list[Any]:
    """Return messages out of a string, a message, or a list of them; empty if they are something else."""
    if isinstance(value, str):
        return [{"role": role, "content": value}] if value.strip() else []
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list) or not value:
        return []
    if all(isinstance(item, str) for item in value):
        return [{"role": role, "content": value[0]}] if len(value) == 1 else []
    if not all(isinstance(item, dict) for item in value):
        return []
    if all(item.get("type") == "text" or item.keys() == {"text"} for item in value):  # blocks of one message
        return [{"role": role, "content": value}]
    return [item if "role" in item or "from" in item else {"role": role, **item} for item in value]


def _conversation_text(messages: list[Any]) -> str | None:
    if not messages:
        return None
    try:
        return prompt_text(messages) or None
    except RowError:
        return None  # the request stays in `meta` as it is


# -- tokens -------------------------------------------------------------------------------------------------


def add_tokens(fields: Fields, token_ids: Any, logprobs: Sequence[Any] | None, options: DialectOptions) -> None:
    """Add the ids of the response's tokens to `fields`, and their log-probabilities if there is one for each.

    Ids spell the text as sampled. If the API took the reasoning out of it, the text is decoded from the ids; without a
    decoder they stay in `meta`.
    """
    if not isinstance(token_ids, list) or not token_ids:
        return
    meta: dict[str, Any] = fields.setdefault("meta", {})
    if not are_token_ids(token_ids):
        meta["token_ids"] = token_ids
        return
    is_apart = "text" not in fields and any(kind != "answer" for kind, _ in fields.get("pieces", ()))
    if is_apart and options.decode is None:
        meta["token_ids"] = token_ids
        return
    if is_apart and options.decode is not None:
        fields["pieces"] = [("answer", options.decode(token_ids))]
    fields["token_ids"] = token_ids
    if logprobs is not None and len(logprobs) == len(token_ids) and all(map(_is_logprob, logprobs)):
        fields["logprobs"] = [min(float(number), 0.0) for number in logprobs]


def are_token_ids(value: Any) -> TypeGuard[list[int]]:
    """Return whether `value` is an array of token ids that is not empty."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(type(number) is int and 0 <= number < 1 << 31 for number in value)
    )


def _is_logprob(value: Any) -> bool:
    return is_number(value) and -1e6 <= value <= _ROUNDING
