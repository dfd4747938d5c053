"""Chat messages of any shape as a conversation: the prompt, and the words of the model in pieces.

The rule: all turns of the model after the first user message are its words; what stands before the first of them is
the prompt. Later messages of users, tools and environments are neither. A turn is a run of messages of the model. Each
message gives its reasoning, then its answer; arguments of tool calls are no text. Texts are joined by one blank line,
nothing else is added.

Shapes that are read: OpenAI chat and Responses, Anthropic, Gemini, Mistral, Bedrock, ShareGPT (`from`, `value`),
OpenCompass (`HUMAN`, `prompt`), LangChain (`type`, `data`), harmony (`channel`), LiteLLM and OpenRouter reasoning.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import orjson

from sgram.traces.parts import SEPARATOR, Part, Piece, holds_reasoning, insert_reasoning, squeeze, text_and_parts
from sgram.traces.trace import RowError, json_type

Role = Literal["assistant", "user", "system", "tool"]
_ROLE_NAMES: dict[str, tuple[str, ...]] = {
    # Axolotl, LLaMA-Factory, FastChat and Unsloth name these for ShareGPT; BOT is OpenCompass's, CHATBOT Cohere's,
    # `model` Gemini's and Gemma's, `ai` LangChain's.
    "assistant": (
        *("assistant", "gpt", "chatgpt", "bing", "bard", "bot", "chatbot", "model", "ai", "llm", "claude", "gemini"),
        *("agent", "output"),
    ),
    "user": ("user", "human", "prompter", "input"),
    "system": ("system", "developer"),
    "tool": (
        *("tool", "function", "observation", "environment", "env", "ipython", "python", "execution", "browser"),
        *("tool_response", "tool_result", "tool_results", "tool_output", "function_response", "function_result"),
    ),
    # A message that is nothing but a call, or nothing but reasoning.
    "call": ("function_call", "tool_call", "tool_calls", "tool_use", "functioncall"),
    "reasoning": ("reasoning", "thinking", "thought", "think"),
}
_ROLES = {name: role for role, names in _ROLE_NAMES.items() for name in names}
_ROLE_KEYS = ("role", "from", "author")
_CONTENT_KEYS = ("content", "value", "parts", "prompt", "text")
_REASONING_KEYS = (
    *("reasoning_content", "reasoning", "reasoning_text", "thinking", "thinking_content", "thought", "thoughts"),
    *("reasoning_details", "thinking_blocks", "reasoning_items"),  # OpenRouter, LiteLLM
)
_NESTED_KEYS = ("provider_specific_fields", "additional_kwargs")  # LiteLLM, LangChain
_SEPARATE_KEYS = frozenset({*_REASONING_KEYS, *_NESTED_KEYS})
_BLOCK_KEYS = ("thinking", "reasoning", "reasoningText", "text", "thought", "content", "summary", "value", "parts")
"""Keys of a block of reasoning; the first that holds text counts, so that a summary does only without the reasoning."""
_REASONING_TYPES = ("reasoning", "thinking", "thought", "reasoning_text", "think")
_MAX_DEPTH = 6
"""Largest nesting of blocks of reasoning inside each other."""


class _Message(NamedTuple):
    """One message: its role, or `call` or `reasoning`, its pieces and tool calls."""

    role: str
    pieces: list[Piece]
    tool_calls: list[Any]


@dataclass(frozen=True, slots=True)
class Conversation:
    """A prompt and what the model wrote after it."""

    prompt: str | None
    """Contents of the messages before the model's first turn."""
    pieces: tuple[Piece, ...]
    """(kind, text) in order; ``("turn", "")`` begins each turn if several have text."""
    roles: tuple[Role, ...]
    """Roles of all messages, those of the prompt first, by their usual names."""
    tool_calls: tuple[Any, ...] = ()
    """Calls in the model's turns, as they were written."""

    @property
    def failed(self) -> bool:
        """Whether the model wrote no text: the rollout failed, the row is not bad."""
        return not self.pieces

    @property
    def is_unanswered(self) -> bool:
        """Whether the last message is the user's, so that earlier turns of the model may be examples."""
        return self.roles[-1:] == ("user",)

    @property
    def failure(self) -> str:
        """Why there is no text; empty if there is some."""
        if self.pieces:
            return ""
        return "the assistant wrote no text after the prompt" if "assistant" in self.roles else "no assistant message"

    def with_reasoning(self, reasoning: Any) -> "Conversation":
        """Return the conversation with a reasoning that was written beside the messages, before the last answer.

        Nothing changes if the conversation holds the reasoning already, or has no text at all.
        """
        if self.failed:
            return self
        return replace(self, pieces=tuple(add_reasoning(self.pieces, reasoning)))

    def text_and_parts(self) -> tuple[str, list[Part]]:
        """Return the joined text and its parts."""
        return text_and_parts(self.pieces)


def read_conversation(messages: Any, *, prompt_messages: Any = None, whole: bool = False) -> Conversation:
    r"""Return the conversation that `messages` hold: an array, a single message, or either as a JSON string.

    Where the prompt was written apart, pass it as `prompt_messages` (a string or messages, empty if there is none): all
    messages of the model in `messages` are then its words, and a plain string is one answer. With `whole`, all messages
    are the prompt. Raise `RowError` if the messages cannot be understood: a role that is unknown (in a prompt every
    role will do), a content that is no text.

    >>> asked = {"role": "user", "content": "2+2?"}
    >>> answered = {"role": "assistant", "reasoning": "Hmm.", "content": "4"}
    >>> conversation = read_conversation([asked, answered])
    >>> conversation.prompt, conversation.text_and_parts()[0]
    ('2+2?', 'Hmm.\n\n4')
    >>> read_conversation([asked]).failure
    'no assistant message'
    """
    is_apart = prompt_messages is not None
    if isinstance(messages, str):
        parsed = _parse_messages(messages)
        if parsed is None and (whole or not is_apart):
            raise RowError("messages is a string, not an array of messages")
        messages = [{"role": "assistant", "content": messages}] if parsed is None else parsed
    if whole:
        prompt, prompt_roles = _read_prompt(messages)
        return Conversation(prompt=prompt or None, pieces=(), roles=tuple(prompt_roles))
    rows = _message_list(messages, "messages")
    default_role = "assistant" if is_apart or len(rows) == 1 else None
    read_rows = [_read_message(row, default_role) for row in rows]
    if is_apart:
        prompt, prompt_roles = _read_prompt(prompt_messages)
        first_row = 0
    else:
        first_user = next((row for row, message in enumerate(read_rows) if message.role == "user"), -1)
        model_rows = [row for row, message in enumerate(read_rows) if row > first_user and _is_model(message)]
        first_row = model_rows[0] if model_rows else len(read_rows)
        prompt, prompt_roles = _join(read_rows[:first_row]), []
    pieces, tool_calls = _model_pieces(read_rows[first_row:])
    roles = [*prompt_roles, *(_usual_role(message.role) for message in read_rows)]
    return Conversation(prompt=prompt or None, pieces=pieces, roles=tuple(roles), tool_calls=tool_calls)


def read_asked(messages: Any) -> Conversation:
    """Return messages that stand beside a response: all of them are its prompt if the last one is the user's.

    Otherwise they are read as `read_conversation` does, and the errors are the same.

    >>> shots = [("user", "1+1?"), ("assistant", "2"), ("user", "2+2?")]
    >>> read_asked([{"role": role, "content": content} for role, content in shots]).prompt
    '1+1?\\n\\n2\\n\\n2+2?'
    """
    conversation = read_conversation(messages)
    return read_conversation(messages, whole=True) if conversation.is_unanswered else conversation


def add_reasoning(pieces: Sequence[Piece], reasoning: Any) -> list[Piece]:
    """Return `pieces` with a reasoning (a string, a block, or an array of them) before the last answer.

    Nothing is added if the pieces hold the reasoning already. Raise `RowError` if it is no reasoning.

    >>> add_reasoning([("answer", "4")], [{"type": "thinking", "thinking": "Hmm."}])
    [('reasoning', 'Hmm.'), ('answer', '4')]
    """
    return insert_reasoning(pieces, reasoning_texts(reasoning))


def reasoning_texts(reasoning: Any, name: str = "reasoning") -> list[str]:
    """Return the texts of a reasoning: a string, a block, or an array of them. Encrypted and redacted ones have none.

    Raise `RowError`, which calls the reasoning by `name`, if it is a number or nested too deeply.

    >>> reasoning_texts([{"type": "thinking", "thinking": "Hmm."}, {"type": "redacted_thinking", "data": "Zm9v"}])
    ['Hmm.']
    """
    return [text for text in _block_texts(reasoning, name, 0) if text.strip()]


def _block_texts(block: Any, name: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise RowError(f"{name} is nested too deeply")
    if isinstance(block, str):
        yield block
    elif isinstance(block, Mapping):
        for key in _block_keys(block):
            texts = [text for text in _block_texts(block.get(key), name, depth + 1) if text]
            if texts:
                yield from texts
                break
    elif isinstance(block, list | tuple):
        yield from _join_chunks(block, name, depth)
    elif block is not None and not isinstance(block, bool):
        raise RowError(f"{name} is {json_type(block)}, not a string")


def _block_keys(block: Mapping[str, Any]) -> Sequence[str]:
    """Return the keys of a block under which its text may stand."""
    if "effort" in block:  # a setting of a request: {"effort": "high", "summary": "auto"}
        return ()
    return ("summary",) if block.get("redacted") is True else _BLOCK_KEYS  # Inspect: the rest is encrypted


def _join_chunks(blocks: Sequence[Any], name: str, depth: int) -> Iterator[str]:
    """Yield the texts of blocks; those of one `index` in a row are chunks of one text, as OpenRouter streams them."""
    last_index: Any = None
    chunks: list[str] = []
    for block in blocks:
        index = block.get("index") if isinstance(block, Mapping) else None
        if chunks and (index is None or index != last_index):
            yield "".join(chunks)
            chunks = []
        last_index = index
        texts = _block_texts(block, name, depth + 1)
        if index is None:
            yield from texts
        else:
            chunks.extend(texts)
    if chunks:
        yield "".join(chunks)


def _message_list(messages: Any, name: str) -> Sequence[Any]:
    if isinstance(messages, Mapping):
        return [messages]
    if isinstance(messages, list | tuple):
        return messages
    raise RowError(f"{name} is {json_type(messages)}, not an array")


def _parse_messages(text: str) -> list[Any] | None:
    """Return the messages that a JSON string holds; None if it is not an array or object of messages."""
    if text.lstrip()[:1] not in ("[", "{"):
        return None
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    rows = [parsed] if isinstance(parsed, dict) else parsed
    is_chat = bool(rows) and all(isinstance(row, dict) and any(key in row for key in _ROLE_KEYS) for row in rows)
    return rows if is_chat else None


def is_of_others(role: object) -> bool:
    """Return whether a role is known, and not that of the model.

    >>> is_of_others("prompter"), is_of_others("assistant"), is_of_others("pirate")
    (True, False, False)
    """
    return isinstance(role, str) and _ROLES.get(role.lower()) in ("user", "system", "tool")


def _role(message: Mapping[str, Any], default_role: str | None, any_role: bool) -> str:
    """Return the role of a message: assistant, user, system, tool, call or reasoning.

    A role that is unknown is that of a user if `any_role`; else raise `RowError`.
    """
    role = message.get("role")
    if isinstance(role, str) and role in _ROLES:
        return _ROLES[role]
    role = next((message[key] for key in _ROLE_KEYS if message.get(key) is not None), None)
    if isinstance(role, Mapping):  # ChatGPT's export: {"author": {"role": ...}}
        role = role.get("role")
    if role is None:
        role = message.get("type")  # items of a response, messages of LangChain
        if isinstance(role, str):
            name = role.lower()
            if name in _ROLES:
                return _ROLES[name]
            if name.endswith(("_call", "_call_output")):
                return "tool" if name.endswith("_output") else "call"
        if default_role is None:
            raise RowError("a message has no role")
        return default_role
    if not isinstance(role, str):
        raise RowError(f"the role of a message is {json_type(role)}, not a string")
    name = role.strip().rstrip(":").lower()
    if name.startswith("functions."):  # harmony
        return "tool"
    if name not in _ROLES:
        if any_role:
            return "user"
        raise RowError(f"unknown role of a message: {role!r:.60}")
    return _ROLES[name]


def _read_message(message: Any, default_role: str | None, any_role: bool = False) -> _Message:
    if not isinstance(message, Mapping):
        raise RowError(f"a message is {json_type(message)}, not an object")
    data = message.get("data")
    if isinstance(data, Mapping) and "content" in data and "content" not in message:  # LangChain
        message = {**data, "type": message.get("type")}
    role = _role(message, default_role, any_role)
    channel = message.get("channel")
    if role == "call" or (role == "assistant" and channel == "commentary" and message.get("recipient")):
        return _Message("call", [], [message])
    if role == "reasoning" or (role == "assistant" and channel == "analysis"):
        return _Message("reasoning", [("reasoning", text) for text in reasoning_texts(message)], [])
    return _Message(role, *_content_and_reasoning(message))


def _content_and_reasoning(message: Mapping[str, Any]) -> tuple[list[Piece], list[Any]]:
    """Return the pieces of a message, its separate reasoning first, and its tool calls."""
    tool_calls = [call for call in (message.get("function_call"),) if call]
    listed_calls = message.get("tool_calls")
    if isinstance(listed_calls, list | tuple):
        tool_calls.extend(listed_calls)
    content = next((message[key] for key in _CONTENT_KEYS if message.get(key)), None)
    pieces = list(_content_pieces(content, tool_calls))
    refusal = message.get("refusal")
    if not pieces and isinstance(refusal, str) and refusal.strip():
        pieces = [("answer", refusal)]
    reasoning = _separate_reasoning(message)
    if reasoning and not (pieces and holds_reasoning(pieces, reasoning)):
        pieces = [*(("reasoning", text) for text in reasoning), *pieces]
    return pieces, tool_calls


def _separate_reasoning(message: Mapping[str, Any]) -> list[str]:
    """Return the reasoning under keys of its own; where two keys hold the same one, the longer counts."""
    if _SEPARATE_KEYS.isdisjoint(message):
        return []
    reasoning: list[list[str]] = []
    nested = [message[key] for key in _NESTED_KEYS if isinstance(message.get(key), Mapping)]
    for fields in (message, *nested):
        for key in _REASONING_KEYS:
            texts = reasoning_texts(fields.get(key), f"{key} of a message") if key in fields else []
            squeezed = squeeze("".join(texts))
            if not squeezed or any(squeezed in squeeze("".join(reasoning_part)) for reasoning_part in reasoning):
                continue
            reasoning = [
                reasoning_part for reasoning_part in reasoning if squeeze("".join(reasoning_part)) not in squeezed
            ]
            reasoning.append(texts)
    return [text for texts in reasoning for text in texts]


def _content_pieces(content: Any, tool_calls: list[Any]) -> Iterator[Piece]:
    """Yield the pieces of a message's content; what has no text (images, calls and their results) is skipped."""
    if isinstance(content, str):
        yield "answer", content
    elif isinstance(content, Mapping):
        yield from _part_pieces(content, tool_calls)
    elif isinstance(content, list | tuple):
        for part in content:
            if isinstance(part, str):
                yield "answer", part
            elif isinstance(part, Mapping):
                yield from _part_pieces(part, tool_calls)
            elif part is not None:
                raise RowError(f"content of a message holds {json_type(part)}")
    elif content is not None:
        raise RowError(f"content of a message is {json_type(content)}, not a string or an array")


def _part_pieces(part: Mapping[str, Any], tool_calls: list[Any]) -> Iterator[Piece]:
    """Yield the pieces of one part of a content."""
    kind = part.get("type")
    kind = kind if isinstance(kind, str) else ""
    if kind in _REASONING_TYPES or part.get("thought") is True or "reasoningContent" in part:  # Gemini, Bedrock
        block = part.get("reasoningContent", part)
        yield from (("reasoning", text) for text in reasoning_texts(block, "reasoning of a message"))
    elif kind in ("tool_use", "server_tool_use", "tool_call", "function_call") or "functionCall" in part:
        tool_calls.append(part)
    elif kind not in ("tool_result", "function_call_output", "redacted_thinking"):
        text = part.get("refusal") if kind == "refusal" else part.get("text")
        if isinstance(text, Mapping):  # OpenAI's Assistants: {"text": {"value": ...}}
            text = text.get("value")
        if text is None and isinstance(part.get("parts"), list):  # Gemini's content, ChatGPT's export
            yield from (("answer", inner) for inner in part["parts"] if isinstance(inner, str))
            inner_parts = [inner for inner in part["parts"] if isinstance(inner, Mapping) and "parts" not in inner]
            yield from _content_pieces(inner_parts, tool_calls)
        elif isinstance(text, str):
            yield "answer", text
        elif text is not None:
            raise RowError(f"content of a message holds a part whose text is {json_type(text)}, not a string")


def _is_model(message: _Message) -> bool:
    return message.role in ("assistant", "call", "reasoning")


def _usual_role(role: str) -> Role:
    usual_roles: dict[str, Role] = {"user": "user", "system": "system", "tool": "tool"}
    return usual_roles.get(role, "assistant")


def _join(messages: Sequence[_Message]) -> str:
    return SEPARATOR.join(text for message in messages for _, text in message.pieces if text)


def _model_pieces(messages: Sequence[_Message]) -> tuple[tuple[Piece, ...], tuple[Any, ...]]:
    """Return the pieces and tool calls of the model's messages, a turn for each run of them."""
    turns: list[list[Piece]] = [[]]
    tool_calls: list[Any] = []
    for message in messages:
        if _is_model(message):
            turns[-1] += [(kind, text) for kind, text in message.pieces if text.strip()]
            tool_calls += message.tool_calls
        elif turns[-1]:
            turns.append([])
    turns = [turn for turn in turns if turn]
    mark: list[Piece] = [("turn", "")] if len(turns) > 1 else []
    return tuple(piece for turn in turns for piece in (*mark, *turn)), tuple(tool_calls)


def _read_prompt(prompt: Any) -> tuple[str | None, list[Role]]:
    """Return the text and the roles of a prompt: a string, messages, or messages as a JSON string."""
    if isinstance(prompt, str):
        parsed = _parse_messages(prompt)
        if parsed is None:
            return prompt, ["user"] if prompt else []
        prompt = parsed
    messages = [_read_message(row, "user", any_role=True) for row in _message_list(prompt, "prompt")]
    return _join(messages), [_usual_role(message.role) for message in messages]


def prompt_text(prompt: Any) -> str | None:
    r"""Return a prompt as text: a string as it is, the contents of messages joined by a blank line.

    Raise `RowError` if `prompt` is neither.

    >>> prompt_text([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"}])
    'Be brief.\n\n2+2?'
    """
    if prompt is None or isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, Mapping | list | tuple):
        raise RowError(f"prompt is {json_type(prompt)}, not a string or messages")
    return _read_prompt(prompt)[0]
