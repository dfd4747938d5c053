"""Where a text contains grams of a lexicon: the readable reference implementation.

Rules that every other module of this room follows exactly (docs/tagging.md explains them to users):

1. A gram occurs where its words follow one another inside one sentence, as `sgram.text` defines both. Case, curly
   quotes and the characters between two words (spaces, commas, dashes, quotes, brackets) do not matter; a sentence end
   between two words does.
2. A span begins with the first character of the gram's first word and ends with the last character of its last word.
3. `find_spans` returns every occurrence, also nested and overlapping ones; a mask is their union. For display,
   `remove_overlaps` keeps the longer of two overlapping spans.

`sgram.tagging.span_finder` is the compiled equivalent; tests compare the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sgram.lexicon import LexiconLike, as_lexicon
from sgram.text import MAX_WORDS, find_words


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """An occurrence of a gram: half-open character offsets into the unchanged text; the label is the gram's move.

    >>> Span(6, 12, "verification", 0, "let me").n_words
    2
    """

    start: int
    end: int
    label: str
    cluster: int | None = None
    """Id of the gram's cluster in the lexicon."""
    gram: str = ""
    """The gram: words in normal form, joined by one space."""

    @property
    def n_words(self) -> int:
        """Number of words of the gram."""
        return self.gram.count(" ") + 1


def find_spans(text: str, lexicon: LexiconLike) -> list[Span]:
    """Return every occurrence of the lexicon's grams in `text`, by start; spans that start together, longest first.

    The normal form of ``text[span.start:span.end]`` is always the gram. This is pure Python, for reading and for single
    texts; `SpanFinder` returns the same, fast enough for a corpus. `lexicon` is a `Lexicon`, its path, or the name of a
    preset.

    >>> [span.gram for span in find_spans("Wait. Does this hold true?", "wang2025")]
    ['wait', 'does this hold true']
    """
    lexicon = as_lexicon(lexicon)
    gram_clusters = {gram.words: cluster for cluster in lexicon.clusters for gram in cluster.grams}
    words = find_words(text)
    spans = []
    for first_index, first_word in enumerate(words):
        for n_words in range(MAX_WORDS, 0, -1):
            gram_words = words[first_index : first_index + n_words]
            if len(gram_words) < n_words or gram_words[-1].sentence != first_word.sentence:
                continue
            gram = tuple(word.text for word in gram_words)
            cluster = gram_clusters.get(gram)
            if cluster is not None:
                spans.append(Span(first_word.start, gram_words[-1].end, cluster.move, cluster.id, " ".join(gram)))
    return spans


def remove_overlaps(spans: Iterable[Span]) -> list[Span]:
    """Return spans that do not overlap, by start: what is displayed.

    Spans are taken by number of words, most first; of equals, the one that begins first. A span that overlaps one
    already taken is left out.

    >>> [span.gram for span in remove_overlaps([Span(0, 6, "other", 0, "let me"), Span(4, 6, "other", 1, "me")])]
    ['let me']
    """
    ranked = sorted(spans, key=lambda span: (-span.n_words, span.start))
    is_covered = bytearray(max((span.end for span in ranked), default=0))
    separate = []
    for span in ranked:
        if 1 not in is_covered[span.start : span.end]:
            is_covered[span.start : span.end] = b"\x01" * (span.end - span.start)
            separate.append(span)
    return sorted(separate)
