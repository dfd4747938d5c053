"""Cut a readable context around a gram.

A cut falls between sentences if possible, otherwise between words. It never falls inside a user-perceived character
(extended grapheme cluster): a letter with its accents, an emoji sequence, a flag, a Hangul syllable, CR LF.
"""

import re
import unicodedata
from typing import NamedTuple

_SENTENCE_END = re.compile(r"([.?!…][\"')\]*”’]*)\s+|\n\s*")
_SPACE = re.compile(r"\s+")
_MAX_WORD_CHARS = 40
"""A longer run without a space may be cut."""
_MIN_CONTEXT_SHARE = 0.4
"""No sentence end is searched within this share of the width next to the gram, so that a context is never one word."""
_MAX_EXTRA_CHARS = 256
"""Characters beyond the width that a side may take to avoid cutting a character."""

_MODIFIERS = frozenset(map(chr, (0x200C, 0x200D, 0x0E33, 0x0EB3, 0xFF9E, 0xFF9F, *range(0x1F3FB, 0x1F400))))
# characters of category Lo with Grapheme_Cluster_Break=Prepend; those of category Cf are tested by category
_PREPENDED = frozenset(
    map(chr, (0x0D4E, 0x111C2, 0x111C3, 0x1193F, 0x11941, 0x11A3A, *range(0x11A84, 0x11A8A), 0x11D46, 0x11F02))
)


class Context(NamedTuple):
    """A part of a text; ``text[start:end]`` is the gram that it surrounds (half-open character offsets)."""

    text: str
    start: int
    end: int


def cut_context(text: str, start: int, end: int, width: int) -> Context | None:
    """Return ``text[start:end]`` with at most about `width` characters on either side.

    If the nearest place to cut is farther away, a side may exceed `width` by up to 256 characters. If it is farther
    still (for example a letter with thousands of combining marks), return None.

    >>> cut_context("It is 12. But wait, is it? Let me check this. Done.", 14, 18, 12)
    Context(text='But wait, is it?', start=4, end=8)
    """
    first, last = _find_left_cut(text, start, width), _find_right_cut(text, end, width)
    if first is None or last is None:
        return None
    return Context(text[first:last], start - first, end - first)


def _find_left_cut(text: str, start: int, width: int) -> int | None:
    leftmost = max(0, start - width)
    if leftmost == 0:
        cut = 0
    else:
        sentence_end = _SENTENCE_END.search(text, leftmost, start - int(_MIN_CONTEXT_SHARE * width))
        space = sentence_end or _SPACE.search(text, leftmost, min(start, leftmost + _MAX_WORD_CHARS))
        cut = space.end() if space else leftmost
    while cut < start and (text[cut].isspace() or not is_boundary(text, cut)):
        cut += 1
    while cut >= leftmost - _MAX_EXTRA_CHARS and not is_boundary(text, cut):
        cut -= 1
    return cut if cut >= leftmost - _MAX_EXTRA_CHARS else None


def _find_right_cut(text: str, end: int, width: int) -> int | None:
    rightmost = min(len(text), end + width)
    cut = rightmost
    if rightmost < len(text):
        search_start = end + int(_MIN_CONTEXT_SHARE * width)
        cuts = [
            match.end(1) if match[1] else match.start()
            for match in _SENTENCE_END.finditer(text, search_start, rightmost)
        ]
        if not cuts:
            search_start = max(end, rightmost - _MAX_WORD_CHARS)
            cuts = [match.start() for match in _SPACE.finditer(text, search_start, rightmost)]
        cut = max(cuts, default=rightmost)
    while cut > end and (text[cut - 1].isspace() or not is_boundary(text, cut)):
        cut -= 1
    while cut <= rightmost + _MAX_EXTRA_CHARS and not is_boundary(text, cut):
        cut += 1
    return cut if cut <= rightmost + _MAX_EXTRA_CHARS else None


def is_boundary(text: str, index: int) -> bool:
    """Return whether `text` may be cut before ``text[index]`` without splitting a user-perceived character.

    Conservative: every boundary is one by the rules of Unicode (UAX 29), but not the other way round.

    >>> [index for index in range(4) if is_boundary("ae\\u0301", index)]
    [0, 1, 3]
    """
    if index <= 0 or index >= len(text):
        return True
    before, after = text[index - 1], text[index]
    if before < "\u0300" and after < "\u0300":  # below U+0300 only CR LF and the soft hyphen join
        return not (before == "\r" and after == "\n") and "\xad" not in (before, after)
    if before in "\r\n":
        return True
    if _is_extender(after):
        return False
    if unicodedata.category(before) == "Cf" or before in _PREPENDED:
        return False
    if _has_linker_before(text, index):
        return False
    if "\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= after <= "\U0001f1ff":
        return False
    return not _is_within_hangul_syllable(before, after)


def _is_extender(char: str) -> bool:
    category = unicodedata.category(char)
    return category[0] == "M" or category == "Cf" or char in _MODIFIERS


def _has_linker_before(text: str, index: int) -> bool:
    """Return whether the marks before `index` contain a nukta or a virama, which may join two consonants."""
    while index > 0 and _is_extender(text[index - 1]):
        if unicodedata.combining(text[index - 1]) in (7, 9):
            return True
        index -= 1
    return False


def _is_within_hangul_syllable(before: str, after: str) -> bool:
    """Return whether two adjacent characters may be parts of one Hangul syllable."""
    is_lead = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":
        return True
    continues_lead = "\u1100" <= after <= "\u115f" or "\ua960" <= after <= "\ua97c" or "\uac00" <= after <= "\ud7a3"
    return is_lead and continues_lead
