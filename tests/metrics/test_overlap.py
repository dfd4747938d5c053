"""Overlap of planning and high-entropy tokens against sorting by hand, with ties."""

import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, UsageError
from sgram.metrics import high_entropy_weights, overlap


def test_by_hand():
    # 10 tokens, the top 3 are 9, 8, 7; planning are 9, 8 and 1: 2 of 3 planning are high, 2 of 3 high are planning
    shares = overlap(range(10), [0, 1, 0, 0, 0, 0, 0, 0, 1, 1])
    assert shares.high_given_planning == pytest.approx(2 / 3)
    assert shares.planning_given_high == pytest.approx(2 / 3)
    assert (shares.planning_share, shares.n_tokens, shares.n_planning, shares.threshold, shares.top) == (
        0.3,
        10,
        3,
        7,
        0.3,
    )


def test_ties_at_the_threshold_share_the_remaining_places():
    # top half of 4: the 5 is in, and one place is left for three 2s, a third each
    assert high_entropy_weights([2.0, 5.0, 2.0, 2.0], top=0.5).tolist() == pytest.approx([1 / 3, 1, 1 / 3, 1 / 3])
    shares = overlap([2.0, 5.0, 2.0, 2.0], [1, 0, 1, 0], top=0.5)
    assert shares.high_given_planning == pytest.approx(1 / 3)
    assert shares.planning_given_high == pytest.approx(2 / 3 / 2)


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=5, max_size=5))
def test_ties_are_the_mean_over_every_order_of_the_tied(tokens):
    # the top 2 of 5, whichever of equals comes first
    drawn_shares = []
    for order in permutations(range(5)):
        ranked = sorted(order, key=lambda token: -tokens[token][0])[:2]
        drawn_shares.append(sum(tokens[token][1] for token in ranked) / 2)
    shares = overlap([value for value, _ in tokens], [flag for _, flag in tokens], top=0.4)
    assert shares.planning_given_high == pytest.approx(sum(drawn_shares) / len(drawn_shares))


@given(st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=40), st.floats(0.05, 0.95))
def test_the_top_share_is_exact(entropies, top):
    weights = high_entropy_weights(entropies, top=top)
    assert weights.sum() == pytest.approx(top * len(entropies))
    assert ((weights >= 0) & (weights <= 1)).all()
    ranked = weights[np.argsort(entropies)]
    assert (np.diff(ranked) >= -1e-12).all()


def test_chance_is_the_top_share_and_bayes_ties_both_ways():
    rng = np.random.default_rng(0)
    entropies, planning = rng.random((200, 100)), rng.random((200, 100)) < 0.05
    shares = overlap(entropies, planning)
    assert shares.high_given_planning == pytest.approx(0.3, abs=0.05)
    assert shares.planning_given_high * 0.3 == pytest.approx(shares.high_given_planning * shares.planning_share)


def test_tokens_outside_the_response_do_not_count():
    values, planning, response = [[9.0, 1.0], [2.0, math.nan]], [[1, 0], [1, 1]], [[0, 1], [1, 0]]
    shares = overlap(values, planning, response, top=0.5)
    assert (shares.high_given_planning, shares.planning_given_high, shares.n_tokens) == (1, 1, 2)
    assert high_entropy_weights(values, response, 0.5).tolist() == [[0, 0], [1, 0]]
    assert overlap(torch.tensor(values), torch.tensor(planning), torch.tensor(response), top=0.5) == shares


def test_shares_of_nothing_are_undefined():
    shares = overlap([1.0, 2.0], [0, 0])
    assert (shares.high_given_planning, shares.planning_given_high, shares.planning_share) == (None, 0, 0)
    shares = overlap([], [])
    assert (shares.high_given_planning, shares.planning_given_high, shares.planning_share) == (None, None, None)
    assert (shares.n_tokens, shares.threshold) == (0, None)


def test_invalid_entropies_are_refused():
    with pytest.raises(InputError, match="missing or not finite; mask out unmeasured tokens"):
        overlap([1.0, math.nan], [1, 0])
    for top in (0, 1, -0.3, "a"):
        with pytest.raises(UsageError, match="the top share must be a number between 0 and 1"):
            overlap([1.0, 2.0], [1, 0], top=top)
