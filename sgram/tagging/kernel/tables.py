"""A vocabulary and a lexicon as two flat arrays, a form that any device can hold."""

from typing import NamedTuple

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.compiling import kernel
from sgram.tagging.kernel.automaton import DEAD, ROOT, Automaton
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer
from sgram.tagging.kernel.pieces import CONNECTOR_RUN, GAP, GAP_RUN, KIND_MASK, RUN, Pieces

(
    HEADS,
    OPERANDS,
    SIZES,
    PARTS,
    BYTE_ENDS,
    BYTE_COLUMNS,
    TRIE,
    NODE_WORDS,
    FIRST_STATES,
    EDGE_BASES,
    EDGES,
    FAILURE_LINKS,
    LONGEST_GRAMS,
    GRAM_MOVES,
    PAIR_BITS,
    TRIE_WIDTH,
    N_IDS,
    TOKEN_BYTES,
    N_PAIR_NUMBERS,
) = range(19)
"""Indices into `Tables.starts`.

Up to PAIR_BITS: where a table begins in `numbers`. HEADS: four numbers per token, see `_token_heads`. OPERANDS, SIZES
and PARTS: as in `Pieces`. BYTE_ENDS: begin and end of each token's bytes. PAIR_BITS: see `_pair_bits`. The others: as
in `Automaton`. After PAIR_BITS: number of columns of the trie; size of the vocabulary; where the tokens' bytes begin
in `letters`; size of PAIR_BITS in numbers."""
BEGINS_SHIFT, ALONE_SHIFT = 22, 23
"""Two more bits of `flags` in HEADS. BEGINS: a gram may begin in this token, or the token is no plain gap or run.
ALONE: the token's run is a gram of one word."""


class Tables(NamedTuple):
    """One vocabulary and one lexicon in two arrays, and where their tables begin.

    There are two arrays because passing fifteen from one compiled function to the next costs more than their work.
    """

    numbers: Int32Array
    """All int32 tables, concatenated."""
    letters: ByteArray
    """Runs of letters, then the tokens' bytes."""
    starts: IntArray
    """(19,): offsets and sizes, see `HEADS` and the names after it."""

    @classmethod
    def build(cls, pieces: Pieces, automaton: Automaton) -> "Tables":
        """Return the tables of a vocabulary's `pieces` and a lexicon's `automaton`.

        >>> from sgram.lexicon import Lexicon
        >>> automaton = Automaton.from_lexicon(Lexicon.from_grams(["let me"]))
        >>> tables = Tables.build(Pieces.from_tokens((b"let", b" me")), automaton)
        >>> int(tables.starts[N_IDS]), bytes(tables.letters)
        (2, b'letmelet me\\n')
        """
        rows, parts = pieces.rows.copy(), pieces.parts.copy()
        for table in (rows, parts):
            _write_run_nodes(table, pieces.letters, automaton.byte_columns, automaton.trie)
        tables = [
            _token_heads(rows, automaton),
            rows[:, 1],
            rows[:, 2],
            parts,
            np.concatenate(([0], pieces.byte_ends)),
            automaton.byte_columns,
            automaton.trie,
            automaton.node_words,
            automaton.first_states,
            automaton.edge_bases,
            automaton.edges,
            automaton.failure_links,
            automaton.longest_grams,
            automaton.gram_moves,
            _pair_bits(automaton),
        ]
        starts = np.cumsum([0, *(table.size for table in tables[:-1])])
        sizes = [automaton.trie.shape[1], len(rows), len(pieces.letters), tables[-1].size]
        starts = np.append(starts, sizes).astype(np.int64)
        numbers = np.concatenate([table.ravel() for table in tables]).astype(np.int32)
        return cls(numbers, np.concatenate((pieces.letters, pieces.token_bytes)), starts)


def _token_heads(rows: Int32Array, automaton: Automaton) -> Int32Array:
    """Return (V, 4) heads of the tokens of `Pieces.rows`, whose column 3 is the trie node of the run.

    A head is (flags, node, state, 0): `flags` with the bits BEGINS and ALONE; the trie node of the run; the state
    after the run, if that is a word with which some gram begins, else 0.
    """
    kinds, nodes = rows[:, 0] & KIND_MASK, rows[:, 3]
    is_plain_run = (kinds <= CONNECTOR_RUN) & (kinds != GAP)
    words = np.where(is_plain_run, automaton.node_words[nodes], -1)
    states = np.where(words >= 0, automaton.first_states[words], 0)
    begins = (kinds > CONNECTOR_RUN) | (is_plain_run & _nodes_toward_first_words(automaton)[nodes])
    is_gram = automaton.longest_grams[states] > 0
    flags = rows[:, 0] | begins.astype(np.int32) << BEGINS_SHIFT | is_gram.astype(np.int32) << ALONE_SHIFT
    return np.stack([flags, nodes, states, np.zeros_like(nodes)], axis=1).astype(np.int32)


def _nodes_toward_first_words(automaton: Automaton) -> BoolArray:
    """Return (N,): whether a trie node is, or leads to, a word with which some gram begins."""
    ends_word = automaton.node_words >= 0
    leads_on = np.zeros(len(ends_word), np.bool_)
    leads_on[ends_word] = automaton.first_states[automaton.node_words[ends_word]] > 0
    for node in range(len(leads_on) - 1, ROOT, -1):  # children have larger numbers than their parent
        leads_on[node] = leads_on[node] or leads_on[automaton.trie[node]].any()
    leads_on[DEAD] = False
    return leads_on


def _pair_bits(automaton: Automaton) -> Int32Array:
    """Return a bitmap of the hashes of pairs: state after a first word, trie node on the way to a second word.

    Its length in numbers is a power of two.
    """
    n_words, parents = len(automaton.first_states), np.zeros(len(automaton.trie), np.int64)
    nodes, columns = np.nonzero(automaton.trie)
    parents[automaton.trie[nodes, columns]] = nodes
    word_nodes = np.zeros(n_words, np.int64)
    ends_word = np.flatnonzero(automaton.node_words >= 0)
    word_nodes[automaton.node_words[ends_word]] = ends_word
    pairs = []
    for state in automaton.first_states[automaton.first_states > 0].tolist():
        base = automaton.edge_bases[state]
        for word_id in np.flatnonzero(automaton.edges[base : base + n_words, 0] == state).tolist():
            node = word_nodes[word_id]
            while node > ROOT:
                pairs.append((state, node))
                node = parents[node]
    size = 64
    while size < len(pairs):
        size *= 2
    bits = np.zeros(size, np.int32)
    _set_pair_bits(np.array(pairs, np.int64).reshape(-1, 2), bits)
    return bits


@kernel()
def _set_pair_bits(pairs: IntArray, bits: Int32Array) -> None:
    """Set the bit of each of `pairs` in the bitmap `bits`, in place."""
    for row in range(pairs.shape[0]):
        pair_hash = hash_pair(np.uint32(pairs[row, 0]), np.uint32(pairs[row, 1]))
        index = np.int64((pair_hash >> np.uint32(5)) & np.uint32(bits.shape[0] - 1))
        bits[index] |= np.int32(1) << np.int32(pair_hash & np.uint32(31))


@kernel(inline="always")
def hash_pair(state: Integer, node: Integer) -> Integer:
    """Return the hash of a pair, uint32: bits 0-4 give the bit in a number of the bitmap, the others the number."""
    mixed = state * np.uint32(0x9E3779B1) ^ node * np.uint32(0x85EBCA6B)
    return mixed ^ mixed >> np.uint32(15)


@kernel()
def _write_run_nodes(table: Int32Array, letters: ByteArray, byte_columns: ByteArray, trie: Int32Array) -> None:
    """Write to column 3 of `table` the trie node to which each run leads from the root, without its connector."""
    for row in range(table.shape[0]):
        kind = table[row, 0] & KIND_MASK
        if kind == GAP_RUN or kind == RUN or kind == CONNECTOR_RUN:
            node: Integer = ROOT
            for at in range(table[row, 1] + (kind == CONNECTOR_RUN), table[row, 1] + table[row, 2]):
                node = trie[node, byte_columns[letters[at]]]
            table[row, 3] = node
