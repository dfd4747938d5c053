"""Traces as counts, by source, outcome, step and gram list, with bootstrap resamples of problems.

A gram list is the lexicon ("SGs", list 0) or one draw of its placebo (lists 1, 2, ...). An estimate of SGs has a 95 %
bootstrap interval over problems; that of the placebo is the mean over its draws, from the smallest to the largest.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sgram.analysis.columns_store import NO_STEP, Columns, ListColumns
from sgram.analysis.config import AnalysisConfig
from sgram.array_types import AnyArray, BoolArray, FloatArray, IntArray
from sgram.evaluation.placebo_sets import PlaceboSet
from sgram.lexicon import Lexicon
from sgram.statistics import Estimate, Resamples, Statistic

SGS: Final = "SGs"
PLACEBO: Final = "placebo"
ALL: Final = "all"
_MAX_CACHED_RESAMPLES = 4


@dataclass(frozen=True, slots=True, eq=False)
class TokenSample:
    """Entropies of the tokens of one trace, and its planning mask by each gram list."""

    key: int
    source: int
    problem: int
    entropies: AnyArray
    """(T,) float32, nats."""
    masks: tuple[BoolArray, ...]
    """(T,) for each list."""


class ProblemResamples:
    """Bootstrap resamples of the problems of some traces, the same resamples for every statistic.

    >>> resamples = ProblemResamples(np.array([1, 1, 2]), n_draws=100, seed=0)
    >>> estimate = resamples.ratio(np.array([3.0, 1.0, 5.0]), np.array([10.0, 10.0, 20.0]))
    >>> estimate.value, estimate.low, estimate.high
    (0.225, 0.2, 0.25)
    """

    def __init__(self, problems: IntArray, n_draws: int, seed: int) -> None:
        """`problems`, (traces,), is the problem of each trace."""
        distinct, self._codes = np.unique(problems, return_inverse=True)
        self.n_problems = len(distinct)
        self._resamples = Resamples(np.arange(len(distinct))[:, None], n_draws, seed) if len(distinct) else None

    def sums(self, *features: AnyArray) -> FloatArray:
        """Return the sums of each feature, (traces,), over the traces of each problem: (problems, features)."""
        columns = [np.bincount(self._codes, feature, self.n_problems) for feature in features]
        return np.stack(columns, axis=1)

    def ratio(self, numerators: FloatArray, denominators: FloatArray, undefined: str = "nothing to share") -> Estimate:
        """Return the sum of `numerators`, (traces,), divided by the sum of `denominators`, with its interval.

        `undefined` is the reason given if the denominators sum to 0. If every problem has the same ratio, there is no
        interval: a bootstrap of 0 out of 14 would claim that the true share is 0.
        """
        if self._resamples is None or not denominators.sum() > 0:
            return Estimate(None, undefined=undefined)
        estimate = self._resamples.estimate(Statistic(self.sums(numerators, denominators), _ratio_of_sums))
        return Estimate(estimate.value) if estimate.low == estimate.high else estimate


def _ratio_of_sums(sums: FloatArray) -> FloatArray:
    ratios: FloatArray = np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
    return ratios


@dataclass(frozen=True, slots=True, eq=False)
class TraceCounts:
    """Counts of all traces of an analysis."""

    columns: Columns
    source_names: tuple[str, ...]
    """Runs, then models, the largest first; ``columns.source`` holds their indices."""
    placebo_set_of_source: tuple[int, ...]
    """For each source, the index of its lexicon and placebos in `placebo_sets`."""
    placebo_sets: tuple[PlaceboSet, ...]
    """A lexicon with its placebos for each scope of texts; several may have the same lexicon."""
    config: AnalysisConfig
    token_samples: tuple[TokenSample, ...] = ()
    _cached_resamples: dict[bytes, ProblemResamples] = field(default_factory=dict)

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return len(self.source_names)

    @property
    def lexicons(self) -> tuple[Lexicon, ...]:
        """The distinct lexicons, the one that tags most traces first."""
        sizes = np.bincount(np.array(self.placebo_set_of_source)[self.columns.source], minlength=len(self.placebo_sets))
        totals: dict[str, int] = {}
        for placebo_set, size in zip(self.placebo_sets, sizes.tolist(), strict=True):
            digest = placebo_set.lexicon.digest
            totals[digest] = totals.get(digest, 0) + size
        lexicons = {placebo_set.lexicon.digest: placebo_set.lexicon for placebo_set in self.placebo_sets}
        return tuple(lexicons[digest] for digest in sorted(totals, key=lambda digest: (-totals[digest], digest)))

    def placebo_set(self, source: int) -> PlaceboSet:
        """Return the lexicon that tags a source, with its placebos."""
        return self.placebo_sets[self.placebo_set_of_source[source]]

    def lexicon(self, source: int) -> Lexicon:
        """Return the lexicon that tags a source."""
        return self.placebo_set(source).lexicon

    def rows(self, source: int, outcome: int | None = None, step: int | None = None) -> IntArray:
        """Return the rows of the traces of a source, optionally of one outcome or one step only."""
        selected = self.columns.source == source
        if outcome is not None:
            selected &= self.columns.outcome == outcome
        if step is not None:
            selected &= self.columns.step == step
        return np.flatnonzero(selected)

    def rows_with_step(self, source: int) -> IntArray:
        """Return the rows of the traces of a source that have a training step."""
        rows = self.rows(source)
        has_step: BoolArray = self.columns.step[rows] != NO_STEP
        return rows[has_step]

    def steps(self, source: int) -> list[int]:
        """Return the training steps of a source, in order."""
        steps = np.unique(self.columns.step[self.rows(source)])
        return [step for step in steps.tolist() if step != NO_STEP]

    def row_resamples(self, rows: IntArray) -> ProblemResamples:
        """Return resamples of the problems of the traces in `rows`; recent ones are cached."""
        key = rows.tobytes()
        if key not in self._cached_resamples:
            if len(self._cached_resamples) >= _MAX_CACHED_RESAMPLES:  # callers go from source to source
                self._cached_resamples.clear()
            self._cached_resamples[key] = self.resample(self.columns.problem[rows])
        return self._cached_resamples[key]

    def resample(self, problems: IntArray) -> ProblemResamples:
        """Return resamples of the distinct `problems`; `problems`, (traces,), is the problem of each trace."""
        return ProblemResamples(problems, self.config.n_draws, self.config.seed)

    def gram_lists(self, source: int) -> tuple[ListColumns, ...]:
        """Return the columns of the lexicon, then those of each placebo of this source."""
        return self.columns.lists[: 1 + len(self.placebo_set(source).placebos)]

    def spans(self, gram_list: ListColumns, rows: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return the spans of a list in the traces in `rows`, which are sorted.

        Three arrays, (spans,): index of the trace in `rows`, gram, key of the following word.
        """
        index_of_row = np.full(len(self.columns), -1)
        index_of_row[rows] = np.arange(len(rows))
        traces = index_of_row[gram_list.spans.trace]
        selected = traces >= 0
        return traces[selected], gram_list.spans.gram[selected], gram_list.spans.following[selected]

    def estimate_lists(
        self, source: int, estimate: Callable[[ListColumns], Estimate | None]
    ) -> Iterator[tuple[str, Estimate]]:
        """Yield (list name, estimate) for the lexicon and for its placebo, the mean of its draws.

        Nothing is yielded if the lexicon's estimate is undefined.
        """
        lexicon_list, *placebo_lists = self.gram_lists(source)
        lexicon_estimate = estimate(lexicon_list)
        if lexicon_estimate is None or lexicon_estimate.value is None:
            return
        yield SGS, lexicon_estimate
        placebo_estimates = [estimate(placebo_list) for placebo_list in placebo_lists]
        draws = [draw.value for draw in placebo_estimates if draw is not None and draw.value is not None]
        if draws:
            yield PLACEBO, summarize_draws(draws)


def summarize_draws(draws: Sequence[float]) -> Estimate:
    """Return the mean of placebo draws with the smallest and the largest as its range; no range for one draw.

    >>> estimate = summarize_draws([1.0, 3.0, 2.0])
    >>> estimate.value, estimate.low, estimate.high
    (2.0, 1.0, 3.0)
    """
    if len(draws) == 1:
        return Estimate(draws[0])
    return Estimate(float(np.mean(draws)), min(draws), max(draws))
