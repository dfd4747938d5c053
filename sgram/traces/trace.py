"""The trace: one sampled response to a prompt, with its metadata."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sgram.errors import InputError
from sgram.notebook_html import render_notebook_html


class RowError(InputError):
    """A row that cannot become a trace. The message names the kind of reason before its first colon."""


class FailedRowError(RowError):
    """A row that says itself that its rollout failed; it is skipped and counted, and is no fault of the file."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Trace:
    """One sampled response to a prompt. A missing field is None, never 0 or an empty string.

    Notebooks show its prompt and text; `sgram.show` marks the planning in it.

    >>> trace = Trace(id="a", text="Wait, 2 + 2 is 4.", correct=True)
    >>> trace.correct, trace.reward
    (True, None)
    >>> trace
    Trace('a', correct=True, 17 characters: 'Wait, 2 + 2 is 4.')
    """

    id: str
    """Unique among the traces that are read together."""
    group: str | None = None
    """Key shared by the traces sampled for one prompt at one step."""
    run: str | None = None
    """Training run or sampling job that the trace is from."""
    prompt: str | None = None
    text: str
    """The model's words exactly as sampled, never normalized."""
    reward: float | None = None
    correct: bool | None = None
    answer: str | None = None
    """Answer that the response gives."""
    reference: str | None = None
    """Answer that is expected."""
    step: int | None = None
    """Training step of the model that wrote the response."""
    model: str | None = None
    token_ids: tuple[int, ...] | None = None
    """Ids of the response's tokens as sampled."""
    logprobs: tuple[float, ...] | None = None
    """Log-probability of each sampled token, in nats."""
    entropies: tuple[float, ...] | None = None
    """Entropy of the next-token distribution at each sampled token, in nats."""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """All other fields of the record, as JSON values."""

    def _repr_html_(self) -> str:
        return render_notebook_html(self)

    def __repr__(self) -> str:
        values = {name: getattr(self, name) for name in _NAMED_FIELDS}
        fields = [f"{name}={_cut(value)}" for name, value in values.items() if value is not None]
        tokens = [] if self.token_ids is None else [f"{len(self.token_ids):,} tokens"]
        text = f"{len(self.text):,} characters: {_cut(self.text)}"
        return f"Trace({', '.join([_cut(self.id), *fields, *tokens, text])})"


_NAMED_FIELDS = ("group", "run", "model", "step", "reward", "correct")
"""Fields that the representation of a trace names."""
_LONGEST_FIELD = 40


def _cut(value: object) -> str:
    """Return the representation of a field, of a long text that of its beginning."""
    if isinstance(value, str) and len(value) > _LONGEST_FIELD:
        return repr(value[: _LONGEST_FIELD - 3] + "...")
    return repr(value)


_STRING_FIELDS = ("group", "run", "prompt", "answer", "reference", "model")
_JSON_TYPES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def json_type(value: object) -> str:
    """Return the JSON name of the type of `value`, for messages.

    >>> json_type([1]), json_type(0.5), json_type(None)
    ('an array', 'a number', 'null')
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "a number"
    return _JSON_TYPES.get(type(value), f"a {type(value).__name__}")


def wrong_type(name: str, value: object, expected: str) -> RowError:
    """Return the error for a field of the wrong type."""
    return RowError(f"field {name} is {json_type(value)}, not {expected}")


def _check_string(name: str, value: object) -> None:
    if type(value) is not str:
        raise wrong_type(name, value, "a string")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RowError(f"field {name} holds a lone surrogate, which is no character") from None


def _check_numbers(name: str, numbers: object, types: tuple[type, ...], length: int | None) -> None:
    """Raise `RowError` unless `numbers` is a tuple of finite numbers of these types and of this length."""
    if type(numbers) is not tuple:
        raise wrong_type(name, numbers, "a tuple of numbers")
    if any(type(number) not in types for number in numbers):
        raise RowError(f"field {name} holds something else than numbers")
    if float in types and not all(map(math.isfinite, numbers)):
        raise RowError(f"field {name} holds a number that is not finite")
    if length is not None and len(numbers) != length:
        raise RowError(f"field {name} has another length than token_ids: {len(numbers)}, not {length}")


def check_trace(trace: Trace, max_text_chars: int | None = None) -> Trace:
    """Return `trace` if every field is valid; else raise `RowError`. The content of `meta` is not checked.

    >>> check_trace(Trace(id="a", text="wait", reward=float("nan")))
    Traceback (most recent call last):
    ...
    sgram.traces.trace.RowError: field reward is no finite number: nan
    """
    _check_string("id", trace.id)
    if not trace.id:
        raise RowError("field id is empty")
    _check_string("text", trace.text)
    if max_text_chars is not None and len(trace.text) > max_text_chars:
        raise RowError(f"text is longer than the cap of {max_text_chars} characters")
    strings = (trace.group, trace.run, trace.prompt, trace.answer, trace.reference, trace.model)
    for name, text in zip(_STRING_FIELDS, strings, strict=True):
        if text is not None and not (type(text) is str and text.isascii()):
            _check_string(name, text)
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
    n_tokens = None
    if trace.token_ids is not None:
        _check_numbers("token_ids", trace.token_ids, (int,), None)
        n_tokens = len(trace.token_ids)
        if n_tokens and not (min(trace.token_ids) >= 0 and max(trace.token_ids) < 1 << 31):
            raise RowError("field token_ids holds a number that is no token id")
    for name in ("logprobs", "entropies"):
        numbers = getattr(trace, name)
        if numbers is not None:
            _check_numbers(name, numbers, (float,), n_tokens)
    return trace
