"""The methods of two steps: each first step with each second step, 20 in all, and the stories that tell them.

A story has two clue words. The container tells the first step, what happens tells the second. Each word is shared by
the methods with the same step, so both must be read to know the method. The second step has a constant, because a small
model does not learn to take the right operand of the problem there (docs/testbed.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from sgram.testbed.methods import MethodStep, SolutionMethod, Story


@dataclass(frozen=True, slots=True)
class NamedStep:
    """One step, the word by which a response announces it, and the word by which a story asks for it."""

    name: str
    clue: str
    step: MethodStep


FIRST_STEPS = (
    NamedStep("multiply", "crates", MethodStep("*", "a", "b")),
    NamedStep("triple-first", "shelves", MethodStep("*", "a", "3")),
    NamedStep("triple-second", "trays", MethodStep("*", "b", "3")),
    NamedStep("fourfold-first", "baskets", MethodStep("*", "a", "4")),
    NamedStep("fourfold-second", "tables", MethodStep("*", "b", "4")),
)
SECOND_STEPS = (
    NamedStep("add-five", "found", MethodStep("+", "r", "5")),
    NamedStep("add-score", "given", MethodStep("+", "r", "20")),
    NamedStep("drop-one", "lost", MethodStep("-", "r", "1")),
    NamedStep("drop-three", "stolen", MethodStep("-", "r", "3")),
)
JOINT = "and"
"""The word between both halves of a method's name."""
OPENERS: Mapping[str, tuple[str, ...]] = MappingProxyType({"propose": ("Maybe", "Perhaps", "Possibly")})
"""Planning phrases by kind: the words before an announced method."""


def _make_method(first: NamedStep, second: NamedStep) -> SolutionMethod:
    story = Story(f"In {{a}} {first.clue} are {{b}} {{noun}} each, some {second.clue}.", f"{first.clue} {second.clue}")
    name = f"{first.name} {JOINT} {second.name}"
    return SolutionMethod(f"{first.name}-{second.name}", name, (first.step, second.step), (story,))


@cache
def combine_steps(n_first: int, n_second: int) -> tuple[SolutionMethod, ...]:
    """Return the methods of the first `n_first` first steps, each with the first `n_second` second steps.

    >>> combine_steps(1, 1)[0].name, combine_steps(1, 1)[0].answer(6, 7)
    ('multiply and add-five', 47)
    """
    return tuple(_make_method(first, second) for first in FIRST_STEPS[:n_first] for second in SECOND_STEPS[:n_second])


TWO_STEP_METHODS = combine_steps(len(FIRST_STEPS), len(SECOND_STEPS))
TWO_STEP_BY_KEY: Mapping[str, SolutionMethod] = MappingProxyType({method.key: method for method in TWO_STEP_METHODS})
