"""Where a text contains grams of a lexicon: the readable reference implementation.

Rules that every other module of this room follows exactly (docs/tagging.md explains them to users):

1. A gram occurs where its words follow one another inside one sentence, as `sgram.text` defines both. Case, curly
   quotes and the characters between two words (spaces, commas, dashes, quotes, brackets) do not matter; a sentence end
   between two words does.
2. A span begins with the first character of the gram's first word and ends with the last character of its last word.
3. `find_spans` returns every occurrence, also nested and overlapping ones; a mask is their union. For display,
   `remove_overlaps` keeps the longer of two overlapping spans.
4. What is marked depends on the kind of mask: ``grams`` are rules 1 to 3; ``sentences`` are the planning sentences of a
   scorer (`sgram.sentences`, `sgram.lexicon.sentence_scorer`); ``grams-in-sentences`` are the grams inside them. The
   label of a span is the gram's move for the first kind, the sentence's for the others. No gram crosses the end of a
   sentence, because each of these ends is the end of a sentence of grams too.

`sgram.tagging.span_finder` is the compiled equivalent; tests compare the two.
"""

from collections.abc import Iterable
from typing import Literal, get_args

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.lexicon import Lexicon, LexiconLike, ScoredSentence, SentenceScorerLike, as_lexicon, as_sentence_scorer
from sgram.tagging.span import Span as Span
from sgram.tagging.span import SpanList
from sgram.text import MAX_WORDS, find_words

MaskKind = Literal["grams", "sentences", "grams-in-sentences"]
"""What a mask marks."""
MASK_KINDS: tuple[MaskKind, ...] = get_args(MaskKind)
PLANNING = "planning"
"""Label of a planning sentence, if its scorer knows no moves."""


def find_spans(
    text: str, lexicon: LexiconLike, mask: MaskKind = "grams", scorer: SentenceScorerLike = "sgram"
) -> SpanList:
    """Return every occurrence of the lexicon's grams in `text`, by start; spans that start together, longest first.

    With another kind of `mask`, planning sentences by `scorer` are returned, or the grams inside of them. The text is
    ``text[span.start:span.end]`` always.

    The normal form of ``text[span.start:span.end]`` is always the gram. This is pure Python, for reading and for single
    texts; `PlanningFinder` returns the same, fast enough for a corpus. The list has the method `frame`, and notebooks
    show the text with its spans marked. `lexicon` is a `Lexicon`, its path, the name of a preset or a list of phrases,
    `scorer` a `SentenceScorer`, its path or a preset. Raise `UsageError` for another kind of mask.

    >>> [span.gram for span in find_spans("Wait. Does this hold true?", "wang2025")]
    ['wait', 'does this hold true']
    >>> text = "Wait, let me double-check. So it is 7."
    >>> [(span.gram, span.label) for span in find_spans(text, "wang2025", "grams-in-sentences")]
    [('wait', 'verification'), ('let me', 'verification')]
    """
    check_mask_kind(mask)
    lexicon = as_lexicon(lexicon)
    if mask == "grams":
        return SpanList(_find_grams(text, lexicon), text)
    sentences = [sentence for sentence in as_sentence_scorer(scorer).score(text) if sentence.is_planning]
    if mask == "sentences":
        spans = [Span(sentence.start, sentence.end, sentence.move or PLANNING) for sentence in sentences]
    else:
        spans = _inside(_find_grams(text, lexicon), sentences)
    return SpanList(spans, text)


def check_mask_kind(mask: str) -> None:
    """Raise `UsageError` unless `mask` is a kind of mask."""
    if mask not in MASK_KINDS:
        raise UsageError(f"mask must be {', '.join(MASK_KINDS[:-1])} or {MASK_KINDS[-1]} (got {excerpt(str(mask))!r})")


def _inside(grams: list[Span], sentences: list[ScoredSentence]) -> list[Span]:
    """Return the grams that lie in a planning sentence, with its move as label."""
    return [
        Span(span.start, span.end, sentence.move or PLANNING, span.cluster, span.gram)
        for span in grams
        for sentence in sentences
        if sentence.start <= span.start and span.end <= sentence.end
    ]


def _find_grams(text: str, lexicon: Lexicon) -> list[Span]:
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
