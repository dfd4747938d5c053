"""What each token of a vocabulary consists of, computed once per vocabulary.

The bytes of a token form pieces: a run of letters (with the apostrophes and hyphens between two letters), a gap of
characters that belong to no word, a single connector (apostrophe or hyphen) at the edge of a run, which joins two runs
or not depending on its neighbors, and raw bytes of a character that the token contains only in part. Nearly every
token is a gap, a run, or a gap and a run. These have a kind of their own, and all that the tagger needs of them is in
one row of 16 bytes.
"""

from dataclasses import dataclass

import numpy as np

from sgram.array_types import BoolArray, IntArray
from sgram.compiling import kernel
from sgram.scan import class_at
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer
from sgram.text import APOSTROPHE, HYPHEN, LETTER, PASS, SPACES, STOP

GAP_RUN, RUN, GAP, CONNECTOR_RUN, CONNECTOR, GENERAL, EMPTY, NO_TEXT = range(8)
"""Kinds of tokens: a gap and a run; a run; a gap; a connector and a run; a connector; several other pieces (GENERAL);
no bytes (EMPTY); a special token (NO_TEXT). Pieces have the kinds RUN, GAP, CONNECTOR and RAW_BYTE."""
RAW_BYTE = 5
"""Kind of a piece that is one byte of a character not wholly inside the token."""
BLANK, VISIBLE, PARTIAL = range(3)
"""Visibility of a token. BLANK: only spaces. VISIBLE: a whole character that is no space. PARTIAL: spaces and parts of
characters, so that its neighbors decide."""

KIND_MASK, CLASS_MASK, VISIBILITY_MASK = 0xFF, 0xF, 3
"""Bit masks of the fields of `flags`, after the shift."""
FIRST_CLASS_SHIFT, BREAK_SHIFT, LAST_CLASS_SHIFT, VISIBILITY_SHIFT = 8, 12, 16, 20
"""First bits of the fields of `flags`; see `Pieces`."""
_SPACES = np.array(SPACES, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Tables of one vocabulary of V tokens, for compiled code.

    A row, of a token or of a piece, is (flags, operand, size, 0).

    - `flags` packs the kind (bits 0-7); for a gap the class of its first character (8-11), whether a sentence ends in
      it (12) and the class of its last character (16-19); and for a token its visibility (20-21).
    - `operand` depends on the kind. Kinds with a run: where the run begins in `letters` (of a CONNECTOR_RUN the
      connector). CONNECTOR and RAW_BYTE: the byte. GENERAL: the token's first row in `parts`.
    - `size`: number of letters, or of a GENERAL token's rows in `parts`.
    """

    rows: Int32Array
    """(V, 4)."""
    parts: Int32Array
    """(P, 4): pieces of the GENERAL tokens."""
    letters: ByteArray
    """Runs in normal form, concatenated."""
    token_bytes: ByteArray
    """The tokens' own bytes, concatenated."""
    byte_ends: IntArray
    """(V,): end of each token in `token_bytes`."""

    @classmethod
    def from_tokens(cls, tokens: tuple[bytes | None, ...]) -> "Pieces":
        """Return the pieces of `tokens`; None is a token without text.

        >>> pieces = Pieces.from_tokens((b"Wait", b", ", b" let me"))
        >>> [int(flags & KIND_MASK) for flags in pieces.rows[:, 0]] == [RUN, GAP, GENERAL]
        True
        >>> bytes(pieces.letters)
        b'waitletme'
        """
        token_bytes = np.frombuffer(b"".join(token for token in tokens if token) + b"\n", np.uint8)
        byte_ends = np.cumsum([len(token or b"") for token in tokens], dtype=np.int64)
        has_text = np.fromiter((token is not None for token in tokens), np.bool_, len(tokens))
        rows, parts, letters = _split_tokens(token_bytes, byte_ends, has_text)
        return cls(rows, parts, letters, token_bytes, byte_ends)


@kernel()
def is_space(code: Integer) -> bool:
    """Return whether a character is white space, by its code point."""
    for space in _SPACES:  # noqa: SIM110  numba does not support any()
        if code == space:
            return True
    return False


@kernel()
def character_width(buffer: ByteArray, at: Integer, end: Integer) -> Integer:
    """Return the number of bytes of the character at byte `at`; 0 if no valid character ends by `end`."""
    lead = buffer[at]
    if lead < 0x80:
        return 1
    width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC2 or lead > 0xF4 or at + width > end:
        return 0
    for step in range(1, width):
        if not continues(lead, step, buffer[at + step]):
            return 0
    return width


@kernel(inline="always")
def continues(lead: Integer, step: Integer, byte: Integer) -> bool:
    """Return whether `byte` can be byte `step` of a character that begins with `lead` (Unicode standard, table 3-7)."""
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


@kernel()
def code_point(buffer: ByteArray, at: Integer, width: Integer) -> Integer:
    """Return the code point of the valid character of `width` bytes at byte `at`."""
    if width == 1:
        return np.int64(buffer[at])
    code = np.int64(buffer[at]) & (0x7F >> width)
    for step in range(1, width):
        code = code << 6 | np.int64(buffer[at + step] & 0x3F)
    return code


@kernel()
def _piece_at(
    token_bytes: ByteArray, at: Integer, end: Integer, letters: ByteArray, n_letters: Integer, after_connector: Integer
) -> tuple[Integer, Integer, Integer]:
    """Return (flags, end, size) of the piece at byte `at`; write the letters of a run to `letters`.

    A connector after another one (`after_connector`) or after a gap joins nothing: it belongs to the gap.
    """
    width = character_width(token_bytes, at, end)
    if width == 0:
        return np.int64(RAW_BYTE), at + 1, 0
    char_class: Integer = np.int64(class_at(token_bytes, at, end)[0])
    if (char_class == APOSTROPHE or char_class == HYPHEN) and not after_connector:
        return np.int64(CONNECTOR), at + width, 0
    if char_class != LETTER:
        char_class = max(char_class, PASS)
        first_class: Integer = char_class
        last_class: Integer = char_class
        breaks: Integer = False
        while True:
            breaks = breaks or last_class >= STOP
            at += width
            width = character_width(token_bytes, at, end) if at < end else 0
            if width == 0:
                break
            char_class = np.int64(class_at(token_bytes, at, end)[0])
            if char_class == LETTER:
                break
            last_class = max(char_class, PASS)
        flags = (
            np.int64(GAP)
            | first_class << FIRST_CLASS_SHIFT
            | np.int64(breaks) << BREAK_SHIFT
            | last_class << LAST_CLASS_SHIFT
        )
        return flags, at, 0
    size = 0
    while width and (char_class == LETTER or char_class == APOSTROPHE or char_class == HYPHEN):
        if char_class != LETTER:
            after = at + width
            if (
                after >= end
                or character_width(token_bytes, after, end) == 0
                or class_at(token_bytes, after, end)[0] != LETTER
            ):
                break
            letters[n_letters + size] = 39 if char_class == APOSTROPHE else 45
            size += 1
        else:
            for step in range(width):
                byte = token_bytes[at + step]
                letters[n_letters + size] = byte | 32 if 65 <= byte <= 90 else byte
                size += 1
        at += width
        width = character_width(token_bytes, at, end) if at < end else 0
        if width:
            char_class = np.int64(class_at(token_bytes, at, end)[0])
    return np.int64(RUN), at, size


@kernel()
def _visibility(token_bytes: ByteArray, at: Integer, end: Integer) -> Integer:
    """Return BLANK, VISIBLE or PARTIAL for the bytes of one token."""
    visibility = BLANK
    while at < end:
        width = character_width(token_bytes, at, end)
        if width == 0:
            visibility, width = PARTIAL, 1
        elif not is_space(code_point(token_bytes, at, width)):
            return VISIBLE
        at += width
    return visibility


@kernel()
def _split_tokens(
    token_bytes: ByteArray, byte_ends: IntArray, has_text: BoolArray
) -> tuple[Int32Array, Int32Array, ByteArray]:
    """Return (rows, parts, letters) of `Pieces`."""
    n_tokens = byte_ends.shape[0]
    rows = np.zeros((n_tokens, 4), np.int32)
    parts = np.zeros((token_bytes.shape[0], 4), np.int32)
    letters = np.zeros(2 * token_bytes.shape[0], np.uint8)
    n_parts: Integer = 0
    n_letters: Integer = 0
    end: Integer = 0
    for token_id in range(n_tokens):
        begin, end = end, byte_ends[token_id]
        if not has_text[token_id] or begin == end:
            rows[token_id, 0] = EMPTY if has_text[token_id] else NO_TEXT
            continue
        first_part, first_letter = n_parts, n_letters
        at, flags = begin, np.int64(0)
        while at < end:
            flags, after, size = _piece_at(token_bytes, at, end, letters, n_letters, flags == CONNECTOR)
            parts[n_parts, 0] = flags
            parts[n_parts, 1] = n_letters
            if flags == RAW_BYTE:
                parts[n_parts, 1] = token_bytes[at]
            elif flags == CONNECTOR:
                parts[n_parts, 1] = 39 if class_at(token_bytes, at, end)[0] == APOSTROPHE else 45
            parts[n_parts, 2] = size
            n_letters += size
            n_parts += 1
            at = after
        visibility = _visibility(token_bytes, begin, end) << VISIBILITY_SHIFT
        n_pieces = n_parts - first_part
        first_kind, last_kind = parts[first_part, 0] & KIND_MASK, parts[n_parts - 1, 0] & KIND_MASK
        rows[token_id, 0] = parts[first_part, 0] | visibility
        rows[token_id, 1], rows[token_id, 2] = parts[n_parts - 1, 1], parts[n_parts - 1, 2]
        if n_pieces == 2 and first_kind == GAP and last_kind == RUN:
            rows[token_id, 0] = (parts[first_part, 0] & ~KIND_MASK) | GAP_RUN | visibility
        elif n_pieces == 2 and first_kind == CONNECTOR and last_kind == RUN:
            size = parts[n_parts - 1, 2]
            for step in range(size, 0, -1):  # write the connector in front of its run
                letters[first_letter + step] = letters[first_letter + step - 1]
            letters[first_letter] = parts[first_part, 1]
            n_letters += 1
            rows[token_id, 0], rows[token_id, 2] = CONNECTOR_RUN | visibility, size + 1
        elif n_pieces > 1 or first_kind == RAW_BYTE:
            rows[token_id, 0] = GENERAL | visibility
            rows[token_id, 1], rows[token_id, 2] = first_part, n_pieces
            continue
        n_parts = first_part
    return rows, parts[:n_parts].copy(), letters[:n_letters].copy()
