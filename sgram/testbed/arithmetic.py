"""Operations written out, from one equation to long hand.

The expansion of an operation is a tree of smaller operations. At depth 1 an operation is one equation; each further
depth writes out the operations that those of the depth before consist of. An operation on two numbers below ten is
not split, except a product, which is a row of additions.
"""

from dataclasses import dataclass

from sgram.testbed.methods import OPERATORS


@dataclass(frozen=True, slots=True)
class WrittenOperation:
    """An equation in a response: ``first operator second = result``.

    >>> WrittenOperation(6, "+", 7, 13).is_correct
    True
    """

    first: int
    operator: str
    second: int
    result: int

    @property
    def operation(self) -> tuple[int, str, int]:
        """The operation without its result."""
        return (self.first, self.operator, self.second)

    @property
    def is_correct(self) -> bool:
        """Whether the result is right."""
        return OPERATORS[self.operator](self.first, self.second) == self.result


def _compute(first: int, operator: str, second: int) -> WrittenOperation:
    return WrittenOperation(first, operator, second, OPERATORS[operator](first, second))


def split_operation(first: int, operator: str, second: int) -> list[WrittenOperation]:
    """Return the smaller operations that give ``first operator second``, in order; none if it is not split.

    >>> [operation.operation for operation in split_operation(47, "+", 38)]
    [(47, '+', 30), (77, '+', 8)]
    """
    if operator == "*":
        return _split_product(first, second)
    parts = _split_digits(second)
    if len(parts) > 1:  # 47 + 38: 47 + 30 = 77, 77 + 8 = 85
        return _chain(first, operator, parts)
    unit = 10 ** (len(str(second)) - 1)
    if operator == "+" and unit > 1 and first % unit == 0 and first < 10 * unit:
        return [_compute(first // unit, operator, second // unit)]  # 40 + 30: 4 + 3 = 7
    digit = first // unit % 10 * unit
    if operator == "+" and first >= 10 * unit and digit + second > 10 * unit:
        return _chain(first, operator, [10 * unit - digit, second - 10 * unit + digit])  # 77 + 8: to 80, then 5
    if operator == "-" and 0 < digit < second:
        return _chain(first, operator, [digit, second - digit])  # 55 - 8: to 50, then 3
    return []


def _split_digits(number: int) -> list[int]:
    """Return a number as a sum by digits: 38 as 30 and 8. Zeros are left out."""
    digits = str(number)
    parts = [int(digit) * 10 ** (len(digits) - 1 - index) for index, digit in enumerate(digits)]
    return [part for part in parts if part] or [0]


def _chain(start: int, operator: str, parts: list[int]) -> list[WrittenOperation]:
    """Return the operations that apply the parts one after the other, zeros left out."""
    operations = []
    for part in parts:
        if part:
            operations.append(_compute(start, operator, part))
            start = operations[-1].result
    return operations


def _split_product(first: int, second: int) -> list[WrittenOperation]:
    parts = _split_digits(second)
    if len(parts) > 1:  # 47 * 38: 47 * 30 = 1410, 47 * 8 = 376, 1410 + 376 = 1786
        return _add_up([_compute(first, "*", part) for part in parts])
    parts = _split_digits(first)
    if len(parts) > 1:
        return _add_up([_compute(part, "*", second) for part in parts])
    if first > 9 or second > 9:  # 40 * 30: 4 * 3 = 12
        return [_compute(int(str(first)[0]), "*", int(str(second)[0]))]
    smaller, larger = sorted((first, second))
    return _chain(larger, "+", [larger] * (smaller - 1))  # 3 * 7: 7 + 7 = 14, 14 + 7 = 21


def _add_up(products: list[WrittenOperation]) -> list[WrittenOperation]:
    """Return partial products and the additions of their results."""
    return products + _chain(products[0].result, "+", [product.result for product in products[1:]])


def list_operations(first: int, operator: str, second: int, depth: int) -> list[WrittenOperation]:
    """Return all operations in an operation written out to `depth`, itself last.

    >>> [operation.result for operation in list_operations(3, "*", 7, depth=2)]
    [14, 21, 21]
    """
    parts = split_operation(first, operator, second) if depth > 1 else []
    operations = [operation for part in parts for operation in list_operations(*part.operation, depth - 1)]
    return [*operations, _compute(first, operator, second)]


def write_out(first: int, operator: str, second: int, depth: int) -> str:
    """Return the text of an operation written out to `depth`.

    >>> write_out(47, "+", 38, depth=2)
    '47 + 38: 47 + 30 = 77, 77 + 8 = 85, so 47 + 38 = 85'
    """
    result = _compute(first, operator, second).result
    operation = f"{first} {operator} {second}"
    parts = split_operation(first, operator, second) if depth > 1 else []
    if not parts:
        return f"{operation} = {result}"
    part_texts = ", ".join(write_out(*part.operation, depth - 1) for part in parts)
    return f"{operation}: {part_texts}, so {operation} = {result}"
