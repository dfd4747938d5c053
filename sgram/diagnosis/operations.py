"""What a response computes: its equations as operations with results, and the operations behind its answer.

An operation is identified by its key, the left side in one notation; its result is a number. Small numbers coincide by
chance, so the operations behind an answer are a good guess and no proof.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sgram.diagnosis.steps import Step, split_steps
from sgram.equations import Equation, check_equations
from sgram.grading.answers import marked_answer, response_tail
from sgram.grading.unmarked_answers import final_number
from sgram.traces import Trace

MAX_OPERATIONS = 400
"""Most operations of a response; of more, the last ones, because the answer follows from them."""
_TAIL_CHARS = 600
"""Characters at the end of a response in which the answer is named."""
RELATION = re.compile(r"==?|≈|\\approx\b|\\simeq\b|\\doteq\b|≃")
"""A sign between two sides of an equation."""
_NOTE = re.compile(r"<<[^<>\n]*>>")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*([^{}]{1,40})\s*\}\s*\{\s*([^{}]{1,40})\s*\}|(\d)\s*(\d))")
_WORDS = re.compile(r"\\(?:text|textbf|mathrm|mbox)\s*\{[^{}]*\}|[A-Za-z]{2,}/[A-Za-z]+|(?<![\\A-Za-z])[A-Za-z]{2,}")
_MARKS = re.compile(r"\\(?:left|right|boxed|displaystyle|quad|[$()\[\],!;: ])|[$°€£]")
_PERCENT = re.compile(r"\\%|(?<=\d)[ -]per ?cent\b", re.IGNORECASE)
"""A percent sign in LaTeX or in words."""
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
_KEY_CHARACTERS = re.compile(r"[0-9.+\-*/^()!%A-Za-z]|\\sqrt|\\binom")
OPERATOR = re.compile(r"(?<=[0-9).!%])[-+*/^]")
"""An operator between operands of a key."""
_TIMES = re.compile(r"(?<=[\d)]) ?[xX] ?(?=[\d($.])")
_UNIT_SLASH = re.compile(r"/(?=[-+*/)]|$)")
"""The slash of a unit that was left out: 300/book * 4."""
_COMMUTATIVE = re.compile(r"([0-9.]+%?)([+*])([0-9.]+%?)")
_OPERATOR_WORDS = re.compile(
    r"(?<=\d) (?:(?P<plus>plus)|(?P<minus>minus)|(?P<times>times)|(?P<over>divided by)|(?P<equals>equals)) "
    r"(?=-?[$£€]?\d)",
    re.IGNORECASE,
)
_IS = re.compile(
    r"(?P<operation>(?:[+*×·÷]|\\times|\\cdot| - )\s*[$£€]?(?:\d[\d,]*(?:\.\d+)?)) (?P<is>is) "
    r"(?=-?[$£€]?\d[\d,]*(?:\.\d+)?(?![\d,.]*\s*(?:[-+*/×·÷^(=]|\\times|\\cdot|\d|to the\b)))"
)
"""The word "is" between an operation and its result; elsewhere it names a thing ("the term for k = 0 is 2 - 1")."""
_SIGN_OF_WORDS = {"plus": "+", "minus": "-", "times": "*", "over": "/", "equals": "="}
_NAMED_ANSWER = re.compile(
    r"\banswer\b(?: is| was|:| =| are)*[^0-9\n-]{0,40}(-?\$?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?)", re.IGNORECASE
)

EquationFinder = Callable[[str], Sequence[Equation]]
"""Finds and checks the equations of a text."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One equality of a response, at `[start, end)`: an operation and the result that is claimed for it."""

    start: int
    end: int
    key: str
    """The left side in one notation, with percent signs; equal keys are the same operation."""
    numbers: tuple[Fraction, ...]
    """The numbers of the left side."""
    result: Fraction
    """The result that is claimed."""
    verdict: str
    """right, wrong or unchecked."""

    @property
    def text(self) -> str:
        """Operation and result in one notation, such as "6+9 = 15"."""
        return f"{self.key} = {format_fraction(self.result)}"


@dataclass(frozen=True, slots=True)
class Work:
    """What a response computes and answers."""

    steps: tuple[Step, ...]
    equations: tuple[Equation, ...]
    operations: tuple[Operation, ...]
    """The equations that are an operation on numbers with its result."""
    answer: Fraction | None
    """The number that it answers; None if its answer is no number."""

    def step_of(self, position: int | None) -> int | None:
        """Return the index of the step that contains the character at `position`; None if there is none."""
        if position is None or not self.steps:
            return None
        return max(0, bisect_right([step.start for step in self.steps], position) - 1)

    def behind_answer(self) -> tuple[Operation, ...]:
        """Return the operations behind the answer, in order."""
        return operations_behind(self.operations, self.answer)


def extract_work(trace: Trace, find_equations: EquationFinder | None = None) -> Work:
    """Return the work in a response; `find_equations` is `check_equations` by default.

    >>> work = extract_work(Trace(id="1", text="We get 6 + 9 = 15, so 15 times 2 is 30. The answer is 30."))
    >>> [operation.text for operation in work.operations], work.answer
    (['6+9 = 15', '2*15 = 30'], Fraction(30, 1))
    """
    equations = tuple((find_equations or check_equations)(replace_operator_words(trace.text)))
    operations = [operation for equation in equations for operation in _operations(equation)]
    steps = tuple(split_steps(trace.text))
    return Work(steps, equations, tuple(operations[-MAX_OPERATIONS:]), final_answer(trace))


def operations_behind(operations: Sequence[Operation], answer: Fraction | None) -> tuple[Operation, ...]:
    """Return the `operations` that `answer` follows from, in order.

    These are the operations whose result is the answer, those whose results are their numbers, and so on.
    """
    if answer is None:
        return ()
    needed, behind = {answer}, []
    for operation in reversed(operations):
        if operation.result in needed:
            behind.append(operation)
            needed.update(operation.numbers)
    return tuple(reversed(behind))


def final_answer(trace: Trace) -> Fraction | None:
    """Return the number that a response answers; None if it answers none.

    The first of these that is a number: the recorded answer, the marked answer, the number after "the answer is", the
    number in the last statement.

    >>> final_answer(Trace(id="1", text="The answer is 4. No, the answer is $1,005."))
    Fraction(1005, 1)
    """
    named = [match[1] for match in _NAMED_ANSWER.finditer(trace.text[-_TAIL_CHARS:])]
    stated = final_number(response_tail(trace.text) or "")
    for answer in (trace.answer, marked_answer(trace.text), named[-1] if named else None, stated):
        number = None if answer is None else parse_number(answer)
        if number is not None:
            return number
    return None


def replace_operator_words(text: str) -> str:
    """Return `text` with operators written as words replaced by signs; every other character keeps its position.

    >>> replace_operator_words("so 6 times 6 is 36.")
    'so 6 *     6 =  36.'
    """
    return _IS.sub(_equality_of_match, _OPERATOR_WORDS.sub(_sign_of_match, text))


def _equality_of_match(match: re.Match[str]) -> str:
    return match["operation"] + " =  "


def _sign_of_match(match: re.Match[str]) -> str:
    sign = _SIGN_OF_WORDS[match.lastgroup or ""]
    return f" {sign} ".ljust(match.end() - match.start())


def parse_number(text: str) -> Fraction | None:
    """Return the number that `text` is, without the words, units and marks around it; None if it is anything else.

    Of a text with relation signs the last side counts. A percent sign is a unit here: 50% is 50.

    >>> parse_number("x = 1,234 apples"), parse_number("\\\\frac{1}{2}"), parse_number("2x")
    (Fraction(1234, 1), Fraction(1, 2), None)
    """
    plain = _MARKS.sub(" ", _plain(RELATION.split(text[-200:])[-1])).replace("%", " ")
    match = _NUMBER.fullmatch(plain)
    if match is None:
        return None
    sign, numerator, denominator = match.groups()
    if denominator is not None and not Fraction(denominator):
        return None
    number = Fraction(numerator) / Fraction(denominator or 1)
    return -number if sign else number


def format_fraction(number: Fraction) -> str:
    """Return a number as people write it.

    >>> format_fraction(Fraction(1, 3)), format_fraction(Fraction(5, 2)), format_fraction(Fraction(12))
    ('1/3', '2.5', '12')
    """
    if number.denominator > 1 and 10**6 % number.denominator == 0 and abs(number) < 10**6:
        return f"{float(number):.10g}"
    return str(number)


def _operations(equation: Equation) -> list[Operation]:
    """Return the operations of an equation: several if it is a chain, none if it has symbols."""
    sides = RELATION.split(_NOTE.sub(" ", equation.text))
    operations = []
    for left_side, right_side in zip(sides, sides[1:], strict=False):
        result, key = parse_number(right_side), operation_key(left_side, with_percent=True)
        if result is not None and OPERATOR.search(key) and not re.search(r"(?<![\\a-z])[A-Za-z]", key):
            numbers = tuple(map(Fraction, _PLAIN.findall(_plain(left_side))))
            operations.append(Operation(equation.start, equation.end, key, numbers, result, equation.verdict))
    return operations


def _plain(text: str) -> str:
    """Return `text` without words and units, with fractions and signs in one notation."""
    text = _PERCENT.sub("%", _TIMES.sub("*", text))
    text = _THOUSANDS.sub("", _FRACTION.sub(_division, _WORDS.sub(" ", replace_operator_words(text))))
    return _SIGN.sub(lambda match: _SIGNS[match[0]], text)


def _division(match: re.Match[str]) -> str:
    numerator, denominator = (match[1], match[2]) if match[1] is not None else (match[3], match[4])
    return f"({numerator})/({denominator})"


def operation_key(text: str, with_percent: bool = False) -> str:
    """Return an operation in one notation: signs for words and commands, no spaces, units or needless brackets.

    The numbers of a sum or product of two are sorted. `with_percent` keeps percent signs, because 2.5% of a number is
    another result than 2.5 times the number; without it a percent sign is a unit.

    >>> operation_key("16 \\\\text{ pens} \\\\cdot 2"), operation_key("(4) + 5")
    ('2*16', '4+5')
    >>> operation_key("$5,000 * 2.5 percent", with_percent=True), operation_key("100% - 40%")
    ('2.5%*5000', '100-40')
    """
    plain = _MARKS.sub("", _plain(text))
    key = "".join(_KEY_CHARACTERS.findall(plain if with_percent else plain.replace("%", ""))).replace("()", "")
    key = _UNIT_SLASH.sub("", key)
    while key.startswith("(") and key.endswith(")") and not set("()") & set(key[1:-1]):
        key = key[1:-1]
    key = re.sub(r"(?<![A-Za-z])\((\.?\d+(?:\.\d+)?%?)\)", r"\1", key)
    match = _COMMUTATIVE.fullmatch(key)
    if match:
        first, second = sorted((match[1], match[3]), key=lambda number: (len(number), number))
        return f"{first}{match[2]}{second}"
    return key
