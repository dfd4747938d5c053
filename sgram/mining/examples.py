"""A few sentences that show a gram in use. Knows nothing about why the gram was chosen.

Which occurrences are shown depends on the traces' digests only, never on the order in which traces came.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sgram.compiling import kernel
from sgram.mining.corpus import Corpus
from sgram.mining.count import GramTable
from sgram.mining.occurrences import Trie, _step, word_map
from sgram.scan import BREAK, word_offsets

NO_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True)
class Example:
    """A gram in its context: ``text[start:end]`` is the gram as written, `trace` the trace it is from."""

    gram: str
    trace: str
    text: str
    start: int
    end: int


@kernel()
def _first_uses(ids, doc_ends, map_of, trie, keys, best):
    """Offer each label's first occurrence in each document to `best`, (n, k, 3): key, document, word."""
    slots, nodes, label_of = trie
    keep = best.shape[1]
    seen = np.full(best.shape[0], -1, np.int32)
    begin = 0
    for doc in range(doc_ends.shape[0]):
        word = -1
        for at in range(begin, doc_ends[doc]):
            if ids[at] == BREAK:
                continue
            word += 1
            node = map_of[ids[at]]
            ahead = at
            while node >= 0:
                label = label_of[node]
                if label >= 0 and seen[label] != doc:
                    seen[label] = doc
                    place = keep
                    while place > 0 and keys[doc] < best[label, place - 1, 0]:
                        place -= 1
                    if place < keep:
                        for later in range(keep - 1, place, -1):
                            best[label, later] = best[label, later - 1]
                        best[label, place, 0] = keys[doc]
                        best[label, place, 1] = doc
                        best[label, place, 2] = word
                ahead += 1
                if ahead >= doc_ends[doc] or ids[ahead] == BREAK:
                    break
                if map_of[ids[ahead]] < 0:
                    break
                node = _step(slots, nodes, node, map_of[ids[ahead]])
        begin = doc_ends[doc]


def find_examples(
    corpus: Corpus, table: GramTable, labels: list[np.ndarray], texts: Sequence[str], each: int = 3
) -> list[list[Example]]:
    """For each labeled gram (label = its place in `texts`) the uses in the `each` traces of smallest key.

    The corpus must have been encoded with ``keep_text=True``.
    """
    trie = Trie.build(table, labels)
    map_of = word_map(corpus, table)
    store = corpus.store
    best = np.full((len(texts), each, 4), NO_KEY, np.uint64)
    for shard in corpus.shards:
        own = np.full((len(texts), each, 3), NO_KEY, np.uint64)
        number = shard.number
        _first_uses(
            store.get(f"ids-{number}"),
            store.get(f"ends-{number}"),
            map_of[store.get(f"words-map-{number}")],
            (trie.slots, trie.nodes, trie.label),
            store.get(f"keys-of-{number}"),
            own,
        )
        own = np.concatenate([own, np.full((*own.shape[:2], 1), number, np.uint64)], axis=2)
        both = np.concatenate([best, own], axis=1)
        order = np.argsort(both[:, :, 0], axis=1, kind="stable")[:, :each]
        best = np.take_along_axis(both, order[:, :, None], axis=1)
    return _shown(corpus, best, texts)


def _shown(corpus: Corpus, best: np.ndarray, texts: Sequence[str]) -> list[list[Example]]:
    found: list[list[tuple[int, Example]]] = [[] for _ in texts]
    for shard in corpus.shards:
        here = np.argwhere((best[:, :, 3] == shard.number) & (best[:, :, 0] != NO_KEY))
        if not len(here):
            continue
        names = corpus.names(shard.number)
        ends = np.concatenate(([0], corpus.store.get(f"text-ends-{shard.number}")))
        for label, rank in here.tolist():
            doc, word = int(best[label, rank, 1]), int(best[label, rank, 2])
            raw = corpus.store.get(f"text-{shard.number}", int(ends[doc]), int(ends[doc + 1]))
            text = raw.tobytes().decode("utf-8", "surrogatepass")
            found[label].append((rank, _in_context(texts[label], names[doc], text, word)))
    return [[example for _, example in sorted(uses, key=lambda use: use[0])] for uses in found]


def _in_context(gram: str, trace: str, text: str, word: int, around: int = 90) -> Example:
    """The gram that begins at word number `word` of `text`, with about `around` characters on either side."""
    offsets = word_offsets(text)
    start, end = int(offsets[word, 0]), int(offsets[word + gram.count(" "), 1])
    first = max(0, start - around)
    last = min(len(text), end + around)
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
    return Example(gram, trace, text[first:last], start - first, end - first)
