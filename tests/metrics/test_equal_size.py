"""Expected entropy at equal size against every subset there is."""

import math
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.metrics import entropy_at_size, semantic_entropy


def shannon(labels):
    total = len(labels)
    return -sum(count / total * math.log(count / total) for count in Counter(labels).values())


def mean_over_subsets(labels, m):
    """Mean plug-in entropy of every m of the labels."""
    draws = list(combinations(labels, m))
    return sum(shannon(draw) for draw in draws) / len(draws)


def test_by_hand():
    # a a b, two drawn: aa 0, ab ln 2, ab ln 2
    assert entropy_at_size("aab", 2) == pytest.approx(2 / 3 * math.log(2))
    assert entropy_at_size({"a": 2, "b": 1}, 2, base=2) == pytest.approx(2 / 3)
    assert entropy_at_size([2, 1], 1) == 0


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=9), st.data())
def test_every_subset_of_a_small_multiset(labels, data):
    m = data.draw(st.integers(1, len(labels)))
    assert entropy_at_size(Counter(labels), m) == pytest.approx(mean_over_subsets(labels, m), abs=1e-12)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_of_all_occurrences_it_is_the_plug_in_entropy(counts):
    assert entropy_at_size(counts, sum(counts)) == pytest.approx(semantic_entropy(counts), abs=1e-12)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.randoms())
def test_it_grows_with_the_size_and_has_no_order(counts, random):
    sizes = sorted({1, sum(counts) // 3 or 1, sum(counts) // 2 or 1, sum(counts)})
    entropies = [entropy_at_size(counts, m) for m in sizes]
    assert all(later >= entropy - 1e-12 for entropy, later in zip(entropies, entropies[1:], strict=False))
    shuffled = list(counts)
    random.shuffle(shuffled)
    assert [entropy_at_size(shuffled, m) for m in sizes] == entropies  # to the bit


def test_large_counts_agree_with_drawing():
    counts = [400_000, 90_000, 9_000, 900, 90, 9, 1]
    rng = np.random.default_rng(0)
    draws = rng.multivariate_hypergeometric(counts, 1000, size=4000, method="marginals")
    plug_in = [semantic_entropy(draw) for draw in draws]
    # standard error of the mean: below 0.0005
    assert entropy_at_size(counts, 1000) == pytest.approx(np.mean(plug_in), abs=4 * np.std(plug_in) / 4000**0.5)


def test_a_longer_text_does_not_look_richer():
    # one source seen 10 times as long: the plug-in entropy grows, that of 100 occurrences stays
    rng = np.random.default_rng(1)
    shares = 1 / np.arange(1, 301)
    short, long = (rng.multinomial(n, shares / shares.sum(), size=30) for n in (300, 3000))
    plug_in = [np.mean([semantic_entropy(draw) for draw in draws]) for draws in (short, long)]
    at_100 = [np.mean([entropy_at_size(draw, 100) for draw in draws]) for draws in (short, long)]
    assert plug_in[1] - plug_in[0] > 0.2
    assert at_100[1] == pytest.approx(at_100[0], abs=0.04)


def test_fewer_occurrences_than_the_size_have_no_entropy():
    assert entropy_at_size([2, 1], 4) is None
    assert entropy_at_size([], 1) is None


def test_an_invalid_size_or_count_is_refused():
    for m in (0, -1, 2.0, True):
        with pytest.raises(UsageError, match=r"the size m must be a whole number >= 1 \(got"):
            entropy_at_size([2, 1], m)
    with pytest.raises(InputError, match=r"a count must be a whole number of occurrences \(got 1\.5\)"):
        entropy_at_size([1.5, 2], 2)
    with pytest.raises(UsageError, match="the base of an entropy"):
        entropy_at_size([2, 1], 2, base=1)
