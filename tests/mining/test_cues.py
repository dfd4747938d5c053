"""The move of a gram is that of the longest cue in it."""

from collections import Counter

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.files import data_path
from sgram.lexicon import MOVES
from sgram.mining.cues import OTHER, find_cue_move, load_cues
from sgram.text import MAX_WORDS, gram_words

CUES = orjson.loads(data_path("moves.json").read_bytes())["cues"]
PHRASES = [phrase for phrases in CUES.values() for phrase in phrases]


def test_every_cue_is_a_gram_in_normal_form():
    assert [phrase for phrase in PHRASES if " ".join(gram_words(phrase)) != phrase] == []


def test_every_move_of_the_table_is_a_known_one_with_cues():
    assert set(CUES) == set(MOVES) - {OTHER}
    assert all(CUES.values())


def test_no_cue_is_listed_twice():
    assert [phrase for phrase, n in Counter(PHRASES).items() if n > 1] == []


def test_the_cues_are_those_of_the_table():
    assert load_cues() == {tuple(phrase.split(" ")): move for move, phrases in CUES.items() for phrase in phrases}


@pytest.mark.parametrize("move", list(CUES))
def test_a_cue_by_itself_makes_its_own_move(move):
    assert {phrase: find_cue_move(phrase.split(" ")) for phrase in CUES[move]} == dict.fromkeys(CUES[move], move)


@pytest.mark.parametrize(
    ("gram", "move"),
    [
        ("wait let me see", "goal-setting"),  # "let me see" (3) is longer than "wait" (1)
        ("wait maybe", "backtracking"),  # one word each: backtracking is listed before branching
        ("maybe wait", "backtracking"),  # wherever they stand
        ("check another", "verification"),  # verification is listed before branching
        ("so we use the fact that", "deduction"),
        ("sum of the squares", OTHER),
        ("waiting", OTHER),  # a cue is whole words
        ("let me", OTHER),
        ("sense make", OTHER),  # in their order
        ("make no sense", OTHER),  # side by side
    ],
)
def test_the_longest_cue_decides_and_among_equals_the_move_listed_first(gram, move):
    assert find_cue_move(gram.split(" ")) == move


@given(st.lists(st.sampled_from(sorted({word for phrase in PHRASES for word in phrase.split()})), max_size=8))
def test_a_move_is_that_of_a_longest_cue_for_any_words(words):
    parts = {
        (n, tuple(words[start : start + n])) for n in range(1, MAX_WORDS + 1) for start in range(len(words) - n + 1)
    }
    cues = load_cues()
    longest = max((n for n, part in parts if part in cues), default=0)
    moves = {cues[part] for n, part in parts if n == longest and part in cues}
    assert find_cue_move(words) == next((move for move in CUES if move in moves), OTHER)


def test_no_words_make_no_move():
    assert find_cue_move(()) == OTHER
