"""What is said of a step: means by kind of token, successes by group."""

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.grading.outcome import ERROR_KINDS
from sgram.training.trainer.step_metrics import TokenClassSums, error_shares, gram_entropy, success_metrics


def identity(sums):
    return sums


def test_means_are_over_all_tokens_of_their_kind():
    # row 0: planning, execution, execution; row 1: planning, padding, padding
    planning = torch.tensor([[True, False, False], [True, True, False]])
    mask = torch.tensor([[True, True, True], [True, False, False]])
    nan = math.nan  # what stands outside the mask counts for nothing
    entropies = torch.tensor([[1.0, 2.0, 4.0], [3.0, nan, nan]])
    advantages = torch.tensor([[1.5, -1.0, -1.0], [-0.5, nan, 9.0]])
    logps = torch.tensor([[-1.0, -2.0, -0.5], [-3.0, nan, 0.0]])
    sums = TokenClassSums()
    sums.add(planning, mask, entropies, advantages, logps)
    metrics = sums.take(identity)
    assert metrics == pytest.approx(
        {
            "planning/share": 2 / 4,
            "planning/entropy": (1 + 3) / 2,
            "planning/advantage": (1.5 - 0.5) / 2,
            "planning/magnitude": (1.5 + 0.5) / 2,
            "planning/nll": (1 + 3) / 2,
            "execution/entropy": (2 + 4) / 2,
            "execution/advantage": -1.0,
            "execution/magnitude": 1.0,
            "execution/nll": (2 + 0.5) / 2,
        }
    )
    assert sums.take(identity) == {}  # a step's are handed out once


def test_micro_batches_count_by_their_tokens():
    # 1 planning token of entropy 8, then 3 of entropy 4: (8 + 12) / 4, not the mean of means
    sums = TokenClassSums()
    for n, entropy in ((1, 8.0), (3, 4.0)):
        ones = torch.ones(1, n)
        sums.add(ones.bool(), ones.bool(), ones * entropy, ones, -ones)
    metrics = sums.take(identity)
    assert metrics["planning/entropy"] == 5.0
    assert metrics["planning/share"] == 1.0
    assert not [name for name in metrics if name.startswith("execution")]


def test_processes_are_summed_before_means_are_taken():
    sums = TokenClassSums()
    sums.add(torch.tensor([[True]]), torch.tensor([[True]]), *(torch.ones(1, 1),) * 3)
    remote = torch.zeros(2, 5, dtype=torch.float64)
    remote[1, 0], remote[1, 1] = 3, 6.0  # three execution tokens of entropy 2
    metrics = sums.take(lambda local: local + remote)
    assert metrics["planning/share"] == 1 / 4
    assert metrics["execution/entropy"] == 2.0


def test_no_tokens_give_no_means():
    sums = TokenClassSums()
    nothing = torch.zeros(2, 3)
    sums.add(nothing.bool(), nothing.bool(), nothing, nothing, nothing)
    assert sums.take(identity) == {}


ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from(["4", "5", None])), min_size=4, max_size=4)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_successes_are_those_of_a_count_by_hand(groups):
    rows = [row for group in groups for row in group]
    metrics = success_metrics([right for right, _ in rows], [answer for _, answer in rows], 4)
    assert metrics["pass@1"] == pytest.approx(sum(right for right, _ in rows) / len(rows))
    # pass@4 of four: whether one of them is right
    assert metrics["pass@4"] == pytest.approx(sum(any(right for right, _ in group) for group in groups) / len(groups))


def test_the_majority_decides():
    # group 1: "4" (right) twice, "5" once, none: right. Group 2: "9" (wrong) twice, "8" (right): wrong
    answers = ["4", "4", "5", None, "9", "9", "8", None]
    correct = [True, True, False, False, False, False, True, False]
    assert success_metrics(correct, answers, 4) == pytest.approx({"pass@1": 3 / 8, "pass@4": 1.0, "maj@4": 0.5})


def test_a_group_that_was_not_judged_whole_is_left_out():
    correct = [True, None, True, False]
    assert success_metrics(correct, [None] * 4, 2) == {"pass@1": 0.5, "pass@2": 1.0}
    assert success_metrics([None, True], ["1", "2"], 2) == {}
    assert success_metrics([], [], 2) == {}
    assert success_metrics([True, False], [None, None], 1) == {"pass@1": 0.5}


def test_errors_are_shares_of_what_was_judged():
    correct = [True, False, False, None, False]
    errors = [None, "strategic", "format", "strategic", "strategic"]  # the fourth was not judged
    shares = error_shares(correct, errors, frozenset(ERROR_KINDS))
    assert shares == {"strategic": 0.5, "procedural": 0.0, "format": 0.25}


UNKNOWN = {"strategic": None, "procedural": None, "format": None}


def test_a_kind_that_the_task_does_not_recognize_has_no_share():
    errors = [None, "format", None]
    assert error_shares([True, False, False], errors, {"format"}) == {**UNKNOWN, "format": 1 / 3}
    # without an error of form its share is 0, which is known
    assert error_shares([True, False], [None, None], {"format"}) == {**UNKNOWN, "format": 0.0}
    assert error_shares([True, False], [None, None], frozenset()) == UNKNOWN
    # a task that does not say what it recognizes recognizes nothing, whatever its outcomes name
    assert error_shares([True, False], [None, "format"], None) == UNKNOWN
    assert error_shares([None], ["format"], {"format"}) == UNKNOWN  # a share of nothing is no number
    assert error_shares([], [], {"format"}) == UNKNOWN


def test_a_kind_that_the_task_has_not_declared_is_refused():
    with pytest.raises(UsageError, match=r"reports the error kind 'strategic', but its error_kinds are format;"):
        error_shares([False, False], ["format", "strategic"], {"format"})


def test_semantic_entropy_is_in_nats():
    # 3/4 and 1/4: -(3/4 ln 3/4 + 1/4 ln 1/4)
    metrics = gram_entropy(Counter({"wait": 3, "so": 1}))
    assert metrics == pytest.approx(
        {"semantic_entropy": -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)), "grams": 4.0}
    )
    assert gram_entropy(Counter()) == {}
    assert gram_entropy(Counter({"wait": 5}))["semantic_entropy"] == 0
