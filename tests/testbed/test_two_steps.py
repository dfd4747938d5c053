"""The hard testbed: its problems, solver and checker, which agree on every fault."""

import re
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.errors import UsageError
from sgram.grading.outcome import TaskOutcome
from sgram.tagging.span_finder import SpanFinder
from sgram.testbed import PRESETS, Testbed, TwoStepConfig
from sgram.testbed.families import default_warm_up, family_of
from sgram.testbed.methods import OPERATORS
from sgram.testbed.problems import make_problems
from sgram.testbed.task import RIGHT_EXECUTION, RIGHT_METHOD, RIGHT_RESULT
from sgram.testbed.two_step_methods import TWO_STEP_METHODS
from sgram.testbed.two_step_solver import Faults, TwoStepSolver

CONFIG = TwoStepConfig()
TESTBED = Testbed(CONFIG)
ALL = [*TESTBED.problems("train"), *TESTBED.problems("test")]
# In 2 trays are 7 cards each, some stolen: three times the second, less three, 7 * 3 - 3 = 18
TRAYS = next(problem for problem in ALL if problem.id == "triple-second-drop-three-0-2-7")
RIGHT = (
    "Maybe triple-second and drop-three. This makes 7 * 3: 7 + 7 = 14, 14 + 7 = 21, so 7 * 3 = 21. "
    "Then 21 - 3: 21 - 1 = 20, 20 - 2 = 18, so 21 - 3 = 18. The answer is 18."
)
FIND = SpanFinder(TESTBED.lexicon())
draws = st.tuples(st.integers(0, len(ALL) - 1), st.integers(0, 2**32 - 1))


def judge(response, problem=TRAYS) -> TaskOutcome:
    return TESTBED.judge([problem], [response])[0]


def write(problem, seed, **faults):
    return TwoStepSolver(CONFIG, Faults(**faults))(problem, np.random.default_rng(seed))


def test_a_method_is_a_first_step_with_a_second():
    # of 6 and 7: 42, 18, 21, 24, 28, each + 5, + 20, - 1, - 3
    expected = [47, 62, 41, 39, 23, 38, 17, 15, 26, 41, 20, 18, 29, 44, 23, 21, 33, 48, 27, 25]
    assert [method.answer(6, 7) for method in TWO_STEP_METHODS] == expected
    assert len({method.name for method in TWO_STEP_METHODS}) == 20


def test_the_problem_reads_as_it_should():
    assert TRAYS.prompt == "In 2 trays are 7 cards each, some stolen. How many cards?\n"
    assert TRAYS.reference == "18"


def test_both_clue_words_are_needed_and_together_tell_the_method():
    methods_of_pair, methods_of_word = {}, {}
    for problem in ALL:
        container, event = re.search(r"^In \d+ (\w+) are \d+ \w+ each, some (\w+)\. ", problem.prompt).groups()
        methods_of_pair.setdefault((container, event), set()).add(problem.meta["method"])
        for word in (container, event):
            methods_of_word.setdefault(word, set()).add(problem.meta["method"])
    assert len(methods_of_pair) == 20
    assert {len(methods) for methods in methods_of_pair.values()} == {1}
    assert Counter(map(len, methods_of_word.values())) == {4: 5, 5: 4}  # 5 containers of 4 methods, 4 events of 5


def test_no_other_method_gives_the_answer_and_answers_are_from_1_to_99():
    for problem in ALL:
        a, b = problem.meta["a"], problem.meta["b"]
        right = [method.key for method in TWO_STEP_METHODS if method.answer(a, b) == int(problem.reference)]
        assert right == [problem.meta["method"]]
        assert 1 <= int(problem.reference) <= 99
    assert (len(TESTBED.problems("train")), len(TESTBED.problems("test"))) == (593, 120)
    assert len({problem.id for problem in ALL}) == 713
    per_method = Counter(problem.meta["method"] for problem in TESTBED.problems("train"))
    assert len(per_method) == 20
    assert min(per_method.values()) >= 19


def test_a_right_response_is_right_in_every_respect():
    outcome = judge(RIGHT)
    assert (outcome.reward, outcome.correct, outcome.answer, outcome.error) == (1.0, True, "18", None)
    assert outcome.details == {RIGHT_METHOD: True, RIGHT_EXECUTION: True, RIGHT_RESULT: True}


@pytest.mark.parametrize(
    ("response", "reward", "error", "method", "execution", "result"),
    [
        # another method, carried out
        (
            "Perhaps triple-first and add-five. This makes 2 * 3: 3 + 3 = 6, so 2 * 3 = 6. Then 6 + 5 = 11. "
            "The answer is 11.",
            0.0,
            "strategic",
            False,
            True,
            True,
        ),
        # the right method without its second step
        (RIGHT.split(" Then")[0] + " The answer is 21.", 0.0, "procedural", True, False, False),
        # a slip: 14 + 7 = 22
        (
            "Maybe triple-second and drop-three. This makes 7 * 3: 7 + 7 = 14, 14 + 7 = 22, so 7 * 3 = 22. "
            "Then 22 - 3 = 19. The answer is 19.",
            0.0,
            "procedural",
            True,
            False,
            False,
        ),
        # a slip that does not reach the answer: rewarded, but not carried out
        (RIGHT.replace("7 + 7 = 14", "7 + 7 = 15"), 1.0, None, True, False, True),
        # the answer by luck: another method, whose equations are those of the right one
        (RIGHT.replace("triple-second", "multiply"), 1.0, None, False, False, False),
        # an equation of another method
        (RIGHT.replace(" The answer", " Then 4 + 4 = 8. The answer"), 1.0, None, True, False, True),
        # what is written out may be left out
        (
            "Possibly triple-second and drop-three. 7 * 3 = 21. 21 - 3 = 18. The answer is 18.",
            1.0,
            None,
            True,
            True,
            True,
        ),
        # no answer
        (RIGHT.split(" The")[0], 0.0, "strategic", True, False, False),
        # the method announced last counts, and equations before it do not
        ("Maybe multiply and add-five. 2 * 7 = 15. " + RIGHT, 1.0, None, True, True, True),
    ],
)
def test_method_and_execution_are_judged_apart(response, reward, error, method, execution, result):
    outcome = judge(response)
    assert (outcome.reward, outcome.error) == (reward, error)
    assert outcome.details == {RIGHT_METHOD: method, RIGHT_EXECUTION: execution, RIGHT_RESULT: result}


def test_without_a_method_there_is_no_execution_to_judge():
    outcome = judge("This makes 7 * 3 = 21. The answer is 18.")
    assert (outcome.reward, outcome.error) == (0.0, "format")
    assert outcome.details == {RIGHT_METHOD: False}
    assert judge("Maybe add both and then double. The answer is 18.").error == "format"  # a method of the other family


@settings(max_examples=60, deadline=None)
@given(draws, st.booleans(), st.booleans())
def test_a_response_is_judged_by_the_faults_put_into_it(draw, reads, omits):
    problem, seed = ALL[draw[0]], draw[1]
    response = write(problem, seed, insight=float(reads), omits=float(omits))
    outcome, parsed = judge(response, problem), TESTBED.parse(problem, response)
    assert parsed.n_wrong_equations == parsed.n_unrelated_equations == 0
    is_right = parsed.methods[0].key == problem.meta["method"]
    assert is_right or not reads
    assert outcome.details == {RIGHT_METHOD: is_right, RIGHT_EXECUTION: not omits, RIGHT_RESULT: not omits}
    if not omits:
        assert outcome.correct == is_right  # no other method gives the answer
    # with a step left out, the answer is the result of the first step, which is never that of the whole method
    assert outcome.answer != str(parsed.methods[0].answer(problem.meta["a"], problem.meta["b"])) or not omits


@settings(max_examples=60, deadline=None)
@given(draws)
def test_a_slip_is_off_by_one_and_never_a_right_execution(draw):
    problem, seed = ALL[draw[0]], draw[1]
    response = write(problem, seed, slips=0.2)
    parsed = TESTBED.parse(problem, response)
    equations = re.findall(r"(\d+) ([-+*]) (\d+) = (\d+)", response)
    assert len(equations) == parsed.n_equations
    deviations = [
        int(result) - OPERATORS[operator](int(first), int(second)) for first, operator, second, result in equations
    ]
    assert next(filter(None, deviations), 1) in (-1, 1)  # a result written out before it is off by as much, too
    is_executed = judge(response, problem).details[RIGHT_EXECUTION]
    assert is_executed is (response == write(problem, seed)) is (parsed.n_wrong_equations == 0)


def test_the_rates_of_the_faults_are_those_of_the_settings():
    stages = family_of(CONFIG).stages(CONFIG, default_warm_up(CONFIG))
    assert [(stage.steps, stage.rate) for stage in stages] == [(600, 1.0), (100, 0.3)]
    problems = [ALL[number % len(ALL)] for number in range(3000)]
    shares = []
    for stage in stages:
        rng = np.random.default_rng(0)
        responses = [stage.write_response(problem, rng) for problem in problems]
        details = [outcome.details for outcome in TESTBED.judge(problems, responses)]
        parsed = [TESTBED.parse(*pair) for pair in zip(problems, responses, strict=True)]
        shares.append(
            (
                np.mean([detail[RIGHT_METHOD] for detail in details]),
                np.mean([" Then " not in response for response in responses]),
                sum(each.n_wrong_equations for each in parsed) > 0,
            )
        )
    # .3 + .7 / 20 = .335 and .03 + .97 / 20 = .0785
    assert shares[0] == (pytest.approx(0.335, abs=0.03), 0.0, False)
    assert shares[1] == (pytest.approx(0.0785, abs=0.02), pytest.approx(0.6, abs=0.03), True)


def test_planning_is_the_opener_and_the_name():
    spans = TESTBED.planning_spans(TRAYS, RIGHT)
    assert [RIGHT[span.start : span.end] for span in spans] == ["Maybe", "triple-second and drop-three"]
    rng = np.random.default_rng(1)
    for problem in ALL[:100]:
        response = TwoStepSolver(CONFIG, Faults(0.3, 0.5, 0.1))(problem, rng)
        assert [span.gram for span in FIND(response)] == [
            span.gram for span in TESTBED.planning_spans(problem, response)
        ]
    assert len(TESTBED.lexicon().grams) == 3 + 20


def test_the_generator_alone_determines_problems_and_responses():
    first = [write(problem, 3, insight=0.5, omits=0.5, slips=0.5) for problem in ALL[:20]]
    assert first == [write(problem, 3, insight=0.5, omits=0.5, slips=0.5) for problem in ALL[:20]]
    make_problems.cache_clear()
    assert Testbed(TwoStepConfig()).problems("test") == TESTBED.problems("test")
    assert Testbed(TwoStepConfig(seed=1)).problems("test") != TESTBED.problems("test")


def test_fewer_steps_are_fewer_methods():
    small = Testbed(TwoStepConfig(first_steps=2, second_steps=2))
    keys = {problem.meta["method"] for split in ("train", "test") for problem in small.problems(split)}
    assert keys == {"multiply-add-five", "multiply-add-score", "triple-first-add-five", "triple-first-add-score"}
    assert len(small.lexicon().grams) == 3 + 4
    assert PRESETS["hard"] == TwoStepConfig()


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("first_steps", 6, "testbed: first_steps must be a whole number from 2 to 5"),
        ("largest", 12, "largest must be a whole number from 4 to 11"),
        ("omits", 1.5, r"omits must be a number from 0 to 1 \(got 1.5\)"),
        ("slips", "often", "slips must be a number from 0 to 1"),
        ("insight", float("nan"), "insight must be a number"),
    ],
)
def test_settings_out_of_range_are_refused(name, setting, message):
    with pytest.raises(UsageError, match=message):
        TwoStepConfig(**{name: setting})
