"""Lexicons side by side: diff, merge; and what `check` finds in one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.lexicon import Lexicon, check_lexicon, diff_lexicons, merge_lexicons
from tests.builders.lexicon_examples import cluster, doubts, gram, lexicon, lexicons, patient


def test_diff_lists_added_removed_moved_and_changed_grams():
    new = lexicon(
        cluster(gram("let me check", 9, score=0.5), gram("hold on", 4, core=False), df=9, move="backtracking"),
        cluster(gram("hmm", 3), gram("but", 6)),
    )
    difference = diff_lexicons(doubts(), new)
    # 'let me check': same medoid, another move; 'hold on': from 'wait' to 'let me check'; 'wait' is gone
    assert difference.to_json() == {
        "added": ["but", "hmm"],
        "removed": ["wait"],
        "moved": [
            {
                "text": "let me check",
                "old_medoid": "let me check",
                "new_medoid": "let me check",
                "old_move": "verification",
                "new_move": "backtracking",
            },
            {
                "text": "hold on",
                "old_medoid": "wait",
                "new_medoid": "let me check",
                "old_move": "backtracking",
                "new_move": "backtracking",
            },
        ],
        "changed": [{"text": "let me check", "field": "score", "old": None, "new": 0.5}],
    }
    assert difference


@patient
@given(lexicons(), lexicons())
def test_diff_backwards_swaps_added_and_removed(first, second):
    forward, backward = diff_lexicons(first, second), diff_lexicons(second, first)
    assert (forward.added, forward.removed) == (backward.removed, backward.added)
    assert len(forward.moved) == len(backward.moved)
    assert not diff_lexicons(first, first)


# merge


def wait_lexicon(df, *inputs, **fields):
    """A lexicon of one gram, 'wait', counted in the named inputs."""
    source = {"inputs": list(inputs)} if inputs else {}
    return lexicon(cluster(gram("wait", df, **fields), df=df), name=f"{df}", **source)


def mined(df, digest, traces):
    """The same with the inputs as mining names them."""
    return lexicon(cluster(gram("wait", df), df=df), name="mined", inputs={"traces": traces, "digest": digest})


@pytest.mark.parametrize(
    ("parts", "df"),
    [
        ([wait_lexicon(3, "a"), wait_lexicon(4, "b")], 7),  # other traces: 3 + 4
        ([wait_lexicon(3, "a"), wait_lexicon(4, "a")], 4),  # the same traces: the larger
        ([wait_lexicon(3, "a"), wait_lexicon(4, "a", "b")], 4),  # shared traces would count twice
        ([wait_lexicon(3, "a"), wait_lexicon(4, "a", "b"), wait_lexicon(5, "b")], 5),  # one pool by way of the second
        ([wait_lexicon(3, "a"), wait_lexicon(4, "a"), wait_lexicon(5, "c")], 9),  # pools {3, 4} and {5}: 4 + 5
        ([wait_lexicon(3, "a"), wait_lexicon(4)], 4),  # the second's traces may be the first's
        ([wait_lexicon(3, "a"), wait_lexicon(4, "b"), wait_lexicon(None)], 7),  # a list without numbers changes none
        ([wait_lexicon(3, {"digest": "a"}), wait_lexicon(4, "a")], 4),  # a digest is known in both its forms
        ([mined(3, "a", 90), mined(4, "b", 90)], 7),  # as mining writes it: other corpora of one size
        ([mined(3, "a", 90), mined(4, "a", 90)], 4),
        ([mined(3, "a", 90), merge_lexicons([mined(4, "b", 9), mined(5, "a", 90)])], 9),  # 4 + 5 holds 3's corpus
        ([wait_lexicon(None), wait_lexicon(None, "a")], None),
    ],
)
def test_merge_adds_dfs_only_where_the_traces_were_different_ones(parts, df):
    merged = merge_lexicons(parts)
    assert (merged.grams[0].df, merged.clusters[0].df) == (df, df)


def test_merge_adds_what_all_know_and_keeps_the_score_of_the_larger_df():
    smaller = wait_lexicon(3, "a", count=5, df_correct=2, df_wrong=1, score=0.9, core=False)
    larger = wait_lexicon(4, "b", count=6, df_correct=1, score=0.2)
    merged = merge_lexicons([smaller, larger], "both")
    # count 5 + 6, df_correct 2 + 1; df_wrong is not known in one of them; score of df 4; core in one of them
    assert merged.grams == (gram("wait", 7, count=11, df_correct=3, score=0.2, core=True),)
    assert merged.name == "both"
    assert merged.source["inputs"] == ["a", "b"]
    assert {part["digest"] for part in merged.source["merged"]} == {smaller.digest, larger.digest}
    assert "inputs" not in merge_lexicons([smaller, wait_lexicon(2)]).source  # not all inputs are known any more


def test_merge_joins_clusters_that_share_a_gram_even_by_way_of_a_third():
    first = lexicon(cluster(gram("wait", 5), df=6, move="backtracking"), cluster(gram("hmm", 8), df=8), inputs=["a"])
    second = lexicon(cluster(gram("hmm", 2), gram("wait", 1), df=3, move="other"), cluster("so"), inputs=["b"])
    merged = merge_lexicons([first, second])
    # the joined cluster: max(6, 8) traces of a and 3 of b; 'hmm' names it; three votes for other, but other
    # yields to a clear move. hmm 8 + 2, wait 5 + 1
    assert [(joined.df, joined.medoid, joined.move) for joined in merged.clusters] == [
        (11, "hmm", "backtracking"),
        (None, "so", "other"),
    ]
    assert merged.clusters[0].grams == (gram("hmm", 10), gram("wait", 6))


@patient
@given(st.lists(lexicons(), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_merge_is_the_union_and_ignores_order_and_repetition(parts, rng):
    merged = merge_lexicons(parts)
    assert {member.words for member in merged.grams} == {member.words for part in parts for member in part.grams}
    assert merge_lexicons(rng.sample([*parts, *parts], 2 * len(parts))) == merged
    for part in parts:
        for part_cluster in part.clusters:  # what was together stays together, and no df falls
            assert len({merged.find(member.text)[0].id for member in part_cluster.grams}) == 1
            assert all((merged.find(member.text)[1].df or 0) >= (member.df or 0) for member in part_cluster.grams)
    assert merge_lexicons([merged]).clusters == merged.clusters


def test_merging_nothing_is_refused():
    with pytest.raises(UsageError, match="at least one lexicon"):
        merge_lexicons([])


# findings


def test_check_finds_what_makes_a_list_noisy_or_hard_to_read():
    noisy = lexicon(cluster("so", "therefore", "but"), cluster("let me check", "let me", gram("check the", core=False)))
    grams_by_rule = {warning.rule: warning.grams for warning in check_lexicon(noisy)}
    assert grams_by_rule == {
        "few-grams": ("but", "let me", "let me check", "so", "therefore"),
        "common-word": ("but", "so", "therefore"),
        "contained": ("let me",),
        "fragment": ("let me",),  # ends in "me"; 'check the' is not in the core list
        "no-df": ("check the", "let me", "let me check", "but", "so", "therefore"),
        "no-move": (),
    }


def test_a_tidy_lexicon_has_no_warnings():
    names = [first + second for first in ["alpha", "gamma", "kappa"] for second in "bcdefghjklmnopqrstuv"]  # 60
    pairs = [
        cluster(gram(first, 9), gram(second, 8), df=9, move="branching")
        for first, second in zip(names[::2], names[1::2], strict=True)
    ]
    assert check_lexicon(lexicon(*pairs)) == []


def test_the_published_list_shows_its_known_noise():
    warnings = {warning.rule: warning for warning in check_lexicon(Lexicon.load("wang2025"))}
    assert set(warnings["common-word"].grams) == {"so", "since", "therefore", "thus", "now", "but"}
    assert "need to" in warnings["contained"].grams
    assert len(warnings["no-df"].grams) == 249
    assert warnings["singleton"].to_json()["grams"] == list(warnings["singleton"].grams)
