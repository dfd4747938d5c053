"""An encoded corpus on disk, so that a killed run does not read its traces again.

``corpus.json`` is written last and atomically. If it exists, the directory holds the whole corpus; if it does not,
the directory holds nothing worth keeping.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from sgram.array_types import AnyArray
from sgram.files import canonical_json, write_bytes
from sgram.mining.array_files import pack_strings, unpack_strings
from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import Corpus, Shard

MANIFEST = "corpus.json"
_VOCABULARY = ("vocabulary", "vocabulary-ends", "vocabulary-df", "vocabulary-count", "n-docs")


def save_corpus(corpus: Corpus, inputs: Mapping[str, Any]) -> None:
    """Move the corpus to its store's directory and write `inputs`, JSON that describes its traces, with it.

    Raise `ValueError` if the store has no directory.
    """
    store = corpus.store
    if store.directory is None:
        raise ValueError("cannot save a corpus whose array store has no directory")
    n_words = len(corpus.words)
    arena, ends = pack_strings(corpus.words)
    arrays: tuple[AnyArray, ...] = (arena, ends, corpus.df[:n_words], corpus.count[:n_words], corpus.n_docs)
    for name, array in zip(_VOCABULARY, arrays, strict=True):
        store.put(name, array)
    store.move_to_disk()
    sizes = {name: (store.directory / f"{name}.npy").stat().st_size for name in store.names()}
    manifest = {
        "about": inputs,
        "arrays": sizes,
        "shards": [asdict(shard) for shard in corpus.shards],
        "facets": [list(facet_ids) for facet_ids in corpus.facet_values],
    }
    write_bytes(store.directory / MANIFEST, canonical_json(manifest))


def load_corpus(directory: Path, memory_limit: int) -> tuple[Corpus, Mapping[str, Any]] | None:
    """Return the corpus that `save_corpus` wrote to `directory` and its `inputs`; None if it is not whole.

    Sizes of arrays are compared, because a power cut may lose file contents that a killed process cannot lose. Other
    arrays that a killed run left in the directory are deleted.
    """
    manifest_path = directory / MANIFEST
    if not manifest_path.exists():
        return None
    manifest = orjson.loads(manifest_path.read_bytes())
    paths = {name: directory / f"{name}.npy" for name in manifest["arrays"]}
    if any(not path.exists() or path.stat().st_size != manifest["arrays"][name] for name, path in paths.items()):
        manifest_path.unlink()
        return None
    for path in directory.glob("*.npy"):
        if path.stem not in paths:
            path.unlink()
    store = ArrayStore(directory, memory_limit)
    store.adopt_files(paths)
    arena, ends, df, count, n_docs = (store.get(name) for name in _VOCABULARY)
    words = {word: word_id for word_id, word in enumerate(unpack_strings(arena, ends))}
    facet_values = tuple({name: number for number, name in enumerate(names)} for names in manifest["facets"])
    shards = [Shard(**shard) for shard in manifest["shards"]]
    return Corpus(store, shards, words, df, count, facet_values, n_docs), manifest["about"]


def discard_corpus(directory: Path) -> None:
    """Delete the manifest, so that the corpus in `directory` is not loaded again."""
    (directory / MANIFEST).unlink(missing_ok=True)
