"""Parser of expressions into trees.

A tree is a tuple: ("number", value, decimals), ("symbol", name), ("pi",), ("negative", x), ("degrees", x),
("add" | "subtract" | "multiply" | "divide" | "power", x, y), ("root", degree, x), ("call", name, x), ("choose", n, k),
("factorial", x) or ("either", x, y) if the notation has two readings: 2 1/2 is a mixed number or a product, -3^2 is -9
or 9, 5! may be an exclamation.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from sgram.equations.notation import BINOMIALS, CLOSING, FRACTIONS, OPENING, NotationPiece

Tree: TypeAlias = tuple[Any, ...]
MAX_SIDE = 160
"""Pieces of an expression."""
MAX_DEPTH = 24
"""Brackets, signs and exponents inside one another."""


class ExpressionError(ValueError):
    """The notation is not an expression, exceeds the limits, or has no number."""


def parse_expression(pieces: Sequence[NotationPiece]) -> Tree:
    """Return the tree of an expression.

    Brackets without a partner at either end are ignored. Raise `ExpressionError` if the pieces are not an expression
    or exceed the limits.

    >>> from sgram.equations import find_chains
    >>> (chain,) = find_chains("2x + 1 = 7")
    >>> parse_expression(chain.sides[0].pieces)[0], parse_expression(chain.sides[1].pieces)
    ('add', ('number', Fraction(7, 1), 0))
    """
    pieces = _strip_brackets(pieces)
    if not 0 < len(pieces) <= MAX_SIDE:
        raise ExpressionError(f"{len(pieces)} pieces")
    parser = _Parser(pieces)
    tree = parser.sum()
    if parser.index < len(pieces):
        raise ExpressionError(f"'{pieces[parser.index].text}' is not expected")
    return tree


def _strip_brackets(pieces: Sequence[NotationPiece]) -> Sequence[NotationPiece]:
    """Return `pieces` without brackets that have no partner at the start or the end."""
    open_indices: list[int] = []
    unmatched_indices: list[int] = []
    for index, piece in enumerate(pieces):
        if piece.text in OPENING:
            open_indices.append(index)
        elif piece.text in CLOSING:
            if open_indices:
                open_indices.pop()
            else:
                unmatched_indices.append(index)
    start, end = 0, len(pieces)
    while open_indices and open_indices[0] == start:
        open_indices.pop(0)
        start += 1
    while unmatched_indices and unmatched_indices[-1] == end - 1:
        unmatched_indices.pop()
        end -= 1
    return pieces[start:end]


class _Parser:
    """Recursive descent parser with one method for each level of the grammar."""

    def __init__(self, pieces: Sequence[NotationPiece]) -> None:
        self.pieces, self.index, self.depth = pieces, 0, 0

    def text(self, ahead: int = 0) -> str:
        """Return the text of the piece `ahead` of the current one; "" after the last."""
        index = self.index + ahead
        return self.pieces[index].text if index < len(self.pieces) else ""

    def kind(self, ahead: int = 0) -> str:
        """Return the kind of the piece `ahead` of the current one; "" after the last."""
        index = self.index + ahead
        return self.pieces[index].kind if index < len(self.pieces) else ""

    def sum(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError("nested too deeply")
        tree = self.product()
        while self.text() in ("+", "-"):
            name = "add" if self.text() == "+" else "subtract"
            self.index += 1
            tree = (name, tree, self.product())
        self.depth -= 1
        return tree

    def product(self) -> Tree:
        tree = self.signed()
        while True:
            if self.text() == "*":
                self.index += 1
                tree = ("multiply", tree, self.signed())
            elif self.text() == "/":
                self.index += 1
                denominator = self.signed()
                if denominator[0] == "number" and self._starts_power_of_ten():
                    self.index += 1
                    tree = _divide_by_scaled(tree, denominator, self.powered())  # 3 / 5 * 10^14
                elif self._starts_operand():
                    factor = self.signed()  # 12/2(3)
                    left_to_right = ("multiply", ("divide", tree, denominator), factor)
                    tree = ("either", left_to_right, ("divide", tree, ("multiply", denominator, factor)))
                else:
                    tree = ("divide", tree, denominator)
            elif self._starts_comment():
                tree = ("either", ("multiply", tree, self.powered()), tree)
            elif self._starts_operand():
                mixed = self._mixed_number(tree)
                tree = mixed if mixed else ("multiply", tree, self.powered())
            else:
                return tree

    def _starts_power_of_ten(self) -> bool:
        return self.text() == "*" and self.text(1) == "10" and self.text(2) == "^"

    def _starts_comment(self) -> bool:
        """Return whether the current bracket stands apart after a number, as in 64 (2^6): a remark or a factor."""
        follows_number = self.index > 0 and self.pieces[self.index - 1].kind == "number"
        return self.text() == "(" and follows_number and not self.pieces[self.index].tight

    def _starts_operand(self) -> bool:
        if self.kind() == "number":
            touches = self.pieces[self.index].tight and self.pieces[self.index - 1].text in (")", "}", "]")
            return touches or self._is_mixed()
        return self.kind() in ("symbol", "command", "function") or self.text() in ("(", "[", "√", "{")

    def _is_mixed(self) -> bool:
        """Return whether the current piece starts a fraction after a whole number, as in 2 1/2."""
        previous = self.pieces[self.index - 1]
        return (
            previous.kind == "number"
            and previous.text.isdigit()
            and self.text().isdigit()
            and self.text(1) == "/"
            and self.kind(2) == "number"
            and not self.pieces[self.index].tight
            and int(self.text()[:9]) < int(self.text(2).partition(".")[0][:9] or 0)
        )

    def _mixed_number(self, whole: Tree) -> Tree | None:
        if self._is_mixed():
            part: Tree = ("divide", self._number(), self._number_after("/"))
        elif self.text() in FRACTIONS and self.pieces[self.index - 1].kind == "number" and whole[0] == "number":
            part = self.powered()
        else:
            return None
        return ("either", ("add", whole, part), ("multiply", whole, part))

    def _number_after(self, sign: str) -> Tree:
        if self.text() != sign:
            raise ExpressionError(f"{sign} is missing")
        self.index += 1
        return self._number()

    def signed(self) -> Tree:
        if self.text() in ("-", "+"):
            is_negative = self.text() == "-"
            self.index += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ExpressionError("nested too deeply")
            tree = self.signed()
            self.depth -= 1
            if not is_negative:
                return tree
            if tree[0] == "power" and tree[1][0] == "number":
                return ("either", ("negative", tree), ("power", ("negative", tree[1]), tree[2]))
            return ("negative", tree)
        return self.powered()

    def powered(self) -> Tree:
        base = self.suffixed()
        if self.text() == "^" or self.text() in ("²", "³"):
            if self.text() in ("²", "³"):
                exponent: Tree = ("number", Fraction(2 if self.text() == "²" else 3), 0)
                self.index += 1
            else:
                self.index += 1
                if self._skip_degree_sign():
                    return ("degrees", base)
                self.depth += 1
                if self.depth >= MAX_DEPTH:
                    raise ExpressionError("nested too deeply")
                exponent = self.signed()
                self.depth -= 1
            base = ("power", base, exponent)
            if self.text() == "!":
                raise ExpressionError("a factorial of a power")
        return base

    def _skip_degree_sign(self) -> bool:
        """Move past a degree sign in an exponent; return whether there is one."""
        if self.text() == "°":
            self.index += 1
            return True
        if self.text() == "{" and self.text(1) == "°" and self.text(2) == "}":
            self.index += 3
            return True
        return False

    def suffixed(self) -> Tree:
        tree = self.primary()
        while self.text() in ("!", "%", "°"):
            sign = self.text()
            self.index += 1
            if sign == "%":
                tree = ("either", ("divide", tree, ("number", Fraction(100), 0)), tree)
            elif sign == "°":
                tree = ("degrees", tree)
            else:
                factorial = ("factorial", tree)
                tree = ("either", factorial, tree) if self.index == len(self.pieces) else factorial
        return tree

    def primary(self) -> Tree:
        kind, text = self.kind(), self.text()
        if kind == "number":
            return self._number()
        if kind == "symbol":
            self.index += 1
            return ("symbol", text)
        if text in ("(", "[", "{"):
            return self._bracketed()
        if kind == "function" or text == "√":
            return self._function()
        if text in FRACTIONS or text in BINOMIALS:
            self.index += 1
            upper = self._group()
            return ("divide" if text in FRACTIONS else "choose", upper, self._group())
        if text == r"\sqrt":
            self.index += 1
            degree = self._bracketed() if self.text() == "[" else ("number", Fraction(2), 0)
            return ("root", degree, self._group())
        if text == r"\pi":
            self.index += 1
            return ("pi",)
        raise ExpressionError(f"'{text}' is not expected")

    def _number(self) -> Tree:
        if self.kind() != "number":
            raise ExpressionError("a number is missing")
        text = self.text()
        self.index += 1
        if len(text) > 60:
            raise ExpressionError("a very long number")
        digits = "".join(character for character in text if character.isdigit() or character == ".")
        return ("number", Fraction(digits), len(digits.partition(".")[2]))

    def _bracketed(self) -> Tree:
        close = {"(": ")", "[": "]", "{": "}"}[self.text()]
        self.index += 1
        tree = self.sum()
        if self.text() != close:
            raise ExpressionError(f"{close} is missing")
        self.index += 1
        return tree

    def _group(self) -> Tree:
        """Return the argument of a TeX command: a group in braces, or a single digit or letter."""
        if self.text() == "{":
            return self._bracketed()
        text = self.text()
        if self.kind() == "number" and text.isdigit() and len(text) <= 2:
            if len(text) == 1:
                return self._number()
            second_digit = self.pieces[self.index]._replace(text=text[1], tight=True)  # \frac12
            self.pieces = [*self.pieces[: self.index], second_digit, *self.pieces[self.index + 1 :]]
            return ("number", Fraction(int(text[0])), 0)
        if self.kind() == "symbol" and len(text) == 1:
            self.index += 1
            return ("symbol", text)
        raise ExpressionError("an argument is missing")

    def _function(self) -> Tree:
        name = self.text()
        self.index += 1
        power: Tree | None = None
        if self.text() == "^" and name in ("sin", "cos", "tan"):
            self.index += 1
            power = self._group()
            if power[0] == "negative":
                raise ExpressionError("the inverse of a function")
        if self.text() in ("²", "³") and name in ("sin", "cos", "tan"):
            power = ("number", Fraction(2 if self.text() == "²" else 3), 0)
            self.index += 1
        if self.text() == "^" or self.text() == "_":
            raise ExpressionError("a base or power of a function")
        if self.text() in ("(", "[", "{"):
            argument = self._bracketed()
            if name not in ("√", "sqrt") and self.text() == "°":
                self.index += 1
                argument = ("degrees", argument)
        elif name in ("√", "sqrt"):
            argument = self.primary()
        else:
            argument = self._plain_argument()
        if name in ("√", "sqrt"):
            tree: Tree = ("root", ("number", Fraction(2), 0), argument)
        else:
            tree = ("call", name, argument)
        return tree if power is None else ("power", tree, power)

    def _plain_argument(self) -> Tree:
        """Return an argument without brackets, as in sin 2x: numbers and symbols up to the next sign."""
        tree = self.powered()
        while self.kind() == "symbol" or self.text() == r"\pi":
            tree = ("multiply", tree, self.powered())
        return tree


def _divide_by_scaled(tree: Tree, denominator: Tree, power: Tree) -> Tree:
    """Return both readings of a / b * 10^k: the power of ten belongs to b, or it does not."""
    scaled = ("multiply", denominator, power)
    return ("either", ("divide", tree, scaled), ("multiply", ("divide", tree, denominator), power))


def free_symbols(tree: Tree) -> frozenset[str]:
    """Return the names of the symbols in `tree`.

    >>> sorted(free_symbols(("add", ("symbol", "x"), ("multiply", ("symbol", "y"), ("symbol", "x")))))
    ['x', 'y']
    """
    if tree[0] == "symbol":
        return frozenset((tree[1],))
    return frozenset[str]().union(*(free_symbols(operand) for operand in tree[1:] if isinstance(operand, tuple)))


def contains_node(tree: Tree, *kinds: str) -> bool:
    """Return whether `tree` contains a node of one of `kinds`.

    >>> contains_node(("negative", ("pi",)), "pi", "root")
    True
    """
    return tree[0] in kinds or any(contains_node(operand, *kinds) for operand in tree[1:] if isinstance(operand, tuple))
