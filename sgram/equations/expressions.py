"""Expressions parsed into trees. Knows nothing about their values, or where they were found.

A tree is a tuple: ("number", value, decimals), ("symbol", name), ("pi",), ("negative", x), ("degrees", x),
("add" | "subtract" | "multiply" | "divide" | "power", x, y), ("root", degree, x), ("call", name, x), ("choose", n, k),
("factorial", x) or ("either", x, y), where the notation has two readings: 2 1/2 is a mixed number or a product, -3^2
is -9 or 9, 5! may be an exclamation.
"""

from collections.abc import Sequence
from fractions import Fraction

from sgram.equations.notation import BINOMIALS, CLOSING, FRACTIONS, OPENING, Piece

Tree = tuple
MAX_SIDE = 160
"""Most pieces of an expression."""
MAX_DEPTH = 24
"""Most brackets, signs and exponents inside one another."""


class NotUnderstoodError(ValueError):
    """What is written is no expression, or one past the limits, or has no value."""


def parse(pieces: Sequence[Piece]) -> Tree:
    """The tree of an expression; `NotUnderstoodError` where it is none or too large. Brackets without a partner at its
    ends are passed over."""
    pieces = _trimmed(pieces)
    if not 0 < len(pieces) <= MAX_SIDE:
        raise NotUnderstoodError(f"{len(pieces)} pieces")
    parser = _Parser(pieces)
    tree = parser.sum()
    if parser.at < len(pieces):
        raise NotUnderstoodError(f"'{pieces[parser.at].text}' is not expected")
    return tree


def _trimmed(pieces: Sequence[Piece]) -> Sequence[Piece]:
    opened, loose = [], []
    for place, piece in enumerate(pieces):
        if piece.text in OPENING:
            opened.append(place)
        elif piece.text in CLOSING:
            if opened:
                opened.pop()
            else:
                loose.append(place)
    first, last = 0, len(pieces)
    while opened and opened[0] == first:
        opened.pop(0)
        first += 1
    while loose and loose[-1] == last - 1:
        loose.pop()
        last -= 1
    return pieces[first:last]


class _Parser:
    """Recursive descent; the grammar's levels are its methods."""

    def __init__(self, pieces: Sequence[Piece]):
        self.pieces, self.at, self.depth = pieces, 0, 0

    def text(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.pieces[place].text if place < len(self.pieces) else ""

    def kind(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.pieces[place].kind if place < len(self.pieces) else ""

    def sum(self) -> Tree:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotUnderstoodError("nested too deeply")
        tree = self.product()
        while self.text() in ("+", "-"):
            name = "add" if self.text() == "+" else "subtract"
            self.at += 1
            tree = (name, tree, self.product())
        self.depth -= 1
        return tree

    def product(self) -> Tree:
        tree = self.signed()
        while True:
            if self.text() == "*":
                self.at += 1
                tree = ("multiply", tree, self.signed())
            elif self.text() == "/":
                self.at += 1
                below = self.signed()
                if self._starts_operand():
                    after = self.signed()  # 12/2(3)
                    both = ("multiply", ("divide", tree, below), after)
                    tree = ("either", both, ("divide", tree, ("multiply", below, after)))
                else:
                    tree = ("divide", tree, below)
            elif self._starts_operand():
                mixed = self._mixed(tree)
                tree = mixed if mixed else ("multiply", tree, self.powered())
            else:
                return tree

    def _starts_operand(self) -> bool:
        if self.kind() == "number":
            touches = self.pieces[self.at].tight and self.pieces[self.at - 1].text in (")", "}", "]")
            return touches or self._is_mixed()
        return self.kind() in ("symbol", "command", "function") or self.text() in ("(", "[", "√", "{")

    def _is_mixed(self) -> bool:
        """Whether a fraction as 1/2 stands after a whole number: 2 1/2."""
        before = self.pieces[self.at - 1]
        return (
            before.kind == "number"
            and before.text.isdigit()
            and self.text().isdigit()
            and self.text(1) == "/"
            and self.kind(2) == "number"
            and not self.pieces[self.at].tight
            and int(self.text()[:9]) < int(self.text(2).partition(".")[0][:9] or 0)
        )

    def _mixed(self, whole: Tree) -> Tree | None:
        if self._is_mixed():
            part = ("divide", self._number(), self._after("/"))
        elif self.text() in FRACTIONS and self.pieces[self.at - 1].kind == "number" and whole[0] == "number":
            part = self.powered()
        else:
            return None
        return ("either", ("add", whole, part), ("multiply", whole, part))

    def _after(self, sign: str) -> Tree:
        if self.text() != sign:
            raise NotUnderstoodError(f"{sign} is missing")
        self.at += 1
        return self._number()

    def signed(self) -> Tree:
        if self.text() in ("-", "+"):
            negative = self.text() == "-"
            self.at += 1
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise NotUnderstoodError("nested too deeply")
            tree = self.signed()
            self.depth -= 1
            if not negative:
                return tree
            if tree[0] == "power" and tree[1][0] == "number":
                return ("either", ("negative", tree), ("power", ("negative", tree[1]), tree[2]))
            return ("negative", tree)
        return self.powered()

    def powered(self) -> Tree:
        base = self.suffixed()
        if self.text() == "^" or self.text() in ("²", "³"):
            if self.text() in ("²", "³"):
                exponent = ("number", Fraction(2 if self.text() == "²" else 3), 0)
                self.at += 1
            else:
                self.at += 1
                if self._degree_mark():
                    return ("degrees", base)
                self.depth += 1
                exponent = self.signed() if self.depth < MAX_DEPTH else self._deep()
                self.depth -= 1
            base = ("power", base, exponent)
            if self.text() == "!":
                raise NotUnderstoodError("a factorial of a power")
        return base

    def _deep(self) -> Tree:
        raise NotUnderstoodError("nested too deeply")

    def _degree_mark(self) -> bool:
        if self.text() == "°":
            self.at += 1
            return True
        if self.text() == "{" and self.text(1) == "°" and self.text(2) == "}":
            self.at += 3
            return True
        return False

    def suffixed(self) -> Tree:
        tree = self.primary()
        while self.text() in ("!", "%", "°"):
            sign = self.text()
            self.at += 1
            if sign == "%":
                tree = ("either", ("divide", tree, ("number", Fraction(100), 0)), tree)
            elif sign == "°":
                tree = ("degrees", tree)
            else:
                whole = ("factorial", tree)
                tree = ("either", whole, tree) if self.at == len(self.pieces) else whole
        return tree

    def primary(self) -> Tree:
        kind, text = self.kind(), self.text()
        if kind == "number":
            return self._number()
        if kind == "symbol":
            self.at += 1
            return ("symbol", text)
        if text in ("(", "[", "{"):
            return self._bracketed()
        if kind == "function" or text == "√":
            return self._function()
        if text in FRACTIONS or text in BINOMIALS:
            self.at += 1
            above = self._group()
            return ("divide" if text in FRACTIONS else "choose", above, self._group())
        if text == r"\sqrt":
            self.at += 1
            degree = self._bracketed() if self.text() == "[" else ("number", Fraction(2), 0)
            return ("root", degree, self._group())
        if text == r"\pi":
            self.at += 1
            return ("pi",)
        raise NotUnderstoodError(f"'{text}' is not expected")

    def _number(self) -> Tree:
        if self.kind() != "number":
            raise NotUnderstoodError("a number is missing")
        written = self.text()
        self.at += 1
        if len(written) > 60:
            raise NotUnderstoodError("a very long number")
        plain = "".join(each for each in written if each.isdigit() or each == ".")
        return ("number", Fraction(plain), len(plain.partition(".")[2]))

    def _bracketed(self) -> Tree:
        close = {"(": ")", "[": "]", "{": "}"}[self.text()]
        self.at += 1
        tree = self.sum()
        if self.text() != close:
            raise NotUnderstoodError(f"{close} is missing")
        self.at += 1
        return tree

    def _group(self) -> Tree:
        """The argument of a TeX command: braces, or the one digit or letter that stands there."""
        if self.text() == "{":
            return self._bracketed()
        written = self.text()
        if self.kind() == "number" and written.isdigit() and len(written) <= 2:
            if len(written) == 1:
                return self._number()
            piece = self.pieces[self.at]  # \frac12
            self.pieces = list(self.pieces)
            self.pieces[self.at] = piece._replace(text=written[1], tight=True)
            return ("number", Fraction(int(written[0])), 0)
        if self.kind() == "symbol" and len(written) == 1:
            self.at += 1
            return ("symbol", written)
        raise NotUnderstoodError("an argument is missing")

    def _function(self) -> Tree:
        name = self.text()
        self.at += 1
        power = None
        if self.text() == "^" and name in ("sin", "cos", "tan"):
            self.at += 1
            power = self._group()
            if power[0] == "negative":
                raise NotUnderstoodError("the inverse of a function")
        if self.text() in ("²", "³") and name in ("sin", "cos", "tan"):
            power = ("number", Fraction(2 if self.text() == "²" else 3), 0)
            self.at += 1
        if self.text() == "^" or self.text() == "_":
            raise NotUnderstoodError("a base or power of a function")
        if self.text() in ("(", "[", "{"):
            argument = self._bracketed()
            if name not in ("√", "sqrt") and self.text() == "°":
                self.at += 1
                argument = ("degrees", argument)
        elif name in ("√", "sqrt"):
            argument = self.primary()
        else:
            argument = self._plain_argument()
        made = ("root", ("number", Fraction(2), 0), argument) if name in ("√", "sqrt") else ("call", name, argument)
        return made if power is None else ("power", made, power)

    def _plain_argument(self) -> Tree:
        """sin 2x: numbers and symbols up to the next sign."""
        tree = self.powered()
        while self.kind() == "symbol" or self.text() == r"\pi":
            tree = ("multiply", tree, self.powered())
        return tree


def free_symbols(tree: Tree) -> frozenset[str]:
    """The names of the symbols in `tree`."""
    if tree[0] == "symbol":
        return frozenset((tree[1],))
    below = [free_symbols(each) for each in tree[1:] if isinstance(each, tuple)]
    return frozenset().union(*below)


def holds(tree: Tree, *kinds: str) -> bool:
    """Whether a node of one of `kinds` is in `tree`."""
    return tree[0] in kinds or any(holds(each, *kinds) for each in tree[1:] if isinstance(each, tuple))
