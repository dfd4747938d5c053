"""Document frequency and count of every frequent n-gram, exact. Knows nothing about clusters or scores.

Levels, as Apriori (Agrawal and Srikant 1994) has them: an n-gram can reach `min_df` documents only if both
(n-1)-grams in it do. At level n a position's key is the pair of its (n-1)-gram's and the next position's
(n-1)-gram's ids, 64 bits, so keys are exact and nothing can collide. Within a shard, keys are scattered to
buckets by hash, so that each bucket's table stays in the cache; buckets of all shards are then merged.
Frequent n-grams are numbered in the order of their words: ids do not depend on order, shards or workers.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sgram.compiling import kernel
from sgram.mining.corpus import N_OUTCOMES, Corpus
from sgram.text import MAX_WORDS

BUCKETS = 32
"""More would be more pages being written at once than a processor keeps track of; fewer, larger tables."""


@dataclass(slots=True)
class Level:
    """Frequent n-grams of one length, in the order of their words; row = id."""

    prefix: np.ndarray
    """Id of the first n-1 words among the level below, int32 (n = 1: the word itself)."""
    suffix: np.ndarray
    """Id of the last n-1 words among the level below, int32."""
    last: np.ndarray
    """Last word, int32."""
    df: np.ndarray
    """Documents that hold it, by outcome (unknown, correct, wrong), int32 (m, 3)."""
    count: np.ndarray
    """Occurrences, by outcome, int64 (m, 3)."""

    def __len__(self) -> int:
        return len(self.last)


@dataclass(slots=True)
class GramTable:
    """All frequent grams of 1 to N words."""

    words: list[str]
    """Frequent words in byte order; a word's id is its place."""
    levels: list[Level]
    n_docs: np.ndarray
    """Documents by outcome, int64 (3,)."""

    def __len__(self) -> int:
        return sum(len(level) for level in self.levels)

    def word_ids(self, n: int) -> np.ndarray:
        """Words of the n-grams, int32 (m, n)."""
        rows = self.levels[0].last[:, None]
        for level in self.levels[1:n]:
            rows = np.concatenate([rows[level.prefix], level.last[:, None]], axis=1)
        return rows

    def texts(self, n: int, rows: np.ndarray | slice = slice(None)) -> list[str]:
        """Text of the n-grams in `rows`."""
        words = self.words
        return [" ".join([words[place] for place in gram]) for gram in self.word_ids(n)[rows].tolist()]

    def all_texts(self) -> list[list[str]]:
        """Texts of all grams, a list a level; far cheaper than `texts` when all are wanted."""
        spaced = [f" {word}" for word in self.words]
        levels = [list(self.words)]
        for level in self.levels[1:]:
            head = levels[-1]
            pairs = zip(level.prefix.tolist(), level.last.tolist(), strict=True)
            levels.append([head[prefix] + spaced[last] for prefix, last in pairs])
        return levels

    def items(self) -> Iterator[tuple[str, int, int]]:
        """(text, df, count) of every gram."""
        for texts, level in zip(self.all_texts(), self.levels, strict=True):
            yield from zip(texts, level.df.sum(axis=1).tolist(), level.count.sum(axis=1).tolist(), strict=True)


def count_grams(
    corpus: Corpus,
    min_df: int = 5,
    max_n: int = MAX_WORDS,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> GramTable:
    """Count every 1..`max_n`-gram that lies inside a sentence and is in at least `min_df` documents.

    `progress` hears (steps done, steps in all). The corpus's word ids are kept.
    """
    words, level, map_of = _word_level(corpus, min_df)
    levels = [level]
    maps = {shard.number: map_of[corpus.store.get(f"words-map-{shard.number}")] for shard in corpus.shards}
    steps = len(corpus.shards) * (max_n - 1)
    done = 0
    with ThreadPoolExecutor(workers) as pool:
        for n in range(2, max_n + 1 if corpus.shards else 2):
            source = "ids" if n == 2 else "level"
            for _ in pool.map(lambda shard, at=source: _count_level(corpus, shard, at, maps), corpus.shards):
                done += 1
                if progress is not None:
                    progress(done, steps)
            keys, df, count = _merge_level(corpus, min_df, pool, maps)
            if not len(keys):
                break
            prefix = (keys >> np.uint64(32)).astype(np.int32)
            suffix = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
            levels.append(Level(prefix, suffix, levels[-1].last[suffix], df, count))
    for shard in corpus.shards:
        corpus.store.drop(f"level-{shard.number}")
    if progress is not None:
        progress(steps, steps)
    return GramTable(words, levels, corpus.n_docs.copy())


def _word_level(corpus: Corpus, min_df: int) -> tuple[list[str], Level, np.ndarray]:
    """Frequent words in byte order, their level, and the map from a vocabulary's places to ranks (-1: not frequent)."""
    frequent = (corpus.df[: len(corpus.words)].sum(axis=1) >= min_df).tolist()
    ranked = sorted((word, place) for word, place in corpus.words.items() if frequent[place])
    places = [place for _, place in ranked]
    own = np.arange(len(places), dtype=np.int32)
    map_of = np.full(len(corpus.words), -1, np.int32)
    map_of[places] = own
    words = [word.decode("utf-8", "surrogatepass") for word, _ in ranked]
    return words, Level(own, own, own, corpus.df[places], corpus.count[places]), map_of


def _count_level(corpus: Corpus, shard, source: str, maps: dict[int, np.ndarray]) -> None:
    """Count one shard's next level; leaves its positions' entries and its table in the store."""
    store, number = corpus.store, shard.number
    ids = store.get(f"{source}-{number}")
    entries, keys, facts, bounds = _count_shard(ids, store.get(f"ends-{number}"), maps.pop(number), BUCKETS)
    store.put(f"level-{number}", entries)
    store.put(f"keys-{number}", keys)
    store.put(f"facts-{number}", facts)
    store.put(f"bounds-{number}", bounds)


def _merge_level(corpus: Corpus, min_df: int, pool, maps: dict[int, np.ndarray]) -> tuple:
    """Merge all shards' tables bucket by bucket; sets `maps` from each shard's entries to the new ids."""
    store = corpus.store
    bounds = np.array([store.get(f"bounds-{shard.number}") for shard in corpus.shards])  # (shards, buckets+1)
    merged = list(pool.map(lambda bucket: _merge_bucket(corpus, bounds, bucket, min_df), range(BUCKETS)))
    keys = np.concatenate([bucket[0] for bucket in merged])
    order = np.argsort(keys)
    rank = np.empty(len(keys), np.int32)
    rank[order] = np.arange(len(keys), dtype=np.int32)
    offsets = np.cumsum([0, *(len(bucket[0]) for bucket in merged)])
    # place -1 is "not frequent": the last entry of each bucket's ranks
    ranks = [np.append(rank[start:stop], np.int32(-1)) for start, stop in pairwise(offsets)]

    def rename(row: int) -> None:
        number = corpus.shards[row].number
        own = [of_bucket.take(bucket[3][row], mode="wrap") for of_bucket, bucket in zip(ranks, merged, strict=True)]
        maps[number] = np.concatenate(own)
        store.drop(f"keys-{number}")
        store.drop(f"facts-{number}")

    list(pool.map(rename, range(len(corpus.shards))))
    df = np.concatenate([bucket[1] for bucket in merged])[order]
    count = np.concatenate([bucket[2] for bucket in merged])[order]
    return keys[order], df, count


def _merge_bucket(corpus: Corpus, bounds: np.ndarray, bucket: int, min_df: int) -> tuple:
    """One bucket of all shards: frequent keys, their df and count by outcome, each entry's place among them."""
    store, shards = corpus.store, corpus.shards
    starts, stops = bounds[:, bucket].tolist(), bounds[:, bucket + 1].tolist()
    slices = list(zip(shards, starts, stops, strict=True))
    keys = np.concatenate([store.get(f"keys-{shard.number}", a, b) for shard, a, b in slices])
    facts = np.concatenate([store.get(f"facts-{shard.number}", a, b) for shard, a, b in slices])
    sizes = np.array(stops) - np.array(starts)
    outcomes = np.array([shard.outcome for shard in shards], np.int64)
    kept, df, count, places = _merge_entries(keys, facts, sizes, outcomes, min_df)
    return kept, df, count, np.split(places, np.cumsum(sizes)[:-1])


@kernel(inline="always")
def _mix(key):
    key = (key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    return key ^ (key >> np.uint64(29))


@kernel()
def _count_shard(ids, doc_ends, map_of, buckets):
    """Count pairs of neighboring ids in a shard.

    `ids` int32 with negative values for "no gram begins here"; `map_of` renames them (-1: not frequent).
    Returns ``(entries, keys, facts, bounds)``: the entry of each position or -1, each entry's key, its
    (df, count), and the first entry of each bucket.
    """
    n = ids.shape[0]
    entries = np.empty(n, np.int32)  # first the renamed ids, then the entries
    sizes = np.zeros(buckets + 1, np.int64)
    mask = np.uint64(buckets - 1)
    top = np.uint64(48)
    here = np.int32(-1)
    for at in range(n):
        ahead = ids[at]
        if ahead >= 0:
            ahead = map_of[ahead]
        entries[at] = ahead
        if here >= 0 and ahead >= 0:
            key = np.uint64(here) << np.uint64(32) | np.uint64(ahead)
            sizes[np.int64(_mix(key) >> top & mask) + 1] += 1
        here = ahead
    starts = np.cumsum(sizes)
    total = starts[buckets]
    scattered = np.empty((total, 2), np.uint64)  # key and position together: one stream of writes a bucket
    fill = starts[:buckets].copy()
    here = np.int32(-1)
    for at in range(n):
        ahead = entries[at]
        entries[at] = -1
        if here >= 0 and ahead >= 0:
            key = np.uint64(here) << np.uint64(32) | np.uint64(ahead)
            bucket = np.int64(_mix(key) >> top & mask)
            slot = fill[bucket]
            scattered[slot, 0] = key
            scattered[slot, 1] = at - 1
            fill[bucket] = slot + 1
        here = ahead
    largest = np.int64(0)
    for bucket in range(buckets):
        largest = max(largest, starts[bucket + 1] - starts[bucket])
    capacity = 64
    while capacity < 2 * largest:
        capacity *= 2
    table = np.empty(capacity, np.int32)
    keys = np.empty(total, np.uint64)
    facts = np.empty((total, 2), np.int32)
    seen = np.empty(largest, np.int32)
    bounds = np.zeros(buckets + 1, np.int64)
    found = np.int64(0)
    for bucket in range(buckets):
        size = starts[bucket + 1] - starts[bucket]
        capacity = 64
        while capacity < 2 * size:
            capacity *= 2
        table[:capacity] = -1
        low = np.uint64(capacity - 1)
        first, doc = found, 0
        for row in range(starts[bucket], starts[bucket + 1]):
            key, at = scattered[row, 0], np.int64(scattered[row, 1])
            while at >= doc_ends[doc]:
                doc += 1
            slot = np.int64(_mix(key) & low)
            entry = np.int64(table[slot])
            while entry >= 0 and keys[entry] != key:
                slot = (slot + 1) & np.int64(low)
                entry = np.int64(table[slot])
            if entry < 0:
                entry = found
                table[slot] = entry
                keys[entry] = key
                facts[entry, 0], facts[entry, 1] = 1, 1
                seen[entry - first] = doc
                found += 1
            else:
                facts[entry, 1] += 1
                if seen[entry - first] != doc:
                    seen[entry - first] = doc
                    facts[entry, 0] += 1
            entries[at] = entry
        bounds[bucket + 1] = found
    return entries, keys[:found].copy(), facts[:found].copy(), bounds


@kernel()
def _merge_entries(keys, facts, sizes, outcomes, min_df):
    """Add up equal keys of several shards (entries shard by shard, `sizes` each); see `_merge_bucket`."""
    n = keys.shape[0]
    capacity = 64
    while capacity < 2 * n:
        capacity *= 2
    low = np.uint64(capacity - 1)
    table = np.full(capacity, -1, np.int32)
    places = np.empty(n, np.int32)
    merged = np.empty(n, np.uint64)
    df = np.zeros((n, N_OUTCOMES), np.int32)
    count = np.zeros((n, N_OUTCOMES), np.int64)
    found, row = 0, 0
    for shard in range(sizes.shape[0]):
        outcome = outcomes[shard]
        for _ in range(sizes[shard]):
            key = keys[row]
            slot = np.int64(_mix(key) & low)
            entry = table[slot]
            while entry >= 0 and merged[entry] != key:
                slot = (slot + 1) & np.int64(low)
                entry = table[slot]
            if entry < 0:
                entry = found
                table[slot] = entry
                merged[entry] = key
                found += 1
            df[entry, outcome] += facts[row, 0]
            count[entry, outcome] += facts[row, 1]
            places[row] = entry
            row += 1
    kept = 0
    for entry in range(found):
        if df[entry].sum() >= min_df:
            table[entry] = kept  # the table is done: reuse its room as old place -> new place
            merged[kept], df[kept], count[kept] = merged[entry], df[entry], count[entry]
            kept += 1
        else:
            table[entry] = -1
    for row in range(n):
        places[row] = table[places[row]]
    return merged[:kept].copy(), df[:kept].copy(), count[:kept].copy(), places
