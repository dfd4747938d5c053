"""A stretch of text around a gram, cut where people would cut it. Knows nothing about grams or samples.

A cut falls between sentences if it can, else between words, and never inside what people see as one character: a
letter with its accents, an emoji of several parts, a flag, a Korean syllable, a CRLF.
"""

import re
import unicodedata
from typing import NamedTuple

_SENTENCE = re.compile(r"([.?!…][\"')\]*”’]*)\s+|\n\s*")
_SPACE = re.compile(r"\s+")
_LONGEST_WORD = 40
"""Characters; a longer run without a space is cut."""
_FREE = 0.4
"""Share of the width, next to the gram, in which no sentence's end is looked for: a context is not one word."""
_MOST_BEYOND = 256
"""Characters beyond the width that a context may take on a side so as not to cut a character."""

_MODIFIERS = frozenset(map(chr, (0x200C, 0x200D, 0x0E33, 0x0EB3, 0xFF9E, 0xFF9F, *range(0x1F3FB, 0x1F400))))
# Lo that belong to what follows them (Grapheme_Cluster_Break=Prepend); the others are Cf
_PREPENDED = frozenset(
    map(chr, (0x0D4E, 0x111C2, 0x111C3, 0x1193F, 0x11941, 0x11A3A, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02))
)


class Context(NamedTuple):
    """A stretch of a text; ``text[start:end]`` is what it was cut around."""

    text: str
    start: int
    end: int


def cut_context(text: str, start: int, end: int, width: int) -> Context | None:
    """``text[start:end]`` with at most about `width` characters on either side.

    A side is longer, by up to 256, only where the nearest place to cut is farther; None where it is farther still,
    as in a letter that carries thousands of accents.
    """
    first, last = _left(text, start, width), _right(text, end, width)
    if first is None or last is None:
        return None
    return Context(text[first:last], start - first, end - first)


def _left(text: str, start: int, width: int) -> int | None:
    least = max(0, start - width)
    if least == 0:
        first = 0
    else:
        sentence = _SENTENCE.search(text, least, start - int(_FREE * width))
        space = sentence or _SPACE.search(text, least, min(start, least + _LONGEST_WORD))
        first = space.end() if space else least
    while first < start and (text[first].isspace() or not is_boundary(text, first)):
        first += 1
    while first >= least - _MOST_BEYOND and not is_boundary(text, first):
        first -= 1
    return first if first >= least - _MOST_BEYOND else None


def _right(text: str, end: int, width: int) -> int | None:
    most = min(len(text), end + width)
    last = most
    if most < len(text):
        after = end + int(_FREE * width)
        ends = [match.end(1) if match[1] else match.start() for match in _SENTENCE.finditer(text, after, most)]
        if not ends:
            near = max(end, most - _LONGEST_WORD)
            ends = [match.start() for match in _SPACE.finditer(text, near, most)]
        last = max(ends, default=most)
    while last > end and (text[last - 1].isspace() or not is_boundary(text, last)):
        last -= 1
    while last <= most + _MOST_BEYOND and not is_boundary(text, last):
        last += 1
    return last if last <= most + _MOST_BEYOND else None


def is_boundary(text: str, at: int) -> bool:
    """Whether `text` may be cut at `at`; in doubt it may not."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":  # Latin-1 and the like: only CR LF and the soft hyphen join
        return not (before == "\r" and after == "\n") and "\xad" not in (before, after)
    if before in "\r\n":
        return True
    if _extends(after):
        return False
    if unicodedata.category(before) == "Cf" or before in _PREPENDED:
        return False
    if _links(text, at):
        return False
    if "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff":
        return False
    return not _one_syllable(before, after)


def _extends(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] == "M" or kind == "Cf" or char in _MODIFIERS


def _links(text: str, at: int) -> bool:
    """Whether a nukta or a virama among the marks before `at` may draw the next consonant into the last."""
    while at > 0 and _extends(text[at - 1]):
        if unicodedata.combining(text[at - 1]) in (7, 9):
            return True
        at -= 1
    return False


def _one_syllable(before: str, after: str) -> bool:
    """Whether two characters are parts of one syllable of Hangul."""
    leads = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":
        return True
    begins = "\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97c" or "\uac00" <= after <= "\ud7a3"
    return leads and begins
