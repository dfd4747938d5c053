"""Memory and time of a run, estimated by trying a small part of one step."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from trl.kernels.chunked_logprob import TOKEN_CHUNK_SIZE
from trl.trainer.utils import _CHUNKED_LOGPROB_CHUNK_SIZE

from sgram.lexicon import Lexicon, SentenceScorer
from sgram.training.credit.registry import find_method
from sgram.training.experiments.evaluate import forward_tokens, sampled_rows
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
    """Bytes on a CPU: libraries, weights, Adam's moments, a reference model, and the largest of sampling, an update
    (activations and logits of one micro-batch, gradients) and measuring."""
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
    n_tried_tokens = min(config.token_limit, _TRIED_TOKENS)
    problems = task.problems("train")
    prompts = [policy.prompt_ids(problems[row % len(problems)]) for row in range(n_tried_rows)]
    scale = config.token_limit / n_tried_tokens * n_rows / n_tried_rows
    started = time.perf_counter()
    # eos_ids=[-1]: no token ends a response, because the bound is for the longest one
    sample_rows(model, prompts, max_new_tokens=n_tried_tokens, eos_ids=[-1], pad_id=tokenizer.pad_token_id)
    sampling_seconds = (time.perf_counter() - started) * scale
    width = max(map(len, prompts))
    ids = torch.zeros((n_tried_rows, width + n_tried_tokens), dtype=torch.long, device=model.device)
    started = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    tried_seconds = time.perf_counter() - started
    longest = width + config.token_limit
    update_seconds = tried_seconds * n_rows / n_tried_rows * longest / (width + n_tried_tokens)
    model.zero_grad(set_to_none=True)
    return RunCost(
        parameters=n_weights,
        memory=_memory_bytes(config, model, n_weights, width),
        tokens_per_step=n_rows * config.token_limit,
        seconds_per_step=sampling_seconds + update_seconds * config.iterations,
    )


@dataclass(frozen=True, slots=True)
class _ModelShape:
    """Sizes of a model that its memory depends on."""

    layers: int
    hidden: int
    inner: int
    keys: int
    """Numbers in the keys of one token and layer."""
    vocab: int

    @classmethod
    def of(cls, model: Any) -> "_ModelShape":
        config = model.config.get_text_config()
        head_size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        n_heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        return cls(
            layers=config.num_hidden_layers,
            hidden=config.hidden_size,
            inner=getattr(config, "intermediate_size", None) or 4 * config.hidden_size,
            keys=n_heads * head_size,
            vocab=config.vocab_size,
        )

    def sampling_bytes(self, n_rows: int, width: int, longest: int) -> int:
        """Return the bytes of sampling: the cache of keys and values, the prompts' pass, and copies of the logits."""
        cache = 2 * self.layers * n_rows * longest * self.keys
        prompts = n_rows * width * (_PASS_HIDDEN * self.hidden + _PASS_INNER * self.inner)
        return _FLOAT * (cache + max(prompts, _SAMPLING_LOGITS * n_rows * self.vocab))

    def update_bytes(self, n_rows: int, longest: int) -> int:
        """Return the bytes of one forward and backward pass, without gradients of weights.

        TRL computes log-probabilities of all positions in tiles, and the gradient of the head in a tensor of its own.
        """
        n_tokens = n_rows * longest
        activations = self.layers * n_tokens * (_SAVED_HIDDEN * self.hidden + _SAVED_INNER * self.inner)
        tile = min(n_tokens, TOKEN_CHUNK_SIZE) * min(self.vocab, _CHUNKED_LOGPROB_CHUNK_SIZE)
        return _FLOAT * (activations + _TILE_COPIES * tile + self.vocab * self.hidden)


_FLOAT = 4
"""Bytes of a number: weights, gradients and logits are float32, also in a run with bf16."""
LIBRARIES = 900 << 20
"""Bytes of a process that has loaded PyTorch, TRL and what they load, with a tiny model (benchmarks/README.md)."""
_SAVED_HIDDEN, _SAVED_INNER = 11, 4
"""Vectors that one layer keeps for the backward pass: of the size of its output, and of its inner one."""
_PASS_HIDDEN, _PASS_INNER = 6, 3
"""Vectors that one layer needs while it computes its output."""
_TILE_COPIES = 6
"""Copies of a tile of logits in TRL's backward pass without Triton: the tile, its scaled form, probabilities, ..."""
_SAMPLING_LOGITS, _ENTROPY_LOGITS = 4, 4
"""Copies of the logits while a token is drawn, and while entropies are computed."""


def _memory_bytes(config: RunConfig, model: Any, n_weights: int, width: int) -> int:
    """Return the peak of a run: what stays all the time, and the largest of what comes after another.

    `width` is the number of tokens of the longest prompt.
    """
    shape = _ModelShape.of(model)
    longest = width + config.token_limit
    n_rows = config.prompts * config.samples
    n_trained = _count_adapter_weights(model, config.lora_rank) if config.lora_rank else n_weights
    gradients = _FLOAT * n_trained
    update = shape.update_bytes(n_rows // config.accumulation, longest)
    # the backward pass frees activations while it makes gradients, unless those of an earlier part are there
    update = update + gradients if config.accumulation > 1 else max(update, gradients)
    n_measured_rows = min(config.eval_samples, sampled_rows(config.token_limit))
    stages = [
        shape.sampling_bytes(n_rows, width, longest),
        shape.sampling_bytes(n_measured_rows, width, longest),
        update,
    ]
    if config.lexicon != "task" or config.task == "testbed":
        stages.append(_FLOAT * _ENTROPY_LOGITS * forward_tokens(shape.vocab, longest) * shape.vocab)
    has_reference = config.beta > 0 and not config.lora_rank
    weights = _FLOAT * ((2 if has_reference else 1) * n_weights + (n_trained if config.lora_rank else 0))
    optimizer = 2 * _FLOAT * n_trained
    return int(LIBRARIES + weights + optimizer + max(stages))


def _count_adapter_weights(model: Any, rank: int) -> int:
    """Return the number of weights of adapters on all linear layers but the head."""
    head = model.get_output_embeddings()
    return sum(
        rank * (module.in_features + module.out_features)
        for module in model.modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    )
