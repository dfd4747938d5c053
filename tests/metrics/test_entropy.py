"""Entropies and perplexities against plain Python."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.metrics import measure_semantic_entropy, perplexity, semantic_entropy, token_entropy


def test_semantic_entropy_is_shannons():
    # 1/2, 1/4, 1/4: 1/2 * 1 + 2 * 1/4 * 2 = 1.5 bits, times ln 2 in nats
    assert semantic_entropy({"wait": 2, "let me": 1, "so": 1}, base=2) == 1.5
    assert semantic_entropy({"wait": 2, "let me": 1, "so": 1}) == pytest.approx(1.5 * math.log(2))


@pytest.mark.parametrize(
    "counts_or_labels",
    [
        Counter(wait=2, so=1, then=1),
        [2, 1, 1],
        np.array([2, 0, 1, 1]),
        torch.tensor([1, 2, 1]),
        (1.0, 1.0, 2.0),
        ["wait", "so", "wait", "then"],
        [("let", "me"), ("so",), ("so",), ("wait",)],
        iter(["a", "b", "c", "a"]),
        np.array(["a", "b", "a", "c"]),
        [True, None, True, "x"],
    ],
)
def test_counts_and_labels_give_the_same(counts_or_labels):
    assert semantic_entropy(counts_or_labels, base=2) == 1.5


def test_the_correction_of_miller_and_madow_adds_the_first_term_of_the_bias():
    # 3 bins, 4 occurrences: (3 - 1) / (2 * 4) = 0.25 nats
    plain = 1.5 * math.log(2)
    assert semantic_entropy([2, 1, 1], correction="miller-madow") == pytest.approx(plain + 0.25)
    assert semantic_entropy([2, 1, 1], 2, "miller-madow") == pytest.approx(1.5 + 0.25 / math.log(2))


def test_the_correction_brings_small_samples_nearer_to_the_truth():
    rng = np.random.default_rng(0)
    draws = [Counter(rng.integers(20, size=40).tolist()) for _ in range(200)]
    truth = math.log(20)
    errors = [
        abs(np.mean([semantic_entropy(draw, correction=name) for draw in draws]) - truth)
        for name in ("none", "miller-madow")
    ]
    assert errors[1] < errors[0] / 3


def test_chao_and_shen_by_hand():
    # counts 2 1 1 of n = 4: two labels occurred once, C = 1 - 2/4 = 1/2; shares 1/4, 1/8, 1/8.
    # -1/4 ln 1/4 / (1 - (3/4)^4) = 0.346574 / 0.683594 = 0.506987
    # -1/8 ln 1/8 / (1 - (7/8)^4) = 0.259930 / 0.413818 = 0.628127, twice
    assert semantic_entropy([2, 1, 1], correction="chao-shen") == pytest.approx(1.763241, abs=1e-6)
    entropy = measure_semantic_entropy(["a", "a", "b", "c"], 2, "chao-shen")
    assert entropy.value == pytest.approx(1.763241 / math.log(2), abs=1e-5)
    assert (entropy.n, entropy.n_bins, entropy.correction) == (4, 3, "chao-shen")


def test_chao_and_shen_where_all_or_nothing_occurred_once():
    # 1 1 1: f1 is taken for n - 1 = 2, C = 1/3, shares 1/9: -3 * 1/9 ln 1/9 / (1 - (8/9)^3) = 0.732408 / 0.297668
    assert semantic_entropy([1, 1, 1], correction="chao-shen") == pytest.approx(2.460487, abs=1e-5)
    # 3 3: C = 1, shares 1/2: ln 2 / (1 - (1/2)^6) = 0.693147 / 0.984375
    assert semantic_entropy([3, 3], correction="chao-shen") == pytest.approx(0.704149, abs=1e-6)
    assert semantic_entropy([1], correction="chao-shen") == 0
    assert semantic_entropy([7], correction="chao-shen") == 0
    with pytest.raises(InputError, match=r"a count must be a whole number of occurrences \(got 1\.5\)"):
        semantic_entropy([1.5, 2], correction="chao-shen")


def test_chao_and_shen_allow_for_labels_that_did_not_occur():
    # 200 labels, equally frequent, 100 occurrences: the plug-in knows at most ln 100 of ln 200
    rng = np.random.default_rng(0)
    draws = [Counter(rng.integers(200, size=100).tolist()) for _ in range(200)]
    plug_in, corrected = (
        np.mean([semantic_entropy(draw, correction=name) for draw in draws]) for name in ("none", "chao-shen")
    )
    assert math.log(200) - plug_in > 0.9
    assert corrected == pytest.approx(math.log(200), abs=0.1)


def test_a_measured_entropy_has_its_numbers():
    entropy = measure_semantic_entropy({"a": 3, "b": 0, "c": 1}, base=2, correction="none")
    assert (entropy.n, entropy.n_bins, entropy.base, entropy.correction) == (4, 2, 2, "none")
    assert entropy.value == semantic_entropy([3, 1], base=2)


def test_nothing_has_no_entropy_and_one_bin_has_entropy_0():
    assert semantic_entropy([]) is None
    assert semantic_entropy({"a": 0}) is None
    assert measure_semantic_entropy([]).n == 0
    assert math.copysign(1, semantic_entropy({"a": 7})) == 1  # 0, and not -0
    assert semantic_entropy({"a": 7}) == 0


def test_truth_values_are_labels():
    # three of four: 0.811278 bits; as counts they would be 1, 0, 1, 1
    assert semantic_entropy([True, False, True, True], 2) == pytest.approx(0.811278, abs=1e-6)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.randoms())
def test_semantic_entropy_is_that_of_plain_python_in_any_order(counts, random):
    entropy = semantic_entropy(counts, 2)
    total = sum(counts)
    if not total:
        assert entropy is None
        return
    assert entropy == pytest.approx(-sum(c / total * math.log2(c / total) for c in counts if c), abs=1e-9)
    shuffled = list(counts)
    random.shuffle(shuffled)
    assert semantic_entropy(shuffled, 2) == entropy  # to the bit


def test_an_invalid_distribution_is_refused():
    for counts in ([1, -1], [1, math.nan], [math.inf], {"a": None}, {"a": "3"}):
        with pytest.raises(InputError, match=r"a count must be a number >= 0 \(got"):
            semantic_entropy(counts)
    for base in (1, 0, -2, math.inf, "e"):
        with pytest.raises(UsageError, match="the base of an entropy must be a number > 1"):
            semantic_entropy([1], base)
    with pytest.raises(
        UsageError, match=r"the correction must be 'none', 'miller-madow' or 'chao-shen' \(got 'jackknife'\)"
    ):
        semantic_entropy([1], correction="jackknife")


# -- tokens ---------------------------------------------------------------------------------------------

VALUES = [[0.5, 1.0, 9.0], [2.0, 3.0, 4.0]]
PLANNING = [[1, 0, 1], [0, 1, 0]]
MASK = [[1, 1, 0], [1, 1, 1]]


def test_token_entropy_is_the_mean_of_each_class():
    # planning 0.5, 3.0: 1.75; execution 1, 2, 4: 7/3; the 9 is outside the response
    entropy = token_entropy(VALUES, PLANNING, MASK)
    assert entropy == (1.75, pytest.approx(7 / 3))
    assert (entropy.planning, entropy.execution) == entropy
    assert token_entropy(torch.tensor(VALUES), torch.tensor(PLANNING), torch.tensor(MASK)) == entropy
    assert token_entropy(torch.tensor(VALUES).bfloat16(), np.array(PLANNING, bool), MASK) == entropy
    # without a mask: planning 0.5, 9, 3; execution 1, 2, 4
    assert token_entropy(VALUES, PLANNING) == (pytest.approx(12.5 / 3), pytest.approx(7 / 3))


def test_a_class_without_tokens_has_no_mean():
    assert token_entropy([1.0, 2.0], [1, 1]) == (1.5, None)
    assert token_entropy([1.0, 2.0], [0, 0]) == (None, 1.5)
    assert token_entropy([1.0, 2.0], [1, 0], [0, 0]) == (None, None)
    assert token_entropy([], []) == (None, None)


def test_a_missing_entropy_is_refused_unless_it_is_masked():
    for missing in (math.nan, math.inf, None):
        with pytest.raises(InputError, match="missing or not finite; mask out unmeasured tokens"):
            token_entropy([1.0, missing], [1, 0])
        assert token_entropy([1.0, missing], [1, 0], [1, 0]) == (1.0, None)


def test_perplexity_is_the_exponential_of_the_mean():
    # log 1/2 and log 1/8: the mean is log 1/4, perplexity 4; with the third, log 1/4, the same
    logprobs = [math.log(1 / 2), math.log(1 / 8), math.log(1 / 100)]
    assert perplexity(logprobs, [1, 1, 0]) == pytest.approx(4)
    assert perplexity([logprobs[:2], [math.log(1 / 4)] * 2]) == pytest.approx(4)
    assert perplexity(torch.tensor(logprobs), torch.tensor([0, 0, 1])) == pytest.approx(100, rel=1e-5)
    assert perplexity([0.0, 0.0]) == 1


def test_the_perplexity_of_nothing_and_of_the_impossible():
    assert perplexity([]) is None
    assert perplexity([-1.0], [0]) is None
    assert perplexity([-1.0, -math.inf]) == math.inf
    assert perplexity([-1000.0]) == math.inf


def test_an_invalid_log_probability_is_refused():
    for wrong in (0.5, math.nan, None):
        with pytest.raises(InputError, match="a log-probability is missing or above 0"):
            perplexity([-1.0, wrong])
        assert perplexity([-1.0, wrong], [1, 0]) == pytest.approx(math.e)
    with pytest.raises(UsageError, match=r"the mask has the shape \(1,\), the values have \(2,\)"):
        perplexity([-1.0, -2.0], [1])
    with pytest.raises(UsageError, match="rows of equal length; pad the rows"):
        token_entropy([[1.0], [1.0, 2.0]], [[1], [1, 0]])
    with pytest.raises(UsageError, match="the response mask has the shape"):
        token_entropy(VALUES, PLANNING, MASK[0])
