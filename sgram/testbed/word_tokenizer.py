"""The tokenizer of the hard testbed: a word, a number below 160 or a sign is one token, with the space before it.

It is byte-level BPE without merges: a piece of text that the vocabulary has is one token, any other is spelled in
bytes. So every choice of the solver is one token, and every text can be spelled. Equal settings give equal bytes.
"""

from functools import cache

import numpy as np

from sgram.testbed.problems import problems_in_split
from sgram.testbed.two_step_config import TwoStepConfig
from sgram.testbed.two_step_solver import Faults, TwoStepSolver
from sgram.testbed.vocabulary import END, N_TEXTS, PAD

WHOLE_NUMBERS = 160
"""Numbers below it are one token: no response of the solver has a larger one."""


@cache
def make_word_tokenizer(config: TwoStepConfig) -> str:
    """Return the tokenizer as JSON."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r" ?[0-9]{1,3}| ?[^\s0-9\p{L}]| ?[\p{L}'-]+|\s+"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    pieces = {piece for text in _example_texts(config) for piece, _ in pre_tokenizer.pre_tokenize_str(text)}
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [PAD, END, *letters, *sorted(pieces.difference(letters))]
    model = models.BPE({token: number for number, token in enumerate(tokens)}, [], ignore_merges=True)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in (PAD, END)])
    return tokenizer.to_str()


def _example_texts(config: TwoStepConfig) -> list[str]:
    """Return texts with every word that problems and responses have, and all numbers."""
    problems = [problem for split in ("train", "test") for problem in problems_in_split(config, split)]
    solver, rng = TwoStepSolver(config, Faults()), np.random.default_rng([config.seed, 0x70CE12])
    texts = [solver(problems[index % len(problems)], rng) for index in range(N_TEXTS)]
    names = [f" {method.name}" for method in config.all_methods]
    prompts = [str(problem.prompt) for problem in problems]
    return [*prompts, *texts, *names, "".join(f" {number}" for number in range(WHOLE_NUMBERS))]
