"""What a response computes: its equations as operations with results, and those that its answer rests on.

Knows nothing about siblings or kinds of errors. An operation is told by its key, the left side in one form of writing;
its result by its value. Small numbers meet by chance, so that what the answer rests on is a good guess, no proof.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sgram.diagnosis.steps import Step, split_steps
from sgram.equations.equations import Equation, check_equations
from sgram.grading.answers import marked_answer, tail
from sgram.grading.stated import stated_number
from sgram.traces import Trace

MAX_OPERATIONS = 400
"""Operations of a response that are kept: the last ones, of which the answer is made."""
_TAIL = 600
_RELATION = re.compile(r"==?|≈|\\approx\b|\\simeq\b|\\doteq\b|≃")
_NOTE = re.compile(r"<<[^<>\n]*>>")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*([^{}]{1,40})\s*\}\s*\{\s*([^{}]{1,40})\s*\}|(\d)\s*(\d))")
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox)\s*\{[^{}]*\}|[A-Za-z]{2,}/[A-Za-z]+|(?<![\\A-Za-z])[A-Za-z]{2,}")
_MARKS = re.compile(r"\\(?:left|right|boxed|displaystyle|quad|[$%()\[\],!;: ])|[$%°€£]")
_SIGNS = {
    "\\times": "*",
    "\\cdot": "*",
    "\\div": "/",
    "×": "*",
    "·": "*",
    "∙": "*",
    "⋅": "*",
    "÷": "/",
    "−": "-",
    "–": "-",
    "**": "^",
    "{": "(",
    "}": ")",
    "[": "(",
    "]": ")",
}
_SIGN = re.compile("|".join(map(re.escape, sorted(_SIGNS, key=len, reverse=True))))
_THOUSANDS = re.compile(r"(?<=\d)(?:,|\{,\}|\\,)(?=\d{3}(?!\d))")
_DIGITS = r"(?:\d{1,40}(?:\.\d{1,40})?|\.\d{1,40})"
_NUMBER = re.compile(rf"[\s()]*(-?)[\s()]*({_DIGITS})[\s()]*(?:/[\s()]*({_DIGITS})[\s()]*)?[.:;]?\s*")
_PLAIN = re.compile(rf"(?<![\w.]){_DIGITS}(?!\w)")
_KEPT = re.compile(r"[0-9.+\-*/^()!%A-Za-z]|\\sqrt|\\binom")
_OPERATOR = re.compile(r"(?<=[0-9).!%])[-+*/^]")
_PAIR = re.compile(r"([0-9.]+)([+*])([0-9.]+)")
_SPOKEN = re.compile(
    r"(?<=\d) (?:(?P<plus>plus)|(?P<minus>minus)|(?P<times>times)|(?P<over>divided by)|(?P<is>is|equals)) "
    r"(?=-?[$£€]?\d)",
    re.IGNORECASE,
)
_SPOKEN_SIGNS = {"plus": "+", "minus": "-", "times": "*", "over": "/", "is": "="}
_SAID = re.compile(
    r"\banswer\b(?: is| was|:| =| are)*[^0-9\n-]{0,40}(-?\$?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?)", re.IGNORECASE
)

Checker = Callable[[str], Sequence[Equation]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One equality of a response, at `[start, end)`: an operation and the result that is claimed for it."""

    start: int
    end: int
    key: str
    """The left side in one form of writing; equal keys are the same operation."""
    numbers: tuple[Fraction, ...]
    """The numbers of the left side."""
    value: Fraction
    """The result that is claimed."""
    verdict: str
    """right, wrong or unchecked."""

    @property
    def said(self) -> str:
        """Operation and result in one form of writing."""
        return f"{self.key} = {shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Work:
    """What a response computes and answers."""

    steps: tuple[Step, ...]
    equations: tuple[Equation, ...]
    operations: tuple[Operation, ...]
    """Those of the equations that are an operation on numbers and its result."""
    answer: Fraction | None
    """The number that it answers, None where it answers none."""

    def step_of(self, place: int | None) -> int | None:
        """Index of the step that holds the character at `place`."""
        if place is None or not self.steps:
            return None
        return max(0, bisect_right([step.start for step in self.steps], place) - 1)

    def behind_answer(self) -> tuple[Operation, ...]:
        """The operations that the answer rests on, in order: those that give it, those that give their numbers, ..."""
        return resting(self.operations, self.answer)


def work_of(trace: Trace, check: Checker | None = None) -> Work:
    """The work in a response; `check` finds its equations, by default `check_equations`."""
    equations = tuple((check or check_equations)(spoken(trace.text)))
    operations = [each for equation in equations for each in _operations(equation)]
    steps = tuple(split_steps(trace.text))
    return Work(steps, equations, tuple(operations[-MAX_OPERATIONS:]), answered(trace))


def resting(operations: Sequence[Operation], answer: Fraction | None) -> tuple[Operation, ...]:
    """The `operations` that `answer` rests on, in order."""
    if answer is None:
        return ()
    needed, found = {answer}, []
    for operation in reversed(operations):
        if operation.value in needed:
            found.append(operation)
            needed.update(operation.numbers)
    return tuple(reversed(found))


def answered(trace: Trace) -> Fraction | None:
    """The number that a response answers: told, marked, said to be the answer, or that of its last statement."""
    said = [found[1] for found in _SAID.finditer(trace.text[-_TAIL:])]
    stated = stated_number(tail(trace.text) or "")
    for told in (trace.answer, marked_answer(trace.text), said[-1] if said else None, stated):
        value = None if told is None else value_of(told)
        if value is not None:
            return value
    return None


def spoken(text: str) -> str:
    """`text` with operations that are said in words written in signs, all other characters in their place.

    "6 times 6 is 36" becomes "6 *     6 =  36".
    """
    return _SPOKEN.sub(_signed, text)


def _signed(found: re.Match[str]) -> str:
    return f" {_SPOKEN_SIGNS[found.lastgroup]} ".ljust(found.end() - found.start())


def value_of(text: str) -> Fraction | None:
    """The number that `text` is, words, units and marks around it passed over; None where it is anything else.

    Of a text with relation signs the last side counts: "x = 5" is 5.
    """
    plain = _MARKS.sub(" ", _plain(_RELATION.split(text[-200:])[-1]))
    found = _NUMBER.fullmatch(plain)
    if found is None:
        return None
    sign, above, below = found.groups()
    if below is not None and not Fraction(below):
        return None
    value = Fraction(above) / Fraction(below or 1)
    return -value if sign else value


def shown(value: Fraction) -> str:
    """A number for people: 1/3, 2.5, 12."""
    if value.denominator > 1 and 10**6 % value.denominator == 0 and abs(value) < 10**6:
        return f"{float(value):.10g}"
    return str(value)


def _operations(equation: Equation) -> list[Operation]:
    """The operations of an equation, a chain of which holds several; one with symbols is none."""
    sides = _RELATION.split(_NOTE.sub(" ", equation.text))
    found = []
    for left, right in zip(sides, sides[1:], strict=False):
        value, key = value_of(right), key_of(left)
        if value is not None and _OPERATOR.search(key) and not re.search(r"(?<![\\a-z])[A-Za-z]", key):
            numbers = tuple(map(Fraction, _PLAIN.findall(_plain(left))))
            found.append(Operation(equation.start, equation.end, key, numbers, value, equation.verdict))
    return found


def _plain(text: str) -> str:
    """`text` with words and units left out, fractions and signs in one form."""
    text = _THOUSANDS.sub("", _FRACTION.sub(_fraction, _WORDS.sub(" ", spoken(text))))
    return _SIGN.sub(lambda found: _SIGNS[found[0]], text)


def _fraction(found: re.Match[str]) -> str:
    above, below = (found[1], found[2]) if found[1] is not None else (found[3], found[4])
    return f"({above})/({below})"


def key_of(text: str) -> str:
    """The one form of an operation: signs for words and commands, no spaces and units, 3+2 as 2+3."""
    key = "".join(_KEPT.findall(_MARKS.sub("", _plain(text)))).replace("()", "")
    while key.startswith("(") and key.endswith(")") and not set("()") & set(key[1:-1]):
        key = key[1:-1]
    key = re.sub(r"(?<![A-Za-z])\((\.?\d+(?:\.\d+)?)\)", r"\1", key)
    pair = _PAIR.fullmatch(key)
    if pair:
        first, second = sorted((pair[1], pair[3]), key=lambda number: (len(number), number))
        return f"{first}{pair[2]}{second}"
    return key
