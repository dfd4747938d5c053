"""How an operation is written out, from one equation to long hand. Knows nothing about problems or words.

An expansion is a tree: an operation rests on smaller ones. At depth 1 it is one equation; each further depth
writes out the operations that those of the depth before rest on. An operation on two numbers below ten rests on
nothing, but a product of them, which is a row of additions.
"""

from dataclasses import dataclass

from sgram.testbed.methods import OPERATORS


@dataclass(frozen=True, slots=True)
class Equation:
    """``left operator right = result``."""

    left: int
    operator: str
    right: int
    result: int

    @property
    def operation(self) -> tuple[int, str, int]:
        """What is computed, without the result."""
        return (self.left, self.operator, self.right)

    @property
    def holds(self) -> bool:
        """Whether the result is right."""
        return OPERATORS[self.operator](self.left, self.right) == self.result


def _solved(left: int, operator: str, right: int) -> Equation:
    return Equation(left, operator, right, OPERATORS[operator](left, right))


def rests_on(left: int, operator: str, right: int) -> list[Equation]:
    """The smaller operations from which one gets ``left operator right``, in order; none where it is known by heart."""
    if operator == "*":
        return _product(left, right)
    parts = _places(right)
    if len(parts) > 1:  # 47 + 38: 47 + 30 = 77, 77 + 8 = 85
        return _chained(left, operator, parts)
    unit = 10 ** (len(str(right)) - 1)
    if operator == "+" and unit > 1 and left % unit == 0 and left < 10 * unit:
        return [_solved(left // unit, operator, right // unit)]  # 40 + 30: 4 + 3 = 7
    digit = left // unit % 10 * unit
    if operator == "+" and left >= 10 * unit and digit + right > 10 * unit:
        return _chained(left, operator, [10 * unit - digit, right - 10 * unit + digit])  # 77 + 8: to 80, then 5
    if operator == "-" and 0 < digit < right:
        return _chained(left, operator, [digit, right - digit])  # 55 - 8: to 50, then 3
    return []


def _places(number: int) -> list[int]:
    """38 as 30 and 8; a place of 0 is passed over."""
    digits = str(number)
    parts = [int(digit) * 10 ** (len(digits) - 1 - at) for at, digit in enumerate(digits)]
    return [part for part in parts if part] or [0]


def _chained(left: int, operator: str, parts: list[int]) -> list[Equation]:
    done = []
    for part in parts:
        if part:
            done.append(_solved(left, operator, part))
            left = done[-1].result
    return done


def _product(left: int, right: int) -> list[Equation]:
    for number, other, turned in ((right, left, False), (left, right, True)):
        parts = _places(number)
        if len(parts) > 1:  # 47 * 38: 47 * 30 = 1410, 47 * 8 = 376, 1410 + 376 = 1786
            made = [_solved(part, "*", other) if turned else _solved(other, "*", part) for part in parts]
            return made + _chained(made[0].result, "+", [each.result for each in made[1:]])
    if left > 9 or right > 9:  # 40 * 30: 4 * 3 = 12
        return [_solved(int(str(left)[0]), "*", int(str(right)[0]))]
    less, more = sorted((left, right))
    return _chained(more, "+", [more] * (less - 1))  # 3 * 7: 7 + 7 = 14, 14 + 7 = 21


def equations(left: int, operator: str, right: int, depth: int) -> list[Equation]:
    """All equations that writing an operation out to `depth` takes, the operation itself last."""
    below = rests_on(left, operator, right) if depth > 1 else []
    done = [each for part in below for each in equations(*part.operation, depth - 1)]
    return [*done, _solved(left, operator, right)]


def written(left: int, operator: str, right: int, depth: int) -> str:
    """The operation written out to `depth`: ``47 + 38: 47 + 30 = 77, 77 + 8 = 85, so 47 + 38 = 85``."""
    final = _solved(left, operator, right)
    said = f"{left} {operator} {right}"
    below = rests_on(left, operator, right) if depth > 1 else []
    if not below:
        return f"{said} = {final.result}"
    parts = ", ".join(written(*part.operation, depth - 1) for part in below)
    return f"{said}: {parts}, so {said} = {final.result}"
