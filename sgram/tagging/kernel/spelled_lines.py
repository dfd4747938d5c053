"""Lines of token ids whose bytes must be spelled to find their sentences, compiled with numba.

These are the lines with a token that `sgram.tagging.kernel.sentence_heads` cannot read alone. Their bytes are joined
and read as a text is; then the tokens of planning sentences are marked.
"""

import numpy as np

from sgram.array_types import IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.tagging.kernel.compiled_types import ByteArray, IdArray, Int8Array, Int32Array, Integer
from sgram.tagging.kernel.pieces import character_width, code_point, is_space
from sgram.tagging.kernel.sentence_heads import MARKED
from sgram.tagging.kernel.sentence_scan import scan_sentences

_NEWLINE = 0x0A


@kernel()
def _spell_line(
    ids: IdArray,
    first: Integer,
    end: Integer,
    is_after_cut: Integer,
    ends_in_cut: Integer,
    token_bytes: ByteArray,
    byte_ends: IntArray,
) -> tuple[ByteArray, Int32Array]:
    """Return the bytes of the line ``ids[first:end]`` with a newline behind them, and the ends of its tokens in these.

    The ends have a 0 in front. If the line `is_after_cut`, it begins behind the last newline of its first token; if it
    `ends_in_cut`, it ends before the first newline of its last one.
    """
    size: Integer = 1
    for token in range(first, end):
        size += byte_ends[ids[token]] - (byte_ends[ids[token] - 1] if ids[token] else 0)
    buffer, ends = np.empty(size, np.uint8), np.zeros(end - first + 1, np.int32)
    position: Integer = 0
    for token in range(first, end):
        start, stop = (byte_ends[ids[token] - 1] if ids[token] else 0), byte_ends[ids[token]]
        is_begun = is_after_cut and token == first
        for place in range(start, stop):
            buffer[position] = token_bytes[place]
            if token_bytes[place] == _NEWLINE and ends_in_cut and token == end - 1 and not is_begun:
                break
            position += 1
            if token_bytes[place] == _NEWLINE and is_begun:
                position = 0
        ends[token - first + 1] = position
    buffer[position] = _NEWLINE
    return buffer[: position + 1], ends


@kernel()
def _is_filled(buffer: ByteArray, start: Integer, end: Integer) -> bool:
    """Return whether a byte of a non-space character stands in ``buffer[start:end]``."""
    for position in range(start, end):
        lead = position
        while buffer[lead] & 0xC0 == 0x80:
            lead -= 1
        if not is_space(code_point(buffer, lead, character_width(buffer, lead, buffer.shape[0]))):
            return True
    return False


@kernel()
def mark_spelled_line(
    ids: IdArray,
    codes: Int32Array,
    first: Integer,
    end: Integer,
    is_after_cut: Integer,
    ends_in_cut: Integer,
    marks_grams: Integer,
    token_bytes: ByteArray,
    byte_ends: IntArray,
    least_total: Integer,
    max_tokens: Integer,
    names_moves: Integer,
    words: UInt64Array,
    word_bytes: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
    moves: Int8Array,
) -> Integer:
    """Write the moves of a line, the tokens ``[first, end)``; return False if it needs the text as Python decodes it.

    It does if its bytes are no UTF-8, or if a token of a gram holds something outside of the sentence. The arguments
    are those of `_mark_row` in `sgram.tagging.kernel.sentence_rows`.
    """
    buffer, ends = _spell_line(ids, first, end, is_after_cut, ends_in_cut, token_bytes, byte_ends)
    position: Integer = 0
    while position < buffer.shape[0]:
        width = character_width(buffer, position, buffer.shape[0])
        if width == 0:
            return False
        position += width
    sentences = scan_sentences(buffer, least_total, max_tokens, words, word_bytes, edges, nodes, weights, intercepts)
    # a gram in the token with which the next line begins belongs to that line
    n_tokens = end - first - (1 if marks_grams and ends_in_cut else 0)
    token: Integer = 0
    for row in range(sentences.shape[0]):
        if sentences[row, 2] < least_total:
            continue
        start, stop = sentences[row, 0], sentences[row, 1]
        move = max(sentences[row, 3], 0) if names_moves else 0
        while token < n_tokens and ends[token + 1] <= start:
            token += 1
        while token < n_tokens and ends[token] < stop:
            inner, outer = max(ends[token], start), min(ends[token + 1], stop)
            if _is_filled(buffer, inner, outer) and not (marks_grams and codes[first + token] & MARKED == 0):
                if marks_grams and (
                    _is_filled(buffer, ends[token], inner) or _is_filled(buffer, outer, ends[token + 1])
                ):
                    return False
                if moves[first + token] < 0:
                    moves[first + token] = move
            if ends[token + 1] > stop:
                break  # the next sentence may begin in this token
            token += 1
    return True
