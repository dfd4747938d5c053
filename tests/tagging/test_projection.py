import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import Lexicon
from sgram.tagging.projection import cut_pieces, planning_characters, project
from sgram.tagging.spans import Span, find_spans, longest_first
from sgram.text import SPACES

TEXT = "So wait,  let me\tsee"
SPANS = [Span(3, 7, "backtracking", 0, "wait"), Span(10, 16, "goal-setting", 1, "let me")]

texts = st.text(st.sampled_from("ab \n\u00a0\u3000é😀"), max_size=20)


@st.composite
def marked(draw):
    """A text with spans that may lie anywhere in it, overlapping or not."""
    text = draw(texts.filter(bool))
    places = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 6))
    spans = [Span(at, min(at + size, len(text)), "other") for at, size in draw(st.lists(places, max_size=4))]
    return text, spans


def test_a_token_is_planning_when_it_shares_a_letter_with_a_span():
    # "So", " wait", ", ", " ", "l", "et me\t", "see"; the fifth ends inside the second span
    offsets = [(0, 2), (2, 7), (7, 9), (9, 10), (10, 11), (11, 17), (17, 20)]
    assert project(SPANS, TEXT, offsets).tolist() == [False, True, False, False, True, True, False]


def test_a_token_that_shares_only_a_space_or_nothing_is_not_planning():
    # the space inside "let me"; a special token without place; an empty token inside "wait"
    assert project(SPANS, TEXT, [(13, 14), (0, 0), (5, 5)]).tolist() == [False, False, False]


def test_tokens_that_share_a_character_are_planning_both():
    # byte tokens of one emoji all stand at its place
    assert project([Span(0, 1, "other")], "😀a", [(0, 1), (0, 1), (1, 2)]).tolist() == [True, True, False]


def test_no_tokens_no_spans_no_text():
    assert project(SPANS, TEXT, []).shape == (0,)
    assert project([], TEXT, [(0, 2)]).tolist() == [False]
    assert project([], "", [(0, 0)]).tolist() == [False]
    assert project(SPANS, TEXT, []).dtype == bool


@given(marked(), st.data())
def test_projection_is_what_its_definition_says(made, data):
    text, spans = made
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text))).map(sorted)
    offsets = data.draw(st.lists(places, max_size=6))
    inside = {at for span in spans for at in range(span.start, span.end) if text[at] not in " \n\u00a0\u3000"}
    assert project(spans, text, offsets).tolist() == [bool(inside & set(range(*each))) for each in offsets]


@given(marked())
def test_characters_are_counted_one_by_one(made):
    text, spans = made
    inside, filled = planning_characters(spans, text)
    assert filled.tolist() == [character not in " \n\u00a0\u3000" for character in text]
    covered = {at for span in spans for at in range(span.start, span.end)}
    assert inside.tolist() == [at in covered and bool(filled[at]) for at in range(len(text))]


@pytest.mark.parametrize("code", SPACES)
def test_spaces_are_the_characters_that_the_tagger_calls_so(code):
    _, filled = planning_characters([], f"a{chr(code)}b")
    assert filled.tolist() == [True, False, True]


def test_what_looks_empty_but_is_no_space_counts():
    _, filled = planning_characters([], "\u200b\x0b\x0c\u2028")
    assert filled.all()


def test_pieces_are_cut_at_the_spans_that_people_see():
    lexicon = Lexicon.from_grams(["wait", "let me", "let me see", "me"])
    assert cut_pieces(TEXT, find_spans(TEXT, lexicon)) == [
        ("So ", None),
        ("wait", Span(3, 7, "other", lexicon.find("wait")[0].id, "wait")),
        (",  ", None),
        ("let me\tsee", Span(10, 20, "other", lexicon.find("let me see")[0].id, "let me see")),
    ]


@given(marked())
def test_pieces_make_the_text_again(made):
    text, spans = made
    pieces = cut_pieces(text, spans)
    assert "".join(piece for piece, _ in pieces) == text
    assert all(piece for piece, _ in pieces)
    assert [span for _, span in pieces if span] == longest_first(spans)
    assert cut_pieces("", []) == []


def test_offsets_may_be_an_array():
    offsets = np.array([[0, 2], [2, 7]], np.int32)
    assert project(SPANS, TEXT, offsets).tolist() == [False, True]
