"""Rewards of proposer, solver and judge, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.training import calibrated_rewards, difficulty, judge_rewards, proposer_rewards, solver_rewards

NAN = math.nan
SHARES = st.one_of(st.floats(0, 1), st.just(NAN))


def same(actual, expected):
    np.testing.assert_allclose(actual, expected, atol=1e-12, rtol=0)
    assert actual.dtype == np.float64


def test_difficulty_is_1_less_the_mean_score_of_the_answers_that_have_one():
    # (1 + .5 + 0) / 3 = .5; (1 + 1) / 2 = 1, the unknown one is left out; nothing is known of the third
    same(difficulty([[1.0, 0.5, 0.0], [1.0, NAN, 1.0], [NAN, NAN, NAN]]), [0.5, 0.0, NAN])
    same(difficulty(np.zeros((0, 5))), [])
    same(difficulty(np.zeros((2, 0))), [NAN, NAN])


def test_the_proposer_gets_the_mean_of_quality_difficulty_and_format():
    # (.9 + .6 + 1) / 3 = 2.5 / 3
    same(proposer_rewards([0.9], [0.6], [True], [True]), [2.5 / 3])


def test_a_question_outside_the_pool_loses_its_difficulty_as_in_the_official_code_or_keeps_it_as_in_the_paper():
    # (.6 + 0 + 1) / 3 = 1.6 / 3 without it, (.6 + .8 + 1) / 3 = .8 with it; the divisor stays 3
    arguments = ([0.6, 0.6], [0.8, NAN], [True, True], [False, False])
    same(proposer_rewards(*arguments), [1.6 / 3, 1.6 / 3])
    same(proposer_rewards(*arguments, drop_difficulty_below_gate=False), [0.8, NAN])


def test_a_proposal_without_a_readable_question_has_reward_0():
    same(proposer_rewards([NAN], [NAN], [False], [False]), [0.0])
    same(proposer_rewards([NAN], [NAN], [False], [False], drop_difficulty_below_gate=False), [0.0])


def test_the_reward_of_a_question_whose_judgement_is_unreadable_is_unknown_and_never_one_half():
    # quality unknown; difficulty unknown of a question in the pool
    same(proposer_rewards([NAN, 0.9], [0.5, NAN], [True, True], [True, True]), [NAN, NAN])


def test_the_control_without_difficulty_has_the_mean_of_quality_and_format():
    # (.6 + 1) / 2, (0 + 0) / 2
    same(proposer_rewards([0.6, NAN], None, [True, False], [False, False]), [0.8, 0.0])


def test_the_solver_gets_the_mean_of_score_and_format():
    # (1 + 1) / 2, (0 + 1) / 2, (.75 + 0) / 2, unknown, not judged and not well-formed: 0
    same(solver_rewards([1.0, 0.0, 0.75, NAN, NAN], [1, 1, 0, 1, 0]), [1.0, 0.5, 0.375, NAN, 0.0])


def test_the_judge_gets_its_format_only():
    same(judge_rewards(np.array([True, False])), [1.0, 0.0])


def test_the_calibrated_judge_gets_the_mean_of_its_agreement_with_the_truth_and_format():
    # (1 - (1 - 1)^2 + 1) / 2 = 1; (1 - (1 - 0)^2 + 1) / 2 = .5; (1 - .25^2 + 1) / 2 = .96875
    same(calibrated_rewards([1.0, 1.0, 0.25], [1, 0, 0], [1, 1, 1]), [1.0, 0.5, 0.96875])


def test_a_calibrated_judge_without_truth_has_no_reward_unless_its_text_is_unreadable():
    same(calibrated_rewards([0.5, NAN, NAN], [NAN, NAN, 1.0], [1, 0, 0]), [NAN, 0.0, 0.0])


@given(st.lists(st.tuples(SHARES, SHARES, st.booleans(), st.booleans()), max_size=20))
def test_rewards_lie_between_0_and_1_and_are_unknown_only_of_well_formed_texts(rows):
    quality, hardness, well_formed, entered = (
        (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
    )
    every_reward = [
        proposer_rewards(quality, hardness, well_formed, entered),
        proposer_rewards(quality, hardness, well_formed, entered, drop_difficulty_below_gate=False),
        proposer_rewards(quality, None, well_formed, entered),
        solver_rewards(quality, well_formed),
        judge_rewards(well_formed),
        calibrated_rewards(quality, hardness, well_formed),
    ]
    for rewards in every_reward:
        assert rewards.shape == (len(rows),)
        assert all(
            0 <= reward <= 1 or (math.isnan(reward) and good) for reward, good in zip(rewards, well_formed, strict=True)
        )


@pytest.mark.parametrize(
    ("compute", "error", "message"),
    [
        (lambda: solver_rewards([0.5, 5.0], [1, 1]), InputError, "the score: the entry 1 is 5, not in"),
        (lambda: difficulty([[0.5, -1.0]]), InputError, "scores: the entry 0, 1 is -1, not in"),
        (lambda: difficulty([0.5, 1.0]), UsageError, r"must be \(questions, answers\)"),
        (lambda: difficulty([[0.5], [1.0, 1.0]]), UsageError, "rows of equal length"),
        (lambda: solver_rewards([0.5], [1, 1]), UsageError, "give one number a row"),
        (lambda: solver_rewards(0.5, [1]), UsageError, "give one number a row"),
        (lambda: proposer_rewards([0.5], [0.5, 0.5], [1], [1]), UsageError, "give one number a row"),
        (lambda: proposer_rewards([0.5], [0.5], [1], [NAN]), UsageError, "has_entered must be true or false"),
        (lambda: judge_rewards([0.5]), UsageError, "is_well_formed must be true or false"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(compute, error, message):
    with pytest.raises(error, match=message):
        compute()
