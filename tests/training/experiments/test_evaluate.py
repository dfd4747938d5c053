"""How good a policy is: sampled by a seed alone, judged problem by problem."""

import json
from types import SimpleNamespace

import pytest
import torch

from sgram.errors import UsageError
from sgram.grading.outcome import Problem, TaskOutcome
from sgram.tagging.spans import find_spans
from sgram.training.experiments import evaluate as evaluating
from sgram.training.experiments import setup
from sgram.training.experiments.evaluate import Policy, PolicyEvaluation, evaluate
from tests.builders.tiny_policy import PROMPTS, lexicon, model, tokenizer

UNKNOWN = {"strategic": None, "procedural": None, "format": None}
PROBLEMS = [Problem(f"p{number}", text) for number, text in enumerate(PROMPTS)]


class Vowels:
    """A response is right if it has an even number of letters a; without letters it cannot be judged."""

    def __init__(self, kinds=("strategic", "format")):
        self.kinds, self.error_kinds, self.asked = kinds, frozenset(kinds), []

    def problems(self, split):
        assert split == "test"
        return PROBLEMS

    def judge(self, problems, responses):
        self.asked += [problem.id for problem in problems]
        outcomes = []
        for text in responses:
            if not any(char.isalpha() for char in text):
                outcomes.append(TaskOutcome(None, None))
                continue
            right = text.count("a") % 2 == 0
            error = None if right or not self.kinds else self.kinds[len(text) % len(self.kinds)]
            outcomes.append(TaskOutcome(float(right), right, error=error))
        return outcomes


@pytest.fixture(scope="module")
def policy():
    return Policy(model().train(), tokenizer(), max_tokens=10, temperature=0.8, eos_ids=[tokenizer().eos_token_id])


def test_problems_are_asked_in_turns(policy):
    sampled = policy.sample(PROBLEMS[:3], 7, seed=1)
    assert [problem.id for problem in sampled.problems] == ["p0", "p1", "p2", "p0", "p1", "p2", "p0"]
    assert sampled.texts == [tokenizer().decode(ids, skip_special_tokens=True) for ids in sampled.ids]


def test_the_seed_alone_decides_and_nothing_else_changes(policy):
    before = torch.random.get_rng_state()
    first = policy.sample(PROBLEMS, 9, seed=1)
    torch.rand(5)
    assert policy.sample(PROBLEMS, 9, seed=1) == first
    assert policy.sample(PROBLEMS, 9, seed=2) != first
    torch.random.set_rng_state(before)
    policy.sample(PROBLEMS, 9, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert policy.model.training  # as it was


def test_progress_is_told_batch_by_batch(policy, monkeypatch):
    monkeypatch.setattr(evaluating, "_SAMPLED_TOKENS", 40)  # four responses of ten tokens
    counts = []
    assert len(policy.sample(PROBLEMS, 9, seed=1, on_sampled=counts.append).ids) == 9
    assert counts == [4, 8, 9]


@pytest.mark.parametrize("tokens_at_once", [1, 60, 4096], ids=["one by one", "some", "all"])
def test_entropies_are_those_of_a_plain_forward_pass(policy, monkeypatch, tokens_at_once):
    monkeypatch.setattr(evaluating, "_FORWARD_TOKENS", tokens_at_once)
    sampled = policy.sample(PROBLEMS, 6, seed=3)
    entropies = policy.entropies(sampled)
    with torch.no_grad():
        for problem, ids, values in zip(sampled.problems, sampled.ids, entropies, strict=True):
            prompt = tokenizer()(problem.prompt)["input_ids"]
            logits = policy.model(torch.tensor([prompt + ids])).logits[0, len(prompt) - 1 : -1] / 0.8
            probabilities = logits.softmax(-1)
            expected = -(probabilities * probabilities.log()).sum(-1)
            assert torch.allclose(values, expected, atol=1e-4)


def test_an_evaluation_counts_what_was_judged(policy):
    task = Vowels()
    evaluation = evaluate(policy, task, lexicon(), 30, seed=4)
    sampled = policy.sample(PROBLEMS, 30, 4)
    outcomes = Vowels().judge(sampled.problems, sampled.texts)
    judged = [outcome for outcome in outcomes if outcome.correct is not None]
    assert 0 < sum(outcome.correct for outcome in judged) < len(judged)
    assert evaluation.n == len(judged)
    assert evaluation.pass_at_1 == pytest.approx(sum(outcome.correct for outcome in judged) / len(judged))
    assert evaluation.length == pytest.approx(sum(map(len, sampled.ids)) / 30)
    assert evaluation.errors["procedural"] is None  # the task does not recognize it
    assert evaluation.errors["strategic"] + evaluation.errors["format"] == pytest.approx(1 - evaluation.pass_at_1)
    assert sum(n for n, _ in evaluation.by_problem) == evaluation.n
    assert sum(right for _, right in evaluation.by_problem) / evaluation.n == pytest.approx(evaluation.pass_at_1)
    assert evaluation.n_problems == 4
    assert task.asked == [f"p{number % 4}" for number in range(30)]


def test_entropies_and_share_are_by_kind_of_token(policy):
    evaluation = evaluate(policy, Vowels(), lexicon(), 24, seed=4)
    sampled = policy.sample(PROBLEMS, 24, 4)
    sums = {True: [], False: []}
    for text, ids, values in zip(sampled.texts, sampled.ids, policy.entropies(sampled), strict=True):
        spans = find_spans(text, lexicon())
        start = 0
        for count, value in enumerate(values.tolist(), 1):
            end = len(tokenizer().decode(ids[:count], skip_special_tokens=True))
            solid = [at for at in range(start, end) if not text[at].isspace()]
            sums[any(span.start <= at < span.end for span in spans for at in solid)].append(value)
            start = end
    n = len(sums[True]) + len(sums[False])
    assert evaluation.planning_share == pytest.approx(len(sums[True]) / n)
    assert 0 < evaluation.planning_share < 1
    assert evaluation.planning_entropy == pytest.approx(sum(sums[True]) / len(sums[True]), rel=1e-5)
    assert evaluation.execution_entropy == pytest.approx(sum(sums[False]) / len(sums[False]), rel=1e-5)
    assert evaluation.semantic_entropy > 0


def test_without_a_lexicon_or_kinds_of_errors_nothing_is_said_of_them(policy):
    evaluation = evaluate(policy, Vowels(kinds=()), None, 12)
    assert evaluation.errors == UNKNOWN
    assert (
        evaluation.planning_entropy
        is evaluation.execution_entropy
        is evaluation.planning_share
        is evaluation.semantic_entropy
        is None
    )


def test_what_nobody_can_judge_has_no_success(policy):
    class Nobody(Vowels):
        def judge(self, problems, responses):
            return [TaskOutcome(None, None)] * len(responses)

    evaluation = evaluate(policy, Nobody(), None, 4)
    assert (evaluation.n, evaluation.pass_at_1, evaluation.errors, evaluation.by_problem) == (0, None, UNKNOWN, ())


def test_an_evaluation_is_read_back_as_it_was(policy):
    evaluation = evaluate(policy, Vowels(), lexicon(), 9)
    assert PolicyEvaluation.from_json(json.loads(json.dumps(evaluation.to_json()))) == evaluation


def test_messages_go_through_the_chat_template():
    class Chat:
        chat_template = "{{ messages }}"

        def apply_chat_template(self, messages, add_generation_prompt, tokenize):
            assert add_generation_prompt
            assert tokenize
            return {"input_ids": [len(messages), 7]}

    policy = Policy(None, Chat(), max_tokens=1, temperature=1.0, eos_ids=[0])
    assert policy.prompt_ids(Problem("a", ({"role": "user", "content": "How many?"},))) == [1, 7]


def test_a_policy_that_ends_at_once_stops_the_run_before_it_trains():
    class Silent(torch.nn.Module):
        """Every distribution is sure of the end of text."""

        def __init__(self, config):
            super().__init__()
            self.config, self.weight = config, torch.nn.Parameter(torch.zeros(1))
            self.device = self.weight.device

        def forward(self, input_ids, past_key_values=None, **_):
            logits = torch.zeros(*input_ids.shape, len(tokenizer()))
            logits[..., tokenizer().eos_token_id] = 1e4
            return SimpleNamespace(logits=logits)

    task = SimpleNamespace(problems=lambda split: PROBLEMS)
    settings = {"max_tokens": 8, "temperature": 1.0, "eos_ids": [tokenizer().eos_token_id]}
    with pytest.raises(UsageError) as raised:
        setup.check_start(Policy(Silent(model().config), tokenizer(), **settings), task)
    assert str(raised.value) == (
        "16 of 16 responses of the starting policy are empty or one token, so that nothing can be learned; the prompt "
        f"of problem p0 ends with {PROMPTS[0]!r}; if this is a chat model, take a tokenizer with its chat template; "
        "else end prompts as the model expects; or try another --model, or --max-tokens above 8"
    )
    state = torch.random.get_rng_state()
    setup.check_start(Policy(model(), tokenizer(), **settings), task)  # random words are words
    assert torch.equal(torch.random.get_rng_state(), state), "training draws the same numbers as without the check"
