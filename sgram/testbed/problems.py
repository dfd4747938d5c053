"""Word problems in which one method is right, and their split. Knows nothing about responses.

A problem is a method, one of its stories and two numbers. It is left out where another method in play gives the
same answer, so that the wrong method always fails. Which problems there are and in which split each is depends
on the digest of its name and the seed alone.
"""

from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

from sgram.errors import UsageError
from sgram.grading.outcome import Problem, Split
from sgram.testbed.methods import METHODS, NOUNS, Method

MAX_PROBLEMS = 4000
"""Problems of one testbed, of both splits; of more that are possible, as many are drawn."""
TEST_PROBLEMS = 120
"""Problems held out, a quarter where there are few."""


@dataclass(frozen=True, slots=True)
class TestbedConfig:
    """What the built-in task asks for."""

    __test__ = False  # no class of tests, whatever its name

    methods: int = 5
    """Number of methods to choose from, 2 to 8: how hard planning is."""
    largest: int = 9
    """Largest number of a problem, 4 to 999: how hard execution is."""
    execution: int = 1
    """How far arithmetic is written out, 1 to 4: one equation a step, partial results, partial results of those, ..."""
    seed: int = 0
    """Draws the problems and their split."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("methods", 2, len(METHODS)),
            ("largest", 4, 999),
            ("execution", 1, 4),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise UsageError(f"testbed: {name} is a whole number from {low} to {high}, not {value!r}")


def methods_of(config: TestbedConfig) -> tuple[Method, ...]:
    """The methods in play."""
    return METHODS[: config.methods]


@cache
def make_problems(config: TestbedConfig) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """(train, test): problems in an order drawn by the seed, none of them twice."""
    space = [(method, story) for method in methods_of(config) for story in range(len(method.stories))]
    n_numbers = config.largest - 1
    n_all = len(space) * n_numbers**2
    if n_all <= 4 * MAX_PROBLEMS:
        places = sorted(range(n_all), key=lambda place: _drawn(config.seed, "order", place))
    else:
        places = dict.fromkeys(_drawn(config.seed, "draw", draw) % n_all for draw in range(4 * MAX_PROBLEMS))
    made = []
    for place in places:
        place, b = divmod(place, n_numbers)
        place, a = divmod(place, n_numbers)
        problem = _problem(config, *space[place], a + 2, b + 2)
        if problem is not None:
            made.append(problem)
        if len(made) == MAX_PROBLEMS:
            break
    n_test = min(TEST_PROBLEMS, len(made) // 4)
    return tuple(made[n_test:]), tuple(made[:n_test])


def _drawn(seed: int, what: str, number: int) -> int:
    return int.from_bytes(blake2b(f"{seed} {what} {number}".encode(), digest_size=8).digest(), "big")


def _problem(config: TestbedConfig, method: Method, story: int, a: int, b: int) -> Problem | None:
    """The problem, or None where another method gives its answer too."""
    answer = method.answer(a, b)
    if any(other.answer(a, b) == answer for other in methods_of(config) if other is not method):
        return None
    name = f"{method.key}-{story}-{a}-{b}"
    noun = NOUNS[_drawn(0, name, 0) % len(NOUNS)]
    text = method.stories[story].text.format(a=a, b=b, noun=noun)
    meta = {"method": method.key, "story": story, "a": a, "b": b}
    return Problem(name, f"{text} How many {noun}?\n", str(answer), meta)


def problems_of(config: TestbedConfig, split: Split) -> tuple[Problem, ...]:
    """The problems of one split."""
    if split not in ("train", "test"):
        raise UsageError(f"testbed: the splits are train and test, not {split!r}")
    return make_problems(config)[split == "test"]
