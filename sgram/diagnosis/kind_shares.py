"""Shares of error kinds among wrong traces, as bounds, with intervals over problems.

A trace whose kind is undecided may be of any kind. So the share of a kind lies between its decided share and the share
of the decided and undecided traces together. Both ends have 95 % bootstrap intervals over problems, because the traces
of one problem are not independent. The bounds are those of the decisions: they hold as far as decided kinds are right.
"""

from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.diagnosis.kinds import KINDS, Kind
from sgram.statistics import N_DRAWS, Estimate, Resamples, percentile_interval, round_number, wilson_interval
from sgram.traces import Trace
from sgram.traces.input_files import natural_key
from sgram.traces.trace_keys import UNKNOWN_MODEL, problem_name, stable_key

UNDECIDED = KINDS.index("undecided")
RIVALS: tuple[Kind, Kind] = ("strategic", "procedural")
"""The kinds of which a reader asks which one is more frequent."""


@dataclass(frozen=True, slots=True)
class KindShare:
    """The share of one kind among wrong traces."""

    kind: Kind
    count: int
    """Diagnosed traces of the kind."""
    share: Estimate
    """Decided share: the kind has at least this share."""
    at_most: Estimate
    """Decided and undecided share: the kind has at most this share. Equal to `share` for the kind undecided."""
    lead: Estimate | None = None
    """Of strategic and procedural: `share` less `at_most` of the other. If its interval is above 0, this kind is more
    frequent, whatever the undecided are."""

    @property
    def is_open(self) -> bool:
        """Whether undecided traces may add to the share."""
        return self.share.value != self.at_most.value

    @property
    def leads(self) -> bool:
        """Whether the kind is more frequent than its rival, whatever the undecided are."""
        return self.lead is not None and self.lead.low is not None and self.lead.low > 0

    def to_json(self) -> dict[str, Any]:
        """Return the share as JSON values, numbers rounded to 6 decimals."""
        record: dict[str, Any] = {"kind": self.kind, "count": self.count}
        ends = {"share": self.share, "at_most": self.at_most, "lead": self.lead}
        for name, estimate in ends.items():
            prefix = "" if name == "share" else f"{name}_"
            record[name] = None if estimate is None else round_number(estimate.value)
            record |= {f"{prefix}{end}": None for end in ("low", "high")}
            if estimate is not None and estimate.ends is not None:
                record |= {
                    f"{prefix}{end}": round_number(number)
                    for end, number in zip(("low", "high"), estimate.ends, strict=True)
                }
        return record


def bound_shares(
    kinds: IntArray, problems: IntArray, weights: FloatArray | None = None, n_draws: int = N_DRAWS, seed: int = 0
) -> list[KindShare]:
    """Return the share of each kind of `KINDS` among diagnosed traces, with its bounds.

    `kinds`, (traces,), are indices in `KINDS`, `problems`, (traces,), the problem of each trace. `weights`, (traces,),
    say how many wrong traces a diagnosed trace stands for, 1 if None. A share of 0 or 1 in all problems has Wilson's
    interval of as many observations as problems, since a bootstrap would find no doubt.

    >>> shares = bound_shares(np.array([0, 0, 1, UNDECIDED]), np.array([1, 2, 3, 4]))
    >>> [(share.kind, share.share.value, share.at_most.value) for share in shares[:2]]
    [('strategic', 0.5, 0.75), ('procedural', 0.25, 0.5)]
    """
    if not len(kinds):
        return []
    weights = np.ones(len(kinds)) if weights is None else weights
    distinct, codes = np.unique(problems, return_inverse=True)
    by_problem = np.zeros((len(distinct), len(KINDS)))
    np.add.at(by_problem, (codes, kinds), weights)
    resamples = Resamples(by_problem, n_draws, seed)
    drawn_sums = resamples.sums(by_problem[resamples.representatives])
    n_problems, total = len(distinct), by_problem.sum(axis=0)
    counts = np.bincount(kinds, minlength=len(KINDS)).tolist()
    of_kind = np.eye(len(KINDS))
    shares = []
    for index, kind in enumerate(KINDS):
        widest = of_kind[index] + of_kind[UNDECIDED] * (index != UNDECIDED)
        lead = None
        if kind in RIVALS:
            rival = KINDS.index(RIVALS[1 - RIVALS.index(kind)])
            lead = _estimate(
                of_kind[index] - of_kind[rival] - of_kind[UNDECIDED], total, drawn_sums, n_problems, lowest=-1
            )
        share, at_most = (_estimate(signs, total, drawn_sums, n_problems) for signs in (of_kind[index], widest))
        shares.append(KindShare(kind, counts[index], share, at_most, lead))
    return shares


def _estimate(
    signs: FloatArray, total: FloatArray, drawn_sums: FloatArray, n_problems: int, lowest: int = 0
) -> Estimate:
    """Return the sum of the shares times `signs`, which lies between `lowest` and 1, with its interval.

    `total`, (kinds,), and `drawn`, (draws, kinds), are numbers of traces of each kind.
    """
    value = float(total @ signs / total.sum())
    if n_problems < 2:
        return Estimate(value, n=n_problems, undefined="there is one problem")
    low, high = percentile_interval(drawn_sums @ signs / drawn_sums.sum(axis=1))
    if low == high:
        width = 1 - lowest
        ends = wilson_interval((value - lowest) / width * n_problems, n_problems)
        low, high = (lowest + width * end for end in ends)
    return Estimate(value, low, high, n=n_problems)


@dataclass(frozen=True, slots=True)
class KindsOfErrors:
    """The kinds of the wrong traces of one source, such as a model, or of all sources."""

    source: str | None
    """None for all sources together."""
    n_wrong: int
    """Traces that the input calls wrong, or that are wrong by their reference."""
    n_diagnosed: int
    """Those whose kind is known: all, or a sample."""
    kinds: tuple[KindShare, ...]
    """The shares of all kinds, in the order of `KINDS`."""

    def kind(self, kind: Kind) -> KindShare:
        """Return the share of one kind."""
        return self.kinds[KINDS.index(kind)]

    def to_json(self) -> list[dict[str, Any]]:
        """Return a row of JSON values for each kind."""
        sizes = {"n_wrong": self.n_wrong, "n_diagnosed": self.n_diagnosed}
        return [{**share.to_json(), **sizes} for share in self.kinds]


class KindCounts:
    """Error kinds of wrong traces, which are added in any order; about 30 bytes a trace.

    >>> counts = KindCounts()
    >>> for number, kind in enumerate(("strategic", "strategic", "procedural", "undecided")):
    ...     counts.add(Trace(id=str(number), text="", model="gpt"), kind)
    >>> strategic = counts.all_models().kind("strategic")
    >>> strategic.count, strategic.share.value, strategic.at_most.value
    (2, 0.5, 0.75)
    """

    def __init__(self) -> None:
        self._model_codes: dict[str, int] = {}
        self._models, self._kinds, self._problems = array("i"), array("b"), array("q")  # one entry a trace
        self._weights = array("d")

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, trace: Trace, kind: Kind, weight: float = 1.0) -> None:
        """Count one diagnosed trace, which stands for `weight` wrong ones."""
        self._models.append(self._model_codes.setdefault(trace.model or UNKNOWN_MODEL, len(self._model_codes)))
        self._kinds.append(KINDS.index(kind))
        self._problems.append(stable_key(problem_name(trace)))
        self._weights.append(weight)

    def all_models(self, seed: int = 0, n_draws: int = N_DRAWS) -> KindsOfErrors:
        """Return the kinds of all wrong traces."""
        return self._measure(None, np.ones(len(self), bool), seed, n_draws)

    def by_model(self, seed: int = 0, n_draws: int = N_DRAWS) -> list[KindsOfErrors]:
        """Return the kinds of each model, the model with most diagnosed traces first."""
        names, models = list(self._model_codes), np.array(self._models, np.int64)
        sizes = np.bincount(models, minlength=len(names))
        ranked = sorted(range(len(names)), key=lambda code: (-sizes[code], natural_key(names[code]), names[code]))
        return [self._measure(names[code], models == code, seed, n_draws) for code in ranked]

    def _measure(self, model: str | None, is_selected: BoolArray, seed: int, n_draws: int) -> KindsOfErrors:
        """Return the kinds of the selected traces; `is_selected` is (traces,)."""
        kinds = np.array(self._kinds, np.int64)[is_selected]
        problems = np.array(self._problems, np.int64)[is_selected]
        weights = np.array(self._weights)[is_selected]
        shares = bound_shares(kinds, problems, weights, n_draws, seed)
        return KindsOfErrors(model, round(float(weights.sum())), len(kinds), tuple(shares))
