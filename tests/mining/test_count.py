"""Counting against collections.Counter over the readable words."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document, encode_documents
from sgram.mining.count import count_grams
from sgram.text import find_sentences

words = st.sampled_from(["a", "b", "c", "wait", "let", "me", ".", ",", "7"])
texts = st.lists(words, max_size=30).map(" ".join)
documents = st.lists(st.tuples(texts, st.sampled_from([UNKNOWN, CORRECT, WRONG])), max_size=12)


def naive(samples, max_n):
    """df and count of every gram by outcome, straight from the definition."""
    df, count = Counter(), Counter()
    for text, outcome in samples:
        grams = Counter(
            sentence[start : start + n]
            for sentence in find_sentences(text)
            for n in range(1, max_n + 1)
            for start in range(len(sentence) - n + 1)
        )
        for gram, n_uses in grams.items():
            df[gram, outcome] += 1
            count[gram, outcome] += n_uses
    return df, count


def as_dict(table):
    counts = {}
    for n, level in enumerate(table.levels, 1):
        for text, df, count in zip(table.texts(n), level.df.tolist(), level.count.tolist(), strict=True):
            counts[tuple(text.split(" "))] = (df, count)
    return counts


@given(documents, st.integers(1, 4), st.integers(1, 6))
def test_every_frequent_gram_is_counted_exactly(samples, min_df, max_n):
    table = count_grams(encode_documents(Document(*sample) for sample in samples), min_df, max_n)
    df, count = naive(samples, max_n)
    expected = {}
    for gram in {gram for gram, _ in df}:
        by_outcome = [df[gram, outcome] for outcome in range(3)]
        if sum(by_outcome) >= min_df:
            expected[gram] = (by_outcome, [count[gram, outcome] for outcome in range(3)])
    assert as_dict(table) == expected


@settings(max_examples=30)
@given(documents, st.randoms(use_true_random=False), st.sampled_from([1, 40, 1000]), st.sampled_from([1, 3]))
def test_the_table_does_not_depend_on_order_shards_workers_or_spilling(samples, random, shard_bytes, workers):
    plain = count_grams(encode_documents(Document(*sample) for sample in samples), 2, 4)
    shuffled = list(samples)
    random.shuffle(shuffled)
    permuted = count_grams(
        encode_documents((Document(*sample) for sample in shuffled), workers=workers, shard_bytes=shard_bytes),
        2,
        4,
        workers=workers,
    )
    assert plain.words == permuted.words
    assert len(plain.levels) == len(permuted.levels)
    for plain_level, permuted_level in zip(plain.levels, permuted.levels, strict=True):
        for column in ("prefix", "suffix", "last", "df", "count"):
            np.testing.assert_array_equal(getattr(plain_level, column), getattr(permuted_level, column))


def test_spilled_shards_give_the_same_table(tmp_path):
    samples = [f"wait let me see {word} again . let me see" for word in ("that", "this", "it")] * 4
    in_memory = count_grams(encode_documents((Document(text) for text in samples), shard_bytes=50), 2, 6)
    store = ArrayStore(tmp_path, memory_limit=0)
    on_disk = count_grams(encode_documents((Document(text) for text in samples), store, shard_bytes=50), 2, 6)
    assert as_dict(in_memory) == as_dict(on_disk)
    assert store.bytes_on_disk > 0
    assert not list(tmp_path.glob("level-*")), "scratch of finished levels is removed"


def test_counts_worked_out_by_hand():
    # "let me see" is in documents 1 and 2, twice in 1; the full stop keeps "see let" from being a gram
    table = count_grams(encode_documents([Document("Let me see. Let me see"), Document("let me, see")]), 1, 3)
    counts = {" ".join(gram): (sum(df), sum(count)) for gram, (df, count) in as_dict(table).items()}
    assert counts == {
        "let": (2, 3),
        "me": (2, 3),
        "see": (2, 3),
        "let me": (2, 3),
        "me see": (2, 3),
        "let me see": (2, 3),
    }


def test_grams_come_in_the_order_of_their_words():
    table = count_grams(encode_documents([Document("b a c. a b. c a b")]), 1, 3)
    for n in range(1, len(table.levels) + 1):
        grams = [tuple(text.split()) for text in table.texts(n)]
        assert grams == sorted(grams)


@pytest.mark.parametrize("samples", [[], [Document("")], [Document("1 2 3")]])
def test_nothing_to_count_is_an_empty_table(samples):
    table = count_grams(encode_documents(samples), 1, 3)
    assert len(table) == 0
    assert table.n_docs.sum() == len(samples)
