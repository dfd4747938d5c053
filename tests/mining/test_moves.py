"""The move of a gram is the likeliest one of a sentence that begins with it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import MOVES, LinearWeights, SentenceScorer
from sgram.mining.moves import OTHER, choose_cluster_move, find_move, packaged_namer

SCORER = SentenceScorer(
    "moves by hand",
    LinearWeights(0, {"let me": 1}),
    {
        "verification": LinearWeights(-100, {"check": 500, "let me check": 300}),
        "backtracking": LinearWeights(0, {"^ wait": 400, "wait": 200, "check $": 900}),
        "hesitation": LinearWeights(0, {"hmm": 300}),
    },
)


@pytest.mark.parametrize(
    ("gram", "move"),
    [
        ("let me check", "verification"),  # -100 + 500 + 300 against 0
        ("wait", "backtracking"),  # 400 + 200 against -100
        ("wait let me check", "verification"),  # 700 against 600
        ("check", "verification"),  # 400 against 0: a gram need not end its sentence
        ("check the fact that", "deduction"),  # a cue of three words
        ("since check", "verification"),  # a cue of one word does not count
        ("hmm", OTHER),  # "hesitation", which is no move of lexicons
        ("the sum", OTHER),  # no weight knows these words
    ],
)
def test_a_gram_has_the_likeliest_move_of_a_sentence_that_begins_with_it(gram, move):
    assert find_move(gram.split(" "), SCORER) == move


def test_a_scorer_without_moves_names_none():
    assert find_move(["wait"], SentenceScorer("plain", SCORER.planning, {})) == OTHER
    assert find_move([], SCORER) == OTHER
    assert find_move(["use", "the", "fact"], SCORER) == "deduction"


@pytest.mark.parametrize(
    ("gram", "move"),
    [
        ("wait", "backtracking"),
        ("alternatively maybe", "branching"),
        ("let me double-check my calculations", "verification"),
        ("i need to find", "goal-setting"),
        ("i'm not sure", "monitoring"),
        ("donaudampfschiff", OTHER),
    ],
)
def test_the_packaged_scorer_names_moves_as_people_do(gram, move):
    assert find_move(gram.split(" "), packaged_namer()) == move


@pytest.mark.parametrize(
    ("grams", "move"),
    [
        ([("wait", 5), ("let me check", 7)], "verification"),
        ([("wait", 5), ("wait wait", 3), ("let me check", 7)], "backtracking"),  # 8 traces against 7
        ([("wait", 7), ("let me check", 7)], "backtracking"),  # of equals the first of `MOVES`
        ([("let me check", 7), ("wait", 7)], "backtracking"),
        ([("the sum", 900), ("wait", 1)], "backtracking"),  # grams without a move have no say
        ([("the sum", 900), ("the number", 3)], OTHER),
        ([("wait", 0)], "backtracking"),
        ([], OTHER),
    ],
)
def test_a_clusters_move_has_the_most_df_behind_it(grams, move):
    assert choose_cluster_move((find_move(text.split(" "), SCORER), df) for text, df in grams) == move


@given(st.lists(st.tuples(st.sampled_from(["wait", "let me check", "hmm", "sum"]), st.integers(0, 9)), max_size=6))
def test_a_clusters_move_does_not_depend_on_the_order_of_its_grams(grams):
    rows = [(find_move(text.split(" "), SCORER), df) for text, df in grams]
    assert choose_cluster_move(rows) == choose_cluster_move(rows[::-1])
    assert choose_cluster_move(rows) in (*MOVES, OTHER)
