"""Planning shares of traces by model and outcome, with intervals.

The share of several traces is computed in two ways. The pooled share is all planning units divided by all units, so
that long traces weigh more. The mean share is the mean over traces, so that each trace weighs the same. Intervals are
95 % bootstrap intervals over groups, because the traces of one problem are no independent samples; a trace without a
group is a group of its own. A share is undefined (None) without any unit, an interval with fewer than two groups.
"""

import hashlib
from array import array
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.statistics import N_DRAWS, Estimate, draw_group_sums, estimate_from_draws
from sgram.traces import Trace
from sgram.traces.input_files import natural_key
from sgram.traces.trace_keys import OUTCOMES, UNKNOWN_MODEL, outcome_index

Grouping: TypeAlias = tuple[Literal["model", "outcome"], ...]
"""By what a table is grouped; () is one row of all traces."""


@dataclass(frozen=True, slots=True)
class ShareRow:
    """Planning share of the traces of one model, one outcome or both; of all traces where both are None."""

    model: str | None
    outcome: str | None
    n_traces: int
    n_groups: int
    n_units: int
    """Number of tokens, or of non-space characters."""
    n_planning: int
    pooled: Estimate
    mean: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        shares = {
            name: {"value": share.value, "low": share.low, "high": share.high}
            for name, share in (("pooled", self.pooled), ("mean", self.mean))
        }
        return {**asdict(self), **shares}


class ShareCounts:
    """Planning counts of traces, added in any order; about 30 bytes per trace.

    >>> counts = ShareCounts()
    >>> counts.add(Trace(id="a", text="", model="m", correct=True), 1, 4)
    >>> counts.add(Trace(id="b", text="", model="m", correct=False), 3, 4)
    >>> [(row.outcome, row.pooled.value) for row in counts.table(("outcome",))]
    [('correct', 0.25), ('wrong', 0.75)]
    """

    def __init__(self) -> None:
        self._model_codes: dict[str, int] = {}
        self._model, self._outcome, self._group = array("i"), array("b"), array("Q")
        self._n_planning, self._n_units = array("i"), array("i")

    def __len__(self) -> int:
        return len(self._n_units)

    def add(self, trace: Trace, n_planning: int, n_units: int) -> None:
        """Count `trace`: `n_planning` of its `n_units` tokens (or characters) are planning.

        Raise `ValueError` unless 0 <= `n_planning` <= `n_units`.
        """
        if not 0 <= n_planning <= n_units:
            raise ValueError(f"n_planning must be between 0 and n_units = {n_units} (got {n_planning})")
        self._model.append(self._model_codes.setdefault(trace.model or UNKNOWN_MODEL, len(self._model_codes)))
        self._outcome.append(outcome_index(trace))
        self._group.append(_digest_64("trace " + trace.id if trace.group is None else "group " + trace.group))
        self._n_planning.append(n_planning)
        self._n_units.append(n_units)

    def table(self, grouping: Grouping = (), seed: int = 0, n_draws: int = N_DRAWS) -> list[ShareRow]:
        """Return one row per model, outcome or pair of both that occurs, as `grouping` says; for () one of all traces.

        Models are ordered by number of traces, most first; outcomes as in `OUTCOMES`. Equal traces in any order give
        equal rows, and a row does not depend on the traces outside it.
        """
        names = sorted(self._model_codes, key=self._model_codes.__getitem__)
        models, outcomes = np.array(self._model), np.array(self._outcome)
        sizes = np.bincount(models, minlength=len(names))
        ranked = sorted(range(len(names)), key=lambda code: (-sizes[code], natural_key(names[code]), names[code]))
        model_codes: list[int | None] = [*ranked] if "model" in grouping else [None]
        outcome_codes: list[int | None] = [*range(len(OUTCOMES))] if "outcome" in grouping else [None]
        rows = []
        for model in model_codes:
            for outcome in outcome_codes:
                in_row = np.ones(len(self), np.bool_)
                if model is not None:
                    in_row &= models == model
                if outcome is not None:
                    in_row &= outcomes == outcome
                labels = (None if model is None else names[model], None if outcome is None else OUTCOMES[outcome])
                if in_row.any() or not grouping:
                    rows.append(self._build_row(labels, in_row, seed, n_draws))
        return rows

    def _build_row(self, labels: tuple[str | None, str | None], in_row: BoolArray, seed: int, n_draws: int) -> ShareRow:
        n_planning = np.array(self._n_planning, np.int64)[in_row]
        n_units = np.array(self._n_units, np.int64)[in_row]
        sums = group_sums(np.array(self._group)[in_row], n_planning, n_units)
        rng = np.random.default_rng([seed, _digest_64(repr(labels))])
        pooled, mean = bootstrap_shares(sums, rng, n_draws)
        return ShareRow(*labels, len(n_units), len(sums), int(n_units.sum()), int(n_planning.sum()), pooled, mean)


def _digest_64(name: str) -> int:
    """Return a 64-bit digest of `name`, the same in every process."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")


def group_sums(groups: npt.NDArray[np.uint64], n_planning: IntArray, n_units: IntArray) -> FloatArray:
    """Return what the bootstrap needs of each group, (G, 4).

    Columns: planning units, units, sum of the traces' shares, number of these shares. A trace without any unit has no
    share and does not count in the last two.

    >>> group_sums(np.array([1, 1], np.uint64), np.array([1, 2]), np.array([4, 4])).tolist()
    [[3.0, 8.0, 0.75, 2.0]]
    """
    if not len(groups):
        return np.zeros((0, 4))
    order = np.lexsort((n_units, n_planning, groups))  # float sums then do not depend on the order of traces
    groups, n_planning, n_units = groups[order], n_planning[order], n_units[order]
    shares = np.divide(n_planning, n_units, out=np.zeros(len(n_units)), where=n_units > 0)
    columns = np.stack([n_planning, n_units, shares, n_units > 0], axis=1, dtype=np.float64)  # (traces, 4)
    first_rows = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    sums: FloatArray = np.add.reduceat(columns, first_rows)
    return sums


def bootstrap_shares(sums: FloatArray, rng: np.random.Generator, n_draws: int = N_DRAWS) -> tuple[Estimate, Estimate]:
    """Return the (pooled, mean over traces) share of `group_sums`, each with its percentile interval over groups."""
    pooled, mean = _ratios(sums.sum(axis=0, keepdims=True))[0]
    draws = draw_group_sums(rng, sums, n_draws) if len(sums) > 1 else np.zeros((0, 4))
    pooled_draws, mean_draws = _ratios(draws).T
    return _estimate_share(pooled, pooled_draws, len(sums)), _estimate_share(mean, mean_draws, len(sums))


def _ratios(sums: FloatArray) -> FloatArray:
    """Return the (n, 2) shares of (n, 4) sums, NaN where the denominator is 0."""
    numerators, denominators = sums[:, (0, 2)], sums[:, (1, 3)]
    undefined = np.full(numerators.shape, np.nan)
    ratios: FloatArray = np.divide(numerators, denominators, out=undefined, where=denominators > 0)
    return ratios


def _estimate_share(share: float, draws: FloatArray, n_groups: int) -> Estimate:
    if np.isnan(share):
        return Estimate(None, n=n_groups, undefined="nothing was counted")
    return estimate_from_draws(share, draws, n_groups)
