"""Precision, recall, F1 and coverage of marks, with intervals over documents. Knows nothing about grams or files.

Marked and positive is a hit. Precision is hits of marked, recall is hits of positive, F1 = 2 hits / (marked +
positive), coverage is marked of all. What is undefined (precision where nothing is marked, ...) is None, with the
reason. Intervals are 95 % percentile intervals of a bootstrap over documents, or over problems: the units of one
document are no independent samples. Lists that are compared share their draws.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from sgram.evaluation.label_index import Occurrences, UnitIndex
from sgram.statistics import N_DRAWS, Estimate, draw_counts, estimate_from_draws

By = Literal["document", "problem"]
MEASURES = ("precision", "recall", "f1", "coverage")
_WHY_UNDEFINED = ("nothing is marked", "nothing is positive", "nothing is marked or positive", "there is nothing")
_WHY_NO_INTERVAL = "an interval needs two documents or more"
_BLOCK = 1 << 22


def plain_record(record: Any) -> Any:
    """Return a dataclass as JSON values, as `dataclasses.asdict` does.

    An `Estimate` has the keys `value`, `low`, `high` and `why`, the names in the JSON of `sgram validate`.

    >>> plain_record((Estimate(0.5, 0.25, 1.0, n=9), Estimate(None, undefined="nothing is marked")))[1]
    {'value': None, 'low': None, 'high': None, 'why': 'nothing is marked'}
    """
    if isinstance(record, Estimate):
        return {"value": record.value, "low": record.low, "high": record.high, "why": record.undefined}
    if is_dataclass(record):
        return {field.name: plain_record(getattr(record, field.name)) for field in fields(record)}
    return tuple(map(plain_record, record)) if isinstance(record, tuple) else record


@dataclass(frozen=True, slots=True)
class Rates:
    """How marks meet labels."""

    n: int
    n_marked: int
    n_positive: int
    n_hits: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    coverage: Estimate

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


@dataclass(frozen=True, slots=True, eq=False)
class DocumentResamples:
    """Draws of documents, or of problems, with replacement; the same for whatever is measured with them."""

    group: np.ndarray
    """(D,) number of each document's group."""
    n_groups: int
    by: By
    n_draws: int
    seed: int

    @classmethod
    def of(cls, index: UnitIndex, by: By = "document", n_draws: int = N_DRAWS, seed: int = 0) -> "DocumentResamples":
        """Draws of the documents of `index`; a document without a problem is a problem of its own."""
        keys = group_keys(index, by)
        numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
        return cls(np.array([numbers[key] for key in keys], np.int64), len(numbers), by, n_draws, seed)

    def blocks(self, width: int = 1) -> Iterator[np.ndarray]:
        """How often each group is drawn, (some draws, G), block by block: about 4 M / width rows a block."""
        if self.n_groups < 2:
            return
        rng = np.random.default_rng([self.seed, self.n_groups])
        size = max(1, _BLOCK // max(width, self.n_groups))
        for first in range(0, self.n_draws, size):
            yield draw_counts(rng, np.ones(self.n_groups, np.int64), min(size, self.n_draws - first))

    def sums(self, of_groups: np.ndarray) -> np.ndarray:
        """(draws, C): the columns of `of_groups`, (G, C), added up over the groups of each draw."""
        parts = [block @ of_groups for block in self.blocks()]
        return np.concatenate(parts) if parts else np.zeros((0, of_groups.shape[1]))


def group_keys(index: UnitIndex, by: By) -> list[tuple[str, str]]:
    """What each document is drawn with."""
    return [
        ("problem", each.problem) if by == "problem" and each.problem else ("document", each.id)
        for each in index.documents
    ]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One list's rates, in the order of `MEASURES`: as they are, (4,), and in each draw, (draws, 4); NaN: undefined."""

    counts: np.ndarray
    """(4,) hits, marked, positive, all."""
    values: np.ndarray
    drawn: np.ndarray
    n_groups: int
    """Documents, or problems: what the intervals are drawn over."""

    @classmethod
    def of(
        cls, marks: np.ndarray, positive: np.ndarray, document: np.ndarray, resamples: DocumentResamples
    ) -> "Measured":
        """Rates of `marks` against `positive`, both bool (N,); `document` is the number of each one's document."""
        groups = resamples.group[document]
        columns = (marks & positive, marks, positive, np.ones(len(marks)))
        counts = [np.bincount(groups, column, minlength=resamples.n_groups) for column in columns]
        of_groups = np.stack(counts, axis=1)  # (G, 4)
        totals = of_groups.sum(axis=0)
        return cls(totals, rates(totals[None])[0], rates(resamples.sums(of_groups)), resamples.n_groups)

    def summary(self) -> Rates:
        """The rates with their intervals."""
        estimates = [
            estimate(value, drawn, self.n_groups, reason)
            for value, drawn, reason in zip(self.values, self.drawn.T, _WHY_UNDEFINED, strict=True)
        ]
        hits, marked, positive, n = (int(count) for count in self.counts)
        return Rates(n, marked, positive, hits, *estimates)


def rates(counts: np.ndarray) -> np.ndarray:
    """(N, 4) hits, marked, positive, all -> (N, 4) precision, recall, F1, coverage; NaN where undefined."""
    hits, marked, positive, n = counts.T.astype(np.float64)
    above = np.stack((hits, hits, 2 * hits, marked), axis=1)
    below = np.stack((marked, positive, marked + positive, n), axis=1)
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def estimate(value: float, draws: np.ndarray, n_groups: int, reason: str) -> Estimate:
    """Return `value` with its percentile interval over `draws` of `n_groups` documents or problems.

    NaN is undefined: such draws are left out, and such a value is None for this `reason`.
    """
    if np.isnan(value):
        return Estimate(None, n=n_groups, undefined=reason)
    return estimate_from_draws(value, draws, n_groups, _WHY_NO_INTERVAL)


def difference(ours: Measured, theirs: Measured, measure: str) -> Estimate:
    """`measure` of `ours` less that of `theirs`, with the interval of the paired draws."""
    at = MEASURES.index(measure)
    value = ours.values[at] - theirs.values[at]
    return estimate(value, ours.drawn[:, at] - theirs.drawn[:, at], ours.n_groups, _WHY_UNDEFINED[at])


def mean_of(measured: list[Measured]) -> Measured:
    """The mean of several lists' rates, draw by draw; the counts are rounded."""
    return Measured(
        np.round(np.mean([each.counts for each in measured], axis=0)),
        np.mean([each.values for each in measured], axis=0),
        np.mean([each.drawn for each in measured], axis=0),
        measured[0].n_groups,
    )


def measure_units(index: UnitIndex, found: Occurrences, resamples: DocumentResamples) -> Measured:
    """Rates of a list of grams as marks of whole units."""
    return Measured.of(found.marked_units(), index.positive, index.document, resamples)


def measure_pieces(index: UnitIndex, found: Occurrences, resamples: DocumentResamples) -> Measured:
    """Rates of the same list as marks of words or tokens; a word is positive where its unit is."""
    positive, document = index.positive[index.piece_unit], index.document[index.piece_unit]
    return Measured.of(found.covered_pieces(), positive, document, resamples)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A list of grams on labeled texts."""

    n_documents: int
    n_groups: int
    """Documents, or problems: what the intervals are drawn over."""
    n_grams: int
    n_occurring: int
    """Grams that occur at all."""
    base_rate: float | None
    """Share of the units that are positive: the precision of marks that know nothing."""
    units: Rates
    pieces: Rates
    piece_name: str
    """What pieces are: "words" or "tokens"."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


def evaluate(index: UnitIndex, found: Occurrences, resamples: DocumentResamples) -> Evaluation:
    """Rates of the list whose occurrences are `found`, on units and on pieces."""
    return Evaluation(
        len(index.documents),
        resamples.n_groups,
        found.n_grams,
        len(np.unique(found.gram)),
        float(index.positive.mean()) if index.n_units else None,
        measure_units(index, found, resamples).summary(),
        measure_pieces(index, found, resamples).summary(),
        index.pieces,
    )
