"""The tokenizer of the testbed of roles: that of the stories, trained on the texts of all roles."""

from functools import cache

import numpy as np

from sgram.testbed.problems import problems_in_split
from sgram.testbed.role_examples import DECIDING, RoleExamples
from sgram.testbed.roles_config import RolesConfig
from sgram.testbed.story_tokenizer import number_texts, train_on_texts
from sgram.testbed.vocabulary import N_TEXTS


def train_role_tokenizer(config: RolesConfig, vocabulary: int) -> str:
    """Return the trained tokenizer as JSON. Numbers below 100, scores and words that decide are one token.

    It does not depend on how good the verdicts are, so that judges of several qualities share it.
    """
    return _train(config.with_right_verdicts(), vocabulary)


@cache
def _train(config: RolesConfig, vocabulary: int) -> str:
    problems, write_example = problems_in_split(config, "train"), RoleExamples(config)
    rng = np.random.default_rng([config.seed, 0x70CE12])
    texts: list[str] = []
    for index in range(2 * N_TEXTS):
        example = write_example(problems[index % len(problems)], rng)
        texts += [example.prompt, example.text]
    texts += number_texts(numbers_are_small=True) + [*DECIDING] * 1000
    return train_on_texts(texts, numbers_are_small=True, vocabulary=vocabulary)
