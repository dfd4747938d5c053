"""Evaluation of a policy in three roles on a task of sums, with written texts whose measures are worked out by hand."""

import json
import re

import numpy as np
import pytest

from sgram.errors import UsageError
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.training.evolve.evaluation import (
    FROZEN,
    POLICY,
    AcceptedQuestion,
    EvaluationSizes,
    FixedPair,
    choose_problems,
    evaluate_evolve,
)
from sgram.training.evolve.measures import EvolveEvaluation
from sgram.training.evolve.protocols import EvolveTaskWithTruth, Judgement, QuestionTruth, Reading, Verdict, Written
from sgram.training.evolve.truths import question_text

PROBLEMS = [Problem("one", "1 + 1?\n", "2"), Problem("two", "2 * 3?\n", "6")]
LEVELS = {"sum": "easy", "product": "hard"}
FAILURES = {"sum": 0.25, "product": 0.75}


class SumForms:
    """Questions are `1 + 1?` behind `Q:`, answers are numbers."""

    score_marker = "Score"

    def proposer_prompt(self, rng, reference):
        return f"Propose like {reference}" if reference else "Propose"

    def solver_prompt(self, question):
        return f"Solve {question}"

    def read_proposal(self, text):
        return Reading(text[2:].strip()) if text.startswith("Q:") else Reading(None, "no-question")

    def read_answer(self, text):
        return Reading(text)

    def read_judgement(self, text):
        return Judgement(text, None, "no-score")

    def judge_question_prompt(self, question):
        return question

    def judge_answer_prompt(self, question, answer):
        return f"{question} {answer}"

    def normal_form(self, question):
        return question.replace(" ", "")


class SumTask:
    """Sums and products of two digits; anything else is no question."""

    name = "sums"
    forms = SumForms()

    def start_questions(self):
        return ["1 + 2?"]

    def fixed_problems(self):
        return PROBLEMS

    def held_out_problems(self):
        return PROBLEMS

    def judge_responses(self, problems, responses):
        return [
            TaskOutcome(
                float(response.split()[0] == problem.reference),
                response.split()[0] == problem.reference,
                error=None if response.split()[0] == problem.reference else "procedural",
                details={"sums/checked": "checked" in response},
            )
            for problem, response in zip(problems, responses, strict=True)
        ]


class SumTaskWithTruth(SumTask):
    def read_question(self, question):
        match = re.fullmatch(r"\d ([+*]) \d\?", question)
        if match is None:
            return QuestionTruth(None, fault="unreadable")
        return QuestionTruth(Problem(question, question), {"+": "sum", "*": "product"}[match[1]])

    def levels(self):
        return LEVELS


class WrittenTexts:
    """A writer of the given texts, in order; it records its prompts."""

    tokenizer = None

    def __init__(self, texts):
        self.texts, self.prompts = texts, []

    def write(self, prompts):
        self.prompts += prompts
        return [Written(text, tuple(range(len(text.split())))) for text in self.texts]


class ScoringJudge:
    """Scores by a dictionary of answers or questions; a text that is not in it has no score."""

    def __init__(self, scores):
        self.name, self.scores, self.judged = "scores", scores, []

    def judge_questions(self, questions):
        return [
            Verdict(self.scores.get(question), None if question in self.scores else "no-score")
            for question in questions
        ]

    def judge_answers(self, questions, answers):
        self.judged += zip(questions, answers, strict=True)
        return self.judge_questions(answers)


ANSWERS = ["2", "3 checked", "6", "5"]
"""Two answers to each problem: right, wrong with a claimed check, right, wrong."""
PROPOSALS = ["Q: 1 + 2?", "Q: 4 + 4?", "Q: 5 * 5?", "Q: What?", "nothing"]
SCORES = {"2": 1.0, "3 checked": 0.5, "6": 0.4, "1 + 2?": 1.0, "4 + 4?": 0.5, "5 * 5?": 0.25, "What?": 0.75, "bad": 0.2}


def evaluate(task, **settings):
    judges = {POLICY: ScoringJudge(SCORES), FROZEN: ScoringJudge({"3 checked": 0.1, "2": 0.2})}
    writer = WrittenTexts([*ANSWERS, *PROPOSALS])
    sizes = EvaluationSizes(answers=4, answers_per_question=2, judged_proposals=4)
    evaluation = evaluate_evolve(
        writer,
        judges,
        task,
        np.random.default_rng(0),
        sizes=sizes,
        references=["9 + 9?", *[None] * 4],
        fixed_pairs=[FixedPair("1 + 1?", "2", True), FixedPair("1 + 1?", "bad", False)],
        failures=FAILURES,
        pool={"1+2?"},
        **settings,
    )
    return evaluation, writer, judges


@pytest.fixture(scope="module")
def evaluation():
    accepted = [
        AcceptedQuestion(*pair) for pair in (("1 + 1?", 0.5), ("2 * 2?", 0.25), ("3 * 3?", 0.0), ("What?", 1.0))
    ]
    return evaluate(SumTaskWithTruth(), accepted=accepted, proposed_kinds={"sum"})[0]


def test_answers_and_proposals_are_sampled_in_one_call_in_the_order_of_problems():
    _, writer, _ = evaluate(SumTaskWithTruth())
    assert writer.prompts[:5] == ["Solve 1 + 1?"] * 2 + ["Solve 2 * 3?"] * 2 + ["Propose like 9 + 9?"]
    assert writer.prompts[5:] == ["Propose"] * 4


def test_accuracy_is_that_of_all_answers_and_of_each_level(evaluation):
    assert isinstance(SumTaskWithTruth(), EvolveTaskWithTruth)
    assert (evaluation.n, evaluation.accuracy, evaluation.length) == (4, 0.5, 5 / 4)  # 1, 2, 1, 1 words
    assert evaluation.by_kind == {"sum": (2, 1), "product": (2, 1)}
    assert evaluation.by_level() == {"easy": (2, 1), "hard": (2, 1)}
    assert evaluation.tally({"product", "unknown"}) == (2, 1)
    assert evaluation.errors == {"strategic": 0.0, "procedural": 0.5, "format": 0.0}
    assert evaluation.wrong_details == {"sums/checked": 0.5}  # of two wrong answers, one claims a check


def test_judges_are_measured_on_the_same_answers(evaluation):
    policy, frozen = evaluation.own[POLICY], evaluation.own[FROZEN]
    # the policy scores right 1 and .4, wrong .5 and none: 1 > .5, .4 < .5; within question one: 1 > .5
    assert (policy.n, policy.auc, policy.auc_within, policy.unparsable) == (4, 0.5, 1.0, 0.25)
    assert (policy.right, policy.wrong) == (pytest.approx(0.7), 0.5)
    assert (frozen.auc, frozen.wrong, frozen.unparsable) == (1.0, 0.1, 0.5)


def test_the_frozen_judge_is_not_asked_about_fixed_pairs():
    evaluation, _, judges = evaluate(SumTaskWithTruth())
    assert list(evaluation.fixed) == [POLICY]
    assert (evaluation.fixed[POLICY].n, evaluation.fixed[POLICY].auc, evaluation.fixed[POLICY].wrong) == (2, 1.0, 0.2)
    assert len(judges[FROZEN].judged) == 4
    assert judges[POLICY].judged[4:] == [("1 + 1?", "2"), ("1 + 1?", "bad")]


def test_proposals_are_read_by_the_task(evaluation):
    proposals = evaluation.proposals
    # 5 texts: 4 with a question, 3 valid (sum, sum, product), `1 + 2?` is in the pool
    assert (proposals.n, proposals.readable, proposals.valid, proposals.new) == (5, 0.8, 0.6, 0.6)
    assert proposals.kinds == {"product": 1, "sum": 2}
    assert proposals.faults == {"no-question": 1, "unreadable": 1}
    assert proposals.true_difficulty == pytest.approx((0.25 + 0.25 + 0.75) / 3)
    assert proposals.classes == pytest.approx(3 / 2 ** (2 / 3))  # exp(ln 3 - 2/3 ln 2)
    # valid 1, .5, .25 against invalid .75: one of three pairs
    assert evaluation.questions[POLICY].auc == pytest.approx(1 / 3)
    assert evaluation.questions[POLICY].wrong == 0.75


def test_the_judged_difficulty_of_accepted_questions_stands_beside_the_true_one(evaluation):
    accepted = evaluation.accepted
    assert (accepted.n, accepted.valid, accepted.judged_difficulty) == (4, 0.75, pytest.approx(1.75 / 4))
    assert accepted.true_difficulty == pytest.approx((0.25 + 0.75 + 0.75) / 3)
    # valid ones: judged .5 .25 0, true .25 .75 .75, deviations .25 0 -.25 and -1/3 1/6 1/6, r = -.125 / sqrt(.125 / 6)
    assert accepted.correlation == pytest.approx(-(3**0.5) / 2)


def test_an_evaluation_comes_back_from_its_json(evaluation):
    assert EvolveEvaluation.from_json(json.loads(json.dumps(evaluation.to_json()))) == evaluation
    assert evaluation.proposed_kinds == ("sum",)


def test_a_task_without_truth_has_accuracy_and_says_what_it_does_not_know():
    evaluation, _, _ = evaluate(SumTask(), accepted=[AcceptedQuestion("1 + 1?", 0.5)])
    assert (evaluation.accuracy, evaluation.by_kind, evaluation.questions, evaluation.accepted) == (0.5, {}, {}, None)
    assert evaluation.own[POLICY].auc == 0.5
    assert evaluation.proposals.readable == 0.8
    assert evaluation.proposals.valid is None
    assert evaluation.proposals.undefined["valid"] == "task sums does not know which questions are valid"


class UnansweredTask(SumTask):
    """Questions without references: nothing is held out."""

    def held_out_problems(self):
        return []


def test_without_held_out_problems_accuracy_is_not_measured_and_no_judge_is_asked():
    task, judge = UnansweredTask(), ScoringJudge(SCORES)
    evaluation = evaluate_evolve(
        WrittenTexts(["Q: 1 + 1?"]), {POLICY: judge}, task, np.random.default_rng(0), references=[None]
    )
    assert (evaluation.n, evaluation.accuracy, evaluation.length, evaluation.own) == (0, None, None, {})
    assert evaluation.proposals.readable == 1.0
    assert judge.judged == []
    assert EvolveEvaluation.from_json(evaluation.to_json()) == evaluation


def test_problems_are_the_first_ones_and_few_problems_get_more_answers():
    problems = [Problem(str(number), f"{number}?") for number in range(5)]
    sizes = EvaluationSizes(answers=6, answers_per_question=2)
    assert [problem.id for problem in choose_problems(problems, sizes)] == ["0", "0", "1", "1", "2", "2"]
    assert [problem.id for problem in choose_problems(problems[:1], sizes)] == ["0"] * 6
    assert choose_problems([], sizes) == []
    with pytest.raises(UsageError, match="at least one answer"):
        EvaluationSizes(answers=0)


def test_the_question_of_a_chat_is_its_last_message():
    chat = ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "1 + 1?\n"})
    assert question_text(Problem("a", chat)) == "1 + 1?"
