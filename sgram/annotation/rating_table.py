"""Ratings as a table of items by raters, in numbers. Knows nothing about statistics or what labels mean."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sgram.annotation.ratings import Rating
from sgram.errors import InputError
from sgram.files import excerpt

MAX_LABELS = 32
"""Most labels that are taken for labels: more are free text, whose agreement means nothing."""
MISSING = -1


@dataclass(frozen=True, slots=True, eq=False)
class RatingTable:
    """Who gave which item which label, independent of the order of the ratings."""

    items: tuple[str, ...]
    raters: tuple[str, ...]
    labels: tuple[str, ...]
    """Each sorted."""
    codes: np.ndarray
    """(items, raters) places in `labels`, `MISSING` where there is no rating."""

    @classmethod
    def of(cls, ratings: Iterable[Rating]) -> "RatingTable":
        """The table of `ratings`, of which no two are by one rater of one item.

        `InputError` for none at all, for two labels in one cell, and for more labels than `MAX_LABELS`.
        """
        ratings = list(ratings)
        if not ratings:
            raise InputError("there are no ratings; give some")
        items, raters, labels = (
            tuple(sorted({getattr(each, name) for each in ratings})) for name in ("item", "rater", "label")
        )
        if len(labels) > MAX_LABELS:
            shown = ", ".join(f"'{excerpt(label, 30)}'" for label in labels[:3])
            raise InputError(
                f"{len(labels)} different labels ({shown}, ...) are more than {MAX_LABELS}; agreement is of labels "
                "that are chosen from a list, so check what the ratings hold as label"
            )
        row, column, code = ({name: place for place, name in enumerate(names)} for names in (items, raters, labels))
        codes = np.full((len(items), len(raters)), MISSING, np.int16)
        for each in ratings:
            cell, found = (row[each.item], column[each.rater]), code[each.label]
            if codes[cell] not in (MISSING, found):
                raise InputError(
                    f"rater '{excerpt(each.rater, 60)}' gives item '{excerpt(each.item, 80)}' two labels; keep one"
                )
            codes[cell] = found
        return cls(items, raters, labels, codes)

    @property
    def counts(self) -> np.ndarray:
        """(items, labels) how many raters gave each label."""
        return count_labels(self.codes, len(self.labels))

    def against_rest(self, name: str, labels: Iterable[str]) -> "RatingTable":
        """The table of one question, whether a rating is one of `labels`: its labels are `name` and "rest"."""
        inside = set(labels)
        binary = np.array([int(label not in inside) for label in self.labels] + [MISSING], np.int16)
        return RatingTable(self.items, self.raters, (name, "rest"), binary[self.codes])


def count_labels(codes: np.ndarray, n_labels: int) -> np.ndarray:
    """(items, raters) codes to (items, labels) counts."""
    counts = np.zeros((len(codes), n_labels), np.int64)
    for column in codes.T:
        given = np.flatnonzero(column != MISSING)
        counts[given, column[given]] += 1
    return counts
