"""The normal form, by hand: every expectation is read off the table in sgram/text.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.text import NON_LETTERS, Word, character_class, find_sentences, find_words, gram_words

ODD = "aB'’- ,.;?!\n\t0_²\\</—“”…é漢。，😀*()[]{}$=\u00a0\u200b\u2011`:"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Wait, let me", [("wait", "let", "me")]),
        ("Wait. Let me", [("wait",), ("let", "me")]),
        ("let’s re-evaluate – then", [("let's", "re-evaluate", "then")]),
        ("non‑breaking and non‐breaking", [("non-breaking", "and", "non-breaking")]),
        (r"so \frac{a}{b} is", [("so",), ("a", "b", "is")]),
        ("take x1 and f_x now", [("take",), ("and",), ("now",)]),
        ("2nd try: x² is", [("try",), ("is",)]),
        ("<think>\nOkay</think> Done", [("okay",), ("done",)]),
        ("**Wait** (maybe) [so] “yes”", [("wait", "maybe", "so", "yes")]),
        ("it's 'quoted' don''t", [("it's", "quoted", "don", "t")]),
        ("well-known -dash- a - b", [("well-known", "dash", "a", "b")]),
        ("a+b", [("a",), ("b",)]),
        ("Été naïve ÉTÉ", [("Été", "naïve", "ÉtÉ")]),
        ("no\u00a0break thin\u2009space", [("no", "break", "thin", "space")]),
        ("hmm… so", [("hmm",), ("so",)]),
        ("我们需要。先看，再说", [("我们需要",), ("先看", "再说")]),
        ("yes😀no", [("yes",), ("no",)]),
        ("one;two\ntwo?three!", [("one",), ("two",), ("two",), ("three",)]),
        ("", []),
        ("1 + 2 = 3", []),
        ("'tis -", [("tis",)]),
    ],
)
def test_words_and_sentences_follow_the_table(text, sentences):
    assert find_sentences(text) == sentences


def test_offsets_point_at_the_words_as_written():
    # "Wait" 0-4, "let’s" 6-11, sentence end at 11, "go" 13-15
    assert find_words("Wait, let’s. Go") == [Word("wait", 0, 4, 0), Word("let's", 6, 11, 0), Word("go", 13, 15, 1)]


@given(st.text(alphabet=ODD, max_size=60))
def test_the_text_under_a_word_normalizes_to_the_word(text):
    for word in find_words(text):
        assert [normalized.text for normalized in find_words(text[word.start : word.end])] == [word.text]


@given(st.text(alphabet=ODD, max_size=60))
def test_sentences_are_numbered_without_holes_in_reading_order(text):
    words = find_words(text)
    numbers = [word.sentence for word in words]
    assert sorted(set(numbers)) == list(range(len(set(numbers))))
    assert all(first.end <= second.start for first, second in zip(words, words[1:], strict=False))


@given(st.text(alphabet=ODD, max_size=30), st.text(alphabet=ODD, max_size=30))
def test_a_newline_cuts_a_text_into_independent_parts(before, after):
    assert find_sentences(before + "\n" + after) == find_sentences(before) + find_sentences(after)


def test_ranges_of_non_letters_are_sorted_and_disjoint():
    assert all(first <= last for first, last, _ in NON_LETTERS)
    assert all(earlier[1] < later[0] for earlier, later in zip(NON_LETTERS, NON_LETTERS[1:], strict=False))


def test_characters_above_the_basic_plane_have_classes():
    assert character_class("😀") == character_class(".")
    assert character_class("𠀀") == character_class("a")  # a rare Han character
    assert character_class("𝑥") == character_class("=")  # mathematical italic x is a symbol, not a letter


def test_a_phrase_becomes_one_gram():
    assert gram_words("Does this hold true?") == ("does", "this", "hold", "true")


@pytest.mark.parametrize(
    ("phrase", "reason"), [("12", "holds no word"), ("wait. no", "sentence end"), ("a b c d e f g", "7 words")]
)
def test_a_phrase_that_is_no_gram_is_refused_with_the_reason(phrase, reason):
    with pytest.raises(UsageError, match=reason):
        gram_words(phrase)
