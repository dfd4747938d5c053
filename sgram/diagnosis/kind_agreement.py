"""Agreement on the kinds of errors between raters, the classifier and a judge."""

from collections.abc import Iterable, Mapping
from typing import Any

from sgram.annotation.agreement import RaterPair, measure_agreement
from sgram.annotation.ratings import Rating
from sgram.diagnosis.error_ratings import ErrorRatings
from sgram.diagnosis.kinds import Kind

CLASSIFIER, RATERS = "classifier", "raters"

KindsByTrace = Mapping[str, Kind | None]
"""Trace id -> kind; None: no opinion."""


def opinion_pairs(
    classifier: KindsByTrace,
    judge: KindsByTrace | None = None,
    judge_name: str = "judge",
    ratings: ErrorRatings | None = None,
    seed: int = 0,
) -> list[RaterPair]:
    """Return the agreement of each pair of classifier, judge and majority of the raters, then of each pair of raters.

    A pair is compared on the traces of which both have an opinion, among those that `classifier` names. Intervals are
    95 % bootstrap intervals over traces.

    >>> [pair] = opinion_pairs({"a": "strategic", "b": "format"}, {"a": "strategic", "b": "undecided"}, "model")
    >>> pair.first, pair.second, pair.n_items, pair.agreement.value
    ('classifier', 'model', 2, 0.5)
    """
    names = {CLASSIFIER: classifier}
    if judge is not None:
        names[judge_name if judge_name not in (CLASSIFIER, RATERS) else f"judge {judge_name}"] = judge
    votes: list[Rating] = []
    if ratings is not None:
        names[RATERS] = {trace: rated.kind for trace, rated in ratings.traces.items()}
        votes = [
            Rating(trace, rater, kind)
            for trace, rated in ratings.traces.items()
            if trace in classifier
            for rater, kind in rated.votes
        ]
    opinions = [
        Rating(trace, name, kind)
        for name, kinds in names.items()
        for trace, kind in kinds.items()
        if kind is not None and trace in classifier
    ]
    return [*_pairs(opinions, seed), *_pairs(votes, seed)]


def _pairs(ratings: Iterable[Rating], seed: int) -> tuple[RaterPair, ...]:
    ratings = list(ratings)
    return measure_agreement(ratings, seed=seed).overall.pairs if ratings else ()


def pair_json(pair: RaterPair) -> dict[str, Any]:
    """Return a pair as JSON values, rounded to 6 decimals."""
    return {
        "raters": [pair.first, pair.second],
        "n_traces": pair.n_items,
        "agreement": pair.agreement.to_json(),
        "kappa": pair.kappa.to_json(),
    }
