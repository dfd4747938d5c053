"""A step of evolve with texts and scores that are given: who is asked what, rewards by hand, what the pools hold."""

import math

import pytest

from sgram.training.evolve.evolve_config import EvolveConfig
from sgram.training.evolve.pool import question_id
from sgram.training.evolve.rollout import StepSampler
from sgram.training.evolve.state import EvolveState
from sgram.training.evolve.truths import Truths
from tests.builders.evolve_task import ScriptedWriter, TableJudge, TinyTask

CRATE, TRAY = "A crate of seven pens?", "Too loose a question?"
SETTINGS = {
    "proposals": 4,
    "trials": 2,
    "questions": 1,
    "answers": 2,
    "judge_rows": 2,
    "gate": "0.5",
    "fixed_questions": "start",
}
SCORES = {CRATE: 0.9, TRAY: 0.2, "trial i": 1.0, "trial no": 0.0, "it is 5": 1.0, "Score 10 is it": 0.5}


def sampler(texts: dict, scores=SCORES, **settings) -> StepSampler:
    config = EvolveConfig(**{**SETTINGS, **settings})
    task = TinyTask()
    state = EvolveState.start(config, task)
    return StepSampler(config, task.forms, Truths(task), state, TableJudge(scores), ScriptedWriter(**texts))


@pytest.fixture
def first_step():
    """The first step: (sampler, sampled step)."""
    ours = sampler(
        {
            # proposals: one that enters, one below the gate, one too short to be a question, the first again
            "proposals": [CRATE, TRAY, "short", "a  CRATE of seven pens?"],
            # the first two answers fill the pair pool, the next two are rows, then two trials for each of three
            # readable proposals
            "answers": ["early", "earlier", "it is 5", "Score 10 is it", *["trial i", "trial no"] * 3],
            "judgements": ["eee", "no scor"],
        },
        {**SCORES, "a CRATE of seven pens?": 0.8},
    )
    return ours, ours.sample(0)


def test_rewards_of_a_step_are_those_worked_out_by_hand(first_step):
    _, step = first_step
    assert [row.role for row in step.rows] == ["proposer"] * 4 + ["solver"] * 2 + ["judge"] * 2
    # proposer: (quality + difficulty + format) / 3, difficulty 1 - mean(1, 0) = .5; below the gate without difficulty
    # solver: (score + format) / 2; the second answer holds the judge's marker. judge: 1 if its text has a score
    expected = [(0.9 + 0.5 + 1) / 3, (0.2 + 0 + 1) / 3, 0.0, (0.8 + 0.5 + 1) / 3, 1.0, 0.25, 1.0, 0.0]
    assert [row.reward for row in step.rows] == pytest.approx(expected)


def test_what_was_asked_and_what_is_known_stand_beside_each_row(first_step):
    ours, step = first_step
    pool_question = next(row.group for row in step.rows if row.role == "solver")
    assert ours.state.questions[pool_question].text == step.rows[4].prompt
    assert step.rows[0].prompt.startswith("Ask ")
    assert step.rows[6].prompt.endswith("Judge.")
    metas = [dict(row.meta) for row in step.rows]
    crate = {"role": "proposer", "question": question_id(CRATE.lower()), "quality": 0.9, "difficulty": 0.5}
    assert metas[0] == {**crate, "entered": True, "kind": "kind-1"}  # 22 characters
    assert metas[1]["entered"] is False
    assert metas[2] == {"role": "proposer", "fault": "too-short", "entered": False}
    assert metas[5] == {"role": "solver", "question": pool_question, "score": 0.5, "fault": "judge-marker"}
    assert metas[6] == {"role": "judge", "question": metas[6]["question"], "score": pytest.approx(3 / 9, abs=1e-5)}
    assert metas[7]["fault"] == "no-score"
    # correct is known of answers alone: they are right if they hold an i
    assert [row.outcome.correct for row in step.rows] == [None] * 4 + [True, True] + [None] * 2
    assert [row.outcome.reward for row in step.rows] == pytest.approx([row.reward for row in step.rows])


def test_a_question_enters_once_and_answers_join_the_pairs(first_step):
    ours, _ = first_step
    assert [question.text for question in ours.state.questions.rows() if question.source == "proposer"] == [CRATE]
    (crate,) = [question for question in ours.state.questions.rows() if question.source == "proposer"]
    assert (crate.step, crate.quality, crate.difficulty) == (1, 0.9, 0.5)
    answered = [question for question in ours.state.questions.rows() if question.n_scores]
    assert [(question.n_scores, question.score_sum) for question in answered] == [(2, 1.5)]
    pairs = ours.state.pairs.rows()
    assert [(pair.answer, pair.score, pair.truth) for pair in pairs] == [
        ("early", None, 0.0),
        ("earlier", None, 1.0),
        ("it is 5", 1.0, 1.0),
        ("Score 10 is it", 0.5, 1.0),
    ]
    assert ours.state.kinds == {"kind-1", "kind-0"}


def test_each_kind_of_text_is_sampled_in_one_call(first_step):
    ours, step = first_step
    # before the first step: answers for the judge; then the rows; then the trial answers
    assert [len(prompts) for prompts in ours.writer.calls] == [2, 8, 6]
    assert step.measures["generations"] == 16


def test_measures_of_a_step_are_those_of_its_texts(first_step):
    _, step = first_step
    measures = step.measures
    assert measures["proposer/format"] == 0.75
    assert measures["proposer/quality"] == pytest.approx((0.9 + 0.2 + 0.8) / 3)
    assert (measures["proposer/new"], measures["proposer/entered"]) == (2, 1)
    assert measures["proposer/valid"] == 0.75
    # kinds of the valid ones: 22, 21 and 22 characters, remainders 1, 0, 1
    assert measures["proposer/kinds"] == pytest.approx(math.exp(-2 / 3 * math.log(2 / 3) - 1 / 3 * math.log(1 / 3)))
    assert "proposer/true_difficulty" not in measures  # no table of failures
    assert measures["proposer/solve_rate"] == 1.0  # all six trials hold an i
    assert (measures["solver/true_accuracy"], measures["solver/score"], measures["solver/format"]) == (1.0, 0.75, 0.5)
    # all eight answers: right are both rows and three trials ("trial no" holds an i, too), so none is wrong
    assert measures["judge/score"] == pytest.approx((1.0 + 0.5 + 3 * 1.0 + 3 * 0.0) / 8)
    assert "judge/auc" not in measures
    assert (measures["judge/format"], measures["judge/reward"], measures["judge/unparsable"]) == (0.5, 0.5, 0.0)
    assert (measures["pool/questions"], measures["pool/pairs"]) == (5, 4)


def test_a_held_out_problem_never_enters():
    ours = sampler(
        {"proposals": ["Held out 0 and a?", CRATE], "answers": ["no"] * 4, "judgements": []},
        {**SCORES, "Held out 0 and a?": 1.0},
        proposals=2,
        train_roles="proposer,solver",
        gate="none",
    )
    step = ours.sample(0)
    assert step.rows[0].meta["fault"] == "held-out"
    assert step.rows[0].reward == 0
    assert [question.text for question in ours.state.questions.rows() if question.source == "proposer"] == [CRATE]


def test_a_score_that_cannot_be_read_is_no_reward_at_all():
    ours = sampler(
        {"answers": ["it is 5", "unread"], "judgements": []}, proposer="none", train_roles="solver", judge="frozen"
    )
    step = ours.sample(0)
    assert step.rows[0].reward == 1.0
    assert math.isnan(step.rows[1].reward)
    assert step.rows[1].outcome.reward is None
    assert step.measures["judge/unparsable"] == 0.5
    assert not [name for name in step.measures if name.startswith("proposer/")]


def test_without_difficulty_the_proposer_earns_quality_and_form_and_questions_below_the_gate_may_keep_it():
    texts = {"proposals": [CRATE, TRAY], "answers": ["it is 5"] * 2 + ["trial i", "trial no"] * 2, "judgements": []}
    settings = {"proposals": 2, "train_roles": "proposer,solver"}
    plain = sampler(dict(texts), difficulty="off", **settings).sample(0)
    assert [row.reward for row in plain.rows[:2]] == pytest.approx([(0.9 + 1) / 2, (0.2 + 1) / 2])
    kept = sampler(dict(texts), drop_difficulty=False, **settings).sample(0)
    assert [row.reward for row in kept.rows[:2]] == pytest.approx([(0.9 + 0.5 + 1) / 3, (0.2 + 0.5 + 1) / 3])


def test_a_calibrated_judge_earns_agreement_with_the_truth():
    ours = sampler(
        {
            "proposals": [CRATE, TRAY],
            "answers": ["early", "with i", "it is 5", "it is 5", *["trial i"] * 4],
            "judgements": ["eee", "eee"],
        },
        proposals=2,
        judge_reward="calibrated",
    )
    step = ours.sample(0)
    truths = [pair.truth for pair in ours.state.pairs.rows()[:2]]
    assert sorted(truths) == [0.0, 1.0]
    # "eee" says 4 of 10, which is 1/3: (1 - (1/3 - truth)^2 + 1) / 2
    expected = sorted((2 - (1 / 3 - truth) ** 2) / 2 for truth in truths)
    assert sorted(row.reward for row in step.rows if row.role == "judge") == pytest.approx(expected)


def test_pools_and_gate_come_back_as_they_were(first_step, tmp_path):
    ours, _ = first_step
    ours.state.save(tmp_path)
    again = EvolveState.load(tmp_path, TinyTask())
    assert again.questions.rows() == ours.state.questions.rows()
    assert again.pairs.rows() == ours.state.pairs.rows()
    assert (again.gate, again.kinds) == (ours.state.gate, ours.state.kinds)
