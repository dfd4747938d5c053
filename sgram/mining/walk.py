"""Where chosen grams occur in a corpus: one walk, many uses. Knows nothing about why grams were chosen.

The walker follows a trie of word ids from every position, so its cost hardly grows with the number of grams.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numba import njit

from sgram.mining.corpus import Corpus
from sgram.mining.count import GramTable, _mix
from sgram.scan import BREAK

EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(slots=True)
class Trie:
    """Chosen grams of a table as nodes; node w < len(words) is the one-word gram w."""

    n_words: int
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
        return cls(len(table.words), slots, nodes, np.concatenate(label))


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
def _walk_shard(ids, doc_ends, map_of, trie, n_labels, sides, facets):
    """Tally labels over one shard; see `Tally`. `facets` int32 (documents, F), `sides` int8 (documents,)."""
    slots, nodes, label_of = trie
    n_facets = facets.shape[1]
    df = np.zeros((n_labels, 3), np.int64)
    places = np.zeros((n_labels, 3), np.int64)  # all, sentence-initial, sentence-final
    seen = np.full(n_labels, -1, np.int32)
    capacity, used = 1 << 12, 0
    pairs = np.full(capacity, EMPTY, np.uint64)
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
                                key = (
                                    np.uint64(facet) << np.uint64(62)
                                    | np.uint64(label) << np.uint64(32)
                                    | np.uint64(value)
                                )
                                low = np.uint64(capacity - 1)
                                slot = np.int64(_mix(key) & low)
                                while pairs[slot] != EMPTY and pairs[slot] != key:
                                    slot = (slot + 1) & np.int64(low)
                                if pairs[slot] == EMPTY:
                                    pairs[slot] = key
                                    used += 1
                                    if 2 * used > capacity:
                                        pairs = _grow_pairs(pairs)
                                        capacity *= 2
                ahead += 1
                if ahead >= end or ids[ahead] == BREAK:
                    break
                word = map_of[ids[ahead]]
                if word < 0:
                    break
                node = _step(slots, nodes, node, word)
        begin = end
    return df, places, np.sort(pairs[pairs != EMPTY])


@njit(nogil=True, cache=True)
def _grow_pairs(pairs):
    larger = np.full(2 * pairs.shape[0], EMPTY, np.uint64)
    low = np.uint64(larger.shape[0] - 1)
    for key in pairs:
        if key != EMPTY:
            slot = np.int64(_mix(key) & low)
            while larger[slot] != EMPTY:
                slot = (slot + 1) & np.int64(low)
            larger[slot] = key
    return larger


@dataclass(slots=True)
class Tally:
    """What a walk found for each label, rows = labels."""

    df: np.ndarray
    """Documents that hold the label, by side of the document, int64 (n, 3)."""
    places: np.ndarray
    """Occurrences: all, sentence-initial, sentence-final, int64 (n, 3)."""
    spread: np.ndarray
    """Distinct values of each facet among those documents, int64 (n, F)."""


def walk(
    corpus: Corpus, table: GramTable, labels: list[np.ndarray], workers: int = 1, sides: str | None = None
) -> Tally:
    """Tally the labelled grams of `table` over `corpus`.

    ``labels[n-1]`` gives each n-gram its label or -1. `sides` names the store's arrays ``{sides}-{shard}``
    of each document's side (0, 1, 2); without it a document's side is its outcome.
    """
    trie = Trie.build(table, labels)
    n_labels = 1 + max((int(label.max(initial=-1)) for label in labels), default=-1)
    map_of = word_map(corpus, table)
    store = corpus.store

    def tally(shard):
        number = shard.number
        side = store.get(f"{sides}-{number}") if sides else np.full(shard.n_docs, shard.outcome, np.int8)
        found = _walk_shard(
            store.get(f"ids-{number}"), store.get(f"ends-{number}"),
            map_of[store.get(f"words-map-{number}")], (trie.slots, trie.nodes, trie.label),
            n_labels, side, store.get(f"facets-{number}"),
        )  # fmt: skip
        store.put(f"pairs-{number}", found[2])
        return found[:2]

    df, places = np.zeros((n_labels, 3), np.int64), np.zeros((n_labels, 3), np.int64)
    with ThreadPoolExecutor(workers) as pool:
        for shard_df, shard_places in pool.map(tally, corpus.shards):
            df += shard_df
            places += shard_places
    return Tally(df, places, _spread(corpus, n_labels))


def word_map(corpus: Corpus, table: GramTable) -> np.ndarray:
    """Map from a word's place in the corpus's vocabulary to its id in `table`, or -1."""
    rank = {word.encode("utf-8", "surrogatepass"): place for place, word in enumerate(table.words)}
    map_of = np.full(len(corpus.words), -1, np.int32)
    for word, place in corpus.words.items():
        map_of[place] = rank.get(word, -1)
    return map_of


def _spread(corpus: Corpus, n_labels: int, rows_at_once: int = 1 << 22) -> np.ndarray:
    """Distinct facet values per label from the shards' sorted pairs, a range of labels at a time."""
    n_facets = max(1, len(corpus.facet_values))
    spread = np.zeros((n_labels, n_facets), np.int64)
    shards = [corpus.store.get(f"pairs-{shard.number}") for shard in corpus.shards]
    total = sum(len(pairs) for pairs in shards)
    step = max(1, n_labels * rows_at_once // max(total, 1))
    for facet in range(n_facets):
        for first in range(0, n_labels, step):
            low = np.uint64(facet) << np.uint64(62) | np.uint64(first) << np.uint64(32)
            high = np.uint64(facet) << np.uint64(62) | np.uint64(min(first + step, n_labels)) << np.uint64(32)
            ranges = [pairs[slice(*np.searchsorted(pairs, [low, high]))] for pairs in shards]
            unique = np.unique(np.concatenate(ranges)) if ranges else np.zeros(0, np.uint64)
            label = (unique >> np.uint64(32) & np.uint64(0x3FFFFFFF)).astype(np.int64)
            spread[:, facet] += np.bincount(label, minlength=n_labels)
    for shard in corpus.shards:
        corpus.store.drop(f"pairs-{shard.number}")
    return spread
