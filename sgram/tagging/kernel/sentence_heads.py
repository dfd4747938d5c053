"""What each token of a vocabulary does to a sentence, computed once for a vocabulary and a scorer.

The rules of `sgram.sentences` read a text character by character. What stands between two words, a gap, moves a small
machine, whose state (a mode) says whether the sentence at hand has a letter and whether it has just had a stop. A
token's gap is here one step of that machine: the mode that follows each mode. A run of letters is the number of its
word. So a row of ids is read without spelling it.

Tokens whose effect is more than that (parts of characters, several words, full-width stops) are `SPELLED`: lines that
hold one are read by `sgram.tagging.kernel.spelled_lines`.
"""

import numpy as np

from sgram.array_types import IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.scan import class_at
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer
from sgram.tagging.kernel.pieces import (
    CONNECTOR,
    CONNECTOR_RUN,
    GAP,
    GENERAL,
    KIND_MASK,
    NO_TEXT,
    Pieces,
    character_width,
    code_point,
    is_space,
)
from sgram.tagging.kernel.sentence_scan import is_abbreviation, is_closer, is_stop
from sgram.tagging.kernel.sentence_tables import (
    HAS_BREAK,
    HAS_COLON,
    HAS_ELLIPSIS,
    HAS_EQUALS,
    HAS_NUMBER,
    HAS_QUESTION,
    SentenceTables,
    word_token,
)
from sgram.text import APOSTROPHE, DIGIT, ESCAPE, HYPHEN, LETTER, PASS, STOP

NO_LETTER, HAS_LETTER, ABBREVIATED, STOPPED, ABBREVIATED_STOP, SPACED = range(6)
"""Modes. NO_LETTER: the sentence has no letter yet. ABBREVIATED: an abbreviation has just ended. STOPPED: stops, and
closing quotes and brackets behind them. ABBREVIATED_STOP: stops behind an abbreviation. SPACED: spaces behind stops, so
that a letter that is not a lower-case one begins a sentence. HAS_LETTER: anything else."""
N_MODES = 6
MODE_BITS, MODE_MASK = 3, 7

CODE, MODES, WORD = range(3)
N_COLUMNS = 4
"""Columns of the heads. CODE: kind of the token (bits 0-2, as in `Pieces`) and the bits below. MODES: the mode after
its gap, three bits for each mode before it, and its full stops. WORD: number of the word that its run is."""
CODE_KIND = 7
MARKS_SHIFT, LATER_MARKS_SHIFT, MARKS_MASK = 3, 9, 63
"""Marks, with `HAS_BREAK`, in the gap before its first line end, or in all of it; marks behind its last line end."""
CUT, SILENT, SPELLED, DIGIT_FIRST, BAD_LAST, UPPER, ABBREVIATION, FILLED, MARKED = (1 << bit for bit in range(15, 24))
"""Bits. CUT: a line ends in the gap. SILENT: a token without text. SPELLED: its line is to be spelled. DIGIT_FIRST:
the letters before the gap are no word. BAD_LAST: those behind it are none. UPPER: the run begins with a letter that is
not a lower-case ASCII letter. ABBREVIATION: the run is one. FILLED: a character that is no space stands in the gap,
before its first line end if it has one. MARKED: one stands in the token, behind its last line end if it has one."""
FIRST_DOTS_SHIFT, LAST_DOTS_SHIFT, DOTS_MASK, ALL_DOTS = 18, 20, 3, 1 << 22
"""In MODES: full stops at the beginning and at the end of a gap, up to three; whether it is nothing else."""


def build_heads(pieces: Pieces, tables: SentenceTables) -> Int32Array:
    """Return the heads, int32 (V, 4), of the tokens of a vocabulary.

    >>> from sgram.lexicon.sentence_scorer import LinearWeights, SentenceScorer
    >>> from sgram.tagging.kernel.sentence_tables import build_tables
    >>> tables = build_tables(SentenceScorer("checks", LinearWeights(0, {"let me": 9}), {}))
    >>> build_heads(Pieces.from_tokens((b"let", b"? Me", b"so")), tables)[:, WORD].tolist()
    [9, 10, 0]
    """
    tokens = (pieces.rows, pieces.letters, pieces.token_bytes, pieces.byte_ends)
    heads: Int32Array = _read_tokens(*tokens, tables.words, tables.word_bytes)
    return heads


@kernel()
def _mode_after(mode: Integer, code: Integer) -> Integer:
    """Return the mode after a character that is no letter and no line end."""
    if mode == NO_LETTER:
        return NO_LETTER
    if is_stop(code):
        return ABBREVIATED_STOP if mode == ABBREVIATED_STOP or (mode == ABBREVIATED and code == 0x2E) else STOPPED
    if (mode == STOPPED or mode == SPACED) and (code == 0x20 or code == 0x09):
        return SPACED
    return STOPPED if mode == STOPPED and is_closer(code) else HAS_LETTER


@kernel()
def _mark_of(code: Integer) -> Integer:
    """Return the flag of the mark that a character is, or 0."""
    if 0x30 <= code <= 0x39:
        return HAS_NUMBER
    if code == 0x3F:
        return HAS_QUESTION
    if code == 0x2026:
        return HAS_ELLIPSIS
    if code == 0x3D:
        return HAS_EQUALS
    return HAS_COLON if code == 0x3A else 0


@kernel()
def _run_end(token_bytes: ByteArray, at: Integer, end: Integer) -> Integer:
    """Return the end of the run of letters, and of connectors between two letters, that begins at byte `at`."""
    while at < end:
        width = np.int64(character_width(token_bytes, at, end))
        if width == 0:
            return at
        char_class = np.int64(class_at(token_bytes, at, end)[0])
        if char_class != LETTER:
            after = at + width
            is_joined = (char_class == APOSTROPHE or char_class == HYPHEN) and after < end
            if not is_joined or character_width(token_bytes, after, end) == 0:
                return at
            if class_at(token_bytes, after, end)[0] != LETTER:
                return at
        at += width
    return at


@kernel()
def _read_gap(token_bytes: ByteArray, at: Integer, end: Integer) -> tuple[Integer, Integer, Integer]:
    """Return (code without kind, modes, end) of the gap that begins a token; SPELLED if it cannot be read alone.

    The gap goes up to the letters at the token's end. Letters inside it are no word, as in "</think>".
    """
    code, marks, dots, first_dots = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    is_first, is_filled, only_dots, last_class = True, False, True, np.int64(PASS)
    modes = np.arange(N_MODES)
    while at < end:
        width = np.int64(character_width(token_bytes, at, end))
        if width == 0:
            return np.int64(SPELLED), np.int64(0), at
        char_class = np.int64(class_at(token_bytes, at, end)[0])
        if char_class == LETTER:
            run_end = _run_end(token_bytes, at, end)
            if run_end == end:
                break
            is_no_word = last_class >= DIGIT or np.int64(class_at(token_bytes, run_end, end)[0]) == DIGIT
            if is_first or last_class < PASS or not is_no_word:
                return np.int64(SPELLED), np.int64(0), at
            for mode in range(N_MODES):
                if modes[mode] == SPACED and not 0x61 <= token_bytes[at] <= 0x7A:
                    return np.int64(SPELLED), np.int64(0), at
                modes[mode] = HAS_LETTER
            marks |= HAS_BREAK
            code &= ~BAD_LAST
            dots, only_dots, is_filled, last_class, at = np.int64(0), False, True, np.int64(LETTER), run_end
            continue
        point = np.int64(code_point(token_bytes, at, width))
        if point == 0x3002 or point == 0xFF01 or point == 0xFF1F:
            return np.int64(SPELLED), np.int64(0), at
        if is_first and char_class == DIGIT:
            code |= DIGIT_FIRST
        if char_class >= STOP:
            marks |= HAS_BREAK
        code &= ~BAD_LAST
        if char_class == DIGIT or char_class == ESCAPE:
            code |= BAD_LAST
        dots = dots + 1 if point == 0x2E else np.int64(0)
        if only_dots and point == 0x2E:
            first_dots = dots
        only_dots = only_dots and point == 0x2E
        if point == 0x0A:
            if code & CUT == 0:
                code |= CUT | marks << MARKS_SHIFT | (FILLED if is_filled else 0)
            marks, is_filled = np.int64(0), False
            modes[:] = NO_LETTER
        else:
            marks |= _mark_of(point) | (HAS_ELLIPSIS if dots >= 3 else 0)
            is_filled = is_filled or not is_space(point)
            for mode in range(N_MODES):
                modes[mode] = _mode_after(modes[mode], point)
        is_first, last_class = False, char_class
        at += width
    if code & CUT:
        code |= marks << LATER_MARKS_SHIFT
    else:
        code |= marks << MARKS_SHIFT | (FILLED if is_filled else 0)
    if is_filled:
        code |= MARKED
    packed = (first_dots if first_dots < 3 else 3) << FIRST_DOTS_SHIFT
    packed |= (dots if dots < 3 else 3) << LAST_DOTS_SHIFT
    if only_dots and not is_first:
        packed |= ALL_DOTS
    for mode in range(N_MODES):
        packed |= modes[mode] << MODE_BITS * mode
    return code, packed, at


@kernel()
def read_word(
    letters: ByteArray, start: Integer, size: Integer, words: UInt64Array, word_bytes: ByteArray
) -> tuple[Integer, Integer]:
    """Return (number of the word ``letters[start:start + size]``, whether it is an abbreviation)."""
    low, high = np.uint64(0), np.uint64(0)
    for step in range(min(size, 8)):
        low |= np.uint64(letters[start + step]) << np.uint64(8 * step)
    for step in range(8, min(size, 16)):
        high |= np.uint64(letters[start + step]) << np.uint64(8 * step - 64)
    token = word_token(low, high, size, letters[start:], words, word_bytes)
    return np.int64(token), is_abbreviation(low, size)


@kernel()
def _read_tokens(
    rows: Int32Array,
    letters: ByteArray,
    token_bytes: ByteArray,
    byte_ends: IntArray,
    words: UInt64Array,
    word_bytes: ByteArray,
) -> Int32Array:
    """Return the heads of all tokens; the first four arrays are those of `Pieces`."""
    heads = np.zeros((rows.shape[0], N_COLUMNS), np.int32)
    end: Integer = 0
    for token_id in range(rows.shape[0]):
        begin, end = end, byte_ends[token_id]
        kind = np.int64(rows[token_id, 0] & KIND_MASK)
        if kind == NO_TEXT or begin == end:
            heads[token_id, CODE] = NO_TEXT | SILENT if kind == NO_TEXT else GENERAL | SPELLED
            continue
        code, modes, at = _read_gap(token_bytes, begin, end)
        is_spelled = code & SPELLED != 0
        if kind == GENERAL and at == end:
            kind = np.int64(GAP)
        if is_spelled or kind == GENERAL:
            heads[token_id, CODE] = GENERAL | SPELLED
            continue
        if kind != GAP and kind != CONNECTOR:
            start, size = np.int64(rows[token_id, 1]), np.int64(rows[token_id, 2])
            if kind == CONNECTOR_RUN:
                start, size = start + 1, size - 1
            number, is_short = read_word(letters, start, size, words, word_bytes)
            heads[token_id, WORD] = number
            code |= MARKED
            if is_short:
                code |= ABBREVIATION
            if not 0x61 <= token_bytes[at] <= 0x7A:
                code |= UPPER
        heads[token_id, CODE], heads[token_id, MODES] = code | kind, modes
    return heads
