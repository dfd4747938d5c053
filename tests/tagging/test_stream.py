"""A text that is being generated. test_exactness checks the mask at every step."""

import numpy as np
import pytest

from sgram import Lexicon, PlanningTagger
from sgram.errors import UsageError

TOKENS = [b"wait", b"ing", b" let", b" me", b" see", b".", b" ", None, b"\xc3", b"\xa9", b"'", b"s"]
WAIT, ING, LET, ME, SEE, DOT, SPACE, END, LEAD, CONTINUATION, QUOTE, S = range(12)


@pytest.fixture
def stream():
    return PlanningTagger(Lexicon.from_grams(["wait", "let me see", "me", "é", "let's"]), TOKENS).stream()


def test_a_word_counts_as_complete_until_it_continues(stream):
    stream.feed(WAIT)
    assert stream.mask.tolist() == [True]  # "wait"
    assert stream.n_settled == 0
    stream.feed(ING)
    assert stream.mask.tolist() == [False, False]  # "waiting"
    stream.feed(DOT)
    assert stream.mask.tolist() == [False, False, False]
    assert stream.n_settled == 3


def test_earlier_tokens_may_still_become_part_of_a_gram(stream):
    assert stream.feed([DOT, LET, ME]) == 1  # "let me" may become "let me see"
    assert stream.mask.tolist() == [False, False, True]
    stream.feed([SPACE, SEE])
    assert stream.mask.tolist() == [False, True, True, False, True]
    assert stream.feed(END) == 6  # a special token ends the text
    assert stream.mask.tolist() == [False, True, True, False, True, False]


def test_an_incomplete_character_settles_nothing(stream):
    assert stream.feed([DOT, LEAD]) == 1
    assert stream.mask.tolist() == [False, False]
    assert stream.feed(CONTINUATION) == 1
    assert stream.mask.tolist() == [False, True, True]


def test_an_apostrophe_waits_for_the_next_token(stream):
    stream.feed([LET, QUOTE])
    assert stream.mask.tolist() == [False, False]
    stream.feed(S)
    assert stream.mask.tolist() == [True, True, True]


def test_nothing_fed_is_an_empty_mask(stream):
    assert stream.mask.tolist() == []
    assert stream.feed([]) == 0
    assert len(stream) == 0


def test_a_returned_mask_does_not_change(stream):
    stream.feed(WAIT)
    early = stream.mask
    stream.feed([ING, DOT])
    assert early.tolist() == [True]


def test_long_sequences_keep_their_state():
    tagger = PlanningTagger(Lexicon.from_grams(["let me see"]), TOKENS)
    ids = np.tile([LET, ME, SEE, DOT, SPACE, WAIT], 500)
    stream = tagger.stream()
    for start in range(0, len(ids), 7):
        stream.feed(ids[start : start + 7])
    assert len(stream) == 3_000
    assert stream.mask.tolist() == tagger(ids).tolist()


@pytest.mark.parametrize("ids", [12, -1, [WAIT, 99]])
def test_an_id_out_of_range_is_refused_and_changes_nothing(stream, ids):
    stream.feed(WAIT)
    with pytest.raises(
        UsageError, match=r"id (12|-1|99) is out of range: the ids of tokenizer 'list of bytes' are 0 to 11"
    ):
        stream.feed(ids)
    assert len(stream) == 1
    assert stream.mask.tolist() == [True]


@pytest.mark.parametrize("ids", [[0.5], [[1, 2]], ["a"]])
def test_ids_that_are_no_integers_are_refused(stream, ids):
    with pytest.raises(UsageError, match="feed needs one id or a sequence of integer ids"):
        stream.feed(ids)
