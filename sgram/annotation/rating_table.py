"""Table of items by raters that holds label codes as integers."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sgram.annotation.ratings import Rating
from sgram.array_types import IntArray
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.frames import Backend, build_frame

CodeArray = npt.NDArray[np.int16]
"""Label codes, (items, raters) unless said otherwise: indices of labels, `MISSING` where there is no rating."""
MAX_LABELS = 32
"""More different labels are taken for free text, for which agreement is not meaningful."""
MISSING = -1


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RatingTable:
    """Labels by item and rater, independent of the order of the ratings."""

    items: tuple[str, ...]
    """Sorted."""
    raters: tuple[str, ...]
    """Sorted."""
    labels: tuple[str, ...]
    """Sorted."""
    codes: CodeArray
    """(items, raters) indices in `labels`, `MISSING` where there is no rating."""

    @classmethod
    def from_ratings(cls, ratings: Iterable[Rating]) -> "RatingTable":
        """Build the table of `ratings`.

        Raise `InputError` if there are none, if a rater gives an item two labels, or if there are more than
        `MAX_LABELS` different labels.

        >>> table = RatingTable.from_ratings([Rating("item1", "ada", "yes"), Rating("item2", "bob", "no")])
        >>> table.labels
        ('no', 'yes')
        >>> table.codes.tolist()
        [[1, -1], [-1, 0]]
        """
        ratings = list(ratings)
        if not ratings:
            raise InputError("there are no ratings; give at least one")
        items, raters, labels = (
            tuple(sorted({getattr(rating, name) for rating in ratings})) for name in ("item", "rater", "label")
        )
        if len(labels) > MAX_LABELS:
            first_labels = ", ".join(f"'{excerpt(label, 30)}'" for label in labels[:3])
            raise InputError(
                f"too many different labels: {len(labels)} ({first_labels}, ...), at most {MAX_LABELS} are allowed; "
                "agreement is measured for labels from a fixed list, so check the label column of the ratings"
            )
        rows, columns, codes_by_label = (
            {name: index for index, name in enumerate(names)} for names in (items, raters, labels)
        )
        codes = np.full((len(items), len(raters)), MISSING, np.int16)
        for rating in ratings:
            cell, code = (rows[rating.item], columns[rating.rater]), codes_by_label[rating.label]
            if codes[cell] not in (MISSING, code):
                raise InputError(
                    f"rater '{excerpt(rating.rater, 60)}' gives item '{excerpt(rating.item, 80)}' two labels; keep one"
                )
            codes[cell] = code
        return cls(items, raters, labels, codes)

    @property
    def counts(self) -> IntArray:
        """(items, labels) number of raters who gave each label."""
        return count_labels(self.codes, len(self.labels))

    def frame(self, backend: Backend | None = None) -> Any:
        """Return a data frame with one row per rating: item, rater, label; a missing rating is an absent row.

        `backend` is ``pandas`` or ``polars`` (`sgram.frames.build_frame`). Raise `MissingExtraError` if it is not
        installed.
        """
        rows = (
            (item, rater, self.labels[code])
            for item, codes in zip(self.items, self.codes.tolist(), strict=True)
            for rater, code in zip(self.raters, codes, strict=True)
            if code != MISSING
        )
        return build_frame({"item": "text", "rater": "text", "label": "text"}, rows, backend)

    def __repr__(self) -> str:
        n_items, n_raters, n_labels = len(self.items), len(self.raters), len(self.labels)
        return f"RatingTable({n_items:,} items, {n_raters:,} raters, {n_labels:,} labels)"

    def against_rest(self, name: str, labels: Iterable[str]) -> "RatingTable":
        """Return the binary table in which `labels` are merged into `name` and all other labels into "rest"."""
        merged_labels = set(labels)
        binary = np.array([int(label not in merged_labels) for label in self.labels] + [MISSING], np.int16)
        return RatingTable(self.items, self.raters, (name, "rest"), binary[self.codes])


def count_labels(codes: CodeArray, n_labels: int) -> IntArray:
    """Return the (items, labels) counts of the (items, raters) `codes`.

    >>> count_labels(np.array([[0, 1, 1], [2, MISSING, 2]], np.int16), 3).tolist()
    [[1, 2, 0], [0, 0, 2]]
    """
    counts = np.zeros((len(codes), n_labels), np.int64)
    for column in codes.T:
        rated_rows = np.flatnonzero(column != MISSING)
        counts[rated_rows, column[rated_rows]] += 1
    return counts
