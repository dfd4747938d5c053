"""Sample from a local model, so that a response does not depend on the batch that it was sampled in.

- The random numbers of a response come from a generator of its own, seeded by problem and sample.
- Log-probabilities and entropies come from a second pass, in which each sequence goes through the model alone.

What is left is rounding: the logits of a row differ in their last bits between batches. In float32 this rarely
changes a token; in bfloat16 and float16 it often does.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from sgram.errors import InputError, UsageError
from sgram.files import digest, excerpt
from sgram.grading.outcome import Problem
from sgram.scoring.log_probs import EncodedTrace, ScoringConfig, max_sequence_length, score_sequence
from sgram.scoring.sampling import SampleRequest, SamplingConfig, make_messages, make_text, make_trace
from sgram.scoring.scored_file import model_digest
from sgram.traces import Trace
from sgram.training.models import LoadedModel
from sgram.training.tasks.prompts import PromptForm
from sgram.training.trainer.rollouts import prompt_text
from sgram.training.trainer.sampler import restrict_logits, sample_rows

_TIMED_TOKENS = 16


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A prompt as text, and as the model reads it."""

    text: str
    ids: tuple[int, ...]


@dataclass(slots=True, eq=False)
class LocalSampler:
    """A loaded model as a `Sampler`."""

    loaded: LoadedModel
    name: str
    config: SamplingConfig
    batch_size: int = 8
    chat: bool | None = None
    """Whether prompts go through the tokenizer's chat template; None: if it has one."""
    n_missing: int = 0
    first_fault: str = ""
    _prompts: dict[str, EncodedPrompt] = field(default_factory=dict)
    """Id of a problem -> its prompt."""
    _form: PromptForm = field(init=False)

    def __post_init__(self) -> None:
        self._form = PromptForm.choose(self.loaded.tokenizer, self.name, self.chat)
        if self.batch_size < 1:
            raise UsageError(f"the batch size must be >= 1 (got {self.batch_size})")

    @property
    def uses_chat(self) -> bool:
        """Whether prompts go through the chat template."""
        return self._form.is_chat

    @property
    def end_ids(self) -> list[int]:
        """Ids that end a response: those of the model's configuration, and the tokenizer's end of text."""
        eos_ids = self.loaded.model.generation_config.eos_token_id
        ids = [eos_ids] if isinstance(eos_ids, int) else list(eos_ids or ())
        return sorted({*ids, self.loaded.tokenizer.eos_token_id})

    def describe(self) -> str:
        """Return in words how prompts reach the model."""
        return self._form.describe()

    def suggest(self) -> str:
        """Return what to do if responses are empty."""
        return self._form.suggest()

    def identity(self) -> dict[str, Any]:
        """Return what a response depends on, besides the request."""
        return {
            "model": self.name,
            "weights": model_digest(self.loaded),
            "tokenizer": digest(self.tokenizer_json()),
            "template": digest(str(self.loaded.tokenizer.chat_template).encode()) if self.uses_chat else None,
            "device": self.loaded.model.device.type,
            "end_ids": self.end_ids,
        }

    def tokenizer_json(self) -> bytes:
        """Return the model's tokenizer.json."""
        text: str = self.loaded.tokenizer.backend_tokenizer.to_str()
        return text.encode()

    def encode_prompts(self, problems: Iterable[Problem]) -> int:
        """Encode the prompts of `problems`, and return the number of their tokens.

        Raise `UsageError` if the template takes no such chat, `InputError` if a prompt is too long for the model.
        """
        limit = max_sequence_length(self.loaded, ScoringConfig())
        n_tokens, too_long, longest = 0, 0, Problem("", "")
        longest_size = -1
        for problem in problems:
            if problem.id not in self._prompts:
                self._prompts[problem.id] = self._encode_prompt(problem)
            size = len(self._prompts[problem.id].ids)
            n_tokens += size
            too_long += size + self.config.max_tokens > limit
            if size > longest_size:
                longest, longest_size = problem, size
        if too_long:
            room = limit - longest_size
            hint = f"use --max-tokens {room}" if room > 0 else "leave out the longest problems"
            raise InputError(
                f"{too_long:,} prompts with {self.config.max_tokens:,} tokens of a response are longer than the "
                f"{limit:,} positions of {self.name}; the longest, of problem {excerpt(longest.id, 60)}, has "
                f"{longest_size:,} tokens; {hint}"
            )
        return n_tokens

    def _encode_prompt(self, problem: Problem) -> EncodedPrompt:
        if not self._form.is_chat:
            text = make_text(problem, self.config, self._form.reason)
            return EncodedPrompt(text, tuple(self._form.encode(text, problem.id)))
        messages = make_messages(problem, self.config)
        remedy = " or leave out --system" if self.config.system else ""
        return EncodedPrompt(prompt_text(messages), tuple(self._form.encode(messages, problem.id, remedy)))

    def sample(self, requests: Sequence[SampleRequest]) -> Iterator[list[Trace]]:
        """Yield the responses batch by batch, in the order of `requests`."""
        self.encode_prompts({request.problem.id: request.problem for request in requests}.values())
        for start in range(0, len(requests), self.batch_size):
            batch = requests[start : start + self.batch_size]
            prompts = [self._prompts[request.problem.id] for request in batch]
            ids = self._sample_ids(batch, prompts)
            texts = self.loaded.tokenizer.batch_decode(ids, skip_special_tokens=True)
            yield [
                self._make_trace(request, prompt, row_ids, text)
                for request, prompt, row_ids, text in zip(batch, prompts, ids, texts, strict=True)
            ]

    def _sample_ids(self, batch: Sequence[SampleRequest], prompts: Sequence[EncodedPrompt]) -> list[list[int]]:
        """Return the token ids of the responses to one batch."""
        model = self.loaded.model
        generators = [np.random.Generator(np.random.Philox(key=request.seed(self.config.seed))) for request in batch]
        uniforms = torch.from_numpy(np.stack([generator.random(self.config.max_tokens) for generator in generators]))
        was_training = model.training
        model.eval()
        try:
            return sample_rows(
                model,
                [prompt.ids for prompt in prompts],
                max_new_tokens=self.config.max_tokens,
                eos_ids=self.end_ids,
                pad_id=self.loaded.tokenizer.pad_token_id,
                draw=partial(draw_by_uniforms, config=self.config, uniforms=uniforms.to(model.device)),
            )
        finally:
            model.train(was_training)

    def _make_trace(self, request: SampleRequest, prompt: EncodedPrompt, ids: list[int], text: str) -> Trace:
        is_ended = bool(ids) and ids[-1] in self.end_ids
        trace = make_trace(request, self.name, prompt.text, text, "stop" if is_ended else "length")
        model = self.loaded.model
        logprobs, entropies = score_sequence(EncodedTrace(prompt.ids, tuple(ids)), model)
        return replace(trace, token_ids=tuple(ids), logprobs=logprobs, entropies=entropies)

    def measure_seconds(self, requests: Sequence[SampleRequest]) -> float:
        """Return about how many seconds `requests` take if every response has `max_tokens` tokens; at least one."""
        n_tokens = min(_TIMED_TOKENS, self.config.max_tokens)
        batch = requests[: self.batch_size]
        trial = LocalSampler(
            self.loaded, self.name, replace(self.config, max_tokens=n_tokens), self.batch_size, self.chat
        )
        start = time.perf_counter()
        n_sampled = sum(len(trace.token_ids or ()) for traces in trial.sample(batch) for trace in traces)
        seconds = time.perf_counter() - start
        return seconds / max(1, n_sampled) * len(requests) * self.config.max_tokens


def draw_by_uniforms(
    logits: torch.Tensor, rows: torch.Tensor, position: int, config: SamplingConfig, uniforms: torch.Tensor
) -> torch.Tensor:
    """Return (B,) one token id a row of `logits`, (B, V), by inverting the cumulative distribution.

    `uniforms[row, position]`, in [0, 1), decides about the token of a row. For shares of 0.2, 0.5 and 0.3, the number
    0.6 lies in [0.2, 0.7), the stretch of the second token:

    >>> shares = torch.tensor([[0.2, 0.5, 0.3]])
    >>> uniforms = torch.tensor([[0.6]], dtype=torch.float64)
    >>> draw_by_uniforms(shares.log(), torch.tensor([0]), 0, SamplingConfig(), uniforms)
    tensor([1])
    """
    if config.temperature == 0:
        return logits.argmax(-1)
    shares = restrict_logits(logits, config.temperature, config.top_p, config.top_k).double().softmax(-1)
    cumulative = shares.cumsum(-1)
    targets = uniforms[rows, position, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, targets, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
