"""HTML of values as notebooks show it: the types of all rooms ask for it here, the room of pages renders it.

A type such as `Lexicon` may not import the pages, which are above it and load a library of templates. The table below
names the module that renders each type, and the module is loaded when a notebook asks for the first HTML.
"""

from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType

_ROOM = "sgram.reports.notebooks"
_RENDERERS = MappingProxyType(
    {
        "Analysis": "analysis_html",
        "Diagnosis": "diagnosis_html",
        "DiagnosisList": "diagnosis_html",
        "Lexicon": "lexicon_html",
        "MarkedText": "text_html",
        "SpanList": "text_html",
        "Table": "table_html",
        "Trace": "text_html",
    }
)
"""Name of a type -> module of `sgram.reports.notebooks` whose function `render` returns its HTML."""


def render_notebook_html(value: object) -> str:
    """Return the HTML of a value of one of the types in the table: a fragment without script, request or id.

    Raise `KeyError` for a value of another type.

    >>> from sgram.lexicon import Lexicon
    >>> "<script" in render_notebook_html(Lexicon.from_grams(["wait"]))
    False
    """
    names = [cls.__name__ for cls in type(value).__mro__ if cls.__name__ in _RENDERERS]
    if not names:
        raise KeyError(type(value).__name__)
    render: Callable[[object], str] = import_module(f"{_ROOM}.{_RENDERERS[names[0]]}").render
    return render(value)
