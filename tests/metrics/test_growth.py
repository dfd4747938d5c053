"""First appearance and growth of counts: by hand, zeros, and coverage by simulation."""

import math

import numpy as np
import pytest

from sgram.errors import InputError, UsageError
from sgram.metrics import growth


def test_rates_and_their_ratio_by_hand():
    # ten steps, fifths of two: 2 + 4 in 2,000 words, then 10 + 14 in 4,000: 3 and 6 in 1,000, twice as many
    counts, totals = [2, 4, 5, 5, 6, 6, 7, 8, 10, 14], [1000, 1000, *[1000] * 6, 2000, 2000]
    change = growth(range(10, 110, 10), counts, totals)
    assert (change.first_step, change.start_rate, change.end_rate) == (10, 0.003, 0.006)
    assert change.ratio == pytest.approx(2)
    assert change.dispersion == 1
    # log(24.5 / 4000) - log(6.5 / 2000), reach 1.96 * sqrt(1 / 24.5 + 1 / 6.5)
    middle, reach = math.log(24.5 / 6.5 / 2), 1.959964 * math.sqrt(1 / 24.5 + 1 / 6.5)
    assert (change.low, change.high) == (
        pytest.approx(math.exp(middle - reach)),
        pytest.approx(math.exp(middle + reach)),
    )


def test_zeros_leave_an_end_of_the_interval_open():
    change = growth(range(10), [0, 0, 0, 1, 2, 2, 3, 4, 6, 7], [1000] * 10)
    assert (change.first_step, change.start_rate, change.ratio, change.high) == (3, 0, None, None)
    assert change.low > 1
    change = growth(range(10), [5, 5, 3, 1, 0, 0, 0, 0, 0, 0], [1000] * 10)
    assert (change.ratio, change.low) == (0, 0)
    assert change.high < 1
    change = growth(range(10), [0] * 10, [1000] * 10)
    assert (change.first_step, change.ratio, change.low) == (None, None, None)
    assert change.undefined == "it occurs neither at the start nor at the end"
    assert growth(range(10), [0, 0, 0, 0, 3, 0, 0, 0, 0, 0], [1000] * 10).first_step == 4


def test_steps_come_in_any_order_and_those_without_words_are_left_out():
    expected = growth([1, 2, 3, 4], [1, 2, 3, 4], [10, 10, 10, 10])
    assert growth([3, 9, 1, 4, 2], [3, 0, 1, 4, 2], [10, 0, 10, 10, 10]) == expected
    assert growth([7], [3], [10]).undefined == "there are fewer than 2 steps"
    assert growth([], [], []).first_step is None


@pytest.mark.parametrize(("mean", "burst"), [(3, 0), (30, 0), (30, 0.2)])
def test_intervals_cover_the_truth_at_their_level(mean, burst):
    # 40 steps, the rate trebles evenly; with bursts, counts are Poisson with a rate that is gamma distributed
    rng = np.random.default_rng(7)
    rates = np.linspace(1, 3, 40)
    truth, covered = rates[-8:].sum() / rates[:8].sum(), []
    for _ in range(400):
        drawn_rates = rates * (rng.gamma(1 / burst, burst, 40) if burst else 1)
        change = growth(range(40), rng.poisson(mean * drawn_rates), [1000] * 40)
        covered.append(change.low <= truth <= change.high)
    assert 0.92 <= np.mean(covered) <= 0.99


def test_invalid_counts_are_refused():
    with pytest.raises(UsageError, match="2 steps, 1 counts and 2 totals; give one a step"):
        growth([1, 2], [1], [1, 1])
    with pytest.raises(InputError, match="a count must be a finite number >= 0"):
        growth([1, 2], [1, -1], [1, 1])
