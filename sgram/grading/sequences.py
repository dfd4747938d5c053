r"""Answers of several parts: sets, ordered lists, matrices, intervals and inequalities, taken apart as text."""

import re
from dataclasses import dataclass
from itertools import product
from typing import Literal

from sgram.grading.notation import closing_brace, strip_marks

_MAX_SIGNS = 3
MAX_ITEMS = 60
"""Items of the longest list that is taken apart."""
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_AND = re.compile(
    r"(?:,\s*)?(?<![A-Za-z])(?:and|or|und|et|oder)(?![A-Za-z])|\s+&\s+|\\(?:wedge|vee|land|lor)(?![a-zA-Z])"
)
_NAME = (
    r"(?:[A-Za-z]|\\(?!frac|sqrt|times|cdot|pm|in\b|le|ge|ne|infty|cup|cap|sin|cos|tan|ln|log|exp|pi\b|text)[a-zA-Z]+)"
    r"(?:['′]+|\\prime)?(?:_(?:\{[^{}]{1,20}\}|\w|\\[a-zA-Z]+))?(?:\^\{?\\?(?:prime|\*)\}?)?"
)
_LEFT_SIDE = re.compile(
    rf"^(?:{_NAME}(?:\s*\(\s*[A-Za-z](?:\s*,\s*[A-Za-z])*\s*\))?|\\?[A-Za-z]{{1,4}}|\\angle\s*[A-Z]{{1,3}}|"
    rf"(?:[A-Za-z]+ ){{0,5}}[A-Za-z]+|\(\s*{_NAME}(?:\s*,\s*{_NAME})+\s*\)|\|?{_NAME}\|?|{_NAME}\s*[+*/-]\s*{_NAME})$"
)
_RELATION = re.compile(r"\\le(?![a-zA-Z])|\\ge(?![a-zA-Z])|\\ne(?![a-zA-Z])|<|>")
_SIDES = {"<": (False, False), "\\le": (False, True), ">": (True, False), "\\ge": (True, True)}
_MATRIX = re.compile(r"^\\begin\{([pbBv]?matrix|array)\}(?:\{[^{}]*\})?(.*)\\end\{\1\}$", re.DOTALL)
_UNION = re.compile(r"\\cup(?![a-zA-Z])|(?<=[)\]])\s*(?:[Uu]|or|and)\s*(?=[(\[])")

Kind = Literal["tuple", "set", "list", "brackets", "matrix"]


@dataclass(frozen=True, slots=True)
class Sequence:
    """Items as text, and how they are written: ``(a, b)``, ``{a, b}``, ``a, b`` or ``[a, b]``; a matrix by rows."""

    kind: Kind
    items: tuple[str, ...]
    shape: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval with its ends as text."""

    low: str
    high: str
    has_low: bool
    has_high: bool


def split_top(text: str, separators: str = ",;") -> list[str]:
    """Return the parts of `text` between separators outside of all brackets.

    >>> split_top("(1,2), (3,4)")
    ['(1,2)', '(3,4)']
    """
    parts, depth, start, position = [], 0, 0, 0
    while position < len(text):
        character = text[position]
        if character == "\\":
            if text[position : position + 2] in ("\\{", "\\}"):
                depth += 1 if text[position + 1] == "{" else -1
            position += 2
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(0, depth - 1)
        elif character in separators and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
        position += 1
    return [*parts, text[start:].strip()]


def right_side(text: str) -> tuple[str, str]:
    r"""Return (left side, right side) of an answer such as ``x = 7``; ("", text) if it has no such left side.

    Of several equalities the last side is the right one.

    >>> right_side("x = 3 + 4 = 7"), right_side("x^2 = 4")
    (('x', '7'), ('', 'x^2 = 4'))
    """
    sides = split_top(text, "=")
    if len(sides) > 1 and sides[-1] and not _RELATION.search(text) and _LEFT_SIDE.match(sides[0].strip()):
        return sides[0].strip(), strip_marks(sides[-1])
    if len(sides) > 1 and not sides[0] and sides[-1]:
        return "", strip_marks(sides[-1])
    member = re.match(rf"^({_NAME})\s*(?:\\in(?![a-zA-Z])|\\approx(?![a-zA-Z]))\s*(.+)$", text, re.DOTALL)
    if member:
        return member[1], strip_marks(member[2])
    label = re.match(r"^([A-Za-z][A-Za-z ]{0,40}):\s*(\S.*)$", text, re.DOTALL)
    return (label[1], strip_marks(label[2])) if label else ("", text)


def parse_sequence(text: str) -> Sequence | None:
    r"""Return the items of a list, a set or a matrix; None if `text` is a single answer.

    >>> parse_sequence("\\{1, 2\\}"), parse_sequence("3 and 4").items, parse_sequence("7")
    (Sequence(kind='set', items=('1', '2'), shape=None), ('3', '4'), None)
    """
    matrix = _MATRIX.match(text)
    if matrix:
        rows = [[cell.strip() for cell in row.split("&")] for row in re.split(r"\\\\", matrix[2]) if row.strip()]
        if not rows or len({len(row) for row in rows}) > 1:
            return None
        return _bounded(Sequence("matrix", tuple(cell for row in rows for cell in row), (len(rows), len(rows[0]))))
    if text.startswith("\\{") and text.endswith("\\}") and _closes(text):
        inner = text[2:-2].strip()
        if re.search(r"\\mid(?![a-zA-Z])|\||:", inner):
            return None
        return _bounded(Sequence("set", tuple(_expand(split_top(_AND.sub(",", inner))))))
    if "\\pm" in text and len(expanded := _expand([text])) > 1 and len(split_top(text)) == 1:
        return _bounded(Sequence("list", tuple(expanded)))
    for opening, kind in (("(", "tuple"), ("[", "brackets")):
        if text.startswith(opening) and text.endswith(_PAIRS[opening]) and _closes(text):
            items = split_top(text[1:-1])
            if len(items) > 1 and all(items):
                return _bounded(Sequence("tuple" if kind == "tuple" else "brackets", tuple(items)))
    items = _expand([item.strip() for part in split_top(text) for item in _AND.split(part) if item.strip()])
    return _bounded(Sequence("list", tuple(items))) if len(items) > 1 else None


def parse_intervals(text: str) -> list[Interval] | None:
    r"""Return the intervals of a range, a union or inequalities, in the order written; None if `text` is none of them.

    >>> parse_intervals("x < 2")
    [Interval(low='-\\infty', high='2', has_low=False, has_high=False)]
    >>> parse_intervals("(0,9)\\cup(9,36)")[1].high
    '36'
    """
    text = _set_builder(text.strip())
    if re.fullmatch(r"(?:[a-zA-Z]\s*\\in\s*)?\\mathbb\{R\}|all real numbers|R", text):
        return [Interval("-\\infty", "\\infty", False, False)]
    text = re.sub(rf"^{_NAME}\s*\\in(?![a-zA-Z])\s*", "", text)
    intervals: list[Interval] = []
    for part in _UNION.split(text):
        interval = _bracketed(part.strip())
        if interval is None:
            intervals = []
            break
        intervals.append(interval)
    return intervals or _inequalities(text)


def _set_builder(text: str) -> str:
    if text.startswith("\\{") and text.endswith("\\}") and _closes(text):
        inner = re.split(r"\\mid(?![a-zA-Z])|\||:", text[2:-2], maxsplit=1)
        if len(inner) == 2 and _RELATION.search(inner[1]):
            return inner[1].strip()
    return text


def _bracketed(text: str) -> Interval | None:
    if text[:2] == "\\{" and text[-2:] == "\\}":
        inner = text[2:-2].strip()
        return Interval(inner, inner, True, True) if inner and len(split_top(inner)) == 1 else None
    if len(text) < 5 or text[0] not in "([]" or text[-1] not in ")][":
        return None
    ends = split_top(text[1:-1])
    if len(ends) != 2 or not all(ends):
        return None
    return Interval(ends[0], ends[1], text[0] == "[", text[-1] == "]")


def _inequalities(text: str) -> list[Interval] | None:
    parts = [part for part in re.split(r",|;|(?<![A-Za-z])or(?![A-Za-z])|\\lor|\\vee|\\cup", text) if part.strip()]
    intervals: list[Interval] = []
    for part in parts:
        conjuncts = re.split(r"(?<![A-Za-z])and(?![A-Za-z])|\\land|\\wedge", part)
        bounds = [_inequality(conjunct) for conjunct in conjuncts]
        for bound in bounds:
            if bound is None:
                return None
        merged = _intersect([bound for bound in bounds if bound is not None])
        if merged is None:
            return None
        intervals += merged
    return intervals or None


def _inequality(text: str) -> list[Interval] | None:
    relations = [match.group() for match in _RELATION.finditer(text)]
    sides = [side.strip() for side in _RELATION.split(text)]
    if not relations or not all(sides):
        return None
    is_name = [re.fullmatch(_NAME, side) is not None and side not in ("\\infty", "\\pi") for side in sides]
    if len(relations) == 1 and is_name[0] != is_name[1]:
        relation, bound = relations[0], sides[1] if is_name[0] else sides[0]
        if relation == "\\ne":
            return [Interval("-\\infty", bound, False, False), Interval(bound, "\\infty", False, False)]
        is_above, is_closed = _SIDES[relation]
        if is_above == is_name[0]:
            return [Interval(bound, "\\infty", is_closed, False)]
        return [Interval("-\\infty", bound, False, is_closed)]
    if len(relations) == 2 and is_name[1] and "\\ne" not in relations:
        (above_1, closed_1), (above_2, closed_2) = (_SIDES[relation] for relation in relations)
        if above_1 != above_2:
            return None
        if above_1:
            return [Interval(sides[2], sides[0], closed_2, closed_1)]
        return [Interval(sides[0], sides[2], closed_1, closed_2)]
    return None


def _intersect(bounds: list[list[Interval]]) -> list[Interval] | None:
    """Return the intersection of a lower and an upper half line; None for anything else."""
    if len(bounds) == 1:
        return bounds[0]
    if len(bounds) != 2 or any(len(half_line) != 1 for half_line in bounds):
        return None
    first, second = bounds[0][0], bounds[1][0]
    if first.low == "-\\infty" and second.high == "\\infty":
        first, second = second, first
    if first.high == "\\infty" and second.low == "-\\infty":
        return [Interval(first.low, second.high, first.has_low, second.has_high)]
    return None


def _expand(items: list[str]) -> list[str]:
    r"""Return `items` with ``a \pm b`` as two, and ``(0, \pm 2)`` as two."""
    expanded: list[str] = []
    for item in items:
        n_signs = item.count("\\pm")
        if not 0 < n_signs <= _MAX_SIGNS:
            expanded.append(item)
            continue
        pieces = item.split("\\pm")
        for signs in product("+-", repeat=n_signs):
            signed = "".join(f"{sign}{piece}" for sign, piece in zip(signs, pieces[1:], strict=True))
            expanded.append(re.sub(r"(^|[(,])\s*\+\s*", r"\1", pieces[0] + signed).strip())
    return expanded


def _bounded(sequence: Sequence) -> Sequence | None:
    """Return `sequence` unless it has too many items or an empty one."""
    return sequence if 0 < len(sequence.items) <= MAX_ITEMS and all(sequence.items) else None


def _closes(text: str) -> bool:
    """Return whether the bracket at the start of `text` is closed by the one at its end."""
    if text.startswith("\\{"):
        depth, position = 0, 0
        while position < len(text) - 1:
            pair = text[position : position + 2]
            if pair in ("\\{", "\\}"):
                depth += 1 if pair == "\\{" else -1
                if not depth:
                    return position == len(text) - 2
                position += 1
            position += 1
        return False
    if text.startswith("{"):
        return closing_brace(text, 0) == len(text) - 1
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if not depth:
            return position == len(text) - 1
    return False
