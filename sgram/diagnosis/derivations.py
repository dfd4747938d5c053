"""How the answer of a response follows from the numbers of its problem, by the computations that it writes.

A derivation starts at the answer and goes back: to the computation that gives it, to those that give its numbers, and
so on, until each number is one of the problem or a constant. It is closed if nothing is missing, and right if each
computation is. A wrong answer with a closed and right derivation has a wrong plan: carrying it out did not fail.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sgram.diagnosis.operations import RELATION, Work, operation_key, parse_number
from sgram.equations import Equation, ExpressionError, Tree, evaluate, find_chains, parse_expression
from sgram.traces import Trace

MAX_COMPUTATIONS = 300
"""Most computations of a response; of more, the last ones."""
MAX_STEPS = 60
"""Most computations of a derivation."""
MAX_KEY_CHARS = 120
_ROUNDING = Fraction(1, 50)
SMALL_CONSTANTS = frozenset(map(Fraction, range(3, 11)))
"""Further numbers that need no source if the computations use all numbers that the problem has in digits."""
CONSTANTS = frozenset(map(Fraction, (1, 2, 7, 12, 24, 60, 100, 365, 1000, 3600)))
"""Numbers that need no source: a half or a double, percent, and units of time and length."""
_OPERATION = re.compile(r"(?<=[0-9).!%])[-+*/^!]|\\\\binom")
_NAMED_OPERATION = re.compile(
    r"[A-Za-z)}][^\S\n]*=[^\S\n]*((?:\\?\$)?\d[\d,.]*(?:[^\S\n]*(?:[-+*/×÷]|\\times|\\div|\\cdot)[^\S\n]*(?:\\?\$)?\d[\d,.]*)+)"
    r"[^\S\n]*(?=\n|\Z)"
)
_NOTE = re.compile(r"<<([^<>\n]*)>>")
_LETTERS = re.compile(r"(?<![\\a-z])[A-Za-z]")
_DIGITS = re.compile(
    r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d{1,15})?(?![\d,])|(?<![\w.,])\d{1,15}(?:\.\d{1,15})?(?!\d)|(?<![\w.])\.\d{1,9}"
)
_WORD = re.compile(r"[a-z]+")
_UNITS_OF_TEN = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
_NUMBER_OF_WORD: Mapping[str, int] = {
    **{word: number for number, word in enumerate((_UNITS_OF_TEN + "seventeen eighteen nineteen twenty").split())},
    **dict(zip("thirty forty fifty sixty seventy eighty ninety hundred".split(), range(30, 101, 10), strict=True)),
    **dict.fromkeys("half halves twice double doubled doubles doubling pair pairs couple both".split(), 2),
    **dict.fromkeys("third thirds thrice triple tripled triples".split(), 3),
    **dict.fromkeys("quarter quarters quadruple".split(), 4),
    **dict.fromkeys("dozen dozens".split(), 12),
    "thousand": 1000,
    "million": 1_000_000,
}


def problem_numbers(prompt: str | None) -> frozenset[Fraction]:
    """Return the numbers that a problem names, in digits or words.

    >>> [str(number) for number in sorted(problem_numbers("Ann has two dozen pens and 1.5 cups."))]
    ['3/2', '2', '12']
    """
    words = _WORD.findall((prompt or "").lower())
    return frozenset(
        digit_numbers(prompt) | {Fraction(_NUMBER_OF_WORD[word]) for word in words if word in _NUMBER_OF_WORD}
    )


def digit_numbers(prompt: str | None) -> frozenset[Fraction]:
    """Return the numbers that a problem has in digits."""
    return frozenset(Fraction(digits.replace(",", "")) for digits in _DIGITS.findall(prompt or ""))


@dataclass(frozen=True, slots=True)
class Computation:
    """An operation on numbers with its result, at `[start, end)`."""

    start: int
    end: int
    key: str
    """The operation in one notation."""
    tree: Tree
    value: Fraction
    """What the operation gives."""
    result: Fraction
    """What the response says that it gives."""

    @property
    def is_right(self) -> bool:
        """Whether the result is the value, its size, or rounded from it."""
        return is_rounded(self.value, self.result) or abs(self.value) == abs(self.result)


def is_rounded(value: Fraction, result: Fraction) -> bool:
    """Return whether `result` is `value`, or rounded or cut from it to 0 or more decimals.

    >>> is_rounded(Fraction(2, 3), Fraction("0.66")), is_rounded(Fraction(5, 2), Fraction(3))
    (True, True)
    """
    if value == result:
        return True
    n_decimals = next((n for n in range(12) if (result * 10**n).denominator == 1), None)
    return n_decimals is not None and abs(value - result) * 10**n_decimals < 1 and value.denominator > 1


def _is_near_rounding(value: Fraction, answer: Fraction) -> bool:
    """Return whether an answer is rounded or cut from `value` and differs by at most `_ROUNDING` of it."""
    return is_rounded(value, answer) and abs(value - answer) <= _ROUNDING * abs(value)


def computations(work: Work, text: str = "") -> list[Computation]:
    """Return the operations of the equations of a response that have one exact value, in order.

    In `text`, an operation that stands alone behind the name of a quantity is one, too: "Left over = 150 - 100".
    """
    results: list[Computation] = []
    for equation in work.equations[-2 * MAX_COMPUTATIONS :]:
        results += _of_equation(equation)
    spans = [(equation.start, equation.end) for equation in work.equations]
    for match in _NAMED_OPERATION.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in spans):
            named = Equation(match.start(1), match.end(1), match[1], "unchecked", "")
            results += _of_sides(named, match[1])
    return sorted(results, key=lambda computation: computation.start)[-MAX_COMPUTATIONS:]


def _of_equation(equation: Equation) -> Iterator[Computation]:
    for note in _NOTE.finditer(equation.text):
        yield from _of_sides(equation, note[1])
    yield from _of_sides(equation, _NOTE.sub(" ", equation.text))


def _of_sides(equation: Equation, text: str) -> Iterator[Computation]:
    sides = RELATION.split(text)
    numbers = [parse_number(side) for side in sides]
    keys = [operation_key(side) for side in sides]
    for index, key in enumerate(keys):
        if not _is_operation(key):
            continue
        results = [number for number in numbers[index + 1 :] if number is not None]
        tree = key_tree(key)
        values = () if tree is None else tree_values(tree)
        if tree is None or not values:
            continue
        value = results[0] if results and results[0] in values else values[0]
        yield Computation(equation.start, equation.end, key, tree, value, results[0] if results else value)


def _is_operation(key: str) -> bool:
    return bool(_OPERATION.search(key)) and len(key) <= MAX_KEY_CHARS and not _LETTERS.search(key)


def key_tree(key: str) -> Tree | None:
    """Return the tree of an operation's key; None if it cannot be read.

    >>> key_tree("6+9")
    ('add', ('number', Fraction(6, 1), 0), ('number', Fraction(9, 1), 0))
    """
    for chain in find_chains(f"{key} = 0"):
        side = chain.sides[0]
        if side.opaque or not side.pieces:
            return None
        try:
            return parse_expression(side.pieces)
        except ExpressionError:
            return None
    return None


def tree_values(tree: Tree) -> tuple[Fraction, ...]:
    """Return the exact numbers of the readings of a tree."""
    try:
        numbers = evaluate(tree)
    except (ExpressionError, OverflowError, ZeroDivisionError):
        return ()
    return tuple(number for number in numbers if isinstance(number, Fraction))


Path = tuple[int, ...]
"""Indices of operands from the root of a tree to one of its numbers."""


def tree_numbers(tree: Tree, path: Path = ()) -> Iterator[tuple[Path, Fraction]]:
    """Yield the path and the number of each leaf of a tree."""
    if tree[0] == "number":
        yield path, tree[1]
    for index, operand in enumerate(tree[1:], 1):
        if isinstance(operand, tuple):
            yield from tree_numbers(operand, (*path, index))


def with_number(tree: Tree, path: Path, number: Fraction) -> Tree:
    """Return `tree` with another number at `path`."""
    if not path:
        return ("number", number, 0)
    return (*tree[: path[0]], with_number(tree[path[0]], path[1:], number), *tree[path[0] + 1 :])


@dataclass(frozen=True, slots=True)
class Derivation:
    """Computations that give an answer, each after those that it needs; the last one gives the answer."""

    steps: tuple[Computation, ...]
    sources: tuple[Mapping[Path, int], ...]
    """For each step, the paths of its numbers that are results, with the index of the step that gives them."""
    from_problem: frozenset[Fraction]
    """Numbers of the problem that it starts from."""
    constants: frozenset[Fraction]
    missing: frozenset[Fraction]
    """Numbers of unknown source."""

    @property
    def is_right(self) -> bool:
        """Whether all of its computations are right."""
        return all(step.is_right for step in self.steps)

    @property
    def is_closed(self) -> bool:
        """Whether each number is a result, one of the problem or a constant, and at least one is of the problem."""
        return not self.missing and bool(self.from_problem)

    def answer_with(self, index: int, result: Fraction | None) -> Fraction | None:
        """Return the answer if the step at `index` gave `result`; None if it cannot be computed."""
        changed: dict[int, Fraction] = {}
        if result is None:
            return None
        changed[index] = result
        for later in range(index + 1, len(self.steps)):
            tree = self.steps[later].tree
            touched = {path: changed[source] for path, source in self.sources[later].items() if source in changed}
            if touched:
                for path, number in touched.items():
                    tree = with_number(tree, path, number)
                values = tree_values(tree)
                if not values:
                    return None
                changed[later] = values[0]
        return changed.get(len(self.steps) - 1)


def derive(work: Work, trace: Trace) -> Derivation | None:
    """Return the derivation of the answer of a response from the numbers of its problem; None without a computation.

    >>> from sgram.diagnosis.operations import extract_work
    >>> prompt = "In each of two crates are 6 old and 9 new pens."
    >>> trace = Trace(id="1", text="6 + 9 = 15, so 15 * 2 = 30. The answer is 30.", prompt=prompt)
    >>> derivation = derive(extract_work(trace), trace)
    >>> [step.key for step in derivation.steps], derivation.is_closed, derivation.is_right
    (['6+9', '2*15'], True, True)
    """
    if work.answer is None:
        return None
    own_computations, numbers = computations(work, trace.text), problem_numbers(trace.prompt)
    derivation = _Deriver(own_computations, numbers).derive(work.answer)
    prompt_numbers = digit_numbers(trace.prompt) - {1}
    if derivation is not None and prompt_numbers and prompt_numbers <= derivation.from_problem:
        small = derivation.missing & SMALL_CONSTANTS
        return replace(derivation, missing=derivation.missing - small, constants=derivation.constants | small)
    return derivation


class _Deriver:
    def __init__(self, steps: Sequence[Computation], numbers: frozenset[Fraction]) -> None:
        self.computations = steps
        self.numbers = numbers
        self.steps: list[Computation] = []
        self.sources: list[dict[Path, int]] = []
        self.index_of: dict[int, int] = {}
        self.from_problem: set[Fraction] = set()
        self.constants: set[Fraction] = set()
        self.missing: set[Fraction] = set()

    def derive(self, answer: Fraction) -> Derivation | None:
        last = self._giver(answer, len(self.computations), is_answer=True)
        if last is None:
            return None
        self._add(last)
        return Derivation(
            tuple(self.steps),
            tuple(self.sources),
            frozenset(self.from_problem),
            frozenset(self.constants),
            frozenset(self.missing),
        )

    def _giver(self, number: Fraction, before: int, is_answer: bool = False) -> int | None:
        """Return the index of the last computation before `before` that gives `number`, a right one if there is one."""
        wrong = None
        for index in range(before - 1, -1, -1):
            step = self.computations[index]
            if before < len(self.computations) and step.end > self.computations[before].start:
                continue
            if step.result == number or (is_answer and _is_near_rounding(step.result, number)):
                if step.is_right:
                    return self._first_of_chain(index)
                wrong = index if wrong is None else wrong
        if wrong is None and not is_answer and number.denominator == 1 and number > 9:
            return self._rounded_giver(number, before)
        return wrong

    def _first_of_chain(self, index: int) -> int:
        """Return the index of the first right computation of the same equation with the same result."""
        step, first = self.computations[index], index
        while first and self.computations[first - 1].start == step.start:
            first -= 1
        chain = self.computations[first : index + 1]
        return first + next(at for at, peer in enumerate(chain) if peer.is_right and peer.result == step.result)

    def _rounded_giver(self, number: Fraction, before: int) -> int | None:
        for index in range(before - 1, -1, -1):
            step = self.computations[index]
            if step.result.denominator > 1 and math.floor(step.result) <= number <= math.ceil(step.result):
                return index
        return None

    def _add(self, index: int) -> int:
        """Add the computation at `index` after those that it needs; return its position among the steps."""
        if index in self.index_of:
            return self.index_of[index]
        step = self.computations[index]
        sources: dict[Path, int] = {}
        for path, number in tree_numbers(step.tree):
            giver = self._giver(number, index) if len(self.steps) < MAX_STEPS else None
            if giver is not None and not (number in self.numbers and not self.computations[giver].is_right):
                sources[path] = self._add(giver)
            elif number in self.numbers or self._is_share(number):
                self.from_problem.add(number)
            elif number in CONSTANTS:
                self.constants.add(number)
            else:
                self.missing.add(number)
        self.steps.append(step)
        self.sources.append(sources)
        self.index_of[index] = len(self.steps) - 1
        return self.index_of[index]

    def _is_share(self, number: Fraction) -> bool:
        """Return whether a number is a percentage of the problem as a share: 0.2, 0.8 or 1.2 of 20 %."""
        return any(number in (share / 100, 1 - share / 100, 1 + share / 100) for share in self.numbers)
