"""Which labels raters confuse: the confusion matrix of two raters, the coincidence matrix of more."""

from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from sgram.annotation.rating_table import MISSING, RatingTable
from sgram.frames import Backend, build_frame
from sgram.statistics import round_number


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Counts of pairs of labels that two raters give the same item.

    Of two raters, rows are the labels of the first and columns those of the second. Of more, the matrix is
    Krippendorff's matrix of coincidences: each ordered pair of raters of an item counts 1 / (raters of the item - 1),
    so that the matrix is symmetric and its sum is the number of ratings of items with two ratings or more.
    """

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]
    raters: tuple[str, ...]
    n_items: int
    """Items with at least two ratings."""

    @property
    def is_of_pair(self) -> bool:
        """Whether the matrix is that of two raters, with counts of items."""
        return len(self.raters) == 2

    @property
    def row_shares(self) -> tuple[tuple[float | None, ...], ...]:
        """Counts divided by the sum of their row; None in a row without counts."""
        totals = [sum(row) for row in self.counts]
        return tuple(
            tuple(count / total if total else None for count in row)
            for row, total in zip(self.counts, totals, strict=True)
        )

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per cell: row, column, count, and its share of the row.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.
        """
        rows = (
            (row_label, column_label, count, share)
            for row_label, counts, shares in zip(self.labels, self.counts, self.row_shares, strict=True)
            for column_label, count, share in zip(self.labels, counts, shares, strict=True)
        )
        return build_frame({"row": "text", "column": "text", "count": "number", "share": "number"}, rows, backend)

    def to_json(self) -> dict[str, Any]:
        """Return the matrix as JSON values, rounded to 6 decimals."""
        return {
            "labels": list(self.labels),
            "counts": [[round_number(count) for count in row] for row in self.counts],
            "raters": list(self.raters),
            "n_items": self.n_items,
            "kind": "confusion" if self.is_of_pair else "coincidences",
        }


def count_confusions(table: RatingTable) -> ConfusionMatrix:
    """Return the confusion matrix of two raters, or the coincidence matrix of more, over all labels of `table`.

    >>> from sgram.annotation.ratings import Rating
    >>> rows = ["1 ada plan", "1 bob plan", "2 ada plan", "2 bob fact"]
    >>> matrix = count_confusions(RatingTable.from_ratings(Rating(*row.split()) for row in rows))
    >>> matrix.labels, matrix.counts
    (('fact', 'plan'), ((0.0, 0.0), (1.0, 1.0)))
    """
    codes, n_labels = table.codes, len(table.labels)
    n_raters_by_item = (codes != MISSING).sum(axis=1)
    has_pair = n_raters_by_item > 1
    n_raters = len(table.raters)
    pairs = [(0, 1)] if n_raters == 2 else list(permutations(range(n_raters), 2))
    counts = np.zeros((n_labels, n_labels))
    for first, second in pairs:
        is_common = (codes[:, first] != MISSING) & (codes[:, second] != MISSING)
        weights = 1.0 if n_raters == 2 else 1 / (n_raters_by_item[is_common] - 1)
        np.add.at(counts, (codes[is_common, first], codes[is_common, second]), weights)
    rows = tuple(tuple(float(round(count, 9)) for count in row) for row in counts)
    return ConfusionMatrix(table.labels, rows, table.raters, int(has_pair.sum()))
