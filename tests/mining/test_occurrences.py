"""The tally against counting straight from the definition."""

import zlib
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document
from sgram.mining.occurrences import tally_occurrences
from tests.builders.mining_examples import count_documents, iter_uses, label_grams

words = st.sampled_from(["a", "b", "c", "wait", "let", ".", ",", "7"])
documents = st.lists(
    st.builds(
        Document,
        st.lists(words, max_size=25).map(" ".join),
        st.sampled_from([UNKNOWN, CORRECT, WRONG]),
        st.tuples(
            st.none() | st.sampled_from(["p", "q", "r"]),
            st.none() | st.sampled_from(["p", "s"]),
            st.none() | st.sampled_from(["m"]),
        ),
    ),
    max_size=10,
)


def draw_label(text, salt, n_labels):
    """Return a label for about half the grams, else -1; it depends on the text of the gram and the salt."""
    number = zlib.crc32(f"{salt} {text}".encode()) % (2 * n_labels)
    return number if number < n_labels else -1


def naive(samples, frequent, label_of):
    """Return per label: documents by outcome, (occurrences, initial, final), facet values."""
    documents_of_label, positions = defaultdict(set), defaultdict(lambda: [0, 0, 0])
    for use in iter_uses([doc.text for doc in samples], 4):
        gram = " ".join(use.gram)
        label = label_of(gram) if gram in frequent else -1
        if label >= 0:
            documents_of_label[label].add(use.document)
            positions[label][0] += 1
            positions[label][1] += use.before is None
            positions[label][2] += use.after is None
    return documents_of_label, positions


def tally_naively(samples, frequent, label_of, n_labels):
    documents_of_label, positions = naive(samples, frequent, label_of)
    df, spread = [], []
    for label in range(n_labels):
        documents = [samples[doc] for doc in documents_of_label[label]]
        df.append([sum(document.outcome == side for document in documents) for side in range(3)])
        spread.append([len({document.facets[facet] for document in documents} - {None}) for facet in range(3)])
    return df, [positions[label] for label in range(n_labels)], spread


@given(documents, st.integers(1, 2), st.integers(0, 99), st.integers(1, 6))
def test_grams_that_share_a_label_are_tallied_as_one(samples, min_df, salt, n_labels):
    corpus, table = count_documents(samples, min_df, 4)
    frequent = {text for n in range(1, len(table.levels) + 1) for text in table.texts(n)}
    labels = label_grams(table, lambda text: draw_label(text, salt, n_labels))
    tally = tally_occurrences(corpus, table, labels)
    n_used = 1 + max((int(level_labels.max(initial=-1)) for level_labels in labels), default=-1)
    df, positions, spread = tally_naively(samples, frequent, lambda text: draw_label(text, salt, n_labels), n_used)
    np.testing.assert_array_equal(tally.df, np.array(df).reshape(n_used, 3))
    np.testing.assert_array_equal(tally.positions, np.array(positions).reshape(n_used, 3))
    np.testing.assert_array_equal(tally.spread, np.array(spread).reshape(n_used, 3))


@settings(max_examples=40)
@given(
    documents, st.randoms(use_true_random=False), st.sampled_from([1, 40, 1000]), st.sampled_from([1, 3]), st.booleans()
)
def test_the_tally_does_not_depend_on_order_shards_workers_or_spilling(
    tmp_path_factory, samples, random, shard_bytes, workers, spill
):
    def tally(documents, workers=1, **options):
        corpus, table = count_documents(documents, 1, 4, **options)
        return tally_occurrences(corpus, table, label_grams(table, lambda text: draw_label(text, 0, 5)), workers)

    shuffled = list(samples)
    random.shuffle(shuffled)
    store = ArrayStore(tmp_path_factory.mktemp("walk"), memory_limit=0) if spill else None
    plain, permuted = tally(samples), tally(shuffled, workers, store=store, shard_bytes=shard_bytes)
    for column in ("df", "positions", "spread"):
        np.testing.assert_array_equal(getattr(plain, column), getattr(permuted, column))


def test_a_cluster_tally_worked_out_tally_naively():
    samples = [
        Document("Let me check. Let me see", CORRECT, ("p", None, None)),  # both grams: one document
        Document("so let me see", CORRECT, ("q", None, None)),  # not initial, final
        Document("let me, see. Me see", WRONG, ("p", "d", None)),  # the comma is passed over
        Document("let us see", UNKNOWN, ("z", "d", None)),  # neither
    ]
    corpus, table = count_documents(samples, 1, 3)
    cluster = {"let me check": 0, "let me see": 0, "me see": 1}
    tally = tally_occurrences(corpus, table, label_grams(table, lambda text: cluster.get(text, -1)))
    assert tally.df.tolist() == [[0, 2, 1], [0, 2, 1]]
    # label 0: two in the first document, one in the second and third; initial except in the second
    # label 1: one a document and one more in the third, where it begins a sentence
    assert tally.positions.tolist() == [[4, 3, 4], [4, 1, 4]]
    assert tally.spread.tolist() == [[2, 1, 0], [2, 1, 0]]


def test_documents_can_be_tallied_by_another_side_than_their_outcome():
    samples = [Document("let me see", CORRECT), Document("let me", CORRECT), Document("let us see", CORRECT)]
    corpus, table = count_documents(samples, 1, 3)
    corpus.store.put("sides-0", np.array([0, 2, 1], np.int8))
    tally = tally_occurrences(
        corpus, table, label_grams(table, lambda text: 0 if text == "let me" else -1), sides="sides"
    )
    assert tally.df.tolist() == [[1, 0, 1]]


def test_a_beginning_without_a_label_is_not_tallied():
    corpus, table = count_documents(["a b c d", "a b c"], 1, 4)
    tally = tally_occurrences(corpus, table, label_grams(table, lambda text: 0 if text == "a b c d" else -1))
    assert tally.df.sum(axis=1).tolist() == [1]


def test_nothing_labeled_is_an_empty_tally():
    corpus, table = count_documents(["a b c d"], 1, 3)
    tally = tally_occurrences(corpus, table, label_grams(table, lambda text: -1))
    assert tally.df.shape == tally.positions.shape == tally.spread.shape == (0, 3)


@pytest.mark.parametrize("samples", [[], [""], ["7 8"]])
def test_nothing_to_read_is_an_empty_tally(samples):
    corpus, table = count_documents(samples, 1, 3)
    assert len(tally_occurrences(corpus, table, label_grams(table, lambda text: 0)).df) == 0


def test_thousands_of_problems_are_told_apart():
    # 5,000 problems and 4,096 places in the first table of pairs: it has to grow, with the pairs it holds
    samples = [
        Document("wait" if number % 2 else "wait hmm", facets=(f"p{number}", None, "m")) for number in range(5000)
    ]
    corpus, table = count_documents([*samples, *samples[:100]], 1, 2)
    label = {"wait": 0, "hmm": 1, "wait hmm": 2}
    tally = tally_occurrences(corpus, table, label_grams(table, label.__getitem__))
    assert tally.spread.tolist() == [[5000, 0, 1], [2500, 0, 1], [2500, 0, 1]]
    assert tally.df.sum(axis=1).tolist() == [5100, 2550, 2550]


def test_a_facet_of_very_many_values_is_counted_from_below(monkeypatch):
    # 40 problems share 8 bits: no gram can be in more than 8 of them, and one problem is still one
    monkeypatch.setattr("sgram.mining.occurrences.MAX_FACET_BITS", 8)
    documents = [Document("a", UNKNOWN, (f"problem {number}", None, None)) for number in range(40)]
    corpus, table = count_documents([*documents, Document("b", UNKNOWN, ("problem 0", None, None))], 1, 1)
    spread = tally_occurrences(corpus, table, [np.array([0, 1], np.int32)]).spread[:, 0].tolist()
    assert 4 <= spread[0] <= 8
    assert spread[1] == 1
