"""Texts of a proposer: problems, most of them easy with small numbers, and texts that are no problems."""

from collections import Counter
from collections.abc import Sequence
from string import Formatter
from typing import TypeVar

import numpy as np

from sgram.testbed.methods import NOUNS, SolutionMethod
from sgram.testbed.problems import make_problem, question_template
from sgram.testbed.question_reader import QUESTION_FAULTS, SMALLEST
from sgram.testbed.roles_config import RolesConfig

UNKNOWN_NOUNS = ("hats", "rings")
"""Nouns that no problem has."""
Source = tuple[SolutionMethod, int]
"""A method, and the index of one of its stories."""
_T = TypeVar("_T")


class ProposerTexts:
    """A writer of questions; each call draws from the generator that it gets.

    >>> ProposerTexts(RolesConfig()).write_problem(np.random.default_rng(0))
    'Of 2 trays of 2 cards, 2 cards are broken. How many cards?'
    """

    def __init__(self, config: RolesConfig, is_skewed: bool = True) -> None:
        """`is_skewed`: by the weights of `config`; otherwise methods and numbers are equally frequent."""
        self._config, self._methods = config, config.available_methods
        weights = np.array(config.proposed[: len(self._methods)] if is_skewed else [1.0] * len(self._methods))
        self._method_shares = weights / weights.sum()
        self._numbers = range(SMALLEST, config.largest + 1)
        decays = (config.number_decay if is_skewed else 1.0) ** np.arange(len(self._numbers))
        self._number_shares = decays / decays.sum()

    def draw_source(self, rng: np.random.Generator) -> Source:
        """Return a method and one of its stories."""
        method = self._methods[int(rng.choice(len(self._methods), p=self._method_shares))]
        return method, int(rng.integers(len(method.stories)))

    def write_problem(self, rng: np.random.Generator, source: Source | None = None) -> str:
        """Return the text of a problem, by default from a method and story drawn by `draw_source`."""
        method, story = source or self.draw_source(rng)
        while True:
            a, b = self._draw_numbers(rng)
            problem = make_problem(self._config, method, story, a, b, _draw(NOUNS, rng))
            if problem is not None:
                return str(problem.prompt).strip()

    def write_faulty(
        self, rng: np.random.Generator, source: Source | None = None, fault: str | None = None
    ) -> tuple[str, str]:
        """Return a text that is no problem, and its fault; by default the faults are equally frequent.

        Where no two numbers are ambiguous for a method, its text is a contradiction instead.
        """
        method, story = source or self.draw_source(rng)
        fault, (a, b) = fault or _draw(QUESTION_FAULTS, rng), self._draw_numbers(rng)
        if fault == "ambiguous":
            ambiguous = [
                (first, second)
                for first in self._numbers
                for second in self._numbers
                if make_problem(self._config, method, story, first, second) is None
            ]
            if ambiguous:
                a, b = _draw(ambiguous, rng)
            else:
                fault = "contradiction"
        if fault == "range":
            wrong = _draw((SMALLEST - 1, *range(self._config.largest + 1, self._config.largest + 4)), rng)
            a, b = (wrong, b) if rng.random() < 0.5 else (a, wrong)
        template = question_template(method.stories[story])
        if fault == "unreadable":
            template = _drop_word(template, rng)
        noun = _draw(UNKNOWN_NOUNS if fault == "noun" else NOUNS, rng)
        text_of = {"a": str(a), "b": str(b), "noun": noun}
        parts = [(words, field or "") for words, field, _, _ in Formatter().parse(template)]
        texts = [text_of.get(field, "") for _, field in parts]
        if fault == "contradiction":
            repeated = Counter(field for _, field in parts if field)
            index = _draw([index for index, (_, field) in enumerate(parts) if repeated[field] > 1], rng)
            options = NOUNS if parts[index][1] == "noun" else tuple(map(str, self._numbers))
            texts[index] = _draw([option for option in options if option != texts[index]], rng)
        return "".join(words + text for (words, _), text in zip(parts, texts, strict=True)), fault

    def _draw_numbers(self, rng: np.random.Generator) -> tuple[int, int]:
        a, b = rng.choice(np.array(self._numbers), size=2, p=self._number_shares)
        return int(a), int(b)


def _drop_word(template: str, rng: np.random.Generator) -> str:
    """Return `template` without one of its words; fields stay."""
    words = template.split()
    dropped = _draw([index for index, word in enumerate(words) if "{" not in word], rng)
    return " ".join(words[:dropped] + words[dropped + 1 :])


def _draw(options: Sequence[_T], rng: np.random.Generator) -> _T:
    return options[int(rng.integers(len(options)))]
