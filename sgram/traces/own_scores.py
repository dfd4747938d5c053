"""Scores that sgram itself wrote into logs of Inspect: they say nothing about whether a sample is correct."""

from collections.abc import Mapping
from typing import Any

PLANNING_SCORE = "sgram-planning-score"
"""Field ``format`` in the metadata of such a score."""


def own_mark(metadata: Any) -> dict[str, Any]:
    """Return what tells a score with this metadata as one of sgram, for a record; empty for other scores.

    >>> own_mark({"format": "sgram-planning-score", "grams": {}}), own_mark(None)
    ({'metadata': {'format': 'sgram-planning-score'}}, {})
    """
    is_own = isinstance(metadata, Mapping) and metadata.get("format") == PLANNING_SCORE
    return {"metadata": {"format": PLANNING_SCORE}} if is_own else {}


def without_own(scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return the scores of others.

    >>> mark = own_mark({"format": "sgram-planning-score"})
    >>> without_own({"match": {"value": "C"}, "planning": {"value": {}, **mark}})
    {'match': {'value': 'C'}}
    """
    return {
        name: score
        for name, score in scores.items()
        if not (isinstance(score, Mapping) and own_mark(score.get("metadata")))
    }
