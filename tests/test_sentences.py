import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.sentences import MARKS, find_sentences, grams_of, sentence_tokens
from sgram.text import find_words

FRAGMENTS = st.sampled_from(
    [
        "Wait",
        "so ",
        "x1",
        " ",
        ". ",
        "? ",
        "...",
        "…",
        "Mr",
        ".",
        "\n",
        "1",
        "=",
        ":",
        '"',
        "”",
        "。",
        "É",
        "é",
        "\\frac",
        ", ",
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=30).map("".join)


def stretches(text):
    return [text[sentence.start : sentence.end] for sentence in find_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 4. So we stop.", ["It is 4.", "So we stop."]),
        ("It is 4. so we stop.", ["It is 4. so we stop."]),  # a lower-case letter goes on
        ("It is 4.5 and Alice", ["It is 4.5 and Alice"]),  # no white space behind the stop
        ('He said "no." Then he left', ['He said "no."', "Then he left"]),
        ("Is it?! Yes", ["Is it?!", "Yes"]),
        ("Step one:\nadd", ["Step one:", "add"]),
        ("1. Find x. 2. Solve", ["1. Find x. 2.", "Solve"]),  # "2" is no letter, so it begins no sentence
        ("- 1. Find x\n\n  2. Solve", ["- 1. Find x", "2. Solve"]),  # nothing ends before the first letter
        ("Dr. Lee asks Ms. Orr", ["Dr. Lee asks Ms. Orr"]),
        ("Since Dr. Lee asks. Dr", ["Since Dr. Lee asks.", "Dr"]),
        ("等于四。So it is", ["等于四。", "So it is"]),
        ("so 3 + 4\n = 7 \nso", ["so 3 + 4", "so"]),  # a line without a word is no sentence
        ("Été. École", ["Été.", "École"]),
        (" \n\t", []),
    ],
)
def test_sentences_end_by_the_rules(text, expected):
    assert stretches(text) == expected


def test_tokens_are_words_and_marks_of_what_stands_between_them():
    # digits and = stand between "x" and "so", ":" behind it; "/b " is no word and ends a sentence of grams
    (sentence,) = find_sentences("Let x = 3, so: a/b ok...?")
    assert sentence.tokens == ("^", "let", "x", "#", "=", "so", ":", "a", "|", "ok", "?", "...", "$")
    (sentence,) = find_sentences("one, two (three)")
    assert sentence.tokens == ("^", "one", "two", "three", "$")
    (sentence,) = find_sentences("one + two")
    assert sentence.tokens == ("^", "one", "|", "two", "$")


@given(TEXTS)
def test_every_word_is_in_one_sentence_in_order(text):
    sentences = find_sentences(text)
    assert [token for sentence in sentences for token in sentence.tokens if token not in MARKS] == [
        word.text for word in find_words(text)
    ]
    for word in find_words(text):
        assert sum(sentence.start <= word.start and word.end <= sentence.end for sentence in sentences) == 1
    for sentence in sentences:
        assert text[sentence.start : sentence.end].strip(" \t\r\n") == text[sentence.start : sentence.end] != ""


@given(TEXTS)
def test_a_sentence_alone_has_the_same_tokens(text):
    for sentence in find_sentences(text):
        assert sentence_tokens(text[sentence.start : sentence.end]) == sentence.tokens


def test_grams_of_a_sentence_leave_out_its_ends_alone():
    # of length 1: a, b; of length 2: ^ a, a b, b $
    assert [" ".join(gram) for gram in grams_of(("^", "a", "b", "$"), 2)] == ["a", "b", "^ a", "a b", "b $"]
