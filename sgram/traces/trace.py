"""The trace: one sampled response and what is known about it. Knows nothing about files or words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import InputError


class RowError(InputError):
    """One row cannot be a trace; the message says why, its kind first, before any colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One sampled response to a prompt; whatever is not known is None, never 0 or an empty string."""

    id: str
    """Unique within what is read together."""
    group: str | None = None
    """Key shared by the traces sampled for one prompt at one step."""
    prompt: str | None = None
    text: str
    """The model's words exactly, never normalized."""
    reward: float | None = None
    correct: bool | None = None
    answer: str | None = None
    """The answer taken from the response."""
    reference: str | None = None
    """The answer it should have given."""
    step: int | None = None
    """Training step of the model that wrote it."""
    model: str | None = None
    token_ids: tuple[int, ...] | None = None
    """Ids of the response's tokens as sampled."""
    logprobs: tuple[float, ...] | None = None
    """Log-probability of each sampled token, nats."""
    entropies: tuple[float, ...] | None = None
    """Entropy of the next-token distribution that each token was drawn from, nats."""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Everything else, as JSON values."""


_STRINGS = ("group", "prompt", "answer", "reference", "model")
_KINDS = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def kind_of(value: object) -> str:
    """What `value` is in the words of JSON."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return _KINDS.get(type(value), f"a {type(value).__name__}")


def wrong_type(name: str, value: object, wanted: str) -> RowError:
    """The error for a field of the wrong type."""
    return RowError(f"field {name} is {kind_of(value)}, not {wanted}")


def _check_string(name: str, value: object) -> None:
    if type(value) is not str:
        raise wrong_type(name, value, "a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RowError(f"field {name} holds a lone surrogate, which is no character") from None


def _check_numbers(name: str, values: object, kinds: tuple[type, ...], size: int | None) -> None:
    if type(values) is not tuple:
        raise wrong_type(name, values, "a tuple of numbers")
    if any(type(value) not in kinds for value in values):
        raise RowError(f"field {name} holds something else than numbers")
    if float in kinds and not all(map(math.isfinite, values)):
        raise RowError(f"field {name} holds a number that is not finite")
    if size is not None and len(values) != size:
        raise RowError(f"field {name} has another length than token_ids: {len(values)}, not {size}")


def check_trace(trace: Trace, max_text_chars: int | None = None) -> Trace:
    """`trace` itself, if every field keeps its promise; else `RowError`. Does not look inside `meta`."""
    _check_string("id", trace.id)
    if not trace.id:
        raise RowError("field id is empty")
    _check_string("text", trace.text)
    if max_text_chars is not None and len(trace.text) > max_text_chars:
        raise RowError(f"text is longer than the cap of {max_text_chars} characters")
    for name in _STRINGS:
        value = getattr(trace, name)
        if value is not None:
            _check_string(name, value)
    if trace.reward is not None and (type(trace.reward) is not float or not math.isfinite(trace.reward)):
        raise RowError(f"field reward is no finite number: {trace.reward!r:.40}")
    if trace.correct is not None and type(trace.correct) is not bool:
        raise wrong_type("correct", trace.correct, "a boolean")
    if trace.step is not None and type(trace.step) is not int:
        raise wrong_type("step", trace.step, "a whole number")
    if trace.step is not None and not -(1 << 63) <= trace.step < 1 << 63:
        raise RowError("field step has more than 64 bits")
    if not isinstance(trace.meta, Mapping):
        raise wrong_type("meta", trace.meta, "an object")
    size = None
    if trace.token_ids is not None:
        _check_numbers("token_ids", trace.token_ids, (int,), None)
        size = len(trace.token_ids)
        if size and not (min(trace.token_ids) >= 0 and max(trace.token_ids) < 1 << 31):
            raise RowError("field token_ids holds a number that is no token id")
    for name in ("logprobs", "entropies"):
        values = getattr(trace, name)
        if values is not None:
            _check_numbers(name, values, (float,), size)
    return trace
