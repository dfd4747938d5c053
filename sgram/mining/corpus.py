"""Texts encoded as shards of word ids, ready for counting.

All documents of a shard have the same outcome (correct, wrong, unknown), so that counting by outcome needs no second
counter. Shard boundaries depend on text sizes and arrival order; nothing computed from a corpus may depend on them.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sgram.array_types import ByteArray, Int32Array, IntArray
from sgram.mining.array_store import ArrayStore
from sgram.scan import scan_shard

UNKNOWN, CORRECT, WRONG = range(3)
N_OUTCOMES = 3
FACETS = ("problem", "dataset", "model")
SHARD_BYTES = 4 << 20
"""Text of a shard: small enough that a level's tables stay in the cache, large enough that few words repeat."""


class Document(NamedTuple):
    """A text to count, with its outcome and its value of each facet in `FACETS` (None: unknown)."""

    text: str
    outcome: int = UNKNOWN
    facets: tuple[str | None, ...] = ()
    name: str = ""
    """Id of the trace, for examples."""
    key: int = 0
    """64 bits of the trace's digest: ranks documents independently of their order."""


@dataclass(slots=True)
class Shard:
    """Documents encoded together. The arrays are in the corpus's store under ``{kind}-{number}``."""

    number: int
    outcome: int
    n_docs: int
    n_words: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class ScannedTexts:
    """The arrays that `sgram.scan.scan_shard` returns."""

    ids: Int32Array
    id_ends: IntArray
    arena: ByteArray
    word_ends: IntArray
    df: Int32Array
    count: Int32Array


class _Batch:
    """Documents of one outcome that will become one shard."""

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.facets: list[tuple[int, ...]] = []
        self.names: list[str] = []
        self.keys: list[int] = []
        self.n_bytes = 0


@dataclass(slots=True)
class Corpus:
    """All shards, the merged vocabulary and its counts.

    The array ``words-map-{shard}`` maps the word ids of a shard to ids of the vocabulary.
    """

    store: ArrayStore
    shards: list[Shard] = field(default_factory=list)
    words: dict[bytes, int] = field(default_factory=dict)
    """Word -> id, in the order of the ids."""
    df: Int32Array = field(default_factory=lambda: np.zeros((0, N_OUTCOMES), np.int32))
    """Documents that contain each word, by outcome; has spare rows at the end."""
    count: IntArray = field(default_factory=lambda: np.zeros((0, N_OUTCOMES), np.int64))
    """Occurrences of each word, by outcome; has spare rows at the end."""
    facet_values: tuple[dict[str, int], ...] = ()
    """For each facet: name -> id."""
    n_docs: IntArray = field(default_factory=lambda: np.zeros(N_OUTCOMES, np.int64))
    """Documents by outcome."""

    def add_shard(self, scanned: ScannedTexts, outcome: int, batch: _Batch, keep_text: bool) -> None:
        """Add one scanned shard: store its word ids and merge its vocabulary."""
        number = len(self.shards)
        shard = Shard(number, outcome, len(scanned.id_ends), int(scanned.count.sum()), batch.n_bytes)
        word_ids = self._merge_words(scanned.arena.tobytes(), scanned.word_ends.tolist())
        self.df[word_ids, outcome] += scanned.df
        self.count[word_ids, outcome] += scanned.count
        self.n_docs[outcome] += shard.n_docs
        self.store.put(f"ids-{number}", scanned.ids)
        self.store.put(f"ends-{number}", scanned.id_ends)
        self.store.put(f"words-map-{number}", word_ids)
        self.store.put(f"facets-{number}", np.array(batch.facets, np.int32).reshape(-1, len(FACETS)))
        if keep_text:
            self.store.put(f"keys-of-{number}", np.array(batch.keys, np.uint64))
            self.store.put(f"text-{number}", np.frombuffer(b"".join(batch.texts), np.uint8))
            sizes = [len(text) for text in batch.texts]
            self.store.put(f"text-ends-{number}", np.cumsum(sizes, dtype=np.int64))
            names = "\0".join(name.replace("\0", " ") for name in batch.names)
            self.store.put(f"names-{number}", np.frombuffer(names.encode("utf-8", "surrogatepass"), np.uint8))
        self.shards.append(shard)

    def _merge_words(self, arena: bytes, word_ends: list[int]) -> Int32Array:
        """Return the vocabulary id of each word of a shard; add new words and make room for their counts."""
        vocabulary = self.words
        word_ids = np.empty(len(word_ends), np.int32)
        start = 0
        for word, end in enumerate(word_ends):
            word_ids[word] = vocabulary.setdefault(arena[start:end], len(vocabulary))
            start = end
        if len(vocabulary) > len(self.df):
            n_spare = max(len(vocabulary), 2 * len(self.df)) - len(self.df)
            self.df = np.concatenate([self.df, np.zeros((n_spare, N_OUTCOMES), np.int32)])
            self.count = np.concatenate([self.count, np.zeros((n_spare, N_OUTCOMES), np.int64)])
        return word_ids

    def document_names(self, number: int) -> list[str]:
        """Return the names of a shard's documents. They are stored only if the texts are."""
        return self.store.get(f"names-{number}").tobytes().decode("utf-8", "surrogatepass").split("\0")

    @property
    def n_words(self) -> int:
        """Number of words in all documents."""
        return sum(shard.n_words for shard in self.shards)


def _scan_texts(texts: list[bytes]) -> ScannedTexts:
    buffer = np.frombuffer(b"\n".join([*texts, b""]), np.uint8)
    return ScannedTexts(*scan_shard(buffer, np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)))


def encode_documents(
    documents: Iterable[Document],
    store: ArrayStore | None = None,
    workers: int = 1,
    shard_bytes: int = SHARD_BYTES,
    keep_text: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Encode `documents`, which are read once. `progress` is called with (documents, bytes) read so far.

    Texts, names and keys are stored only with `keep_text`; `sgram.mining.examples` needs them. Scanning releases the
    GIL, so `workers` threads scan while the calling thread reads documents.

    >>> corpus = encode_documents([Document("Wait, let me see. Wait!"), Document("So we go.", outcome=CORRECT)])
    >>> corpus.n_words, corpus.n_docs.tolist(), len(corpus.words)
    (8, [1, 1, 0], 7)
    """
    corpus = Corpus(store or ArrayStore())
    corpus.facet_values = tuple({} for _ in FACETS)
    n_docs = n_bytes = 0
    in_flight: deque[tuple[Future[ScannedTexts], int, _Batch]] = deque()
    with ThreadPoolExecutor(workers) as pool:

        def add_oldest() -> None:
            future, outcome, batch = in_flight.popleft()
            corpus.add_shard(future.result(), outcome, batch, keep_text)

        for outcome, batch in _iter_batches(documents, corpus.facet_values, shard_bytes):
            in_flight.append((pool.submit(_scan_texts, batch.texts), outcome, batch))
            n_docs, n_bytes = n_docs + len(batch.texts), n_bytes + batch.n_bytes
            if progress is not None:
                progress(n_docs, n_bytes)
            if len(in_flight) > workers:
                add_oldest()
        while in_flight:
            add_oldest()
    return corpus


def _iter_batches(
    documents: Iterable[Document], facet_values: tuple[dict[str, int], ...], shard_bytes: int
) -> Iterator[tuple[int, _Batch]]:
    """Yield (outcome, batch): documents grouped by outcome into batches of about `shard_bytes`."""
    batches = [_Batch() for _ in range(N_OUTCOMES)]
    for document in documents:
        batch = batches[document.outcome]
        text = document.text.encode("utf-8", "surrogatepass")
        batch.texts.append(text)
        batch.names.append(document.name)
        batch.keys.append(document.key)
        batch.n_bytes += len(text)
        batch.facets.append(
            tuple(
                -1 if facet is None else facet_ids.setdefault(facet, len(facet_ids))
                for facet_ids, facet in zip(facet_values, document.facets or (None,) * len(FACETS), strict=True)
            )
        )
        if batch.n_bytes >= shard_bytes:
            yield document.outcome, batch
            batches[document.outcome] = _Batch()
    for outcome, batch in enumerate(batches):
        if batch.texts:
            yield outcome, batch
