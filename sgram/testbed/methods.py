"""The solution methods that a word problem may ask for, and their stories.

A method computes an answer from two numbers in two steps. A story contains a clue, words that no story of another
method contains, so the method can be read off the story.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OPERATORS = MappingProxyType({"+": int.__add__, "-": int.__sub__, "*": int.__mul__})


@dataclass(frozen=True, slots=True)
class MethodStep:
    """One operation of a method.

    An operand is "a" or "b", the numbers of the problem, "r", the result of the step before, or a number.
    """

    operator: str
    first: str
    second: str

    def operands(self, number_of: Mapping[str, int]) -> tuple[int, int]:
        """Return the two numbers of the operation; `number_of` has those of "a", "b" and "r".

        >>> MethodStep("*", "r", "3").operands({"r": 13})
        (13, 3)
        """
        first, second = (
            number_of[operand] if operand in number_of else int(operand) for operand in (self.first, self.second)
        )
        return first, second


@dataclass(frozen=True, slots=True)
class Story:
    """The text of a problem, with the words in it that tell the method."""

    text: str
    """With fields {a}, {b} and {noun}."""
    clue: str


@dataclass(frozen=True, slots=True)
class SolutionMethod:
    """A method to compute an answer from two numbers."""

    key: str
    name: str
    """The words by which a response announces it: 1 to 6 words that can follow "let's try to"."""
    steps: tuple[MethodStep, MethodStep]
    stories: tuple[Story, ...]

    def operations(self, a: int, b: int) -> list[tuple[str, int, int, int]]:
        """Return (operator, first operand, second operand, result) of each step on the numbers `a` and `b`.

        >>> METHODS[0].name
        'add both and then double'
        >>> METHODS[0].operations(6, 7)
        [('+', 6, 7, 13), ('*', 13, 2, 26)]
        """
        number_of = {"a": a, "b": b}
        operations = []
        for step in self.steps:
            first, second = step.operands(number_of)
            number_of["r"] = OPERATORS[step.operator](first, second)
            operations.append((step.operator, first, second, number_of["r"]))
        return operations

    def answer(self, a: int, b: int) -> int:
        """Return the answer for the numbers `a` and `b`."""
        return self.operations(a, b)[-1][-1]


def _method(
    key: str, name: str, steps: str, first_story: tuple[str, str], second_story: tuple[str, str]
) -> SolutionMethod:
    """Return the method of steps such as "a + b, r * 2" and of stories given as (clue, text)."""
    first_step, second_step = (
        MethodStep(operator, first, second) for first, operator, second in map(str.split, steps.split(","))
    )
    stories = (Story(first_story[1], first_story[0]), Story(second_story[1], second_story[0]))
    return SolutionMethod(key, name, (first_step, second_step), stories)


METHODS = (
    _method(
        "double",
        "add both and then double",
        "a + b, r * 2",
        ("two crates", "In each of two crates are {a} old and {b} new {noun}."),
        ("a pair", "In each of a pair of boxes are {a} old and {b} new {noun}."),
    ),
    _method(
        "gain",
        "multiply and add the first",
        "a * b, r + a",
        ("found", "In {a} boxes are {b} {noun} each, and {a} more are found."),
        ("extra", "With {a} trays of {b} {noun} come {a} extra {noun}."),
    ),
    _method(
        "loss",
        "take the product minus the first",
        "a * b, r - a",
        ("lost", "In {a} boxes are {b} {noun} each, but {a} are lost."),
        ("broken", "Of {a} trays of {b} {noun}, {a} {noun} are broken."),
    ),
    _method(
        "repeat",
        "double the first and add",
        "a * 2, r + b",
        ("again", "First come {a} {noun}, then {a} again, then {b} others."),
        ("once more", "First come {a} {noun}, then {a} once more, then {b} others."),
    ),
    _method(
        "square",
        "square the first and add",
        "a * a, r + b",
        ("a square", "In a square are {a} by {a} {noun}, and {b} others."),
        ("rows", "In rows are {a} by {a} {noun}, and {b} others."),
    ),
    _method(
        "spare",
        "raise the first and multiply",
        "a + 1, r * b",
        ("a gift", "In {a} boxes are {b} {noun} each, and a gift is one box more."),
        ("spare", "With {a} trays of {b} {noun} comes one spare tray."),
    ),
    _method(
        "triple",
        "triple the sum of both",
        "a + b, r * 3",
        ("three shelves", "In each of three shelves are {a} old and {b} new {noun}."),
        ("a trio", "In each of a trio of boxes are {a} old and {b} new {noun}."),
    ),
    _method(
        "hands",
        "use the second twice and add",
        "b * 2, r + a",
        ("each hand", "On a table are {a} {noun}, and in each hand are {b}."),
        ("both sides", "First come {a} {noun}, and on both sides are {b}."),
    ),
)
"""All methods; a testbed with n methods has the first n."""

BY_KEY: Mapping[str, SolutionMethod] = MappingProxyType({method.key: method for method in METHODS})
NOUNS = ("pens", "cards", "coins", "shells")
