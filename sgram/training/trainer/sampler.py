"""Sampling that drops a row from the batch when it has ended.

`generate` computes every row until the longest one ends. Here a finished row leaves the batch and the cache. For small
models on a CPU, where most rows are short, this saves most of the time of a step.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch

from sgram.training.models import cache_argument

Draw: TypeAlias = Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]
"""(logits (B, V), numbers of their prompts (B,), position in the responses) -> (B,) token ids."""
SHRINK = 0.8
"""The batch is shrunk when at most this fraction of its rows still runs; shrinking copies the cache."""


@torch.no_grad()
def sample_rows(
    model: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    eos_ids: Sequence[int],
    pad_id: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    generator: torch.Generator | None = None,
    draw: Draw | None = None,
) -> list[list[int]]:
    """Sample one response to each prompt; prompts and responses are token ids. Temperature 0 takes the likeliest token.

    A response ends with the first of `eos_ids`, which it includes, or after `max_new_tokens`. Random numbers come from
    `generator`, by default torch's own, one for each row that still runs. `draw` takes the place of all of that.
    """
    from sgram.training.trainer.preallocated_cache import make_cache

    device = next(model.parameters()).device
    width = max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (width - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    attention_mask = torch.tensor(
        [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=device
    )
    ends = torch.tensor(list(eos_ids), device=device)
    responses = torch.full((len(ids), max_new_tokens), pad_id, device=device)
    lengths = torch.full((len(ids),), max_new_tokens, device=device)
    rows = torch.arange(len(ids), device=device)
    is_running = torch.ones(len(ids), dtype=torch.bool, device=device)
    model_config: Any = model.config
    cache, position_ids = make_cache(model_config, width + max_new_tokens), attention_mask.cumsum(1).sub(1).clamp(min=0)
    for position in range(max_new_tokens):
        forward = model(
            input_ids=ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            **cache_argument(model, cache),
            use_cache=True,
            logits_to_keep=1,
        )
        logits = forward.logits[:, -1]
        tokens = (
            draw_tokens(logits, temperature, top_p, top_k, generator) if draw is None else draw(logits, rows, position)
        )
        responses[rows[is_running], position] = tokens[is_running]
        is_ended = is_running & torch.isin(tokens, ends)
        lengths[rows[is_ended]] = position + 1
        is_running &= ~is_ended
        n_running = int(is_running.sum())
        if not n_running:
            break
        attention_mask = torch.cat((attention_mask, attention_mask.new_ones(len(attention_mask), 1)), 1)
        position_ids, ids = position_ids[:, -1:] + 1, tokens[:, None]
        if n_running <= SHRINK * len(rows):
            running_rows = is_running.nonzero()[:, 0]
            cache.batch_select_indices(running_rows)
            ids, attention_mask = ids[running_rows], attention_mask[running_rows]
            position_ids, rows = position_ids[running_rows], rows[running_rows]
            is_running = torch.ones(n_running, dtype=torch.bool, device=device)
    return [response[:length] for response, length in zip(responses.tolist(), lengths.tolist(), strict=True)]


def draw_tokens(
    logits: torch.Tensor, temperature: float, top_p: float, top_k: int, generator: torch.Generator | None
) -> torch.Tensor:
    """Return (B,) one token id a row of `logits`, (B, V). `top_k` 0 and `top_p` 1 restrict nothing.

    A row takes one random number; ``torch.multinomial`` draws one for each token of the vocabulary, which takes a
    quarter of the time of sampling from a tiny model.
    """
    if temperature == 0:
        return logits.argmax(-1)
    dtype = torch.float32 if logits.device.type == "mps" else torch.float64  # Apple's GPUs have no float64
    sums = restrict_logits(logits, temperature, top_p, top_k).softmax(-1).cumsum(-1, dtype=dtype)  # (B, V)
    total = sums[:, -1:]
    drawn = total * torch.rand(len(sums), 1, generator=generator, dtype=dtype, device=sums.device)
    drawn = drawn.minimum(total.nextafter(torch.zeros_like(total)))  # the product may be rounded up to the total
    return torch.searchsorted(sums, drawn, right=True)[:, 0]  # the first sum above: a share of 0 is never drawn


def restrict_logits(logits: torch.Tensor, temperature: float, top_p: float, top_k: int) -> torch.Tensor:
    """Return (B, V) float32 `logits` divided by a `temperature` > 0; tokens that are never drawn have minus infinity.

    >>> restrict_logits(torch.tensor([[0.0, 2.0, 1.0]]), temperature=2.0, top_p=1.0, top_k=2)
    tensor([[  -inf, 1.0000, 0.5000]])
    """
    logits = logits.float() / temperature
    if top_k and top_k < logits.shape[-1]:
        smallest = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < smallest, -torch.inf)
    if top_p < 1:
        ordered, order = logits.sort(descending=True)
        shares = ordered.softmax(-1)
        is_beyond = shares.cumsum(-1) - shares >= top_p  # the token that reaches top_p stays
        logits = logits.masked_fill(is_beyond.scatter(-1, order, is_beyond), -torch.inf)
    return logits
