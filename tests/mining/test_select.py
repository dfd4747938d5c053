"""What is kept by score, and which of it people read: each rule by hand-made candidates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.lexicon import MOVES
from sgram.mining.cues import OTHER, find_cue_move, load_cues
from sgram.mining.select import (
    CLAUSE_OPENERS,
    COMPLETE_PHRASES,
    DANGLING,
    EXECUTION,
    LABELED,
    LATE_STARTS,
    OPEN_ENDS,
    ReadingRules,
    is_complete_phrase,
    keep_top,
    select_core,
)
from tests.builders.mining_examples import make_candidates

scores = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), max_size=12)
tops = st.integers(1, 15) | st.sampled_from([0.01, 0.27, 0.5, 1.0])


def keep_rows(scores, top, floor=-np.inf):
    rows, lowest = keep_top(np.array(scores, float), [f"gram {row:02d}" for row in range(len(scores))], top, floor)
    return rows.tolist(), lowest


@pytest.mark.parametrize(
    ("top", "rows"),
    [
        (1, [3]),
        (2, [3, 0]),
        (99, [3, 0, 2, 4, 1]),
        (0.2, [3]),
        (0.5, [3, 0]),  # 2.5 rounds to even: 2
        (0.6, [3, 0, 2]),
        (1.0, [3, 0, 2, 4, 1]),  # a share of everything, not one gram
        (0.01, [3]),  # at least one
    ],
)
def test_a_share_or_a_number_of_the_best_is_kept_best_first(top, rows):
    assert keep_rows([4, 1, 3, 5, 2], top)[0] == rows


def test_ties_at_the_edge_are_all_kept_in_the_order_of_their_texts():
    assert keep_rows([1, 2, 3, 2, 2, 1], 2) == ([2, 1, 3, 4], 2.0)
    assert keep_rows([1, 1, 1, 1], 0.25) == ([0, 1, 2, 3], 1.0)
    assert keep_top(np.array([1.0, 1.0]), ["b", "a"], 1)[0].tolist() == [1, 0]


def test_scores_below_the_floor_never_pass():
    assert keep_rows([3, 1, -1, 0], 4, floor=0.0) == ([0, 1, 3], 0.0)
    assert keep_rows([3, 1, -1, 0], 2, floor=0.0) == ([0, 1], 1.0)
    assert keep_rows([-3, -1], 1.0, floor=0.0)[0] == []


def test_nothing_to_choose_from_is_nothing_kept():
    rows, lowest = keep_rows([], 0.5)
    assert rows == []
    assert np.isnan(lowest)


@given(scores, tops, st.sampled_from([-np.inf, 0.0, 1.0]), st.randoms(use_true_random=False))
def test_what_is_kept_does_not_depend_on_the_order_of_the_rows(scores, top, floor, random):
    texts = [f"gram {row}" for row in range(len(scores))]
    order = list(range(len(scores)))
    random.shuffle(order)
    rows, lowest = keep_top(np.array(scores), texts, top, floor)
    shuffled, lowest_shuffled = keep_top(
        np.array([scores[row] for row in order]), [texts[row] for row in order], top, floor
    )
    assert [texts[row] for row in rows] == [texts[order[row]] for row in shuffled]
    np.testing.assert_equal(lowest, lowest_shuffled)


@given(scores, tops)
def test_every_score_kept_is_at_least_every_score_left(scores, top):
    rows, lowest = keep_rows(scores, top)
    dropped = [score for row, score in enumerate(scores) if row not in rows]
    if rows:
        assert min(scores[row] for row in rows) == lowest > max(dropped, default=-np.inf)
        n = max(1, round(top * len(scores))) if isinstance(top, float) else min(top, len(scores))
        assert len(rows) >= n
        assert sum(scores[row] > lowest for row in rows) < n, "no more than asked for, but for ties"


def is_complete(text, **columns):
    candidates = make_candidates([text], **{name: [value] for name, value in columns.items()})
    return is_complete_phrase(candidates, 0, ReadingRules())


def test_a_single_word_reads_if_it_begins_sentences():
    assert is_complete("wait", initial=0.05, final=0.0, follows=1.0)
    assert not is_complete("wait", initial=0.049)
    assert is_complete("maybe", initial=0.5), "a word that would dangle at a phrase's end may stand alone"


@pytest.mark.parametrize("word", ["my", "i'm", "that's", "let's", "don't"])
def test_a_single_word_that_is_cut_off_does_not_read(word):
    assert word in DANGLING
    assert not is_complete(word, initial=1.0)
    assert not is_complete_phrase(make_candidates([word]), 0, LABELED)


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("let me check", True),
        ("let me check the", False),
        ("let me check if", False),
        ("we know that", False),
        ("i'm not sure", True),
        ("hold on", True),  # whole, though "on" dangles
        ("wait hold on", False),  # only the phrase itself is whole
        ("what if", True),
        ("what about", True),
        ("how about", True),
        ("how so", True),
        ("what so", False),
    ],
)
def test_a_phrase_that_ends_in_a_hanging_word_does_not_read_unless_it_is_whole(text, reads):
    assert is_complete(text) == reads


@pytest.mark.parametrize(
    ("text", "plainly", "with_labels"),
    [
        ("maybe i", False, True),
        ("i should", False, True),
        ("wait maybe we", False, True),
        ("i need to", False, True),
        ("let me check the", False, False),  # no word that opens a plan
        ("i should be", False, False),
        ("what if", True, True),
    ],
)
def test_a_phrase_may_end_openly_only_where_labels_vouch_for_it(text, plainly, with_labels):
    assert is_complete(text) == plainly
    assert is_complete_phrase(make_candidates([text]), 0, LABELED) == with_labels


def test_an_open_end_does_not_excuse_other_faults():
    assert not is_complete_phrase(make_candidates(["since we"], final=[0.0]), 0, LABELED)
    assert not is_complete_phrase(make_candidates(["that i"], initial=[0.0]), 0, LABELED)
    assert not is_complete_phrase(make_candidates(["maybe i"], leads=[0.75]), 0, LABELED)


@pytest.mark.parametrize("text", ["calculate", "let me calculate", "the equation says", "now add them up"])
def test_a_phrase_that_carries_a_calculation_out_does_not_read(text):
    assert not is_complete(text)
    assert not is_complete_phrase(make_candidates([text]), 0, LABELED)
    assert is_complete("let me recalculate"), "the word itself, not a part of one"


@pytest.mark.parametrize("side", ["follows", "leads"])
def test_a_phrase_torn_from_a_longer_one_does_not_read(side):
    assert is_complete("double check", **{side: 0.749})
    assert not is_complete("double check", **{side: 0.75})


def test_a_phrase_without_its_start_reads_only_if_it_begins_sentences():
    assert not is_complete("of the problem", initial=0.099)
    assert is_complete("of the problem", initial=0.1)
    assert is_complete("the problem says", initial=0.0), "other words may begin late"


def test_an_opened_clause_reads_only_if_sentences_end_with_it():
    assert not is_complete("since we know", final=0.049)
    assert is_complete("since we know", final=0.05)
    assert not is_complete("so if true", final=0.0), "the second word opens a clause too"
    assert is_complete("check whether true", final=0.0) is False
    assert is_complete("now check whether true", final=0.0), "later in the phrase it is inside"


def test_the_rules_can_be_set():
    candidates = make_candidates(["wait"], initial=[0.5])
    assert is_complete_phrase(candidates, 0, ReadingRules(single_word_initial=0.5))
    assert not is_complete_phrase(candidates, 0, ReadingRules(single_word_initial=0.6))


def core_texts(texts, **columns):
    candidates = make_candidates(texts, **columns)
    return [text for text, core in zip(texts, select_core(candidates), strict=True) if core]


def test_no_phrase_that_is_read_holds_another():
    texts = ["let me check this again", "wait let me check", "let me check", "check", "let me verify"]
    initial = [1.0, 1.0, 1.0, 0.0, 1.0]
    # "check" hardly begins sentences, so it is not read; "let me check" is, and stands for the longer two
    assert core_texts(texts, initial=initial) == ["let me check", "let me verify"]
    assert core_texts(texts) == ["check", "let me verify"]


def test_inside_means_whole_words_side_by_side():
    assert core_texts(["check", "double-check", "checks out"]) == ["check", "double-check", "checks out"]
    assert core_texts(["make sure", "make very sure that works", "wait sure"]) == ["make sure", "wait sure"]


def test_a_phrase_that_is_not_read_keeps_nothing_out():
    # "let me see the" hangs, so "now let me see the trick" is not inside anything that is read
    assert core_texts(["let me see the", "now let me see the trick"]) == ["now let me see the trick"]


def test_a_phrase_without_a_cue_is_not_read():
    assert core_texts(["wait", "both sides", "sum of squares"]) == ["wait"]


def test_when_hardly_any_phrase_has_a_cue_moves_are_not_asked_for():
    # named_share is 10 %: one cue among 10 is enough to ask for cues, one among 11 is not
    german = [f"warte {word} mal" for word in "eins zwei drei vier acht neun zehn elf zwölf hundert".split()]
    assert core_texts(["wait", *german[:9]]) == ["wait"]
    assert core_texts(["wait", *german]) == ["wait", *german]
    assert core_texts(german) == german


def test_nothing_to_read_is_an_empty_list():
    assert select_core(make_candidates([])).tolist() == []


def test_where_labels_vouch_for_phrases_moves_are_not_asked_for():
    texts = ["wait", "both sides", "squares of primes"]
    assert select_core(make_candidates(texts), LABELED).tolist() == [True, True, True]
    assert select_core(make_candidates(texts), ReadingRules(need_move=False)).tolist() == [True, True, True]


def test_only_eligible_grams_are_in_the_core():
    texts = ["let me check", "wait let me check", "alternatively", "hmm"]
    # of the first two the shorter one is unclean, so the longer one holds nothing that is read
    is_clean = np.array([False, True, True, False])
    assert select_core(make_candidates(texts), is_eligible=is_clean).tolist() == [False, True, True, False]
    assert select_core(make_candidates(texts), is_eligible=~is_clean).tolist() == [True, False, False, True]
    assert not select_core(make_candidates(texts), is_eligible=np.zeros(4, bool)).any()


def test_of_too_long_a_list_the_phrases_in_most_traces_stay():
    texts = ["wait", "hmm", "alternatively", "let me check", "hold on"]
    # traces: 3, 9 (2 + 3 + 4), 5, 5 and 1; at equal numbers the text decides: "alternatively" before "let me check"
    df = [[3, 0, 0], [2, 3, 4], [0, 5, 0], [5, 0, 0], [1, 0, 0]]

    def listed_texts(max_grams):
        core = select_core(make_candidates(texts, df=df), ReadingRules(max_grams=max_grams))
        return [text for text, is_core in zip(texts, core, strict=True) if is_core]

    assert listed_texts(0) == []
    assert listed_texts(1) == ["hmm"]
    assert listed_texts(2) == ["hmm", "alternatively"]
    assert listed_texts(3) == ["hmm", "alternatively", "let me check"]
    assert listed_texts(5) == listed_texts(99) == texts


def test_a_phrase_that_too_long_a_list_loses_still_keeps_out_what_holds_it():
    # "wait" is read first, and then lost; "wait let me check" says nothing that "wait" would not have said
    texts = ["wait", "wait let me check", "hmm"]
    core = select_core(make_candidates(texts, df=[[1, 0, 0], [1, 0, 0], [9, 0, 0]]), ReadingRules(max_grams=1))
    assert core.tolist() == [False, False, True]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 13), st.randoms(use_true_random=False))
def test_the_longest_list_is_kept_in_any_order(df, max_grams, random):
    texts = [f"let me try way-{'abcdefghijkl'[row]}" for row in range(len(df))]
    order = list(range(len(df)))
    random.shuffle(order)
    candidates = make_candidates([texts[row] for row in order], df=[[df[row], 0, 0] for row in order])
    core = select_core(candidates, ReadingRules(max_grams=max_grams))
    best = sorted(range(len(df)), key=lambda row: (-df[row], texts[row]))[:max_grams]
    assert {texts[order[row]] for row in np.flatnonzero(core)} == {texts[row] for row in best}


cue_words = sorted({word for cue in load_cues() for word in cue})[:40]
grams = st.lists(st.sampled_from([*cue_words, "the", "x-axis", "of"]), min_size=1, max_size=4).map(" ".join)


@given(
    st.lists(st.tuples(grams, st.sampled_from([0.0, 0.06, 1.0]), st.sampled_from([0.0, 0.8])), max_size=15),
    st.randoms(use_true_random=False),
)
def test_the_reading_list_holds_what_its_rules_say_in_any_order(rows, random):
    unique = {text: (initial, leads) for text, initial, leads in rows}
    texts = list(unique)

    def list_core(texts):
        columns = {name: [unique[text][column] for text in texts] for column, name in enumerate(("initial", "leads"))}
        return set(core_texts(texts, **columns)), make_candidates(texts, **columns)

    core, candidates = list_core(texts)
    random.shuffle(texts)
    assert list_core(texts)[0] == core
    moves = {text: find_cue_move(text.split(" ")) for text in candidates.texts}
    need_move = sum(move != OTHER for move in moves.values()) >= 0.1 * len(moves)
    for row, text in enumerate(candidates.texts):
        is_fit = is_complete_phrase(candidates, row, ReadingRules()) and not (need_move and moves[text] == OTHER)
        inside = [gram for gram in core - {text} if f" {gram} " in f" {text} "]
        assert (text in core) == (is_fit and not inside)


def test_the_word_lists_are_words_in_normal_form():
    for word in (
        DANGLING
        | LATE_STARTS
        | CLAUSE_OPENERS
        | EXECUTION
        | {word for text in COMPLETE_PHRASES for word in text.split()}
    ):
        assert word == word.lower()
        assert " " not in word
    assert all(text.split()[-1] in DANGLING for text in COMPLETE_PHRASES), "else it needs no exception"
    assert OPEN_ENDS <= DANGLING, "else they need no exception"
    assert DANGLING.isdisjoint(EXECUTION)
    assert OTHER in MOVES
