"""Bytes that rows of token ids spell, and which tokens planning sentences cover, compiled with numba."""

from typing import NamedTuple

import numpy as np

from sgram.array_types import BoolArray
from sgram.compiling import kernel
from sgram.tagging.kernel.compiled_types import ByteArray, IdArray, Int8Array, Int32Array, Integer
from sgram.tagging.kernel.pieces import is_space

SLACK = 16
"""Bytes behind the end of an arena and a buffer."""
_BLOCK = SLACK
_ONE = np.uint64(1)
INSIDE, ACROSS = 1, 2
"""Marks of tokens: its non-space bytes in a planning sentence are all of it, or others stand beside them."""


class Arena(NamedTuple):
    """The bytes of a vocabulary, one token after another, then `SLACK` zeros."""

    token_bytes: ByteArray
    starts: Int32Array
    """(V + 1,) byte at which each token begins."""
    has_text: BoolArray
    """(V,) false for tokens without text, which end a stretch."""

    @classmethod
    def from_tokens(cls, tokens: tuple[bytes | None, ...]) -> "Arena":
        """Return the arena of a vocabulary.

        >>> arena = Arena.from_tokens((b"so", None, b"me"))
        >>> bytes(arena.token_bytes[:4]), arena.starts.tolist(), arena.has_text.tolist()
        (b'some', [0, 2, 2, 4], [True, False, True])
        """
        starts = np.cumsum([0, *(len(token or b"") for token in tokens)], dtype=np.int32)
        has_text = np.fromiter((token is not None for token in tokens), np.bool_, len(tokens))
        return cls(np.frombuffer(b"".join(filter(None, tokens)) + bytes(SLACK), np.uint8), starts, has_text)


@kernel()
def find_stretch(
    ids: IdArray, attention_mask: BoolArray, first: Integer, end: Integer, starts: Int32Array, has_text: BoolArray
) -> tuple[Integer, Integer, Integer]:
    """Return (first token, token behind the last, bytes) of the next stretch of tokens with text in ``ids[first:end]``.

    The stretch is empty if there is none. Ids must be in range where `attention_mask`, which may be empty, is true.
    """
    has_attention = attention_mask.shape[0] > 0
    while first < end and ((has_attention and not attention_mask[first]) or not has_text[ids[first]]):
        first += 1
    position: Integer = first
    n_bytes: Integer = 0
    while position < end and (not has_attention or attention_mask[position]) and has_text[ids[position]]:
        n_bytes += starts[ids[position] + 1] - starts[ids[position]]
        position += 1
    return first, position, n_bytes


@kernel()
def spell_stretch(
    ids: IdArray, first: Integer, end: Integer, token_bytes: ByteArray, starts: Int32Array, buffer: ByteArray
) -> tuple[Int32Array, Integer]:
    """Write the bytes of ``ids[first:end]`` and a newline into `buffer`; return (token ends, whether all is ASCII).

    `buffer` has `SLACK` bytes more than they need, which hold anything afterwards. The ends are (tokens + 1,), with a 0
    in front.
    """
    ends = np.empty(end - first + 1, np.int32)
    ends[0] = 0
    position = np.uint64(0)
    for token in range(first, end):
        token_id = np.uint64(ids[token])
        start, length = np.uint64(starts[token_id]), np.uint64(starts[token_id + _ONE]) - np.uint64(starts[token_id])
        for step in range(_BLOCK):  # of a fixed length: one instruction
            buffer[position + np.uint64(step)] = token_bytes[start + np.uint64(step)]
        for step in range(_BLOCK, length):
            buffer[position + np.uint64(step)] = token_bytes[start + np.uint64(step)]
        position += length
        ends[token - first + 1] = position
    buffer[position] = 10
    seen = np.uint8(0)
    for index in range(position):
        seen |= buffer[index]
    return ends, seen < 0x80


@kernel()
def _is_filled(buffer: ByteArray, start: Integer, end: Integer) -> bool:
    """Return whether a byte of a non-space character stands in ``buffer[start:end]``."""
    for position in range(start, end):
        byte = buffer[position]
        if byte < 0x80:
            if byte != 0x20 and byte != 0x0A and byte != 0x0D and byte != 0x09:
                return True
            continue
        lead = position
        while buffer[lead] & 0xC0 == 0x80:
            lead -= 1
        first = np.int64(buffer[lead])
        width = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        code = first & (0x7F >> width)
        for step in range(1, width):
            code = code << 6 | np.int64(buffer[lead + step] & 0x3F)
        if not is_space(code):
            return True
    return False


@kernel()
def mark_sentences(
    buffer: ByteArray, sentences: Int32Array, least_total: Integer, ends: Int32Array, first: Integer, marks: Int8Array
) -> None:
    """Write `INSIDE` or `ACROSS` into ``marks[first:]`` for the tokens that share a non-space byte with a sentence.

    `sentences` are those of `scan_sentences`; those with a smaller sum than `least_total` do not plan. `ends` are the
    token ends in `buffer`, which is valid UTF-8.
    """
    n_tokens, token = ends.shape[0] - 1, 0
    for row in range(sentences.shape[0]):
        if sentences[row, 2] < least_total:
            continue
        start, end = sentences[row, 0], sentences[row, 1]
        while token < n_tokens and ends[token + 1] <= start:
            token += 1
        while token < n_tokens and ends[token] < end:
            inner, outer = max(ends[token], start), min(ends[token + 1], end)
            if _is_filled(buffer, inner, outer):
                is_across = marks[first + token] != 0
                is_across = is_across or _is_filled(buffer, ends[token], inner)
                is_across = is_across or _is_filled(buffer, outer, ends[token + 1])
                marks[first + token] = ACROSS if is_across else INSIDE
            if ends[token + 1] > end:
                break  # the next sentence may begin in this token
            token += 1
