"""Supervised warm-up of a tiny policy on the solver's responses. Knows nothing about learning by reward.

A Llama of some hundred thousand weights learns to write responses as the solver does, and so to solve about a
fifth of the problems: enough for rewards to say which of its plans are good. The schedule counts steps, never
seconds, and every draw comes from a generator of its own: the same settings give the same weights, bit by bit,
on one machine, however many threads there are.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.errors import SgramError, UsageError
from sgram.testbed.problems import TestbedConfig, problems_of
from sgram.testbed.solver import Solver
from sgram.testbed.tokenizer import VOCABULARY, make_tokenizer

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

HEAD = 32
"""Width of an attention head."""
POOL = 32
"""Batches drawn together and sorted by length, so that little is padded."""
FLAT = 0.6
"""Share of the steps before the learning rate begins to fall, to `LOWEST` of itself."""
LOWEST = 0.05
BEATEN = 1.0
"""Largest norm of a step's gradient."""


@dataclass(frozen=True, slots=True)
class WarmUpConfig:
    """Size of the tiny policy, and how long it learns."""

    steps: int = 500
    batch: int = 16
    """Responses a step."""
    seed: int = 0
    """Draws the first weights, and what is learned from."""
    layers: int = 2
    width: int = 128
    """Of the residual stream; a multiple of 32, the width of a head."""
    vocabulary: int = VOCABULARY
    """Most tokens of the tokenizer; it has fewer where the texts hold no more to merge."""
    matrix_rate: float = 0.02
    """Learning rate of the matrices inside the layers, by Muon."""
    other_rate: float = 4e-3
    """Learning rate of embeddings and norms, by AdamW."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("steps", 1, 10**7),
            ("batch", 1, 10**5),
            ("seed", 0, 2**32 - 1),
            ("layers", 1, 64),
            ("width", HEAD, 8192),
            ("vocabulary", 300, 10**5),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise UsageError(f"warm-up: {name} is a whole number from {low} to {high}, not {value!r}")
        if self.width % HEAD:
            raise UsageError(f"warm-up: width is a multiple of {HEAD}, not {self.width}")
        for name in ("matrix_rate", "other_rate"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"warm-up: {name} lies between 0 and 1, not {getattr(self, name)!r}")


def new_model(tokenizer: "PreTrainedTokenizerFast", config: WarmUpConfig) -> "LlamaForCausalLM":
    """A Llama with first weights drawn by the seed; the global generator is left as it was."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        intermediate_size=config.width * 11 // 4 // HEAD * HEAD,
        num_attention_heads=config.width // HEAD,
        num_key_value_heads=config.width // HEAD,
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


def batches(
    testbed: TestbedConfig, config: WarmUpConfig, tokenizer: "PreTrainedTokenizerFast"
) -> Iterator[list[tuple[list[int], int]]]:
    """Endless batches of (ids of prompt, response and end, number of the prompt's), alike in length inside a batch."""
    problems, solver = problems_of(testbed, "train"), Solver(testbed)
    rng = np.random.default_rng([config.seed, testbed.seed, 0x3A21])
    while True:
        drawn = [problems[int(place)] for place in rng.integers(len(problems), size=POOL * config.batch)]
        responses = [solver(problem, rng) for problem in drawn]
        prompts = tokenizer([problem.prompt for problem in drawn])["input_ids"]
        rows = [
            (prompt + response + [tokenizer.eos_token_id], len(prompt))
            for prompt, response in zip(prompts, tokenizer(responses)["input_ids"], strict=True)
        ]
        rows.sort(key=lambda row: len(row[0]))  # stable, so equal lengths stay in drawn order
        for place in rng.permutation(POOL):
            yield rows[place * config.batch : (place + 1) * config.batch]


def warm_up(
    testbed: TestbedConfig,
    config: WarmUpConfig = WarmUpConfig(),
    *,
    tell: Callable[[Mapping[str, Any]], None] | None = None,
    device: str = "cpu",
) -> "LlamaForCausalLM":
    """The policy after `config.steps` steps, in fp32, in eval mode; `tell` gets each step's number, loss and rate."""
    with _one_thread():
        return _learned(testbed, config, tell or (lambda row: None), device)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums then do not depend on how many threads a process has; so small a model gains little by more."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _learned(
    testbed: TestbedConfig, config: WarmUpConfig, tell: Callable[[Mapping[str, Any]], None], device: str
) -> "LlamaForCausalLM":
    import torch

    tokenizer = make_tokenizer(testbed, config.vocabulary)
    model = new_model(tokenizer, config).to(device).train()
    matrices = [each for each in model.model.layers.parameters() if each.ndim == 2]
    inside = set(map(id, matrices))
    others = [each for each in model.parameters() if id(each) not in inside]
    optimizers = [
        torch.optim.Muon(matrices, lr=config.matrix_rate, momentum=0.95, weight_decay=0.0, ns_steps=4),
        torch.optim.AdamW(others, lr=config.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    rates = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    for step, rows in zip(range(config.steps), batches(testbed, config, tokenizer), strict=False):
        scale = _scale(step, config.steps)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * scale
        loss = response_loss(model, rows, tokenizer.pad_token_id)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), BEATEN)
        if not torch.isfinite(norm):
            raise SgramError(f"warm-up: the loss is not finite at step {step}; lower the learning rates")
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        tell({"step": step, "steps": config.steps, "loss": loss.item(), "rate": scale})
    return model.eval()


def _scale(step: int, steps: int) -> float:
    """Share of the learning rate at `step`: 1, then from `FLAT` of the steps on linearly to `LOWEST` at the last."""
    done = max(0.0, (step + 1) / steps - FLAT) / (1 - FLAT)
    return 1 - (1 - LOWEST) * done


def response_loss(model: "LlamaForCausalLM", rows: list[tuple[list[int], int]], pad: int) -> "torch.Tensor":
    """Mean cross-entropy, in nats, of the tokens of the responses; rows are padded on the right."""
    import torch

    longest = max(len(ids) for ids, _ in rows)
    padded = torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows])  # (B, T)
    learned = torch.zeros(padded.shape, dtype=torch.bool)  # (B, T)
    for row, (ids, n_prompt) in enumerate(rows):
        learned[row, n_prompt : len(ids)] = True
    padded, learned = padded.to(model.device), learned.to(model.device)
    hidden = model.model(input_ids=padded, use_cache=False).last_hidden_state  # (B, T, D)
    logits = model.lm_head(hidden[:, :-1][learned[:, 1:]])  # (N, V): only where a response's token is next
    return torch.nn.functional.cross_entropy(logits, padded[:, 1:][learned[:, 1:]])
