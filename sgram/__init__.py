"""sgram: mine, prove, tag and train on Strategic Grams, the phrases that carry a reasoning model's plan.

Importing it is light: public names load what they need when first used.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "Trace": "sgram.traces",
    "read_traces": "sgram.traces",
    "write_traces": "sgram.traces",
    "Gram": "sgram.lexicon",
    "Cluster": "sgram.lexicon",
    "Lexicon": "sgram.lexicon",
    "MiningConfig": "sgram.mining",
    "mine": "sgram.mining",
    "Span": "sgram.tagging.spans",
    "find_spans": "sgram.tagging.spans",
    "SpanFinder": "sgram.tagging.span_finder",
    "PlanningTagger": "sgram.tagging.tagger",
    "analyze": "sgram.analysis",
    "diagnose": "sgram.diagnosis.kinds",
    "SgramError": "sgram.errors",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'sgram' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
