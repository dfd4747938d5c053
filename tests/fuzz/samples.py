"""Sample rows of every dialect, taken from the tests of the dialects."""

import json
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from sgram.traces.dialect import detect

_MAX_DEPTH = 3
"""Objects and lists around a sample in the constants of a test."""


@cache
def samples() -> dict[str, list[str]]:
    """Return the sample rows of each dialect as JSON, the dialects in the order of their names."""
    package = import_module("tests.traces.dialects")
    found: dict[str, dict[str, None]] = {}
    for module in sorted(info.name for info in iter_modules(package.__path__)):
        constants = vars(import_module(f"{package.__name__}.{module}"))
        for name in sorted(constants):
            if name.isupper():
                for dialect, row in _find_rows(constants[name], 0):
                    found.setdefault(dialect, {})[row] = None
    return {dialect: list(found[dialect]) for dialect in sorted(found)}


def _find_rows(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """Yield (dialect, row as JSON) for the outermost objects that are rows."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        dialect = detect(value)
        if dialect is not None:
            with suppress(TypeError):  # a row of a test may hold what JSON does not
                yield dialect.name, json.dumps(value)
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for child in value:
            yield from _find_rows(child, depth + 1)
