"""Sentences of a text with their sums of weights, compiled with numba; `SentenceFinder` calls it.

The rules are those of `sgram.sentences`; tests hold both equal.
"""

import numpy as np

from sgram.array_types import UInt64Array
from sgram.compiling import kernel
from sgram.scan import class_at, next_word
from sgram.sentences import ABBREVIATIONS
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer
from sgram.tagging.kernel.sentence_tables import (
    END_TOKEN,
    HAS_BREAK,
    HAS_COLON,
    HAS_ELLIPSIS,
    HAS_EQUALS,
    HAS_NUMBER,
    HAS_QUESTION,
    MOST_TOKENS,
    NO_STAMP,
    START_TOKEN,
    append_marks,
    likeliest_move,
    sum_weights,
    word_token,
)
from sgram.text import LETTER

_ABBREVIATIONS = np.array(sorted(int.from_bytes(word.encode(), "little") for word in ABBREVIATIONS), np.uint64)
_ONE = np.uint64(1)
_COLUMNS = 4
"""Columns of the result: byte start, byte end, sum of the planning model, number of the move or -1."""


@kernel()
def is_abbreviation(low: Integer, length: Integer) -> Integer:
    """Return whether a full stop behind a word ends no sentence; `low` is its first eight bytes as an integer."""
    if length > 8:
        return False
    for row in range(_ABBREVIATIONS.shape[0]):  # noqa: SIM110  numba does not support any()
        if _ABBREVIATIONS[row] == low:
            return True
    return False


@kernel(inline="always")
def _code_at(buffer: ByteArray, position: Integer) -> tuple[Integer, Integer]:
    """Return (code point, width in bytes) of the character at `position`; a newline ends the buffer."""
    first = np.int64(buffer[position])
    if first < 0xC0:
        return first, 1
    width = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    code = first & (0x7F >> width)
    for step in range(1, width):
        code = code << 6 | np.int64(buffer[position + step] & 0x3F)
    return code, width


@kernel(inline="always")
def is_stop(code: Integer) -> Integer:
    """Return whether a character ends a sentence: one of . ? ! …"""
    return code == 0x2E or code == 0x3F or code == 0x21 or code == 0x2026


@kernel(inline="always")
def is_closer(code: Integer) -> Integer:
    """Return whether a character is one of `sgram.sentences.CLOSERS`."""
    if code < 0x80:
        return (
            code == 0x22 or code == 0x27 or code == 0x29 or code == 0x5D or code == 0x7D or code == 0x2A or code == 0x5F
        )
    return code == 0x201D or code == 0x2019 or code == 0xBB


@kernel()
def scan_sentences(
    buffer: ByteArray,
    least_total: Integer,
    max_tokens: Integer,
    words: UInt64Array,
    word_bytes: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
) -> Int32Array:
    """Return (n, 4) int32 of the sentences of a text that ends in a newline; see `_COLUMNS`.

    The arrays behind `max_tokens` are those of `SentenceTables`, one by one: numba takes long to unpack a tuple.
    """
    rows = np.empty((buffer.shape[0] // 16 + 16, _COLUMNS), np.int32)
    tokens = np.empty(1024, np.int32)
    stamps = np.empty(weights.shape[0], np.uint8)
    scratch = np.empty(buffer.shape[0] + 1, np.uint8)
    while True:
        n_rows, has_room = _scan(
            buffer,
            words,
            word_bytes,
            edges,
            nodes,
            weights,
            intercepts,
            least_total,
            max_tokens,
            rows,
            tokens,
            stamps,
            scratch,
        )
        if has_room:
            return rows[:n_rows].copy()
        if n_rows == rows.shape[0]:
            rows = np.empty((2 * rows.shape[0], _COLUMNS), np.int32)
        else:
            tokens = np.empty(2 * tokens.shape[0], np.int32)


@kernel()
def _scan(
    buffer: ByteArray,
    words: UInt64Array,
    word_bytes: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
    least_total: Integer,
    max_tokens: Integer,
    rows: Int32Array,
    tokens: Int32Array,
    stamps: ByteArray,
    scratch: ByteArray,
) -> tuple[Integer, Integer]:
    """Write the sentences into `rows`; return (their number, whether `rows` and `tokens` had room).

    No array is replaced here: numba would count references to it for each word, which takes most of the time.
    """
    end = buffer.shape[0]
    n_rows, n = np.int64(0), np.uint64(0)  # n: tokens of the sentence at hand
    n_models = weights.shape[1]
    move_totals = np.empty(n_models - 1, np.int64)
    start, position = np.int64(0), np.int64(0)
    last_end, last_low, last_length = np.int64(-1), np.uint64(0), np.int64(0)
    n_words, has_letter = 0, False
    while True:
        word_start, word_end, length, low, high, has_break = next_word(buffer, position, end, scratch)
        gap_end = np.int64(word_start) if word_start >= 0 else np.int64(end)
        flags, n_dots = 0, 0
        while position < gap_end:
            code = np.int64(buffer[position])
            if code == 0x20:  # most gaps are one space
                n_dots = 0
                position += 1
                continue
            width = 1
            if code >= 0x80:
                code, width = _code_at(buffer, position)
            boundary = np.int64(-1)
            if code == 0x0A or code == 0x3002 or code == 0xFF01 or code == 0xFF1F:
                position += width
                boundary = position
            elif is_stop(code) and has_letter:
                is_abbreviated = (
                    code == 0x2E and n_words and last_end == position and is_abbreviation(last_low, last_length)
                )
                while is_stop(code):
                    n_dots = n_dots + 1 if code == 0x2E else 0
                    if code == 0x3F:
                        flags |= HAS_QUESTION
                    elif code == 0x2026 or n_dots == 3:
                        flags |= HAS_ELLIPSIS
                    position += width
                    code, width = _code_at(buffer, position)
                n_dots = 0
                while is_closer(code):
                    position += width
                    code, width = _code_at(buffer, position)
                following = position
                while buffer[following] == 0x20 or buffer[following] == 0x09:
                    following += 1
                if following > position and not is_abbreviated:
                    letter = buffer[following]
                    if class_at(buffer, following, end)[0] == LETTER and not 0x61 <= letter <= 0x7A:
                        boundary = position
            else:
                n_dots = n_dots + 1 if code == 0x2E else 0
                if 0x30 <= code <= 0x39:
                    flags |= HAS_NUMBER
                elif code == 0x3F:
                    flags |= HAS_QUESTION
                elif code == 0x3D:
                    flags |= HAS_EQUALS
                elif code == 0x3A:
                    flags |= HAS_COLON
                elif code == 0x2026 or n_dots == 3:
                    flags |= HAS_ELLIPSIS
                elif not has_letter:
                    has_letter = class_at(buffer, position, end)[0] == LETTER
                position += width
            if boundary < 0:
                continue
            has_letter = False
            if n_words:
                n = append_marks(flags, tokens, n)
                tokens[n] = END_TOKEN
                stamp = 2 * n_rows % NO_STAMP
                if stamp == 0:
                    stamps[:] = NO_STAMP
                total = sum_weights(tokens, n + _ONE, stamp, max_tokens, stamps, edges, nodes) + intercepts[0]
                if n_rows == rows.shape[0]:
                    return n_rows, False
                rows[n_rows, 2], rows[n_rows, 3] = total, -1
                if total >= least_total and n_models > 1:
                    rows[n_rows, 3] = likeliest_move(
                        tokens, n + _ONE, stamp + 1, max_tokens, stamps, edges, nodes, weights, intercepts, move_totals
                    )
                first, last = start, boundary
                while buffer[first] == 0x20 or buffer[first] == 0x09 or buffer[first] == 0x0D or buffer[first] == 0x0A:
                    first += 1
                while (
                    buffer[last - 1] == 0x20
                    or buffer[last - 1] == 0x09
                    or buffer[last - 1] == 0x0D
                    or buffer[last - 1] == 0x0A
                ):
                    last -= 1
                rows[n_rows, 0], rows[n_rows, 1] = first, last
                n_rows += 1
            start, n_words, flags, n_dots = boundary, 0, 0, 0
        if word_start < 0:
            return n_rows, True
        if n_words == 0:
            tokens[0], n = START_TOKEN, _ONE
        if np.int64(n) + MOST_TOKENS > tokens.shape[0]:
            return n_rows, False
        if flags or (n_words and has_break):
            n = append_marks(flags or HAS_BREAK, tokens, n)
        tokens[n] = word_token(low, high, length, scratch, words, word_bytes)
        n += _ONE
        n_words += 1
        has_letter = True
        position, last_end, last_low, last_length = np.int64(word_end), np.int64(word_end), low, np.int64(length)
