"""Sentences of a text with their sums of weights, compiled with numba; `SentenceFinder` calls it.

The rules are those of `sgram.sentences`; tests hold both equal. A sentence's grams are followed in a trie whose edges
lie in one hash table, from each of its tokens on.
"""

from typing import NamedTuple

import numpy as np

from sgram.array_types import IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.lexicon.sentence_scorer import SentenceScorer
from sgram.scan import class_at, next_word
from sgram.sentences import ABBREVIATIONS, BREAK, COLON, ELLIPSIS, END, EQUALS, MARKS, NUMBER, QUESTION, START
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer
from sgram.text import LETTER

_START, _END, _NUMBER, _QUESTION, _ELLIPSIS, _EQUALS, _COLON, _BREAK = (
    MARKS.index(mark) for mark in (START, END, NUMBER, QUESTION, ELLIPSIS, EQUALS, COLON, BREAK)
)
_HAS_NUMBER, _HAS_QUESTION, _HAS_ELLIPSIS, _HAS_EQUALS, _HAS_COLON = 1, 2, 4, 8, 16
_PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_PACKED_BYTES = 16
"""Bytes of a word that are compared as two integers; the others are compared one by one."""
_ABBREVIATIONS = np.array(sorted(int.from_bytes(word.encode(), "little") for word in ABBREVIATIONS), np.uint64)
_MOST_TOKENS = 16
"""More tokens than a word adds with the marks before it and at the end of its sentence."""
_ONE = np.uint64(1)
_LEADS_ON, _NAMES_MOVE = 1, 2
"""Flags of a node: an edge begins at it; it has a weight of a move."""
_COLUMNS = 4
"""Columns of the result: byte start, byte end, sum of the planning model, number of the move or -1."""


class SentenceTables(NamedTuple):
    """A scorer as arrays."""

    word_slots: Int32Array
    """Hash table of words: number of a word, or -1."""
    word_keys: UInt64Array
    """(W, 3): bytes 0-7 and 8-15 of each word, and its length."""
    word_bytes: ByteArray
    """The words one after another."""
    word_starts: Int32Array
    """(W,)"""
    edges: UInt64Array
    """Hash table of edges, (S, 2): (node * tokens + token) plus 1, or 0; and the node behind it."""
    nodes: Int32Array
    """(N, 2): weight of the planning model, and flags (`_LEADS_ON`, `_NAMES_MOVE`): what is read together."""
    weights: Int32Array
    """(N, 1 + moves): weights of the gram that ends at each node. The first nodes are the tokens."""
    intercepts: Int32Array
    """(1 + moves,)"""


def build_tables(scorer: SentenceScorer) -> SentenceTables:
    """Return the arrays of a scorer."""
    models = (scorer.planning, *scorer.moves.values())
    grams = sorted({tuple(gram.split(" ")) for model in models for gram in model.grams})
    words = sorted({token for gram in grams for token in gram if token not in MARKS})
    tokens = {token: number for number, token in enumerate((*MARKS, *words))}
    nodes: dict[tuple[str, ...], int] = {(token,): number for token, number in tokens.items()}
    for gram in grams:
        for length in range(2, len(gram) + 1):
            nodes.setdefault(gram[:length], len(nodes))
    weights = np.zeros((len(nodes), len(models)), np.int32)
    for column, model in enumerate(models):
        for text, weight in model.grams.items():
            weights[nodes[tuple(text.split(" "))], column] = weight
    edges = {nodes[path[:-1]] * len(tokens) + tokens[path[-1]]: node for path, node in nodes.items() if len(path) > 1}
    node_rows = np.stack([weights[:, 0], _NAMES_MOVE * weights[:, 1:].any(axis=1).astype(np.int32)], axis=1)
    node_rows[[edge // len(tokens) for edge in edges], 1] |= _LEADS_ON
    return SentenceTables(
        *_word_table(words),
        _edge_table(edges),
        node_rows,
        weights,
        np.array([model.intercept for model in models], np.int32),
    )


def _capacity(n_entries: int) -> int:
    return 1 << max(4, (2 * n_entries).bit_length())


def _word_table(words: list[str]) -> tuple[Int32Array, UInt64Array, ByteArray, Int32Array]:
    encoded = [word.encode() for word in words]
    slots = np.full(_capacity(len(words)), -1, np.int32)
    keys = np.zeros((max(len(words), 1), 3), np.uint64)
    starts = np.cumsum([0, *map(len, encoded)]).astype(np.int32)
    for number, data in enumerate(encoded):
        low, high = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:_PACKED_BYTES], "little")
        keys[number] = low, high, len(data)
        slot = _word_slot(np.uint64(low), np.uint64(high), np.uint64(len(data)), np.uint64(len(slots) - 1))
        while slots[slot] >= 0:
            slot = (slot + 1) & (len(slots) - 1)
        slots[slot] = number
    return slots, keys, np.frombuffer(b"".join(encoded) or b"\0", np.uint8), starts


def _edge_table(edges: dict[int, int]) -> UInt64Array:
    table = np.zeros((_capacity(len(edges)), 2), np.uint64)
    for edge, target in edges.items():
        slot = _edge_slot(np.uint64(edge + 1), np.uint64(len(table) - 1))
        while table[slot, 0]:
            slot = (slot + 1) & (len(table) - 1)
        table[slot] = edge + 1, target
    return table


@kernel(inline="always")
def _word_slot(low: Integer, high: Integer, length: Integer, mask: Integer) -> Integer:
    mixed = (low + length) * _PRIMES[0] ^ high * _PRIMES[1]
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)


@kernel(inline="always")
def _edge_slot(key: Integer, mask: Integer) -> Integer:
    mixed = key * _PRIMES[0]
    return np.int64((mixed ^ (mixed >> np.uint64(32))) & mask)


@kernel(inline="always")
def _word_number(
    low: Integer,
    high: Integer,
    length: Integer,
    scratch: ByteArray,
    word_slots: Int32Array,
    word_keys: UInt64Array,
    word_bytes: ByteArray,
    word_starts: Int32Array,
) -> Integer:
    """Return the number of a word, or -1 if no gram has it. `scratch` holds its bytes behind the sixteenth."""
    mask = word_slots.shape[0] - 1
    slot = _word_slot(low, high, np.uint64(length), np.uint64(mask))
    while True:
        number = word_slots[slot]
        if number < 0:
            return -1
        if word_keys[number, 0] == low and word_keys[number, 1] == high and word_keys[number, 2] == np.uint64(length):
            is_same = True
            for step in range(_PACKED_BYTES, length):
                is_same = is_same and word_bytes[word_starts[number] + step] == scratch[step]
            if is_same:
                return number
        slot = (slot + 1) & mask


@kernel(inline="always")
def _follow(node: Integer, token: Integer, n_tokens: Integer, edges: UInt64Array, mask: Integer) -> Integer:
    """Return the node behind `node` at `token`, or -1."""
    key = np.uint64(node * n_tokens + token + 1)
    slot = np.uint64(_edge_slot(key, mask))
    while edges[slot, 0] != 0:
        if edges[slot, 0] == key:
            return np.int64(edges[slot, 1])
        slot = (slot + _ONE) & mask
    return np.int64(-1)


@kernel()
def _score_sentence(
    tokens: Int32Array,
    end: Integer,
    stamp: Integer,
    n_tokens: Integer,
    max_tokens: Integer,
    stamps: ByteArray,
    touched: Int32Array,
    edges: UInt64Array,
    nodes: Int32Array,
) -> tuple[Integer, Integer]:
    """Return (sum of the planning model, number of nodes in `touched`) of the sentence ``tokens[:end]``.

    `stamps` holds the stamp of the last sentence that touched each node, so that a gram counts once; nodes with weights
    of moves are written into `touched`. A stamp is one byte, so that the array stays in the fastest cache.
    """
    total, n_touched = np.int64(0), np.uint64(0)
    mask = np.uint64(edges.shape[0] - 1)
    for start in range(end):
        node, position = np.int64(tokens[start]), np.int64(start)
        last = min(np.int64(end), np.int64(start + max_tokens)) - 1
        while node >= 0:
            row = np.uint64(node)
            if stamps[row] != stamp:
                stamps[row] = stamp
                total += nodes[row, 0]
                if nodes[row, 1] & _NAMES_MOVE:
                    touched[n_touched] = node
                    n_touched += _ONE
            if position == last or nodes[row, 1] & _LEADS_ON == 0:
                break
            position += 1
            token = np.int64(tokens[position])
            node = _follow(node, token, np.int64(n_tokens), edges, mask) if token >= 0 else np.int64(-1)
    return total, np.int64(n_touched)


@kernel()
def _find_move(touched: Int32Array, n_touched: Integer, weights: Int32Array, totals: IntArray) -> Integer:
    """Return the number of the move with the largest sum; `totals` holds the intercepts, and the sums afterwards."""
    for row in range(n_touched):
        node = touched[row]
        for move in range(totals.shape[0]):
            totals[move] += weights[node, move + 1]
    best = 0
    for move in range(totals.shape[0]):
        if totals[move] > totals[best]:
            best = move
    return best


@kernel()
def _append_marks(flags: Integer, tokens: Int32Array, n: Integer) -> Integer:
    """Write the marks of a gap behind ``tokens[:n]``; return the number of tokens."""
    for flag, token in (
        (_HAS_NUMBER, _NUMBER),
        (_HAS_QUESTION, _QUESTION),
        (_HAS_ELLIPSIS, _ELLIPSIS),
        (_HAS_EQUALS, _EQUALS),
        (_HAS_COLON, _COLON),
    ):
        if flags & flag:
            tokens[n] = token
            n += 1
    return n


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
def _is_stop(code: Integer) -> Integer:
    return code == 0x2E or code == 0x3F or code == 0x21 or code == 0x2026  # . ? ! …


@kernel(inline="always")
def _is_closer(code: Integer) -> Integer:
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
    word_slots: Int32Array,
    word_keys: UInt64Array,
    word_bytes: ByteArray,
    word_starts: Int32Array,
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
        touched = np.empty(tokens.shape[0] * max_tokens, np.int32)
        n_rows, has_room = _scan(
            buffer,
            word_slots,
            word_keys,
            word_bytes,
            word_starts,
            edges,
            nodes,
            weights,
            intercepts,
            least_total,
            max_tokens,
            rows,
            tokens,
            touched,
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
    word_slots: Int32Array,
    word_keys: UInt64Array,
    word_bytes: ByteArray,
    word_starts: Int32Array,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
    least_total: Integer,
    max_tokens: Integer,
    rows: Int32Array,
    tokens: Int32Array,
    touched: Int32Array,
    stamps: ByteArray,
    scratch: ByteArray,
) -> tuple[Integer, Integer]:
    """Write the sentences into `rows`; return (their number, whether `rows` and `tokens` had room).

    No array is replaced here: numba would count references to it for each word, which takes most of the time.
    """
    end = buffer.shape[0]
    n_rows, n = np.int64(0), np.int64(0)  # n: tokens of the sentence at hand
    n_models = weights.shape[1]
    n_tokens = 8 + word_keys.shape[0]
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
            elif _is_stop(code) and has_letter:
                is_abbreviation = False
                if code == 0x2E and n_words and last_end == position and last_length <= 8:
                    for row in range(_ABBREVIATIONS.shape[0]):
                        is_abbreviation = is_abbreviation or _ABBREVIATIONS[row] == last_low
                while _is_stop(code):
                    n_dots = n_dots + 1 if code == 0x2E else 0
                    if code == 0x3F:
                        flags |= _HAS_QUESTION
                    elif code == 0x2026 or n_dots == 3:
                        flags |= _HAS_ELLIPSIS
                    position += width
                    code, width = _code_at(buffer, position)
                n_dots = 0
                while _is_closer(code):
                    position += width
                    code, width = _code_at(buffer, position)
                following = position
                while buffer[following] == 0x20 or buffer[following] == 0x09:
                    following += 1
                if following > position and not is_abbreviation:
                    letter = buffer[following]
                    if class_at(buffer, following, end)[0] == LETTER and not 0x61 <= letter <= 0x7A:
                        boundary = position
            else:
                n_dots = n_dots + 1 if code == 0x2E else 0
                if 0x30 <= code <= 0x39:
                    flags |= _HAS_NUMBER
                elif code == 0x3F:
                    flags |= _HAS_QUESTION
                elif code == 0x3D:
                    flags |= _HAS_EQUALS
                elif code == 0x3A:
                    flags |= _HAS_COLON
                elif code == 0x2026 or n_dots == 3:
                    flags |= _HAS_ELLIPSIS
                elif not has_letter:
                    has_letter = class_at(buffer, position, end)[0] == LETTER
                position += width
            if boundary < 0:
                continue
            has_letter = False
            if n_words:
                n = np.int64(_append_marks(flags, tokens, n))
                tokens[n] = _END
                stamp = n_rows % 255
                if stamp == 0:
                    stamps[:] = 255
                total, n_touched = _score_sentence(
                    tokens, n + 1, stamp, n_tokens, max_tokens, stamps, touched, edges, nodes
                )
                total += intercepts[0]
                if n_rows == rows.shape[0]:
                    return n_rows, False
                rows[n_rows, 2], rows[n_rows, 3] = total, -1
                if total >= least_total and n_models > 1:
                    for move in range(n_models - 1):
                        move_totals[move] = intercepts[move + 1]
                    rows[n_rows, 3] = _find_move(touched, n_touched, weights, move_totals)
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
            tokens[0], n = _START, np.int64(1)
        if n + _MOST_TOKENS > tokens.shape[0]:
            return n_rows, False
        if flags:
            n = np.int64(_append_marks(flags, tokens, n))
        elif n_words and has_break:
            tokens[n] = _BREAK
            n += 1
        number = _word_number(low, high, length, scratch, word_slots, word_keys, word_bytes, word_starts)
        tokens[n] = 8 + number if number >= 0 else -1
        n += 1
        n_words += 1
        has_letter = True
        position, last_end, last_low, last_length = np.int64(word_end), np.int64(word_end), low, np.int64(length)
