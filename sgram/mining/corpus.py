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

from sgram.array_types import AnyArray, ByteArray, Int32Array, IntArray
from sgram.mining.array_files import pack_strings
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


class DocumentBatch:
    """Documents of one part and one outcome that will become one shard."""

    def __init__(self, part: int, outcome: int) -> None:
        self.part, self.outcome = part, outcome
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

    def add_shard(self, scanned: ScannedTexts, batch: DocumentBatch, keep_text: bool) -> None:
        """Add one scanned batch as a shard; texts, names and keys are stored only with `keep_text`."""
        number = len(self.shards)
        for kind, array in document_arrays(scanned, batch, keep_text).items():
            self.store.put(f"{kind}-{number}", array)
        shard = Shard(number, batch.outcome, len(scanned.id_ends), int(scanned.count.sum()), batch.n_bytes)
        self.merge_shard(shard, scanned.arena, scanned.word_ends, scanned.df, scanned.count)

    def merge_shard(
        self, shard: Shard, arena: ByteArray, word_ends: IntArray, df: Int32Array, count: Int32Array
    ) -> None:
        """Merge the vocabulary of a shard whose documents are in the store: its words with their df and count."""
        word_ids = self._merge_words(arena.tobytes(), word_ends.tolist())
        self.df[word_ids, shard.outcome] += df
        self.count[word_ids, shard.outcome] += count
        self.n_docs[shard.outcome] += shard.n_docs
        self.store.put(f"words-map-{shard.number}", word_ids)
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


def document_arrays(scanned: ScannedTexts, batch: DocumentBatch, keep_text: bool) -> dict[str, AnyArray]:
    """Return the arrays of a shard's documents by kind; texts, names and keys only with `keep_text`."""
    arrays: dict[str, AnyArray] = {
        "ids": scanned.ids,
        "ends": scanned.id_ends,
        "facets": np.array(batch.facets, np.int32).reshape(-1, len(FACETS)),
    }
    if keep_text:
        names = "\0".join(name.replace("\0", " ") for name in batch.names)
        text, text_ends = pack_strings(batch.texts)
        arrays |= {
            "keys-of": np.array(batch.keys, np.uint64),
            "text": text,
            "text-ends": text_ends,
            "names": np.frombuffer(names.encode("utf-8", "surrogatepass"), np.uint8),
        }
    return arrays


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
    for batch, scanned in scan_documents(documents, corpus.facet_values, workers, shard_bytes, progress=progress):
        corpus.add_shard(scanned, batch, keep_text)
    return corpus


def scan_documents(
    documents: Iterable[Document],
    facet_values: tuple[dict[str, int], ...],
    workers: int = 1,
    shard_bytes: int = SHARD_BYTES,
    *,
    part_of: Callable[[Document], int] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[tuple[DocumentBatch, ScannedTexts]]:
    """Yield batches of documents of one outcome and one part, and what scanning them gave.

    New values of facets are added to `facet_values`. `part_of` gives the part of a document, by default 0. At most
    `workers` + 1 batches are scanned ahead.
    """
    n_docs = n_bytes = 0
    in_flight: deque[tuple[DocumentBatch, Future[ScannedTexts]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for batch in _iter_batches(documents, facet_values, shard_bytes, part_of):
            in_flight.append((batch, pool.submit(_scan_texts, batch.texts)))
            n_docs, n_bytes = n_docs + len(batch.texts), n_bytes + batch.n_bytes
            if progress is not None:
                progress(n_docs, n_bytes)
            if len(in_flight) > workers:
                oldest, future = in_flight.popleft()
                yield oldest, future.result()
        while in_flight:
            oldest, future = in_flight.popleft()
            yield oldest, future.result()


def _iter_batches(
    documents: Iterable[Document],
    facet_values: tuple[dict[str, int], ...],
    shard_bytes: int,
    part_of: Callable[[Document], int] | None,
) -> Iterator[DocumentBatch]:
    """Yield the documents in batches of about `shard_bytes`, each of one part and one outcome."""
    batches: dict[tuple[int, int], DocumentBatch] = {}
    for document in documents:
        key = (0 if part_of is None else part_of(document), document.outcome)
        batch = batches.get(key)
        if batch is None:
            batch = batches[key] = DocumentBatch(*key)
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
            yield batches.pop(key)
    for key in sorted(batches):
        yield batches[key]
