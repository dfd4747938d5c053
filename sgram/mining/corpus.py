"""Texts as shards of word ids, ready to be counted. Knows nothing about n-grams or scores.

A shard holds documents of one outcome (correct, wrong, unknown), so that counts by outcome need no second
counter. Where shards begin and end depends on sizes and arrival; nothing computed from a corpus may.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sgram.mining.array_store import ArrayStore
from sgram.scan import scan_shard

UNKNOWN, CORRECT, WRONG = range(3)
N_OUTCOMES = 3
FACETS = ("problem", "dataset", "model")
SHARD_BYTES = 4 << 20
"""Text of a shard: small enough that a level's tables stay in the cache, large enough that few words repeat."""


class Document(NamedTuple):
    """A text to count, with its outcome and the facets whose spread is measured (None: not known)."""

    text: str
    outcome: int = UNKNOWN
    facets: tuple[str | None, ...] = ()
    name: str = ""
    """Id of the trace, for examples."""
    key: int = 0
    """64 bits of the trace's digest: a rank among documents that does not depend on their order."""


@dataclass(slots=True)
class Shard:
    """Documents encoded together; the arrays live in the corpus's store under ``{kind}-{number}``."""

    number: int
    outcome: int
    n_docs: int
    n_words: int
    n_bytes: int


@dataclass(slots=True)
class Corpus:
    """All shards, the merged vocabulary and its counts; local word ids are mapped by ``words-map-{shard}``."""

    store: ArrayStore
    shards: list[Shard] = field(default_factory=list)
    words: dict[bytes, int] = field(default_factory=dict)
    df: np.ndarray = field(default_factory=lambda: np.zeros((0, N_OUTCOMES), np.int32))
    count: np.ndarray = field(default_factory=lambda: np.zeros((0, N_OUTCOMES), np.int64))
    facet_values: tuple[dict[str, int], ...] = ()
    n_docs: np.ndarray = field(default_factory=lambda: np.zeros(N_OUTCOMES, np.int64))

    def add(self, scanned: tuple, outcome: int, pending: "_Pending", keep_text: bool) -> None:
        """Take in one scanned shard: store its ids, merge its vocabulary."""
        ids, id_ends, arena, word_ends, df, count = scanned
        number = len(self.shards)
        shard = Shard(number, outcome, len(id_ends), int(count.sum()), pending.size)
        data, ends = arena.tobytes(), word_ends.tolist()
        known = self.words
        places = np.empty(len(ends), np.int32)
        start = 0
        for word, end in enumerate(ends):
            places[word] = known.setdefault(data[start:end], len(known))
            start = end
        if len(known) > len(self.df):
            grown = max(len(known), 2 * len(self.df))
            self.df = np.concatenate([self.df, np.zeros((grown - len(self.df), N_OUTCOMES), np.int32)])
            self.count = np.concatenate([self.count, np.zeros((grown - len(self.count), N_OUTCOMES), np.int64)])
        self.df[places, outcome] += df
        self.count[places, outcome] += count
        self.n_docs[outcome] += shard.n_docs
        self.store.put(f"ids-{number}", ids)
        self.store.put(f"ends-{number}", id_ends)
        self.store.put(f"words-map-{number}", places)
        self.store.put(f"facets-{number}", np.array(pending.facets, np.int32).reshape(-1, len(FACETS)))
        if keep_text:
            self.store.put(f"keys-of-{number}", np.array(pending.keys, np.uint64))
            self.store.put(f"text-{number}", np.frombuffer(b"".join(pending.texts), np.uint8))
            sizes = [len(text) for text in pending.texts]
            self.store.put(f"text-ends-{number}", np.cumsum(sizes, dtype=np.int64))
            names = "\0".join(name.replace("\0", " ") for name in pending.names)
            self.store.put(f"names-{number}", np.frombuffer(names.encode("utf-8", "surrogatepass"), np.uint8))
        self.shards.append(shard)

    def names(self, number: int) -> list[str]:
        """Ids of a shard's documents (kept only with their text)."""
        return self.store.get(f"names-{number}").tobytes().decode("utf-8", "surrogatepass").split("\0")

    @property
    def n_words(self) -> int:
        """Words in all documents."""
        return sum(shard.n_words for shard in self.shards)


class _Pending:
    """Documents of one outcome that wait to fill a shard."""

    def __init__(self):
        self.texts: list[bytes] = []
        self.facets: list[tuple[int, ...]] = []
        self.names: list[str] = []
        self.keys: list[int] = []
        self.size = 0


def _scan(texts: list[bytes]) -> tuple:
    buffer = np.frombuffer(b"\n".join([*texts, b""]), np.uint8)
    return scan_shard(buffer, np.cumsum([len(text) + 1 for text in texts], dtype=np.int64))


def encode(
    documents: Iterable[Document],
    store: ArrayStore | None = None,
    workers: int = 1,
    shard_bytes: int = SHARD_BYTES,
    keep_text: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Encode `documents`, which are read once; `progress` hears (documents, bytes) so far.

    Texts are kept in the store only with `keep_text`, which `sgram.mining.examples` needs. Scanning releases the
    GIL, so `workers` threads share it with the reading of documents.
    """
    corpus = Corpus(store or ArrayStore())
    corpus.facet_values = tuple({} for _ in FACETS)
    seen_docs = seen_bytes = 0
    in_flight: deque[tuple[Future, int, _Pending]] = deque()
    with ThreadPoolExecutor(workers) as pool:

        def take() -> None:
            future, outcome, pending = in_flight.popleft()
            corpus.add(future.result(), outcome, pending, keep_text)

        for outcome, pending in _batches(documents, corpus.facet_values, shard_bytes):
            in_flight.append((pool.submit(_scan, pending.texts), outcome, pending))
            seen_docs, seen_bytes = seen_docs + len(pending.texts), seen_bytes + pending.size
            if progress is not None:
                progress(seen_docs, seen_bytes)
            if len(in_flight) > workers:
                take()
        while in_flight:
            take()
    return corpus


def _batches(
    documents: Iterable[Document], facet_values: tuple[dict[str, int], ...], shard_bytes: int
) -> Iterator[tuple[int, _Pending]]:
    """Documents gathered by outcome into batches of about `shard_bytes`."""
    waiting = [_Pending() for _ in range(N_OUTCOMES)]
    for document in documents:
        pending = waiting[document.outcome]
        text = document.text.encode("utf-8", "surrogatepass")
        pending.texts.append(text)
        pending.names.append(document.name)
        pending.keys.append(document.key)
        pending.size += len(text)
        pending.facets.append(
            tuple(
                -1 if value is None else values.setdefault(value, len(values))
                for values, value in zip(facet_values, document.facets or (None,) * len(FACETS), strict=True)
            )
        )
        if pending.size >= shard_bytes:
            yield document.outcome, pending
            waiting[document.outcome] = _Pending()
    for outcome, pending in enumerate(waiting):
        if pending.texts:
            yield outcome, pending
