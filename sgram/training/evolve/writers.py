"""Writers: policies that write the texts of all roles, with random numbers of their own.

All prompts of a kind are sampled in one call, by the sampler that drops finished rows. Random numbers depend on the
step and on the calls since its beginning alone, so that a resumed run draws the same ones.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from sgram.array_types import FloatArray
from sgram.training.evolve.protocols import Written
from sgram.training.experiments.evaluate import Policy, forward_tokens, sampled_rows
from sgram.training.trainer.sampler import sample_rows


class PolicyWriter:
    """The writer of a policy; `stream` tells its random numbers apart from those of other writers of the run."""

    def __init__(self, policy: Policy, seed: int, stream: int = 0) -> None:
        self.policy, self._seed, self._stream = policy, seed, stream
        self.tokenizer = policy.tokenizer
        self.n_written = 0
        """Texts written since the beginning of the step."""
        self.restart(0)

    def restart(self, step: int, purpose: int = 0) -> None:
        """Begin the random numbers of a step; `purpose` tells those of training (0) from others of the same step."""
        state = np.random.SeedSequence([self._seed, self._stream, step, purpose]).generate_state(2, np.uint32)
        self._generator = torch.Generator(device=self.policy.model.device)
        self._generator.manual_seed((int(state[0]) << 31) ^ int(state[1]))
        self.n_written = 0

    def prompt_ids(self, prompt: str) -> list[int]:
        """Return a prompt as token ids, in the form that the model expects."""
        return self.policy.form.encode(prompt, "of a role")

    def write(self, prompts: Sequence[str]) -> list[Written]:
        """Sample one text for each prompt."""
        policy, model = self.policy, self.policy.model
        was_training = model.training
        model.eval()
        ids: list[list[int]] = []
        try:
            size = sampled_rows(policy.max_tokens)
            for first in range(0, len(prompts), size):
                ids += sample_rows(
                    model,
                    [self.prompt_ids(prompt) for prompt in prompts[first : first + size]],
                    max_new_tokens=policy.max_tokens,
                    eos_ids=policy.eos_ids,
                    pad_id=self.tokenizer.pad_token_id,
                    temperature=policy.temperature,
                    top_p=policy.top_p,
                    top_k=policy.top_k,
                    generator=self._generator,
                )
        finally:
            model.train(was_training)
        self.n_written += len(ids)
        texts = self.tokenizer.batch_decode(ids, skip_special_tokens=True)
        return [Written(text, tuple(row_ids)) for text, row_ids in zip(texts, ids, strict=True)]

    @torch.no_grad()
    def token_shares(
        self, prompts: Sequence[str], ids: Sequence[Sequence[int]], candidates: Sequence[int]
    ) -> FloatArray:
        """Return (N, C): the probability of each candidate as the next token behind prompt i and ``ids[i]``.

        They are those of the model itself, at temperature 1.
        """
        model = self.policy.model
        sequences = [self.prompt_ids(prompt) + list(row_ids) for prompt, row_ids in zip(prompts, ids, strict=True)]
        shares = np.zeros((len(sequences), len(candidates)))
        limit = forward_tokens(1, max(map(len, sequences), default=1))
        was_training = model.training
        model.eval()
        try:
            rows = sorted(range(len(sequences)), key=lambda row: len(sequences[row]))
            while rows:
                size = max(1, limit // len(sequences[rows[-1]]))
                rows, batch = rows[:-size], rows[-size:]
                shares[batch] = self._next_shares([sequences[row] for row in batch], candidates)
        finally:
            model.train(was_training)
        return shares

    def _next_shares(self, sequences: Sequence[Sequence[int]], candidates: Sequence[int]) -> FloatArray:
        model, pad_id = self.policy.model, self.tokenizer.pad_token_id
        width = max(map(len, sequences))
        ids = torch.tensor([[pad_id] * (width - len(row)) + list(row) for row in sequences], device=model.device)
        attention_mask = torch.tensor(
            [[0] * (width - len(row)) + [1] * len(row) for row in sequences], device=model.device
        )
        forward = model(
            input_ids=ids,
            attention_mask=attention_mask,
            position_ids=attention_mask.cumsum(1).sub(1).clamp(min=0),
            use_cache=False,
            logits_to_keep=1,
        )
        shares = forward.logits[:, -1].double().softmax(-1)[:, list(candidates)]
        array: FloatArray = shares.cpu().numpy()
        return array


def frozen_copy(model: Any) -> Any:
    """Return a copy of a model whose weights training does not change."""
    frozen = copy.deepcopy(model)
    frozen.requires_grad_(False)
    return frozen.eval()
