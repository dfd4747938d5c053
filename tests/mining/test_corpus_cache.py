"""A corpus saved and loaded is the same corpus."""

import numpy as np
import pytest

from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document, encode_documents
from sgram.mining.corpus_cache import MANIFEST, load_corpus, save_corpus
from sgram.mining.count import count_grams
from sgram.mining.occurrences import tally_occurrences

DOCUMENTS = [
    Document("Wait, let me see. Été", CORRECT, ("p", "d", "m"), "one", 3),
    Document("let me see, wait", WRONG, ("q", None, "m"), "two", 1),
    Document("", UNKNOWN, (None, None, None), "three", 2),
]


def encode(directory):
    return encode_documents(DOCUMENTS, ArrayStore(directory), shard_bytes=1, keep_text=True)


def contents(corpus):
    """Return everything that later steps take from a corpus."""
    table = count_grams(corpus, 1, 3)
    tally = tally_occurrences(corpus, table, [np.arange(len(level), dtype=np.int32) for level in table.levels])
    names = [corpus.document_names(shard.number) for shard in corpus.shards]
    levels = [(level.df.tolist(), level.count.tolist()) for level in table.levels]
    return table.words, levels, table.n_docs.tolist(), tally.spread.tolist(), names, corpus.facet_values


def test_a_loaded_corpus_counts_and_walks_as_the_saved_one(tmp_path):
    corpus = encode(tmp_path)
    expected = contents(encode(None))
    save_corpus(corpus, {"traces": 3})
    assert contents(corpus) == expected, "saving changes nothing for whoever goes on with it"
    loaded, inputs = load_corpus(tmp_path, 1 << 20)
    assert inputs == {"traces": 3}
    assert contents(loaded) == expected


def test_without_its_last_file_nothing_is_loaded(tmp_path):
    save_corpus(encode(tmp_path), {})
    (tmp_path / MANIFEST).unlink()
    assert load_corpus(tmp_path, 1 << 20) is None


def test_a_corpus_that_lost_a_part_of_an_array_is_not_loaded(tmp_path):
    save_corpus(encode(tmp_path), {})
    ids = tmp_path / "ids-0.npy"
    ids.write_bytes(ids.read_bytes()[:-4])
    assert load_corpus(tmp_path, 1 << 20) is None
    assert load_corpus(tmp_path, 1 << 20) is None, "nor later"


def test_what_a_killed_run_left_beside_the_corpus_is_removed(tmp_path):
    save_corpus(encode(tmp_path), {})
    np.save(tmp_path / "level-0.npy", np.zeros(3))
    load_corpus(tmp_path, 1 << 20)
    assert not (tmp_path / "level-0.npy").exists()
    assert (tmp_path / "ids-0.npy").exists()


def test_an_empty_corpus_is_a_corpus(tmp_path):
    save_corpus(encode_documents([], ArrayStore(tmp_path), keep_text=True), {})
    loaded, _ = load_corpus(tmp_path, 1 << 20)
    assert len(count_grams(loaded, 1, 3)) == 0


def test_a_corpus_in_memory_only_cannot_be_saved():
    with pytest.raises(ValueError, match="has no directory"):
        save_corpus(encode(None), {})
