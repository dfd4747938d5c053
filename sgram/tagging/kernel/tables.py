"""A vocabulary and a lexicon as two arrays, in the shape that any device can hold. Knows nothing about rows of ids."""

from typing import NamedTuple

import numpy as np
from numba import njit

from sgram.tagging.kernel.automaton import DEAD, ROOT, Automaton
from sgram.tagging.kernel.pieces import GAP, GAP_RUN, JOIN_RUN, RUN, Pieces

(
    HEADS,
    PLACES,
    SIZES,
    PARTS,
    ENDS,
    COLUMNS,
    TRIE,
    WORDS,
    FIRSTS,
    BASES,
    EDGES,
    FAILS,
    LONGEST,
    MOVE,
    PAIRS,
    WIDTH,
    N_IDS,
    SPELLED,
    N_PAIRS,
) = range(19)
"""Places in `Tables.starts`. Up to PAIRS: where a table begins in `numbers` (HEADS: four numbers a token, see `_heads`;
PLACES and SIZES: `at` and `size` of each token, as `Pieces` has them; ENDS: begin and end of its bytes; PAIRS: see
`_pair_bits`). Then: columns of the trie, size of the vocabulary, where the tokens' bytes begin in `letters`, size
of PAIRS."""
BEGINS, ALONE = 22, 23
"""Bits of `what`: a gram may begin here, or this is no plain gap or run; a gram of one word may stand here."""


class Tables(NamedTuple):
    """One vocabulary and one lexicon in two arrays.

    Two, because to pass fifteen arrays from one compiled function to the next costs more than what they do.
    """

    numbers: np.ndarray
    """int32."""
    letters: np.ndarray
    """uint8: runs of letters, then the tokens' bytes."""
    starts: np.ndarray
    """(19,) int64."""

    @classmethod
    def of(cls, pieces: Pieces, automaton: Automaton) -> "Tables":
        """Tables of the pair."""
        rows, parts = pieces.rows.copy(), pieces.parts.copy()
        for table in (rows, parts):
            _lead(table, pieces.letters, automaton.columns, automaton.trie)
        tables = [
            _heads(rows, automaton),
            rows[:, 1],
            rows[:, 2],
            parts,
            np.concatenate(([0], pieces.ends)),
            automaton.columns,
            automaton.trie,
            automaton.word_of,
            automaton.first,
            automaton.base,
            automaton.edges,
            automaton.fail,
            automaton.longest,
            automaton.move,
            _pair_bits(automaton),
        ]
        starts = np.cumsum([0, *(table.size for table in tables[:-1])])
        sizes = [automaton.trie.shape[1], len(rows), len(pieces.letters), tables[-1].size]
        starts = np.append(starts, sizes).astype(np.int64)
        numbers = np.concatenate([table.ravel() for table in tables]).astype(np.int32)
        return cls(numbers, np.concatenate((pieces.letters, pieces.spelled)), starts)


def _heads(rows: np.ndarray, automaton: Automaton) -> np.ndarray:
    """(V, 4) int32 of the tokens of `Pieces.rows`, whose column 3 is the trie node of the run.

    A row is `what`, with the bits BEGINS and ALONE; the node; the state after the run, if that is a word that some
    gram begins with, else 0; 0.
    """
    kind, node = rows[:, 0] & 0xFF, rows[:, 3]
    plain_run = (kind <= JOIN_RUN) & (kind != GAP)
    word = np.where(plain_run, automaton.word_of[node], -1)
    state = np.where(word >= 0, automaton.first[word], 0)
    begins = (kind > JOIN_RUN) | (plain_run & _leads_on(automaton)[node])
    what = rows[:, 0] | begins.astype(np.int32) << BEGINS | (automaton.longest[state] > 0).astype(np.int32) << ALONE
    return np.stack([what, node, state, np.zeros_like(node)], axis=1).astype(np.int32)


def _leads_on(automaton: Automaton) -> np.ndarray:
    """(N,) bool: whether a node of the trie is, or leads to, a word that some gram begins with."""
    known = automaton.word_of >= 0
    leads = np.zeros(len(known), np.bool_)
    leads[known] = automaton.first[automaton.word_of[known]] > 0
    for node in range(len(leads) - 1, ROOT, -1):  # children have larger numbers than their parent
        leads[node] = leads[node] or leads[automaton.trie[node]].any()
    leads[DEAD] = False
    return leads


def _pair_bits(automaton: Automaton) -> np.ndarray:
    """int32 bitmap, a power of two long, of pairs: state after a first word, trie node on the way to a second one."""
    n_words, parent = len(automaton.first), np.zeros(len(automaton.trie), np.int64)
    nodes, columns = np.nonzero(automaton.trie)
    parent[automaton.trie[nodes, columns]] = nodes
    node_of = np.zeros(n_words, np.int64)
    known = np.flatnonzero(automaton.word_of >= 0)
    node_of[automaton.word_of[known]] = known
    pairs = []
    for state in automaton.first[automaton.first > 0].tolist():
        row = automaton.edges[automaton.base[state] : automaton.base[state] + n_words, 0]
        for word in np.flatnonzero(row == state).tolist():
            node = node_of[word]
            while node > ROOT:
                pairs.append((state, node))
                node = parent[node]
    size = 64
    while size < len(pairs):
        size *= 2
    return _with_bits(np.array(pairs, np.int64).reshape(-1, 2), np.zeros(size, np.int32))


@njit(nogil=True, cache=True)
def _with_bits(pairs, bits):
    for row in range(pairs.shape[0]):
        mixed = mixed_pair(np.uint32(pairs[row, 0]), np.uint32(pairs[row, 1]))
        place = np.int64((mixed >> np.uint32(5)) & np.uint32(bits.shape[0] - 1))
        bits[place] |= np.int32(1) << np.int32(mixed & np.uint32(31))
    return bits


@njit(nogil=True, cache=True, inline="always")
def mixed_pair(state, node):
    """Hash of a pair, uint32: bits 0-4 say which bit of a number of the bitmap, the rest which number."""
    mixed = state * np.uint32(0x9E3779B1) ^ node * np.uint32(0x85EBCA6B)
    return mixed ^ mixed >> np.uint32(15)


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
