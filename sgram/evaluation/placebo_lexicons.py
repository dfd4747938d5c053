"""Placebo lexicons: random grams that mark as much text as a lexicon does.

A list of common phrases finds many planning units by chance. A claim about a lexicon therefore needs a control: a list
of random grams that marks the same share of units, or of pieces (words or tokens, as a mask does). Candidates are drawn
in random order; one that would exceed the share is skipped; drawing ends when the share is reached within `TOLERANCE`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sgram.array_types import IntArray
from sgram.errors import UsageError
from sgram.evaluation.label_index import Encoder, GramOccurrences, UnitIndex
from sgram.lexicon import Cluster, Gram, Lexicon, LexiconLike, as_lexicon

PlaceboLevel = Literal["units", "pieces"]
TOLERANCE = 0.02
"""Maximum relative difference between a placebo's share and the target (at least half a unit or piece is allowed)."""
N_PLACEBOS = 5
MIN_DF = 2
"""Minimum document frequency of candidates from the texts: what only one text contains is not a phrase."""


@dataclass(frozen=True, slots=True, eq=False)
class PlaceboGrams:
    """Random grams and the share that they mark."""

    rows: IntArray
    """Indices of the grams in the list of candidates, sorted."""
    share: float
    """Share of units or pieces that they mark."""
    target_share: float
    is_matched: bool
    """Whether `share` is within the tolerance of `target_share`; if not, the candidates cannot reach it."""


def draw_placebo_grams(
    occurrences: GramOccurrences,
    share: float,
    level: PlaceboLevel = "units",
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> PlaceboGrams:
    """Draw random candidates that mark the `share` of units or of pieces; `occurrences` are those of the candidates.

    Raise `UsageError` if `share` is not between 0 and 1.

    >>> index = UnitIndex.from_texts(["so we add", "then we stop"])
    >>> draw_placebo_grams(index.find(["so", "then", "we"]), share=0.5).share
    0.5
    """
    if not 0 <= share <= 1:
        raise UsageError(f"the share of a placebo must be between 0 and 1 (got {share})")
    n_positions = occurrences.n_units if level == "units" else occurrences.n_pieces
    return _draw_grams(*_marked_positions(occurrences, level), n_positions, share, seed, tolerance)


def _draw_grams(
    starts: IntArray, positions: IntArray, n_positions: int, share: float, seed: int, tolerance: float
) -> PlaceboGrams:
    """Draw candidates that mark the units or pieces that `_marked_positions` returned."""
    order = np.random.default_rng([seed, 0x91ACEB0]).permutation(len(starts) - 1)
    rows, n_marked, is_matched = draw_to_share(order, starts, positions, n_positions, share * n_positions, tolerance)
    return PlaceboGrams(rows, n_marked / n_positions if n_positions else 0.0, share, is_matched)


def draw_to_share(
    order: IntArray,
    starts: IntArray,
    positions: IntArray,
    n_positions: int,
    target: float,
    tolerance: float = TOLERANCE,
) -> tuple[IntArray, int, bool]:
    """Take candidates in `order` until they mark `target` positions.

    A position is the index of a unit, word or token. Candidate g marks ``positions[starts[g] : starts[g + 1]]``; if
    none of them is new, or too many are, it is skipped. Return (candidates taken, number of positions marked, whether
    the target is reached).

    >>> draw_to_share(np.array([0, 1]), np.array([0, 2, 3]), np.array([0, 1, 2]), n_positions=4, target=2)
    (array([0]), 2, True)
    """
    slack = max(0.5, tolerance * target)
    is_marked, n_marked, rows = np.zeros(n_positions, bool), 0, []
    for row in order.tolist():
        if n_marked >= target - slack:
            break
        candidate_positions = positions[starts[row] : starts[row + 1]]
        new_positions = candidate_positions[~is_marked[candidate_positions]]
        if len(new_positions) and n_marked + len(new_positions) <= target + slack:
            is_marked[new_positions] = True
            n_marked += len(new_positions)
            rows.append(row)
    return np.array(sorted(rows), np.int64), n_marked, abs(n_marked - target) <= slack


def _marked_positions(occurrences: GramOccurrences, level: PlaceboLevel) -> tuple[IntArray, IntArray]:
    """Return (starts, positions): gram g marks ``positions[starts[g] : starts[g + 1]]``, without duplicates."""
    grams, positions = occurrences.gram, occurrences.unit
    n_positions = occurrences.n_units
    if level == "pieces":
        sizes = occurrences.end - occurrences.first
        grams, n_positions = np.repeat(grams, sizes), occurrences.n_pieces
        offsets = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        positions = offsets + np.repeat(occurrences.first, sizes)
    keys = np.unique(grams * max(1, n_positions) + positions)
    counts = np.bincount(keys // max(1, n_positions), minlength=occurrences.n_grams)
    return np.concatenate(([0], np.cumsum(counts))), keys % max(1, n_positions)


class PlaceboDraws:
    """Placebo lexicons whose masks cover the same share of the words of `texts` as the mask of `lexicon`.

    With a `tokenizer`, the share is of its tokens. Grams are drawn from `candidates`, or from the grams of 1 to 6 words
    in at least `MIN_DF` texts; they may be grams of `lexicon`. The order of texts and candidates does not matter.
    Raise `UsageError` if no gram of `lexicon` occurs.
    """

    def __init__(
        self,
        lexicon: LexiconLike,
        texts: Iterable[str],
        *,
        candidates: Sequence[str] | None = None,
        tokenizer: Encoder | None = None,
        tolerance: float = TOLERANCE,
    ):
        lexicon = as_lexicon(lexicon)
        index = UnitIndex.from_texts(sorted(texts), tokenizer)
        is_covered = index.find([gram.text for gram in lexicon.grams]).covered_pieces()
        if not is_covered.any():
            raise UsageError(
                f"no gram of {lexicon.name} occurs in the texts, so there is no share to match; give other texts"
            )
        self._lexicon, self._tolerance = lexicon, tolerance
        self._candidate_source = "grams of the texts" if candidates is None else "given"
        self._candidates = index.grams(MIN_DF) if candidates is None else sorted(set(candidates))
        occurrences = index.find(self._candidates)
        self._starts, self._positions = _marked_positions(occurrences, "pieces")
        self._n_pieces, self._piece_name = occurrences.n_pieces, index.piece_name
        self._share = float(is_covered.mean())

    def draw(self, seed: int = 0) -> Lexicon:
        """Draw one placebo: each gram is its own cluster with the move "other"; the source records both shares.

        Raise `UsageError` if the share cannot be reached.
        """
        placebo = _draw_grams(self._starts, self._positions, self._n_pieces, self._share, seed, self._tolerance)
        n_candidates, name = len(self._candidates), self._lexicon.name
        if not placebo.is_matched:
            raise UsageError(
                f"the {n_candidates:,} candidates cover {placebo.share:.1%} of the {self._piece_name}, {name} covers "
                f"{placebo.target_share:.1%}; give more candidates or more texts"
            )
        source = {
            "method": "placebo",
            "of": {"name": name, "digest": self._lexicon.digest},
            "seed": seed,
            "unit": self._piece_name,
            "share": round(placebo.share, 6),
            "wanted": round(placebo.target_share, 6),
            "candidates": self._candidate_source,
            "n_candidates": n_candidates,
        }
        grams = [self._candidates[row] for row in placebo.rows.tolist()]
        clusters = [Cluster(0, (Gram(tuple(text.split(" "))),), None, text, "other") for text in grams]
        return Lexicon.build(f"placebo of {name}", clusters, source)


def draw_placebo_lexicon(
    lexicon: LexiconLike,
    texts: Iterable[str],
    seed: int = 0,
    *,
    candidates: Sequence[str] | None = None,
    tokenizer: Encoder | None = None,
    tolerance: float = TOLERANCE,
) -> Lexicon:
    """Return one draw of `PlaceboDraws`, with the same arguments and errors.

    >>> texts = ["Wait, we add two.", "Now we add three.", "Then we add four."]
    >>> draw_placebo_lexicon(Lexicon.from_grams(["wait"]), texts, candidates=["now", "then"]).source["share"]
    0.083333
    """
    draws = PlaceboDraws(lexicon, texts, candidates=candidates, tokenizer=tokenizer, tolerance=tolerance)
    return draws.draw(seed)
