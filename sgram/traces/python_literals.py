"""Python literals in strings: tools write ``str(value)`` where a column's type would not hold the value."""

import ast
import re
import warnings
from typing import Any

import orjson

from sgram.traces.trace import RowError

_TOKEN = re.compile(
    r"""
    \s+ | [\[\](){},:]
    | -?(?:\d{1,300}\.?\d{0,40}|\.\d{1,40})(?:[eE][-+]?\d{1,4})?
    | None\b | True\b | False\b | (?P<nan>-?nan\b|-?inf\b)
    | '[^'\\]*(?:\\.[^'\\]*)*' | "[^"\\]*(?:\\.[^"\\]*)*"
    """,
    re.VERBOSE | re.DOTALL,
)
_MAX_DEPTH = 20
_OPENING, _CLOSING, _SEPARATORS, _QUOTES = "[({", "])}", ",:", "\"'"


def read_literal(text: str) -> Any:
    """Return the value of a Python literal: lists, dicts, strings, numbers; nan and inf are None.

    Elements of a list may stand without a comma between them, as numpy writes its arrays, and a quote in a string may
    be doubled, as in SQL: Python itself would join two strings to one. Nothing is executed. Raise `RowError` if it is
    no literal, nested too deeply, or holds what JSON does not.

    >>> read_literal("{'em': 1.0, 'f1': nan}"), read_literal("['a\\\\n']"), read_literal("['4' 'or 5']")
    ({'em': 1.0, 'f1': None}, ['a\\n'], ['4', 'or 5'])
    """
    literal = _rewrite(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # an escape that Python does not know
            value = ast.literal_eval(literal)
        return orjson.loads(orjson.dumps(value))  # what JSON does not hold cannot be written again
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise RowError(f"a string is no Python literal: {type(error).__name__}") from None


def _rewrite(text: str) -> str:
    """Return the literal with commas between all elements, escaped quotes, and None for nan and inf."""
    position, tokens = 0, [""]
    brackets: list[str] = []
    follows_value = False
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise RowError(f"a string is no Python literal at character {position}")
        position, mark = match.end(), match.group()
        if mark.isspace():
            tokens.append(mark)
            continue
        if follows_value and mark not in _SEPARATORS and mark not in _CLOSING:
            if mark[0] in _QUOTES and tokens[-1][-1] == mark[0]:
                tokens[-1] = f"{tokens[-1][:-1]}\\{mark}"
                continue
            if brackets[-1:] != ["["] or not tokens[-1].isspace():
                raise RowError(f"a string is no Python literal: no comma before character {match.start()}")
            tokens.append(",")
        if mark in _OPENING:
            brackets.append(mark)
        elif mark in _CLOSING:
            del brackets[-1:]
        if len(brackets) > _MAX_DEPTH:
            raise RowError("a Python literal is nested too deeply")
        follows_value = mark not in _SEPARATORS and mark not in _OPENING
        tokens.append("None" if match["nan"] else mark)
    return "".join(tokens).strip()
