"""Where a text holds grams of a lexicon: the readable reference. Knows nothing about tokens or speed.

Rules, which every other part of this room keeps to the letter (docs/tagging.md explains them to users):

1. A gram occurs where its words stand one after the other inside one sentence, as `sgram.text` defines both:
   case, curly quotes and the characters between two words (spaces, commas, dashes, quotes, brackets) do not
   matter; a sentence end between two words does.
2. A span runs from the first character of the gram's first word to the last of its last word.
3. `find_spans` gives every occurrence, nested and overlapping ones too. A mask is their union. What people look at
   is `longest_first`: of two that overlap, the one with more words stays, then the one that begins first.

`sgram.tagging.span_finder` is the fast twin; tests hold the two equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sgram.lexicon import Lexicon
from sgram.text import MAX_WORDS, find_words


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An occurrence of a gram: half-open character offsets into the untouched text; the label is its move."""

    start: int
    end: int
    label: str
    cluster: int | None = None
    """Id of the gram's cluster in the lexicon."""
    gram: str = ""
    """The gram, words in normal form with one space between them."""

    @property
    def n_words(self) -> int:
        """Length of the gram in words."""
        return self.gram.count(" ") + 1


def find_spans(text: str, lexicon: Lexicon) -> list[Span]:
    """Every occurrence of the lexicon's grams in `text`, by start, of those that start together the longest first.

    ``text[span.start:span.end]`` normalizes to the gram, always. Pure Python, for reading and for a text now
    and then; `SpanFinder` finds the same at the speed of a corpus.
    """
    homes = {gram.words: cluster for cluster in lexicon.clusters for gram in cluster.grams}
    words = find_words(text)
    spans = []
    for first, word in enumerate(words):
        for n_words in range(MAX_WORDS, 0, -1):
            found = words[first : first + n_words]
            if len(found) < n_words or found[-1].sentence != word.sentence:
                continue
            gram = tuple(each.text for each in found)
            if gram in homes:
                cluster = homes[gram]
                spans.append(Span(word.start, found[-1].end, cluster.move, cluster.id, " ".join(gram)))
    return spans


def longest_first(spans: Iterable[Span]) -> list[Span]:
    """Those of `spans` that people are shown, none overlapping, by start.

    The span with the most words is taken first, of equals the one that begins first; whatever overlaps one that
    was taken is left out.
    """
    ranked = sorted(spans, key=lambda each: (-each.n_words, each.start))
    covered = bytearray(max((span.end for span in ranked), default=0))
    taken = []
    for span in ranked:
        if 1 not in covered[span.start : span.end]:
            covered[span.start : span.end] = b"\x01" * (span.end - span.start)
            taken.append(span)
    return sorted(taken)
