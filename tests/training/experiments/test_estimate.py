"""What a run would take: bounds that grow with what is asked, and the refusals of the run itself."""

import pytest

from sgram.errors import InputError, SgramError, UsageError
from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
from sgram.testbed.warmup import make_model
from sgram.training.experiments.estimate import estimate_run_cost
from sgram.training.experiments.run_config import RunConfig

SMALL = {"prompts": 2, "samples": 2, "max_tokens": 8}


def test_an_estimate_counts_weights_and_tokens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cost = estimate_run_cost(RunConfig(**SMALL))
    model = make_model(make_tokenizer(TestbedConfig()), WarmUpConfig())
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert cost.tokens_per_step == 2 * 2 * 8
    # weights, gradients and Adam's two moments take 16 bytes a weight; the rest comes on top
    assert cost.memory > 16 * cost.parameters
    assert cost.seconds_per_step > 0
    assert list(tmp_path.iterdir()) == []


def test_more_responses_take_more_memory_and_adapters_less():
    small = estimate_run_cost(RunConfig(**SMALL)).memory
    assert estimate_run_cost(RunConfig(**{**SMALL, "prompts": 8})).memory > small
    assert estimate_run_cost(RunConfig(**SMALL, lora_rank=4)).memory < small


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"method": "hcira"}, UsageError, "did you mean hicra"),
        ({"lexicon": "no/such.json"}, SgramError, "such.json"),
        ({"task": "no/such.jsonl", "model": "smollm2"}, InputError, "such.jsonl"),
    ],
)
def test_what_the_run_would_be_refused_for_is_refused(settings, error, message):
    with pytest.raises(error, match=message):
        estimate_run_cost(RunConfig(**SMALL, **settings))


def test_the_tiny_model_knows_its_own_task_only(tmp_path):
    problems = tmp_path / "problems.jsonl"
    problems.write_text("".join(f'{{"problem": "{n}+1", "answer": "{n + 1}"}}\n' for n in range(20)))
    with pytest.raises(UsageError, match="name a --model for the task"):
        estimate_run_cost(RunConfig(**SMALL, task=str(problems)))
