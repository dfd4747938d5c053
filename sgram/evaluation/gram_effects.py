"""Effects of single grams: which grams of a list cause false positives, and which find positive units.

A gram marks a unit alone if no other gram of the list occurs in it; without the gram, the unit would not be marked.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.evaluation.label_index import GramOccurrences, UnitIndex
from sgram.scan import find_words


@dataclass(frozen=True, slots=True)
class GramEffect:
    """Effect of one gram on the marked units."""

    gram: str
    n_units: int
    """Units that contain the gram."""
    n_documents: int
    hits: int
    """Positive units among them."""
    misses: int
    """Other units among them: false positives."""
    hits_alone: int
    """Positive units that only this gram marks."""
    misses_alone: int
    """False positives that only this gram marks."""
    example: str
    """Text of a false positive (or, among the best grams, of a hit), if possible one that only this gram marks."""
    start: int
    """Half-open character offsets of the gram in the example."""
    end: int

    @property
    def precision(self) -> float:
        """Share of its units that are positive."""
        return self.hits / self.n_units

    def to_json(self) -> dict[str, Any]:
        """Return the effect as JSON values."""
        return {**asdict(self), "precision": self.precision}


@dataclass(frozen=True, slots=True, eq=False)
class EffectCounts:
    """Counts of every gram of a list; arrays (G,).

    >>> from sgram.evaluation.labeled_documents import LabeledDocument, Unit
    >>> index = UnitIndex.from_documents([LabeledDocument("a", "But wait.", (Unit(0, 9, ("planning",)),))])
    >>> counts = EffectCounts.from_occurrences(index, index.find(["wait", "hold on"]))
    >>> counts.hits.tolist(), counts.hits_alone.tolist(), counts.misses.tolist()
    ([1, 0], [1, 0], [0, 0])
    """

    units: IntArray
    documents: IntArray
    hits: IntArray
    hits_alone: IntArray
    misses_alone: IntArray

    @classmethod
    def from_occurrences(cls, index: UnitIndex, occurrences: GramOccurrences) -> "EffectCounts":
        """Count the occurrences of a list of grams."""
        gram, unit = occurrences.gram_unit_pairs()
        is_positive = index.positive[unit]
        is_alone = np.bincount(unit, minlength=index.n_units)[unit] == 1
        n_documents = max(1, len(index.documents))
        gram_documents = np.unique(gram * n_documents + index.document[unit])

        def count_pairs(is_counted: BoolArray) -> IntArray:
            return np.bincount(gram[is_counted], minlength=occurrences.n_grams)

        return cls(
            count_pairs(np.ones(len(gram), bool)),
            np.bincount(gram_documents // n_documents, minlength=occurrences.n_grams),
            count_pairs(is_positive),
            count_pairs(is_positive & is_alone),
            count_pairs(~is_positive & is_alone),
        )

    @property
    def misses(self) -> IntArray:
        """(G,) units that are not positive."""
        return self.units - self.hits


def worst_grams(
    index: UnitIndex, grams: Sequence[str], occurrences: GramOccurrences, top: int = 10
) -> list[GramEffect]:
    """Return the `top` grams that cause false positives, sorted by those that they cause alone, then by all.

    `occurrences` are those of `grams`.

    >>> from sgram.evaluation.labeled_documents import LabeledDocument, Unit
    >>> index = UnitIndex.from_documents([LabeledDocument("a", "So x is 2.", (Unit(0, 10, ("fact",)),))])
    >>> [(effect.gram, effect.misses_alone) for effect in worst_grams(index, ["so"], index.find(["so"]))]
    [('so', 1)]
    """
    counts = EffectCounts.from_occurrences(index, occurrences)
    return _rank_grams(index, grams, occurrences, counts, counts.misses_alone, counts.misses, False, top)


def best_grams(index: UnitIndex, grams: Sequence[str], occurrences: GramOccurrences, top: int = 10) -> list[GramEffect]:
    """Return the `top` grams that find positive units, sorted by those that they find alone, then by all.

    `occurrences` are those of `grams`.
    """
    counts = EffectCounts.from_occurrences(index, occurrences)
    return _rank_grams(index, grams, occurrences, counts, counts.hits_alone, counts.hits, True, top)


def _rank_grams(
    index: UnitIndex,
    grams: Sequence[str],
    occurrences: GramOccurrences,
    counts: EffectCounts,
    n_alone: IntArray,
    n_total: IntArray,
    positive: bool,
    top: int,
) -> list[GramEffect]:
    rows = sorted(np.flatnonzero(n_total).tolist(), key=lambda row: (-n_alone[row], -n_total[row], grams[row]))[:top]
    gram, unit = occurrences.gram_unit_pairs()
    n_competing = np.bincount(unit, minlength=index.n_units)[unit] - 1
    effects = []
    for row in rows:
        pairs = np.flatnonzero((gram == row) & (index.positive[unit] == positive))
        example_unit = unit[pairs[np.argmin(n_competing[pairs])]]  # the first unit with the fewest other grams
        effects.append(
            GramEffect(
                grams[row],
                int(counts.units[row]),
                int(counts.documents[row]),
                int(counts.hits[row]),
                int(counts.misses[row]),
                int(counts.hits_alone[row]),
                int(counts.misses_alone[row]),
                *_locate_gram(index.unit_text(int(example_unit)), grams[row]),
            )
        )
    return effects


def _locate_gram(text: str, gram: str) -> tuple[str, int, int]:
    """Return the text of a unit, and the offsets of the first occurrence of `gram` in it."""
    gram_words, words = gram.split(" "), find_words(text)
    for first in range(len(words) - len(gram_words) + 1):
        window = words[first : first + len(gram_words)]
        if [word.text for word in window] == gram_words and window[0].sentence == window[-1].sentence:
            return text, window[0].start, window[-1].end
    return text, 0, 0  # the normal form of a word depends on its neighbor outside the unit
