"""The testbed's tokenizer: byte-level BPE, trained on the solver's own responses. Knows nothing about models.

Numbers are told apart from words first. Where all numbers stay below 100, each is one token with the space
before it, so that a small model can learn arithmetic by heart; where they grow larger, each digit is a token,
so that it can learn to compute by places. Equal settings give equal bytes.
"""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sgram.testbed.problems import TestbedConfig, problems_of
from sgram.testbed.solver import Solver

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

VOCABULARY = 640
N_TEXTS = 2000
"""Responses from which the merges are learned."""
PAD, END = "<|pad|>", "<|end|>"
WHOLE_NUMBERS = 100
"""Numbers below it are one token where all of a testbed's are."""


def small_numbers(config: TestbedConfig) -> bool:
    """Whether every number that a right response of this testbed can hold is below `WHOLE_NUMBERS`."""
    return config.largest <= 9


@cache
def _trained(config: TestbedConfig, vocabulary: int) -> str:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    number = " ?[0-9]{1,2}" if small_numbers(config) else " ?[0-9]"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rf"{number}| ?[^\s0-9\p{{L}}]| ?[\p{{L}}'-]+|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        show_progress=False,
        special_tokens=[PAD, END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(_texts(config), trainer)
    return tokenizer.to_str()


def _texts(config: TestbedConfig) -> list[str]:
    """Prompts and responses, and every short number often enough to become a token."""
    problems, solver = problems_of(config, "train"), Solver(config)
    rng = np.random.default_rng([config.seed, 0x70CE12])
    texts = []
    for place in range(N_TEXTS):
        problem = problems[place % len(problems)]
        texts += [problem.prompt, solver(problem, rng)]
    numbers = range(WHOLE_NUMBERS if small_numbers(config) else 10)
    return texts + [f" {number}" for number in numbers] * 1000


def make_tokenizer(config: TestbedConfig, vocabulary: int = VOCABULARY) -> "PreTrainedTokenizerFast":
    """The tokenizer of a testbed: padding on the left, `END` ends a text and nothing is put in front of one."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained(config, vocabulary)),
        pad_token=PAD,
        eos_token=END,
        bos_token=END,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )
