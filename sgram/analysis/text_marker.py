"""What the grams of a lexicon mark in one text: words, spans, what comes next. Knows nothing about traces or counts.

Spans are counted as people see them, none inside another (`longest_first`); words are marked by every span.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sgram.lexicon import Lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import Span, longest_first
from sgram.text import normal_word

BREAK = 0
"""What follows a span that ends its sentence: a full stop, a number, a formula, the end of the text."""


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """What one lexicon marks in one text."""

    planning: np.ndarray
    """bool (words,): inside at least one occurrence."""
    grams: np.ndarray
    """int64 (spans,): row in ``lexicon.grams`` of each span that is counted, in text order."""
    starts: np.ndarray
    """int64 (spans,): first character of each."""
    following: np.ndarray
    """int64 (spans,): the word of the same sentence that follows it, as `word_key`; `BREAK` for none."""

    def gaps(self) -> list[int]:
        """Lengths, in words, of the execution spans that lie between two planning spans (stretches of words)."""
        places = np.flatnonzero(self.planning)
        steps = np.diff(places) - 1
        return steps[steps > 0].tolist()


class Marker:
    """Marks texts by a lexicon."""

    def __init__(self, lexicon: Lexicon):
        self.lexicon, self._find = lexicon, SpanFinder(lexicon)
        self._sizes = np.array([len(gram.words) for gram in lexicon.grams], np.int64)

    def __call__(self, text: str, words: np.ndarray) -> Marks:
        """Marks of `text`, whose `words` are those of `word_offsets`."""
        found = self._find.offsets(text).astype(np.int64)  # start, end, gram
        first = np.searchsorted(words[:, 0], found[:, 0])
        last = np.searchsorted(words[:, 1], found[:, 1])
        edges = np.bincount(first, minlength=len(words) + 1) - np.bincount(last + 1, minlength=len(words) + 1)
        planning = np.cumsum(edges[:-1]) > 0
        shown = shown_rows(found, self._sizes)
        after, found = last[shown] + 1, found[shown]
        following = np.full(len(found), BREAK, np.int64)
        for place in np.flatnonzero(after < len(words)).tolist():
            word = after[place]
            if words[word, 2] == words[word - 1, 2]:
                following[place] = word_key(text[words[word, 0] : words[word, 1]])
        return Marks(planning, found[:, 2], found[:, 0], following)


def shown_rows(found: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Rows of `found` (start, end, gram; by start) that `longest_first` keeps, in order."""
    if not len(found):
        return np.zeros(0, np.int64)
    reach = np.maximum.accumulate(found[:, 1])
    begins = np.append(True, found[1:, 0] >= reach[:-1])  # of stretches that overlap
    bounds = np.append(np.flatnonzero(begins), len(found))
    lengths = np.diff(bounds)
    kept = [bounds[:-1][lengths == 1]]
    for at in np.flatnonzero(lengths > 1).tolist():
        rows = range(int(bounds[at]), int(bounds[at + 1]))
        spans = {
            Span(int(found[row, 0]), int(found[row, 1]), "", row, "x " * (int(sizes[found[row, 2]]) - 1) + "x")
            for row in rows
        }
        kept.append(np.array([span.cluster for span in longest_first(spans)], np.int64))
    return np.sort(np.concatenate(kept))


@lru_cache(maxsize=1 << 18)
def word_key(surface: str) -> int:
    """62 bits, never `BREAK`, that stand for the normal form of a word: the same in every process."""
    raw = hashlib.blake2b(normal_word(surface).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(raw, "little") >> 2) or 1
