"""Encoded texts decode to the sentences that they came from."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document, encode_documents
from sgram.scan import BREAK
from sgram.text import find_sentences

words = st.sampled_from(["a", "Wait", "let's", "ÉTÉ", "等等", ".", ",", "\n", "7", "x1"])
texts = st.lists(words, max_size=20).map(" ".join)
documents = st.lists(
    st.builds(
        Document,
        texts,
        st.sampled_from([UNKNOWN, CORRECT, WRONG]),
        st.tuples(*[st.none() | st.sampled_from(["p", "q"])] * 3),
        st.text("abc\0é", max_size=4),
        st.integers(0, 2**64 - 1),
    ),
    max_size=10,
)


def decode(corpus):
    """Return (sentences, outcome, facets) of every document, straight from the arrays."""
    word_of = {word_id: word.decode() for word, word_id in corpus.words.items()}
    name_of = [{number: name for name, number in facet_ids.items()} for facet_ids in corpus.facet_values]
    documents = []
    for shard in corpus.shards:
        ids, ends, word_ids, facets = (
            corpus.store.get(f"{kind}-{shard.number}") for kind in ("ids", "ends", "words-map", "facets")
        )
        begin = 0
        for end, row in zip(ends.tolist(), facets.tolist(), strict=True):
            sentences, sentence = [], []
            for word in ids[begin:end].tolist():
                if word != BREAK:
                    sentence.append(word_of[word_ids[word]])
                elif sentence:
                    sentences.append(tuple(sentence))
                    sentence = []
            assert not sentence, "a document ends with a break"
            names = tuple(facet.get(number) for facet, number in zip(name_of, row, strict=True))
            documents.append((tuple(sentences), shard.outcome, names))
            begin = end
    return documents


@given(documents, st.sampled_from([1, 30, 1 << 20]), st.sampled_from([1, 3]))
def test_a_corpus_holds_the_sentences_outcome_and_facets_of_every_document(samples, shard_bytes, workers):
    corpus = encode_documents(iter(samples), shard_bytes=shard_bytes, workers=workers)
    expected = [(tuple(find_sentences(doc.text)), doc.outcome, doc.facets) for doc in samples]
    assert sorted(decode(corpus), key=repr) == sorted(expected, key=repr)
    assert corpus.n_docs.tolist() == [sum(doc.outcome == side for doc in samples) for side in range(3)]
    assert corpus.n_words == sum(len(sentence) for sentences, _, _ in expected for sentence in sentences)
    assert sum(shard.n_bytes for shard in corpus.shards) == sum(len(doc.text.encode()) for doc in samples)


@given(documents, st.sampled_from([1, 30, 1 << 20]))
def test_the_vocabulary_counts_every_word_by_outcome(samples, shard_bytes):
    corpus = encode_documents(iter(samples), shard_bytes=shard_bytes)
    expected = {}
    for doc in samples:
        doc_words = [word for sentence in find_sentences(doc.text) for word in sentence]
        for word in doc_words:
            df, count = expected.setdefault(word.encode(), ([0] * 3, [0] * 3))
            df[doc.outcome] += 1 / doc_words.count(word)  # each of its occurrences adds a part of one document
            count[doc.outcome] += 1
    assert corpus.words.keys() == expected.keys()
    for word, word_id in corpus.words.items():
        np.testing.assert_allclose(corpus.df[word_id], expected[word][0])
        assert corpus.count[word_id].tolist() == expected[word][1]


@given(documents, st.sampled_from([1, 30, 1 << 20]))
def test_text_names_and_keys_are_kept_with_the_documents(samples, shard_bytes):
    corpus = encode_documents(iter(samples), shard_bytes=shard_bytes, keep_text=True)
    documents = []
    for shard in corpus.shards:
        text_bytes, ends, keys = (
            corpus.store.get(f"{kind}-{shard.number}") for kind in ("text", "text-ends", "keys-of")
        )
        names = corpus.document_names(shard.number)
        assert len(ends) == len(keys) == len(names) == shard.n_docs
        begin = 0
        for end, key, name in zip(ends.tolist(), keys.tolist(), names, strict=True):
            documents.append((text_bytes[begin:end].tobytes().decode(), name, key))
            begin = end
    # a zero character would end a name among the others, so it shows as a space
    assert sorted(documents) == sorted((doc.text, doc.name.replace("\0", " "), doc.key) for doc in samples)


def test_texts_are_kept_only_when_asked_for():
    corpus = encode_documents([Document("wait", name="t1", key=7)])
    for kind in ("text", "names", "keys-of", "text-ends"):
        with pytest.raises(KeyError):
            corpus.store.get(f"{kind}-0")


def test_a_shard_holds_one_outcome_and_about_so_many_bytes():
    samples = [Document("wait a bit", outcome) for outcome in (CORRECT, WRONG, CORRECT, CORRECT, UNKNOWN)]
    corpus = encode_documents(samples, shard_bytes=20)
    # 10 bytes each: the second correct one fills a shard; the rest are left over, by outcome
    shards = [(shard.outcome, shard.n_docs, shard.n_words, shard.n_bytes) for shard in corpus.shards]
    assert shards == [(CORRECT, 2, 6, 20), (UNKNOWN, 1, 3, 10), (CORRECT, 1, 3, 10), (WRONG, 1, 3, 10)]
    assert [shard.number for shard in corpus.shards] == [0, 1, 2, 3]


def test_progress_is_called_with_documents_and_bytes_up_to_all_of_them():
    calls = []
    samples = [Document("wait a bit") for _ in range(7)]
    encode_documents(samples, shard_bytes=25, progress=lambda *so_far: calls.append(so_far))
    assert calls == [(3, 30), (6, 60), (7, 70)]


def test_no_documents_make_an_empty_corpus():
    corpus = encode_documents([])
    assert (corpus.shards, corpus.words, corpus.n_words) == ([], {}, 0)
    assert corpus.n_docs.tolist() == [0, 0, 0]


def test_a_vocabulary_larger_than_its_first_table_is_whole():
    names = [f"{left}{right}" for left in "abcdefghijklmnopqrstuvwxyz" for right in "abcdefghijklmnopqrstuvwxyz"]
    samples = [Document(" ".join(f"{name}{last}" for name in names)) for last in names[:60]]
    corpus = encode_documents(samples, shard_bytes=1)  # 60 shards of 676 words that no other shard holds
    assert len(corpus.words) == 60 * 676
    assert (corpus.df[: len(corpus.words)].sum(axis=1) == 1).all()


def test_a_spilled_corpus_reads_back_the_same(tmp_path):
    samples = [Document("Wait. Let me see", CORRECT, ("p", None, "m"), f"t{number}", number) for number in range(5)]
    in_memory = encode_documents(samples, shard_bytes=20, keep_text=True)
    on_disk = encode_documents(samples, ArrayStore(tmp_path, memory_limit=0), shard_bytes=20, keep_text=True)
    assert list(tmp_path.iterdir())
    assert decode(in_memory) == decode(on_disk)
    assert [in_memory.document_names(shard.number) for shard in in_memory.shards] == [
        on_disk.document_names(shard.number) for shard in on_disk.shards
    ]


def test_a_lone_surrogate_ends_a_sentence_and_breaks_nothing():
    corpus = encode_documents([Document("wait \ud800 a bit", name="\udfff")], keep_text=True)
    assert [sentences for sentences, _, _ in decode(corpus)] == [(("wait",), ("a", "bit"))]
    assert corpus.document_names(0) == ["\udfff"]
