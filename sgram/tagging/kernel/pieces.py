"""What each token of a vocabulary is made of, worked out once. Knows nothing about lexicons or rows of ids.

The bytes of a token fall into pieces: a run of letters (with the apostrophes and hyphens inside it), a gap of
characters that are no part of a word, a single apostrophe or hyphen at the edge of a run, which joins two runs or
not depending on its neighbors, and raw bytes of a character that the token holds only in part. Nearly every
token is a gap, a run, or a gap and a run; these have a kind of their own, and all that the tagger asks of them stands
in one row of 16 bytes.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from sgram.scan import class_at
from sgram.text import APOSTROPHE, HYPHEN, LETTER, PASS, SPACES, STOP

GAP_RUN, RUN, GAP, JOIN_RUN, JOIN, GENERAL, EMPTY, NO_TEXT = range(8)
"""Kinds of tokens: a gap and a run, a run, a gap, a connector and a run, a connector, anything else, no bytes, none."""
RAW = 5
"""A piece that is one byte of a character not wholly inside the token; the other pieces are GAP, RUN and JOIN."""
HIDDEN, SEEN, PERHAPS = range(3)
"""Whether a token holds a non-space character: no; yes; only if the character that it holds a part of is none."""
_SPACES = np.array(SPACES, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Tables of one vocabulary of V tokens, for compiled code.

    A row, of a token or of a piece, is (what, at, size, 0). `what` packs the kind (bits 0-7); of a gap the
    class of its first character (8-11), whether a sentence ends in it (12) and the class of its last character
    (16-19); and of a token HIDDEN, SEEN or PERHAPS (20-21). `at` and `size` say where the run stands in `letters`, with
    its connector if it is a JOIN_RUN; the byte of a JOIN or RAW is in `at`; a GENERAL token has its pieces there.
    """

    rows: np.ndarray
    """(V, 4) int32."""
    parts: np.ndarray
    """(P, 4) int32: pieces of the tokens that are GENERAL."""
    letters: np.ndarray
    """uint8: runs in normal form, one after the other."""
    spelled: np.ndarray
    """uint8: the tokens' own bytes, one after the other."""
    ends: np.ndarray
    """(V,) int64: end of each token in `spelled`."""

    @classmethod
    def of(cls, tokens: tuple[bytes | None, ...]) -> "Pieces":
        """Pieces of `tokens`; None is a token without text."""
        spelled = np.frombuffer(b"".join(token for token in tokens if token) + b"\n", np.uint8)
        ends = np.cumsum([len(token or b"") for token in tokens], dtype=np.int64)
        has_text = np.fromiter((token is not None for token in tokens), np.bool_, len(tokens))
        rows, parts, letters = _cut_tokens(spelled, ends, has_text)
        return cls(rows, parts, letters, spelled, ends)


@njit(nogil=True, cache=True)
def is_space(code):
    """Whether a character is white space, by its code point."""
    for space in _SPACES:  # noqa: SIM110  compiled code knows no any()
        if code == space:
            return True
    return False


@njit(nogil=True, cache=True)
def character_width(spelled, at, end):
    """Bytes of the character that begins at `at` and ends before `end`; 0 if there is no valid one."""
    lead = spelled[at]
    if lead < 0x80:
        return 1
    width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or at + width > end:
        return 0
    for step in range(1, width):
        if not continues(lead, step, spelled[at + step]):
            return 0
    return width


@njit(nogil=True, cache=True, inline="always")
def continues(lead, step, byte):
    """Whether `byte` may stand `step` bytes after `lead` in a character (Unicode standard, table 3-7)."""
    if byte < 0x80 or byte > 0xBF:
        return False
    if step > 1:
        return True
    return not (
        (lead == 0xE0 and byte < 0xA0)
        or (lead == 0xED and byte > 0x9F)
        or (lead == 0xF0 and byte < 0x90)
        or (lead == 0xF4 and byte > 0x8F)
    )


@njit(nogil=True, cache=True)
def code_point(spelled, at, width):
    """The character of `width` bytes at `at`."""
    if width == 1:
        return np.int64(spelled[at])
    code = np.int64(spelled[at]) & (0x7F >> width)
    for step in range(1, width):
        code = code << 6 | np.int64(spelled[at + step] & 0x3F)
    return code


@njit(nogil=True, cache=True)
def _piece_at(spelled, at, end, letters, n_letters, joined):
    """(what, end, size) of the piece at byte `at`; the letters of a run are written to `letters`.

    A connector after another one (`joined`) or after a gap joins nothing: it belongs to the gap.
    """
    width = character_width(spelled, at, end)
    if width == 0:
        return np.int64(RAW), at + 1, 0
    kind = np.int64(class_at(spelled, at, end)[0])
    if (kind == APOSTROPHE or kind == HYPHEN) and not joined:
        return np.int64(JOIN), at + width, 0
    if kind != LETTER:
        kind = max(kind, PASS)
        first, last, breaks = kind, kind, False
        while True:
            breaks = breaks or last >= STOP
            at += width
            width = character_width(spelled, at, end) if at < end else 0
            if width == 0:
                break
            kind = np.int64(class_at(spelled, at, end)[0])
            if kind == LETTER:
                break
            last = max(kind, PASS)
        return np.int64(GAP) | first << 8 | np.int64(breaks) << 12 | last << 16, at, 0
    size = 0
    while width and (kind == LETTER or kind == APOSTROPHE or kind == HYPHEN):
        if kind != LETTER:
            after = at + width
            if after >= end or character_width(spelled, after, end) == 0 or class_at(spelled, after, end)[0] != LETTER:
                break
            letters[n_letters + size] = 39 if kind == APOSTROPHE else 45
            size += 1
        else:
            for step in range(width):
                byte = spelled[at + step]
                letters[n_letters + size] = byte | 32 if 65 <= byte <= 90 else byte
                size += 1
        at += width
        width = character_width(spelled, at, end) if at < end else 0
        if width:
            kind = np.int64(class_at(spelled, at, end)[0])
    return np.int64(RUN), at, size


@njit(nogil=True, cache=True)
def _seen(spelled, at, end):
    """HIDDEN, SEEN or PERHAPS, for a token's bytes."""
    found = HIDDEN
    while at < end:
        width = character_width(spelled, at, end)
        if width == 0:
            found, width = PERHAPS, 1
        elif not is_space(code_point(spelled, at, width)):
            return SEEN
        at += width
    return found


@njit(nogil=True, cache=True)
def _cut_tokens(spelled, ends, has_text):
    """(rows, parts, letters) of `Pieces`."""
    n_tokens = ends.shape[0]
    rows = np.zeros((n_tokens, 4), np.int32)
    parts = np.zeros((spelled.shape[0], 4), np.int32)
    letters = np.zeros(2 * spelled.shape[0], np.uint8)
    n_parts, n_letters, at = 0, 0, 0
    for token in range(n_tokens):
        begin, end = at, ends[token]
        at = end
        if not has_text[token] or begin == end:
            rows[token, 0] = EMPTY if has_text[token] else NO_TEXT
            continue
        first_part, first_letter = n_parts, n_letters
        here, what = begin, np.int64(0)
        while here < end:
            what, after, size = _piece_at(spelled, here, end, letters, n_letters, what == JOIN)
            parts[n_parts, 0] = what
            parts[n_parts, 1] = n_letters
            if what == RAW:
                parts[n_parts, 1] = spelled[here]
            elif what == JOIN:
                parts[n_parts, 1] = 39 if class_at(spelled, here, end)[0] == APOSTROPHE else 45
            parts[n_parts, 2] = size
            n_letters += size
            n_parts += 1
            here = after
        seen = _seen(spelled, begin, end) << 20
        n, one, two = n_parts - first_part, parts[first_part, 0] & 0xFF, parts[n_parts - 1, 0] & 0xFF
        rows[token, 0] = parts[first_part, 0] | seen
        rows[token, 1], rows[token, 2] = parts[n_parts - 1, 1], parts[n_parts - 1, 2]
        if n == 2 and one == GAP and two == RUN:
            rows[token, 0] = (parts[first_part, 0] & ~0xFF) | GAP_RUN | seen
        elif n == 2 and one == JOIN and two == RUN:
            size = parts[n_parts - 1, 2]
            for step in range(size, 0, -1):  # the connector goes before its run
                letters[first_letter + step] = letters[first_letter + step - 1]
            letters[first_letter] = parts[first_part, 1]
            n_letters += 1
            rows[token, 0], rows[token, 2] = JOIN_RUN | seen, size + 1
        elif n > 1 or one == RAW:
            rows[token, 0] = GENERAL | seen
            rows[token, 1], rows[token, 2] = first_part, n
            continue
        n_parts = first_part
    return rows, parts[:n_parts].copy(), letters[:n_letters].copy()
