"""Traces as counts, by source, outcome, step and list, with resamples by problem. Knows nothing about tables or files.

Lists are the lexicon ("SGs", number 0) and the draws of its placebo (1, 2, ...). What is said of SGs has a 95 %
bootstrap interval by problem; what is said of the placebo is the mean over draws, between the least and the greatest.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from sgram.analysis.columns_store import NO_STEP, Columns, ListColumns
from sgram.analysis.config import AnalysisConfig
from sgram.analysis.placebo import Draws
from sgram.lexicon import Lexicon
from sgram.statistics.bootstrap import Estimate, Resamples, Statistic
from sgram.traces import Trace

SGS, PLACEBO = "SGs", "placebo"
ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class HeldTokens:
    """The entropies of one trace's tokens, and which of them each list marks."""

    key: int
    source: int
    problem: int
    entropies: np.ndarray
    masks: tuple[np.ndarray, ...]


class ByProblem:
    """Resamples of the problems of some traces; the same resamples for everything that is asked of them."""

    def __init__(self, problem: np.ndarray, n_draws: int, seed: int):
        known, self._codes = np.unique(problem, return_inverse=True)
        self.n_problems = len(known)
        self._resamples = Resamples(np.arange(len(known))[:, None], n_draws, seed) if len(known) else None

    def sums(self, *values: np.ndarray) -> np.ndarray:
        """(problems, F) sums of the `values`, (traces,) each, over the traces of each problem."""
        columns = [np.bincount(self._codes, each, self.n_problems) for each in values]
        return np.stack(columns, axis=1)

    def ratio(self, above: np.ndarray, below: np.ndarray, undefined: str = "nothing to share") -> Estimate:
        """Sum of `above` by sum of `below`, (traces,) each; no interval where every problem has the same ratio.

        There a bootstrap has nothing to draw from: that 0 of 14 were seen does not say that there are none.
        """
        if self._resamples is None or not below.sum() > 0:
            return Estimate(None, undefined=undefined)
        found = self._resamples.estimate(Statistic(self.sums(above, below), _ratio))
        return Estimate(found.value) if found.low == found.high else found


def _ratio(sums: np.ndarray) -> np.ndarray:
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """All traces of an analysis, counted."""

    columns: Columns
    names: tuple[str, ...]
    """Of the sources, largest first within their kind; row numbers are those of ``columns.source``."""
    lexicon_of: tuple[int, ...]
    """Of each source, the place in `draws`."""
    draws: tuple[Draws, ...]
    """A lexicon with its placebos for each kind of texts: several hold the same lexicon."""
    config: AnalysisConfig
    tokens: tuple[HeldTokens, ...] = ()
    held: Mapping[int, Trace] = field(default_factory=dict)
    """Texts that are held, by key."""
    _resampled: dict = field(default_factory=dict)

    @property
    def lexicons(self) -> tuple[Lexicon, ...]:
        """The different lexicons, the one that tags most traces first."""
        sizes = np.bincount(np.array(self.lexicon_of)[self.columns.source], minlength=len(self.draws))
        totals: dict[str, int] = {}
        for each, size in zip(self.draws, sizes.tolist(), strict=True):
            totals[each.lexicon.digest] = totals.get(each.lexicon.digest, 0) + size
        known = {each.lexicon.digest: each.lexicon for each in self.draws}
        return tuple(known[digest] for digest in sorted(totals, key=lambda each: (-totals[each], each)))

    def lexicon(self, source: int) -> Lexicon:
        """The lexicon that tags a source."""
        return self.draws[self.lexicon_of[source]].lexicon

    def rows(self, source: int, outcome: int | None = None, step: int | None = None) -> np.ndarray:
        """Places of the traces of a source; of one outcome or step only, where it is given."""
        chosen = self.columns.source == source
        if outcome is not None:
            chosen &= self.columns.outcome == outcome
        if step is not None:
            chosen &= self.columns.step == step
        return np.flatnonzero(chosen)

    def steps(self, source: int) -> list[int]:
        """Training steps of a source, in order."""
        steps = np.unique(self.columns.step[self.rows(source)])
        return [step for step in steps.tolist() if step != NO_STEP]

    def by_problem(self, rows: np.ndarray) -> ByProblem:
        """Resamples of the problems of these traces."""
        key = rows.tobytes()
        if key not in self._resampled:
            if len(self._resampled) >= 4:  # those of one source are asked for one after the other
                self._resampled.clear()
            self._resampled[key] = self.resamples(self.columns.problem[rows])
        return self._resampled[key]

    def resamples(self, problem: np.ndarray) -> ByProblem:
        """Resamples of the different values of `problem`."""
        return ByProblem(problem, self.config.n_draws, self.config.seed)

    def lists(self, source: int) -> tuple[ListColumns, ...]:
        """The lexicon's columns, then those of each placebo that there is for this source."""
        return self.columns.lists[: 1 + len(self.draws[self.lexicon_of[source]].placebos)]

    def spans(self, held: ListColumns, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(place in `rows`, gram, what follows) of the spans of these traces, which are in order."""
        place = np.full(len(self.columns), -1)
        place[rows] = np.arange(len(rows))
        at = place[held.spans.trace]
        kept = at >= 0
        return at[kept], held.spans.gram[kept], held.spans.following[kept]

    def beside(self, source: int, estimate: Callable[[ListColumns], Estimate | None]) -> Iterator[tuple[str, Estimate]]:
        """("SGs", its estimate) and ("placebo", mean, least and greatest of its draws), where they have a value."""
        first, *others = self.lists(source)
        found = estimate(first)
        if found is None or found.value is None:
            return
        yield SGS, found
        values = [each.value for each in map(estimate, others) if each is not None and each.value is not None]
        if values:
            yield PLACEBO, over_draws(values)


def over_draws(values: list[float]) -> Estimate:
    """The mean of placebo draws with the least and the greatest; no range for one draw."""
    if len(values) == 1:
        return Estimate(values[0])
    return Estimate(float(np.mean(values)), min(values), max(values))
