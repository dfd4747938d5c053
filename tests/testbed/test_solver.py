"""The solver: its arithmetic and verdicts are right, only its plans can be wrong; and the judge agrees with it."""

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


def write_responses(config, n, habits=Habits(), seed=0):  # noqa: B008
    problems, solver, rng = (Testbed(config).problems("train"), Solver(config, habits), np.random.default_rng(seed))
    drawn_problems = [problems[index % len(problems)] for index in range(n)]
    return drawn_problems, [solver(problem, rng) for problem in drawn_problems]


@pytest.mark.parametrize("config", SETTINGS, ids=str)
def test_no_response_has_a_wrong_equation_or_a_false_verdict(config):
    testbed = Testbed(config)
    problems, responses = write_responses(config, 300)
    parsed_responses = [testbed.parse(*pair) for pair in zip(problems, responses, strict=True)]
    assert (
        sum(
            parsed.n_wrong_equations + parsed.n_unrelated_equations + parsed.n_false_verdicts
            for parsed in parsed_responses
        )
        == 0
    )
    assert min(parsed.n_equations for parsed in parsed_responses) >= 2
    assert sum(parsed.n_checks for parsed in parsed_responses) > 50
    outcomes = testbed.judge(problems, responses)
    for problem, parsed, outcome in zip(problems, parsed_responses, outcomes, strict=True):
        is_right = parsed.methods[-1].key == problem.meta["method"]
        assert (outcome.error, outcome.correct) == ((None, True) if is_right else ("strategic", False))
        assert len(set(parsed.methods)) == len(parsed.methods)


def test_the_sloppy_one_is_right_two_times_in_five_and_the_honest_one_always():
    def rate(habits):
        problems, responses = write_responses(TestbedConfig(), 3000, habits)
        return np.mean([outcome.reward for outcome in Testbed().judge(problems, responses)])

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
    for problem, response in zip(*write_responses(config, 200), strict=True):
        true_positions, tagged_positions = set(), set()
        for spans, positions in (
            (testbed.planning_spans(problem, response), true_positions),
            (find(response), tagged_positions),
        ):
            for span in spans:
                positions |= {position for position in range(span.start, span.end) if response[position] != " "}
        true_positive += len(true_positions & tagged_positions)
        true += len(true_positions)
        tagged += len(tagged_positions)
    assert true > 1000
    assert true_positive == true == tagged  # precision and recall 1


def test_the_generator_alone_determines_the_responses():
    assert write_responses(TestbedConfig(), 50) == write_responses(TestbedConfig(), 50)
    assert write_responses(TestbedConfig(), 50) != write_responses(TestbedConfig(), 50, seed=1)
