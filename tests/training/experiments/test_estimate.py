"""What a run would take: bounds that grow with what is asked, and the refusals of the run itself."""

from dataclasses import replace

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sgram.errors import InputError, SgramError, UsageError
from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
from sgram.testbed.warmup import make_model
from sgram.training.experiments.estimate import LIBRARIES, _memory_bytes, _ModelShape, estimate_run_cost
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
    assert estimate_run_cost(RunConfig(**{**SMALL, "prompts": 64, "max_tokens": 112})).memory > small > LIBRARIES
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


def test_memory_counts_logits_by_rows_tokens_and_vocabulary():
    def update(vocab, n_rows, longest=18):
        config = LlamaConfig(
            vocab_size=vocab, hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=2
        )
        with torch.device("meta"):
            return _ModelShape.of(LlamaForCausalLM(config)).update_bytes(n_rows, longest)

    # 19,000 more ids: 4 bytes x (6 copies x 4 rows x 18 tokens x 19,000 logits + 19,000 x 64 gradients of the head)
    assert update(20_000, 4) - update(1000, 4) == 4 * (6 * 4 * 18 * 19_000 + 19_000 * 64)
    # one more row: 4 bytes x 18 tokens x (6 x 1000 logits + 2 layers x (11 x 64 + 4 x 176))
    assert update(1000, 5) - update(1000, 4) == 4 * 18 * (6 * 1000 + 2 * (11 * 64 + 4 * 176))
    # TRL's tiles have at most 4,096 tokens of 32,768 ids: from there on only activations and the head's gradient grow
    assert update(50_000, 400) - update(40_000, 400) == 4 * 10_000 * 64


def test_parts_of_a_step_take_less_memory_than_the_whole():
    config = RunConfig(prompts=32, eval_samples=16)
    model = make_model(make_tokenizer(TestbedConfig()), WarmUpConfig())
    whole, parts = (_memory_bytes(replace(config, accumulation=n), model, 500_000, width=40) for n in (1, 8))
    assert LIBRARIES < parts < whole
