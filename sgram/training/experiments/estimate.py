"""Memory and time of a run, estimated by trying a small part of one step."""

import time
from dataclasses import dataclass
from typing import Any

import torch

from sgram.lexicon import Lexicon, SentenceScorer
from sgram.training.credit.registry import find_method
from sgram.training.experiments.run_config import RunConfig
from sgram.training.experiments.setup import (
    check_testbed,
    compute_device,
    load_start_model,
    make_policy,
    open_task,
    quiet_libraries,
)
from sgram.training.tasks.task import Task
from sgram.training.trainer.sampler import sample_rows

_SMALL = 20_000_000
"""Number of weights below which a whole batch is tried; a larger model is tried on `_FEW_ROWS`."""
_FEW_ROWS = 2
_TRIED_TOKENS = 16


@dataclass(frozen=True, slots=True)
class RunCost:
    """Upper bounds of what a run needs; responses that end early need less."""

    parameters: int | None
    memory: int | None
    """Bytes: weights, gradients, Adam's moments, the cache of sampling and the activations of one micro-batch."""
    tokens_per_step: int | None
    """Response tokens of a step if every response has `max_tokens`."""
    seconds_per_step: float | None


def estimate_run_cost(config: RunConfig) -> RunCost:
    """Return the cost of a run by trying part of a step with weights of the right shape.

    Nothing is trained or written. Raise the errors that the run itself would raise, such as `UsageError` for an unknown
    method, or the error of a lexicon that cannot be read.
    """
    find_method(config.method)
    if config.lexicon not in ("task", "mined"):
        Lexicon.load(config.lexicon)
    if config.uses_scorer:
        SentenceScorer.load(config.scorer)
    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with quiet_libraries(), open_task(config) as task:
            model, tokenizer = _make_model(config, task)
            return _measure_cost(config, model, tokenizer, task)
    finally:
        torch.set_num_threads(threads)


def _make_model(config: RunConfig, task: Task) -> tuple[Any, Any]:
    """Return (model, tokenizer); the tiny model is not warmed up for this."""
    if config.model != "testbed":
        return load_start_model(config, task, lambda row: None)
    from sgram.testbed import make_tokenizer
    from sgram.testbed.families import default_warm_up
    from sgram.testbed.warmup import make_model

    testbed = check_testbed(task, config)
    tokenizer = make_tokenizer(testbed.config)
    model: Any = make_model(tokenizer, default_warm_up(testbed.config))
    return model.to(compute_device()), tokenizer


def _measure_cost(config: RunConfig, model: Any, tokenizer: Any, task: Task) -> RunCost:
    policy = make_policy(model, tokenizer, config)
    n_weights = sum(parameter.numel() for parameter in model.parameters())
    n_rows = config.prompts * config.samples
    n_tried_rows = n_rows if n_weights < _SMALL else min(n_rows, _FEW_ROWS)
    n_tried_tokens = min(config.max_tokens, _TRIED_TOKENS)
    problems = task.problems("train")
    prompts = [policy.prompt_ids(problems[row % len(problems)]) for row in range(n_tried_rows)]
    scale = config.max_tokens / n_tried_tokens * n_rows / n_tried_rows
    started = time.perf_counter()
    # eos_ids=[-1]: no token ends a response, because the bound is for the longest one
    sample_rows(model, prompts, max_new_tokens=n_tried_tokens, eos_ids=[-1], pad_id=tokenizer.pad_token_id)
    sampling_seconds = (time.perf_counter() - started) * scale
    width = max(map(len, prompts))
    ids = torch.zeros((n_tried_rows, width + n_tried_tokens), dtype=torch.long, device=model.device)
    started = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    tried_seconds = time.perf_counter() - started
    longest = width + config.max_tokens
    update_seconds = tried_seconds * n_rows / n_tried_rows * longest / (width + n_tried_tokens)
    model.zero_grad(set_to_none=True)
    return RunCost(
        parameters=n_weights,
        memory=_memory_bytes(config, model, n_weights, longest),
        tokens_per_step=n_rows * config.max_tokens,
        seconds_per_step=sampling_seconds + update_seconds * config.iterations,
    )


def _memory_bytes(config: RunConfig, model: Any, n_weights: int, longest: int) -> int:
    text_config = model.config.get_text_config()
    head_size = getattr(text_config, "head_dim", None) or text_config.hidden_size // text_config.num_attention_heads
    n_heads = getattr(text_config, "num_key_value_heads", None) or text_config.num_attention_heads
    n_rows = config.prompts * config.samples
    cache_bytes = 2 * text_config.num_hidden_layers * n_rows * longest * n_heads * head_size * 4
    inner_size = getattr(text_config, "intermediate_size", None) or 4 * text_config.hidden_size
    token_bytes = text_config.num_hidden_layers * (10 * text_config.hidden_size + 3 * inner_size) * 4
    activation_bytes = n_rows // config.accumulation * longest * token_bytes
    n_trained = n_weights if not config.lora_rank else n_weights // 50
    return int(4 * n_weights + 12 * n_trained + max(cache_bytes, activation_bytes))
