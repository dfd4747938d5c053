"""Conditional entropy against its definition and every subset there is."""

import math
from collections import Counter, defaultdict
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.metrics import conditional_entropy, conditional_entropy_at_size, semantic_entropy

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), min_size=1, max_size=8)


def entropy_by_definition(pairs):
    """sum_g p(g) H(next | g), of a list of pairs."""
    following = defaultdict(list)
    for given_label, following_label in pairs:
        following[given_label].append(following_label)
    total = 0.0
    for following_label in following.values():
        shares = [count / len(following_label) for count in Counter(following_label).values()]
        total += len(following_label) / len(pairs) * -sum(p * math.log(p) for p in shares)
    return total


def test_by_hand():
    # after a: x x y y, 1 bit, of 4 in 6 pairs; after b: x, x, 0 bits
    entropy = conditional_entropy({("a", "x"): 2, ("a", "y"): 2, ("b", "x"): 2}, base=2)
    assert entropy.value == pytest.approx(4 / 6)
    assert (entropy.n, entropy.n_contexts, entropy.n_pairs, entropy.base) == (6, 2, 3, 2)


@given(PAIRS)
def test_it_equals_its_definition(pairs):
    assert conditional_entropy(Counter(pairs)).value == pytest.approx(entropy_by_definition(pairs), abs=1e-12)


@given(PAIRS, st.data())
def test_at_equal_size_it_is_the_mean_over_every_subset(pairs, data):
    m = data.draw(st.integers(1, len(pairs)))
    draws = list(combinations(pairs, m))
    expected = sum(entropy_by_definition(draw) for draw in draws) / len(draws)
    assert conditional_entropy_at_size(Counter(pairs), m) == pytest.approx(expected, abs=1e-12)
    assert conditional_entropy_at_size(Counter(pairs), len(pairs) + 1) is None


def test_what_follows_independently_has_its_own_entropy():
    counts = {(given_label, following_label): 3 for given_label in range(4) for following_label in range(5)}
    assert conditional_entropy(counts).value == pytest.approx(math.log(5))


def test_a_correction_applies_to_each_label_by_itself():
    # Miller-Madow adds (2 - 1) / (2 * 4) nats after a, weighted by 4/6, and nothing after b
    counts = {("a", "x"): 2, ("a", "y"): 2, ("b", "x"): 2}
    plain, corrected = (conditional_entropy(counts, correction=name).value for name in ("none", "miller-madow"))
    assert corrected - plain == pytest.approx(4 / 6 / 8)
    chao_shen = conditional_entropy(counts, correction="chao-shen").value
    assert chao_shen == pytest.approx(4 / 6 * semantic_entropy([2, 2], correction="chao-shen"))


def test_nothing_has_no_entropy_and_an_invalid_key_is_refused():
    assert conditional_entropy({}).value is None
    assert conditional_entropy({("a", "x"): 0}) == conditional_entropy({})
    with pytest.raises(InputError, match=r"a key must be a pair \(gram, what follows it\) \(got 'ab'\)"):
        conditional_entropy({"ab": 1})
    with pytest.raises(InputError, match="a count must be a number >= 0"):
        conditional_entropy({("a", "x"): -1})
    with pytest.raises(UsageError, match="the correction must be"):
        conditional_entropy({}, correction="no")
