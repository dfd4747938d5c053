"""sgram: mine, validate, tag and train on Strategic Grams, the phrases that carry a reasoning model's plan.

The import is light: a public name loads its module when it is first used. ``__init__.pyi`` holds the same names for
type checkers.
"""

from importlib import import_module

__version__ = "0.1.0"

_MODULES = {
    "Trace": "sgram.traces",
    "read_traces": "sgram.traces",
    "write_traces": "sgram.traces",
    "as_traces": "sgram.traces",
    "Gram": "sgram.lexicon",
    "Cluster": "sgram.lexicon",
    "Lexicon": "sgram.lexicon",
    "SentenceScorer": "sgram.lexicon",
    "MiningConfig": "sgram.mining",
    "mine": "sgram.mining",
    "Span": "sgram.tagging.spans",
    "find_spans": "sgram.tagging.spans",
    "SpanFinder": "sgram.tagging.span_finder",
    "SentenceFinder": "sgram.tagging.sentence_finder",
    "PlanningTagger": "sgram.tagging.tagger",
    "analyze": "sgram.analysis",
    "diagnose": "sgram.diagnosis.diagnose",
    "Grade": "sgram.grading.grader",
    "grade": "sgram.grading.grader",
    "grade_many": "sgram.grading.grader",
    "show": "sgram.reports.notebooks.show",
    "SgramError": "sgram.errors",
}
"""Module that defines each public name."""

__all__ = ["__version__", *_MODULES]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module 'sgram' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
