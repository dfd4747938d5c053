"""Placebos: random grams that mark as much as a lexicon does. Knows nothing about labels or how grams are scored.

A list of common phrases finds much of the planning by chance, so a claim about a lexicon needs a list that marks the
same share of units, or of words or tokens (as a mask does), and was chosen by nothing. Candidates are drawn in random
order; one that would lead past the share is passed over; drawing ends once the share is met to within `TOLERANCE`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sgram.errors import UsageError
from sgram.evaluation.label_index import Encoder, Occurrences, UnitIndex
from sgram.lexicon import Cluster, Gram, Lexicon

Level = Literal["units", "pieces"]
TOLERANCE = 0.02
"""How far a placebo's share may be from the share wanted, as a part of it (at least half a unit or piece)."""
N_PLACEBOS = 5
MIN_DF = 2
"""Documents that must hold a gram of the texts themselves: what one text alone says is no phrase."""


@dataclass(frozen=True, slots=True, eq=False)
class Placebo:
    """Random grams, as rows of the candidates, and how much they mark."""

    rows: np.ndarray
    share: float
    wanted: float
    met: bool
    """Whether the share is within the tolerance of what was wanted; if not, the candidates cannot reach it."""


def placebo_grams(
    found: Occurrences, share: float, level: Level = "units", seed: int = 0, tolerance: float = TOLERANCE
) -> Placebo:
    """Random ones of the candidates that occur as `found`, which mark the `share` of units, or of words or tokens."""
    if not 0 <= share <= 1:
        raise UsageError(f"a placebo marks a share from 0 to 1, not {share}")
    n_places = found.n_units if level == "units" else found.n_pieces
    return _drawn(_places(found, level), n_places, share, seed, tolerance)


def _drawn(where: tuple[np.ndarray, np.ndarray], n_places: int, share: float, seed: int, tolerance: float) -> Placebo:
    """Random ones of the candidates that mark what `_places` says."""
    order = np.random.default_rng([seed, 0x91ACEB0]).permutation(len(where[0]) - 1)
    rows, n_marked, met = draw_to_share(order, *where, n_places, share * n_places, tolerance)
    return Placebo(rows, n_marked / n_places if n_places else 0.0, share, met)


def draw_to_share(
    order: np.ndarray,
    starts: np.ndarray,
    places: np.ndarray,
    n_places: int,
    wanted: float,
    tolerance: float = TOLERANCE,
) -> tuple[np.ndarray, int, bool]:
    """(rows, places marked, whether they are as many as `wanted`): candidates taken in `order` until it is reached.

    Candidate g marks ``places[starts[g] : starts[g + 1]]``; one that marks nothing new, or too much, is passed over.
    """
    slack = max(0.5, tolerance * wanted)
    marked, n_marked, chosen = np.zeros(n_places, bool), 0, []
    for row in order.tolist():
        if n_marked >= wanted - slack:
            break
        held = places[starts[row] : starts[row + 1]]
        new = held[~marked[held]]
        if len(new) and n_marked + len(new) <= wanted + slack:
            marked[new] = True
            n_marked += len(new)
            chosen.append(row)
    return np.array(sorted(chosen), np.int64), n_marked, abs(n_marked - wanted) <= slack


def _places(found: Occurrences, level: Level) -> tuple[np.ndarray, np.ndarray]:
    """(starts, places): gram g marks ``places[starts[g] : starts[g + 1]]``, each once."""
    grams, places = found.gram, found.unit
    n_places = found.n_units
    if level == "pieces":
        sizes = found.end - found.first
        grams, n_places = np.repeat(grams, sizes), found.n_pieces
        places = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(found.first, sizes)
    keys = np.unique(grams * max(1, n_places) + places)
    counts = np.bincount(keys // max(1, n_places), minlength=found.n_grams)
    return np.concatenate(([0], np.cumsum(counts))), keys % max(1, n_places)


class PlaceboDraws:
    """Lexicons of random grams whose masks cover the same share of the words of `texts` as that of `lexicon`.

    With a `tokenizer`, of its tokens. Drawn from `candidates`, or from the grams of 1 to 6 words that at least
    `MIN_DF` of the texts hold; as a random list may, it can hold grams of `lexicon`. `UsageError` where no gram of
    `lexicon` occurs. The order of texts and candidates does not matter.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        texts: Iterable[str],
        *,
        candidates: Sequence[str] | None = None,
        tokenizer: Encoder | None = None,
        tolerance: float = TOLERANCE,
    ):
        index = UnitIndex.of_texts(sorted(texts), tokenizer)
        covered = index.find([gram.text for gram in lexicon.grams]).covered_pieces()
        if not covered.any():
            raise UsageError(f"no gram of {lexicon.name} occurs in the texts: there is nothing to match")
        self._lexicon, self._tolerance, self._given = lexicon, tolerance, candidates is not None
        self._drawn_from = index.grams(MIN_DF) if candidates is None else sorted(set(candidates))
        found = index.find(self._drawn_from)
        self._where, self._n_pieces = _places(found, "pieces"), found.n_pieces  # the same for every draw
        self._share, self._unit = float(covered.mean()), index.pieces

    def draw(self, seed: int = 0) -> Lexicon:
        """One of them: every gram is a cluster of its own, of the move "other"; the source tells both shares.

        `UsageError` where the share cannot be reached.
        """
        placebo = _drawn(self._where, self._n_pieces, self._share, seed, self._tolerance)
        n_candidates, name = len(self._drawn_from), self._lexicon.name
        if not placebo.met:
            raise UsageError(
                f"{n_candidates:,} candidates cover {placebo.share:.1%} of the {self._unit}, {name} covers "
                f"{placebo.wanted:.1%}; give more candidates or more texts"
            )
        source = {
            "method": "placebo",
            "of": {"name": name, "digest": self._lexicon.digest},
            "seed": seed,
            "unit": self._unit,
            "share": round(placebo.share, 6),
            "wanted": round(placebo.wanted, 6),
            "candidates": "given" if self._given else "grams of the texts",
            "n_candidates": n_candidates,
        }
        drawn = [self._drawn_from[row] for row in placebo.rows.tolist()]
        clusters = [Cluster(0, (Gram(tuple(text.split(" "))),), None, text, "other") for text in drawn]
        return Lexicon.build(f"placebo of {name}", clusters, source)


def placebo_lexicon(
    lexicon: Lexicon,
    texts: Iterable[str],
    seed: int = 0,
    *,
    candidates: Sequence[str] | None = None,
    tokenizer: Encoder | None = None,
    tolerance: float = TOLERANCE,
) -> Lexicon:
    """One draw of `PlaceboDraws`."""
    draws = PlaceboDraws(lexicon, texts, candidates=candidates, tokenizer=tokenizer, tolerance=tolerance)
    return draws.draw(seed)
