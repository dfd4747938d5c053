"""An encoded corpus on disk, so that a killed run need not read its traces again. Knows nothing about n-grams.

``corpus.json`` appears last and atomically: with it the directory holds the whole corpus, without it nothing in the
directory is worth keeping.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram.files import canonical_json, write_bytes
from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import Corpus, Shard

MANIFEST = "corpus.json"
_VOCABULARY = ("vocabulary", "vocabulary-ends", "vocabulary-df", "vocabulary-count", "n-docs")


def save_corpus(corpus: Corpus, about: Mapping[str, Any]) -> None:
    """Move the corpus to its store's directory and leave `about` (JSON) with it."""
    store = corpus.store
    if store.directory is None:
        raise ValueError("a corpus without a directory cannot be saved")
    used = len(corpus.words)
    ends = np.cumsum([len(word) for word in corpus.words], dtype=np.int64)
    arena = np.frombuffer(b"".join(corpus.words), np.uint8)
    arrays = (arena, ends, corpus.df[:used], corpus.count[:used], corpus.n_docs)
    for name, array in zip(_VOCABULARY, arrays, strict=True):
        store.put(name, array)
    store.release()
    sizes = {name: (store.directory / f"{name}.npy").stat().st_size for name in store.names()}
    manifest = {
        "about": about,
        "arrays": sizes,
        "shards": [asdict(shard) for shard in corpus.shards],
        "facets": [list(values) for values in corpus.facet_values],
    }
    write_bytes(store.directory / MANIFEST, canonical_json(manifest))


def load_corpus(directory: Path, limit: int) -> tuple[Corpus, Mapping[str, Any]] | None:
    """The corpus that `save_corpus` left in `directory`, and its `about`; None if it is not whole.

    Sizes are compared, because a power cut may lose arrays that a killed process cannot. Whatever else a
    killed run left beside them is removed.
    """
    manifest = directory / MANIFEST
    if not manifest.exists():
        return None
    saved = orjson.loads(manifest.read_bytes())
    files = {name: directory / f"{name}.npy" for name in saved["arrays"]}
    if any(not file.exists() or file.stat().st_size != saved["arrays"][name] for name, file in files.items()):
        manifest.unlink()
        return None
    for left in directory.glob("*.npy"):
        if left.stem not in files:
            left.unlink()
    store = ArrayStore(directory, limit)
    store.adopt(files)
    arena, ends, df, count, n_docs = (store.get(name) for name in _VOCABULARY)
    data, words, start = arena.tobytes(), {}, 0
    for place, end in enumerate(ends.tolist()):
        words[data[start:end]] = place
        start = end
    facets = tuple({value: place for place, value in enumerate(values)} for values in saved["facets"])
    shards = [Shard(**shard) for shard in saved["shards"]]
    return Corpus(store, shards, words, df, count, facets, n_docs), saved["about"]


def forget_corpus(directory: Path) -> None:
    """Let nobody load what `save_corpus` left in `directory`."""
    (directory / MANIFEST).unlink(missing_ok=True)
