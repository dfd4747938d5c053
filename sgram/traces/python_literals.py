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


def read_literal(text: str) -> Any:
    """Return the value of a Python literal: lists, dicts, strings, numbers; nan and inf are None.

    Nothing is executed. Raise `RowError` if it is no literal, nested too deeply, or holds what JSON does not.

    >>> read_literal("{'em': 1.0, 'f1': nan}"), read_literal("['a\\\\n']")
    ({'em': 1.0, 'f1': None}, ['a\\n'])
    """
    position, depth, tokens = 0, 0, []
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise RowError(f"a string is no Python literal at character {position}")
        token = match.group()
        depth += token in ("[", "(", "{")
        depth -= token in ("]", ")", "}")
        if depth > _MAX_DEPTH:
            raise RowError("a Python literal is nested too deeply")
        tokens.append("None" if match["nan"] else token)
        position = match.end()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # an escape that Python does not know
            value = ast.literal_eval("".join(tokens).strip())
        return orjson.loads(orjson.dumps(value))  # what JSON does not hold cannot be written again
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise RowError(f"a string is no Python literal: {type(error).__name__}") from None
