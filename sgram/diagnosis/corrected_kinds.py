"""Shares of error kinds corrected by rated traces: by prediction-powered inference, whatever the predictions are worth.

Predictions are the kinds of the classifier, or of a judge; `sgram.statistics.corrected_share` has the method. A rating
counts where its trace is among the wrong traces and has the text that was rated.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray, IntArray
from sgram.diagnosis.error_items import source_name, text_digest
from sgram.diagnosis.error_ratings import ErrorRatings, RatedTrace
from sgram.diagnosis.kind_shares import RIVALS
from sgram.diagnosis.kinds import KINDS, Kind
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.statistics import Estimate, corrected_share, round_number
from sgram.traces import Trace
from sgram.traces.trace_keys import problem_name, stable_key

MAX_STEP_SPANS = 3
"""Spans of training steps of which shares are corrected: more would have too few ratings each."""
_NO_STEP = -(1 << 63)
_UNRATED, _TIED = -1, -2


@dataclass(frozen=True, slots=True)
class CorrectedKind:
    """The share of one kind among wrong traces."""

    kind: Kind
    predicted: float
    """Share of the traces that are predicted to be of the kind."""
    ratings_alone: Estimate
    corrected: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the shares as JSON values, rounded to 6 decimals."""
        return {
            "kind": self.kind,
            "predicted": round_number(self.predicted),
            "ratings_alone": self.ratings_alone.to_json(),
            "corrected": self.corrected.to_json(),
        }


@dataclass(frozen=True, slots=True)
class CorrectedShares:
    """The shares of all kinds among the wrong traces of one source, of some steps, or of all."""

    name: str
    n_traces: int
    n_rated: int
    kinds: tuple[CorrectedKind, ...]
    lead: Estimate
    """Share of strategic errors less that of procedural ones, corrected; its interval is at least a 95 % one."""

    def to_json(self) -> dict[str, Any]:
        """Return the shares as JSON values."""
        kinds = [kind.to_json() for kind in self.kinds]
        sizes = {"n_traces": self.n_traces, "n_rated": self.n_rated}
        return {"name": self.name, **sizes, "kinds": kinds, "lead": self.lead.to_json()}


class RatedKinds:
    """Wrong traces with their predictions and ratings; about 40 bytes a trace.

    >>> from sgram.diagnosis.error_ratings import RatedTrace
    >>> kinds = ["strategic"] * 10 + ["procedural"] * 10
    >>> rated = {str(number): RatedTrace(str(number), kind, (), None, None) for number, kind in enumerate(kinds)}
    >>> table = RatedKinds(ErrorRatings(rated, 20, None))
    >>> for number in range(100):
    ...     table.add(Trace(id=str(number), text=""), "strategic" if number < 10 or number >= 20 else "procedural")
    >>> strategic = table.all_traces().kinds[0]
    >>> strategic.predicted, strategic.ratings_alone.value, strategic.corrected.value
    (0.9, 0.5, 0.9)
    """

    def __init__(self, ratings: ErrorRatings) -> None:
        self.ratings = ratings
        self._found: set[str] = set()
        self._sources: dict[str, int] = {}
        self._kinds, self._labels, self._source_codes = array("b"), array("b"), array("i")
        self._steps, self._problems = array("q"), array("q")
        self._label_weights, self._row_weights = array("d"), array("d")

    def __len__(self) -> int:
        return len(self._kinds)

    @property
    def n_rated(self) -> int:
        """Rated traces among the wrong ones, ties left out."""
        return sum(label >= 0 for label in self._labels)

    @property
    def n_tied(self) -> int:
        """Traces among the wrong ones on which as many raters give one kind as another."""
        return sum(label == _TIED for label in self._labels)

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of the rated traces that are not among the wrong ones, sorted."""
        return tuple(sorted(self.ratings.traces.keys() - self._found))

    def add(self, trace: Trace, kind: Kind | None, row_weight: float = 1.0) -> None:
        """Add a wrong trace with its prediction (None: there is none), which stands for `row_weight` traces.

        Raise `InputError` if its text is not the one that was rated.
        """
        label, weight = _UNRATED, 1.0
        rated = self.ratings.traces.get(trace.id)
        if rated is not None:
            self._found.add(trace.id)
            label, weight = label_of(trace, rated)
        self._kinds.append(len(KINDS) if kind is None else KINDS.index(kind))
        self._labels.append(label)
        self._source_codes.append(self._sources.setdefault(source_name(trace), len(self._sources)))
        self._steps.append(_NO_STEP if trace.step is None else trace.step)
        self._problems.append(stable_key(problem_name(trace)))
        self._label_weights.append(weight)
        self._row_weights.append(row_weight)

    def all_traces(self) -> CorrectedShares:
        """Return the shares among all wrong traces."""
        return self._measure("all", np.ones(len(self), bool))

    def by_source(self) -> list[CorrectedShares]:
        """Return the shares of each source (model, else run), the one with most wrong traces first."""
        codes: IntArray = np.array(self._source_codes, np.int64)
        sizes = np.bincount(codes, minlength=len(self._sources))
        ranked = sorted(self._sources, key=lambda name: (-sizes[self._sources[name]], name))
        return [self._measure(name, codes == self._sources[name]) for name in ranked]

    def by_step(self) -> list[CorrectedShares]:
        """Return the shares of each step, or of three spans of steps with about equal numbers of wrong traces.

        There are none if the traces have fewer than two steps.
        """
        steps: IntArray = np.array(self._steps, np.int64)
        spans = step_spans(steps[steps != _NO_STEP])
        return [
            self._measure(f"{low}" if low == high else f"{low} to {high}", (steps >= low) & (steps <= high))
            for low, high in spans
        ]

    def _measure(self, name: str, is_selected: BoolArray) -> CorrectedShares:
        columns = (self._kinds, self._labels, self._problems, self._label_weights, self._row_weights)
        return correct_shares(name, *(np.array(column)[is_selected] for column in columns))


def label_of(trace: Trace, rated: RatedTrace) -> tuple[int, float]:
    """Return what raters say of a trace, as index in `KINDS` (-2 for a tie), and the weight of the rating.

    Raise `InputError` if its text is not the one that was rated.
    """
    if rated.digest is not None and rated.digest != text_digest(trace):
        raise InputError(
            f"trace '{excerpt(trace.id, 60)}' has another text than the one that was rated; diagnose the rollouts that "
            "were rated, or export and rate again"
        )
    label = _TIED if rated.kind is None else KINDS.index(rated.kind)
    return label, 1.0 if rated.probability is None else 1 / rated.probability


def correct_shares(
    name: str, kinds: IntArray, labels: IntArray, problems: IntArray, label_weights: FloatArray, row_weights: FloatArray
) -> CorrectedShares:
    """Return the corrected shares of all kinds among wrong traces; all arrays are (traces,).

    `kinds` are predictions, as indices in `KINDS`, `len(KINDS)` where there is none. `labels` are what raters say,
    below 0 where there is no rating or a tie. The other arguments are those of `sgram.statistics.corrected_share`.
    """
    total = row_weights.sum()
    shares = []
    for code, kind in enumerate(KINDS):
        is_kind: FloatArray = np.where(labels < 0, np.nan, labels == code)
        share = corrected_share(is_kind, _cells(kinds, code), problems, label_weights, row_weights)
        predicted = float(row_weights[kinds == code].sum() / total) if total else 0.0
        shares.append(CorrectedKind(kind, predicted, share.labels_alone, share.corrected))
    leads = np.where(labels == KINDS.index(RIVALS[0]), 1.0, np.where(labels == KINDS.index(RIVALS[1]), 0.0, 0.5))
    leads = np.where(labels < 0, np.nan, leads)
    lead = corrected_share(leads, kinds, problems, label_weights, row_weights).corrected
    lead = lead.transform(lambda share: 2 * share - 1)
    return CorrectedShares(name, round(float(total)), int((labels >= 0).sum()), tuple(shares), lead)


def _cells(kinds: IntArray, code: int) -> AnyArray:
    """Return what the predictions say of the kind `code`: yes, no, or nothing (undecided, or no prediction)."""
    says_nothing = (kinds == KINDS.index("undecided")) | (kinds == len(KINDS))
    return np.where(kinds == code, "yes", np.where(says_nothing, "nothing", "no"))


def step_spans(steps: IntArray | Sequence[int]) -> list[tuple[int, int]]:
    """Return first and last step of each span of `steps`, (traces,): the steps themselves if they are at most 3.

    >>> step_spans([1, 2]), step_spans([1, 1, 2, 3, 4, 5]), step_spans([7])
    ([(1, 1), (2, 2)], [(1, 1), (2, 3), (4, 5)], [])
    """
    distinct, counts = np.unique(np.asarray(steps, np.int64), return_counts=True)
    if len(distinct) < 2:
        return []
    if len(distinct) <= MAX_STEP_SPANS:
        return [(int(step), int(step)) for step in distinct]
    middles = (np.cumsum(counts) - counts / 2) / counts.sum()
    codes = (middles * MAX_STEP_SPANS).astype(np.int64)
    groups = [distinct[codes == code] for code in range(MAX_STEP_SPANS)]
    return [(int(group[0]), int(group[-1])) for group in groups if len(group)]
