"""A vocabulary and a lexicon as two arrays, in the shape that any device can hold. Knows nothing about rows of ids."""

from typing import NamedTuple

import numpy as np
from numba import njit

from sgram.tagging.automaton import ROOT, Automaton
from sgram.tagging.pieces import GAP_RUN, JOIN_RUN, RUN, Pieces

(
    HEADS, LEADS, PLACES, SIZES, PARTS, ENDS, COLUMNS, TRIE, WORDS, FIRSTS, BASES, EDGES, FAILS, LONGEST, MOVE,
    WIDTH, N_IDS, SPELLED,
) = range(18)  # fmt: skip
"""Places in `Tables.starts`. Up to MOVE: where a table begins in `numbers` (HEADS, LEADS, PLACES, SIZES: `what`, trie
node, `at`, `size` of each token, as `Pieces` has them; ENDS: begin and end of its bytes). Then: columns of the
trie, size of the vocabulary, where the tokens' bytes begin in `letters`."""


class Tables(NamedTuple):
    """One vocabulary and one lexicon in two arrays.

    Two, because to pass fifteen arrays from one compiled function to the next costs more than what they do.
    """

    numbers: np.ndarray
    """int32."""
    letters: np.ndarray
    """uint8: runs of letters, then the tokens' bytes."""
    starts: np.ndarray
    """(18,) int64."""

    @classmethod
    def of(cls, pieces: Pieces, automaton: Automaton) -> "Tables":
        """Tables of the pair."""
        rows, parts = pieces.rows.copy(), pieces.parts.copy()
        for table in (rows, parts):
            _lead(table, pieces.letters, automaton.columns, automaton.trie)
        tables = [
            rows[:, 0], rows[:, 3], rows[:, 1], rows[:, 2], parts, np.concatenate(([0], pieces.ends)),
            automaton.columns, automaton.trie, automaton.word_of, automaton.first, automaton.base, automaton.edges,
            automaton.fail, automaton.longest, automaton.move,
        ]  # fmt: skip
        starts = np.cumsum([0, *(table.size for table in tables[:-1])])
        starts = np.append(starts, [automaton.trie.shape[1], len(rows), len(pieces.letters)]).astype(np.int64)
        numbers = np.concatenate([table.ravel() for table in tables]).astype(np.int32)
        return cls(numbers, np.concatenate((pieces.letters, pieces.spelled)), starts)


@njit(nogil=True, cache=True)
def _lead(table, letters, columns, trie):
    """Write to column 3 the trie node that each run leads to from the root, its connector left out."""
    for row in range(table.shape[0]):
        kind = table[row, 0] & 0xFF
        if kind == GAP_RUN or kind == RUN or kind == JOIN_RUN:
            node = ROOT
            for at in range(table[row, 1] + (kind == JOIN_RUN), table[row, 1] + table[row, 2]):
                node = trie[node, columns[letters[at]]]
            table[row, 3] = node
