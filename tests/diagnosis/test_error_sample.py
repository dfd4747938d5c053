"""The sample of wrong traces that are diagnosed if there are too many."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.error_sample import allocate, draw_error_sample, sample_weights

SIZES = st.dictionaries(st.integers(0, 50), st.integers(0, 30), max_size=12)
ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=60)


def test_steps_get_equal_parts_and_small_ones_all_of_theirs():
    # 2 of step 1; the other 10 are halved
    assert allocate({1: 2, 2: 50, 3: 90}, limit=12) == {1: 2, 2: 5, 3: 5}
    assert sorted(allocate({1: 9, 2: 9, 3: 9}, limit=4).values()) == [1, 1, 2]
    assert sum(allocate({1: 9, 2: 9, 3: 9}, limit=2).values()) == 2


@given(SIZES, st.integers(0, 100))
def test_no_more_are_sampled_than_there_are_and_none_is_wasted(sizes, limit):
    numbers = allocate(sizes, limit)
    assert all(0 <= numbers[stratum] <= size for stratum, size in sizes.items())
    assert sum(numbers.values()) == min(limit, sum(sizes.values()))
    open_numbers = [numbers[stratum] for stratum, size in sizes.items() if numbers[stratum] < size]
    assert not open_numbers or max(numbers.values()) - min(open_numbers) <= 1


@given(ROWS, st.integers(0, 40), st.randoms(use_true_random=False))
def test_the_sample_does_not_depend_on_the_order_of_the_traces(rows, limit, rng):
    rows = [(stratum, problem, key) for key, (stratum, problem) in enumerate(rows)]
    mixed = rng.sample(rows, len(rows))

    def drawn(ordered):
        return {ordered[row] for row in draw_error_sample(*zip(*ordered, strict=True), limit)} if ordered else set()

    assert drawn(rows) == drawn(mixed)
    assert len(drawn(rows)) == min(limit, len(rows))


def test_a_sample_of_a_step_is_spread_over_its_problems():
    # 4 of 40 traces of a step, of 4 problems with 10 each: one of each
    rows = [(step, problem, 100 * problem + number) for step in (1, 2) for problem in range(4) for number in range(10)]
    random.Random(0).shuffle(rows)
    sample = [rows[row] for row in draw_error_sample(*zip(*rows, strict=True), limit=8)]
    assert Counter((step, problem) for step, problem, _ in sample) == {(s, p): 1 for s in (1, 2) for p in range(4)}


@given(ROWS.filter(bool), st.integers(1, 40))
def test_the_weights_sum_to_the_wrong_traces_of_each_source(rows, limit):
    strata, problems = zip(*rows, strict=True)
    sources = [stratum % 2 for stratum in strata]
    sample = set(draw_error_sample(strata, problems, range(len(rows)), limit))
    weights = sample_weights(strata, [row in sample for row in range(len(rows))], sources)
    for source in {sources[row] for row in sample}:
        of_source = [row for row in range(len(rows)) if sources[row] == source]
        assert sum(weights[row] for row in of_source) == pytest.approx(len(of_source))
    assert all((weight > 0) == (row in sample) for row, weight in enumerate(weights.tolist()))
