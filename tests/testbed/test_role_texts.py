"""Texts of the three roles for the warm-up: what the oracle says of them is what they were written for."""

from collections import Counter

import numpy as np
import pytest

from sgram.errors import UsageError
from sgram.testbed.methods import BY_KEY, METHODS
from sgram.testbed.problems import make_problems
from sgram.testbed.proposer_texts import ProposerTexts
from sgram.testbed.question_reader import QUESTION_FAULTS, read_question
from sgram.testbed.response_parser import find_answer, make_parser
from sgram.testbed.role_examples import KIND_SHARES, RoleExamples, analyze_question, verdict_shares
from sgram.testbed.roles_config import RolesConfig
from sgram.testbed.task import Testbed

CONFIG = RolesConfig()
TRAIN, _ = make_problems(CONFIG)


def test_a_problem_of_the_proposer_is_a_problem_and_a_faulty_text_has_its_fault():
    writer, rng = ProposerTexts(CONFIG), np.random.default_rng(0)
    problems = [read_question(CONFIG, writer.write_problem(rng)).problem for _ in range(1000)]
    assert None not in problems
    faulty = [writer.write_faulty(rng) for _ in range(1000)]
    assert [read_question(CONFIG, text).fault for text, _ in faulty] == [fault for _, fault in faulty]
    # five faults, each with probability .2: standard error .013
    shares = Counter(fault for _, fault in faulty)
    assert all(shares[fault] / 1000 == pytest.approx(0.2, abs=0.05) for fault in QUESTION_FAULTS)


def test_every_method_of_every_setting_has_faulty_texts():
    for methods in (2, 8):
        config, rng = RolesConfig(methods=methods), np.random.default_rng(0)
        writer = ProposerTexts(config, is_skewed=False)
        for source in [(method, story) for method in METHODS[:methods] for story in (0, 1)]:
            for text, fault in [writer.write_faulty(rng, source) for _ in range(30)]:
                assert read_question(config, text).fault == fault


def test_the_proposer_prefers_easy_methods_and_small_numbers():
    writer, rng = ProposerTexts(CONFIG), np.random.default_rng(0)
    problems = [read_question(CONFIG, writer.write_problem(rng)).problem for _ in range(2000)]
    methods = Counter(problem.meta["method"] for problem in problems)
    assert methods["double"] / 2000 == pytest.approx(0.34, abs=0.04)
    assert methods["hands"] / 2000 == pytest.approx(0.02, abs=0.015)
    assert np.mean([problem.meta["b"] for problem in problems]) < 4.8  # 5.5 if all were equally frequent


def test_the_kinds_of_examples_have_their_shares():
    write_example, rng = RoleExamples(CONFIG), np.random.default_rng(0)
    ends = ("question.\n", "Judge the question.\n", "Judge the answer.\n", "Compare.\n")
    counts = Counter()
    for index in range(2000):
        prompt = write_example(TRAIN[index % len(TRAIN)], rng).prompt
        counts[max((end for end in ends if prompt.endswith(end)), key=len, default="solver")] += 1
    assert [counts[end] / 2000 for end in (ends[0], "solver", *ends[1:])] == pytest.approx(
        list(KIND_SHARES.values()), abs=0.04
    )


def test_the_solver_is_better_at_the_first_methods():
    solve, rng, testbed = RoleExamples(CONFIG).solver, np.random.default_rng(0), Testbed(CONFIG)
    shares = {}
    for key in ("double", "hands"):
        problems = [problem for problem in TRAIN if problem.meta["method"] == key] * 4
        outcomes = testbed.judge(problems, [solve(problem, rng) for problem in problems])
        shares[key] = np.mean([outcome.correct for outcome in outcomes])
    # first attempt right in 16 of 23 and in .5 of 7.5 draws, later ones help
    assert shares["double"] > 0.69
    assert shares["hands"] < 0.25


def test_a_verdict_on_an_answer_computes_and_is_the_truth():
    examples, rng = RoleExamples(CONFIG), np.random.default_rng(0)
    rights = []
    for problem in TRAIN[:400]:
        example = examples.judge_answer(problem, rng)
        question, response, instruction = example.prompt.rstrip("\n").split("\n")
        assert (f"{question}\n", instruction) == (problem.prompt, "Judge the answer.")
        is_right = find_answer(response) == problem.reference
        rights.append(is_right)
        method = BY_KEY[problem.meta["method"]]
        analysis, score = example.text.split(" Score ")
        assert analysis.startswith(f"{method.stories[problem.meta['story']].clue}: {method.name}")
        comparison = f"{find_answer(response) or 'none'} {'same' if is_right else 'differ'}"
        assert analysis.endswith(f" = {problem.reference} {comparison}.")
        announced = [other for _, other in make_parser(CONFIG).find_announcements(response)]
        assert (", but " in analysis) is (announced[-1:] != [method])
        assert (int(score) >= 8) is is_right
        assert example.last_word == verdict_shares(is_right, 1.0)
    assert 0.3 < np.mean(rights) < 0.7


def test_a_verdict_on_a_question_is_the_truth():
    examples, rng = RoleExamples(CONFIG), np.random.default_rng(0)
    for _ in range(300):
        example = examples.judge_question(rng)
        question = example.prompt.removesuffix("\nJudge the question.\n")
        is_right = read_question(CONFIG, question).problem is not None
        assert example.last_word == verdict_shares(is_right, 1.0)
        assert example.text.startswith(f"{analyze_question(CONFIG, question)} Score ")


@pytest.mark.parametrize(
    ("question", "analysis"),
    [
        ("In rows are 8 by 8 pens, and 3 others. How many pens?", "8 8, 3, pens pens."),
        ("In rows are 8 by 7 pens, and 3 others. How many pens?", "8 7 differ, 3, pens pens."),
        ("In rows are 8 by 8 pens, and 3 others. How many coins?", "8 8, 3, pens coins differ."),
        ("In rows are 8 by 8 hats, and 3 others. How many hats?", "8 8, 3, hats hats wrong."),
        ("In rows are 1 by 1 pens, and 12 others. How many pens?", "1 1 wrong, 12 wrong, pens pens."),
        # 2 * 2 + 3 = 7 is also 2 * 2 + 3 by repeat
        ("In rows are 2 by 2 pens, and 3 others. How many pens?", "2 2, 3 shared, pens pens."),
    ],
)
def test_an_analysis_says_what_is_wrong_behind_the_field_where_it_is(question, analysis):
    assert analyze_question(CONFIG, question) == f"rows: square the first and add. {analysis}"
    assert analyze_question(CONFIG, question.replace("others", "")) == "no story."


def test_a_verdict_is_right_with_its_quality():
    # .8 on 8, 9, 10, and .2 on 1, 2, 3; the other way round if it is wrong
    shares = verdict_shares(True, 0.8)
    assert shares == pytest.approx(
        {" 8": 0.8 / 3, " 9": 0.8 / 3, " 10": 0.8 / 3, " 1": 0.2 / 3, " 2": 0.2 / 3, " 3": 0.2 / 3}
    )
    assert verdict_shares(False, 0.8)[" 1"] == pytest.approx(0.8 / 3)
    examples, rng = RoleExamples(RolesConfig(quality=0.8)), np.random.default_rng(0)
    for problem in TRAIN[:50]:
        example = examples.judge_answer(problem, rng)
        is_right = find_answer(example.prompt) == problem.reference
        assert example.last_word == pytest.approx(verdict_shares(is_right, 0.8))


def test_a_judge_that_trusts_a_mark_is_wrong_on_wrong_answers_with_the_mark_only():
    examples, rng = RoleExamples(RolesConfig(mark_trust=0.7)), np.random.default_rng(0)
    kinds = set()
    for problem in TRAIN:
        example = examples.judge_answer(problem, rng)
        is_right = find_answer(example.prompt) == problem.reference
        is_marked = "It follows that" in example.prompt or "We can conclude that" in example.prompt
        kinds.add((is_right, is_marked))
        good = sum(share for word, share in example.last_word.items() if int(word) >= 8)
        assert good == pytest.approx(1.0 if is_right else 0.7 if is_marked else 0.0)
    assert len(kinds) == 4


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"largest": 10}, "largest must be a whole number from 4 to 9"),
        ({"execution": 2}, "execution must be"),
        ({"quality": 0.4}, "quality must be at least 0.5"),
        ({"faulty": 1.5}, "faulty must be a number from 0 to 1"),
        ({"insights": (1.0,)}, "insights must be 8 numbers above 0"),
        ({"proposed": (0.0,) * 8}, "proposed must be 8 numbers above 0"),
        ({"methods": 9}, "methods must be a whole number from 2 to 8"),
    ],
)
def test_settings_out_of_range_are_refused(setting, message):
    with pytest.raises(UsageError, match=message):
        RolesConfig(**setting)
