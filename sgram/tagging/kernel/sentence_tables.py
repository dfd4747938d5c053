"""A sentence scorer as arrays that compiled code reads, and the sum of a sentence by them.

The grams are paths in a trie over tokens. Its edges lie in one table without collisions: each node has a base, and its
edge at a token lies ``base + token`` places on, marked with its node. A step is one read and one comparison, whether
there is an edge or not, and no branch that a processor would guess wrong.
"""

from typing import NamedTuple

import numpy as np

from sgram.array_types import IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.lexicon.sentence_scorer import SentenceScorer
from sgram.sentences import BREAK, COLON, ELLIPSIS, END, EQUALS, MARKS, NUMBER, QUESTION, START
from sgram.tagging.kernel.compiled_types import ByteArray, Int32Array, Integer

NOWHERE = 0
"""The node of a word that no gram has. The numbers of tokens are the nodes of the grams that they are alone."""
START_TOKEN, END_TOKEN, NUMBER_TOKEN, QUESTION_TOKEN, ELLIPSIS_TOKEN, EQUALS_TOKEN, COLON_TOKEN, BREAK_TOKEN = (
    1 + MARKS.index(mark) for mark in (START, END, NUMBER, QUESTION, ELLIPSIS, EQUALS, COLON, BREAK)
)
HAS_NUMBER, HAS_QUESTION, HAS_ELLIPSIS, HAS_EQUALS, HAS_COLON, HAS_BREAK = 1, 2, 4, 8, 16, 32
"""Flags of the marks in a gap; the last one counts where there is no other."""
MOST_TOKENS = 16
"""More tokens than a word adds with the marks before it, and than the end of a sentence adds."""
NO_STAMP = 254
"""A stamp of no sentence; those of sentences are the even numbers below it, and the odd ones for their moves."""
_PRIMES = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
PACKED_BYTES = 16
"""Bytes of a word that are compared as two integers; the others are compared one by one."""
_ONE, _HALF, _LOWER_HALF = np.uint64(1), np.uint64(32), np.uint64(0xFFFFFFFF)


class SentenceTables(NamedTuple):
    """A scorer as arrays."""

    words: UInt64Array
    """Hash table of words, (a power of two, 4): bytes 0-7 and 8-15 of a word, its length, 0 in a free slot, and its
    number with, 32 bits up, its start in `word_bytes`: what is read together."""
    word_bytes: ByteArray
    """The words one after another."""
    edges: UInt64Array
    """(a power of two,): the node that an edge leaves in the upper half, the node that it leads to in the lower one."""
    nodes: Int32Array
    """(N, 2): weight of the planning model; twice the base in `edges`, plus 1 if a move has a weight."""
    weights: Int32Array
    """(N, 1 + moves): weights of the gram that ends at each node."""
    intercepts: Int32Array
    """(1 + moves,)"""


def build_tables(scorer: SentenceScorer) -> SentenceTables:
    """Return the arrays of a scorer.

    >>> from sgram.lexicon.sentence_scorer import LinearWeights
    >>> tables = build_tables(SentenceScorer("checks", LinearWeights(-1000, {"let me": 3000}), {}))
    >>> bytes(tables.word_bytes), len(tables.nodes), int(tables.nodes[:, 0].max())
    (b'letme', 12, 3000)
    """
    models = (scorer.planning, *scorer.moves.values())
    grams = sorted({tuple(gram.split(" ")) for model in models for gram in model.grams})
    words = sorted({token for gram in grams for token in gram if token not in MARKS})
    tokens = {token: 1 + number for number, token in enumerate((*MARKS, *words))}
    nodes: dict[tuple[str, ...], int] = {(token,): number for token, number in tokens.items()}
    for gram in grams:
        for length in range(2, len(gram) + 1):
            nodes.setdefault(gram[:length], 1 + len(nodes))
    weights = np.zeros((1 + len(nodes), len(models)), np.int32)
    for column, model in enumerate(models):
        for text, weight in model.grams.items():
            if text not in (START, END):  # alone they are no grams of a sentence
                weights[nodes[tuple(text.split(" "))], column] = weight
    edges: dict[int, dict[int, int]] = {}
    for path, node in nodes.items():
        if len(path) > 1:
            edges.setdefault(nodes[path[:-1]], {})[tokens[path[-1]]] = node
    bases, edge_table = _place_edges(edges, len(weights), len(tokens))
    has_move = weights[:, 1:].any(axis=1)
    return SentenceTables(
        *_word_table(words),
        edge_table,
        np.stack([weights[:, 0], 2 * bases + has_move], axis=1).astype(np.int32),
        weights,
        np.array([model.intercept for model in models], np.int32),
    )


def _capacity(n_entries: int) -> int:
    return 1 << max(4, (2 * n_entries).bit_length())


def _word_table(words: list[str]) -> tuple[UInt64Array, ByteArray]:
    encoded = [word.encode() for word in words]
    table = np.zeros((_capacity(len(words)), 4), np.uint64)
    start = 0
    for number, data in enumerate(encoded, BREAK_TOKEN + 1):
        low, high = int.from_bytes(data[:8], "little"), int.from_bytes(data[8:PACKED_BYTES], "little")
        slot = int(_word_slot(np.uint64(low), np.uint64(high), np.uint64(len(data)), np.uint64(len(table) - 1)))
        while table[slot, 2]:
            slot = (slot + 1) & (len(table) - 1)
        table[slot] = low, high, len(data), start << 32 | number
        start += len(data)
    return table, np.frombuffer(bytearray(b"".join(encoded) or b"\0"), np.uint8)


def _place_edges(edges: dict[int, dict[int, int]], n_nodes: int, n_tokens: int) -> tuple[IntArray, UInt64Array]:
    """Return (base of each node, table of edges). `edges` are the nodes behind each token, by their first node.

    The nodes with the most edges go first, because they are hard to fit; those with one edge fill what is left free.
    """
    n_edges = sum(map(len, edges.values()))
    mask = _capacity(max(n_edges, n_tokens)) - 1
    # a free place is an edge that leaves no node
    bases, table = np.zeros(n_nodes, np.int64), np.full(mask + 1, n_nodes << 32, np.uint64)
    is_taken = bytearray(mask + 1)
    base = 0
    for node in sorted(edges, key=lambda node: (-len(edges[node]), node)):
        places = list(edges[node])
        while any(is_taken[base + token & mask] for token in places):
            base = base + 40_503 & mask  # odd, so that every base comes up
        bases[node] = base
        for token, target in edges[node].items():
            is_taken[base + token & mask] = 1
            table[base + token & mask] = node << 32 | target
    return bases, table


@kernel(inline="always")
def _word_slot(low: Integer, high: Integer, length: Integer, mask: Integer) -> Integer:
    mixed = (low + length) * _PRIMES[0] ^ high * _PRIMES[1]
    return (mixed ^ (mixed >> np.uint64(32))) & mask


@kernel()
def word_token(
    low: Integer, high: Integer, length: Integer, scratch: ByteArray, words: UInt64Array, word_bytes: ByteArray
) -> Integer:
    """Return the number of a word, int32, or `NOWHERE` if no gram has it.

    `low` and `high` are its first sixteen bytes as little-endian integers; `scratch` holds the bytes behind these, at
    their own places.
    """
    mask, size = np.uint64(words.shape[0] - 1), np.uint64(length)
    slot = _word_slot(low, high, size, mask)
    while words[slot, 2] != 0:
        if words[slot, 0] == low and words[slot, 1] == high and words[slot, 2] == size:
            is_same = True
            for step in range(PACKED_BYTES, length):
                is_same = is_same and word_bytes[np.int64(words[slot, 3] >> _HALF) + step] == scratch[step]
            if is_same:
                return np.int32(words[slot, 3] & _LOWER_HALF)
        slot = (slot + _ONE) & mask
    return np.int32(NOWHERE)


@kernel()
def append_marks(flags: Integer, tokens: Int32Array, n: Integer) -> Integer:
    """Write the marks of a gap behind ``tokens[:n]``, n unsigned; return the number of tokens, as unsigned."""
    if flags == HAS_BREAK:
        tokens[n] = BREAK_TOKEN
        return n + _ONE
    for flag, token in (
        (HAS_NUMBER, NUMBER_TOKEN),
        (HAS_QUESTION, QUESTION_TOKEN),
        (HAS_ELLIPSIS, ELLIPSIS_TOKEN),
        (HAS_EQUALS, EQUALS_TOKEN),
        (HAS_COLON, COLON_TOKEN),
    ):
        if flags & flag:
            tokens[n] = token
            n += _ONE
    return n


@kernel()
def sum_weights(
    tokens: Int32Array,
    end: Integer,
    stamp: Integer,
    max_tokens: Integer,
    stamps: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
) -> Integer:
    """Return the sum of the planning model, without its intercept, of the sentence ``tokens[:end]``.

    `max_tokens` more tokens are overwritten. `stamps` holds the stamp of the last sentence that touched each node, so
    that a gram counts once. A stamp is one byte, so that the array stays in the fastest cache. Indices are unsigned
    because each access at a signed index first tests for a negative one.
    """
    total, mask = np.int64(0), np.uint64(edges.shape[0] - 1)
    tokens[end : end + max_tokens] = NOWHERE
    for start in range(np.uint64(end)):
        node, position = np.uint64(tokens[start]), np.uint64(start)
        last = position + np.uint64(max_tokens)
        while True:
            total += np.int64(stamps[node] != stamp) * nodes[node, 0]
            stamps[node] = stamp
            position += _ONE
            if position == last:
                break
            edge = edges[(np.uint64(nodes[node, 1] >> 1) + np.uint64(tokens[position])) & mask]
            if edge >> _HALF != node:
                break
            node = edge & _LOWER_HALF
    return total


@kernel()
def likeliest_move(
    tokens: Int32Array,
    end: Integer,
    stamp: Integer,
    max_tokens: Integer,
    stamps: ByteArray,
    edges: UInt64Array,
    nodes: Int32Array,
    weights: Int32Array,
    intercepts: Int32Array,
    totals: IntArray,
) -> Integer:
    """Return the number of the move with the largest sum for a sentence; `totals` (moves,) holds the sums afterwards.

    The sentence, another stamp and the tables are those of `sum_weights`, which was called for the sentence.
    """
    mask = np.uint64(edges.shape[0] - 1)
    for move in range(totals.shape[0]):
        totals[move] = intercepts[move + 1]
    for start in range(np.uint64(end)):
        node, position = np.uint64(tokens[start]), np.uint64(start)
        last = position + np.uint64(max_tokens)
        while True:
            if nodes[node, 1] & 1 and stamps[node] != stamp:
                for move in range(totals.shape[0]):
                    totals[move] += weights[node, move + 1]
                stamps[node] = stamp
            position += _ONE
            if position == last:
                break
            edge = edges[(np.uint64(nodes[node, 1] >> 1) + np.uint64(tokens[position])) & mask]
            if edge >> _HALF != node:
                break
            node = edge & _LOWER_HALF
    best = 0
    for move in range(totals.shape[0]):
        if totals[move] > totals[best]:
            best = move
    return best
