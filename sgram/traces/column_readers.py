"""Which values of a column can be a field: a name alone is no proof of what stands in a column."""

from collections.abc import Callable, Mapping
from typing import Any

from sgram.traces.aliases import find_column, plain_name
from sgram.traces.column_values import CONVERTERS, flag, number, reference, string
from sgram.traces.reward_columns import members

Reader = Callable[[Any], Any]
"""From a column's value to a field's; None if it cannot be one."""
_MIN_REASONING = 20
"""Fewest characters of a single word that is a reasoning and no switch, such as "on"."""
_TARGETS = frozenset({"label", "labels", "target", "targets"})
_GRADES = frozenset({"grade", "graded", "verdict", "judgement", "judgment"})
_PEOPLE = frozenset({"user", "human"})
_MESSAGE_KEYS = ("role", "content", "from", "parts")


def reader(name: str, column: str) -> Reader:
    """Return what makes the value of field `name` out of a column's value.

    >>> as_reasoning = reader("reasoning", "reasoning")
    >>> as_reasoning("on"), as_reasoning("Hmm."), reader("reference", "label")(True)
    (None, 'Hmm.', None)
    """
    plain = plain_name(column)
    if name == "prompt" and plain in _PEOPLE:
        return _as_question
    if name == "reference" and plain in _TARGETS:
        return _as_target
    if name == "correct" and plain in _GRADES:
        return _as_grade
    return _READERS.get(name) or CONVERTERS[name]


def _as_reply(value: Any) -> Any:
    return value if isinstance(value, str) or are_messages(value) or reply_message(value) else None


def reply_message(value: Any) -> dict[str, Any] | None:
    """Return a response with its reasoning in an object as a message; None if the object is something else.

    >>> reply_message({"thinking": "Hmm.", "answer": "4"})
    {'role': 'assistant', 'content': '4', 'reasoning': 'Hmm.'}
    """
    if not isinstance(value, Mapping):
        return None
    text = find_column(value, "text") or ("answer" if "answer" in value else None)
    reasoning = find_column(value, "reasoning")
    if text is None or not isinstance(value[text], str):
        return None
    message = {"role": "assistant", "content": value[text]}
    if reasoning is None:
        return message if plain_name(text) != "answer" else None
    return {**message, "reasoning": value[reasoning]}


def _as_prompt(value: Any) -> Any:
    return value if isinstance(value, str) or are_messages(value) or is_one_string(value) else None


def _as_question(value: Any) -> Any:
    """Return a prompt in a column that may also hold the name of a user."""
    return _as_prompt(value) if not isinstance(value, str) or " " in value.strip() else None


def _as_target(value: Any) -> str | None:
    """Return a reference in a column that may also hold whether the answer is right, or the ids of tokens."""
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(value, bool | list | dict) or (isinstance(value, int | float) and value in (0, 1)):
        return None
    return reference(value)


def _as_grade(value: Any) -> bool | None:
    """Return whether a grade says that the answer is right; a number may be a mark, or a year at school."""
    if isinstance(value, str):
        return flag(value) if number(value) is None else None
    return value if isinstance(value, bool) else None


def _as_run(value: Any) -> str | None:
    """Return the name of a run; a number is that of a repetition."""
    return value if isinstance(value, str) and value.strip() and not value.strip().isdigit() else None


def _as_key(value: Any) -> str | None:
    return None if isinstance(value, bool | float) else string(value)


def _as_name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _as_reward(value: Any) -> Any:
    return value if number(value) is not None or any(members(value)) else None


def _as_reasoning(value: Any) -> Any:
    """Return the text or the blocks of a reasoning; a switch or a category is none."""
    if isinstance(value, str):
        stripped = value.strip()
        if len(stripped) >= _MIN_REASONING:
            return value
        is_word = stripped.isascii() and stripped.replace("_", "").replace("-", "").isalnum()
        return None if is_word or not stripped else value
    if isinstance(value, list | tuple):
        return value if value and all(isinstance(part, str | Mapping) for part in value) else None
    return value if isinstance(value, Mapping) and value else None


_READERS: Mapping[str, Reader] = {
    "text": _as_reply,
    "prompt": _as_prompt,
    "reasoning": _as_reasoning,
    "run": _as_run,
    "group": _as_key,
    "id": _as_key,
    "model": _as_name,
    "reward": _as_reward,
}


def are_messages(value: Any) -> bool:
    """Return whether a value is a message, or a list of them.

    >>> are_messages([{"role": "user", "content": "2+2?"}]), are_messages(["2+2?"])
    (True, False)
    """
    messages = value if isinstance(value, list | tuple) else [value]
    return bool(messages) and all(
        isinstance(message, Mapping) and any(key in message for key in _MESSAGE_KEYS) for message in messages
    )


def is_one_string(value: Any) -> bool:
    """Return whether a value is a list of one string."""
    return isinstance(value, list) and len(value) == 1 and isinstance(value[0], str)
