"""What a mask marks, compiled: grams, planning sentences, or the grams inside of these."""

import numpy as np

from sgram.lexicon import Lexicon, LexiconLike, SentenceScorer, SentenceScorerLike, as_lexicon
from sgram.tagging.sentence_finder import SentenceFinder
from sgram.tagging.span import Span, SpanList
from sgram.tagging.span_finder import SpanFinder
from sgram.tagging.spans import MaskKind, check_mask_kind


class PlanningFinder:
    """Finder of the spans of one kind of mask, equal to `find_spans`, fast enough for a corpus.

    `lexicon` is a `Lexicon`, its path, the name of a preset or a list of phrases; `scorer` is a `SentenceScorer`, its
    path or a preset, and unused for ``grams``. Raise `UsageError` for another kind of mask.

    >>> find = PlanningFinder("wang2025", "grams-in-sentences")
    >>> [(span.gram, span.label) for span in find("Wait, let me double-check. So it is 7.")]
    [('wait', 'verification'), ('let me', 'verification')]
    """

    def __init__(self, lexicon: LexiconLike, mask: MaskKind = "grams", scorer: SentenceScorerLike = "sgram"):
        check_mask_kind(mask)
        self.mask: MaskKind = mask
        self.lexicon: Lexicon = as_lexicon(lexicon)
        self._find_grams = SpanFinder(self.lexicon)
        self._find_sentences = None if mask == "grams" else SentenceFinder(scorer)

    @property
    def scorer(self) -> SentenceScorer | None:
        """The sentence scorer; None for ``grams``."""
        return None if self._find_sentences is None else self._find_sentences.scorer

    def __call__(self, text: str) -> SpanList:
        """Return the spans of `text` by start; of spans that start together, the longest comes first."""
        if self._find_sentences is None:
            return self._find_grams(text)
        if self.mask == "sentences":
            return self._find_sentences(text)
        grams, sentences = self._find_grams(text), self._find_sentences.planning_offsets(text)
        if not grams or not len(sentences):
            return SpanList([], text)
        rows = np.searchsorted(sentences[:, 0], [span.start for span in grams], side="right") - 1
        ends, moves = sentences[rows, 1].tolist(), sentences[rows, 3].tolist()
        spans = [
            Span(span.start, span.end, self._find_sentences.label(move), span.cluster, span.gram)
            for span, row, end, move in zip(grams, rows.tolist(), ends, moves, strict=True)
            if row >= 0 and span.end <= end
        ]
        return SpanList(spans, text)
