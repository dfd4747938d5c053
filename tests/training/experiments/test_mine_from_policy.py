"""A lexicon mined from what the starting policy samples, against the truth."""

import numpy as np
import pytest

from sgram.errors import SgramError
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.lexicon import Lexicon
from sgram.mining import MiningConfig
from sgram.tagging.spans import Span
from sgram.testbed import Testbed
from sgram.testbed.solver import Solver
from sgram.training.experiments.evaluate import SampledResponses
from sgram.training.experiments.mine_from_policy import make_start_traces, measure_mask_quality, mine_from_responses

TASK = Testbed()


def sampled_texts(texts, problems=None) -> SampledResponses:
    problems = problems or [Problem("p", "How many?")] * len(texts)
    return SampledResponses(list(problems), [[1, 2]] * len(texts), list(texts))


class True4:
    """The first four characters plan."""

    def planning_spans(self, problem, response):
        return [Span(0, 4, "true")]


def test_quality_is_counted_in_characters_that_are_no_space():
    # truth "wait" of "wait let us add" (12 solid characters). The lexicon marks "let us" (5): none right
    quality = measure_mask_quality(Lexicon.from_grams(["let us"]), sampled_texts(["wait let us add"]), True4())
    assert quality == (0 / 5, 0 / 4, 4 / 12)
    # it marks "wait let": 7 solid characters, 4 of them right, all of the truth
    quality = measure_mask_quality(Lexicon.from_grams(["wait let"]), sampled_texts(["wait let us add"]), True4())
    assert quality == (4 / 7, 4 / 4, 4 / 12)


def test_quality_is_over_all_responses_together():
    # "wait" right in the first (4 of 4), "mmmm" missed in the second: precision 1, recall 4 / 8, share 8 / 12
    quality = measure_mask_quality(Lexicon.from_grams(["wait"]), sampled_texts(["wait so", "mmmm no"]), True4())
    assert quality == (1.0, 0.5, 8 / 12)


def test_where_nothing_is_marked_there_is_no_precision():
    class Nothing:
        def planning_spans(self, problem, response):
            return []

    assert measure_mask_quality(Lexicon.from_grams(["wait"]), sampled_texts(["7 8"]), Nothing()) == (None, None, 0.0)
    assert measure_mask_quality(Lexicon.from_grams(["wait"]), sampled_texts([]), Nothing()) == (None, None, 0.0)


class Anything:
    """Whatever is said is right."""

    def judge(self, problems, responses):
        return [TaskOutcome(1.0, True)] * len(responses)


def test_traces_are_judged_and_grouped_by_their_problem():
    first = TASK.problems("train")[0]
    sampled = sampled_texts(["7", "8"], [first, first])
    traces = make_start_traces(sampled, TASK)
    assert [trace.id for trace in traces] == ["start-00000", "start-00001"]
    assert {trace.group for trace in traces} == {first.id}
    assert [trace.text for trace in traces] == ["7", "8"]
    outcomes = TASK.judge(sampled.problems, sampled.texts)
    assert [(trace.reward, trace.correct, trace.answer) for trace in traces] == [
        (v.reward, v.correct, v.answer) for v in outcomes
    ]
    assert traces[0].token_ids == (1, 2)
    assert first.prompt in traces[0].prompt


def test_a_lexicon_mined_from_right_responses_marks_most_of_what_plans():
    solver, rng = Solver(TASK.config), np.random.default_rng(0)
    problems = list(TASK.problems("train"))[:96]
    sampled = sampled_texts([solver(problem, rng) for problem in problems], problems)
    config = MiningConfig(scorer="contrast", embedder="hash", min_df=2, min_problems=1, top=0.5)
    lexicon = mine_from_responses(sampled, TASK, config)
    quality = measure_mask_quality(lexicon, sampled, TASK)
    assert quality.recall > 0.5
    assert 0.1 < quality.share < 0.9
    assert lexicon.digest == mine_from_responses(sampled, TASK, config).digest
    whole = measure_mask_quality(TASK.lexicon(), sampled, TASK)
    assert whole.recall > 0.95


def test_too_little_to_mine_is_told():
    with pytest.raises(SgramError):
        mine_from_responses(sampled_texts(["7"]), Anything())
