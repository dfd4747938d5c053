"""A sloppy solver, whose responses the warm-up imitates.

It hardly uses the story when it announces a method, checks only about half of its attempts, and does not always act on
a failed check: it is right about two times in five, where consistent checking would always be right. Its arithmetic
and the verdicts of its checks are always right, so planning is what can be learned by reward.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sgram.grading.outcome import Problem
from sgram.testbed.arithmetic import write_out
from sgram.testbed.methods import BY_KEY, SolutionMethod
from sgram.testbed.problems import TestbedConfig
from sgram.testbed.wording import ANSWER, CLUE_LEADS, EQUATION_LEADS, OPERATOR_WORDS, PHRASES


@dataclass(frozen=True, slots=True)
class Habits:
    """How sloppy the solver is. Fields that end in `_rate` are probabilities."""

    right_method_weight: float = 1.5
    """Weight of the right method in the draw of a method; each wrong one has weight 1."""
    read_rate: float = 0.25
    check_rate: float = 0.55
    heed_rate: float = 0.85
    """Tries another method after a failed check."""
    min_attempts: int = 2
    max_attempts: int = 3
    """Attempts before it gives up: drawn evenly from `min_attempts` to `max_attempts`, at most one a method."""
    skip_rate: float = 0.4
    """Says that it does not check, if it does not."""
    conclude_rate: float = 0.4


HONEST = Habits(check_rate=1.0, heed_rate=1.0, min_attempts=8, max_attempts=8)
"""Always right, in as many attempts as necessary: what a policy can learn by reward."""


class Solver:
    """A writer of responses; each call draws from the generator that it gets.

    >>> from sgram.testbed.problems import problems_in_split
    >>> config = TestbedConfig()
    >>> Solver(config)(problems_in_split(config, "train")[0], np.random.default_rng(2))[:46]
    "Let's try to double the first and add. We get "
    """

    def __init__(
        self, config: TestbedConfig, habits: Habits = Habits(), insights: Mapping[str, float] | None = None
    ) -> None:
        """`insights` maps the key of a method to `Habits.right_method_weight` where that method is right."""
        self._config, self._habits, self._methods = config, habits, config.available_methods
        self._insights = insights or {}

    def __call__(self, problem: Problem, rng: np.random.Generator) -> str:
        """Return one response to `problem`, without an end-of-text token."""
        habits, right_method = self._habits, BY_KEY[problem.meta["method"]]
        untried = list(self._methods)
        n_attempts = int(rng.integers(habits.min_attempts, habits.max_attempts + 1))
        sentences = [_draw_phrase("read", rng) + "."] if rng.random() < habits.read_rate else []
        for attempt in range(n_attempts):
            method = self._draw_method(untried, right_method, rng)
            untried.remove(method)
            sentences.append(f"{_draw_phrase('switch' if attempt else 'propose', rng)} {method.name}.")
            text, result = self._write_attempt(method, problem, rng)
            sentences.append(text)
            if rng.random() >= habits.check_rate:
                if rng.random() < habits.skip_rate:
                    sentences.append(_draw_phrase("skip", rng) + ".")
                break
            clue = right_method.stories[problem.meta["story"]].clue
            is_right = method is right_method
            verdict = _draw_phrase("match" if is_right else "reject", rng)
            sentences.append(f"{_draw_phrase('check', rng)}, {_draw_option(CLUE_LEADS, rng)} {clue}, {verdict}.")
            if is_right or rng.random() >= habits.heed_rate:
                break
            if attempt == n_attempts - 1 or not untried:
                return " ".join([*sentences, f"{PHRASES['give up'][0]}, {ANSWER} {result}."])
        if rng.random() < habits.conclude_rate:
            return " ".join([*sentences, f"{_draw_phrase('conclude', rng)} {ANSWER} {result}."])
        return " ".join([*sentences, f"{ANSWER.capitalize()} {result}."])

    def _draw_method(
        self, untried: list[SolutionMethod], right_method: SolutionMethod, rng: np.random.Generator
    ) -> SolutionMethod:
        insight = self._insights.get(right_method.key, self._habits.right_method_weight)
        weights = [insight if method is right_method else 1.0 for method in untried]
        position = rng.random() * sum(weights)
        for method, weight in zip(untried, weights, strict=True):
            position -= weight
            if position < 0:
                return method
        return untried[-1]

    def _write_attempt(self, method: SolutionMethod, problem: Problem, rng: np.random.Generator) -> tuple[str, int]:
        """Return the sentence of an attempt and its result."""
        operations = method.operations(problem.meta["a"], problem.meta["b"])
        result = operations[-1][-1]
        lead, depth = _draw_option(EQUATION_LEADS, rng), self._config.execution
        if depth == 1 and rng.random() < 0.4:
            first_text, second_text = (
                f"{first} {OPERATOR_WORDS[operator]} {second} is {step_result}"
                for operator, first, second, step_result in operations
            )
            return f"{lead} {first_text}, so {second_text}.", result
        first_text, second_text = (
            write_out(first, operator, second, depth) for operator, first, second, _ in operations
        )
        joint = ", so" if depth == 1 else ". Then"
        return f"{lead} {first_text}{joint} {second_text}.", result


def _draw_option(options: tuple[str, ...], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _draw_phrase(kind: str, rng: np.random.Generator) -> str:
    return _draw_option(PHRASES[kind], rng)
