"""Word problems in which one method is right, and their split into train and test.

A problem is a method, one of its stories and two numbers. It is left out if another method in play gives the same
answer, so that a wrong method always fails, or if its answer is out of the range of the settings. The problems and
their split depend only on the digests of their numbers and names, and on the seed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from typing import ClassVar

from sgram.errors import UsageError
from sgram.grading.outcome import Problem, Split
from sgram.testbed.bounds import check_whole_numbers
from sgram.testbed.methods import BY_KEY, METHODS, NOUNS, SolutionMethod, Story
from sgram.testbed.two_step_config import TwoStepConfig
from sgram.testbed.wording import PHRASES

MAX_PROBLEMS = 4000
"""Problems of one testbed in both splits; if more are possible, so many are drawn."""
TEST_PROBLEMS = 120
"""Problems of the test split, or a quarter of all if there are few."""


@dataclass(frozen=True, slots=True)
class TestbedConfig:
    """Settings of the built-in task of stories. Raise `UsageError` if a setting is out of range.

    >>> TestbedConfig(methods=3).largest
    9
    """

    __test__ = False  # for pytest: not a class of tests

    methods: int = 5
    """Number of methods to choose from, 2 to 8: how hard planning is."""
    largest: int = 9
    """Largest number of a problem, 4 to 999: how hard execution is."""
    execution: int = 1
    """How far arithmetic is written out, 1 to 4: one equation a step, partial results, partial results of those, ..."""
    seed: int = 0
    """Seed of the problems and their split."""

    all_methods: ClassVar[tuple[SolutionMethod, ...]] = METHODS
    methods_by_key: ClassVar[Mapping[str, SolutionMethod]] = BY_KEY
    phrases: ClassVar[Mapping[str, tuple[str, ...]]] = PHRASES
    highest_answer: ClassVar[int | None] = None

    def __post_init__(self) -> None:
        bounds = (("methods", 2, len(METHODS)), ("largest", 4, 999), ("execution", 1, 4), ("seed", 0, 2**32 - 1))
        check_whole_numbers("testbed", self, bounds)

    @property
    def available_methods(self) -> tuple[SolutionMethod, ...]:
        """The methods in play."""
        return METHODS[: self.methods]


AnyConfig = TestbedConfig | TwoStepConfig
"""Settings of a testbed; their type is its family of problems, solver, tokenizer and warm-up (`families`)."""


@cache
def make_problems(config: AnyConfig) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Return (train, test): distinct problems in an order drawn by the seed.

    >>> train, test = make_problems(TestbedConfig())
    >>> len(train), len(test)
    (422, 120)
    """
    stories = [(method, story) for method in config.available_methods for story in range(len(method.stories))]
    n_numbers = config.largest - 1
    n_possible = len(stories) * n_numbers**2
    codes: Iterable[int]
    if n_possible <= 4 * MAX_PROBLEMS:
        codes = sorted(range(n_possible), key=lambda code: _draw(config.seed, "order", code))
    else:
        codes = dict.fromkeys(_draw(config.seed, "draw", draw) % n_possible for draw in range(4 * MAX_PROBLEMS))
    problems: list[Problem] = []
    for code in codes:
        quotient, b = divmod(code, n_numbers)
        story_index, a = divmod(quotient, n_numbers)
        problem = make_problem(config, *stories[story_index], a + 2, b + 2)
        if problem is not None:
            problems.append(problem)
        if len(problems) == MAX_PROBLEMS:
            break
    n_test = min(TEST_PROBLEMS, len(problems) // 4)
    return tuple(problems[n_test:]), tuple(problems[:n_test])


def _draw(seed: int, purpose: str, number: int) -> int:
    """Return 64 bits that depend on the arguments only."""
    return int.from_bytes(blake2b(f"{seed} {purpose} {number}".encode(), digest_size=8).digest(), "big")


def question_template(story: Story) -> str:
    """Return the text of a problem with the fields {a}, {b} and {noun}.

    >>> question_template(METHODS[0].stories[0])
    'In each of two crates are {a} old and {b} new {noun}. How many {noun}?'
    """
    return f"{story.text} How many {{noun}}?"


def make_problem(
    config: AnyConfig, method: SolutionMethod, story: int, a: int, b: int, noun: str | None = None
) -> Problem | None:
    """Return the problem; None if its answer is out of range, or if another method in play gives the same answer.

    If `noun` is None, it is the noun that the problem has in its split. A problem with another noun has another id.

    >>> make_problem(TestbedConfig(), METHODS[0], 0, 6, 7).id, make_problem(TestbedConfig(), METHODS[0], 0, 3, 3)
    ('double-0-6-7', None)
    """
    answer = method.answer(a, b)
    if config.highest_answer is not None and not 1 <= answer <= config.highest_answer:
        return None
    if any(rival.answer(a, b) == answer for rival in config.available_methods if rival != method):
        return None
    name = f"{method.key}-{story}-{a}-{b}"
    own_noun = NOUNS[_draw(0, name, 0) % len(NOUNS)]
    noun = noun or own_noun
    text = question_template(method.stories[story]).format(a=a, b=b, noun=noun)
    meta = {"method": method.key, "story": story, "a": a, "b": b}
    return Problem(name if noun == own_noun else f"{name}-{noun}", f"{text}\n", str(answer), meta)


def problems_in_split(config: AnyConfig, split: Split) -> tuple[Problem, ...]:
    """Return the problems of one split. Raise `UsageError` if the split is unknown."""
    if split not in ("train", "test"):
        raise UsageError(f"testbed: unknown split {split!r}; expected train or test")
    train, test = make_problems(config)
    return test if split == "test" else train
