"""Planning words and spans of one text by the grams of a lexicon, and the word that follows each span.

Counted spans do not overlap (`remove_overlaps`); every occurrence of a gram marks its words as planning.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.lexicon import LexiconLike, as_lexicon
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import Span, remove_overlaps
from sgram.text import normal_word

BREAK = 0
"""Key of the following word if a span ends its sentence: a full stop, number or formula follows, or the text ends."""


@dataclass(frozen=True, slots=True, eq=False)
class TextMarks:
    """What the grams of one lexicon mark in one text."""

    planning: BoolArray
    """(words,) whether the word lies inside at least one occurrence of a gram."""
    grams: IntArray
    """(spans,) row in ``lexicon.grams`` of each counted span, in text order."""
    starts: IntArray
    """(spans,) first character of each counted span."""
    following: IntArray
    """(spans,) `word_key` of the next word in the same sentence; `BREAK` if there is none."""

    def gaps(self) -> list[int]:
        """Return the lengths, in words, of the execution stretches between two planning words; 0 is left out."""
        planning_positions = np.flatnonzero(self.planning)
        gaps: IntArray = np.diff(planning_positions) - 1
        return [int(gap) for gap in gaps[gaps > 0]]


class TextMarker:
    """Marks texts by the grams of a lexicon: a `Lexicon`, its path, or the name of a preset.

    >>> from sgram.lexicon import Lexicon
    >>> from sgram.scan import word_offsets
    >>> marker = TextMarker(Lexicon.from_grams(["wait", "let me check"]))
    >>> text = "Wait, let me check it."
    >>> marks = marker(text, word_offsets(text))
    >>> marks.planning.tolist(), marks.starts.tolist()
    ([True, True, True, True, False], [0, 6])
    """

    def __init__(self, lexicon: LexiconLike) -> None:
        lexicon = as_lexicon(lexicon)
        self.lexicon, self._finder = lexicon, SpanFinder(lexicon)
        self._gram_lengths: IntArray = np.array([len(gram.words) for gram in lexicon.grams], np.int64)

    def __call__(self, text: str, words: IntArray) -> TextMarks:
        """Return the marks of `text`; `words` are its `word_offsets`, (words, 3) start, end, sentence."""
        occurrences: IntArray = self._finder.offsets(text).astype(np.int64)  # start, end, gram
        first_words = np.searchsorted(words[:, 0], occurrences[:, 0])
        last_words = np.searchsorted(words[:, 1], occurrences[:, 1])
        n_words = len(words)
        depth_changes = np.bincount(first_words, minlength=n_words + 1) - np.bincount(
            last_words + 1, minlength=n_words + 1
        )
        planning = np.cumsum(depth_changes[:-1]) > 0
        counted_rows = disjoint_rows(occurrences, self._gram_lengths)
        next_words, spans = last_words[counted_rows] + 1, occurrences[counted_rows]
        following = np.full(len(spans), BREAK, np.int64)
        for span_index in np.flatnonzero(next_words < n_words).tolist():
            next_word = next_words[span_index]
            if words[next_word, 2] == words[next_word - 1, 2]:
                following[span_index] = word_key(text[words[next_word, 0] : words[next_word, 1]])
        return TextMarks(planning, spans[:, 2], spans[:, 0], following)


def disjoint_rows(occurrences: IntArray, gram_lengths: IntArray) -> IntArray:
    """Return the rows of `occurrences` that `remove_overlaps` keeps, in order.

    `occurrences` are (n, 3) start, end, gram, sorted by start; `gram_lengths` are (grams,) words.

    >>> disjoint_rows(np.array([[0, 4, 0], [0, 7, 1], [9, 11, 2]]), np.array([1, 2, 1])).tolist()
    [1, 2]
    """
    if not len(occurrences):
        return np.zeros(0, np.int64)
    reach = np.maximum.accumulate(occurrences[:, 1])
    begins_stretch = np.append(True, occurrences[1:, 0] >= reach[:-1])  # a stretch of overlapping occurrences
    bounds = np.append(np.flatnonzero(begins_stretch), len(occurrences))
    stretch_sizes = np.diff(bounds)
    row_arrays = [bounds[:-1][stretch_sizes == 1]]
    for stretch in np.flatnonzero(stretch_sizes > 1).tolist():
        # the fields `cluster` and `gram` carry the row and a text with the gram's number of words
        spans = {
            Span(
                int(occurrences[row, 0]),
                int(occurrences[row, 1]),
                "",
                row,
                "x " * (int(gram_lengths[occurrences[row, 2]]) - 1) + "x",
            )
            for row in range(int(bounds[stretch]), int(bounds[stretch + 1]))
        }
        row_arrays.append(np.array([span.cluster for span in remove_overlaps(spans)], np.int64))
    return np.sort(np.concatenate(row_arrays))


@lru_cache(maxsize=1 << 18)
def word_key(surface: str) -> int:
    """Return 62 bits, never `BREAK`, for the normal form of a word; the same in every process.

    >>> word_key("Wait") == word_key("wait"), word_key("wait") == word_key("so")
    (True, False)
    """
    digest = hashlib.blake2b(normal_word(surface).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 2) or 1
