"""Log-probabilities and entropies of traces under a local model, in bounded memory. Knows nothing about files.

A sequence goes through the model in windows, with a cache of keys and values between them, so that logits of a window
only are ever held: (rows, window, V). Rows are padded on the right; a causal model's real tokens never see what stands
after them. Entropies are those of the whole distribution at temperature 1, in nats.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.traces import Trace
from sgram.training.models import LoadedModel
from sgram.training.trainer.rollouts import DIGITS

LOGIT_BYTES = 1 << 28
"""Memory for the logits of one window and what is made of them."""
_COPIES = 4
"""Logits as the model gives them, in float32, as log-probabilities, and times probabilities."""
_BATCH_TOKENS = 8192
"""Tokens, padding included, whose keys and values are held for one batch of short sequences."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How traces are scored."""

    max_length: int | None = None
    """Longest prompt and response, in tokens, that are scored; None: what the model's positions allow."""
    chat: bool = False
    """Put the prompt through the tokenizer's chat template, as a user's message; else it is taken as it stands."""
    window: int | None = None
    """Tokens of a row that go through the model at once; None: as many as `LOGIT_BYTES` allow."""

    def __post_init__(self) -> None:
        for name in ("max_length", "window"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is a number of tokens from 1, not {value}")


@dataclass(frozen=True, slots=True)
class Encoded:
    """One trace as the model sees it."""

    context: tuple[int, ...]
    """The prompt, or what begins a text; at least one token."""
    ids: tuple[int, ...]
    """The response."""

    @property
    def length(self) -> int:
        """Tokens in all."""
        return len(self.context) + len(self.ids)


def encode(trace: Trace, tokenizer: Any, scoring: Scoring) -> Encoded:
    """`trace` as token ids: its own where it has them, the prompt before them; `InputError` for ids there are not."""
    ids = trace.token_ids
    if ids is None:
        ids = tokenizer(trace.text, add_special_tokens=False)["input_ids"]
    elif len(ids) and max(ids) >= len(tokenizer):
        raise InputError(
            f"trace '{excerpt(trace.id)}' holds the token id {max(ids)}, but the model's tokenizer has "
            f"{len(tokenizer):,} ids; name the model that wrote the traces"
        )
    context: list[int] = []
    if trace.prompt and scoring.chat:
        messages = [{"role": "user", "content": trace.prompt}]
        context = _template(tokenizer, messages)
    elif trace.prompt:
        context = list(tokenizer(trace.prompt)["input_ids"])
    if not context:  # the first token needs something to follow
        begin = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        context = [begin]
    return Encoded(tuple(context), tuple(ids))


def _template(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    try:
        found = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
    except ValueError as error:
        raise UsageError(
            f"this model's tokenizer has no chat template; leave out --chat ({excerpt(str(error))})"
        ) from error
    return list(found if isinstance(found, list) else found["input_ids"])


def longest(loaded: LoadedModel, scoring: Scoring) -> int:
    """Tokens of the longest sequence that is scored."""
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None) or 1 << 31
    return limit if scoring.max_length is None else min(limit, scoring.max_length)


def score_traces(traces: Sequence[Trace], loaded: LoadedModel, scoring: Scoring | None = None) -> list[Trace]:
    """The `traces` with `token_ids`, `logprobs` and `entropies` by the model, in their order.

    Those that are too long come back as they are. Several short ones go through the model together.
    """
    scoring = scoring or Scoring()
    encoded = [encode(trace, loaded.tokenizer, scoring) for trace in traces]
    limit = longest(loaded, scoring)
    fitting = [place for place, each in enumerate(encoded) if each.length <= limit and each.ids]
    scored = list(traces)
    for batch in _batches(sorted(fitting, key=lambda place: (encoded[place].length, place)), encoded):
        found = _score([encoded[place] for place in batch], loaded.model, scoring.window)
        for place, (logprobs, entropies) in zip(batch, found, strict=True):
            scored[place] = replace(
                traces[place], token_ids=encoded[place].ids, logprobs=_rounded(logprobs), entropies=_rounded(entropies)
            )
    return scored


def _rounded(values: torch.Tensor) -> tuple[float, ...]:
    return tuple(round(value, DIGITS) + 0.0 for value in values.tolist())


def _batches(places: Sequence[int], encoded: Sequence[Encoded]) -> Iterator[list[int]]:
    """Runs of places, which go by length, so that padded they hold at most `_BATCH_TOKENS`; at least one each."""
    batch: list[int] = []
    for place in places:
        if batch and encoded[place].length * (len(batch) + 1) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def window_of(n_rows: int, vocabulary: int) -> int:
    """Tokens of each of `n_rows` rows whose logits may be held at once."""
    return max(1, LOGIT_BYTES // (4 * _COPIES * vocabulary * n_rows))


@torch.no_grad()
def _score(
    rows: Sequence[Encoded], model: torch.nn.Module, window: int | None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """(log-probabilities, entropies) of each row's response, float32 on the CPU."""
    from transformers import DynamicCache

    width = max(each.length for each in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    for place, each in enumerate(rows):
        ids[place, : each.length] = torch.tensor(each.context + each.ids)
    ids = ids.to(model.device)
    size = window or window_of(len(rows), model.get_output_embeddings().weight.shape[0])
    logprobs = torch.zeros((len(rows), width))
    entropies = torch.zeros((len(rows), width))  # [b, t]: of the distribution that token t is drawn from
    first_needed = min(len(each.context) for each in rows) - 1
    was_training = model.training
    model.eval()
    try:
        cache = DynamicCache(config=model.config)
        for start in range(0, width - 1, size):
            end = min(start + size, width - 1)
            kept = min(end - start, end - first_needed)  # of the prompt, no logits are needed
            logits = model(
                input_ids=ids[:, start:end],
                past_key_values=cache,
                use_cache=True,
                position_ids=torch.arange(start, end, device=ids.device)[None].expand(len(rows), -1),
                logits_to_keep=max(1, kept),
            ).logits  # (B, kept, V)
            if kept < 1:
                continue
            logps = logits.float().log_softmax(-1)
            targets = ids[:, end - kept + 1 : end + 1]
            logprobs[:, end - kept + 1 : end + 1] = logps.gather(-1, targets[..., None])[..., 0].cpu()
            entropies[:, end - kept + 1 : end + 1] = -(logps.exp() * logps).sum(-1).cpu()
            del logits, logps
    finally:
        model.train(was_training)
    return [
        (logprobs[place, len(each.context) : each.length], entropies[place, len(each.context) : each.length])
        for place, each in enumerate(rows)
    ]
