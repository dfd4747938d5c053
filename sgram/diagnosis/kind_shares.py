"""Shares of error kinds among the wrong traces of each model, with intervals.

Intervals are 95 % bootstrap intervals over groups, because the traces of one problem are not independent. A trace
without a group counts as a group of its own.
"""

import hashlib
from array import array
from dataclasses import dataclass

import numpy as np

from sgram.array_types import BoolArray
from sgram.diagnosis.kinds import KINDS, Kind
from sgram.statistics import N_DRAWS, Estimate, ratios_by_problem
from sgram.traces import Trace
from sgram.traces.trace_keys import UNKNOWN_MODEL


@dataclass(frozen=True, slots=True)
class KindRow:
    """One error kind among the wrong traces of one model."""

    model: str | None
    """None for all models together."""
    kind: Kind
    count: int
    """Wrong traces of this kind."""
    wrong: int
    """Wrong traces of the model."""
    share: Estimate
    """`count` divided by `wrong`."""


class KindCounts:
    """Error kinds of wrong traces, which are added in any order; about 20 bytes a trace.

    >>> counts = KindCounts()
    >>> for number, kind in enumerate(("strategic", "strategic", "procedural", "undecided")):
    ...     counts.add(Trace(id=str(number), text="", model="gpt"), kind)
    >>> [(row.kind, row.count, row.share.value) for row in counts.rows()][:2]
    [('strategic', 2, 0.5), ('procedural', 1, 0.25)]
    """

    def __init__(self) -> None:
        self._model_codes: dict[str, int] = {}
        self._models, self._kinds, self._groups = array("i"), array("b"), array("Q")  # one entry a trace

    def __len__(self) -> int:
        return len(self._kinds)

    def add(self, trace: Trace, kind: Kind) -> None:
        """Count one wrong trace."""
        group = f"trace {trace.id}" if trace.group is None else f"group {trace.group}"
        self._models.append(self._model_codes.setdefault(trace.model or UNKNOWN_MODEL, len(self._model_codes)))
        self._kinds.append(KINDS.index(kind))
        self._groups.append(int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest(), "little"))

    def rows(self, by_model: bool = False, seed: int = 0, n_draws: int = N_DRAWS) -> list[KindRow]:
        """Return a row for each kind; with `by_model` for each model, the model with most wrong traces first."""
        names, models = list(self._model_codes), np.array(self._models, np.int64)
        if not names:
            return []
        if not by_model:
            return self._model_rows(None, np.ones(len(models), bool), seed, n_draws)
        sizes = np.bincount(models, minlength=len(names))
        ranked = sorted(range(len(names)), key=lambda code: (-sizes[code], names[code]))
        return [row for code in ranked for row in self._model_rows(names[code], models == code, seed, n_draws)]

    def _model_rows(self, model: str | None, is_selected: BoolArray, seed: int, n_draws: int) -> list[KindRow]:
        """Return a row for each kind among the selected traces; `is_selected` is (traces,)."""
        kinds, groups = np.array(self._kinds)[is_selected], np.array(self._groups)[is_selected]
        is_kind = kinds[:, None] == np.arange(len(KINDS))  # (traces, kinds)
        shares = ratios_by_problem(groups.tolist(), is_kind, np.ones(len(kinds)), n_draws, seed)
        return [
            KindRow(model, kind, count, len(kinds), share)
            for kind, count, share in zip(KINDS, is_kind.sum(axis=0).tolist(), shares, strict=True)
        ]
