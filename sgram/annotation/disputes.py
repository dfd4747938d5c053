"""Who rates unlike the others, and which items divide them. Knows nothing about coefficients or intervals."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.annotation.rating_table import RatingTable, count_labels
from sgram.statistics.bootstrap import rounded


@dataclass(frozen=True, slots=True)
class Lean:
    """How often a rater gives a label, and how often the others do on the same items."""

    share: float
    """Of the rater's ratings."""
    own: float | None
    """The same, of the items that others rated too; None where there is none."""
    others: float | None
    """Mean over these items of the share of the other raters who gave the label."""

    @property
    def bias(self) -> float | None:
        """`own` - `others`: above 0 the rater gives the label more readily than the others."""
        return None if self.own is None else self.own - self.others

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {name: rounded(getattr(self, name)) for name in ("share", "own", "others", "bias")}


@dataclass(frozen=True, slots=True)
class RaterRow:
    """One rater beside the others."""

    rater: str
    n_items: int
    n_compared: int
    """Items on which the other raters have a majority label, one that more of them gave than any other."""
    n_tied: int
    """Items on which the others are tied; they do not count."""
    n_with_majority: int
    """Of `n_compared`, items on which the rater gave the majority's label."""
    labels: tuple[tuple[str, Lean], ...]
    """For every label, by name."""
    strategic: Lean | None

    @property
    def majority_agreement(self) -> float | None:
        """Share of the compared items on which the rater agrees with the majority of the others."""
        return self.n_with_majority / self.n_compared if self.n_compared else None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "rater": self.rater,
            "n_items": self.n_items,
            "n_compared": self.n_compared,
            "n_tied": self.n_tied,
            "n_with_majority": self.n_with_majority,
            "majority_agreement": rounded(self.majority_agreement),
            "labels": {label: lean.to_json() for label, lean in self.labels},
            "strategic": None if self.strategic is None else self.strategic.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item whose ratings differ."""

    item: str
    entropy: float
    """Of its labels, in bits: 0 where all agree, 1 for two labels half and half."""
    counts: tuple[tuple[str, int], ...]
    """Label and how many gave it, most first, then by name."""

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {"item": self.item, "entropy": rounded(self.entropy), "counts": dict(self.counts)}


def rater_rows(table: RatingTable, strategic: tuple[str, ...] = ()) -> tuple[RaterRow, ...]:
    """One row a rater, by name; `strategic` are the labels that mean a strategic phrase, () for none known."""
    binary = table.against_rest("strategic", strategic) if strategic else None
    rows = []
    for column, rater in enumerate(table.raters):
        own, others = _beside_others(table, column)
        rated = own.any(axis=1)
        largest = others.max(axis=1, keepdims=True)
        compared = rated & (largest[:, 0] > 0)
        tied = compared & ((others == largest).sum(axis=1) > 1)
        agreed = compared & ~tied & ((others * own).max(axis=1) == largest[:, 0])
        leans = tuple((label, _lean(own, others, place)) for place, label in enumerate(table.labels))
        guiding = None if binary is None else _lean(*_beside_others(binary, column), 0)
        n_compared = int(compared.sum() - tied.sum())
        rows.append(RaterRow(rater, int(rated.sum()), n_compared, int(tied.sum()), int(agreed.sum()), leans, guiding))
    return tuple(rows)


def _beside_others(table: RatingTable, column: int) -> tuple[np.ndarray, np.ndarray]:
    """(items, labels) what the rater gave, 0 or 1; and how many of the others gave it."""
    own = count_labels(table.codes[:, [column]], len(table.labels))
    return own, table.counts - own


def _lean(own: np.ndarray, others: np.ndarray, label: int) -> Lean:
    rated, raters = own.any(axis=1), others.sum(axis=1)
    shared = rated & (raters > 0)
    share = float(own[rated, label].mean())
    if not shared.any():
        return Lean(share, None, None)
    beside = others[shared, label] / raters[shared]
    return Lean(share, float(own[shared, label].mean()), float(beside.mean()))


def disputed_items(table: RatingTable) -> tuple[Dispute, ...]:
    """The items whose ratings differ, by entropy, the largest first, then by their number of ratings, then by id."""
    counts = table.counts
    found = []
    for place in np.flatnonzero((counts > 0).sum(axis=1) > 1):
        given = [(label, int(n)) for label, n in zip(table.labels, counts[place], strict=True) if n]
        found.append(Dispute(table.items[place], _entropy([n for _, n in given]), _ranked(given)))
    return tuple(sorted(found, key=lambda each: (-each.entropy, -sum(n for _, n in each.counts), each.item)))


def _ranked(given: list[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(given, key=lambda each: (-each[1], each[0])))


def _entropy(counts: list[int]) -> float:
    """In bits; the same number for the same counts in any order."""
    total = sum(counts)
    return math.fsum(n / total * math.log2(total / n) for n in counts)
