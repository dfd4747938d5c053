"""Sentences of a text with their sums of weights, compiled with numba; `SentenceFinder` calls it.

The rules are those of `sgram.sentences`; tests hold both equal. A sentence's grams are followed in a trie whose edges
lie in one hash table: the paths that are open are those that begin with one of the last tokens.
"""

from typing import NamedTuple

import numpy as np

from sgram.array_types import UInt64Array
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
    edge_keys: UInt64Array
    """Hash table of edges: (node * tokens + token) plus 1, or 0."""
    edge_targets: Int32Array
    has_children: ByteArray
    """(N,)"""
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
    has_children = np.zeros(len(nodes), np.uint8)
    has_children[[edge // len(tokens) for edge in edges]] = 1
    edge_keys, edge_targets = _edge_table(edges)
    return SentenceTables(
        *_word_table(words),
        edge_keys,
        edge_targets,
        has_children,
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


def _edge_table(edges: dict[int, int]) -> tuple[UInt64Array, Int32Array]:
    keys = np.zeros(_capacity(len(edges)), np.uint64)
    targets = np.full(len(keys), -1, np.int32)
    for edge, target in edges.items():
        slot = _edge_slot(np.uint64(edge + 1), np.uint64(len(keys) - 1))
        while keys[slot]:
            slot = (slot + 1) & (len(keys) - 1)
        keys[slot], targets[slot] = edge + 1, target
    return keys, targets


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
def _follow(
    node: Integer, token: Integer, n_tokens: Integer, edge_keys: UInt64Array, edge_targets: Int32Array
) -> Integer:
    """Return the node behind `node` at `token`, or -1."""
    key = np.uint64(node * n_tokens + token + 1)
    mask = edge_keys.shape[0] - 1
    slot = _edge_slot(key, np.uint64(mask))
    while edge_keys[slot] != 0:
        if edge_keys[slot] == key:
            return np.int64(edge_targets[slot])
        slot = (slot + 1) & mask
    return np.int64(-1)


@kernel()
def _add_token(
    token: Integer,
    state: Int32Array,
    paths: Int32Array,
    stamps: Int32Array,
    touched: Int32Array,
    edge_keys: UInt64Array,
    edge_targets: Int32Array,
    has_children: ByteArray,
    weights: Int32Array,
) -> None:
    """Count the grams that end with `token`. `state`: open paths, nodes touched, sentence, sum, tokens."""
    n_paths, n_open = state[0], 0
    for row in range(n_paths + 1):
        if row < n_paths:
            node = _follow(np.int64(paths[row]), np.int64(token), np.int64(state[4]), edge_keys, edge_targets)
        else:
            node = np.int64(token)
        if node < 0:
            continue
        if stamps[node] != state[2]:
            stamps[node] = state[2]
            state[3] += weights[node, 0]
            touched[state[1]] = node
            state[1] += 1
        if has_children[node]:
            paths[n_open] = node
            n_open += 1
    state[0] = n_open


@kernel()
def _add_marks(
    flags: Integer,
    state: Int32Array,
    paths: Int32Array,
    stamps: Int32Array,
    touched: Int32Array,
    edge_keys: UInt64Array,
    edge_targets: Int32Array,
    has_children: ByteArray,
    weights: Int32Array,
) -> None:
    for flag, token in (
        (_HAS_NUMBER, _NUMBER),
        (_HAS_QUESTION, _QUESTION),
        (_HAS_ELLIPSIS, _ELLIPSIS),
        (_HAS_EQUALS, _EQUALS),
        (_HAS_COLON, _COLON),
    ):
        if flags & flag:
            _add_token(token, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)


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
def scan_sentences(buffer: ByteArray, tables: SentenceTables, least_total: Integer, max_tokens: Integer) -> Int32Array:
    """Return (n, 4) int32 of the sentences of a text that ends in a newline; see `_COLUMNS`."""
    # arrays of a tuple are counted at each access
    word_slots, word_keys, word_bytes, word_starts = (
        tables.word_slots,
        tables.word_keys,
        tables.word_bytes,
        tables.word_starts,
    )
    edge_keys, edge_targets, has_children = tables.edge_keys, tables.edge_targets, tables.has_children
    weights, intercepts = tables.weights, tables.intercepts
    end = buffer.shape[0]
    rows = np.empty((end // 32 + 16, _COLUMNS), np.int32)
    n_rows = 0
    n_nodes, n_models = weights.shape
    n_tokens = 8 + word_keys.shape[0]
    state = np.zeros(5, np.int32)
    state[4] = n_tokens
    paths, touched = np.empty(max_tokens + 1, np.int32), np.empty(n_nodes, np.int32)
    stamps = np.full(n_nodes, -1, np.int32)
    scratch = np.empty(end + 1, np.uint8)
    start, position = np.int64(0), np.int64(0)
    last_end, last_low, last_length = np.int64(-1), np.uint64(0), np.int64(0)
    n_words, has_letter = 0, False
    while True:
        word_start, word_end, length, low, high, has_break = next_word(buffer, position, end, scratch)
        gap_end = np.int64(word_start) if word_start >= 0 else np.int64(end)
        flags, n_dots = 0, 0
        while position < gap_end:
            code = np.int64(buffer[position])
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
                _add_marks(flags, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)
                _add_token(_END, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)
                if n_rows == rows.shape[0]:
                    larger = np.empty((2 * n_rows, _COLUMNS), np.int32)
                    larger[:n_rows] = rows
                    rows = larger
                total = state[3] + intercepts[0]
                rows[n_rows, 2], rows[n_rows, 3] = total, -1
                if total >= least_total and n_models > 1:
                    best = np.int64(0)
                    for model in range(1, n_models):
                        move_total = np.int64(intercepts[model])
                        for row in range(state[1]):
                            move_total += weights[touched[row], model]
                        if model == 1 or move_total > best:
                            best = move_total
                            rows[n_rows, 3] = model - 1
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
            return rows[:n_rows].copy()
        if n_words == 0:
            state[0], state[1], state[3] = 0, 0, 0
            state[2] += 1
            _add_token(_START, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)
        if flags:
            _add_marks(flags, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)
        elif n_words and has_break:
            _add_token(_BREAK, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)
        number = _word_number(low, high, length, scratch, word_slots, word_keys, word_bytes, word_starts)
        if number < 0:
            state[0] = 0
        else:
            _add_token(8 + number, state, paths, stamps, touched, edge_keys, edge_targets, has_children, weights)
        n_words += 1
        has_letter = True
        position, last_end, last_low, last_length = np.int64(word_end), np.int64(word_end), low, np.int64(length)
