"""Chains of equations found in a text: sides with relation signs between them. Knows nothing about their values.

Around relation signs, the pieces that can belong to an expression make sides; words, sentence ends and list marks
part them. What is not understood makes its side opaque rather than being passed over: an opaque side is never judged.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sgram.equations.notation import (
    BINOMIALS,
    BREAKS,
    CLOSING,
    FRACTIONS,
    FUNCTIONS,
    GLUE,
    GREEK,
    OPENING,
    PIECE,
    RELATIONS,
    SCALES,
    SHORT_UNITS,
    SIGNS,
    SPOILERS,
    Piece,
)

MAX_PARAGRAPH = 20_000
"""A paragraph of more characters is read line by line, and a longer line not at all."""


@dataclass(slots=True)
class Side:
    """What stands on one side of a relation sign; `named` where it is right after a word, perhaps its name."""

    pieces: list[Piece] = field(default_factory=list)
    opaque: bool = False
    """Holds what is not understood."""
    units: bool = False
    """Words after numbers were passed over."""
    named: bool = False

    @property
    def start(self) -> int:
        return self.pieces[0].start

    @property
    def end(self) -> int:
        return self.pieces[-1].end


@dataclass(slots=True)
class Chain:
    """Sides joined by relation signs: `signs[i]` stands between `sides[i]` and `sides[i + 1]`: = or ≈ or ?."""

    sides: list[Side]
    signs: list[str]


def find_chains(text: str) -> Iterator[Chain]:
    """The chains of at least two sides that have pieces, in the order of the text. Linear in its length."""
    start = 0
    for end in _paragraph_ends(text):
        if end >= 0 and end - start <= MAX_PARAGRAPH:
            yield from _chains(text, start, end)
        elif end >= 0:
            for line in re.compile(r"[^\n]+").finditer(text, start, end):
                if line.end() - line.start() <= MAX_PARAGRAPH:
                    yield from _chains(text, *line.span())
        start = abs(end)


def _chains(text: str, start: int, end: int) -> Iterator[Chain]:
    if any(sign in text[start:end] for sign in ("=", "≈", "approx")):
        yield from _Reader(text, start, end).chains()


_PARAGRAPH = re.compile(r"\n[^\S\n]*\n|^[^\S\n]*```.*?(?:^[^\S\n]*```|\Z)", re.MULTILINE | re.DOTALL)


def _paragraph_ends(text: str) -> Iterator[int]:
    """Where paragraphs end; below 0 where a block of code does, which holds no equation."""
    for found in _PARAGRAPH.finditer(text):
        yield found.start()
        if found[0].strip():
            yield -found.end()
    yield len(text)


class _Reader:
    """Reads one paragraph."""

    def __init__(self, text: str, start: int, end: int):
        self.text, self.found = text, []
        spaced = True
        for match in PIECE.finditer(text, start, end):
            kind = match.lastgroup
            if kind in ("space", "deaf", "fence"):
                spaced = spaced or kind == "space"
                continue
            self.found.append((kind, match[0], match.start(), match.end(), not spaced))
            spaced = kind == "break"
        self.side, self.sides, self.signs = Side(), [], []
        self.before, self.depth = "", 0
        self.done: list[Chain] = []

    def chains(self) -> Iterator[Chain]:
        at, found = 0, self.found
        while at < len(found):
            at = self._take(at)
        self._finish()
        yield from self.done

    # -- what a piece does ------------------------------------------------------------------------------

    def _take(self, at: int) -> int:
        """Use the piece at `at`; the place of the next."""
        kind, text, start, end, tight = self.found[at]
        if kind == "number":
            self._operand(Piece("number", text, start, end, tight))
        elif kind == "letter":
            return self._letter(at)
        elif kind == "sign":
            return self._sign(at)
        elif kind == "relation":
            self._relation(RELATIONS.get(text, "?"))
        elif kind == "command":
            return self._command(at)
        elif kind == "word":
            return self._word(at)
        elif kind == "text":
            return self._word(at, inside=text[text.index("{") + 1 : -1])
        elif kind == "break":
            self._break(at)
        elif kind == "calc":
            self.done += list(_Reader(self.text, start + 2, end - 2).chains())
        elif kind == "arrow":
            last = self._last()
            if not (text[0] in ".…" and tight and last and last.kind == "number" and "." in last.text):
                self._finish()  # 13.33… is a number
        else:
            self.side.opaque = True
        return at + 1

    def _operand(self, piece: Piece) -> None:
        self.side.pieces.append(piece)
        self.depth += (piece.text in OPENING) - (piece.text in CLOSING)

    def _letter(self, at: int) -> int:
        _, text, start, end, tight = self.found[at]
        last, after = self._last(), self._peek(at + 1)
        if text[0] in "xX" and len(text) > 1 and tight and last and last.kind == "number":  # 5x3
            self._operand(Piece("sign", "*", start, start + 1, tight))
            self._operand(Piece("number", text[1:], start + 1, end, tight))
            return at + 1
        times = text in ("x", "X") and last and (last.kind == "number" or last.text in ")}]%")
        if times and after and after[0] == "number" and after[4] == tight:
            self._operand(Piece("sign", "*", start, end, tight))
            return at + 1
        if not self.side.pieces and text in ("a", "A", "I") and not (after and after[0] in ("relation", "sign")):
            self.before = text
            return at + 1
        self._operand(Piece("symbol", text, start, end, tight))
        return at + 1

    def _sign(self, at: int) -> int:
        _, text, start, end, tight = self.found[at]
        last, after = self._last(), self._peek(at + 1)
        if text in ",;:?.":
            followed = after and after[0] == "number" and (after[4] or not tight)
            ratio = text == ":" and last and last.kind == "number" and followed  # 3:4 and 3 : 4
            if ratio:
                return self._opaque(at)
            if text == "," and self.depth > 0:
                return self._opaque(at)
            if text == ":" and not self.side.pieces:
                self.before = ":"
                return at + 1
            self._finish(text)
            return at + 1
        line_start = at == 0 or self.found[at - 1][0] == "break" or self.found[at - 1][1] in (".", ":")
        if text in ("-", "*", "+", "–", "**") and line_start and not self.side.pieces and after and not after[4]:
            self.before = "\n"  # the mark of a list, or after a colon perhaps a sign
            return self._opaque(at) if at and self.found[at - 1][1] == ":" else at + 1
        if text == "**":
            power = last and after and tight == after[4] and after[0] in ("number", "letter")
            if not (power and last.kind in ("number", "symbol")):
                return at + 1  # bold
            text = "^"
        if text in ("//", "±", "|", "_", "'"):
            return self._subscript(at) if text == "_" and last and last.kind == "symbol" else self._opaque(at)
        self._operand(Piece("sign", SIGNS.get(text, text), start, end, tight))
        return at + 1

    def _opaque(self, at: int) -> int:
        self.side.opaque = True
        return at + 1

    def _subscript(self, at: int) -> int:
        """Pass over ``_1``, ``_{12}`` after a symbol, whose name they are part of."""
        last, after = self._last(), self._peek(at + 1)
        if after is None:
            return self._opaque(at)
        stop = at + 1
        if after[1] == "{":
            while stop < len(self.found) and stop < at + 12 and self.found[stop][1] != "}":
                stop += 1
            if stop >= len(self.found) or self.found[stop][1] != "}":
                return self._opaque(at)
        end = self.found[stop][3]
        name = last.text + self.text[last.end : end].replace(" ", "")
        self.side.pieces[-1] = Piece("symbol", name, last.start, end, last.tight)
        return stop + 1

    def _relation(self, sign: str) -> None:
        self.sides.append(self.side)
        self.signs.append(sign)
        self._check_left(self.side)
        self._check_brackets(self.side, opening=len(self.sides) == 1, closing=False)
        self.side, self.before, self.depth = Side(), "=", 0

    def _command(self, at: int) -> int:
        _, text, start, end, tight = self.found[at]
        if text in RELATIONS:
            self._relation(RELATIONS[text])
        elif text in BREAKS:
            self._finish()
        elif text in SIGNS:
            self._operand(Piece("sign", SIGNS[text], start, end, tight))
        elif text[1:] in GREEK:
            self._operand(Piece("symbol", text[1:], start, end, tight))
        elif text in FUNCTIONS:
            self._operand(Piece("function", FUNCTIONS[text], start, end, tight))
        elif text in (*FRACTIONS, *BINOMIALS, r"\sqrt", r"\pi"):
            self._operand(Piece("command", text, start, end, tight))
        elif text in (r"\pmod", r"\bmod", r"\mod"):
            for side in (*self.sides, self.side):
                side.opaque = True
        else:
            self.side.opaque = True
        return at + 1

    def _word(self, at: int, inside: str | None = None) -> int:
        """A word is a unit after a number, a name where an operand is due, else the end of an expression."""
        _, text, start, end, tight = self.found[at]
        lower = (text if inside is None else inside.strip()).lower()
        last, side = self._last(), self.side
        if lower in FUNCTIONS and inside is None:
            self._operand(Piece("function", FUNCTIONS[lower], start, end, tight))
            return at + 1
        if not lower:
            return at + 1
        if lower in ("mod", "modulo") or "mod " in lower:
            for each in (*self.sides, side):
                each.opaque = True
            return at + 1
        if lower == "of" and last and (last.text == "%" or self._is_fraction()):
            self._operand(Piece("sign", "*", start, end, False))
            return at + 1
        if lower in ("percent", "\\%") and last and last.kind == "number":
            self._operand(Piece("sign", "%", start, end, False))
            return at + 1
        if lower == "times" and last and (last.kind == "number" or last.text in ")}"):
            self._operand(Piece("sign", "*", start, end, False))
            return at + 1
        if last and last.text == "/" and side.units and lower not in GLUE:
            side.pieces.pop()  # 60 miles / hour
            return at + 1
        names = (
            inside is None
            and lower not in GLUE
            and lower not in SHORT_UNITS
            and (len(text) == 2 or (len(text) == 3 and tight) or (text.isupper() and len(text) < 5))
        )
        if names:
            self._names(text, start, tight)
            return at + 1
        if last and (last.kind == "number" or last.text in (")", "}", "%", "°")):
            stop = self._unit_end(at)
            if stop is not None:
                side.units = True
                return stop
        self._finish(lower)
        return at + 1

    def _names(self, text: str, start: int, tight: bool) -> None:
        """AB is a name, xy a product."""
        if text.isupper():
            self._operand(Piece("symbol", text, start, start + len(text), tight))
            return
        for at, letter in enumerate(text):
            self._operand(Piece("symbol", letter, start + at, start + at + 1, tight or at > 0))

    def _unit_end(self, at: int, per: bool = False) -> int | None:
        """The place after a unit that begins at `at` and has an operator, a relation or the end of a side after it."""
        stop = at
        while stop < len(self.found) and self.found[stop][0] in ("word", "text") and stop < at + 4:
            _, text, *_ = self.found[stop]
            lower = text.lower()
            if self.found[stop][0] == "word" and (lower in GLUE or lower in SCALES or text.isupper()):
                return None
            stop += 1
        after = self._peek(stop)
        below = self._peek(stop + 1)
        if after and after[1] == "/" and below and below[0] in ("word", "text") and not per:
            return self._unit_end(stop + 1, per=True)  # 60 miles / hour
        if after and (
            after[0] == "relation" or after[1] in ("+", "-", "*", "/", "×", "÷", ")", "−", r"\times", r"\cdot")
        ):
            return stop
        return stop if after and after[1] in RELATIONS else None

    def _break(self, at: int) -> None:
        """The end of a line ends a chain unless the next begins, or this ended, with a relation sign."""
        text = self.found[at][1]
        nearby = [one for one in self.found[at + 1 : at + 4] if one[0] != "break"]
        after = nearby[0] if nearby else None
        goes_on = after and (after[0] == "relation" or RELATIONS.get(after[1]))
        sums_on = after and self.signs and after[1] in ("+", "×", r"\times", r"\cdot", "-" if text[0] == "\\" else "+")
        waiting = self.signs and not self.side.pieces
        if not (goes_on or waiting or sums_on):
            self._finish("\n")

    # -- sides ------------------------------------------------------------------------------------------

    def _last(self) -> Piece | None:
        return self.side.pieces[-1] if self.side.pieces else None

    def _peek(self, at: int) -> tuple | None:
        return self.found[at] if at < len(self.found) else None

    def _is_fraction(self) -> bool:
        pieces = self.side.pieces
        return (len(pieces) > 2 and pieces[-2].text == "/") or any(piece.text in FRACTIONS for piece in pieces[-7:])

    def _check_left(self, side: Side) -> None:
        """A side that a word before it may belong to is not understood."""
        if not side.pieces:
            return
        first = side.pieces[0]
        loose = first.text in "+*/^%!" or (first.text == "-" and len(side.pieces) > 1 and not side.pieces[1].tight)
        word = self.before not in ("", "=", "\n", ":", ",", ".", ";", "?")
        named = word and self.before not in GLUE
        side.named = bool(named)
        loose = loose or (named and first.text == "-")
        called = word and first.text in "([" and first.tight  # arctan(3)
        if (loose and word) or called or (first.text in "+*/^%!)]}") or self.before in SPOILERS:
            side.opaque = True

    def _check_brackets(self, side: Side, opening: bool, closing: bool) -> None:
        """A bracket without a partner is passed over where the chain begins (`opening`) or ends (`closing`) only."""
        depth = lowest = 0
        for piece in side.pieces:
            depth += (piece.text in OPENING) - (piece.text in CLOSING)
            lowest = min(lowest, depth)
        if (lowest < 0 and not closing) or (depth - lowest > 0 and not opening):
            side.opaque = True

    def _finish(self, word: str = "") -> None:
        """End the chain, because of `word`."""
        side = self.side
        if self.signs:
            self.sides.append(side)
            self._check_left(side)
            self._check_brackets(side, opening=False, closing=True)
            if word in SCALES or (side.pieces and side.pieces[-1].text in ("+", "-", "*", "/", "^", "(", "[", "{")):
                side.opaque = True
            if sum(bool(each.pieces) for each in self.sides) > 1:
                self.done.append(Chain(self.sides, self.signs))
        tail = side.pieces and side.pieces[-1].kind != "number" and not self.signs and word not in (",", ".", ";", "\n")
        self.side, self.sides, self.signs, self.before, self.depth = Side(), [], [], word, 0
        if tail and side.pieces[-1].text in "+-*/^":
            self.side.opaque = True  # "3 + apples = 5"
