"""An untrained policy of two small layers, problems for it, and a reward that differs between responses."""

import random

import torch
from datasets import Dataset

from sgram.lexicon import Lexicon, LinearWeights, SentenceScorer
from sgram.testbed import TestbedConfig, WarmUpConfig, make_tokenizer
from sgram.testbed.warmup import make_model
from sgram.training import HICRAConfig, HICRATrainer

PROMPTS = ["Two crates hold 3 red and 4 blue cards.", "First come 9 shells.", "A square of 2 by 2 pens.", "How many?"]
_TOKENIZERS = {}


def tokenizer():
    """Return the testbed's tokenizer, made once a session."""
    if not _TOKENIZERS:
        _TOKENIZERS["testbed"] = make_tokenizer(TestbedConfig())
    return _TOKENIZERS["testbed"]


def lexicon() -> Lexicon:
    """Return a third of the words that are single tokens; a policy of random weights produces some of them."""
    words = sorted({token[1:].lower() for token in tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    return Lexicon.from_grams(words[::3])


def scorer() -> SentenceScorer:
    """Return a scorer by which a sentence plans if it contains one of a third of the words of `lexicon`."""
    words = [gram.text for gram in lexicon().grams]
    return SentenceScorer(
        "example", LinearWeights(-1000, dict.fromkeys(words[::3], 3000)), {"verification": LinearWeights(0, {})}
    )


def sentences(n: int = 96, seed: int = 0) -> list[list[int]]:
    """Return the token ids of `n` responses of 4 to 8 sentences of 3 to 6 random words of the vocabulary."""
    words = sorted({token[1:] for token in tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    rng = random.Random(seed)
    texts = [
        " ".join(" ".join(rng.choices(words, k=rng.randint(3, 6))).capitalize() + "." for _ in range(rng.randint(4, 8)))
        for _ in range(n)
    ]
    return [tokenizer()(" " + text)["input_ids"] for text in texts]


def responses(n: int = 96, seed: int = 0) -> list[list[int]]:
    """Return the token ids of `n` responses of twelve random words of the vocabulary."""
    words = sorted({token[1:] for token in tokenizer().get_vocab() if token[:1] == "Ġ" and token[1:].isalpha()})
    rng = random.Random(seed)
    return [tokenizer()(" " + " ".join(rng.choices(words, k=12)))["input_ids"] for _ in range(n)]


def model(seed: int = 0, layers: int = 2, width: int = 64) -> torch.nn.Module:
    """Return a model with random weights; its embeddings are stretched, so that token probabilities differ."""
    policy = make_model(tokenizer(), WarmUpConfig(layers=layers, width=width, seed=seed))
    with torch.no_grad():
        policy.get_input_embeddings().weight.mul_(6)
    return policy


def problems() -> Dataset:
    """Return problems with an id."""
    return Dataset.from_list([{"prompt": text, "problem": f"p{number}"} for number, text in enumerate(PROMPTS)])


def reward(completions, **_) -> list[float]:
    """Return the share of vowels, which differs between all responses to a problem."""
    return [sum(char in "aeiou" for char in text) / max(1, len(text)) for text in completions]


def binary_reward(completions, **_) -> list[float]:
    """Return 1 for every third response, else 0; of eight, these are 2 of the first group of 4 and 1 of the second."""
    return [float(row % 3 == 0) for row in range(len(completions))]


def config(directory, **settings) -> HICRAConfig:
    """Return a configuration with small batches on the CPU: 8 responses in two micro-batches."""
    defaults = {
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
    return HICRAConfig(str(directory), **{**defaults, **settings})


def trainer(directory, *, policy=None, rewards=reward, grams=..., **settings) -> HICRATrainer:
    """Return a trainer of the tiny policy; `settings` are fields of its configuration or arguments of the trainer."""
    arguments = {
        name: settings.pop(name)
        for name in ("callbacks", "placebo_responses", "rollout_func", "peft_config")
        if name in settings
    }
    return HICRATrainer(
        policy or model(),
        rewards,
        config(directory, **settings),
        train_dataset=problems(),
        processing_class=tokenizer(),
        lexicon=lexicon() if grams is ... else grams,
        **arguments,
    )


def trained(directory, **settings) -> HICRATrainer:
    """Return `trainer` after training. Make one only after the training of another: making one seeds torch."""
    ours = trainer(directory, **settings)
    ours.train()
    return ours


def losses(ours: HICRATrainer) -> list[tuple[float, float]]:
    """Return (loss, norm of the gradient) of each step, unrounded."""
    return [(row["loss"], row["grad_norm"]) for row in ours.state.log_history if "loss" in row]


def weights(owner) -> dict[str, torch.Tensor]:
    """Return a copy of the weights of a model, or of a trainer's model."""
    policy = getattr(owner, "model", owner)
    return {name: weight.detach().clone() for name, weight in policy.state_dict().items()}


def same(weights: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    """Return whether two sets of weights are equal to the bit."""
    return weights.keys() == expected.keys() and all(torch.equal(weights[name], expected[name]) for name in weights)
