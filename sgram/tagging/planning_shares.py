"""How much of the traces is planning: shares by model and outcome, with intervals. Knows nothing about spans or tokens.

The share of several traces is given twice: pooled, the planning units of all by the units of all, where long
traces weigh more; and as the mean over traces, where each weighs the same. The intervals are 95 % bootstrap
intervals over groups, as the traces of one problem are no independent samples; a trace without a group is one
by itself. What is undefined is None: any share of nothing, the interval of fewer than two groups.
"""

import hashlib
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from sgram.array_types import FloatArray
from sgram.statistics import N_DRAWS, Estimate, draw_group_sums, estimate_from_draws
from sgram.traces import Trace

OUTCOMES = ("correct", "wrong", "not judged")


@dataclass(frozen=True, slots=True)
class ShareRow:
    """The traces of one model, one outcome or one of both; of all where both are None."""

    model: str | None
    outcome: str | None
    n_traces: int
    n_groups: int
    n_units: int
    """Tokens, or whatever was counted."""
    n_planning: int
    pooled: Estimate
    mean: Estimate

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        shares = {
            name: {"value": share.value, "low": share.low, "high": share.high}
            for name, share in (("pooled", self.pooled), ("mean", self.mean))
        }
        return {**asdict(self), **shares}


NO_MODEL = "not told"


class ShareCounts:
    """Planning counts of traces, added one by one in any order; about 30 bytes a trace."""

    def __init__(self) -> None:
        self._models: dict[str, int] = {}
        self._model, self._outcome, self._group = array("i"), array("b"), array("Q")
        self._planning, self._units = array("i"), array("i")

    def __len__(self) -> int:
        return len(self._units)

    def add(self, trace: Trace, n_planning: int, n_units: int) -> None:
        """Count `trace`: `n_planning` of its `n_units` tokens (or characters) are planning."""
        if not 0 <= n_planning <= n_units:
            raise ValueError(f"{n_planning} of {n_units} is no share")
        self._model.append(self._models.setdefault(trace.model or NO_MODEL, len(self._models)))
        self._outcome.append(2 if trace.correct is None else int(not trace.correct))
        self._group.append(_key("trace " + trace.id if trace.group is None else "group " + trace.group))
        self._planning.append(n_planning)
        self._units.append(n_units)

    def table(
        self, by: Sequence[Literal["model", "outcome"]] = (), seed: int = 0, n_bootstrap: int = N_DRAWS
    ) -> list[ShareRow]:
        """One row for each model, outcome or pair of them that occurs, as `by` says; one of all traces for ().

        Models go by their number of traces, largest first, outcomes as in `OUTCOMES`. Equal traces in any order
        give equal rows, and a row does not depend on the traces outside it.
        """
        names = sorted(self._models, key=self._models.__getitem__)
        model, outcome = np.array(self._model), np.array(self._outcome)
        sizes = np.bincount(model, minlength=len(names))
        ranked = sorted(range(len(names)), key=lambda code: (-sizes[code], names[code]))
        rows = []
        for code in ranked if "model" in by else (None,):
            for place in range(len(OUTCOMES)) if "outcome" in by else (None,):
                chosen = np.ones(len(self), bool)
                chosen &= True if code is None else model == code
                chosen &= True if place is None else outcome == place
                labels = (None if code is None else names[code], None if place is None else OUTCOMES[place])
                if chosen.any() or not by:
                    rows.append(self._row(labels, chosen, seed, n_bootstrap))
        return rows

    def _row(self, labels: tuple[str | None, str | None], chosen: np.ndarray, seed: int, n_bootstrap: int) -> ShareRow:
        planning = np.array(self._planning, np.int64)[chosen]
        units = np.array(self._units, np.int64)[chosen]
        sums = group_sums(np.array(self._group)[chosen], planning, units)
        rng = np.random.default_rng([seed, _key(repr(labels))])
        pooled, mean = bootstrap_shares(sums, rng, n_bootstrap)
        return ShareRow(*labels, len(units), len(sums), int(units.sum()), int(planning.sum()), pooled, mean)


def _key(name: str) -> int:
    """64 bits that stand for `name`, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def group_sums(groups: np.ndarray, planning: np.ndarray, units: np.ndarray) -> np.ndarray:
    """What a resampling needs of each group, (G, 4): planning units, units, sum of the traces' shares, their number.

    Traces without any unit have no share and count in neither of the last two.
    """
    order = np.lexsort((units, planning, groups))  # float sums then do not depend on the order of traces
    groups, planning, units = groups[order], planning[order], units[order]
    shares = np.divide(planning, units, out=np.zeros(len(units)), where=units > 0)
    columns = np.stack([planning, units, shares, units > 0], axis=1, dtype=np.float64)  # (traces, 4)
    firsts = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1]))) if len(groups) else []
    return np.add.reduceat(columns, firsts) if len(groups) else np.zeros((0, 4))


def bootstrap_shares(
    sums: FloatArray, rng: np.random.Generator, n_bootstrap: int = N_DRAWS
) -> tuple[Estimate, Estimate]:
    """Return the (pooled, mean over traces) share of `group_sums`, each with its percentile interval over groups."""
    pooled, mean = _ratios(sums.sum(axis=0, keepdims=True))[0]
    drawn_sums = draw_group_sums(rng, sums, n_bootstrap) if len(sums) > 1 else np.zeros((0, 4))
    pooled_draws, mean_draws = _ratios(drawn_sums).T
    return _share(pooled, pooled_draws, len(sums)), _share(mean, mean_draws, len(sums))


def _ratios(sums: np.ndarray) -> np.ndarray:
    """(n, 4) sums to (n, 2) shares, NaN where there is nothing to share."""
    above, below = sums[:, (0, 2)], sums[:, (1, 3)]
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)


def _share(share: float, draws: FloatArray, n_groups: int) -> Estimate:
    if np.isnan(share):
        return Estimate(None, n=n_groups, undefined="nothing was counted")
    return estimate_from_draws(share, draws, n_groups)
