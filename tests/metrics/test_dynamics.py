"""Which class of tokens settles first: verdicts on curves of known order, and none on noise."""

import math
from collections import Counter

import numpy as np
import pytest

from sgram.metrics import Curve, curve_of, phase_order

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


def measured(values, noise, rng, n_problems=8):
    """The curve as 8 problems a step show it; `noise` is the standard error of a value."""
    samples = values[:, None] + rng.normal(0, noise * math.sqrt(n_problems), (len(values), n_problems))
    return Curve(tuple(range(len(values))), tuple(samples.mean(axis=1)), tuple(map(tuple, samples)))


def verdicts(execution, planning, noise, planning_noise=None, by_problem=True, runs=RUNS):
    rng, found = np.random.default_rng(0), Counter()
    for seed in range(runs):
        curves = [measured(execution, noise, rng), measured(planning, planning_noise or noise, rng)]
        if not by_problem:
            curves = [Curve(curve.steps, curve.values) for curve in curves]
        found[phase_order(*curves, seed=seed, n_draws=200).answer] += 1
    return {answer: found[answer] / runs for answer in ("yes", "no", "cannot say")}


@pytest.mark.parametrize("by_problem", [True, False])
@pytest.mark.parametrize(
    ("early", "late", "noise", "at_least"),
    [
        (exponential(5), exponential(20), 0.01, 1.0),
        (exponential(5), exponential(20), 0.03, 0.85),
        (logistic(20, 4), logistic(45, 4), 0.01, 1.0),
        (logistic(20, 4), logistic(45, 4), 0.05, 0.75),
        (exponential(5), logistic(45, 4, end=1.9), 0.03, 0.9),  # one falls, the other rises
    ],
)
def test_the_order_is_found_whichever_it_is(early, late, noise, at_least, by_problem):
    found = verdicts(early, late, noise, by_problem=by_problem)
    assert found["yes"] >= at_least
    assert found["no"] == 0
    found = verdicts(late, early, noise, by_problem=by_problem)
    assert found["no"] >= at_least
    assert found["yes"] == 0


@pytest.mark.parametrize("by_problem", [True, False])
@pytest.mark.parametrize(
    ("both", "noise", "planning_noise"),
    [
        (exponential(10), 0.02, 0.02),
        (exponential(10), 0.02, 0.1),  # planning tokens are few, so they are noisier
        (exponential(10), 0.06, 0.06),
        (logistic(35, 5), 0.02, 0.02),
        (logistic(35, 5), 0.02, 0.1),
    ],
)
def test_classes_that_settle_at_once_get_no_verdict(both, noise, planning_noise, by_problem):
    found = verdicts(both, both, noise, planning_noise, by_problem)
    assert found["cannot say"] >= 0.87  # at most 2 of 20 wrong; 5 % are 1


@pytest.mark.parametrize("by_problem", [True, False])
def test_flat_curves_and_noise_get_no_verdict(by_problem):
    assert verdicts(FLAT, FLAT, 0.05, by_problem=by_problem)["cannot say"] == 1
    assert verdicts(FLAT, exponential(10), 0.05, by_problem=by_problem)["cannot say"] >= 0.9
    assert verdicts(exponential(10), FLAT, 0.05, by_problem=by_problem)["cannot say"] >= 0.9


def test_curves_whose_intervals_overlap_get_no_verdict():
    # 13 steps against 15, each known to about 10
    rng = np.random.default_rng(1)
    found = phase_order(measured(exponential(7), 0.05, rng), measured(exponential(8), 0.05, rng))
    assert found.execution.low < found.planning.high
    assert found.planning.low < found.execution.high
    assert found.answer == "cannot say"
    assert found.difference.low <= 0 <= found.difference.high
    assert "the interval holds 0" in found.sentence


def test_scales_do_not_matter():
    rng = np.random.default_rng(2)
    execution, planning = measured(exponential(5), 0.03, rng), measured(exponential(20), 0.03, rng)
    scaled = Curve(
        planning.steps,
        tuple(1024 * value for value in planning.values),
        tuple(tuple(1024 * value for value in each) for each in planning.samples),
    )
    found, again = phase_order(execution, planning), phase_order(execution, scaled)
    assert again.difference == found.difference
    assert again.answer == found.answer == "yes"


def test_the_sentence_says_what_it_rests_on():
    rng = np.random.default_rng(3)
    found = phase_order(measured(exponential(5), 0.01, rng), measured(exponential(20), 0.01, rng))
    assert found.sentence.startswith("Execution settles first: yes. Execution tokens have made 90 % of their total")
    for number in (
        f"{found.execution.end / found.execution.start:.2f} of the start",
        f"by step {found.execution.step} [",
        f"by step {found.planning.step} [",
        f"the difference is {found.difference.value:g} [",
        "the interval lies above 0",
        "problems drawn",
    ):
        assert number in found.sentence
    assert (found.n_steps, found.resampled) == (N, "problems")
    turned_round = phase_order(measured(exponential(20), 0.01, rng), measured(exponential(5), 0.01, rng))
    assert "settles first: no." in turned_round.sentence
    assert "below 0: planning settles first" in turned_round.sentence


def test_a_class_that_does_not_move_is_named():
    rng = np.random.default_rng(4)
    found = phase_order(measured(FLAT, 0.05, rng), measured(exponential(10), 0.01, rng))
    assert found.answer == "cannot say"
    assert found.sentence.startswith(
        "Execution settles first: cannot say, as for execution tokens the total change cannot be told from 0 ("
    )
    assert "planning" not in found.sentence
    assert found.difference.value is None
    assert found.planning.step is not None


def test_curves_that_turn_are_judged_by_their_way_back_and_it_is_said():
    # as the paper's plots of Qwen2.5-7B-Base: both fall, planning further, and come back
    rng = np.random.default_rng(5)
    execution = np.interp(T, [0, 15, 35], [1, 0.6, 0.8])
    planning = np.interp(T, [0, 15, 60], [1, 0.43, 0.7])
    found = phase_order(measured(execution, 0.01, rng), measured(planning, 0.01, rng))
    assert found.answer == "yes"
    assert abs(found.execution.turn - 15) <= 4
    assert abs(found.planning.turn - 15) <= 4
    # within a tenth of the total change, 0.17 and 0.26, of the end: 0.783 and 0.674
    assert found.execution.step == pytest.approx(15 + 20 * 0.183 / 0.2, abs=4)
    assert found.planning.step == pytest.approx(15 + 45 * 0.244 / 0.27, abs=6)
    assert f"The curve of planning tokens turned back at step {found.planning.turn}, at 0.4" in found.sentence


def test_only_steps_of_both_count_and_few_are_too_few():
    rng = np.random.default_rng(6)
    execution, planning = measured(exponential(5), 0.01, rng), measured(exponential(20), 0.01, rng)
    found = phase_order(execution, planning.at(range(0, 80, 2)))
    assert (found.n_steps, found.answer) == (40, "yes")
    assert found == phase_order(execution.at(range(0, 80, 2)), planning.at(range(0, 80, 2)))
    found = phase_order(execution, planning.at([1, 2, 90]))
    assert (found.answer, found.n_steps) == ("cannot say", 2)
    assert found.sentence == "Execution settles first: cannot say, as there are 2 steps, fewer than 5."


def test_what_both_classes_have_in_common_cancels():
    # one noise for both, as of hard problems: drawn together, the difference is known better
    rng = np.random.default_rng(7)
    noise = rng.normal(0, 0.15, (N, 8))
    wide, narrow = [], []
    for names in (("p", "p"), ("p", "q")):
        curves = []
        for name, time in zip(names, (6, 12), strict=True):
            rows = exponential(time)[:, None] + noise
            problems = [f"{name}{step}.{at}" for step in range(N) for at in range(8)]
            curves.append(curve_of(np.repeat(T, 8), problems, rows.ravel()))
        found = phase_order(*curves)
        (narrow if names[0] == names[1] else wide).append(found.difference.high - found.difference.low)
    assert narrow[0] < wide[0]


def test_the_same_curves_get_the_same_verdict():
    rng = np.random.default_rng(8)
    curves = measured(exponential(6), 0.05, rng), measured(exponential(9), 0.05, rng)
    assert phase_order(*curves) == phase_order(*curves)
    assert phase_order(*curves) != phase_order(*curves, seed=1)
