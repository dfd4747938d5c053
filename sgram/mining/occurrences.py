"""Where chosen grams occur in a corpus: one walk, many uses. Knows nothing about why grams were chosen.

The walker follows a trie of word ids from every position, so its cost hardly grows with the number of grams.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numba import njit

from sgram.mining.corpus import Corpus
from sgram.mining.count import GramTable, _mix
from sgram.scan import BREAK

EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
MOST_VALUES = 1 << 14
"""Bits that a facet may take for each label: 2 KiB."""


@dataclass(slots=True)
class Trie:
    """Chosen grams of a table as nodes; node w < len(words) is the one-word gram w."""

    slots: np.ndarray
    """Open-addressing table of (parent node << 32 | word) -> row in `nodes`."""
    nodes: np.ndarray
    label: np.ndarray
    """Label of each node, -1 for a node that only leads on."""

    @classmethod
    def build(cls, table: GramTable, labels: list[np.ndarray]) -> "Trie":
        """A trie of the table's grams; ``labels[n-1]`` labels its n-grams, -1 for those not chosen.

        Several grams may share a label.
        """
        needed = [label >= 0 for label in labels]
        for n in range(len(table.levels) - 1, 0, -1):  # whatever leads to a chosen gram is a node
            needed[n - 1] = needed[n - 1].copy()
            needed[n - 1][table.levels[n].prefix[needed[n]]] = True
        node_of = [np.arange(len(table.words), dtype=np.int32)]
        label, keys = [labels[0].astype(np.int32)], []
        next_node = len(table.words)
        for n in range(1, len(table.levels)):
            rows = np.flatnonzero(needed[n])
            level = table.levels[n]
            node = np.full(len(level), -1, np.int32)
            node[rows] = np.arange(next_node, next_node + len(rows), dtype=np.int32)
            parent = node_of[n - 1][level.prefix[rows]].astype(np.uint64)
            keys.append(parent << np.uint64(32) | level.last[rows].astype(np.uint64))
            label.append(labels[n][rows].astype(np.int32))
            node_of.append(node)
            next_node += len(rows)
        all_keys = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
        slots, nodes = _build_slots(all_keys, len(table.words))
        return cls(slots, nodes, np.concatenate(label))


@njit(nogil=True, cache=True)
def _build_slots(keys, first_node):
    capacity = 64
    while capacity < 3 * keys.shape[0]:
        capacity *= 2
    slots = np.full(capacity, EMPTY, np.uint64)
    nodes = np.zeros(capacity, np.int32)
    low = np.uint64(capacity - 1)
    for row in range(keys.shape[0]):
        slot = np.int64(_mix(keys[row]) & low)
        while slots[slot] != EMPTY:
            slot = (slot + 1) & np.int64(low)
        slots[slot] = keys[row]
        nodes[slot] = first_node + row
    return slots, nodes


@njit(nogil=True, cache=True)
def _step(slots, nodes, node, word):
    low = np.uint64(slots.shape[0] - 1)
    key = np.uint64(node) << np.uint64(32) | np.uint64(word)
    slot = np.int64(_mix(key) & low)
    while slots[slot] != EMPTY:
        if slots[slot] == key:
            return nodes[slot]
        slot = (slot + 1) & np.int64(low)
    return np.int32(-1)


@njit(nogil=True, cache=True)
def _walk_shard(ids, doc_ends, map_of, trie, sides, facets, first_bytes, tally):
    """Add one shard to `tally`, arrays (df, places, seen, bits); see `Tally`.

    `facets` int32 (documents, F): each document's value of each facet, -1 for none; `first_bytes` where each
    facet's bits begin in a row of `bits`, uint8 (n, bytes).
    """
    slots, nodes, label_of = trie
    df, places, seen, bits = tally
    seen[:] = -1
    n_facets = facets.shape[1]
    begin = 0
    for doc in range(doc_ends.shape[0]):
        end = doc_ends[doc]
        for at in range(begin, end):
            if ids[at] == BREAK:
                continue
            node = map_of[ids[at]]
            ahead = at
            while node >= 0:
                label = label_of[node]
                if label >= 0:
                    places[label, 0] += 1
                    places[label, 1] += at == 0 or ids[at - 1] == BREAK
                    places[label, 2] += ahead + 1 >= end or ids[ahead + 1] == BREAK
                    if seen[label] != doc:
                        seen[label] = doc
                        df[label, sides[doc]] += 1
                        for facet in range(n_facets):
                            value = facets[doc, facet]
                            if value >= 0:
                                bits[label, first_bytes[facet] + (value >> 3)] |= np.uint8(1 << (value & 7))
                ahead += 1
                if ahead >= end or ids[ahead] == BREAK:
                    break
                word = map_of[ids[ahead]]
                if word < 0:
                    break
                node = _step(slots, nodes, node, word)
        begin = end


@dataclass(slots=True)
class Tally:
    """What a walk found for each label, rows = labels."""

    df: np.ndarray
    """Documents that hold the label, by side of the document, int64 (n, 3)."""
    places: np.ndarray
    """Occurrences: all, sentence-initial, sentence-final, int64 (n, 3)."""
    spread: np.ndarray
    """Distinct values of each facet among those documents, int64 (n, F); exact up to `MOST_VALUES` values, beyond
    that a lower bound (values share bits by hash)."""


def walk(
    corpus: Corpus,
    table: GramTable,
    labels: list[np.ndarray],
    workers: int = 1,
    *,
    sides: str | None = None,
    spread: bool = True,
) -> Tally:
    """Tally the labeled grams of `table` over `corpus`.

    ``labels[n-1]`` gives each n-gram its label or -1. `sides` names the store's arrays ``{sides}-{shard}``
    of each document's side (0, 1, 2); without it a document's side is its outcome. Without
    `spread` facets are left out.
    """
    trie = Trie.build(table, labels)
    n_labels = 1 + max((int(label.max(initial=-1)) for label in labels), default=-1)
    map_of = word_map(corpus, table)
    renamed = [_bit_of(values) for values in corpus.facet_values] if spread else []
    widths = [-(-int(rename.max(initial=-1) + 1) // 8) for rename in renamed]
    first_bytes = np.cumsum([0, *widths])
    store = corpus.store

    def tally_of(shards):
        tally = (
            np.zeros((n_labels, 3), np.int64),
            np.zeros((n_labels, 3), np.int64),
            np.empty(n_labels, np.int32),
            np.zeros((n_labels, int(first_bytes[-1])), np.uint8),
        )
        for shard in shards:
            number = shard.number
            side = store.get(f"{sides}-{number}") if sides else np.full(shard.n_docs, shard.outcome, np.int8)
            values = store.get(f"facets-{number}")
            facets = np.full((shard.n_docs, len(renamed)), -1, np.int32)
            for facet, rename in enumerate(renamed):
                known = values[:, facet] >= 0
                facets[known, facet] = rename[values[known, facet]]
            _walk_shard(
                store.get(f"ids-{number}"),
                store.get(f"ends-{number}"),
                map_of[store.get(f"words-map-{number}")],
                (trie.slots, trie.nodes, trie.label),
                side,
                facets,
                first_bytes,
                tally,
            )
        return tally

    with ThreadPoolExecutor(workers) as pool:
        tallies = list(pool.map(tally_of, [corpus.shards[part::workers] for part in range(workers)]))
    df, places, _, bits = tallies[0]
    for other in tallies[1:]:
        df += other[0]
        places += other[1]
        bits |= other[3]
    counts = [
        np.bitwise_count(bits[:, first:last]).sum(axis=1, dtype=np.int64) for first, last in pairwise(first_bytes)
    ]
    return Tally(df, places, np.stack(counts, axis=1) if counts else np.zeros((n_labels, 0), np.int64))


def _bit_of(values: dict[str, int]) -> np.ndarray:
    """Bit of each value of a facet: its own up to `MOST_VALUES` values, else a hash of the value."""
    if len(values) <= MOST_VALUES:
        return np.arange(len(values), dtype=np.int32)
    hashes = [
        int.from_bytes(blake2b(value.encode("utf-8", "surrogatepass"), digest_size=4).digest()) for value in values
    ]
    return (np.array(hashes) % MOST_VALUES).astype(np.int32)


def word_map(corpus: Corpus, table: GramTable) -> np.ndarray:
    """Map from a word's place in the corpus's vocabulary to its id in `table`, or -1."""
    rank = {word.encode("utf-8", "surrogatepass"): place for place, word in enumerate(table.words)}
    map_of = np.full(len(corpus.words), -1, np.int32)
    for word, place in corpus.words.items():
        map_of[place] = rank.get(word, -1)
    return map_of
