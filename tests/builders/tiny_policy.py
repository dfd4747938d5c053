"""A policy of two small layers that knows nothing yet, problems for it, and a reward that tells responses apart."""

import random

import torch
from datasets import Dataset

from sgram.lexicon import Lexicon
from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
from sgram.testbed.warmup import new_model
from sgram.training import HICRAConfig, HICRATrainer

PROMPTS = ["Two crates hold 3 red and 4 blue cards.", "First come 9 shells.", "A square of 2 by 2 pens.", "How many?"]
_TOKENIZERS = {}


def tokenizer():
    """That of the testbed, made once a session."""
    if not _TOKENIZERS:
        _TOKENIZERS["testbed"] = make_tokenizer(TestbedConfig())
    return _TOKENIZERS["testbed"]


def lexicon() -> Lexicon:
    """A third of the words that are tokens by themselves: a policy of random weights says some of them."""
    words = sorted({token[1:].lower() for token in tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    return Lexicon.from_grams(words[::3])


def responses(n: int = 96, seed: int = 0) -> list[list[int]]:
    """Ids of responses of twelve words of the vocabulary, drawn at random."""
    words = sorted({token[1:] for token in tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    drawn = random.Random(seed)
    return [tokenizer()(" " + " ".join(drawn.choices(words, k=12)))["input_ids"] for _ in range(n)]


def model(seed: int = 0, layers: int = 2, width: int = 64) -> torch.nn.Module:
    """Weights drawn by a seed; the embeddings are stretched, so that not every token is as likely as the others."""
    made = new_model(tokenizer(), WarmUpConfig(layers=layers, width=width, seed=seed))
    with torch.no_grad():
        made.get_input_embeddings().weight.mul_(6)
    return made


def problems() -> Dataset:
    """Problems with an id."""
    return Dataset.from_list([{"prompt": text, "problem": f"p{number}"} for number, text in enumerate(PROMPTS)])


def reward(completions, **_) -> list[float]:
    """The share of vowels: all responses to a problem differ."""
    return [sum(char in "aeiou" for char in text) / max(1, len(text)) for text in completions]


def config(directory, **given) -> HICRAConfig:
    """Small batches on the CPU: 8 responses in two micro-batches."""
    settings = {
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 2,
        "num_generations": 4,
        "max_completion_length": 12,
        "learning_rate": 1e-3,
        "max_steps": 2,
        "bf16": False,
        "fp16": False,
        "gradient_checkpointing": False,
        "use_cpu": True,
        "logging_steps": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "no",
        "seed": 3,
        "drop_finished_rows": False,
        "dataloader_pin_memory": False,
    }
    return HICRAConfig(str(directory), **{**settings, **given})


def trainer(directory, *, policy=None, rewards=reward, grams=..., **given) -> HICRATrainer:
    """A trainer of the tiny policy; what is not named here is a setting."""
    named = {
        name: given.pop(name)
        for name in ("callbacks", "placebo_responses", "rollout_func", "peft_config")
        if name in given
    }
    return HICRATrainer(
        policy or model(),
        rewards,
        config(directory, **given),
        train_dataset=problems(),
        processing_class=tokenizer(),
        lexicon=lexicon() if grams is ... else grams,
        **named,
    )


def trained(directory, **given) -> HICRATrainer:
    """`trainer`, after training. One is made when the other has ended: making one seeds torch's generator."""
    made = trainer(directory, **given)
    made.train()
    return made


def losses(of: HICRATrainer) -> list[tuple[float, float]]:
    """(loss, norm of the gradient) of each step, unrounded."""
    return [(row["loss"], row["grad_norm"]) for row in of.state.log_history if "loss" in row]


def weights(of) -> dict[str, torch.Tensor]:
    """A copy of the weights."""
    inner = getattr(of, "model", of)
    return {name: value.detach().clone() for name, value in inner.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two sets of weights are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
