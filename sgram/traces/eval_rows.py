"""What rows of evaluation tools have in common: scores of a response, several responses of one prompt, replies."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sgram.files import excerpt
from sgram.traces.api_objects import has_words
from sgram.traces.dialect import Fields
from sgram.traces.messages import prompt_text, read_conversation
from sgram.traces.parts import Piece
from sgram.traces.trace import FailedRowError

_PREFERRED = ("math_verify", "extractive_match", "exact_match")
"""Scores that win if several disagree, the best first: to compare values is better than to compare strings."""
_FORM = re.compile(r"format|length|style|tag", re.IGNORECASE)
_GRADED = re.compile(
    r"f1|rouge|bleu|chrf|bert|partial|similar|dist|recall|precision|coverage|overall|brier|perplexity|likelihood"
    r"|bits_per|vqa_score|prob",
    re.IGNORECASE,
)
"""Scores between 0 and 1, whose extremes alone would say what is right."""


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """Which of the scores of one response counts."""

    scores: Mapping[str, Any]
    """All scores as the tool wrote them."""
    name: str | None = None
    """None if no score is a number."""
    value: float | None = None
    correct: bool | None = None
    disagree: bool = False
    """Whether another score says the opposite."""

    def add_to(self, fields: Fields) -> Fields:
        """Set reward and correctness, and write all scores and the choice to ``meta``; return `fields`.

        The reward goes by the name of its score. The others serve ``--reward`` from `meta`.
        """
        meta: dict[str, Any] = fields.setdefault("meta", {})
        if self.scores:
            meta["metrics"] = dict(self.scores)
        if self.name is not None and len(self.scores) > 1:
            meta["metric"] = self.name
        if self.disagree:
            meta["metrics_disagree"] = True
        fields["rewards"] = {self.name: self.value} if self.name is not None else dict.fromkeys(self.scores)
        if self.correct is not None:
            fields["correct"] = self.correct
        return fields


def choose_score(scores: Mapping[str, Any], main: Any = None) -> ScoreChoice:
    """Return which of several scores of one response counts: `main` if it is among them, else the likeliest verdict.

    A verdict is a score of 0 or 1 whose name speaks neither of form nor of degrees. If verdicts disagree, the one of
    math_verify wins over exact_match, and that over the first.

    >>> choice = choose_score({"exact_match": 0, "math_verify": 1})
    >>> choice.name, choice.correct, choice.disagree
    ('math_verify', True, True)
    >>> choose_score({"rouge": 0.5}).value, choose_score({"rouge": 1.0}).correct, choose_score({}).name
    (0.5, None, None)
    """
    numbers = {name: number for name, score in scores.items() if (number := _number(score)) is not None}
    verdicts = [name for name, number in numbers.items() if number in (0, 1) and _is_verdict(name)]
    name = main if isinstance(main, str) and main in numbers else None
    if name is None and verdicts:
        name = min(verdicts, key=_preference)
    if name is None:
        name = next((name for name in numbers if not _FORM.search(name)), next(iter(numbers), None))
    if name is None:
        return ScoreChoice(scores)
    value = numbers[name]
    if name not in verdicts:
        return ScoreChoice(scores, name, value)
    return ScoreChoice(scores, name, value, value == 1, any(numbers[verdict] != value for verdict in verdicts))


def add_group_scores(fields: Fields, scores: Mapping[str, Any]) -> Fields:
    """Write scores that several responses have together to ``meta``: they are no response's own; return `fields`."""
    if scores:
        fields.setdefault("meta", {})["all_responses"] = {"metrics": dict(scores)}
        fields["rewards"] = dict.fromkeys(scores)
    return fields


def _preference(name: str) -> int:
    return next((rank for rank, part in enumerate(_PREFERRED) if part in name.lower()), len(_PREFERRED))


def _is_verdict(name: str) -> bool:
    return not _FORM.search(name) and not _GRADED.search(name)


def _number(value: Any) -> float | None:
    """Return a number or a truth value as a number; None if it is neither, or not finite."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return None
        return number if math.isfinite(number) else None
    return None


def reply_pieces(reply: Any) -> list[Piece]:
    """Return the pieces of what a model wrote: a string, one message, or messages that begin after the prompt.

    >>> reply_pieces("4"), reply_pieces([{"role": "assistant", "content": "5"}])
    ([('answer', '4')], [('answer', '5')])
    """
    return list(read_conversation(reply, prompt_messages="").pieces)


def conversation_text(messages: Any) -> str | None:
    """Return a prompt as text: a string, or messages that are all prompt; None if there is none."""
    return prompt_text(messages) or None if messages else None


def split_generated(messages: Sequence[Any], generated: Collection[int]) -> tuple[list[Any], list[Any]]:
    """Return (messages before the first generated one, those from there without what was put into the model's mouth).

    >>> split_generated([{"role": "user"}, {"role": "assistant"}, {"role": "tool"}], {1})
    ([{'role': 'user'}], [{'role': 'assistant'}, {'role': 'tool'}])
    """
    first = min(generated)
    reply = [
        message
        for row, message in enumerate(messages)
        if row >= first and (row in generated or mapping(message).get("role") != "assistant")
    ]
    return list(messages[:first]), reply


def read_messages(messages: Any) -> tuple[str | None, list[Piece]]:
    """Return the prompt and the pieces of messages; if they say which the model generated, those are its words.

    >>> shot, reply = {"role": "assistant", "content": "2"}, {"role": "assistant", "content": "4", "source": "generate"}
    >>> read_messages([{"role": "user", "content": "1+1?"}, shot, {"role": "user", "content": "2+2?"}, reply])[1]
    [('answer', '4')]
    """
    rows = messages if isinstance(messages, list) else []
    is_generated = [
        mapping(row).get("role") == "assistant" and mapping(row).get("source") == "generate" for row in rows
    ]
    generated = {row for row, generated in enumerate(is_generated) if generated}
    if not generated:
        conversation = read_conversation(messages)
        return conversation.prompt, list(conversation.pieces)
    prompt, reply = split_generated(rows, generated)
    return conversation_text(prompt), reply_pieces(reply)


def keep_words(traces: Sequence[Fields], reason: Any = None) -> list[Fields]:
    """Return the traces of one row that have a text; the others are counted in their ``meta``.

    Raise `FailedRowError` if none has; `reason` is why the model stopped.

    >>> keep_words([{"text": "4"}, {"text": ""}])
    [{'text': '4', 'meta': {'empty_responses': 1}}]
    """
    worded = [fields for fields in traces if _has_text(fields)]
    if not worded:
        ended = f": it ended with {excerpt(reason)}" if isinstance(reason, str) and reason else ""
        raise FailedRowError(f"the response has no text{ended}")
    if len(worded) < len(traces):
        for fields in worded:
            fields["meta"] = {**fields.get("meta", {}), "empty_responses": len(traces) - len(worded)}
    return worded


def _has_text(fields: Fields) -> bool:
    text = fields.get("text")
    return bool(text.strip()) if isinstance(text, str) else has_words(fields.get("pieces", ()))


def error_text(error: Any) -> str:
    """Return the words of an error: a string, or an object with a message or a type.

    >>> error_text({"type": "Timeout", "message": "after 60 s"}), error_text("Timeout()"), error_text(None)
    ('after 60 s', 'Timeout()', 'no reason given')
    """
    if isinstance(error, Mapping):
        error = next((error[key] for key in ("message", "error", "type") if error.get(key)), None)
    return excerpt(error) if isinstance(error, str) and error else "no reason given"


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def strings(value: Any) -> list[str]:
    """Return the strings of a list, or a string alone; empty if it is something else or holds something else.

    >>> strings(["4"]), strings("4"), strings([4])
    (['4'], ['4'], [])
    """
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return []
