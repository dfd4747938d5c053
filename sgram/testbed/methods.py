"""The methods that a word problem may ask for, and their stories. Knows nothing about solving or judging.

Each method takes two numbers to one by two steps. A story holds a clue, words that no story of another method
holds, so the method can be read off the story.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OPERATORS = MappingProxyType({"+": int.__add__, "-": int.__sub__, "*": int.__mul__})


@dataclass(frozen=True, slots=True)
class Step:
    """One operation; an operand is "a" or "b", a number of the problem, "r", the result before, or a number itself."""

    operator: str
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Story:
    """A wording of a problem, with the words in it that tell the method."""

    text: str
    """With fields {a}, {b} and {noun}."""
    clue: str


@dataclass(frozen=True, slots=True)
class Method:
    """A way from two numbers to an answer."""

    key: str
    name: str
    """What a response says to announce it: 1 to 6 words, fit to follow "let's try to"."""
    steps: tuple[Step, Step]
    stories: tuple[Story, Story]

    def operations(self, a: int, b: int) -> list[tuple[str, int, int, int]]:
        """(operator, left, right, result) of each step on the numbers `a` and `b`."""
        known, done = {"a": a, "b": b}, []
        for step in self.steps:
            left, right = (known[each] if each in known else int(each) for each in (step.left, step.right))
            known["r"] = OPERATORS[step.operator](left, right)
            done.append((step.operator, left, right, known["r"]))
        return done

    def answer(self, a: int, b: int) -> int:
        """What the method makes of `a` and `b`."""
        return self.operations(a, b)[-1][-1]


def _method(key: str, name: str, steps: str, *stories: tuple[str, str]) -> Method:
    first, second = (Step(operator, left, right) for left, operator, right in map(str.split, steps.split(",")))
    return Method(key, name, (first, second), tuple(Story(text, clue) for clue, text in stories))


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
"""All methods; a testbed of n methods has the first n."""

BY_KEY: Mapping[str, Method] = MappingProxyType({method.key: method for method in METHODS})
NOUNS = ("pens", "cards", "coins", "shells")
