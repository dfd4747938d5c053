"""The solver: never wrong about what it says, only about what it tries; and all that a judge says of it is true."""

import numpy as np
import pytest

from sgram.tagging.span_finder import SpanFinder
from sgram.testbed import Solver, Testbed, TestbedConfig
from sgram.testbed.solver import HONEST, Habits

SETTINGS = [
    TestbedConfig(),
    TestbedConfig(methods=8),
    TestbedConfig(methods=2),
    TestbedConfig(execution=2),
    TestbedConfig(largest=99, execution=3),
    TestbedConfig(largest=999, execution=4),
]


def written(config, n, habits=Habits(), seed=0):  # noqa: B008
    problems, solver, rng = (Testbed(config).problems("train"), Solver(config, habits), np.random.default_rng(seed))
    asked = [problems[place % len(problems)] for place in range(n)]
    return asked, [solver(problem, rng) for problem in asked]


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_no_response_holds_a_slip_or_a_false_verdict(config):
    testbed = Testbed(config)
    asked, responses = written(config, 300)
    readings = [testbed.read(*each) for each in zip(asked, responses, strict=True)]
    assert sum(reading.n_slips + reading.n_foreign + reading.n_false_verdicts for reading in readings) == 0
    assert min(reading.n_equations for reading in readings) >= 2
    assert sum(reading.n_checks for reading in readings) > 50
    for problem, reading, verdict in zip(asked, readings, testbed.judge(asked, responses), strict=True):
        right = reading.announced[-1].key == problem.meta["method"]
        assert (verdict.error, verdict.correct) == ((None, True) if right else ("strategic", False))
        assert len(set(reading.announced)) == len(reading.announced)


def test_the_sloppy_one_is_right_two_times_in_five_and_the_honest_one_always():
    def rate(habits):
        asked, responses = written(TestbedConfig(), 3000, habits)
        return np.mean([verdict.reward for verdict in Testbed().judge(asked, responses)])

    # The first attempt is right with 1.5 / 5.5 = .273. Of the wrong ones .55 are checked and .85 of those heeded: .4675
    # go on, right with 1.5 / 4.5 = .333, and of what then fails again .4675, where a third attempt is left (half the
    # time), right with 1.5 / 3.5 = .429: .273 + .727 .4675 (.333 + .667 .4675 .5 .429) = .409
    assert rate(Habits()) == pytest.approx(0.409, abs=0.03)
    assert rate(HONEST) == 1.0


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_tagging_by_the_lexicon_is_the_truth(config):
    testbed = Testbed(config)
    find = SpanFinder(testbed.lexicon())
    true_positive = true = tagged = 0
    for problem, response in zip(*written(config, 200), strict=True):
        truth, found = set(), set()
        for spans, places in ((testbed.planning_spans(problem, response), truth), (find(response), found)):
            for span in spans:
                places |= {place for place in range(span.start, span.end) if response[place] != " "}
        true_positive, true, tagged = (true_positive + len(truth & found), true + len(truth), tagged + len(found))
    assert true > 1000
    assert true_positive == true == tagged  # precision and recall 1


def test_the_generator_alone_decides_what_is_written():
    assert written(TestbedConfig(), 50) == written(TestbedConfig(), 50)
    assert written(TestbedConfig(), 50) != written(TestbedConfig(), 50, seed=1)
