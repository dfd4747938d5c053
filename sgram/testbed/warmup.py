"""Supervised warm-up of a tiny policy on the solver's responses.

A Llama of some hundred thousand weights learns to write responses as the solver does, and so to solve about a fifth of
the problems: enough for rewards to show which of its plans are good. The schedule counts steps, never seconds, and all
draws come from generators with a seed of their own: the same settings give the same weights, bit by bit, on one
machine, with any number of threads.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sgram.errors import SgramError
from sgram.testbed.families import family_of
from sgram.testbed.problems import AnyConfig, problems_in_split
from sgram.testbed.tokenizer import make_tokenizer
from sgram.testbed.warmup_config import HEAD_WIDTH, WarmUpConfig

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

POOL_BATCHES = 32
"""Batches drawn together, and sorted by length if the family says so."""
CONSTANT_SHARE = 0.6
"""Share of the steps at the full learning rate; then it falls to `FINAL_SCALE` of itself."""
FINAL_SCALE = 0.05
MAX_GRADIENT_NORM = 1.0


class TokenRow(NamedTuple):
    """An example as token ids."""

    ids: list[int]
    """Of the prompt, the text behind it and the end token."""
    n_prompt: int
    last_word: Mapping[int, float] | None = None
    """Shares of the tokens that may stand before the end token; None: the token that does."""
    weights: Mapping[int, float] | None = None
    """Weight of tokens in the loss; the other tokens have 1."""


OnStep = Callable[[Mapping[str, Any]], None]
"""Is called after each step with its number, the number of steps, the loss and the scale of the learning rate."""


def make_model(tokenizer: "PreTrainedTokenizerFast", config: WarmUpConfig) -> "LlamaForCausalLM":
    """Return a Llama with first weights drawn by the seed. The state of torch's global generator is restored."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        intermediate_size=config.width * 11 // 4 // HEAD_WIDTH * HEAD_WIDTH,
        num_attention_heads=config.width // HEAD_WIDTH,
        num_key_value_heads=config.width // HEAD_WIDTH,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
        initializer_range=0.02,
        dtype="float32",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return LlamaForCausalLM(shape)


def draw_batches(
    testbed: AnyConfig, config: WarmUpConfig, tokenizer: "PreTrainedTokenizerFast", stage: int = 0
) -> Iterator[list[TokenRow]]:
    """Yield batches of a `stage` of the warm-up without end."""
    problems = problems_in_split(testbed, "train")
    family = family_of(testbed)
    draw_example = family.stages(testbed, config)[stage].draw_example
    seeds = [config.seed, testbed.seed, 0x3A21]
    rng = np.random.default_rng([*seeds, stage] if stage else seeds)
    while True:
        indices = rng.integers(len(problems), size=POOL_BATCHES * config.batch)
        pool = [problems[int(index)] for index in indices]
        examples = [draw_example(problem, rng) for problem in pool]
        prompt_ids = tokenizer([example.prompt for example in examples])["input_ids"]
        text_ids = tokenizer([example.text for example in examples])["input_ids"]
        rows = [
            TokenRow(
                prompt + text + [tokenizer.eos_token_id],
                len(prompt),
                _word_ids(example.last_word, tokenizer),
                _word_ids(example.weights, tokenizer),
            )
            for example, prompt, text in zip(examples, prompt_ids, text_ids, strict=True)
        ]
        if family.batches_by_length:
            rows.sort(key=lambda row: len(row.ids))  # stable: rows of equal length stay in the order of the draw
        for batch in rng.permutation(POOL_BATCHES):
            yield rows[batch * config.batch : (batch + 1) * config.batch]


def _word_ids(shares: Mapping[str, float] | None, tokenizer: "PreTrainedTokenizerFast") -> Mapping[int, float] | None:
    """Return the numbers of words by token. Raise `SgramError` if a word is not one token."""
    if shares is None:
        return None
    ids = tokenizer(list(shares))["input_ids"]
    if any(len(word_ids) != 1 for word_ids in ids):
        raise SgramError(f"warm-up: every word of {list(shares)} must be one token; raise the vocabulary")
    return {word_ids[0]: share for word_ids, share in zip(ids, shares.values(), strict=True)}


def warm_up(
    testbed: AnyConfig,
    config: WarmUpConfig = WarmUpConfig(),  # noqa: B008  frozen
    *,
    on_step: OnStep | None = None,
    device: str = "cpu",
) -> "LlamaForCausalLM":
    """Return the policy after all stages of the warm-up, in fp32 and eval mode.

    The first stage has `config.steps` steps; the family of `testbed` may have further ones.

    Raise `SgramError` if a loss is not finite.
    """
    with _one_thread():
        return _train(testbed, config, on_step, device)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch use one thread: sums then do not depend on the threads, and so small a model is hardly slower."""
    import torch

    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def _train(testbed: AnyConfig, config: WarmUpConfig, on_step: OnStep | None, device: str) -> "LlamaForCausalLM":
    import torch

    tokenizer = make_tokenizer(testbed, config.vocabulary)
    model = make_model(tokenizer, config)
    model.to(torch.device(device))  # type: ignore[arg-type]  # transformers' wrapper hides the type of `self`
    model.train()
    matrices = [weights for weights in model.model.layers.parameters() if weights.ndim == 2]
    matrix_ids = set(map(id, matrices))
    other_weights = [weights for weights in model.parameters() if id(weights) not in matrix_ids]
    optimizers = [
        torch.optim.Muon(matrices, lr=config.matrix_rate, momentum=0.95, weight_decay=0.0, ns_steps=4),
        torch.optim.AdamW(other_weights, lr=config.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    family = family_of(testbed)
    stages = family.stages(testbed, config)
    n_steps, done = sum(stage.steps for stage in stages), 0
    for number, stage in enumerate(stages):
        batches = draw_batches(testbed, config, tokenizer, number)
        for stage_step, rows in zip(range(stage.steps), batches, strict=False):
            step, scale = done + stage_step, stage.rate * _rate_scale(stage_step, stage.steps)
            for optimizer, rate in zip(optimizers, rates, strict=True):
                optimizer.param_groups[0]["lr"] = rate * scale
            loss = response_loss(model, rows, tokenizer.pad_token_id, family.rows_a_pass)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            if not torch.isfinite(norm):
                raise SgramError(f"warm-up: the loss is not finite at step {step}; lower the learning rates")
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            if on_step is not None:
                on_step({"step": step, "steps": n_steps, "loss": loss.item(), "rate": scale})
        done += stage.steps
    model.eval()
    return model


def _rate_scale(step: int, steps: int) -> float:
    """Return the factor of the learning rate at `step`: 1, then linearly down to `FINAL_SCALE` at the last step."""
    fallen = max(0.0, (step + 1) / steps - CONSTANT_SHARE) / (1 - CONSTANT_SHARE)
    return 1 - (1 - FINAL_SCALE) * fallen


def response_loss(
    model: "LlamaForCausalLM", rows: list[TokenRow], pad_id: int, rows_a_pass: int | None = None
) -> "torch.Tensor":
    """Return the weighted mean cross-entropy, in nats, of the tokens of the responses. Rows are padded on the right.

    With `rows_a_pass`, rows of similar length go through the model together, at most so many, so that fewer tokens are
    padding; the loss is the same up to rounding. The cross-entropy of a last word with shares is against them; it is
    not 0 where they are met.
    """
    import torch

    if rows_a_pass is not None:
        rows = sorted(rows, key=lambda row: len(row.ids))
    size = rows_a_pass or len(rows)
    passes = [_response_logits(model, rows[first : first + size], pad_id) for first in range(0, len(rows), size)]
    logits, targets = (torch.cat(parts) if len(parts) > 1 else parts[0] for parts in zip(*passes, strict=True))
    if all(row.last_word is None and row.weights is None for row in rows):
        return torch.nn.functional.cross_entropy(logits, targets)
    shares = torch.nn.functional.one_hot(targets, logits.shape[1]).to(logits.dtype)  # (N, V)
    weights = torch.ones(len(targets), device=model.device)
    end = 0
    for row in rows:
        start, end = end, end + len(row.ids) - row.n_prompt
        for token_id, weight in (row.weights or {}).items():
            weights[start:end][targets[start:end] == token_id] = weight
        if row.last_word is not None:
            shares[end - 2] = 0
            shares[end - 2, list(row.last_word)] = torch.tensor(list(row.last_word.values()), device=model.device)
    return (torch.nn.functional.cross_entropy(logits, shares, reduction="none") * weights).sum() / weights.sum()


def _response_logits(
    model: "LlamaForCausalLM", rows: list[TokenRow], pad_id: int
) -> tuple["torch.Tensor", "torch.Tensor"]:
    """Return (N, V) logits before the tokens of the responses, row by row, and these tokens, (N,)."""
    import torch

    longest = max(len(row.ids) for row in rows)
    padded = torch.tensor([row.ids + [pad_id] * (longest - len(row.ids)) for row in rows])  # (B, T)
    is_response = torch.zeros(padded.shape, dtype=torch.bool)  # (B, T)
    for index, row in enumerate(rows):
        is_response[index, row.n_prompt : len(row.ids)] = True
    padded, is_response = padded.to(model.device), is_response.to(model.device)
    hidden = model.model(input_ids=padded, use_cache=False).last_hidden_state  # (B, T, D)
    return model.lm_head(hidden[:, :-1][is_response[:, 1:]]), padded[:, 1:][is_response[:, 1:]]
