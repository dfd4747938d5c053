import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import Lexicon
from sgram.tagging.projection import planning_characters, project_spans, split_by_spans
from sgram.tagging.spans import Span, find_spans, remove_overlaps
from sgram.text import SPACES

TEXT = "So wait,  let me\tsee"
SPANS = [Span(3, 7, "backtracking", 0, "wait"), Span(10, 16, "goal-setting", 1, "let me")]

texts = st.text(st.sampled_from("ab \n\u00a0\u3000é😀"), max_size=20)


@st.composite
def texts_with_spans(draw):
    """A text with spans anywhere in it, overlapping or not."""
    text = draw(texts.filter(bool))
    starts_and_sizes = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 6))
    spans = [
        Span(start, min(start + size, len(text)), "other")
        for start, size in draw(st.lists(starts_and_sizes, max_size=4))
    ]
    return text, spans


def test_a_token_is_planning_when_it_shares_a_letter_with_a_span():
    # "So", " wait", ", ", " ", "l", "et me\t", "see"; the fifth ends inside the second span
    offsets = [(0, 2), (2, 7), (7, 9), (9, 10), (10, 11), (11, 17), (17, 20)]
    assert project_spans(SPANS, TEXT, offsets).tolist() == [False, True, False, False, True, True, False]


def test_a_token_that_shares_only_a_space_or_nothing_is_not_planning():
    # the space inside "let me"; a special token without offsets; an empty token inside "wait"
    assert project_spans(SPANS, TEXT, [(13, 14), (0, 0), (5, 5)]).tolist() == [False, False, False]


def test_tokens_that_share_a_character_are_planning_both():
    # byte tokens of one emoji all have its offsets
    assert project_spans([Span(0, 1, "other")], "😀a", [(0, 1), (0, 1), (1, 2)]).tolist() == [True, True, False]


def test_no_tokens_no_spans_no_text():
    assert project_spans(SPANS, TEXT, []).shape == (0,)
    assert project_spans([], TEXT, [(0, 2)]).tolist() == [False]
    assert project_spans([], "", [(0, 0)]).tolist() == [False]
    assert project_spans(SPANS, TEXT, []).dtype == bool


@given(texts_with_spans(), st.data())
def test_projection_follows_its_definition(text_with_spans, data):
    text, spans = text_with_spans
    bounds = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    offsets = data.draw(st.lists(bounds, max_size=6))
    inside = {index for span in spans for index in range(span.start, span.end) if text[index] not in " \n\u00a0\u3000"}
    assert project_spans(spans, text, offsets).tolist() == [bool(inside & set(range(*token))) for token in offsets]


@given(texts_with_spans())
def test_characters_are_counted_one_by_one(text_with_spans):
    text, spans = text_with_spans
    inside, filled = planning_characters(spans, text)
    assert filled.tolist() == [character not in " \n\u00a0\u3000" for character in text]
    covered = {index for span in spans for index in range(span.start, span.end)}
    assert inside.tolist() == [index in covered and bool(filled[index]) for index in range(len(text))]


@pytest.mark.parametrize("code", SPACES)
def test_spaces_are_those_of_the_tagger(code):
    _, filled = planning_characters([], f"a{chr(code)}b")
    assert filled.tolist() == [True, False, True]


def test_invisible_characters_that_are_no_spaces_count():
    _, filled = planning_characters([], "\u200b\x0b\x0c\u2028")
    assert filled.all()


def test_parts_are_split_at_the_spans_that_are_displayed():
    lexicon = Lexicon.from_grams(["wait", "let me", "let me see", "me"])
    assert split_by_spans(TEXT, find_spans(TEXT, lexicon)) == [
        ("So ", None),
        ("wait", Span(3, 7, "other", lexicon.find("wait")[0].id, "wait")),
        (",  ", None),
        ("let me\tsee", Span(10, 20, "other", lexicon.find("let me see")[0].id, "let me see")),
    ]


@given(texts_with_spans())
def test_the_parts_joined_are_the_text(text_with_spans):
    text, spans = text_with_spans
    parts = split_by_spans(text, spans)
    assert "".join(part for part, _ in parts) == text
    assert all(part for part, _ in parts)
    assert [span for _, span in parts if span] == remove_overlaps(spans)
    assert split_by_spans("", []) == []


def test_offsets_may_be_an_array():
    offsets = np.array([[0, 2], [2, 7]], np.int32)
    assert project_spans(SPANS, TEXT, offsets).tolist() == [False, True]
