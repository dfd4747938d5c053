"""Grams of a lexicon in texts, compiled: the fast twin of `find_spans`. Knows nothing about tokens."""

import numpy as np
from numba import njit

from sgram.errors import UsageError
from sgram.lexicon import Lexicon
from sgram.scan import next_word
from sgram.tagging.kernel.automaton import Automaton
from sgram.tagging.spans import Span

_LONGEST = (1 << 31) - 1
_BLOCK = 64
"""Bytes whose characters are counted together."""


class SpanFinder:
    """Finds every occurrence of a lexicon's grams, equal to `find_spans`, at the speed of a corpus."""

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        tables = Automaton.of(lexicon)
        self._tables = (
            tables.columns,
            _flat(tables),
            np.uint64(tables.trie.shape[1]),
            _states(tables),
            tables.first.astype(np.uint32),
            tables.edges.astype(np.uint32).ravel(),
        )
        self._facts = [(cluster.move, cluster.id, gram.text) for cluster in lexicon.clusters for gram in cluster.grams]

    def __call__(self, text: str) -> list[Span]:
        """Spans of `text` by start, of those that start together the longest first."""
        facts = self._facts
        return [Span(start, end, *facts[row]) for start, end, row in self.offsets(text).tolist()]

    def offsets(self, text: str) -> np.ndarray:
        """Start, end (characters) and row in ``lexicon.grams`` of each occurrence, int32 (n, 3), in the same order."""
        buffer = np.frombuffer(text.encode("utf-8", "surrogatepass") + b"\n", np.uint8)
        if len(buffer) > _LONGEST:
            raise UsageError(f"a text of {len(buffer) - 1:,} bytes is longer than spans can say; cut it")
        found = _find(buffer, *self._tables)
        if not text.isascii():
            _to_characters(buffer, found)
        return found


def _flat(tables: Automaton) -> np.ndarray:
    """The trie as uint32 in one row: where a byte leads to is the place of a row; the row ends with its word plus 1."""
    rows = np.concatenate((tables.trie * (tables.trie.shape[1] + 1), tables.word_of[:, None] + 1), axis=1)
    return rows.astype(np.uint32).ravel()


def _states(tables: Automaton) -> np.ndarray:
    """Eight uint32 a state, that lie together because they are asked for together.

    Base, fail, row of its gram plus 1, shorter, words of the longest gram; the rest is 0.
    """
    states = np.zeros((len(tables.base), 8), np.uint32)
    known = (tables.base, tables.fail, tables.gram + 1, tables.shorter, tables.longest)
    states[:, :5] = np.stack(known, axis=1)
    return states


@njit(nogil=True, cache=True)
def _by_start(found, n_words):
    """Columns 0 to 2 of `found`, which is by end, in the order of column 3, the number of the first word.

    Of those that begin together the longest comes first: it ends last.
    """
    places = np.zeros(n_words + 1, np.int32)
    for row in range(found.shape[0]):
        places[found[row, 3] + 1] += 1
    for word in range(n_words):
        places[word + 1] += places[word]
    ordered = np.empty((found.shape[0], 3), np.int32)
    for row in range(found.shape[0] - 1, -1, -1):
        place = places[found[row, 3]]
        places[found[row, 3]] += 1
        ordered[place, 0], ordered[place, 1], ordered[place, 2] = found[row, 0], found[row, 1], found[row, 2]
    return ordered


@njit(nogil=True, cache=True)
def _find(buffer, columns, trie, width, states, first, edges):
    """(n, 3): byte start, byte end and gram of each occurrence, by start, then the longest first.

    `buffer` ends in a newline; `trie` is that of `_flat`. What is walked is unsigned: a look into an array at a signed
    place begins with the question whether it counts from the end.
    """
    end = buffer.shape[0]
    found, n_found = np.empty((end // 6 + 16, 4), np.int32), 0
    scratch, begins = np.empty(end + 1, np.uint8), np.zeros(8, np.int64)
    at, n_words, state, one, two = 0, 0, np.uint64(0), np.uint64(1), np.uint64(2)
    while True:
        start, at, length, low, high, broke = next_word(buffer, at, end, scratch)
        if start < 0:
            return _by_start(found[:n_found], n_words)
        node = width + one  # the root is row 1
        for step in range(length):  # written out here: as a function of its own it costs half as much again
            if step < 8:
                byte = low >> np.uint64(8 * step) & np.uint64(255)
            elif step < 16:
                byte = high >> np.uint64(8 * step - 64) & np.uint64(255)
            else:
                byte = np.uint64(scratch[step])
            node = np.uint64(trie[node + np.uint64(columns[byte])])
            if node == 0:
                break
        word = np.uint64(trie[node + width])  # plus 1
        if broke or word == 0:
            state = np.uint64(0)
        if word == 0:
            continue
        word -= one
        while state != 0 and np.uint64(edges[two * (np.uint64(states[state, 0]) + word)]) != state:
            state = np.uint64(states[state, 1])
        if state == 0:
            state = np.uint64(first[word])
        else:
            state = np.uint64(edges[two * (np.uint64(states[state, 0]) + word) + one])
        if state == 0:
            continue
        begins[n_words & 7] = start
        n_words += 1
        ending = state if states[state, 2] else np.uint64(states[state, 3])
        while ending != 0:
            if n_found == found.shape[0]:
                larger = np.empty((2 * n_found, 4), np.int32)
                larger[:n_found] = found
                found = larger
            begun = n_words - np.int64(states[ending, 4])
            found[n_found, 0], found[n_found, 1] = begins[begun & 7], at
            found[n_found, 2], found[n_found, 3] = np.int64(states[ending, 2]) - 1, begun
            n_found += 1
            ending = np.uint64(states[ending, 3])


@njit(nogil=True, cache=True)
def _to_characters(buffer, found):
    """Turn byte offsets into character offsets, in place: less the bytes before that begin no character."""
    size = buffer.shape[0]
    inner = np.zeros(size // _BLOCK + 2, np.int64)  # bytes inside a character, before each block
    for block in range(size // _BLOCK + 1):
        count = 0
        for at in range(block * _BLOCK, min(size, (block + 1) * _BLOCK)):
            count += np.int64(buffer[at] & 0xC0 == 0x80)
        inner[block + 1] = inner[block] + count
    for row in range(found.shape[0]):
        for side in range(2):
            offset = found[row, side]
            count = inner[offset // _BLOCK]
            for at in range(offset // _BLOCK * _BLOCK, offset):
                count += np.int64(buffer[at] & 0xC0 == 0x80)
            found[row, side] = offset - count
