"""pass@1 of held-out problems with its interval over problems."""

import pytest

from sgram.training.experiments.pass_rate import pass_rate_by_problem


def test_pass_at_1_has_an_interval_over_problems_not_over_responses():
    # 20 problems, half of them always solved: the mean over problems has sd sqrt(.25 / 20) = .112 whether each was
    # asked once or ten times, so the interval is about .5 +- 1.96 * .112 = [.28, .72] both times
    once = pass_rate_by_problem([(1, 1)] * 10 + [(1, 0)] * 10)
    ten_times = pass_rate_by_problem([(10, 10)] * 10 + [(10, 0)] * 10)
    assert once.value == ten_times.value == 0.5
    for estimate in (once, ten_times):
        assert estimate.low == pytest.approx(0.28, abs=0.04)
        assert estimate.high == pytest.approx(0.72, abs=0.04)
    mixed = pass_rate_by_problem([(4, 1), (2, 2), (2, 0)])
    assert mixed.value == 3 / 8
    assert mixed == pass_rate_by_problem([(2, 0), (4, 1), (2, 2)])


def test_pass_at_1_of_nothing_judged_has_a_reason():
    assert pass_rate_by_problem([]).undefined == pass_rate_by_problem([(0, 0)]).undefined == "no response was judged"
