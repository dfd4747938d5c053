"""Precision, recall, F1 and coverage of marks against labels, with bootstrap intervals over documents or problems.

A hit is marked and positive. Precision is hits / marked, recall is hits / positive, F1 is 2 hits / (marked + positive),
coverage is marked / all. An undefined rate (such as precision if nothing is marked) is None, with the reason. Intervals
are 95 % percentile intervals of a bootstrap over documents or problems, because the units of one document are not
independent. Lists of grams that are compared share their draws.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray, IntArray
from sgram.evaluation.label_index import GramOccurrences, UnitIndex
from sgram.frames import CellKind, interval_columns
from sgram.statistics import N_DRAWS, Estimate, draw_counts, estimate_from_draws

GroupBy = Literal["document", "problem"]
MEASURES = ("precision", "recall", "f1", "coverage")
_REASONS_UNDEFINED = ("nothing is marked", "nothing is positive", "nothing is marked or positive", "there is nothing")
_REASON_NO_INTERVAL = "an interval needs two documents or more"
_BLOCK_SIZE = 1 << 22
"""Counts that are drawn at a time."""


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


RATE_COLUMNS: dict[str, CellKind] = {
    **dict.fromkeys(("n", "marked", "positive", "hits"), "number"),  # means of placebos are not whole
    **{column: kind for measure in MEASURES for column, kind in interval_columns(measure).items()},
}
"""Columns of `Rates.cells` in a data frame."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of marks against labels, with their counts."""

    n: int
    """Units (or pieces)."""
    n_marked: int
    n_positive: int
    n_hits: int
    precision: Estimate
    recall: Estimate
    f1: Estimate
    coverage: Estimate

    @property
    def cells(self) -> tuple[float | None, ...]:
        """The cells of a data frame under `RATE_COLUMNS`."""
        rates = (number for measure in MEASURES for number in getattr(self, measure).numbers)
        return self.n, self.n_marked, self.n_positive, self.n_hits, *rates

    def to_json(self) -> dict[str, Any]:
        """Return the rates as JSON values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


@dataclass(frozen=True, slots=True, eq=False)
class DocumentResamples:
    """Bootstrap draws of documents or problems (groups), the same draws for everything measured with them."""

    group: IntArray
    """(D,) index of each document's group."""
    n_groups: int
    by: GroupBy
    n_draws: int
    seed: int

    @classmethod
    def from_index(
        cls, index: UnitIndex, by: GroupBy = "document", n_draws: int = N_DRAWS, seed: int = 0
    ) -> "DocumentResamples":
        """Draw the documents of `index`, or their problems; a document without a problem is its own problem."""
        keys = group_keys(index, by)
        numbers = {key: number for number, key in enumerate(sorted(set(keys)))}
        return cls(np.array([numbers[key] for key in keys], np.int64), len(numbers), by, n_draws, seed)

    def blocks(self, width: int = 1) -> Iterator[IntArray]:
        """Yield how often each group is drawn, (draws, G), in blocks of about 4 M / `width` draws.

        `width` is the number of values that the caller holds per draw. Without two groups, nothing is yielded.
        """
        if self.n_groups < 2:
            return
        rng = np.random.default_rng([self.seed, self.n_groups])
        block_size = max(1, _BLOCK_SIZE // max(width, self.n_groups))
        for first in range(0, self.n_draws, block_size):
            yield draw_counts(rng, np.ones(self.n_groups, np.int64), min(block_size, self.n_draws - first))

    def sums(self, group_values: AnyArray) -> FloatArray:
        """Return the sums of the columns of `group_values`, (G, C), over the groups of each draw, (draws, C)."""
        blocks = [block @ group_values for block in self.blocks()]
        return np.concatenate(blocks) if blocks else np.zeros((0, group_values.shape[1]))


def group_keys(index: UnitIndex, by: GroupBy) -> list[tuple[str, str]]:
    """Return the group of each document: ("problem", problem), or ("document", id) for a document of its own."""
    return [
        ("problem", document.problem) if by == "problem" and document.problem else ("document", document.id)
        for document in index.documents
    ]


@dataclass(frozen=True, slots=True, eq=False)
class ResampledRates:
    """Rates of one list of grams, in the order of `MEASURES`, with their bootstrap draws; NaN means undefined."""

    counts: FloatArray
    """(4,) hits, marked, positive, all."""
    rates: FloatArray
    """(4,) rates of all documents."""
    draws: FloatArray
    """(draws, 4) rates in each draw."""
    n_groups: int
    """Documents or problems that are drawn."""

    @classmethod
    def from_marks(
        cls, marks: BoolArray, positive: BoolArray, document: IntArray, resamples: DocumentResamples
    ) -> "ResampledRates":
        """Return the rates of `marks` against `positive`, both bool (N,).

        `document`, (N,), is the index of the document of each unit or piece.
        """
        groups = resamples.group[document]
        columns = (marks & positive, marks, positive, np.ones(len(marks)))
        group_counts = np.stack(
            [np.bincount(groups, column, minlength=resamples.n_groups) for column in columns], axis=1
        )  # (G, 4)
        totals = group_counts.sum(axis=0)
        draws = compute_rates(resamples.sums(group_counts))
        return cls(totals, compute_rates(totals[None])[0], draws, resamples.n_groups)

    def summary(self) -> Rates:
        """Return the rates with their intervals."""
        precision, recall, f1, coverage = (
            estimate_rate(rate, draws, self.n_groups, reason)
            for rate, draws, reason in zip(self.rates, self.draws.T, _REASONS_UNDEFINED, strict=True)
        )
        hits, marked, positive, n = (int(count) for count in self.counts)
        return Rates(n, marked, positive, hits, precision, recall, f1, coverage)


def compute_rates(counts: AnyArray) -> FloatArray:
    """Return precision, recall, F1 and coverage, (N, 4), of the counts of hits, marked, positive and all, (N, 4).

    An undefined rate is NaN.

    >>> compute_rates(np.array([[2, 4, 5, 10], [0, 0, 5, 10]])).round(2).tolist()
    [[0.5, 0.4, 0.44, 0.4], [nan, 0.0, 0.0, 0.0]]
    """
    hits, marked, positive, n = counts.T.astype(np.float64)
    numerators = np.stack((hits, hits, 2 * hits, marked), axis=1)
    denominators = np.stack((marked, positive, marked + positive, n), axis=1)
    rates: FloatArray = np.divide(
        numerators, denominators, out=np.full(numerators.shape, np.nan), where=denominators > 0
    )
    return rates


def estimate_rate(rate: float, draws: FloatArray, n_groups: int, reason: str) -> Estimate:
    """Return `rate` with its percentile interval over `draws` of `n_groups` documents or problems.

    NaN means undefined: undefined draws are left out; if `rate` is undefined, the estimate is None with `reason`.
    """
    if np.isnan(rate):
        return Estimate(None, n=n_groups, undefined=reason)
    return estimate_from_draws(rate, draws, n_groups, _REASON_NO_INTERVAL)


def rate_difference(minuend: ResampledRates, subtrahend: ResampledRates, measure: str) -> Estimate:
    """Return the difference of one of the `MEASURES`, with the interval of the paired draws."""
    column = MEASURES.index(measure)
    difference = minuend.rates[column] - subtrahend.rates[column]
    draws = minuend.draws[:, column] - subtrahend.draws[:, column]
    return estimate_rate(difference, draws, minuend.n_groups, _REASONS_UNDEFINED[column])


def mean_rates(rates: list[ResampledRates]) -> ResampledRates:
    """Return the mean of the rates of several lists, draw by draw; mean counts are rounded."""
    return ResampledRates(
        np.round(np.stack([list_rates.counts for list_rates in rates]).mean(axis=0)),
        np.stack([list_rates.rates for list_rates in rates]).mean(axis=0),
        np.stack([list_rates.draws for list_rates in rates]).mean(axis=0),
        rates[0].n_groups,
    )


def measure_units(index: UnitIndex, occurrences: GramOccurrences, resamples: DocumentResamples) -> ResampledRates:
    """Return the rates of a list of grams that marks whole units.

    >>> from sgram.evaluation.labeled_documents import LabeledDocument, Unit
    >>> units = (Unit(0, 5, ("planning",)), Unit(6, 14, ("fact",)))
    >>> index = UnitIndex.from_documents([LabeledDocument("a", "Wait. So 2 + 2", units)])
    >>> rates = measure_units(index, index.find(["wait"]), DocumentResamples.from_index(index, n_draws=10))
    >>> rates.summary().precision.value, rates.summary().coverage.value
    (1.0, 0.5)
    """
    return ResampledRates.from_marks(occurrences.marked_units(), index.positive, index.document, resamples)


def measure_pieces(index: UnitIndex, occurrences: GramOccurrences, resamples: DocumentResamples) -> ResampledRates:
    """Return the rates of a list of grams that marks words or tokens; a piece is positive if its unit is."""
    positive, document = index.positive[index.piece_unit], index.document[index.piece_unit]
    return ResampledRates.from_marks(occurrences.covered_pieces(), positive, document, resamples)


@dataclass(frozen=True, slots=True)
class LexiconEvaluation:
    """Rates of a list of grams on labeled texts."""

    n_documents: int
    n_groups: int
    """Documents or problems that the intervals draw."""
    n_grams: int
    n_occurring: int
    """Grams that occur in a unit."""
    base_rate: float | None
    """Share of the units that are positive, which is the precision of random marks."""
    units: Rates
    pieces: Rates
    piece_name: str
    """What pieces are: "words" or "tokens"."""

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as JSON values."""
        plain: dict[str, Any] = plain_record(self)
        return plain


def evaluate_grams(index: UnitIndex, occurrences: GramOccurrences, resamples: DocumentResamples) -> LexiconEvaluation:
    """Return the rates of a list of grams on units and on pieces; `occurrences` are those of the list."""
    return LexiconEvaluation(
        len(index.documents),
        resamples.n_groups,
        occurrences.n_grams,
        len(np.unique(occurrences.gram)),
        float(index.positive.mean()) if index.n_units else None,
        measure_units(index, occurrences, resamples).summary(),
        measure_pieces(index, occurrences, resamples).summary(),
        index.piece_name,
    )
