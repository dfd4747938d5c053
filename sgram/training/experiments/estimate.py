"""What a run would take, measured on a small part of one step. Knows nothing about results."""

import time
from dataclasses import dataclass
from typing import Any

import torch

from sgram.lexicon import Lexicon
from sgram.training.credit.registry import method
from sgram.training.experiments import setup as preparing
from sgram.training.experiments.run_config import RunConfig
from sgram.training.tasks.task import Task
from sgram.training.trainer.sampler import sample_rows

_SMALL = 20_000_000
"""Weights below which a whole batch is tried; a larger model is tried on `_FEW` rows."""
_FEW = 2
_TRIED_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Estimate:
    """Upper bounds: responses that end early take less."""

    parameters: int | None
    memory: int | None
    """Bytes: weights, gradients, Adam's moments, the cache of sampling and the activations of one micro-batch."""
    tokens_per_step: int | None
    """Response tokens of a step where none ends before `max_tokens`."""
    seconds_per_step: float | None


def estimate(config: RunConfig) -> Estimate:
    """Try a part of a step with weights of the right shape; nothing is trained and nothing written.

    What the run would be refused for is refused here: an unknown method, a lexicon that cannot be read.
    """
    method(config.method)
    if config.lexicon not in ("task", "mined"):
        Lexicon.load(config.lexicon)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with preparing.quietly(), preparing.opened_task(config) as task:
            model, tokenizer = _shaped(config, task)
            return _measured(config, model, tokenizer, task)
    finally:
        torch.set_num_threads(threads)


def _shaped(config: RunConfig, task: Task) -> tuple[Any, Any]:
    """(model, tokenizer); the tiny model is not warmed up for this."""
    if config.model != "testbed":
        return preparing.load_policy(config, task, lambda row: None)
    from sgram.testbed import WarmUpConfig, make_tokenizer
    from sgram.testbed.warmup import new_model

    preparing.check_testbed(task, config)
    tokenizer = make_tokenizer(task.config)
    return new_model(tokenizer, WarmUpConfig()).to(preparing.device()), tokenizer


def _measured(config: RunConfig, model: Any, tokenizer: Any, task: Task) -> Estimate:
    policy = preparing.policy_of(model, tokenizer, config)
    n_weights = sum(each.numel() for each in model.parameters())
    n_rows = config.prompts * config.samples
    rows = n_rows if n_weights < _SMALL else min(n_rows, _FEW)
    tokens = min(config.max_tokens, _TRIED_TOKENS)
    problems = task.problems("train")
    prompts = [policy.prompt_ids(problems[row % len(problems)]) for row in range(rows)]
    scale = config.max_tokens / tokens * n_rows / rows
    began = time.perf_counter()
    # no token ends a response here: the bound is for the longest
    sample_rows(model, prompts, max_new_tokens=tokens, eos_ids=[-1], pad_id=tokenizer.pad_token_id)
    sampling = (time.perf_counter() - began) * scale
    width = max(map(len, prompts))
    ids = torch.zeros((rows, width + tokens), dtype=torch.long, device=model.device)
    began = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    learning = (time.perf_counter() - began) * n_rows / rows * (width + config.max_tokens) / (width + tokens)
    model.zero_grad(set_to_none=True)
    seconds = sampling + learning * config.iterations
    longest = width + config.max_tokens
    return Estimate(n_weights, _memory(config, model, n_weights, longest), n_rows * config.max_tokens, seconds)


def _memory(config: RunConfig, model: Any, n_weights: int, longest: int) -> int:
    shape = model.config.get_text_config()
    head = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
    heads = getattr(shape, "num_key_value_heads", None) or shape.num_attention_heads
    n_rows = config.prompts * config.samples
    cache = 2 * shape.num_hidden_layers * n_rows * longest * heads * head * 4
    inner = getattr(shape, "intermediate_size", None) or 4 * shape.hidden_size
    per_token = shape.num_hidden_layers * (10 * shape.hidden_size + 3 * inner) * 4
    activations = n_rows // config.accumulation * longest * per_token
    trained = n_weights if not config.lora_rank else n_weights // 50
    return 4 * n_weights + 12 * trained + max(cache, activations)
