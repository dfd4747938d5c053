"""Chat messages as text: what was asked, what the assistant said. Knows nothing about dialects or files.

Text is never invented: contents are joined by one blank line, nothing else is added.
"""

from typing import Any

from sgram.traces.trace import RowError, kind_of

BETWEEN = "\n\n"
"""What stands between two contents that were separate."""
_REASONING = ("reasoning_content", "reasoning", "thinking")
_THINK_END = "</think>"


def _content_texts(content: Any, where: str) -> list[tuple[str, str]]:
    """(kind, text) of each piece of a message's content; images and tool calls hold no text."""
    if content is None:
        return []
    if isinstance(content, str):
        return [("answer", content)]
    if not isinstance(content, list):
        raise RowError(f"content of {where} is {kind_of(content)}, not a string or an array")
    pieces = []
    for part in content:
        if isinstance(part, str):
            pieces.append(("answer", part))
        elif isinstance(part, dict) and part.get("type") in _REASONING:
            pieces.append(("reasoning", part.get(part["type"]) or part.get("text") or ""))
        elif isinstance(part, dict):
            pieces.append(("answer", part.get("text") or ""))
        else:
            raise RowError(f"content of {where} holds {kind_of(part)}")
    if any(not isinstance(text, str) for _, text in pieces):
        raise RowError(f"content of {where} holds a part whose text is no string")
    return [piece for piece in pieces if piece[1]]


def _message_texts(message: Any) -> list[tuple[str, str]]:
    if not isinstance(message, dict):
        raise RowError(f"a message is {kind_of(message)}, not an object")
    pieces = _content_texts(message.get("content"), "a message")
    for key in _REASONING:
        said = message.get(key)
        if isinstance(said, str) and said:
            return [("reasoning", said), *pieces]
        if said is not None and not isinstance(said, str):
            raise RowError(f"{key} of a message is {kind_of(said)}, not a string")
    return pieces


def prompt_text(prompt: Any) -> str | None:
    """A prompt as text: a string as it is, the contents of messages joined by a blank line."""
    if prompt is None or isinstance(prompt, str):
        return prompt
    if isinstance(prompt, dict):
        prompt = [prompt]
    if not isinstance(prompt, list):
        raise RowError(f"prompt is {kind_of(prompt)}, not a string or messages")
    return BETWEEN.join(text for message in prompt for _, text in _message_texts(message))


def reply_text(reply: Any) -> tuple[str, list[dict[str, Any]]]:
    """What the assistant said, and which parts of it are reasoning: ``[{"kind", "start", "end"}]``.

    No parts when nothing is marked as reasoning, by a field of its own or by ``</think>``.
    """
    if isinstance(reply, str):
        return reply, _think_parts(reply)
    if isinstance(reply, dict):
        reply = [reply]
    if not isinstance(reply, list):
        raise RowError(f"completion is {kind_of(reply)}, not a string or messages")
    said = [message for message in reply if not isinstance(message, dict) or message.get("role") in (None, "assistant")]
    if not said:
        raise RowError("no assistant message in the completion")
    pieces = [piece for message in said for piece in _message_texts(message)]
    text = BETWEEN.join(piece for _, piece in pieces)
    if all(kind == "answer" for kind, _ in pieces):
        return text, _think_parts(text)
    parts, at = [], 0
    for kind, piece in pieces:
        parts.append({"kind": kind, "start": at, "end": at + len(piece)})
        at += len(piece) + len(BETWEEN)
    return text, parts


def _think_parts(text: str) -> list[dict[str, Any]]:
    at = text.find(_THINK_END)
    if at < 0:
        return []
    end = at + len(_THINK_END)
    return [{"kind": "reasoning", "start": 0, "end": end}, {"kind": "answer", "start": end, "end": len(text)}]


def split_messages(messages: Any) -> tuple[list[Any], list[Any]]:
    """(prompt, reply): the reply is what follows the last message of a user or the system."""
    if not isinstance(messages, list):
        raise RowError(f"messages is {kind_of(messages)}, not an array")
    roles = [message.get("role") if isinstance(message, dict) else None for message in messages]
    asked = [place for place, role in enumerate(roles) if role in ("user", "system", "developer")]
    cut = asked[-1] + 1 if asked else 0
    if "assistant" not in roles[cut:]:
        raise RowError("no assistant message after the last user message")
    return messages[:cut], messages[cut:]
