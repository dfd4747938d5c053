"""Which class of tokens settles first: answers on curves of known order, and none on noise."""

import math
from collections import Counter

import numpy as np
import pytest

from sgram.metrics import Curve, build_curve, phase_order

N = 80
T = np.arange(N)
RUNS = 20


def exponential(time, start=1.0, end=0.4):
    """From start to end, so that 1/e is left after `time` steps."""
    return end + (start - end) * np.exp(-T / time)


def logistic(middle, width, start=1.0, end=0.4):
    """From start to end, half way at `middle`."""
    return end + (start - end) / (1 + np.exp((T - middle) / width))


FLAT = np.full(N, 0.7)


def sampled_curve(values, noise, rng, n_problems=8):
    """The curve as 8 problems a step show it; `noise` is the standard error of a value."""
    samples = values[:, None] + rng.normal(0, noise * math.sqrt(n_problems), (len(values), n_problems))
    return Curve(tuple(range(len(values))), tuple(samples.mean(axis=1)), tuple(map(tuple, samples)))


def answer_shares(execution, planning, noise, planning_noise=None, by_problem=True, runs=RUNS):
    rng, counts = np.random.default_rng(0), Counter()
    for seed in range(runs):
        curves = [sampled_curve(execution, noise, rng), sampled_curve(planning, planning_noise or noise, rng)]
        if not by_problem:
            curves = [Curve(curve.steps, curve.values) for curve in curves]
        counts[phase_order(*curves, seed=seed, n_draws=200).answer] += 1
    return {answer: counts[answer] / runs for answer in ("yes", "no", "cannot say")}


@pytest.mark.parametrize("by_problem", [True, False])
@pytest.mark.parametrize(
    ("early", "late", "noise", "min_share"),
    [
        (exponential(5), exponential(20), 0.01, 1.0),
        (exponential(5), exponential(20), 0.03, 0.85),
        (logistic(20, 4), logistic(45, 4), 0.01, 1.0),
        (logistic(20, 4), logistic(45, 4), 0.05, 0.75),
        (exponential(5), logistic(45, 4, end=1.9), 0.03, 0.9),  # one falls, the other rises
    ],
)
def test_the_order_is_found_whichever_it_is(early, late, noise, min_share, by_problem):
    shares = answer_shares(early, late, noise, by_problem=by_problem)
    assert shares["yes"] >= min_share
    assert shares["no"] == 0
    shares = answer_shares(late, early, noise, by_problem=by_problem)
    assert shares["no"] >= min_share
    assert shares["yes"] == 0


@pytest.mark.parametrize("by_problem", [True, False])
@pytest.mark.parametrize(
    ("values", "noise", "planning_noise"),
    [
        (exponential(10), 0.02, 0.02),
        (exponential(10), 0.02, 0.1),  # planning tokens are few, so they are noisier
        (exponential(10), 0.06, 0.06),
        (logistic(35, 5), 0.02, 0.02),
        (logistic(35, 5), 0.02, 0.1),
    ],
)
def test_classes_that_settle_at_once_get_no_verdict(values, noise, planning_noise, by_problem):
    shares = answer_shares(values, values, noise, planning_noise, by_problem)
    assert shares["cannot say"] >= 0.87  # at most 2 of 20 wrong; 5 % are 1


@pytest.mark.parametrize("by_problem", [True, False])
def test_flat_curves_and_noise_get_no_verdict(by_problem):
    assert answer_shares(FLAT, FLAT, 0.05, by_problem=by_problem)["cannot say"] == 1
    assert answer_shares(FLAT, exponential(10), 0.05, by_problem=by_problem)["cannot say"] >= 0.9
    assert answer_shares(exponential(10), FLAT, 0.05, by_problem=by_problem)["cannot say"] >= 0.9


def test_curves_whose_intervals_overlap_get_no_verdict():
    # 13 steps against 15, each known to about 10
    rng = np.random.default_rng(1)
    order = phase_order(sampled_curve(exponential(7), 0.05, rng), sampled_curve(exponential(8), 0.05, rng))
    assert order.execution.low < order.planning.high
    assert order.planning.low < order.execution.high
    assert order.answer == "cannot say"
    assert order.difference.low <= 0 <= order.difference.high
    assert "the interval holds 0" in order.sentence


def test_scales_do_not_matter():
    rng = np.random.default_rng(2)
    execution, planning = sampled_curve(exponential(5), 0.03, rng), sampled_curve(exponential(20), 0.03, rng)
    scaled = Curve(
        planning.steps,
        tuple(1024 * value for value in planning.values),
        tuple(tuple(1024 * value for value in step_samples) for step_samples in planning.samples),
    )
    order, scaled_order = phase_order(execution, planning), phase_order(execution, scaled)
    assert scaled_order.difference == order.difference
    assert scaled_order.answer == order.answer == "yes"


def test_steps_that_wander_give_no_verdict_although_each_is_known_exactly():
    rng = np.random.default_rng(5)
    verdicts = []
    for seed in range(12):  # both classes settle at once; each step is off by 0.1 for all of its problems
        curves = []
        for _ in range(2):
            means = exponential(10) + rng.normal(0, 0.1, N)
            curves.append(sampled_curve(means, 0.01, rng))
        verdicts.append(phase_order(*curves, seed=seed, n_draws=100).answer)
    assert verdicts.count("cannot say") >= 11  # 5 % of 12 is 0.6; with problems alone about a quarter are wrong


def test_the_sentence_says_what_it_rests_on():
    rng = np.random.default_rng(3)
    order = phase_order(sampled_curve(exponential(5), 0.01, rng), sampled_curve(exponential(20), 0.01, rng))
    assert order.sentence.startswith("Execution settles first: yes. Execution tokens have made 90 % of their total")
    for number in (
        f"{order.execution.end / order.execution.start:.2f} of the start",
        f"by step {order.execution.step} [",
        f"by step {order.planning.step} [",
        f"the difference is {order.difference.value:g} [",
        "the interval lies above 0",
        "problems drawn",
    ):
        assert number in order.sentence
    assert (order.n_steps, order.resampled) == (N, "problems")
    turned_round = phase_order(sampled_curve(exponential(20), 0.01, rng), sampled_curve(exponential(5), 0.01, rng))
    assert "settles first: no." in turned_round.sentence
    assert "below 0: planning settles first" in turned_round.sentence


def test_a_class_that_does_not_move_is_named():
    rng = np.random.default_rng(4)
    order = phase_order(sampled_curve(FLAT, 0.05, rng), sampled_curve(exponential(10), 0.01, rng))
    assert order.answer == "cannot say"
    assert order.sentence.startswith(
        "Execution settles first: cannot say, as for execution tokens the total change cannot be distinguished from 0 ("
    )
    assert "planning" not in order.sentence
    assert order.difference.value is None
    assert order.planning.step is not None


def test_curves_that_turn_settle_on_their_way_back_and_the_sentence_says_so():
    # as the paper's plots of Qwen2.5-7B-Base: both fall, planning further, and come back
    rng = np.random.default_rng(5)
    execution = np.interp(T, [0, 15, 35], [1, 0.6, 0.8])
    planning = np.interp(T, [0, 15, 60], [1, 0.43, 0.7])
    order = phase_order(sampled_curve(execution, 0.01, rng), sampled_curve(planning, 0.01, rng))
    assert order.answer == "yes"
    assert abs(order.execution.turn - 15) <= 4
    assert abs(order.planning.turn - 15) <= 4
    # within a tenth of the total change, 0.17 and 0.26, of the end: 0.783 and 0.674
    assert order.execution.step == pytest.approx(15 + 20 * 0.183 / 0.2, abs=4)
    assert order.planning.step == pytest.approx(15 + 45 * 0.244 / 0.27, abs=6)
    assert f"The curve of planning tokens turned back at step {order.planning.turn}, at 0.4" in order.sentence


def test_only_common_steps_count_and_few_steps_get_no_answer():
    rng = np.random.default_rng(6)
    execution, planning = sampled_curve(exponential(5), 0.01, rng), sampled_curve(exponential(20), 0.01, rng)
    order = phase_order(execution, planning.at(range(0, 80, 2)))
    assert (order.n_steps, order.answer) == (40, "yes")
    assert order == phase_order(execution.at(range(0, 80, 2)), planning.at(range(0, 80, 2)))
    order = phase_order(execution, planning.at([1, 2, 90]))
    assert (order.answer, order.n_steps) == ("cannot say", 2)
    assert order.sentence == "Execution settles first: cannot say, as there are 2 steps, fewer than 5."


def test_noise_common_to_both_classes_cancels():
    # one noise for both, as of hard problems: drawn together, the difference is known better
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.15, (N, 8))
    wide_widths, narrow_widths = [], []
    for names in (("p", "p"), ("p", "q")):
        curves = []
        for name, time in zip(names, (6, 12), strict=True):
            rows = exponential(time)[:, None] + noise
            problems = [f"{name}{step}.{index}" for step in range(N) for index in range(8)]
            curves.append(build_curve(np.repeat(T, 8), problems, rows.ravel()))
        order = phase_order(*curves)
        (narrow_widths if names[0] == names[1] else wide_widths).append(order.difference.high - order.difference.low)
    assert narrow_widths[0] < wide_widths[0]


def test_the_same_curves_get_the_same_verdict():
    rng = np.random.default_rng(8)
    curves = sampled_curve(exponential(6), 0.05, rng), sampled_curve(exponential(9), 0.05, rng)
    assert phase_order(*curves) == phase_order(*curves)
    assert phase_order(*curves) != phase_order(*curves, seed=1)
