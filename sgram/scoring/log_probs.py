"""Log-probabilities and entropies of traces under a local model, in bounded memory.

A sequence goes through the model in windows, with a cache of keys and values between them, so that only the logits of
one window are in memory: (rows, window, V). Rows are padded on the right; a causal model's real tokens do not see what
comes after them. Entropies are those of the whole distribution at temperature 1, in nats.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from sgram.errors import InputError, UsageError
from sgram.files import excerpt
from sgram.traces import Trace
from sgram.training.models import LoadedModel, cache_argument
from sgram.training.trainer.rollouts import DIGITS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LOGIT_BYTES = 1 << 28
"""Memory for the logits of one window and what is computed from them."""
_LOGIT_COPIES = 4
"""Logits from the model, in float32, as log-probabilities, and times probabilities."""
_BATCH_TOKENS = 8192
"""Largest batch of short sequences in tokens, with padding; their keys and values are in memory together."""


@dataclass(frozen=True, slots=True)
class ScoringConfig:
    """How traces are scored. Raise `UsageError` if a number is < 1.

    >>> ScoringConfig(max_length=0)
    Traceback (most recent call last):
    sgram.errors.UsageError: max_length must be >= 1 (got 0)
    """

    max_length: int | None = None
    """Longest prompt and response, in tokens, that are scored together; None: what the model's positions allow."""
    chat: bool = False
    """Whether the prompt goes through the tokenizer's chat template as a user's message; else it is used unchanged."""
    window: int | None = None
    """Tokens of a row that go through the model at once; None: as many as `LOGIT_BYTES` allow."""

    def __post_init__(self) -> None:
        for name in ("max_length", "window"):
            n_tokens = getattr(self, name)
            if n_tokens is not None and n_tokens < 1:
                raise UsageError(f"{name} must be >= 1 (got {n_tokens})")


@dataclass(frozen=True, slots=True)
class EncodedTrace:
    """One trace as the model sees it.

    >>> EncodedTrace(context=(0, 5), ids=(7, 8, 9)).length
    5
    """

    context: tuple[int, ...]
    """Ids of the prompt, or the token that begins a text; at least one."""
    ids: tuple[int, ...]
    """Ids of the response."""

    @property
    def length(self) -> int:
        """Number of tokens of prompt and response."""
        return len(self.context) + len(self.ids)


def encode_trace(trace: Trace, tokenizer: Any, config: ScoringConfig) -> EncodedTrace:
    """Return `trace` as token ids: its own ids if it has them, after those of its prompt.

    Raise `InputError` if an id is out of range, `UsageError` if a chat template is needed and missing.

    >>> from sgram.testbed import TestbedConfig, make_tokenizer
    >>> tokenizer = make_tokenizer(TestbedConfig())
    >>> encoded = encode_trace(Trace(id="a", text="The answer is 3."), tokenizer, ScoringConfig())
    >>> tokenizer.decode(encoded.ids), len(encoded.context)
    ('The answer is 3.', 1)
    """
    ids = trace.token_ids
    if ids is None:
        ids = tokenizer(trace.text, add_special_tokens=False)["input_ids"]
    elif len(ids) and max(ids) >= len(tokenizer):
        raise InputError(
            f"trace '{excerpt(trace.id)}' has the token id {max(ids)}, but the model's tokenizer has "
            f"{len(tokenizer):,} ids; name the model that wrote the traces"
        )
    context: list[int] = []
    if trace.prompt and config.chat:
        context = _apply_chat_template(tokenizer, [{"role": "user", "content": trace.prompt}])
    elif trace.prompt:
        context = list(tokenizer(trace.prompt)["input_ids"])
    if not context:  # the first token of the response needs a token before it
        context = [tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id]
    return EncodedTrace(tuple(context), tuple(ids))


def _apply_chat_template(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    try:
        encoding = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=True)
    except ValueError as error:
        raise UsageError(
            f"this model's tokenizer has no chat template; leave out --chat ({excerpt(str(error))})"
        ) from error
    return list(encoding if isinstance(encoding, list) else encoding["input_ids"])


def max_sequence_length(loaded: LoadedModel, config: ScoringConfig) -> int:
    """Return the number of tokens of the longest sequence that is scored: the model's limit, or `config.max_length`."""
    limit = getattr(loaded.model.config.get_text_config(), "max_position_embeddings", None) or 1 << 31
    return int(limit if config.max_length is None else min(limit, config.max_length))


def score_traces(traces: Sequence[Trace], loaded: LoadedModel, config: ScoringConfig | None = None) -> list[Trace]:
    """Return `traces` with the model's `token_ids`, `logprobs` and `entropies`, in the same order.

    Traces that are too long or have no token are returned unchanged. Short traces go through the model in batches.
    Raise the errors of `encode_trace`.

    >>> from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
    >>> from sgram.testbed.warmup import make_model
    >>> tokenizer = make_tokenizer(TestbedConfig())
    >>> loaded = LoadedModel(make_model(tokenizer, WarmUpConfig()), tokenizer)
    >>> (scored,) = score_traces([Trace(id="a", text="The answer is 3.")], loaded)
    >>> len(scored.logprobs) == len(scored.entropies) == len(scored.token_ids)
    True
    """
    config = config or ScoringConfig()
    encoded = [encode_trace(trace, loaded.tokenizer, config) for trace in traces]
    limit = max_sequence_length(loaded, config)
    fitting = [row for row, sequence in enumerate(encoded) if sequence.length <= limit and sequence.ids]
    scored_traces = list(traces)
    for batch in _batches(sorted(fitting, key=lambda row: (encoded[row].length, row)), encoded):
        scores = _score_batch([encoded[row] for row in batch], loaded.model, config.window)
        for row, (logprobs, entropies) in zip(batch, scores, strict=True):
            scored_traces[row] = replace(
                traces[row], token_ids=encoded[row].ids, logprobs=_round(logprobs), entropies=_round(entropies)
            )
    return scored_traces


def score_sequence(
    sequence: EncodedTrace, model: "PreTrainedModel", window: int | None = None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (log-probabilities, entropies) of the response of one sequence, which goes through the model alone.

    Other sequences cannot change them: rounding in a batch depends on the batch.
    """
    ((logprobs, entropies),) = _score_batch([sequence], model, window)
    return _round(logprobs), _round(entropies)


def _round(numbers: torch.Tensor) -> tuple[float, ...]:
    return tuple(round(number, DIGITS) + 0.0 for number in numbers.tolist())


def _batches(rows: Sequence[int], encoded: Sequence[EncodedTrace]) -> Iterator[list[int]]:
    """Yield batches of `rows`, which are in order of length, of at most `_BATCH_TOKENS` with padding, or of one row."""
    batch: list[int] = []
    for row in rows:
        if batch and encoded[row].length * (len(batch) + 1) > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def window_size(n_rows: int, vocabulary_size: int) -> int:
    """Return how many tokens of each of `n_rows` rows can have their logits in memory at once; at least 1.

    >>> window_size(n_rows=1, vocabulary_size=1 << 20)
    16
    """
    return max(1, LOGIT_BYTES // (4 * _LOGIT_COPIES * vocabulary_size * n_rows))


def _vocabulary_size(model: "PreTrainedModel") -> int:
    """Return the number of logits of a token."""
    weight = model.get_output_embeddings().weight
    assert isinstance(weight, torch.Tensor)  # noqa: S101  a module's attribute can also be a module, for mypy
    return weight.shape[0]


@torch.no_grad()
def _score_batch(
    rows: Sequence[EncodedTrace], model: "PreTrainedModel", window: int | None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return (log-probabilities, entropies) of each row's response, float32 on the CPU."""
    from transformers import DynamicCache

    width = max(sequence.length for sequence in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    for row, sequence in enumerate(rows):
        ids[row, : sequence.length] = torch.tensor(sequence.context + sequence.ids)
    ids = ids.to(model.device)
    size = window or window_size(len(rows), _vocabulary_size(model))
    logprobs = torch.zeros((len(rows), width))
    entropies = torch.zeros((len(rows), width))  # [b, t]: of the distribution from which token t is drawn
    first_needed = min(len(sequence.context) for sequence in rows) - 1
    was_training = model.training
    model.eval()
    try:
        cache = DynamicCache(config=model.config)
        for start in range(0, width - 1, size):
            end = min(start + size, width - 1)
            n_logits = min(end - start, end - first_needed)  # the prompt needs no logits
            logits = model(
                input_ids=ids[:, start:end],
                **cache_argument(model, cache),
                use_cache=True,
                position_ids=torch.arange(start, end, device=ids.device)[None].expand(len(rows), -1),
                logits_to_keep=max(1, n_logits),
            ).logits  # (B, n_logits, V)
            if n_logits < 1:
                continue
            logps = logits.float().log_softmax(-1)
            targets = ids[:, end - n_logits + 1 : end + 1]
            logprobs[:, end - n_logits + 1 : end + 1] = logps.gather(-1, targets[..., None])[..., 0].cpu()
            entropies[:, end - n_logits + 1 : end + 1] = -(logps.exp() * logps).sum(-1).cpu()
            del logits, logps
    finally:
        model.train(was_training)
    responses = [slice(len(sequence.context), sequence.length) for sequence in rows]
    return [(logprobs[row, response], entropies[row, response]) for row, response in enumerate(responses)]
