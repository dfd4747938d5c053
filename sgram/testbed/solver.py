"""A sloppy solver, whose responses the warm-up imitates. Knows nothing about models or judging.

It hardly looks at the story before it announces a method, checks only about half of its attempts, and does not
always heed a check: right about two times in five, where honest checking would always be. Its arithmetic and
what its checks say are always right, so what is left to learn by reward is the plan.
"""

from dataclasses import dataclass

import numpy as np

from sgram.grading.outcome import Problem
from sgram.testbed.arithmetic import written
from sgram.testbed.methods import BY_KEY, Method
from sgram.testbed.problems import TestbedConfig, methods_of
from sgram.testbed.wording import ANSWER, LEADS, PHRASES, SOURCES, WORDS_OF


@dataclass(frozen=True, slots=True)
class Habits:
    """How sloppy the solver is; probabilities, but for `insight`, `fewest` and `most`."""

    insight: float = 1.5
    """Weight of the right method in a draw in which each other one weighs 1."""
    reads: float = 0.25
    checks: float = 0.55
    heeds: float = 0.85
    """Goes on to another method when a check has failed."""
    fewest: int = 2
    most: int = 3
    """Attempts before it gives up: at least 2, at most 3, drawn evenly; never more than there are methods."""
    says_skip: float = 0.4
    concludes: float = 0.4


HONEST = Habits(checks=1.0, heeds=1.0, fewest=8, most=8)
"""Always right, in as many attempts as it takes: what the sloppy one could become."""


class Solver:
    """Writes responses; each call draws from the generator that it is given."""

    def __init__(self, config: TestbedConfig, habits: Habits = Habits()):
        self._config, self._habits, self._methods = config, habits, methods_of(config)

    def __call__(self, problem: Problem, rng: np.random.Generator) -> str:
        """One response to `problem`, without an end-of-text token."""
        habits, right = self._habits, BY_KEY[problem.meta["method"]]
        untried = list(self._methods)
        attempts = int(rng.integers(habits.fewest, habits.most + 1))
        said = [_phrase("read", rng) + "."] if rng.random() < habits.reads else []
        for attempt in range(attempts):
            method = self._draw(untried, right, rng)
            untried.remove(method)
            said.append(f"{_phrase('switch' if attempt else 'propose', rng)} {method.name}.")
            text, result = self._attempt(method, problem, rng)
            said.append(text)
            if rng.random() >= habits.checks:
                if rng.random() < habits.says_skip:
                    said.append(_phrase("skip", rng) + ".")
                break
            clue = right.stories[problem.meta["story"]].clue
            fits = method is right
            verdict = _phrase("match" if fits else "reject", rng)
            said.append(f"{_phrase('check', rng)}, {_one(SOURCES, rng)} {clue}, {verdict}.")
            if fits or rng.random() >= habits.heeds:
                break
            if attempt == attempts - 1 or not untried:
                return " ".join([*said, f"{PHRASES['give up'][0]}, {ANSWER} {result}."])
        if rng.random() < habits.concludes:
            return " ".join([*said, f"{_phrase('conclude', rng)} {ANSWER} {result}."])
        return " ".join([*said, f"{ANSWER.capitalize()} {result}."])

    def _draw(self, untried: list[Method], right: Method, rng: np.random.Generator) -> Method:
        weights = [self._habits.insight if method is right else 1.0 for method in untried]
        place = rng.random() * sum(weights)
        for method, weight in zip(untried, weights, strict=True):
            place -= weight
            if place < 0:
                return method
        return untried[-1]

    def _attempt(self, method: Method, problem: Problem, rng: np.random.Generator) -> tuple[str, int]:
        first, second = method.operations(problem.meta["a"], problem.meta["b"])
        lead, depth = _one(LEADS, rng), self._config.execution
        if depth == 1 and rng.random() < 0.4:
            left, right = (
                f"{one} {WORDS_OF[operator]} {other} is {result}" for operator, one, other, result in (first, second)
            )
            return f"{lead} {left}, so {right}.", second[-1]
        left, right = (written(one, operator, other, depth) for operator, one, other, _ in (first, second))
        joint = ", so" if depth == 1 else ". Then"
        return f"{lead} {left}{joint} {right}.", second[-1]


def _one(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _phrase(kind: str, rng: np.random.Generator) -> str:
    return _one(PHRASES[kind], rng)
