"""Occurrences of a lexicon's grams in the bytes of a text, compiled with numba; `SpanFinder` calls it."""

import numpy as np

from sgram.array_types import IntArray
from sgram.compiling import kernel
from sgram.scan import next_word
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer, UInt32Array

_BLOCK = 64
"""Bytes whose characters are counted together."""
_ONE, _TWO = np.uint64(1), np.uint64(2)


def flatten_trie(automaton: Automaton) -> UInt32Array:
    """Return the trie as one row. A byte leads to the index where its node's row begins.

    A node's row has one number more than the trie has columns: the word that ends there plus 1, or 0.
    """
    rows = np.concatenate((automaton.trie * (automaton.trie.shape[1] + 1), automaton.node_words[:, None] + 1), axis=1)
    return rows.astype(np.uint32).ravel()


def pack_states(automaton: Automaton) -> UInt32Array:
    """Return (S, 8): what is read of a state together, side by side in memory.

    Columns: edge base, failure link, gram row plus 1, output link, words of the longest gram; the others are 0.
    """
    states = np.zeros((len(automaton.edge_bases), 8), np.uint32)
    columns = (
        automaton.edge_bases,
        automaton.failure_links,
        automaton.gram_rows + 1,
        automaton.output_links,
        automaton.longest_grams,
    )
    states[:, :5] = np.stack(columns, axis=1)
    return states


@kernel()
def _sort_by_start(occurrences: Int32Array, n_words: Integer) -> Int32Array:
    """Return columns 0 to 2 of `occurrences` in the order of column 3, the number of the first word.

    The input is in order of ends. Of occurrences that begin together the longest comes first: it ends last.
    """
    slots = np.zeros(n_words + 1, np.int32)
    for row in range(occurrences.shape[0]):
        slots[occurrences[row, 3] + 1] += 1
    for word in range(n_words):
        slots[word + 1] += slots[word]
    ordered = np.empty((occurrences.shape[0], 3), np.int32)
    for row in range(occurrences.shape[0] - 1, -1, -1):
        slot = slots[occurrences[row, 3]]
        slots[occurrences[row, 3]] += 1
        ordered[slot, 0], ordered[slot, 1] = occurrences[row, 0], occurrences[row, 1]
        ordered[slot, 2] = occurrences[row, 2]
    return ordered


@kernel()
def find_occurrences(
    buffer: ByteArray,
    byte_columns: ByteArray,
    trie: UInt32Array,
    width: Integer,
    states: UInt32Array,
    first_states: UInt32Array,
    edges: UInt32Array,
) -> Int32Array:
    """Return (n, 3): byte start, byte end and gram row of each occurrence, by start, then the longest first.

    `buffer` ends in a newline. `trie` is `flatten_trie`, `width` its columns, `states` are `pack_states`. Indices are
    unsigned because each access at a signed index first tests for a negative one.
    """
    end = buffer.shape[0]
    occurrences = np.empty((end // 6 + 16, 4), np.int32)
    n_occurrences = 0
    scratch, word_starts = np.empty(end + 1, np.uint8), np.zeros(8, np.int64)
    at, n_words, state = 0, 0, np.uint64(0)
    while True:
        start, at, length, low, high, broke = next_word(buffer, at, end, scratch)
        if start < 0:
            return _sort_by_start(occurrences[:n_occurrences], n_words)
        node = width + _ONE  # the root is row 1
        for step in range(length):  # inlined: as a function of its own it takes half as long again
            if step < 8:
                byte = low >> np.uint64(8 * step) & np.uint64(255)
            elif step < 16:
                byte = high >> np.uint64(8 * step - 64) & np.uint64(255)
            else:
                byte = np.uint64(scratch[step])
            node = np.uint64(trie[node + np.uint64(byte_columns[byte])])
            if node == 0:
                break
        word = np.uint64(trie[node + width])  # plus 1
        if broke or word == 0:
            state = np.uint64(0)
        if word == 0:
            continue
        word -= _ONE
        while state != 0 and np.uint64(edges[_TWO * (np.uint64(states[state, 0]) + word)]) != state:
            state = np.uint64(states[state, 1])
        if state == 0:
            state = np.uint64(first_states[word])
        else:
            state = np.uint64(edges[_TWO * (np.uint64(states[state, 0]) + word) + _ONE])
        if state == 0:
            continue
        word_starts[n_words & 7] = start
        n_words += 1
        gram_state = state if states[state, 2] else np.uint64(states[state, 3])
        while gram_state != 0:
            if n_occurrences == occurrences.shape[0]:
                larger = np.empty((2 * n_occurrences, 4), np.int32)
                larger[:n_occurrences] = occurrences
                occurrences = larger
            first_word = n_words - np.int64(states[gram_state, 4])
            occurrences[n_occurrences, 0], occurrences[n_occurrences, 1] = word_starts[first_word & 7], at
            occurrences[n_occurrences, 2] = np.int64(states[gram_state, 2]) - 1
            occurrences[n_occurrences, 3] = first_word
            n_occurrences += 1
            gram_state = np.uint64(states[gram_state, 3])


@kernel()
def to_character_offsets(buffer: ByteArray, occurrences: Int32Array) -> None:
    """Turn the byte offsets in columns 0 and 1 of `occurrences` into character offsets, in place.

    A character offset is the byte offset minus the number of UTF-8 continuation bytes before it.
    """
    size = buffer.shape[0]
    n_before: IntArray = np.zeros(size // _BLOCK + 2, np.int64)  # continuation bytes before each block
    for block in range(size // _BLOCK + 1):
        count: Integer = 0
        for at in range(block * _BLOCK, min(size, (block + 1) * _BLOCK)):
            count += np.int64(buffer[at] & 0xC0 == 0x80)
        n_before[block + 1] = n_before[block] + count
    for row in range(occurrences.shape[0]):
        for column in range(2):
            offset = occurrences[row, column]
            count = n_before[offset // _BLOCK]
            for at in range(offset // _BLOCK * _BLOCK, offset):
                count += np.int64(buffer[at] & 0xC0 == 0x80)
            occurrences[row, column] = offset - count
