"""Chat messages as text: prompt, reply and the reply's reasoning.

Contents are joined by one blank line; no other text is added.
"""

from typing import Any

from sgram.traces.trace import RowError, json_type

SEPARATOR = "\n\n"
"""Text between two contents that were separate."""
_REASONING = ("reasoning_content", "reasoning", "thinking")
_THINK_END = "</think>"


def _content_texts(content: Any, location: str) -> list[tuple[str, str]]:
    """Return (kind, text) of each part of a message's content. Images and tool calls have no text."""
    if content is None:
        return []
    if isinstance(content, str):
        return [("answer", content)]
    if not isinstance(content, list):
        raise RowError(f"content of {location} is {json_type(content)}, not a string or an array")
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(("answer", part))
        elif isinstance(part, dict) and part.get("type") in _REASONING:
            texts.append(("reasoning", part.get(part["type"]) or part.get("text") or ""))
        elif isinstance(part, dict):
            texts.append(("answer", part.get("text") or ""))
        else:
            raise RowError(f"content of {location} holds {json_type(part)}")
    if any(not isinstance(text, str) for _, text in texts):
        raise RowError(f"content of {location} holds a part whose text is no string")
    return [(kind, text) for kind, text in texts if text]


def _message_texts(message: Any) -> list[tuple[str, str]]:
    """Return (kind, text) of each part of a message, its reasoning first."""
    if not isinstance(message, dict):
        raise RowError(f"a message is {json_type(message)}, not an object")
    texts = _content_texts(message.get("content"), "a message")
    for key in _REASONING:
        reasoning = message.get(key)
        if isinstance(reasoning, str) and reasoning:
            return [("reasoning", reasoning), *texts]
        if reasoning is not None and not isinstance(reasoning, str):
            raise RowError(f"{key} of a message is {json_type(reasoning)}, not a string")
    return texts


def prompt_text(prompt: Any) -> str | None:
    r"""Return a prompt as text: a string as it is, the contents of messages joined by a blank line.

    Raise `RowError` if `prompt` is neither.

    >>> prompt_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}])
    'Be brief.\n\n2+2?'
    """
    if prompt is None or isinstance(prompt, str):
        return prompt
    if isinstance(prompt, dict):
        prompt = [prompt]
    if not isinstance(prompt, list):
        raise RowError(f"prompt is {json_type(prompt)}, not a string or messages")
    return SEPARATOR.join(text for message in prompt for _, text in _message_texts(message))


def reply_text(reply: Any) -> tuple[str, list[dict[str, Any]]]:
    r"""Return the assistant's text and its parts, ``[{"kind", "start", "end"}]`` with character offsets.

    There are no parts unless reasoning is marked, by a field of its own or by ``</think>``. Raise `RowError` if
    `reply` is neither a string nor messages of an assistant.

    >>> text, parts = reply_text({"role": "assistant", "reasoning": "Hmm.", "content": "4"})
    >>> text, [text[part["start"]:part["end"]] for part in parts]
    ('Hmm.\n\n4', ['Hmm.', '4'])
    """
    if isinstance(reply, str):
        return reply, _think_parts(reply)
    if isinstance(reply, dict):
        reply = [reply]
    if not isinstance(reply, list):
        raise RowError(f"completion is {json_type(reply)}, not a string or messages")
    messages = [
        message for message in reply if not isinstance(message, dict) or message.get("role") in (None, "assistant")
    ]
    if not messages:
        raise RowError("no assistant message in the completion")
    texts = [kind_and_text for message in messages for kind_and_text in _message_texts(message)]
    joined = SEPARATOR.join(text for _, text in texts)
    if all(kind == "answer" for kind, _ in texts):
        return joined, _think_parts(joined)
    parts, start = [], 0
    for kind, text in texts:
        parts.append({"kind": kind, "start": start, "end": start + len(text)})
        start += len(text) + len(SEPARATOR)
    return joined, parts


def _think_parts(text: str) -> list[dict[str, Any]]:
    """Return reasoning and answer of a text in which ``</think>`` ends the reasoning; no parts without it."""
    start = text.find(_THINK_END)
    if start < 0:
        return []
    end = start + len(_THINK_END)
    return [{"kind": "reasoning", "start": 0, "end": end}, {"kind": "answer", "start": end, "end": len(text)}]


def split_messages(messages: Any) -> tuple[list[Any], list[Any]]:
    """Return (prompt messages, reply messages): the reply follows the last message of a user or the system.

    Raise `RowError` if there is no assistant message in the reply.

    >>> split_messages([{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}])[1]
    [{'role': 'assistant', 'content': '4'}]
    """
    if not isinstance(messages, list):
        raise RowError(f"messages is {json_type(messages)}, not an array")
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    prompt_rows = [row for row, role in enumerate(roles) if role in ("user", "system", "developer")]
    n_prompt_messages = prompt_rows[-1] + 1 if prompt_rows else 0
    if "assistant" not in roles[n_prompt_messages:]:
        raise RowError("no assistant message after the last user message")
    return messages[:n_prompt_messages], messages[n_prompt_messages:]
