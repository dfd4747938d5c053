"""The tokenizer of the testbed of stories: byte-level BPE, trained on the solver's own responses.

Numbers are split from words first. If all numbers are below 100, each is one token with the space before it, so that a
small model can learn arithmetic by heart. If they are larger, each digit is a token, so that it can learn to compute
by digits. Equal settings give equal bytes.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np

from sgram.testbed.problems import TestbedConfig, problems_in_split
from sgram.testbed.solver import Solver
from sgram.testbed.vocabulary import END, N_TEXTS, PAD

WHOLE_NUMBERS = 100
"""Numbers below it are one token if all numbers of a testbed are."""


def has_small_numbers(config: TestbedConfig) -> bool:
    """Return whether every number in a right response of this testbed is below `WHOLE_NUMBERS`.

    >>> has_small_numbers(TestbedConfig()), has_small_numbers(TestbedConfig(largest=99))
    (True, False)
    """
    return config.largest <= 9


@cache
def train_tokenizer(config: TestbedConfig, vocabulary: int) -> str:
    """Return the trained tokenizer as JSON."""
    return train_on_texts(_training_texts(config), has_small_numbers(config), vocabulary)


def train_on_texts(texts: Iterable[str], numbers_are_small: bool, vocabulary: int) -> str:
    """Return a tokenizer trained on `texts`, as JSON; a number below 100 is one token if all numbers are small."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    number = " ?[0-9]{1,2}" if numbers_are_small else " ?[0-9]"
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
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer.to_str()


def _training_texts(config: TestbedConfig) -> list[str]:
    """Return prompts and responses, and every short number often enough to become a token."""
    problems, solver = problems_in_split(config, "train"), Solver(config)
    rng = np.random.default_rng([config.seed, 0x70CE12])
    texts: list[str] = []
    for index in range(N_TEXTS):
        problem = problems[index % len(problems)]
        texts += [str(problem.prompt), solver(problem, rng)]
    return texts + number_texts(has_small_numbers(config))


def number_texts(numbers_are_small: bool) -> list[str]:
    """Return every short number, often enough to become a token."""
    return [f" {number}" for number in range(WHOLE_NUMBERS if numbers_are_small else 10)] * 1000
