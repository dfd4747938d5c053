"""How the wrong traces of each model divide into kinds of errors, with intervals. Knows nothing about their texts.

Intervals are 95 % bootstrap intervals over groups: the traces of one problem are no independent samples. A trace
without a group is one by itself.
"""

import hashlib
from array import array
from dataclasses import dataclass

import numpy as np

from sgram.diagnosis.kinds import KINDS, Kind
from sgram.statistics import N_DRAWS, Estimate, ratios_by_problem
from sgram.tagging.planning_shares import NO_MODEL
from sgram.traces import Trace


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind of error among the wrong traces of one model; of all models where `model` is None."""

    model: str | None
    kind: Kind
    count: int
    wrong: int
    """Wrong traces of the model."""
    share: Estimate
    """`count` of `wrong`."""


class KindCounts:
    """Diagnoses added one by one in any order; about 20 bytes a trace."""

    def __init__(self) -> None:
        self._models: dict[str, int] = {}
        self._model, self._kind, self._group = array("i"), array("b"), array("Q")

    def __len__(self) -> int:
        return len(self._kind)

    def add(self, trace: Trace, kind: Kind) -> None:
        """Count the wrong `trace`."""
        group = f"trace {trace.id}" if trace.group is None else f"group {trace.group}"
        self._model.append(self._models.setdefault(trace.model or NO_MODEL, len(self._models)))
        self._kind.append(KINDS.index(kind))
        self._group.append(int.from_bytes(hashlib.blake2b(group.encode(), digest_size=8).digest(), "little"))

    def rows(self, by_model: bool = False, seed: int = 0, n_draws: int = N_DRAWS) -> list[KindRow]:
        """A row for each kind, of all traces or of each model, the model with most wrong traces first."""
        names, model = list(self._models), np.array(self._model, np.int64)
        sizes = np.bincount(model, minlength=len(names)) if names else ()
        ranked = sorted(range(len(names)), key=lambda code: (-sizes[code], names[code]))
        rows = []
        for code in ranked if by_model else [None] * bool(names):
            chosen = np.flatnonzero(model == code) if code is not None else np.arange(len(model))
            kinds, groups = np.array(self._kind)[chosen], np.array(self._group)[chosen]
            held = kinds[:, None] == np.arange(len(KINDS))  # (traces, kinds)
            shares = ratios_by_problem(groups.tolist(), held, np.ones(len(chosen)), n_draws, seed)
            name = None if code is None else names[code]
            counts = held.sum(axis=0).tolist()
            rows += [
                KindRow(name, *each) for each in zip(KINDS, counts, [len(chosen)] * len(KINDS), shares, strict=True)
            ]
        return rows
