"""Grams of a lexicon in texts, compiled: the fast twin of `find_spans`. Knows nothing about tokens."""

import numpy as np
from numba import njit

from sgram.lexicon import Lexicon
from sgram.scan import next_word
from sgram.tagging.automaton import DEAD, ROOT, Automaton
from sgram.tagging.spans import Span


class SpanFinder:
    """Finds every occurrence of a lexicon's grams, equal to `find_spans`, at the speed of a corpus."""

    def __init__(self, lexicon: Lexicon):
        self.lexicon = lexicon
        self._automaton = Automaton.of(lexicon)
        self._facts = [
            (cluster.move, cluster.id, gram.text) for cluster in lexicon.clusters for gram in cluster.grams
        ]

    def __call__(self, text: str) -> list[Span]:
        """Spans of `text` by start, of those that start together the longest first."""
        facts = self._facts
        return [Span(start, end, *facts[row]) for start, end, row in self.offsets(text).tolist()]

    def offsets(self, text: str) -> np.ndarray:
        """Start, end (characters) and row in ``lexicon.grams`` of each occurrence, int64 (n, 3), in the same order."""
        tables = self._automaton
        buffer = np.frombuffer(text.encode("utf-8", "surrogatepass") + b"\n", np.uint8)
        found = _find(
            buffer, tables.columns, tables.trie, tables.word_of, tables.first, tables.base, tables.edges,
            tables.fail, tables.longest, tables.gram, tables.shorter,
        )  # fmt: skip
        if not text.isascii():  # byte offsets to character offsets: count the bytes that begin a character
            starts = np.concatenate(([0], np.cumsum((buffer & 0xC0) != 0x80)))
            found[:, :2] = starts[found[:, :2]]
        return found[np.lexsort((-found[:, 1], found[:, 0]))]


@njit(nogil=True, cache=True)
def _find(buffer, columns, trie, word_of, first, base, edges, fail, longest, gram, shorter):
    """(n, 3): byte start, byte end and gram of each occurrence, by end; `buffer` ends with a newline."""
    end = buffer.shape[0]
    found, n_found = np.empty((end // 64 + 16, 3), np.int64), 0
    scratch, begins = np.empty(end + 1, np.uint8), np.zeros(8, np.int64)
    at, state, n_words = 0, np.int32(0), 0
    while True:
        start, at, length, low, high, broke = next_word(buffer, at, end, scratch)
        if start < 0:
            return found[:n_found].copy()
        node = np.int32(ROOT)
        for step in range(length):
            if step < 8:
                byte = low >> np.uint64(8 * step) & np.uint64(255)
            elif step < 16:
                byte = high >> np.uint64(8 * step - 64) & np.uint64(255)
            else:
                byte = np.uint64(scratch[step])
            node = trie[node, columns[byte]]
            if node == DEAD:
                break
        word = word_of[node]
        if broke or word < 0:
            state = np.int32(0)
        if word < 0:
            continue
        while state != 0 and edges[base[state] + word, 0] != state:
            state = fail[state]
        state = first[word] if state == 0 else edges[base[state] + word, 1]
        begins[n_words & 7] = start
        n_words += 1
        ending = state if gram[state] >= 0 else shorter[state]
        while ending != 0:
            if n_found == found.shape[0]:
                larger = np.empty((2 * n_found, 3), np.int64)
                larger[:n_found] = found
                found = larger
            found[n_found, 0] = begins[n_words - longest[ending] & 7]
            found[n_found, 1], found[n_found, 2] = at, gram[ending]
            n_found += 1
            ending = shorter[ending]
