"""The figures of the testbed: counted by hand on one response, and the effect of the testbed's settings on them."""

import sys

import numpy as np
import pytest

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))
from testbed_figures import measure_testbed

from sgram.testbed import PRESETS, Solver, Testbed, TestbedConfig

pytest.importorskip("transformers", reason="needs sgram[train]")


def test_one_response_is_counted_token_by_token():
    problem = Testbed().problems("train")[0]
    assert Solver(TestbedConfig())(problem, np.random.default_rng(2)) == (
        "Let's try to double the first and add. We get 8 * 2 = 16, so 16 + 2 = 18. I will not check this. "
        "It follows that the answer is 18."
    )
    # 38 words, numbers and signs of one token each, and the end; let's try to double the first and add: 8,
    # I will not check this: 5, it follows that: 3
    figures = measure_testbed(TestbedConfig(), n_responses=1, seed=2)
    assert figures.mean_tokens == figures.tokens_95 == 39
    assert figures.planning_share == pytest.approx(16 / 39)
    assert figures.solver_pass_at_1 == 0.0
    assert (figures.n_train, figures.n_test) == (422, 120)


def test_the_presets_lead_from_much_planning_to_little():
    assert list(PRESETS) == ["default", "middle", "long", "hard"]
    shares = [measure_testbed(PRESETS[name], 60).planning_share for name in ("default", "middle", "long")]
    assert shares == sorted(shares, reverse=True)


def test_the_settings_bring_the_planning_share_from_two_fifths_to_less_than_a_tenth():
    default, long = measure_testbed(TestbedConfig(), 200), measure_testbed(TestbedConfig(largest=99, execution=3), 100)
    assert 0.36 < default.planning_share < 0.44
    assert 45 < default.mean_tokens < 65
    assert default.tokens_95 <= 125
    assert long.planning_share < 0.1
    assert long.mean_tokens > 4 * default.mean_tokens
    shares = [measure_testbed(TestbedConfig(execution=depth), 60).planning_share for depth in (1, 2, 3)]
    assert shares == sorted(shares, reverse=True)
    harder = measure_testbed(TestbedConfig(methods=8), 200).solver_pass_at_1
    assert harder < default.solver_pass_at_1 - 0.05
