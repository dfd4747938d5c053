"""Intervals over problems: values by hand, spread by drawing problems, coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.statistics import (
    Estimate,
    mean_by_problem,
    ratio_by_problem,
    ratios_by_problem,
    stratified_differences_by_problem,
)


def test_values_by_hand():
    # planning 3 of 10 and 1 of 10 tokens of problem a, 5 of 20 of b: 9 of 40
    estimate = ratio_by_problem(["a", "a", "b"], [3, 1, 5], [10, 10, 20])
    assert estimate.value == pytest.approx(9 / 40)
    assert estimate.low == pytest.approx(0.2)  # a twice: 8 of 40
    assert estimate.high == pytest.approx(0.25)  # b twice: 10 of 40
    assert mean_by_problem(["a", "a", "b"], [1.0, 0.0, 0.5]).value == 0.5


def test_the_spread_is_that_of_drawing_problems_with_all_their_rows():
    rng = np.random.default_rng(0)
    problems = np.repeat(np.arange(30), 5)
    numbers = rng.normal(size=30)[problems] + rng.normal(size=150) / 3
    estimate = mean_by_problem([f"problem {problem}" for problem in problems], numbers, 4000)
    rows = numbers.reshape(30, 5)
    means = rows[rng.integers(30, size=(4000, 30))].mean(axis=(1, 2))
    assert (estimate.low, estimate.high) == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.03)
    over_rows = mean_by_problem(range(150), numbers, 4000)  # as if rows were independent
    assert estimate.high - estimate.low > 1.7 * (over_rows.high - over_rows.low)


def test_intervals_cover_the_truth_at_their_level():
    rng, n_covered, n = np.random.default_rng(1), 0, 300
    for seed in range(n):
        # 40 problems with a chance of their own, 0.4 on the mean, 1 to 8 responses each
        sizes = rng.integers(1, 9, 40)
        correct = rng.binomial(sizes, rng.beta(2, 3, 40))
        estimate = ratio_by_problem(range(40), correct, sizes, n_draws=300, seed=seed)
        n_covered += estimate.low <= 0.4 <= estimate.high
    assert 0.90 <= n_covered / n <= 0.98  # 0.95 expected, a little less of 40 problems; standard error 0.013


@given(st.permutations(range(9)))
def test_neither_the_order_of_rows_nor_names_matter(order):
    problems = [0, 0, 1, 1, 1, 2, 3, 3, 4]
    numerators, denominators = [0.1, 0.7, 0.2, 0.4, 0.3, 0.9, 0.5, 0.6, 0.8], [1.1, 2, 3, 1, 1, 4, 5, 2, 2.3]
    expected = ratio_by_problem(problems, numerators, denominators, 50)
    names = ["e", "d", "c", "b", "a"]
    estimate = ratio_by_problem(
        [names[problems[row]] for row in order],
        [numerators[row] for row in order],
        [denominators[row] for row in order],
        50,
    )
    assert estimate == expected  # to the bit


def test_each_column_is_estimated_by_itself():
    problems, denominators = ["a", "b", "b", "c"], [2, 1, 1, 4]
    columns = np.array([[1, 0], [0, 1], [1, 1], [2, 3]])
    estimates = ratios_by_problem(problems, columns, denominators, 100, seed=3)
    assert estimates == [ratio_by_problem(problems, column, denominators, 100, seed=3) for column in columns.T]
    two_denominators = np.stack([denominators, np.ones(4)], axis=1)
    second = ratios_by_problem(problems, columns, two_denominators, 100)[1]
    assert second == mean_by_problem(problems, columns[:, 1], 100)


def test_differences_pair_the_rows_of_a_problem_on_both_sides():
    # a gram is in 1 of 2 correct and 0 of 1 wrong traces of each of 8 problems: 1/2 in every draw
    problems = np.repeat(np.arange(8), 3)
    has_gram, correct = np.tile([[1], [0], [0]], (8, 1)), np.tile([True, True, False], 8)
    estimates = stratified_differences_by_problem(problems, ["m"] * 24, has_gram, correct)
    assert estimates == [Estimate(0.5, 0.5, 0.5, n=8)]
    (estimate,) = stratified_differences_by_problem([0, 1, 2], ["m"] * 3, [[1], [0], [1]], [True, True, True])
    assert (estimate.value, estimate.undefined) == (None, "no stratum has rows of both kinds")
    assert stratified_differences_by_problem([], [], np.zeros((0, 1)), [])[0].undefined == "there is no row"
    with pytest.raises(UsageError, match="2 rows, 1 strata and 2 kinds"):
        stratified_differences_by_problem([0, 1], ["m"], [[1], [0]], [True, False])


def test_shared_difficulty_cancels_in_a_difference():
    rng = np.random.default_rng(2)
    problems, in_first = np.repeat(np.arange(50), 2), np.tile([True, False], 50)
    numbers = rng.normal(size=50)[problems] + 0.1 * rng.normal(size=100) + 0.2 * in_first
    (estimate,) = stratified_differences_by_problem(problems, [0] * 100, numbers[:, None], in_first)
    assert estimate.value == pytest.approx(0.2, abs=0.06)
    assert estimate.low > 0.1  # the spread of problems alone is 0.2


def test_differences_between_strata_add_nothing():
    # strong says the gram in 3 of 4 traces and is right in 8 of 12, weak in 1 of 4 and is right in 4 of 12; within
    # each of them right and wrong traces say it alike, so that the pooled difference, 7/12 - 5/12, is theirs alone
    rows = [("strong", right, says) for right, n in ((True, 8), (False, 4)) for says in [1, 1, 1, 0] * (n // 4)]
    rows += [("weak", right, says) for right, n in ((True, 4), (False, 8)) for says in [1, 0, 0, 0] * (n // 4)]
    strata, right, says = (list(column) for column in zip(*rows, strict=True))
    (stratified,) = stratified_differences_by_problem(range(24), strata, np.array(says)[:, None], right)
    assert stratified.value == pytest.approx(0)
    (pooled,) = stratified_differences_by_problem(range(24), ["all"] * 24, np.array(says)[:, None], right)
    assert pooled.value == pytest.approx(7 / 12 - 5 / 12)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_strata_have_the_weights_of_mantel_and_haenszel(seed, n_strata):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    strata, in_first = rng.integers(n_strata, size=n).tolist(), (rng.random(n) < 0.5).tolist()
    numbers, problems = rng.integers(0, 2, size=(n, 2)), rng.integers(5, size=n).tolist()
    estimates = stratified_differences_by_problem(problems, strata, numbers, in_first, 20)
    for column in range(2):
        weighted_sum, total_weight = 0.0, 0.0
        for stratum in set(strata):
            first = [numbers[row, column] for row in range(n) if strata[row] == stratum and in_first[row]]
            second = [numbers[row, column] for row in range(n) if strata[row] == stratum and not in_first[row]]
            if first and second:
                weight = len(first) * len(second) / (len(first) + len(second))
                weighted_sum += weight * (sum(first) / len(first) - sum(second) / len(second))
                total_weight += weight
        assert estimates[column].value == (pytest.approx(weighted_sum / total_weight) if total_weight else None)


def test_an_undefined_ratio_has_a_reason():
    assert ratio_by_problem([], [], []).undefined == "there is no row"
    assert ratio_by_problem(["a", "b"], [0, 0], [0, 0]).undefined == "there is nothing to divide by"
    one_problem = ratio_by_problem(["a", "a"], [1, 2], [4, 4])
    assert (one_problem.value, one_problem.low, one_problem.high) == (3 / 8, None, None)
    with pytest.raises(UsageError, match="give one of each a row"):
        ratio_by_problem(["a"], [1, 2], [4, 4])


def test_an_estimate_can_be_transformed():
    estimate = mean_by_problem(["a", "b", "c"], [0.0, 1.0, 2.0]).transform(np.exp)
    assert estimate.value == pytest.approx(np.e)
    assert estimate.low < estimate.value < estimate.high
    assert Estimate(None, undefined="no").transform(np.exp) == Estimate(None, undefined="no")


def test_a_number_too_large_for_a_float_is_infinite_without_a_warning(recwarn):
    assert Estimate(5000.0, -5000.0, 5000.0).transform(np.exp) == Estimate(np.inf, 0.0, np.inf)
    assert not recwarn.list
