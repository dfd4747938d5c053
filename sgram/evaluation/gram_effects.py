"""Which grams of a list hurt it, and which help. Knows nothing about scores or about what becomes of the list.

A gram marks a unit alone when no other gram of the list occurs there: taking the gram off the list would unmark it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sgram.evaluation.label_index import Occurrences, UnitIndex
from sgram.scan import find_words


@dataclass(frozen=True, slots=True)
class GramEffect:
    """What one gram does."""

    gram: str
    n_units: int
    """Units that hold it."""
    n_documents: int
    hits: int
    """Of `n_units`, those that are positive."""
    misses: int
    """Of `n_units`, those that are not: false positives."""
    hits_alone: int
    misses_alone: int
    example: str
    """A unit that it marks wrongly (rightly, if it is told as a help), and alone where there is such a one."""
    start: int
    """Where the gram stands in the example, half-open."""
    end: int

    @property
    def precision(self) -> float:
        """Share of its units that are positive."""
        return self.hits / self.n_units

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "precision": self.precision}


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """Counts of every gram of a list, (G,) each."""

    units: np.ndarray
    documents: np.ndarray
    hits: np.ndarray
    hits_alone: np.ndarray
    misses_alone: np.ndarray

    @classmethod
    def of(cls, index: UnitIndex, found: Occurrences) -> "Effects":
        """Count the occurrences `found`."""
        gram, unit = found.pairs()
        positive = index.positive[unit]
        alone = np.bincount(unit, minlength=index.n_units)[unit] == 1
        homes = np.unique(gram * max(1, len(index.documents)) + index.document[unit])

        def counted(chosen: np.ndarray) -> np.ndarray:
            return np.bincount(gram[chosen], minlength=found.n_grams)

        return cls(
            counted(np.ones(len(gram), bool)),
            np.bincount(homes // max(1, len(index.documents)), minlength=found.n_grams),
            counted(positive),
            counted(positive & alone),
            counted(~positive & alone),
        )

    @property
    def misses(self) -> np.ndarray:
        """(G,) units that are not positive."""
        return self.units - self.hits


def worst_grams(index: UnitIndex, grams: Sequence[str], found: Occurrences, top: int = 10) -> list[GramEffect]:
    """Grams that cause false positives, those that cause most of them alone first, then by all of them."""
    effects = Effects.of(index, found)
    return _ranked(index, grams, found, effects, effects.misses_alone, effects.misses, False, top)


def best_grams(index: UnitIndex, grams: Sequence[str], found: Occurrences, top: int = 10) -> list[GramEffect]:
    """Grams that find positive units, those that find most of them alone first, then by all of them."""
    effects = Effects.of(index, found)
    return _ranked(index, grams, found, effects, effects.hits_alone, effects.hits, True, top)


def _ranked(
    index: UnitIndex,
    grams: Sequence[str],
    found: Occurrences,
    effects: Effects,
    alone: np.ndarray,
    total: np.ndarray,
    positive: bool,
    top: int,
) -> list[GramEffect]:
    rows = sorted(np.flatnonzero(total).tolist(), key=lambda row: (-alone[row], -total[row], grams[row]))[:top]
    gram, unit = found.pairs()
    others = np.bincount(unit, minlength=index.n_units)[unit] - 1
    told = []
    for row in rows:
        candidates = np.flatnonzero((gram == row) & (index.positive[unit] == positive))
        example = unit[candidates[np.argmin(others[candidates])]]  # alone if it can be, the first of them
        told.append(
            GramEffect(
                grams[row],
                int(effects.units[row]),
                int(effects.documents[row]),
                int(effects.hits[row]),
                int(effects.misses[row]),
                int(effects.hits_alone[row]),
                int(effects.misses_alone[row]),
                *_shown(index.unit_text(int(example)), grams[row]),
            )
        )
    return told


def _shown(text: str, gram: str) -> tuple[str, int, int]:
    """The text of a unit, and where `gram` first stands in it."""
    words, found = gram.split(" "), find_words(text)
    for at in range(len(found) - len(words) + 1):
        here = found[at : at + len(words)]
        if [word.text for word in here] == words and here[0].sentence == here[-1].sentence:
            return text, here[0].start, here[-1].end
    return text, 0, 0  # a word whose neighbor, outside the unit, decides what it is
