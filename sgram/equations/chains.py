"""Chains of equations in a text: sides with relation signs between them.

Around relation signs, the pieces that can belong to an expression form sides; words, sentence ends and list marks
separate them. A side with notation that is not supported becomes opaque rather than losing that piece: an opaque side
is never checked.
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
    NOTATION,
    OPENING,
    RELATIONS,
    SCALES,
    SHORT_UNITS,
    SIGNS,
    SPOILERS,
    NotationPiece,
)

MAX_PARAGRAPH = 20_000
"""Characters of a paragraph. A longer one is read line by line, and longer lines are skipped."""


@dataclass(slots=True)
class Side:
    """One side of a relation sign."""

    pieces: list[NotationPiece] = field(default_factory=list)
    opaque: bool = False
    """Whether it contains notation that is not supported."""
    units: list[str] = field(default_factory=list)
    """Words after numbers that were skipped as units, in small letters."""
    named: bool = False
    """Whether it directly follows a word, which may be its name."""

    @property
    def start(self) -> int:
        """Offset of the first piece."""
        return self.pieces[0].start

    @property
    def end(self) -> int:
        """Offset after the last piece."""
        return self.pieces[-1].end


@dataclass(slots=True)
class Chain:
    """Sides joined by relation signs: `signs[i]`, which is =, ≈ or ?, is between `sides[i]` and `sides[i + 1]`."""

    sides: list[Side]
    signs: list[str]


def find_chains(text: str) -> Iterator[Chain]:
    """Yield the chains of `text` that have at least two sides with pieces, in order. Linear in its length.

    >>> text = "A pen costs 12 / 4 = 3 dollars."
    >>> [[text[side.start : side.end] for side in chain.sides] for chain in find_chains(text)]
    [['12 / 4', '3']]
    """
    start = 0
    for end in _paragraph_ends(text):
        if end >= 0 and end - start <= MAX_PARAGRAPH:
            yield from _paragraph_chains(text, start, end)
        elif end >= 0:
            for line in re.compile(r"[^\n]+").finditer(text, start, end):
                if line.end() - line.start() <= MAX_PARAGRAPH:
                    yield from _paragraph_chains(text, *line.span())
        start = abs(end)


def _paragraph_chains(text: str, start: int, end: int) -> Iterator[Chain]:
    if any(sign in text[start:end] for sign in ("=", "≈", "approx")):
        yield from _ParagraphReader(text, start, end).chains()


_OVERLINES = (r"\overline", r"\bar", r"\dot")
_FORMULA_START = re.compile(r"(?:(?:\\\[|\\\(|&|\\begin\{[a-z*]{1,12}\})\s*|\$[^\S\n]*)\Z")
_FUNCTION_OF_SYMBOL = re.compile(r"(?:sin|cos|tan|cot|sec|csc|log|ln)(?:[α-ωΑ-Ω]|[xyzABC])")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n|^[^\S\n]*```.*?(?:^[^\S\n]*```|\Z)", re.MULTILINE | re.DOTALL)


def _paragraph_ends(text: str) -> Iterator[int]:
    """Yield the offsets at which paragraphs end; negative for a block of code, which is skipped."""
    for match in _PARAGRAPH.finditer(text):
        yield match.start()
        if match[0].strip():
            yield -match.end()
    yield len(text)


class _ParagraphReader:
    """Splits one paragraph into chains, in a single pass over its pieces."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.pieces: list[NotationPiece] = []
        has_space = True
        for match in NOTATION.finditer(text, start, end):
            kind = match.lastgroup or ""
            if kind in ("space", "ignored", "fence"):
                has_space = has_space or kind == "space"
                continue
            self.pieces.append(NotationPiece(kind, match[0], match.start(), match.end(), not has_space))
            has_space = kind == "break"
        self.side = Side()
        self.sides: list[Side] = []
        self.signs: list[str] = []
        self.before = ""
        """The word or mark before the current side."""
        self.depth = 0
        """Brackets that are open in the current side."""
        self.finished: list[Chain] = []

    def chains(self) -> Iterator[Chain]:
        """Yield the chains of the paragraph."""
        index = 0
        while index < len(self.pieces):
            index = self._read(index)
        self._finish()
        yield from self.finished

    # -- one method for each kind of piece; each returns the index of the next piece -------------------------

    def _read(self, index: int) -> int:
        piece = self.pieces[index]
        kind, text = piece.kind, piece.text
        if kind == "number":
            self._append(piece)
        elif kind == "letter":
            return self._read_letter(index)
        elif kind == "sign":
            return self._read_sign(index)
        elif kind == "relation":
            self._add_relation(RELATIONS.get(text, "?"))
        elif kind == "command":
            return self._read_command(index)
        elif kind == "word":
            return self._read_word(index)
        elif kind == "text":
            return self._read_word(index, inside=text[text.index("{") + 1 : -1])
        elif kind == "break":
            self._read_break(index)
        elif kind == "calc":
            self.finished += list(_ParagraphReader(self.text, piece.start + 2, piece.end - 2).chains())
        elif kind == "arrow":
            last = self._last()
            if not (text[0] in ".…" and piece.tight and last and last.kind == "number" and "." in last.text):
                self._finish()  # 13.33… is a number
        else:
            self.side.opaque = True
        return index + 1

    def _append(self, piece: NotationPiece) -> None:
        self.side.pieces.append(piece)
        self.depth += (piece.text in OPENING) - (piece.text in CLOSING)

    def _read_letter(self, index: int) -> int:
        _, text, start, end, tight = self.pieces[index]
        last, following = self._last(), self._peek(index + 1)
        if text[0] in "xX" and len(text) > 1 and tight and last and last.kind == "number":  # 5x3
            self._append(NotationPiece("sign", "*", start, start + 1, tight))
            self._append(NotationPiece("number", text[1:], start + 1, end, tight))
            return index + 1
        is_times = text in ("x", "X") and last and (last.kind == "number" or last.text in ")}]%")
        if is_times and following and following.kind == "number" and following.tight == tight:
            self._append(NotationPiece("sign", "*", start, end, tight))
            return index + 1
        is_operand = following and (following.kind in ("relation", "sign", "command", "function"))
        is_article = text in ("a", "A", "I") and not is_operand
        if is_article and not self.side.pieces:
            self.before = text
            return index + 1
        self._append(NotationPiece("symbol", text, start, end, tight))
        return index + 1

    def _read_sign(self, index: int) -> int:
        _, text, start, end, tight = self.pieces[index]
        last, following = self._last(), self._peek(index + 1)
        if text in ",;:?.":
            has_number = following and following.kind == "number" and (following.tight or not tight)
            if text == ":" and last and last.kind == "number" and has_number:  # 3:4 and 3 : 4
                return self._mark_opaque(index)
            if text == "," and self.depth > 0:
                return self._mark_opaque(index)
            if text == "." and following and following.text in _OVERLINES:  # 0.\overline{3}
                return self._mark_opaque(index)
            if text == ":" and not self.side.pieces:
                self.before = ":"
                return index + 1
            self._finish(text)
            return index + 1
        previous = self.pieces[index - 1] if index else None
        starts_line = previous is None or previous.kind == "break" or previous.text in (".", ":")
        is_mark = text in ("-", "*", "+", "–", "**") and starts_line and not self.side.pieces
        is_mark = is_mark and not _FORMULA_START.search(self.text, max(0, start - 40), start)
        if is_mark and following and not following.tight:
            self.before = "\n"  # the mark of a list, or after a colon perhaps a sign
            return self._mark_opaque(index) if previous and previous.text == ":" else index + 1
        if text == "**":
            if not (
                last
                and last.kind in ("number", "symbol")
                and following
                and following.tight == tight
                and following.kind in ("number", "letter")
            ):
                return index + 1  # bold
            text = "^"
        if text in ("//", "±", "|", "_", "'"):
            is_subscript = text == "_" and last and last.kind == "symbol"
            return self._read_subscript(index) if is_subscript else self._mark_opaque(index)
        self._append(NotationPiece("sign", SIGNS.get(text, text), start, end, tight))
        return index + 1

    def _mark_opaque(self, index: int) -> int:
        self.side.opaque = True
        return index + 1

    def _read_subscript(self, index: int) -> int:
        """Add a subscript, ``_1`` or ``_{12}``, to the name of the symbol before it."""
        last, following = self._last(), self._peek(index + 1)
        if last is None or following is None:
            return self._mark_opaque(index)
        stop = index + 1
        if following.text == "{":
            while stop < len(self.pieces) and stop < index + 12 and self.pieces[stop].text != "}":
                stop += 1
            if stop >= len(self.pieces) or self.pieces[stop].text != "}":
                return self._mark_opaque(index)
        end = self.pieces[stop].end
        name = last.text + self.text[last.end : end].replace(" ", "")
        self.side.pieces[-1] = NotationPiece("symbol", name, last.start, end, last.tight)
        return stop + 1

    def _add_relation(self, sign: str) -> None:
        self.sides.append(self.side)
        self.signs.append(sign)
        self._check_start(self.side)
        self._check_brackets(self.side, opening=len(self.sides) == 1, closing=False)
        self.side, self.before, self.depth = Side(), "=", 0

    def _read_command(self, index: int) -> int:
        _, text, start, end, tight = self.pieces[index]
        if text in RELATIONS:
            self._add_relation(RELATIONS[text])
        elif text in BREAKS:
            self._finish()
        elif text in SIGNS:
            self._append(NotationPiece("sign", SIGNS[text], start, end, tight))
        elif text[1:] in GREEK:
            self._append(NotationPiece("symbol", text[1:], start, end, tight))
        elif text in FUNCTIONS:
            self._append(NotationPiece("function", FUNCTIONS[text], start, end, tight))
        elif text in (*FRACTIONS, *BINOMIALS, r"\sqrt", r"\pi"):
            self._append(NotationPiece("command", text, start, end, tight))
        elif text in (r"\pmod", r"\bmod", r"\mod"):
            self._mark_all_opaque()
        else:
            self.side.opaque = True
        return index + 1

    def _mark_all_opaque(self) -> None:
        """Mark every side of the chain as opaque, because it is an equation of remainders."""
        for side in (*self.sides, self.side):
            side.opaque = True

    def _read_word(self, index: int, inside: str | None = None) -> int:
        """Read a word: a unit after a number, a name where an operand is expected, else the end of an expression.

        `inside` is the content of a TeX text command.
        """
        _, text, start, end, tight = self.pieces[index]
        lower = (text if inside is None else inside.strip()).lower()
        last, side = self._last(), self.side
        if lower in FUNCTIONS and inside is None:
            self._append(NotationPiece("function", FUNCTIONS[lower], start, end, tight))
            return index + 1
        if not lower:
            return index + 1
        if inside is None and _FUNCTION_OF_SYMBOL.fullmatch(text):  # 3sinθ
            return self._mark_opaque(index)
        if lower in ("mod", "modulo") or "mod " in lower:
            self._mark_all_opaque()
            return index + 1
        if lower == "of" and last and (last.text == "%" or self._is_fraction()):
            self._append(NotationPiece("sign", "*", start, end, False))
            return index + 1
        if lower in ("percent", "\\%") and last and last.kind == "number":
            self._append(NotationPiece("sign", "%", start, end, False))
            return index + 1
        if lower == "times" and last and (last.kind == "number" or last.text in ")}"):
            self._append(NotationPiece("sign", "*", start, end, False))
            return index + 1
        if last and last.text == "/" and side.units and lower not in GLUE:
            side.pieces.pop()  # 60 miles / hour
            return index + 1
        is_name = (
            inside is None
            and lower not in GLUE
            and lower not in SHORT_UNITS
            and (len(text) == 2 or (len(text) == 3 and tight) or (text.isupper() and len(text) < 5))
        )
        if is_name:
            self._append_name(text, start, tight)
            return index + 1
        if last and (last.kind == "number" or last.text in (")", "}", "%", "°")):
            stop = self._unit_end(index)
            if stop is not None:
                side.units.append(" ".join(piece.text.lower() for piece in self.pieces[index:stop]))
                return stop
        following = self._peek(index + 1)
        is_inside = inside is not None and following and following.text in ("(", r"\sqrt", *FRACTIONS)
        side.opaque = side.opaque or bool(is_inside)
        self._finish(lower)
        self.side.opaque = self.side.opaque or bool(is_inside)  # 13.6 \text{ eV} (1/4 - 1/9)
        return index + 1

    def _append_name(self, text: str, start: int, tight: bool) -> None:
        """Append a name in capitals, AB, as one symbol, and small letters, xy, as a product."""
        if text.isupper():
            self._append(NotationPiece("symbol", text, start, start + len(text), tight))
            return
        for offset, letter in enumerate(text, start):
            self._append(NotationPiece("symbol", letter, offset, offset + 1, tight or offset > start))

    def _unit_end(self, index: int, is_per: bool = False) -> int | None:
        """Return the index after a unit at `index`; None if no operator, relation or end of a side follows it.

        `is_per` is true for the unit after a slash.
        """
        stop = index
        while stop < len(self.pieces) and self.pieces[stop].kind in ("word", "text") and stop < index + 4:
            word = self.pieces[stop]
            lower = word.text.lower()
            if word.kind == "word" and (lower in GLUE or lower in SCALES or word.text.isupper()):
                return None
            stop += 1
        following, second = self._peek(stop), self._peek(stop + 1)
        if following is None:
            return None
        if following.text == "/" and second and second.kind in ("word", "text") and not is_per:
            return self._unit_end(stop + 1, is_per=True)  # 60 miles / hour
        ends_side = following.kind == "relation" or following.text in RELATIONS
        if ends_side or following.text in ("+", "-", "*", "/", "×", "÷", ")", "−", r"\times", r"\cdot"):
            return stop
        return None

    def _read_break(self, index: int) -> None:
        """End the chain at the end of a line, unless a relation sign ends this line or starts the next."""
        nearby = [piece for piece in self.pieces[index + 1 : index + 4] if piece.kind != "break"]
        following = nearby[0] if nearby else None
        is_waiting = self.signs and not self.side.pieces
        if following is None:
            continues = False
        else:
            minus = "-" if self.pieces[index].text.startswith("\\\\") else "+"
            continues_sum = self.signs and following.text in ("+", "×", r"\times", r"\cdot", minus)
            continues = bool(following.kind == "relation" or RELATIONS.get(following.text) or continues_sum)
        if not (continues or is_waiting):
            self._finish("\n")

    # -- sides ------------------------------------------------------------------------------------------

    def _last(self) -> NotationPiece | None:
        return self.side.pieces[-1] if self.side.pieces else None

    def _peek(self, index: int) -> NotationPiece | None:
        return self.pieces[index] if index < len(self.pieces) else None

    def _is_fraction(self) -> bool:
        pieces = self.side.pieces
        return (len(pieces) > 2 and pieces[-2].text == "/") or any(piece.text in FRACTIONS for piece in pieces[-7:])

    def _check_start(self, side: Side) -> None:
        """Mark a side as opaque if the word before it may be part of it."""
        if not side.pieces:
            return
        first = side.pieces[0]
        is_loose = first.text in "+*/^%!" or (first.text == "-" and len(side.pieces) > 1 and not side.pieces[1].tight)
        follows_word = self.before not in ("", "=", "\n", ":", ",", ".", ";", "?")
        side.named = follows_word and self.before not in GLUE
        is_loose = is_loose or (side.named and first.text == "-")
        is_call = follows_word and first.text in "([" and first.tight  # arctan(3)
        if (is_loose and follows_word) or is_call or (first.text in "+*/^%!)]}") or self.before in SPOILERS:
            side.opaque = True

    def _check_brackets(self, side: Side, opening: bool, closing: bool) -> None:
        """Mark a side as opaque if a bracket has no partner.

        Such a bracket is allowed at the start of a chain (`opening`) and at its end (`closing`).
        """
        depth = lowest = 0
        for piece in side.pieces:
            depth += (piece.text in OPENING) - (piece.text in CLOSING)
            lowest = min(lowest, depth)
        if (lowest < 0 and not closing) or (depth - lowest > 0 and not opening):
            side.opaque = True

    def _finish(self, word: str = "") -> None:
        """End the chain at `word`, a word or a mark; "" at an arrow or at the end."""
        side = self.side
        if self.signs:
            self.sides.append(side)
            self._check_start(side)
            self._check_brackets(side, opening=False, closing=True)
            if word in SCALES or (side.pieces and side.pieces[-1].text in ("+", "-", "*", "/", "^", "(", "[", "{")):
                side.opaque = True
            if sum(bool(chain_side.pieces) for chain_side in self.sides) > 1:
                self.finished.append(Chain(self.sides, self.signs))
        last = side.pieces[-1] if side.pieces else None
        was_expression = last and last.kind != "number" and not self.signs and word not in (",", ".", ";", "\n")
        self.side, self.sides, self.signs, self.before, self.depth = Side(), [], [], word, 0
        if was_expression and last and last.text in "+-*/^":
            self.side.opaque = True  # "3 + apples = 5"
