"""The testbed as a task of evolve: its forms, its truth, and the start policy's failures."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sgram.errors import UsageError
from sgram.testbed.families import default_warm_up
from sgram.testbed.problems import make_problems
from sgram.testbed.role_examples import RoleExamples
from sgram.testbed.roles_config import RolesConfig
from sgram.testbed.solver import HONEST, Solver
from sgram.training.evolve.measures import CLAIMS_CHECK
from sgram.training.evolve.protocols import EvolveTaskWithTruth, RoleForms
from sgram.training.evolve.testbed_task import (
    FIXED_PAIRS,
    MAX_TOKENS,
    TestbedEvolveTask,
    failure_table,
    load_start_model,
)

pytest.importorskip("torch", reason="needs sgram[train]")
pytest.importorskip("transformers", reason="needs sgram[train]")

TASK = TestbedEvolveTask()
FORMS: RoleForms = TASK.forms
SQUARE = "In a square are 8 by 8 pens, and 3 others. How many pens?"


def test_it_is_a_task_with_truth():
    assert isinstance(TASK, EvolveTaskWithTruth)
    truth = TASK.read_question(SQUARE)
    assert (truth.kind, truth.fault, truth.problem.reference) == ("square/0", None, "67")
    faulty = TASK.read_question(SQUARE.replace("by 8", "by 7"))
    assert (faulty.problem, faulty.kind, faulty.fault) == (None, None, "contradiction")


def test_start_questions_are_easy_distinct_and_not_held_out():
    questions = TASK.start_questions()
    assert questions == TestbedEvolveTask().start_questions()
    assert questions != TestbedEvolveTask(RolesConfig(seed=1)).start_questions()
    kinds = {TASK.read_question(question).kind.split("/")[0] for question in questions}
    assert kinds == {"double", "gain", "loss"}  # of the three largest insights
    forms = [FORMS.normal_form(question) for question in questions]
    assert len(set(forms)) == 32
    assert not set(forms) & {FORMS.normal_form(problem.prompt) for problem in TASK.held_out_problems()}


def test_every_problem_has_a_normal_form_of_its_own_whatever_its_noun():
    problems = [problem for split in make_problems(TASK.config) for problem in split]
    assert len({FORMS.normal_form(problem.prompt) for problem in problems}) == len(problems)
    assert FORMS.normal_form(SQUARE) == FORMS.normal_form(SQUARE.replace("pens", "coins")) == "square/0 8 3"
    assert FORMS.normal_form(" How  many\nhats? ") == "How many hats?"


def test_prompts_are_those_of_the_warm_up():
    examples, rng = RoleExamples(TASK.config), np.random.default_rng(0)
    problem = TASK.fixed_problems()[0]
    assert FORMS.solver_prompt(problem.prompt) == problem.prompt
    prompts = {examples.propose(rng).prompt for _ in range(50)}
    assert FORMS.proposer_prompt(rng, None) in prompts
    question = TASK.start_questions()[0]
    assert FORMS.proposer_prompt(rng, question) == f"{question}\nAsk another question.\n"
    judged = examples.judge_answer(problem, rng).prompt
    response = judged.removeprefix(problem.prompt).removesuffix("\nJudge the answer.\n")
    assert FORMS.judge_answer_prompt(problem.prompt, response) == judged
    judged = examples.judge_question(rng).prompt
    assert FORMS.judge_question_prompt(judged.split("\n")[0]) == judged


def test_every_text_of_the_warm_up_is_read():
    examples, rng = RoleExamples(TASK.config), np.random.default_rng(0)
    for problem in TASK.fixed_problems()[:200]:
        assert FORMS.read_proposal(examples.propose(rng).text).fault is None
        answer = FORMS.read_answer(examples.solver(problem, rng))
        assert answer.fault is None
        for example in (examples.judge_question(rng), examples.judge_answer(problem, rng)):
            judgement = FORMS.read_judgement(example.text)
            assert judgement.fault is None
            assert f" {judgement.score}" in example.last_word


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no-question"),
        ("In a square are 8 by 8 pens.", "no-question"),
        (f"{SQUARE}\n{SQUARE}", "several-lines"),
        (f"Score 9. {SQUARE}", "judge-marker"),
        (f"{SQUARE} score?", "judge-marker"),
    ],
)
def test_a_proposal_without_a_question_has_a_named_fault(text, fault):
    assert (FORMS.read_proposal(text).value, FORMS.read_proposal(text).fault) == (None, fault)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no-method"),
        ("The answer is 67.", "no-method"),
        ("Let's try to square the first and add. We get 8 * 8 = 64.", "no-answer"),
        ("Let's try to square the first and add. The answer is 67. Score 10", "judge-marker"),
        ("Let's try to square the first and add. SCORE 10. The answer is 67.", "judge-marker"),
    ],
)
def test_an_answer_that_cannot_count_has_a_named_fault(text, fault):
    assert (FORMS.read_answer(text).value, FORMS.read_answer(text).fault) == (None, fault)
    right = "Let's try to square the first and add. The answer is 67."
    assert FORMS.read_answer(right).value == "67"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no-score"),
        ("a square. Given 67.", "no-score"),
        ("a square. Score", "no-score"),
        ("a square. Score nine", "no-score"),
        ("a square. Score -3", "no-score"),
        ("a square. Scores 9", "no-score"),
        ("a square. Score 0", "score-out-of-range"),
        ("a square. Score 11", "score-out-of-range"),
        ("a square. Score 09", "score-out-of-range"),
        ("a square. Score 99999999999999999999", "score-out-of-range"),
        ("a square. Score 7/10", "text-behind-score"),
        ("a square. Score 7.5", "text-behind-score"),
        ("a square. Score 9 Given 67.", "text-behind-score"),
        ("a square. Score 9 Score 9", "several-scores"),
        ("a square. Score Score 9", "no-score"),
        ("Score 9", "no-analysis"),
        (". Score 9", "no-analysis"),
    ],
)
def test_a_judgement_without_one_score_has_a_named_fault(text, fault):
    judgement = FORMS.read_judgement(text)
    assert (judgement.score, judgement.fault) == (None, fault)
    assert FORMS.read_judgement("a square. Score 10 ").score == 10


def test_every_text_of_the_warm_up_has_room():
    from sgram.testbed import make_tokenizer

    tokenizer = make_tokenizer(TASK.config, default_warm_up(TASK.config).vocabulary)
    examples, rng = RoleExamples(TASK.config), np.random.default_rng(0)
    texts = [examples(problem, rng).text for problem in TASK.fixed_problems()]
    assert 90 < max(len(ids) for ids in tokenizer(texts)["input_ids"]) < MAX_TOKENS


def test_fixed_pairs_are_half_right_and_equal_for_every_quality_of_the_judge():
    pairs = TASK.fixed_pairs()
    assert len(pairs) == FIXED_PAIRS
    assert sum(pair.is_right for pair in pairs) == FIXED_PAIRS // 2
    held_out = {problem.prompt.strip() for problem in TASK.held_out_problems()}
    for pair in pairs:
        assert pair.question in held_out
        problem = TASK.read_question(pair.question).problem
        assert TASK.judge_responses([problem], [pair.answer])[0].correct is pair.is_right
    assert TestbedEvolveTask(replace(TASK.config, quality=0.6, mark_trust=0.9)).fixed_pairs() == pairs


def test_settings_come_from_options():
    task = TestbedEvolveTask.from_options({"quality": 0.8, "methods": 4, "proposed": [1, 1, 1, 1, 1, 1, 1, 1]})
    assert task.config == RolesConfig(quality=0.8, methods=4, proposed=(1, 1, 1, 1, 1, 1, 1, 1))
    with pytest.raises(UsageError, match="testbed: unknown setting 'qualty'; the settings are methods, largest"):
        TestbedEvolveTask.from_options({"qualty": 0.8})


class _Sampler:
    """A policy that solves problems of the method double only."""

    def __init__(self, model):
        self.model, self.n_calls = model, 0
        self.max_tokens, self.temperature, self.top_p, self.top_k = 100, 1.0, 1.0, 0

    def sample(self, problems, n, seed):
        from sgram.training.experiments.evaluate import SampledResponses

        self.n_calls += 1
        solve, rng = Solver(TASK.config, HONEST), np.random.default_rng(seed)
        texts = [solve(p, rng) if p.meta["method"] == "double" else "I guess the answer is 1." for p in problems]
        return SampledResponses(list(problems), [[] for _ in problems], texts)


def test_the_start_policy_is_cached_and_so_are_its_failures(tmp_path, monkeypatch):
    import torch

    monkeypatch.setenv("SGRAM_CACHE", str(tmp_path))
    task, rows = TestbedEvolveTask(RolesConfig(methods=2)), []
    model, tokenizer = load_start_model(task, 0, rows.append, steps=1)
    assert [row["stage"] for row in rows] == ["warm-up"]
    assert len(tokenizer(" 10")["input_ids"]) == 1
    model, tokenizer = load_start_model(task, 0, rows.append, steps=1)
    assert len(rows) == 1  # read from the cache

    assert task.levels() == {}
    policy = _Sampler(model)
    failures = failure_table(policy, task)
    assert failures == {"double/0": 0.0, "double/1": 0.0, "gain/0": 1.0, "gain/1": 1.0}
    # four kinds: by index * 3 // 4 two easy ones, a middle and a hard one
    assert task.levels() == {"double/0": "easy", "double/1": "easy", "gain/0": "middle", "gain/1": "hard"}
    other = TestbedEvolveTask(RolesConfig(methods=2))
    assert failure_table(policy, other) == failures == other.failures
    assert policy.n_calls == 1
    (file,) = tmp_path.glob("policy-*/failures-*.json")
    assert json.loads(file.read_bytes()) == failures

    with torch.no_grad():  # other weights are another policy, in the same folder
        next(model.parameters()).add_(1)
    failure_table(policy, task)
    assert policy.n_calls == 2


def test_an_outcome_says_whether_the_answer_claims_a_passed_check():
    problem = TASK.read_question(SQUARE).problem
    wrong = "Let's try to add both and then double. To verify, {}. The answer is 22."
    outcomes = TASK.judge_responses([problem] * 2, [wrong.format("it works"), wrong.format("it doesn't fit, go back")])
    assert [outcome.correct for outcome in outcomes] == [False, False]
    assert [outcome.details[CLAIMS_CHECK] for outcome in outcomes] == [True, False]
