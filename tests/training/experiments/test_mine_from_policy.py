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
from sgram.training.experiments.evaluate import Sampled
from sgram.training.experiments.mine_from_policy import mask_quality, mined_lexicon, sampled_traces

TASK = Testbed()


def of(texts, problems=None) -> Sampled:
    problems = problems or [Problem("p", "How many?")] * len(texts)
    return Sampled(list(problems), [[1, 2]] * len(texts), list(texts))


class True4:
    """The first four characters plan."""

    def planning_spans(self, problem, response):
        return [Span(0, 4, "true")]


def test_quality_is_counted_in_characters_that_are_no_space():
    # truth "wait" of "wait let us add" (12 solid characters). The lexicon marks "let us" (5): none right
    found = mask_quality(Lexicon.from_grams(["let us"]), of(["wait let us add"]), True4())
    assert found == (0 / 5, 0 / 4, 4 / 12)
    # it marks "wait let": 7 solid characters, 4 of them right, all of the truth
    found = mask_quality(Lexicon.from_grams(["wait let"]), of(["wait let us add"]), True4())
    assert found == (4 / 7, 4 / 4, 4 / 12)


def test_quality_is_over_all_responses_together():
    # "wait" right in the first (4 of 4), "mmmm" missed in the second: precision 1, recall 4 / 8, share 8 / 12
    found = mask_quality(Lexicon.from_grams(["wait"]), of(["wait so", "mmmm no"]), True4())
    assert found == (1.0, 0.5, 8 / 12)


def test_where_nothing_is_marked_there_is_no_precision():
    class Nothing:
        def planning_spans(self, problem, response):
            return []

    assert mask_quality(Lexicon.from_grams(["wait"]), of(["7 8"]), Nothing()) == (None, None, 0.0)
    assert mask_quality(Lexicon.from_grams(["wait"]), of([]), Nothing()) == (None, None, 0.0)


class Anything:
    """Whatever is said is right."""

    def judge(self, problems, responses):
        return [TaskOutcome(1.0, True)] * len(responses)


def test_traces_are_judged_and_grouped_by_their_problem():
    first = TASK.problems("train")[0]
    sampled = of(["7", "8"], [first, first])
    traces = sampled_traces(sampled, TASK)
    assert [each.id for each in traces] == ["start-00000", "start-00001"]
    assert {each.group for each in traces} == {first.id}
    assert [each.text for each in traces] == ["7", "8"]
    verdicts = TASK.judge(sampled.problems, sampled.texts)
    assert [(each.reward, each.correct, each.answer) for each in traces] == [
        (v.reward, v.correct, v.answer) for v in verdicts
    ]
    assert traces[0].token_ids == (1, 2)
    assert first.prompt in traces[0].prompt


def test_a_lexicon_mined_from_right_responses_marks_most_of_what_plans():
    solver, rng = Solver(TASK.config), np.random.default_rng(0)
    problems = list(TASK.problems("train"))[:96]
    sampled = of([solver(each, rng) for each in problems], problems)
    config = MiningConfig(scorer="contrast", embedder="hash", min_df=2, min_problems=1, top=0.5)
    lexicon = mined_lexicon(sampled, TASK, config)
    found = mask_quality(lexicon, sampled, TASK)
    assert found.recall > 0.5
    assert 0.1 < found.share < 0.9
    assert lexicon.digest == mined_lexicon(sampled, TASK, config).digest
    whole = mask_quality(TASK.lexicon(), sampled, TASK)
    assert whole.recall > 0.95


def test_too_little_to_mine_is_told():
    with pytest.raises(SgramError):
        mined_lexicon(of(["7"]), Anything())
