"""Contexts around a gram: where they are cut, and that no user-perceived character is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.context import cut_context, is_boundary

regex = pytest.importorskip("regex", reason="regex, which comes with tiktoken, knows the characters people see")

# letters, accents, ZWJ, variation selector, skin tone, flags, keycap, Hangul jamo and syllables, Indic, Thai, CR, LF
ALPHABET = (
    "ab .\n\r\t\u0301\u0323\u200d\ufe0f\U0001f3fd👩💻🚀🇩🇪🇫\u20e3\u1100\u1161\u11a8가각"
    "कि\u094dष\u0e33ก\u0600\u0d4eאב\u05b8عش"
)
texts = st.text(st.sampled_from(ALPHABET), max_size=60)


def cut(text: str, gram: str, width: int):
    start = text.index(gram)
    return cut_context(text, start, start + len(gram), width)


def test_a_short_text_is_returned_without_surrounding_space():
    assert cut("\n\n  Well, wait a bit.\r\n", "wait", 100) == ("Well, wait a bit.", 6, 10)
    assert cut("wait", "wait", 0) == ("wait", 0, 4)


def test_a_context_begins_and_ends_with_sentences_if_possible():
    text = "One thing here. Two things there. But wait, the sign is off. Three is odd. Four is even."
    # 30 on the left reach back to "here. Two", and the second sentence begins more than 0.4 * 30 = 12 before the gram;
    # 30 on the right reach to "Three is", and the sentence of the gram ends 22 after it
    assert cut(text, "wait", 30) == ("Two things there. But wait, the sign is off.", 22, 26)


def test_without_a_sentence_it_is_cut_between_words():
    text = "alpha beta gamma delta wait epsilon zeta eta theta"
    assert cut(text, "wait", 14) == ("gamma delta wait epsilon zeta", 12, 16)
    assert cut(text, "wait", 0) == ("wait", 0, 4)


def test_a_sentence_boundary_close_to_the_gram_is_not_used():
    # the sentence begins 4 before the gram, less than 0.4 * 40 = 16, so that the context goes back to a word
    text = "all of the many words before it end here. But wait there are more of them. Then nothing at all comes."
    assert cut(text, "wait", 40).text.startswith("the many words before it end here. But wait")


def test_a_line_end_of_windows_is_never_cut():
    text = "x" * 30 + "\r\n" + "wait" + "\r\n" + "y" * 30
    for width in range(40):
        context = cut(text, "wait", width)
        assert context.text.count("\r") == context.text.count("\n")
        assert not context.text.startswith("\n")


def test_a_run_without_spaces_is_cut_between_characters_as_people_see_them():
    family = "👩\u200d💻"
    # 50 on the left are a space and 49 characters, 16 families and one more; on the right 24 letters and one more
    text = family * 30 + " wait " + "e\u0301" * 40
    assert cut(text, "wait", 50).text == family * 16 + " wait " + "e\u0301" * 24


def test_a_letter_with_thousands_of_accents_is_not_shown():
    assert cut("wait" + "\u0301" * 5000 + " b", "wait", 20) is None
    assert cut("a" + "\u0301" * 5000 + "wait", "wait", 20).text == "wait"
    assert cut("wait" + "\u0301" * 200 + " b", "wait", 20).text == "wait" + "\u0301" * 200


@given(texts, texts, st.integers(0, 30))
def test_no_cut_falls_inside_a_character_and_offsets_are_exact(before, after, width):
    text = f"{before}wait{after}"
    start, end = len(before), len(before) + 4
    context = cut_context(text, start, end, width)
    assert context.text[context.start : context.end] == "wait"
    first, last = start - context.start, start - context.start + len(context.text)
    assert text[first:last] == context.text
    edges = {0} | {match.end() for match in regex.finditer(r"\X", text)}
    assert {first, last} <= edges
    # a side is longer than asked only to keep a character whole
    assert start - first <= width or not any(is_boundary(text, at) for at in range(start - width, start + 1))
    assert last - end <= width or not any(is_boundary(text, at) for at in range(end, end + width + 1))


@given(texts)
def test_a_boundary_is_one_for_the_unicode_rules_too(text):
    edges = {0, len(text)} | {match.end() for match in regex.finditer(r"\X", text)}
    assert {at for at in range(len(text) + 1) if is_boundary(text, at)} <= edges


@pytest.mark.parametrize(
    "whole",
    [
        "\u1100\u1100",
        "\u1100가",
        "\u1100\u1161",
        "가\u11a8",
        "각\u11a8",
        "🇩🇪",
        "👩\u200d💻",
        "❤\ufe0f",
        "\u0600ا",
        "\U0001f44d\U0001f3fd",
        "क\u094dष",
        "क\u094d\u0301ष",
        "ก\u0e33",
        "e\u0301",
        "1\ufe0f\u20e3",
        "\u0d4eക",
        "\r\n",
    ],
)
def test_one_character_of_several_parts_is_never_cut(whole):
    assert not any(is_boundary(whole, at) for at in range(1, len(whole)))


@given(st.text(st.characters(max_codepoint=0x24F), max_size=30))
def test_western_text_may_be_cut_anywhere_but_inside_a_line_end(text):
    for at in range(1, len(text)):
        pair = text[at - 1 : at + 1]
        assert is_boundary(text, at) == (pair != "\r\n" and "\xad" not in pair)
