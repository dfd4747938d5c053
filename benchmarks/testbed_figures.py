"""How much of the testbed's responses is planning, and how long are they?

    python benchmarks/testbed_figures.py [--responses 400] [--seed 0]

Prints one row for each preset of `sgram.testbed`, for whoever changes a preset or adds one. The responses are those of
the sloppy solver, that of the last stage of the warm-up, to the first training problems; a policy trained by reward
plans a little less and writes shorter responses.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from sgram.tagging.spans import Span
from sgram.testbed.families import default_warm_up, family_of
from sgram.testbed.problems import AnyConfig, problems_in_split
from sgram.testbed.task import PRESETS, Testbed
from sgram.testbed.tokenizer import make_tokenizer


@dataclass(frozen=True, slots=True)
class TestbedFigures:
    """Figures of one testbed."""

    __test__ = False  # for pytest: not a class of tests

    n_train: int
    n_test: int
    planning_share: float
    """Share of the tokens, the end-of-text token included."""
    mean_tokens: float
    tokens_95: float
    """95th percentile of the length in tokens: a limit for sampling should not be much lower."""
    solver_pass_at_1: float


def measure_testbed(config: AnyConfig, n_responses: int = 400, seed: int = 0) -> TestbedFigures:
    """Return the figures over `n_responses` responses drawn by `seed`."""
    problems, testbed = problems_in_split(config, "train"), Testbed(config)
    solver = family_of(config).stages(config, default_warm_up(config))[-1].write_response
    sample = [problems[index % len(problems)] for index in range(n_responses)]
    rng = np.random.default_rng(seed)
    responses = [solver(problem, rng) for problem in sample]
    offsets = make_tokenizer(config)(responses, return_offsets_mapping=True)["offset_mapping"]
    sizes = np.array([len(token_offsets) + 1 for token_offsets in offsets])
    n_planning = sum(
        count_planning_tokens(response, testbed.planning_spans(problem, response), token_offsets)
        for problem, response, token_offsets in zip(sample, responses, offsets, strict=True)
    )
    rewards = [outcome.reward for outcome in testbed.judge(sample, responses)]
    return TestbedFigures(
        n_train=len(problems),
        n_test=len(problems_in_split(config, "test")),
        planning_share=float(n_planning / sizes.sum()),
        mean_tokens=float(sizes.mean()),
        tokens_95=float(np.percentile(sizes, 95)),
        solver_pass_at_1=float(np.mean(rewards)),
    )


def count_planning_tokens(response: str, spans: list[Span], token_offsets: list[tuple[int, int]]) -> int:
    """Return the number of tokens with at least one non-space character inside a span."""
    is_planning = np.zeros(len(response) + 1, bool)
    for span in spans:
        is_planning[span.start : span.end] = True
    is_planning[[index for index, character in enumerate(response) if character.isspace()]] = False
    return sum(bool(is_planning[start:end].any()) for start, end in token_offsets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--responses", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| preset | problems: train, test | planning tokens | mean length | 95 % length | solver pass@1 |")
    print("|---|---|---|---|---|---|")
    for name, config in PRESETS.items():
        figures = measure_testbed(config, options.responses, options.seed)
        print(
            f"| {name} | {figures.n_train:,}, {figures.n_test} | {100 * figures.planning_share:.1f} % | "
            f"{figures.mean_tokens:.0f} | {figures.tokens_95:.0f} | {figures.solver_pass_at_1:.2f} |"
        )


if __name__ == "__main__":
    main()
