"""Intervals over problems: values by hand, spread by drawing problems, coverage by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.metrics import (
    Estimate,
    mean_by_problem,
    ratio_by_problem,
    ratios_by_problem,
    stratified_differences_by_problem,
)


def test_values_by_hand():
    # planning 3 of 10 and 1 of 10 tokens of problem a, 5 of 20 of b: 9 of 40
    found = ratio_by_problem(["a", "a", "b"], [3, 1, 5], [10, 10, 20])
    assert found.value == pytest.approx(9 / 40)
    assert found.low == pytest.approx(0.2)  # a twice: 8 of 40
    assert found.high == pytest.approx(0.25)  # b twice: 10 of 40
    assert mean_by_problem(["a", "a", "b"], [1.0, 0.0, 0.5]).value == 0.5


def test_the_spread_is_that_of_drawing_problems_with_all_their_rows():
    rng = np.random.default_rng(0)
    problems = np.repeat(np.arange(30), 5)
    values = rng.normal(size=30)[problems] + rng.normal(size=150) / 3
    found = mean_by_problem([f"problem {each}" for each in problems], values, 4000)
    rows = values.reshape(30, 5)
    drawn = rows[rng.integers(30, size=(4000, 30))].mean(axis=(1, 2))
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.03)
    of_rows = mean_by_problem(range(150), values, 4000)  # as if rows were independent
    assert found.high - found.low > 1.7 * (of_rows.high - of_rows.low)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, held, n = np.random.default_rng(1), 0, 300
    for seed in range(n):
        # 40 problems with a chance of their own, 0.4 on the mean, 1 to 8 responses each
        sizes = rng.integers(1, 9, 40)
        correct = rng.binomial(sizes, rng.beta(2, 3, 40))
        found = ratio_by_problem(range(40), correct, sizes, n_draws=300, seed=seed)
        held += found.low <= 0.4 <= found.high
    assert 0.90 <= held / n <= 0.98  # 0.95 expected, a little less of 40 problems; standard error 0.013


@given(st.permutations(range(9)))
def test_neither_the_order_of_rows_nor_names_matter(order):
    problems = [0, 0, 1, 1, 1, 2, 3, 3, 4]
    above, below = [0.1, 0.7, 0.2, 0.4, 0.3, 0.9, 0.5, 0.6, 0.8], [1.1, 2, 3, 1, 1, 4, 5, 2, 2.3]
    wanted = ratio_by_problem(problems, above, below, 50)
    names = ["e", "d", "c", "b", "a"]
    found = ratio_by_problem(
        [names[problems[at]] for at in order], [above[at] for at in order], [below[at] for at in order], 50
    )
    assert found == wanted  # to the bit


def test_columns_are_estimated_each_by_itself():
    problems, below = ["a", "b", "b", "c"], [2, 1, 1, 4]
    columns = np.array([[1, 0], [0, 1], [1, 1], [2, 3]])
    found = ratios_by_problem(problems, columns, below, 100, seed=3)
    assert found == [ratio_by_problem(problems, column, below, 100, seed=3) for column in columns.T]
    both = np.stack([below, np.ones(4)], axis=1)
    assert ratios_by_problem(problems, columns, both, 100)[1] == mean_by_problem(problems, columns[:, 1], 100)


def test_differences_pair_what_a_problem_has_on_both_sides():
    # a gram is in 1 of 2 correct and 0 of 1 wrong traces of each of 8 problems: 1/2 in every draw
    problems = np.repeat(np.arange(8), 3)
    holds, correct = np.tile([[1], [0], [0]], (8, 1)), np.tile([True, True, False], 8)
    assert stratified_differences_by_problem(problems, ["m"] * 24, holds, correct) == [Estimate(0.5, 0.5, 0.5)]
    (found,) = stratified_differences_by_problem([0, 1, 2], ["m"] * 3, [[1], [0], [1]], [True, True, True])
    assert (found.value, found.undefined) == (None, "no stratum has rows of both kinds")
    assert stratified_differences_by_problem([], [], np.zeros((0, 1)), [])[0].undefined == "there is no row"
    with pytest.raises(UsageError, match="2 rows, 1 strata and 2 kinds"):
        stratified_differences_by_problem([0, 1], ["m"], [[1], [0]], [True, False])


def test_shared_difficulty_cancels_in_a_difference():
    rng = np.random.default_rng(2)
    problems, first = np.repeat(np.arange(50), 2), np.tile([True, False], 50)
    values = rng.normal(size=50)[problems] + 0.1 * rng.normal(size=100) + 0.2 * first
    (found,) = stratified_differences_by_problem(problems, [0] * 100, values[:, None], first)
    assert found.value == pytest.approx(0.2, abs=0.06)
    assert found.low > 0.1  # the spread of problems alone is 0.2


def test_what_strata_differ_in_adds_nothing_to_a_difference():
    # strong says the gram in 3 of 4 traces and is right in 8 of 12, weak in 1 of 4 and is right in 4 of 12; within
    # each of them right and wrong traces say it alike, so that the pooled difference, 7/12 - 5/12, is theirs alone
    rows = [("strong", right, says) for right, n in ((True, 8), (False, 4)) for says in [1, 1, 1, 0] * (n // 4)]
    rows += [("weak", right, says) for right, n in ((True, 4), (False, 8)) for says in [1, 0, 0, 0] * (n // 4)]
    strata, right, says = (list(column) for column in zip(*rows, strict=True))
    (found,) = stratified_differences_by_problem(range(24), strata, np.array(says)[:, None], right)
    assert found.value == pytest.approx(0)
    (pooled,) = stratified_differences_by_problem(range(24), ["all"] * 24, np.array(says)[:, None], right)
    assert pooled.value == pytest.approx(7 / 12 - 5 / 12)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_strata_weigh_as_mantel_and_haenszel_have_it(seed, n_strata):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    strata, first = rng.integers(n_strata, size=n).tolist(), (rng.random(n) < 0.5).tolist()
    values, problems = rng.integers(0, 2, size=(n, 2)), rng.integers(5, size=n).tolist()
    found = stratified_differences_by_problem(problems, strata, values, first, 20)
    for column in range(2):
        above, below = 0.0, 0.0
        for stratum in set(strata):
            one = [values[row, column] for row in range(n) if strata[row] == stratum and first[row]]
            other = [values[row, column] for row in range(n) if strata[row] == stratum and not first[row]]
            if one and other:
                weight = len(one) * len(other) / (len(one) + len(other))
                above += weight * (sum(one) / len(one) - sum(other) / len(other))
                below += weight
        assert found[column].value == (pytest.approx(above / below) if below else None)


def test_what_has_no_value_says_why():
    assert ratio_by_problem([], [], []).undefined == "there is no row"
    assert ratio_by_problem(["a", "b"], [0, 0], [0, 0]).undefined == "there is nothing to divide by"
    alone = ratio_by_problem(["a", "a"], [1, 2], [4, 4])
    assert (alone.value, alone.low, alone.high) == (3 / 8, None, None)
    with pytest.raises(UsageError, match="give one row a row"):
        ratio_by_problem(["a"], [1, 2], [4, 4])


def test_an_estimate_can_be_mapped():
    found = mean_by_problem(["a", "b", "c"], [0.0, 1.0, 2.0]).mapped(np.exp)
    assert found.value == pytest.approx(np.e)
    assert found.low < found.value < found.high
    assert Estimate(None, undefined="no").mapped(np.exp) == Estimate(None, undefined="no")


def test_what_is_too_large_for_a_number_is_infinite_without_a_warning(recwarn):
    assert Estimate(5000.0, -5000.0, 5000.0).mapped(np.exp) == Estimate(np.inf, 0.0, np.inf)
    assert not recwarn.list
