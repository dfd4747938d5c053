"""Sampling that stops paying for rows that have ended. Knows nothing about prompts, rewards or training.

`generate` computes every row until the longest ends. Here a finished row leaves the batch and the cache; for small
models on a CPU, where most rows are short, that is most of the time of a step.
"""

from collections.abc import Sequence

import torch

SHRINK = 0.8
"""The batch is made smaller when this part of it, or less, still runs: making it smaller copies the cache."""


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
) -> list[list[int]]:
    """One response to each prompt (token ids), sampled; temperature 0 takes the likeliest token.

    A response ends with the first of `eos_ids`, which it holds, or after `max_new_tokens`. Random numbers come from
    `generator`, by default torch's own, one for each row that still runs.
    """
    from transformers import DynamicCache

    device = next(model.parameters()).device
    width = max(map(len, prompts))
    ids = torch.tensor([[pad_id] * (width - len(row)) + list(row) for row in prompts], device=device)
    attended = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=device)
    ends = torch.tensor(list(eos_ids), device=device)
    found = torch.full((len(ids), max_new_tokens), pad_id, device=device)
    lengths = torch.full((len(ids),), max_new_tokens, device=device)
    rows = torch.arange(len(ids), device=device)
    running = torch.ones(len(ids), dtype=torch.bool, device=device)
    cache, positions = DynamicCache(config=model.config), attended.cumsum(1).sub(1).clamp(min=0)
    for place in range(max_new_tokens):
        output = model(
            input_ids=ids,
            attention_mask=attended,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        tokens = _drawn(output.logits[:, -1], temperature, top_p, top_k, generator)
        found[rows[running], place] = tokens[running]
        ended = running & torch.isin(tokens, ends)
        lengths[rows[ended]] = place + 1
        running &= ~ended
        left = int(running.sum())
        if not left:
            break
        attended = torch.cat((attended, attended.new_ones(len(attended), 1)), 1)
        positions, ids = positions[:, -1:] + 1, tokens[:, None]
        if left <= SHRINK * len(rows):
            kept = running.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            ids, attended, positions, rows = ids[kept], attended[kept], positions[kept], rows[kept]
            running = torch.ones(left, dtype=torch.bool, device=device)
    return [row[:size] for row, size in zip(found.tolist(), lengths.tolist(), strict=True)]


def _drawn(
    logits: torch.Tensor, temperature: float, top_p: float, top_k: int, generator: torch.Generator | None
) -> torch.Tensor:
    """One token a row of `logits`, (B, V)."""
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits.float() / temperature
    if top_k and top_k < logits.shape[-1]:
        least = logits.topk(top_k).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if top_p < 1:
        ordered, places = logits.sort(descending=True)
        shares = ordered.softmax(-1)
        beyond = shares.cumsum(-1) - shares >= top_p  # the token that reaches top_p is kept
        logits = logits.masked_fill(beyond.scatter(-1, places, beyond), -torch.inf)
    return torch.multinomial(logits.softmax(-1), 1, generator=generator)[:, 0]
