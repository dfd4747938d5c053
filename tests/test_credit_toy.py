"""The toy of benchmarks/: its gradient, its random numbers, and the steps that it counts."""

import sys

import numpy as np

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import credit_toy
from credit_toy import Arm, Setting, draw_uniforms, first_step, train

SETTING = Setting("small", 3, 0.4, 2, 0.8, "SGD", 1.0, 4)


def test_the_gradient_is_that_of_the_weighted_log_probability():
    rng = np.random.default_rng(0)
    method_logits, token_logits = rng.normal(size=(1, 8, 3)), rng.normal(size=(1, 2))
    methods, is_right = rng.integers(3, size=(1, 8, 8)), rng.random((1, 8, 8, 2)) < 0.5
    advantages = rng.normal(size=(1, 8, 8, 3))

    def probabilities(method_logits, token_logits):
        exponentials = np.exp(method_logits)
        return exponentials / exponentials.sum(-1, keepdims=True), 1 / (1 + np.exp(-token_logits))

    def objective(method_logits, token_logits):
        by_method, by_token = probabilities(method_logits, token_logits)
        planning = np.log(np.take_along_axis(by_method, methods, 2))  # (1, kinds, responses)
        execution = np.log(np.where(is_right, by_token, 1 - by_token))
        return (advantages[..., 0] * planning + (advantages[..., 1:] * execution).sum(-1)).sum() / 64

    gradients = credit_toy._gradients(advantages, methods, is_right, *probabilities(method_logits, token_logits))
    logits = (method_logits, token_logits)
    for parameter, gradient in zip(logits, gradients, strict=True):
        for index in np.ndindex(parameter.shape):
            value = parameter[index]
            parameter[index] = value + 1e-6
            above = objective(*logits)
            parameter[index] = value - 1e-6
            slope = (above - objective(*logits)) / 2e-6
            parameter[index] = value
            assert abs(slope - gradient[index]) < 1e-7


def test_a_run_starts_at_the_exact_accuracy_and_does_not_depend_on_the_other_seeds():
    two, three = (train(SETTING, Arm("hicra", "hicra", 0.5), draw_uniforms(SETTING, n)) for n in (2, 3))
    np.testing.assert_allclose(two.accuracy[:, 0], 0.4 * 0.8**2)
    np.testing.assert_array_equal(two.accuracy, three.accuracy[:2])


def test_credit_of_strength_0_is_that_of_grpo_and_greater_credit_is_not():
    draws = draw_uniforms(SETTING, 2)
    baseline, zero, one = (
        train(SETTING, Arm("arm", method, alpha), draws)
        for method, alpha in (("grpo", 0.0), ("hicra", 0.0), ("hicra", 1.0))
    )
    np.testing.assert_array_equal(baseline.accuracy, zero.accuracy)
    assert (baseline.accuracy[:, -1] != one.accuracy[:, -1]).all()


def test_a_level_that_is_not_reached_counts_as_one_step_more_than_the_run():
    # steps 0, 1, 2; the first row is there after 1 update
    assert first_step(np.array([[False, True, False], [False, False, False]])).tolist() == [1, 3]
