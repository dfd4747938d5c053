"""Planning sentences of texts, compiled: the fast equivalent of `SentenceScorer.score`."""

from sgram.lexicon.sentence_scorer import SentenceScorerLike, as_sentence_scorer
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array
from sgram.tagging.kernel.sentence_scan import scan_sentences
from sgram.tagging.kernel.sentence_tables import build_tables
from sgram.tagging.kernel.span_scan import to_character_offsets
from sgram.tagging.span import Span, SpanList
from sgram.tagging.span_finder import utf8_line
from sgram.tagging.spans import PLANNING


class SentenceFinder:
    """Finder of the planning sentences of a text, equal to `SentenceScorer.score`, fast enough for a corpus.

    `scorer` is a `SentenceScorer`, its path, or the name of a preset.

    >>> find = SentenceFinder("sgram")
    >>> text = "Wait, let me double-check that. It is 4."
    >>> [(text[span.start:span.end], span.label) for span in find(text)]
    [('Wait, let me double-check that.', 'verification')]
    """

    def __init__(self, scorer: SentenceScorerLike):
        self.scorer = scorer = as_sentence_scorer(scorer)
        self._tables = build_tables(scorer)
        self._moves = tuple(scorer.moves)
        self._least_total = scorer.least_total

    def __call__(self, text: str) -> SpanList:
        """Return the planning sentences of `text` in order; a span's label is the sentence's move."""
        sentences = self.planning_offsets(text).tolist()
        return SpanList([Span(start, end, self.label(move)) for start, end, _, move in sentences], text)

    def label(self, move: int) -> str:
        """Return the label of a planning sentence whose move has this number."""
        return self._moves[move] if move >= 0 else PLANNING

    def planning_offsets(self, text: str) -> Int32Array:
        """Return the rows of `offsets` that belong to planning sentences."""
        sentences = self.offsets(text)
        return sentences[sentences[:, 2] >= self.scorer.least_total]

    def offsets(self, text: str) -> Int32Array:
        """Return (n, 4) int32: start and end (characters), sum of weights and number of the move of each sentence.

        The sum is in thousandths of a logit (`sgram.lexicon.sentence_scorer.probability_of`); the move is -1 for a
        sentence that does not plan. Raise `UsageError` if `text` has 2 GiB or more in UTF-8.

        >>> from sgram.lexicon.sentence_scorer import LinearWeights, SentenceScorer
        >>> scorer = SentenceScorer("checks", LinearWeights(-1000, {"let me": 3000}), {})
        >>> SentenceFinder(scorer).offsets("Let me see. So it is.").tolist()
        [[0, 11, 2000, -1], [12, 21, -1000, -1]]
        """
        buffer = utf8_line(text)
        sentences = self.byte_offsets(buffer)
        if not text.isascii():
            to_character_offsets(buffer, sentences)
        return sentences

    def byte_offsets(self, buffer: ByteArray) -> Int32Array:
        """Return `offsets` of a text in UTF-8 that ends in a newline, with offsets in bytes instead of characters."""
        sentences: Int32Array = scan_sentences(buffer, self._least_total, self.scorer.max_tokens, *self._tables)
        return sentences

    def __repr__(self) -> str:
        return f"SentenceFinder({self.scorer!r})"
