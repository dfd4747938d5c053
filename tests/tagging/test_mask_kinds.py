import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer
from sgram.tagging.mask_kinds import PlanningFinder
from sgram.tagging.spans import MASK_KINDS, find_spans
from sgram.text import find_words

LEXICON = Lexicon.from_grams(["let me", "let me check", "so", "wait"], move="deduction")
SCORER = SentenceScorer(
    "example",
    LinearWeights(-1000, {"let me": 1500, "? $": 1200}),
    {"first": LinearWeights(0, {"let me": 10}), "second": LinearWeights(5, {})},
)
TEXTS = st.lists(
    st.sampled_from(["let me ", "Let me check", "so ", "Wait", ". ", "? ", "\n", "É", "x1 ", "…", "... ", "Mr. ", "“"]),
    max_size=25,
).map("".join)


def spans_of(text, mask):
    return [(text[span.start : span.end], span.label, span.gram) for span in find_spans(text, LEXICON, mask, SCORER)]


def test_each_kind_marks_what_its_name_says():
    # sentences: "Let me check." plans by "let me", "Wait?" by "? $", "So it is." does not
    text = "Let me check. So it is. Wait?"
    assert spans_of(text, "grams") == [
        ("Let me check", "deduction", "let me check"),
        ("Let me", "deduction", "let me"),
        ("So", "deduction", "so"),
        ("Wait", "deduction", "wait"),
    ]
    assert spans_of(text, "sentences") == [("Let me check.", "first", ""), ("Wait?", "second", "")]
    assert spans_of(text, "grams-in-sentences") == [
        ("Let me check", "first", "let me check"),
        ("Let me", "first", "let me"),
        ("Wait", "second", "wait"),
    ]


@given(TEXTS, st.sampled_from(MASK_KINDS))
def test_the_compiled_finder_equals_the_reference(text, mask):
    assert PlanningFinder(LEXICON, mask, SCORER)(text) == find_spans(text, LEXICON, mask, SCORER)


@given(TEXTS)
def test_no_gram_crosses_the_end_of_a_sentence(text):
    # grams inside sentences are those whose words all lie in sentences: each gram is wholly in or wholly out
    sentences = find_spans(text, LEXICON, "sentences", SCORER)
    inside = {(span.start, span.end) for span in find_spans(text, LEXICON, "grams-in-sentences", SCORER)}
    for span in find_spans(text, LEXICON):
        words = [word for word in find_words(text) if span.start <= word.start and word.end <= span.end]
        n_inside = sum(any(row.start <= word.start and word.end <= row.end for row in sentences) for word in words)
        assert n_inside == (len(words) if (span.start, span.end) in inside else 0)


def test_another_kind_of_mask_is_refused():
    with pytest.raises(UsageError, match="grams, sentences or grams-in-sentences"):
        find_spans("so", LEXICON, "words")
    with pytest.raises(UsageError, match="got 'words'"):
        PlanningFinder(LEXICON, "words")


def test_a_finder_says_its_scorer():
    assert PlanningFinder(LEXICON).scorer is None
    assert PlanningFinder(LEXICON, "sentences", SCORER).scorer == SCORER
    assert PlanningFinder("wang2025", "sentences").scorer.name == "sgram"
