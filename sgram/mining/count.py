"""Exact document frequency and count of every frequent n-gram.

Level-wise counting as in Apriori (Agrawal and Srikant 1994): an n-gram can be in `min_df` documents only if both
(n-1)-grams inside it are. At level n the key of a position is the pair of the ids of its (n-1)-gram and of the next
position's (n-1)-gram: 64 bits, exact, so keys cannot collide. Within a shard, keys are scattered to buckets by hash,
so that the table of each bucket stays in the cache; the buckets of all shards are then merged.
Frequent n-grams are numbered in the order of their words: ids do not depend on order, shards or workers.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sgram.array_types import AnyArray, Int32Array, IntArray, Integer, UInt64Array
from sgram.compiling import kernel
from sgram.mining.corpus import N_OUTCOMES, Corpus, Shard
from sgram.text import MAX_WORDS

BUCKETS = 32
"""More buckets are more pages written at once than a processor keeps track of; fewer are larger tables."""


@dataclass(slots=True)
class GramLevel:
    """Frequent n-grams of one length, in the order of their words. A row number is the gram's id."""

    prefix: Int32Array
    """Id of the first n-1 words in the level below, (m,) (n = 1: the word itself)."""
    suffix: Int32Array
    """Id of the last n-1 words in the level below, (m,)."""
    last: Int32Array
    """Last word, (m,)."""
    df: Int32Array
    """Documents that contain the gram, by outcome (unknown, correct, wrong), (m, 3)."""
    count: IntArray
    """Occurrences, by outcome, (m, 3)."""

    def __len__(self) -> int:
        return len(self.last)

    @property
    def df_total(self) -> IntArray:
        """Documents that contain the gram, (m,)."""
        return np.asarray(self.df.sum(axis=1))

    @property
    def count_total(self) -> IntArray:
        """Occurrences, (m,)."""
        return np.asarray(self.count.sum(axis=1))


@dataclass(slots=True)
class GramTable:
    """All frequent grams of 1 to N words."""

    words: list[str]
    """Frequent words in byte order; the index of a word is its id."""
    levels: list[GramLevel]
    """``levels[n - 1]`` holds the n-grams."""
    n_docs: IntArray
    """Documents by outcome, (3,)."""

    def __len__(self) -> int:
        return sum(len(level) for level in self.levels)

    def word_ids(self, n: int) -> Int32Array:
        """Return the word ids of all n-grams, int32 (m, n)."""
        word_ids = self.levels[0].last[:, None]
        for level in self.levels[1:n]:
            word_ids = np.concatenate([word_ids[level.prefix], level.last[:, None]], axis=1)
        return word_ids

    def texts(self, n: int, rows: AnyArray | slice = slice(None)) -> list[str]:
        """Return the texts of the n-grams in `rows`."""
        words = self.words
        return [" ".join([words[word_id] for word_id in gram]) for gram in self.word_ids(n)[rows].tolist()]

    def all_texts(self) -> list[list[str]]:
        """Return the texts of all grams, one list a level; much faster than `texts` for each level."""
        spaced_words = [f" {word}" for word in self.words]
        levels = [list(self.words)]
        for level in self.levels[1:]:
            shorter = levels[-1]
            pairs = zip(level.prefix.tolist(), level.last.tolist(), strict=True)
            levels.append([shorter[prefix] + spaced_words[last] for prefix, last in pairs])
        return levels

    def iter_grams(self) -> Iterator[tuple[str, int, int]]:
        """Yield (text, df, count) of every gram."""
        for texts, level in zip(self.all_texts(), self.levels, strict=True):
            yield from zip(texts, level.df_total.tolist(), level.count_total.tolist(), strict=True)


def count_grams(
    corpus: Corpus,
    min_df: int = 5,
    max_n: int = MAX_WORDS,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> GramTable:
    """Count every gram of 1 to `max_n` words inside a sentence that is in at least `min_df` documents.

    `progress` is called with (steps done, steps in total). The word ids in the corpus's store are not changed.

    >>> from sgram.mining.corpus import Document, encode_documents
    >>> corpus = encode_documents([Document("let me see. let me see"), Document("let me go")])
    >>> list(count_grams(corpus, min_df=2, max_n=2).iter_grams())
    [('let', 2, 3), ('me', 2, 3), ('let me', 2, 3)]
    """
    words, level, new_ids = _word_level(corpus, min_df)
    levels = [level]
    new_ids_of_shard = {shard.number: new_ids[corpus.store.get(f"words-map-{shard.number}")] for shard in corpus.shards}
    n_steps = len(corpus.shards) * (max_n - 1)
    n_done = 0
    with ThreadPoolExecutor(workers) as pool:
        for n in range(2, max_n + 1 if corpus.shards else 2):
            kind = "ids" if n == 2 else "level"
            for _ in pool.map(
                lambda shard, kind=kind: _count_shard_level(corpus, shard, kind, new_ids_of_shard), corpus.shards
            ):
                n_done += 1
                if progress is not None:
                    progress(n_done, n_steps)
            keys, df, count = _merge_level(corpus, min_df, pool, new_ids_of_shard)
            if not len(keys):
                break
            prefix = (keys >> np.uint64(32)).astype(np.int32)
            suffix = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
            levels.append(GramLevel(prefix, suffix, levels[-1].last[suffix], df, count))
    for shard in corpus.shards:
        corpus.store.drop(f"level-{shard.number}")
    if progress is not None:
        progress(n_steps, n_steps)
    return GramTable(words, levels, corpus.n_docs.copy())


def _word_level(corpus: Corpus, min_df: int) -> tuple[list[str], GramLevel, Int32Array]:
    """Return the frequent words in byte order, their level, and the new id of each vocabulary id (-1: not frequent)."""
    is_frequent = (corpus.df[: len(corpus.words)].sum(axis=1) >= min_df).tolist()
    frequent = sorted((word, word_id) for word, word_id in corpus.words.items() if is_frequent[word_id])
    old_ids = [word_id for _, word_id in frequent]
    word_ids = np.arange(len(old_ids), dtype=np.int32)
    new_ids = np.full(len(corpus.words), -1, np.int32)
    new_ids[old_ids] = word_ids
    words = [word.decode("utf-8", "surrogatepass") for word, _ in frequent]
    return words, GramLevel(word_ids, word_ids, word_ids, corpus.df[old_ids], corpus.count[old_ids]), new_ids


def _count_shard_level(corpus: Corpus, shard: Shard, kind: str, new_ids_of_shard: dict[int, Int32Array]) -> None:
    """Count one shard's next level; write the local id of each position and the shard's table to the store."""
    store, number = corpus.store, shard.number
    ids = store.get(f"{kind}-{number}")
    local_ids, keys, counts, bounds = _count_pairs(
        ids, store.get(f"ends-{number}"), new_ids_of_shard.pop(number), BUCKETS
    )
    store.put(f"level-{number}", local_ids)
    store.put(f"keys-{number}", keys)
    store.put(f"facts-{number}", counts)
    store.put(f"bounds-{number}", bounds)


@dataclass(frozen=True, slots=True)
class _MergedBucket:
    """One bucket of all shards."""

    keys: UInt64Array
    """Frequent keys, (m,)."""
    df: Int32Array
    """By outcome, (m, 3)."""
    count: IntArray
    """By outcome, (m, 3)."""
    rows_of_shard: list[Int32Array]
    """For each shard: the row in `keys` of each of its local ids, -1 if not frequent."""


def _merge_level(
    corpus: Corpus, min_df: int, pool: ThreadPoolExecutor, new_ids_of_shard: dict[int, Int32Array]
) -> tuple[UInt64Array, Int32Array, IntArray]:
    """Merge the tables of all shards; fill `new_ids_of_shard` with the new id of each local id of a shard.

    Return the frequent keys in ascending order, with their df and count by outcome.
    """
    store = corpus.store
    bounds = np.array([store.get(f"bounds-{shard.number}") for shard in corpus.shards])  # (shards, buckets + 1)
    buckets = list(pool.map(lambda bucket: _merge_bucket(corpus, bounds, bucket, min_df), range(BUCKETS)))
    keys = np.concatenate([bucket.keys for bucket in buckets])
    order = np.argsort(keys)
    rank = np.empty(len(keys), np.int32)
    rank[order] = np.arange(len(keys), dtype=np.int32)
    offsets = np.cumsum([0, *(len(bucket.keys) for bucket in buckets)])
    # the last rank of each bucket is -1, so that row -1 (not frequent) gets it
    ranks = [np.append(rank[start:stop], np.int32(-1)) for start, stop in pairwise(offsets)]

    def renumber_shard(row: int) -> None:
        number = corpus.shards[row].number
        new_ids_of_shard[number] = np.concatenate(
            [
                bucket_ranks.take(bucket.rows_of_shard[row], mode="wrap")
                for bucket_ranks, bucket in zip(ranks, buckets, strict=True)
            ]
        )
        store.drop(f"keys-{number}")
        store.drop(f"facts-{number}")

    list(pool.map(renumber_shard, range(len(corpus.shards))))
    df = np.concatenate([bucket.df for bucket in buckets])[order]
    count = np.concatenate([bucket.count for bucket in buckets])[order]
    return keys[order], df, count


def _merge_bucket(corpus: Corpus, bounds: IntArray, bucket: int, min_df: int) -> _MergedBucket:
    """Merge one bucket of all shards."""
    store, shards = corpus.store, corpus.shards
    starts, stops = bounds[:, bucket].tolist(), bounds[:, bucket + 1].tolist()
    slices = list(zip(shards, starts, stops, strict=True))
    keys = np.concatenate([store.get(f"keys-{shard.number}", start, stop) for shard, start, stop in slices])
    counts = np.concatenate([store.get(f"facts-{shard.number}", start, stop) for shard, start, stop in slices])
    sizes = np.array(stops) - np.array(starts)
    outcomes = np.array([shard.outcome for shard in shards], np.int64)
    frequent_keys, df, count, rows = _merge_tables(keys, counts, sizes, outcomes, min_df)
    return _MergedBucket(frequent_keys, df, count, np.split(rows, np.cumsum(sizes)[:-1]))


@kernel(inline="always")
def mix_key(key: np.uint64) -> np.uint64:
    """Return a hash of a 64-bit key."""
    key = (key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(29))


@kernel()
def _count_pairs(
    ids: Int32Array, doc_ends: IntArray, new_ids: Int32Array, n_buckets: int
) -> tuple[Int32Array, UInt64Array, Int32Array, IntArray]:
    """Count pairs of neighboring ids in a shard.

    `ids` holds negative numbers where no gram begins; `new_ids` renumbers them (-1: not frequent).
    Return ``(local_ids, keys, counts, bounds)``: the local id of the pair at each position or -1, the key and the
    (df, count) of each local id, and the first local id of each bucket.
    """
    n_positions = ids.shape[0]
    local_ids = np.empty(n_positions, np.int32)  # first the renumbered ids, then the local ids
    sizes = np.zeros(n_buckets + 1, np.int64)
    bucket_mask = np.uint64(n_buckets - 1)
    top_bits = np.uint64(48)
    current = np.int32(-1)
    for position in range(n_positions):
        following = ids[position]
        if following >= 0:
            following = new_ids[following]
        local_ids[position] = following
        if current >= 0 and following >= 0:
            key = np.uint64(current) << np.uint64(32) | np.uint64(following)
            sizes[np.int64(mix_key(key) >> top_bits & bucket_mask) + 1] += 1
        current = following
    starts = np.cumsum(sizes)
    n_pairs = starts[n_buckets]
    scattered = np.empty((n_pairs, 2), np.uint64)  # key and position together: one stream of writes a bucket
    fill = starts[:n_buckets].copy()
    current = np.int32(-1)
    for position in range(n_positions):
        following = local_ids[position]
        local_ids[position] = -1
        if current >= 0 and following >= 0:
            key = np.uint64(current) << np.uint64(32) | np.uint64(following)
            bucket: Integer = np.int64(mix_key(key) >> top_bits & bucket_mask)
            slot: Integer = fill[bucket]
            scattered[slot, 0] = key
            scattered[slot, 1] = position - 1
            fill[bucket] = slot + 1
        current = following
    largest = np.int64(0)
    for bucket in range(n_buckets):
        largest = max(largest, starts[bucket + 1] - starts[bucket])
    capacity = 64
    while capacity < 2 * largest:
        capacity *= 2
    table = np.empty(capacity, np.int32)
    keys = np.empty(n_pairs, np.uint64)
    counts = np.empty((n_pairs, 2), np.int32)
    last_doc = np.empty(largest, np.int32)
    bounds = np.zeros(n_buckets + 1, np.int64)
    n_keys = np.int64(0)
    for bucket in range(n_buckets):
        size = starts[bucket + 1] - starts[bucket]
        capacity = 64
        while capacity < 2 * size:
            capacity *= 2
        table[:capacity] = -1
        slot_mask = np.uint64(capacity - 1)
        first, doc = n_keys, 0
        for row in range(starts[bucket], starts[bucket + 1]):
            key, start = scattered[row, 0], np.int64(scattered[row, 1])
            while start >= doc_ends[doc]:
                doc += 1
            slot = np.int64(mix_key(key) & slot_mask)
            local_id = np.int64(table[slot])
            while local_id >= 0 and keys[local_id] != key:
                slot = (slot + 1) & np.int64(slot_mask)
                local_id = np.int64(table[slot])
            if local_id < 0:
                local_id = n_keys
                table[slot] = local_id
                keys[local_id] = key
                counts[local_id, 0], counts[local_id, 1] = 1, 1
                last_doc[local_id - first] = doc
                n_keys += 1
            else:
                counts[local_id, 1] += 1
                if last_doc[local_id - first] != doc:
                    last_doc[local_id - first] = doc
                    counts[local_id, 0] += 1
            local_ids[start] = local_id
        bounds[bucket + 1] = n_keys
    return local_ids, keys[:n_keys].copy(), counts[:n_keys].copy(), bounds


@kernel()
def _merge_tables(
    keys: UInt64Array, counts: Int32Array, sizes: IntArray, outcomes: IntArray, min_df: int
) -> tuple[UInt64Array, Int32Array, IntArray, Int32Array]:
    """Add up equal keys of several shards; `keys` and `counts` hold the shards one after the other, `sizes` rows each.

    Return the frequent keys, their df and count by outcome, and the row among them of each input row (-1: not
    frequent).
    """
    n_rows = keys.shape[0]
    capacity = 64
    while capacity < 2 * n_rows:
        capacity *= 2
    slot_mask = np.uint64(capacity - 1)
    table = np.full(capacity, -1, np.int32)
    merged_rows = np.empty(n_rows, np.int32)
    merged_keys = np.empty(n_rows, np.uint64)
    df = np.zeros((n_rows, N_OUTCOMES), np.int32)
    count = np.zeros((n_rows, N_OUTCOMES), np.int64)
    n_merged, row = 0, 0
    for shard in range(sizes.shape[0]):
        outcome = outcomes[shard]
        for _ in range(sizes[shard]):
            key = keys[row]
            slot = np.int64(mix_key(key) & slot_mask)
            merged_row = table[slot]
            while merged_row >= 0 and merged_keys[merged_row] != key:
                slot = (slot + 1) & np.int64(slot_mask)
                merged_row = table[slot]
            if merged_row < 0:
                merged_row = n_merged
                table[slot] = merged_row
                merged_keys[merged_row] = key
                n_merged += 1
            df[merged_row, outcome] += counts[row, 0]
            count[merged_row, outcome] += counts[row, 1]
            merged_rows[row] = merged_row
            row += 1
    n_frequent = 0
    for merged_row in range(n_merged):
        if df[merged_row].sum() >= min_df:
            table[merged_row] = n_frequent  # the hash table is free now: reuse it as merged row -> frequent row
            merged_keys[n_frequent] = merged_keys[merged_row]
            df[n_frequent], count[n_frequent] = df[merged_row], count[merged_row]
            n_frequent += 1
        else:
            table[merged_row] = -1
    for row in range(n_rows):
        merged_rows[row] = table[merged_rows[row]]
    return merged_keys[:n_frequent].copy(), df[:n_frequent].copy(), count[:n_frequent].copy(), merged_rows
