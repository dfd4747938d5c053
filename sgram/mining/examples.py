"""A few sentences that show a gram in use.

The choice of occurrences depends on the digests of the traces only, never on the order of the traces.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from sgram.array_types import Int32Array, IntArray, UInt64Array
from sgram.compiling import kernel
from sgram.mining.corpus import Corpus
from sgram.mining.count import GramTable
from sgram.mining.occurrences import Trie, TrieArrays, map_words, step_trie
from sgram.scan import BREAK, word_offsets

N_EXAMPLES = 3
"""Examples of each gram."""
NO_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class GramExample:
    """A gram in its context: ``text[start:end]`` is the gram as written, `trace` is the id of its trace."""

    gram: str
    trace: str
    text: str
    start: int
    end: int


@kernel()
def _find_first_uses(
    ids: Int32Array, doc_ends: IntArray, new_ids: Int32Array, trie: TrieArrays, keys: UInt64Array, smallest: UInt64Array
) -> None:
    """Insert the first occurrence of each label in each document into `smallest` if its key is among the smallest.

    `smallest`, (labels, k, 3), holds key, document and word number, sorted by key.
    """
    slots, nodes, label_of_node = trie
    n_examples = smallest.shape[1]
    last_doc = np.full(smallest.shape[0], -1, np.int32)
    begin = 0
    for doc in range(doc_ends.shape[0]):
        word = -1
        for start in range(begin, doc_ends[doc]):
            if ids[start] == BREAK:
                continue
            word += 1
            node = new_ids[ids[start]]
            last = start
            while node >= 0:
                label = label_of_node[node]
                if label >= 0 and last_doc[label] != doc:
                    last_doc[label] = doc
                    rank = n_examples
                    while rank > 0 and keys[doc] < smallest[label, rank - 1, 0]:
                        rank -= 1
                    if rank < n_examples:
                        for later in range(n_examples - 1, rank, -1):
                            smallest[label, later] = smallest[label, later - 1]
                        smallest[label, rank, 0] = keys[doc]
                        smallest[label, rank, 1] = doc
                        smallest[label, rank, 2] = word
                last += 1
                if last >= doc_ends[doc] or ids[last] == BREAK:
                    break
                if new_ids[ids[last]] < 0:
                    break
                node = step_trie(slots, nodes, node, new_ids[ids[last]])
        begin = doc_ends[doc]


def find_examples(
    corpus: Corpus, table: GramTable, labels: Sequence[Int32Array], texts: Sequence[str], n_examples: int = N_EXAMPLES
) -> list[list[GramExample]]:
    """Return for each labeled gram its first use in each of the `n_examples` traces with the smallest keys.

    The label of a gram is its index in `texts`. The corpus must have been encoded with ``keep_text=True``.
    """
    keyed_examples = find_keyed_examples(corpus, table, labels, texts, n_examples)
    return [[example for _, example in examples] for examples in keyed_examples]


def find_keyed_examples(
    corpus: Corpus, table: GramTable, labels: Sequence[Int32Array], texts: Sequence[str], n_examples: int = N_EXAMPLES
) -> list[list[tuple[int, GramExample]]]:
    """Return the examples of `find_examples` with the keys of their traces, smallest first."""
    trie = Trie.build(table, labels)
    new_ids = map_words(corpus, table)
    store = corpus.store
    smallest = np.full((len(texts), n_examples, 4), NO_KEY, np.uint64)  # key, document, word, shard
    for shard in corpus.shards:
        shard_smallest = np.full((len(texts), n_examples, 3), NO_KEY, np.uint64)
        number = shard.number
        _find_first_uses(
            store.get(f"ids-{number}"),
            store.get(f"ends-{number}"),
            new_ids[store.get(f"words-map-{number}")],
            trie.arrays,
            store.get(f"keys-of-{number}"),
            shard_smallest,
        )
        shard_numbers = np.full((*shard_smallest.shape[:2], 1), number, np.uint64)
        both = np.concatenate([smallest, np.concatenate([shard_smallest, shard_numbers], axis=2)], axis=1)
        order = np.argsort(both[:, :, 0], axis=1, kind="stable")[:, :n_examples]
        smallest = np.take_along_axis(both, order[:, :, None], axis=1)
    return _load_examples(corpus, smallest, texts)


def _load_examples(corpus: Corpus, smallest: UInt64Array, texts: Sequence[str]) -> list[list[tuple[int, GramExample]]]:
    """Return (key, example) of each label, in the order of their keys."""
    ranked: list[list[tuple[int, int, GramExample]]] = [[] for _ in texts]
    for shard in corpus.shards:
        uses = np.argwhere((smallest[:, :, 3] == shard.number) & (smallest[:, :, 0] != NO_KEY))
        if not len(uses):
            continue
        names = corpus.document_names(shard.number)
        ends = np.concatenate(([0], corpus.store.get(f"text-ends-{shard.number}")))
        for label, rank in uses.tolist():
            doc, word = int(smallest[label, rank, 1]), int(smallest[label, rank, 2])
            text_bytes = corpus.store.get(f"text-{shard.number}", int(ends[doc]), int(ends[doc + 1]))
            text = text_bytes.tobytes().decode("utf-8", "surrogatepass")
            key = int(smallest[label, rank, 0])
            ranked[label].append((rank, key, _cut_context(texts[label], names[doc], text, word)))
    return [[(key, example) for _, key, example in sorted(examples, key=itemgetter(0))] for examples in ranked]


def _cut_context(gram: str, trace: str, text: str, word: int, context: int = 90) -> GramExample:
    """Return the gram that begins at word number `word` of `text`, with about `context` characters on either side."""
    offsets = word_offsets(text)
    start, end = int(offsets[word, 0]), int(offsets[word + gram.count(" "), 1])
    first = max(0, start - context)
    last = min(len(text), end + context)
    line = text.rfind("\n", first, start)
    if line >= 0:
        first = line + 1
    elif first:
        first = max(text.find(" ", first, start) + 1, first)
    line = text.find("\n", end, last)
    if line >= 0:
        last = line
    elif last < len(text):
        last = max(text.rfind(" ", end, last), end)
    if text[end:last].endswith("\r"):
        last -= 1
    return GramExample(gram, trace, text[first:last], start - first, end - first)
