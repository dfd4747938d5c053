"""Compare each rater with the other raters, and rank the items on which raters disagree."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.annotation.rating_table import RatingTable, count_labels
from sgram.array_types import IntArray
from sgram.statistics import round_number


@dataclass(frozen=True, slots=True)
class LabelUse:
    """How often a rater gives a label, compared with the other raters on the same items."""

    share: float
    """Share of the rater's ratings that have the label."""
    share_on_common: float | None
    """The same share over the items that others rated too; None if there are none."""
    share_of_others: float | None
    """Share of the other raters who gave the label, averaged over these items."""

    @property
    def bias(self) -> float | None:
        """`share_on_common` - `share_of_others`; positive if the rater gives the label more often than the others."""
        if self.share_on_common is None or self.share_of_others is None:
            return None
        return self.share_on_common - self.share_of_others

    def to_json(self) -> dict[str, Any]:
        """Return the shares as JSON values, rounded to 6 decimals."""
        return {
            "share": round_number(self.share),
            "own": round_number(self.share_on_common),
            "others": round_number(self.share_of_others),
            "bias": round_number(self.bias),
        }


@dataclass(frozen=True, slots=True)
class RaterRow:
    """One rater compared with the other raters."""

    rater: str
    n_items: int
    n_compared: int
    """Items for which the other raters have a majority label: one that more of them gave than any other."""
    n_tied: int
    """Items for which the other raters are tied; they are not compared."""
    n_with_majority: int
    """Compared items to which the rater gave the majority label."""
    labels: tuple[tuple[str, LabelUse], ...]
    """Use of every label, sorted by label."""
    strategic: LabelUse | None
    """Use of the strategic labels together; None if none is known."""

    @property
    def majority_agreement(self) -> float | None:
        """Share of the compared items to which the rater gave the majority label; None if there are none."""
        return self.n_with_majority / self.n_compared if self.n_compared else None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values, rounded to 6 decimals."""
        return {
            "rater": self.rater,
            "n_items": self.n_items,
            "n_compared": self.n_compared,
            "n_tied": self.n_tied,
            "n_with_majority": self.n_with_majority,
            "majority_agreement": round_number(self.majority_agreement),
            "labels": {label: label_use.to_json() for label, label_use in self.labels},
            "strategic": None if self.strategic is None else self.strategic.to_json(),
        }


@dataclass(frozen=True, slots=True)
class Dispute:
    """An item whose ratings differ."""

    item: str
    entropy: float
    """Shannon entropy of its labels in bits: 0 if all agree, 1 for two labels half and half."""
    counts: tuple[tuple[str, int], ...]
    """(label, number of raters), most frequent first, then by label."""

    def to_json(self) -> dict[str, Any]:
        """Return the dispute as JSON values, rounded to 6 decimals."""
        return {"item": self.item, "entropy": round_number(self.entropy), "counts": dict(self.counts)}


def compare_raters(table: RatingTable, strategic: tuple[str, ...] = ()) -> tuple[RaterRow, ...]:
    """Compare each rater with the others; return one row per rater, sorted by name.

    `strategic` are the labels that mean a strategic phrase, () if none is known.

    >>> from sgram.annotation.ratings import Rating
    >>> labels_by_rater = {"ada": "branching", "bob": "branching", "eve": "procedural"}
    >>> rows = compare_raters(RatingTable.from_ratings(Rating("item1", *pair) for pair in labels_by_rater.items()))
    >>> [(row.rater, row.n_compared, row.n_tied, row.majority_agreement) for row in rows]
    [('ada', 0, 1, None), ('bob', 0, 1, None), ('eve', 1, 0, 0.0)]
    """
    binary = table.against_rest("strategic", strategic) if strategic else None
    rows = []
    for column, rater in enumerate(table.raters):
        rater_counts, other_counts = _split_counts(table, column)
        is_rated = rater_counts.any(axis=1)
        largest = other_counts.max(axis=1, keepdims=True)
        has_others = is_rated & (largest[:, 0] > 0)
        is_tied = has_others & ((other_counts == largest).sum(axis=1) > 1)
        agrees = has_others & ~is_tied & ((other_counts * rater_counts).max(axis=1) == largest[:, 0])
        rows.append(
            RaterRow(
                rater,
                n_items=int(is_rated.sum()),
                n_compared=int(has_others.sum() - is_tied.sum()),
                n_tied=int(is_tied.sum()),
                n_with_majority=int(agrees.sum()),
                labels=tuple(
                    (label, _measure_use(rater_counts, other_counts, code)) for code, label in enumerate(table.labels)
                ),
                strategic=None if binary is None else _measure_use(*_split_counts(binary, column), 0),
            )
        )
    return tuple(rows)


def _split_counts(table: RatingTable, column: int) -> tuple[IntArray, IntArray]:
    """Return the (items, labels) counts of one rater, each 0 or 1, and those of all other raters."""
    rater_counts = count_labels(table.codes[:, [column]], len(table.labels))
    return rater_counts, table.counts - rater_counts


def _measure_use(rater_counts: IntArray, other_counts: IntArray, code: int) -> LabelUse:
    is_rated, n_others = rater_counts.any(axis=1), other_counts.sum(axis=1)
    is_common = is_rated & (n_others > 0)
    share = float(rater_counts[is_rated, code].mean())
    if not is_common.any():
        return LabelUse(share, None, None)
    shares_of_others = other_counts[is_common, code] / n_others[is_common]
    return LabelUse(share, float(rater_counts[is_common, code].mean()), float(shares_of_others.mean()))


def find_disputes(table: RatingTable) -> tuple[Dispute, ...]:
    """Return the items whose ratings differ, sorted by entropy and by number of ratings (both descending), then by id.

    >>> from sgram.annotation.ratings import Rating
    >>> ratings = [Rating("item1", "ada", "branching"), Rating("item1", "bob", "deduction")]
    >>> find_disputes(RatingTable.from_ratings(ratings))
    (Dispute(item='item1', entropy=1.0, counts=(('branching', 1), ('deduction', 1))),)
    """
    counts = table.counts
    disputes = []
    for row in np.flatnonzero((counts > 0).sum(axis=1) > 1):
        label_counts = [(label, int(n)) for label, n in zip(table.labels, counts[row], strict=True) if n]
        label_counts.sort(key=lambda label_count: (-label_count[1], label_count[0]))
        disputes.append(Dispute(table.items[row], _entropy([n for _, n in label_counts]), tuple(label_counts)))
    disputes.sort(key=lambda dispute: (-dispute.entropy, -sum(n for _, n in dispute.counts), dispute.item))
    return tuple(disputes)


def _entropy(counts: list[int]) -> float:
    """Return the Shannon entropy in bits; the exact sum does not depend on the order of the counts."""
    total = sum(counts)
    return math.fsum(n / total * math.log2(total / n) for n in counts)
