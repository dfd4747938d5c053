"""Intervals of entropies over problems: closed forms, and coverage by simulation."""

import math
from collections import Counter

import numpy as np
import pytest

from sgram.metrics import (
    conditional_entropy,
    conditional_entropy_at_size,
    conditional_entropy_by_problem,
    entropy_at_size,
    entropy_by_problem,
    semantic_entropy,
)


def problems(rng, n, shares):
    """Counts of labels of each of n problems, 20 occurrences each."""
    draws = rng.multinomial(20, shares, size=n)
    return {
        f"p{index}": {label: int(count) for label, count in enumerate(row) if count} for index, row in enumerate(draws)
    }


def test_the_value_is_that_of_all_counts():
    by_problem = {"p": {"a": 2, "b": 1}, "q": {"a": 1, "c": 4}}
    total = {"a": 3, "b": 1, "c": 4}
    assert entropy_by_problem(by_problem).value == semantic_entropy(total)
    assert entropy_by_problem(by_problem, base=2, correction="miller-madow").value == semantic_entropy(
        total, 2, "miller-madow"
    )
    assert entropy_by_problem(by_problem, size=3).value == entropy_at_size(total, 3)


def test_the_interval_is_the_jackknifes_by_hand():
    # problems a 1 b 1, a 2, b 2: without the first H(2, 2) = ln 2, without the second H(1, 3), without the third too
    by_problem = {"p": {"a": 1, "b": 1}, "q": {"a": 2}, "r": {"b": 2}}
    uneven = -(1 / 4 * math.log(1 / 4) + 3 / 4 * math.log(3 / 4))
    without = np.array([math.log(2), uneven, uneven])
    error = math.sqrt(2 / 3 * ((without - without.mean()) ** 2).sum())
    estimate = entropy_by_problem(by_problem)
    assert estimate.high - estimate.value == pytest.approx(1.959964 * error)
    assert estimate.value - estimate.low == pytest.approx(1.959964 * error)


def test_intervals_cover_the_truth_at_their_level():
    rng = np.random.default_rng(5)
    shares = 1 / np.arange(1, 31)
    shares /= shares.sum()
    truth = np.mean([semantic_entropy(counts) for counts in rng.multinomial(100, shares, size=4000)])
    covered = []
    for _ in range(80):
        estimate = entropy_by_problem(problems(rng, 20, shares), size=100)
        covered.append(estimate.low <= truth <= estimate.high)
    assert 0.87 <= np.mean(covered) <= 0.99


def test_a_bootstrap_over_problems_would_lie_below_its_value():
    # why this is no bootstrap: the entropies of redrawn problems miss the labels of those left out
    rng = np.random.default_rng(0)
    by_problem = list(problems(rng, 20, np.ones(200) / 200).values())
    estimate = entropy_by_problem(dict(enumerate(by_problem)))
    draws = [
        semantic_entropy(sum((Counter(by_problem[index]) for index in rng.integers(20, size=20)), Counter()))
        for _ in range(200)
    ]
    assert np.percentile(draws, 97.5) < estimate.value
    assert estimate.low < estimate.value < estimate.high


def test_conditional_entropies_have_intervals_too():
    by_problem = {
        index: {("wait", "so"): 1 + index % 3, ("wait", "let"): 1, ("so", f"x{index % 4}"): 2} for index in range(12)
    }
    total = Counter()
    for counts in by_problem.values():
        total.update(counts)
    plain, sized = conditional_entropy_by_problem(by_problem), conditional_entropy_by_problem(by_problem, size=20)
    assert plain.value == pytest.approx(conditional_entropy(total).value)
    assert sized.value == pytest.approx(conditional_entropy_at_size(total, 20))
    assert plain.low < plain.value < plain.high
    assert sized.low < sized.value < sized.high


def test_order_does_not_matter_and_many_problems_are_left_out_together():
    rng = np.random.default_rng(3)
    by_problem = problems(rng, 130, np.ones(10) / 10)
    reversed_counts = {name: dict(reversed(by_problem[name].items())) for name in reversed(by_problem)}
    assert entropy_by_problem(reversed_counts) == entropy_by_problem(by_problem)


def test_of_independent_occurrences_it_is_the_interval_of_the_delta_method():
    # the variance of the plug-in entropy of n is (sum p log^2 p - H^2) / n, whatever problems they are of
    rng, shares = np.random.default_rng(3), np.array([0.6, 0.2, 0.1, 0.05, 0.05])
    variance = ((shares * np.log(shares) ** 2).sum() - (shares * np.log(shares)).sum() ** 2) / (20 * 130)
    widths = []
    for _ in range(10):
        estimate = entropy_by_problem(problems(rng, 130, shares))
        widths.append(estimate.high - estimate.low)
    assert np.mean(widths) == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.1)


def test_few_problems_or_occurrences_have_no_value_or_no_interval():
    assert entropy_by_problem({}).undefined == "nothing was counted"
    assert entropy_by_problem({"p": {"a": 2}}, size=3).undefined == "there are 2 occurrences, not 3"
    one_problem = entropy_by_problem({"p": {"a": 1, "b": 1}, "q": {}})
    assert (one_problem.value, one_problem.low, one_problem.high) == (pytest.approx(math.log(2)), None, None)
    assert conditional_entropy_by_problem({}).undefined == "nothing was counted"
    # all occurrences are asked for: without a problem there are fewer, which still shows the spread
    sized = entropy_by_problem({"p": {"a": 3, "b": 1}, "q": {"a": 1, "b": 3}, "r": {"a": 4}}, size=12)
    assert sized.low < sized.value < sized.high
