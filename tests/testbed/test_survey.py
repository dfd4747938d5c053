"""The survey: counted by hand on one response, and what the knobs of the testbed do to it."""

import numpy as np
import pytest

from sgram.testbed import PRESETS, Solver, Testbed, TestbedConfig
from sgram.testbed.survey import survey

pytest.importorskip("transformers", reason="needs sgram[train]")


def test_one_response_is_counted_token_by_token():
    problem = Testbed().problems("train")[0]
    assert Solver(TestbedConfig())(problem, np.random.default_rng(2)) == (
        "Let's try to double the first and add. We get 8 * 2 = 16, so 16 + 2 = 18. I will not check this. "
        "It follows that the answer is 18."
    )
    # 38 words, numbers and signs of one token each, and the end; let's try to double the first and add: 8,
    # I will not check this: 5, it follows that: 3
    found = survey(TestbedConfig(), n=1, seed=2)
    assert found.mean_tokens == found.tokens_95 == 39
    assert found.planning_share == pytest.approx(16 / 39)
    assert found.solver_pass_at_1 == 0.0
    assert (found.n_train, found.n_test) == (422, 120)


def test_the_presets_lead_from_much_planning_to_little():
    shares = [survey(config, 60).planning_share for config in PRESETS.values()]
    assert shares == sorted(shares, reverse=True)
    assert list(PRESETS) == ["default", "middle", "long"]


def test_the_knobs_bring_the_planning_share_from_two_fifths_to_less_than_a_tenth():
    default, long = survey(TestbedConfig(), 200), survey(TestbedConfig(largest=99, execution=3), 100)
    assert 0.36 < default.planning_share < 0.44
    assert 45 < default.mean_tokens < 65
    assert default.tokens_95 <= 125
    assert long.planning_share < 0.1
    assert long.mean_tokens > 4 * default.mean_tokens
    shares = [survey(TestbedConfig(execution=depth), 60).planning_share for depth in (1, 2, 3)]
    assert shares == sorted(shares, reverse=True)
    harder = survey(TestbedConfig(methods=8), 200).solver_pass_at_1
    assert harder < default.solver_pass_at_1 - 0.05
