"""Where labeled grams occur in a corpus: one pass over the word ids counts occurrences, documents and facets.

The pass follows a trie of word ids from every position, so its cost hardly depends on the number of grams.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sgram.array_types import AnyArray, ByteArray, Int32Array, IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.mining.corpus import Corpus, Shard
from sgram.mining.count import GramTable, mix_key
from sgram.scan import BREAK

EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
MAX_FACET_BITS = 1 << 14
"""Bits of a facet for each label: 2 KiB."""

TrieArrays = tuple[UInt64Array, Int32Array, Int32Array]
"""`slots`, `nodes` and `label` of a `Trie`, for compiled functions."""


@dataclass(slots=True)
class Trie:
    """Labeled grams of a table as nodes; node w < len(words) is the one-word gram w."""

    slots: UInt64Array
    """Open-addressing table of (parent node << 32 | word) -> row in `nodes`."""
    nodes: Int32Array
    label: Int32Array
    """Label of each node, -1 for a node that is only the beginning of a labeled gram."""

    @classmethod
    def build(cls, table: GramTable, labels: Sequence[Int32Array]) -> "Trie":
        """Build the trie of the grams of `table` that have a label.

        ``labels[n-1]`` holds the label of each n-gram, -1 for none. Several grams may have the same label.
        """
        is_node = [level_labels >= 0 for level_labels in labels]
        for n in range(len(table.levels) - 1, 0, -1):  # every beginning of a labeled gram is a node
            is_node[n - 1] = is_node[n - 1].copy()
            is_node[n - 1][table.levels[n].prefix[is_node[n]]] = True
        node_of_row = [np.arange(len(table.words), dtype=np.int32)]
        node_labels, keys = [labels[0].astype(np.int32)], []
        next_node = len(table.words)
        for n in range(1, len(table.levels)):
            rows = np.flatnonzero(is_node[n])
            level = table.levels[n]
            nodes = np.full(len(level), -1, np.int32)
            nodes[rows] = np.arange(next_node, next_node + len(rows), dtype=np.int32)
            parents = node_of_row[n - 1][level.prefix[rows]].astype(np.uint64)
            keys.append(parents << np.uint64(32) | level.last[rows].astype(np.uint64))
            node_labels.append(labels[n][rows].astype(np.int32))
            node_of_row.append(nodes)
            next_node += len(rows)
        all_keys = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
        slots, slot_nodes = _build_slots(all_keys, len(table.words))
        return cls(slots, slot_nodes, np.concatenate(node_labels))

    @property
    def arrays(self) -> TrieArrays:
        """The three arrays, for compiled functions."""
        return self.slots, self.nodes, self.label


@kernel()
def _build_slots(keys: UInt64Array, first_node: int) -> tuple[UInt64Array, Int32Array]:
    """Return the hash table of the keys of nodes `first_node`, `first_node` + 1, ..."""
    capacity = 64
    while capacity < 3 * keys.shape[0]:
        capacity *= 2
    slots = np.full(capacity, EMPTY, np.uint64)
    nodes = np.zeros(capacity, np.int32)
    slot_mask = np.uint64(capacity - 1)
    for row in range(keys.shape[0]):
        slot = np.int64(mix_key(keys[row]) & slot_mask)
        while slots[slot] != EMPTY:
            slot = (slot + 1) & np.int64(slot_mask)
        slots[slot] = keys[row]
        nodes[slot] = first_node + row
    return slots, nodes


@kernel()
def step_trie(slots: UInt64Array, nodes: Int32Array, node: int, word: int) -> np.int32:
    """Return the child of `node` by `word`, -1 if there is none."""
    slot_mask = np.uint64(slots.shape[0] - 1)
    key = np.uint64(node) << np.uint64(32) | np.uint64(word)
    slot = np.int64(mix_key(key) & slot_mask)
    while slots[slot] != EMPTY:
        if slots[slot] == key:
            return np.int32(nodes[slot])
        slot = (slot + 1) & np.int64(slot_mask)
    return np.int32(-1)


_CountArrays = tuple[IntArray, IntArray, IntArray, Int32Array, ByteArray]


@kernel()
def _tally_shard(
    ids: Int32Array,
    doc_ends: IntArray,
    new_ids: Int32Array,
    trie: TrieArrays,
    sides: npt.NDArray[np.int8],
    facets: Int32Array,
    first_bytes: IntArray,
    facet_rows: Int32Array,
    counts: _CountArrays,
) -> None:
    """Add one shard to `counts`, arrays (df, count, ends, last document, facet bits); see `LabelCounts`.

    `facets`, (documents, F), holds the bit of each document's value of each facet, -1 for none; `first_bytes` is where
    the bits of each facet begin in a row of the facet bits, (r, bytes); `facet_rows`, (n,), is the row of each label.
    """
    slots, nodes, label_of_node = trie
    df, count, ends, last_doc, bits = counts
    last_doc[:] = -1
    n_facets = facets.shape[1]
    begin = 0
    for doc in range(doc_ends.shape[0]):
        end = doc_ends[doc]
        side = sides[doc]
        for start in range(begin, end):
            if ids[start] == BREAK:
                continue
            node = new_ids[ids[start]]
            last = start
            while node >= 0:
                label = label_of_node[node]
                if label >= 0:
                    count[label, side] += 1
                    ends[label, 0] += start == 0 or ids[start - 1] == BREAK
                    ends[label, 1] += last + 1 >= end or ids[last + 1] == BREAK
                    if last_doc[label] != doc:
                        last_doc[label] = doc
                        df[label, side] += 1
                        facet_row = facet_rows[label]
                        if facet_row >= 0:
                            for facet in range(n_facets):
                                bit = facets[doc, facet]
                                if bit >= 0:
                                    bits[facet_row, first_bytes[facet] + (bit >> 3)] |= np.uint8(1 << (bit & 7))
                last += 1
                if last >= end or ids[last] == BREAK:
                    break
                word = new_ids[ids[last]]
                if word < 0:
                    break
                node = step_trie(slots, nodes, node, word)
        begin = end


@dataclass(frozen=True, slots=True)
class FacetBits:
    """The bit of each value of each facet in a row of bits, so that rows of several corpora can be united."""

    bits: tuple[Int32Array, ...]
    """For each facet: the bit of each of its values."""

    @classmethod
    def assign(cls, facet_values: Sequence[Mapping[str, int]]) -> "FacetBits":
        """Return the bits of the values of each facet, which are numbered from 0.

        A facet of at most `MAX_FACET_BITS` values has a bit for each; beyond, the bit is a hash of the value.
        """
        return cls(tuple(_assign_bits(value_ids) for value_ids in facet_values))

    @property
    def first_bytes(self) -> IntArray:
        """Where each facet's bits begin in a row, and the bytes of a row, (F + 1,)."""
        return np.cumsum([0, *(-(-int(bits.max(initial=-1) + 1) // 8) for bits in self.bits)], dtype=np.int64)

    def of_documents(self, value_ids: Int32Array) -> Int32Array:
        """Return the bit of each document's value of each facet, (documents, F); -1 where the value is unknown.

        `value_ids`, (documents, at least F), holds the values, -1 for unknown.
        """
        document_bits = np.full((len(value_ids), len(self.bits)), -1, np.int32)
        for facet, bits in enumerate(self.bits):
            has_value = value_ids[:, facet] >= 0
            document_bits[has_value, facet] = bits[value_ids[has_value, facet]]
        return document_bits

    def count_values(self, rows: ByteArray) -> IntArray:
        """Return how many values of each facet are in each row of bits, int64 (rows, F)."""
        n_values = [
            np.bitwise_count(rows[:, first:last]).sum(axis=1, dtype=np.int64)
            for first, last in pairwise(self.first_bytes.tolist())
        ]
        return np.stack(n_values, axis=1) if n_values else np.zeros((len(rows), 0), np.int64)


NO_FACETS = FacetBits(())


@dataclass(slots=True)
class LabelCounts:
    """Counts of each label that add up over disjoint sets of documents; row i is label i."""

    df: IntArray
    """Documents that contain the label, by side of the document, (n, 3)."""
    count: IntArray
    """Occurrences, by side of the document, (n, 3)."""
    ends: IntArray
    """Occurrences at the beginning and at the end of a sentence, (n, 2)."""
    facet_rows: ByteArray
    """Bits of the values of the facets among the documents that contain a label, (rows, bytes); see `FacetBits`."""

    @classmethod
    def zeros(cls, n_labels: int, n_facet_rows: int, n_bytes: int) -> "LabelCounts":
        """Return counts of no document; the bits of a label's facets take `n_bytes`."""
        return cls(
            np.zeros((n_labels, 3), np.int64),
            np.zeros((n_labels, 3), np.int64),
            np.zeros((n_labels, 2), np.int64),
            np.zeros((n_facet_rows, n_bytes), np.uint8),
        )

    @property
    def positions(self) -> IntArray:
        """Occurrences: all, at the beginning of a sentence, at the end of a sentence, (n, 3)."""
        return np.concatenate([self.count.sum(axis=1, keepdims=True), self.ends], axis=1)

    def add(self, other: "LabelCounts") -> None:
        """Add the counts of other documents to these."""
        self.df += other.df
        self.count += other.count
        self.ends += other.ends
        self.facet_rows |= other.facet_rows


@dataclass(slots=True)
class Tally:
    """Occurrences of each label; row i is label i."""

    df: IntArray
    """Documents that contain the label, by side of the document, (n, 3)."""
    positions: IntArray
    """Occurrences: all, at the beginning of a sentence, at the end of a sentence, (n, 3)."""
    spread: IntArray
    """Distinct values of each facet among those documents, (n, F).

    Exact up to `MAX_FACET_BITS` values; beyond, a lower bound (values share bits by hash).
    """


def tally_occurrences(
    corpus: Corpus,
    table: GramTable,
    labels: Sequence[Int32Array],
    workers: int = 1,
    *,
    sides: str | None = None,
    spread: bool = True,
) -> Tally:
    """Tally the labeled grams of `table` over `corpus`.

    ``labels[n-1]`` holds the label of each n-gram, -1 for none. `sides` names arrays ``{sides}-{shard}`` of the store
    with the side (0, 1, 2) of each document; by default a document's side is its outcome. Without `spread`, facets are
    not counted.
    """
    facets = FacetBits.assign(corpus.facet_values) if spread else NO_FACETS
    counts = count_labels(corpus, table, labels, workers, sides=sides, facets=facets)
    return Tally(counts.df, counts.positions, facets.count_values(counts.facet_rows))


def count_labels(
    corpus: Corpus,
    table: GramTable,
    labels: Sequence[Int32Array],
    workers: int = 1,
    *,
    sides: str | None = None,
    facets: FacetBits = NO_FACETS,
    facet_rows: Int32Array | None = None,
) -> LabelCounts:
    """Count the labeled grams of `table` in `corpus`; arguments are those of `tally_occurrences`.

    `facet_rows`, int32 (n,), is the row of each label in the bits of `facets`, -1 for none; by default its number.
    """
    trie = Trie.build(table, labels)
    n_labels = 1 + max((int(level_labels.max(initial=-1)) for level_labels in labels), default=-1)
    if facet_rows is None:
        facet_rows = np.arange(n_labels, dtype=np.int32)
    n_facet_rows = 1 + int(facet_rows.max(initial=-1))
    new_ids = map_words(corpus, table)
    first_bytes = facets.first_bytes
    store = corpus.store

    def count_shards(shards: list[Shard]) -> LabelCounts:
        counts = LabelCounts.zeros(n_labels, n_facet_rows, int(first_bytes[-1]))
        last_doc = np.empty(n_labels, np.int32)
        for shard in shards:
            number = shard.number
            _tally_shard(
                store.get(f"ids-{number}"),
                store.get(f"ends-{number}"),
                new_ids[store.get(f"words-map-{number}")],
                trie.arrays,
                store.get(f"{sides}-{number}") if sides else np.full(shard.n_docs, shard.outcome, np.int8),
                facets.of_documents(store.get(f"facets-{number}")),
                first_bytes,
                facet_rows,
                (counts.df, counts.count, counts.ends, last_doc, counts.facet_rows),
            )
        return counts

    with ThreadPoolExecutor(workers) as pool:
        counts, *further_counts = pool.map(count_shards, [corpus.shards[part::workers] for part in range(workers)])
    for shard_counts in further_counts:
        counts.add(shard_counts)
    return counts


def _assign_bits(facet_ids: Mapping[str, int]) -> Int32Array:
    """Return the bit of each value of a facet: one each up to `MAX_FACET_BITS` values, else a hash of the value."""
    if len(facet_ids) <= MAX_FACET_BITS:
        return np.arange(len(facet_ids), dtype=np.int32)
    hashes = [
        int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest()) for name in facet_ids
    ]
    bits: AnyArray = np.array(hashes) % MAX_FACET_BITS
    return bits.astype(np.int32)


def map_words(corpus: Corpus, table: GramTable) -> Int32Array:
    """Return for each word id of the corpus's vocabulary its id in `table`, or -1."""
    table_ids = {word.encode("utf-8", "surrogatepass"): word_id for word_id, word in enumerate(table.words)}
    new_ids = np.full(len(corpus.words), -1, np.int32)
    for word, word_id in corpus.words.items():
        new_ids[word_id] = table_ids.get(word, -1)
    return new_ids
