"""How much planning, and how many tokens, the settings of a testbed make. Knows nothing about models.

Measured on the sloppy solver's responses to the first problems; a trained policy plans a little less and writes
shorter.
"""

from dataclasses import dataclass

import numpy as np

from sgram.testbed.checker import planning_spans
from sgram.testbed.problems import TestbedConfig, problems_of
from sgram.testbed.solver import Solver
from sgram.testbed.task import Testbed
from sgram.testbed.tokenizer import make_tokenizer


@dataclass(frozen=True, slots=True)
class Survey:
    """Figures of one testbed."""

    n_train: int
    n_test: int
    planning_share: float
    """Of the tokens, the end-of-text token among them."""
    mean_tokens: float
    tokens_95: float
    """19 of 20 responses are no longer, in tokens: a limit for sampling should not be lower by much."""
    solver_pass_at_1: float


def survey(config: TestbedConfig, n: int = 400, seed: int = 0) -> Survey:
    """Figures over `n` responses, drawn by `seed`."""
    problems, solver, testbed = problems_of(config, "train"), Solver(config), Testbed(config)
    asked = [problems[place % len(problems)] for place in range(n)]
    rng = np.random.default_rng(seed)
    responses = [solver(problem, rng) for problem in asked]
    encoded = make_tokenizer(config)(responses, return_offsets_mapping=True)["offset_mapping"]
    sizes = np.array([len(offsets) + 1 for offsets in encoded])
    planning = sum(_n_planning(*each) for each in zip(responses, encoded, strict=True))
    rewards = [verdict.reward for verdict in testbed.judge(asked, responses)]
    return Survey(
        len(problems),
        len(problems_of(config, "test")),
        float(planning / sizes.sum()),
        float(sizes.mean()),
        float(np.percentile(sizes, 95)),
        float(np.mean(rewards)),
    )


def _n_planning(response: str, offsets: list[tuple[int, int]]) -> int:
    """Tokens of which a character that is no space lies in a planning span."""
    inside = np.zeros(len(response) + 1, bool)
    for span in planning_spans(response):
        inside[span.start : span.end] = True
    inside[[place for place, character in enumerate(response) if character.isspace()]] = False
    return sum(bool(inside[start:end].any()) for start, end in offsets)
