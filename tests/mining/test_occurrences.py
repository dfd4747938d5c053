"""The walk against counting straight from the definition."""

import zlib
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.mining.array_store import ArrayStore
from sgram.mining.corpus import CORRECT, UNKNOWN, WRONG, Document
from sgram.mining.occurrences import walk
from tests.builders.mining_examples import counted, labels_for, uses

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


def drawn(text, salt, n_labels):
    """A label of about half the grams, the same wherever the gram stands."""
    drawn = zlib.crc32(f"{salt} {text}".encode()) % (2 * n_labels)
    return drawn if drawn < n_labels else -1


def naive(samples, frequent, label_of):
    """Per label: documents by outcome, (occurrences, initial, final), facet values."""
    held, places = defaultdict(set), defaultdict(lambda: [0, 0, 0])
    for use in uses([doc.text for doc in samples], 4):
        gram = " ".join(use.gram)
        label = label_of(gram) if gram in frequent else -1
        if label >= 0:
            held[label].add(use.document)
            places[label][0] += 1
            places[label][1] += use.before is None
            places[label][2] += use.after is None
    return held, places


def by_hand(samples, frequent, label_of, n_labels):
    held, places = naive(samples, frequent, label_of)
    df = [[sum(samples[doc].outcome == side for doc in held[at]) for side in range(3)] for at in range(n_labels)]
    spread = [
        [len({samples[doc].facets[facet] for doc in held[at]} - {None}) for facet in range(3)] for at in range(n_labels)
    ]
    return df, [places[at] for at in range(n_labels)], spread


@given(documents, st.integers(1, 2), st.integers(0, 99), st.integers(1, 6))
def test_grams_that_share_a_label_are_tallied_as_one(samples, min_df, salt, n_labels):
    corpus, table = counted(samples, min_df, 4)
    frequent = {text for n in range(1, len(table.levels) + 1) for text in table.texts(n)}
    labels = labels_for(table, lambda text: drawn(text, salt, n_labels))
    tally = walk(corpus, table, labels)
    used = 1 + max((int(label.max(initial=-1)) for label in labels), default=-1)
    df, places, spread = by_hand(samples, frequent, lambda text: drawn(text, salt, n_labels), used)
    np.testing.assert_array_equal(tally.df, np.array(df).reshape(used, 3))
    np.testing.assert_array_equal(tally.places, np.array(places).reshape(used, 3))
    np.testing.assert_array_equal(tally.spread, np.array(spread).reshape(used, 3))


@settings(max_examples=40)
@given(
    documents, st.randoms(use_true_random=False), st.sampled_from([1, 40, 1000]), st.sampled_from([1, 3]), st.booleans()
)
def test_the_tally_does_not_depend_on_order_shards_workers_or_spilling(
    tmp_path_factory, samples, random, shard_bytes, workers, spill
):
    def tallied(documents, workers=1, **options):
        corpus, table = counted(documents, 1, 4, **options)
        return walk(corpus, table, labels_for(table, lambda text: drawn(text, 0, 5)), workers)

    shuffled = list(samples)
    random.shuffle(shuffled)
    store = ArrayStore(tmp_path_factory.mktemp("walk"), limit=0) if spill else None
    one, two = tallied(samples), tallied(shuffled, workers, store=store, shard_bytes=shard_bytes)
    for column in ("df", "places", "spread"):
        np.testing.assert_array_equal(getattr(one, column), getattr(two, column))


def test_a_cluster_tally_worked_out_by_hand():
    samples = [
        Document("Let me check. Let me see", CORRECT, ("p", None, None)),  # both grams: one document
        Document("so let me see", CORRECT, ("q", None, None)),  # not initial, final
        Document("let me, see. Me see", WRONG, ("p", "d", None)),  # the comma is passed over
        Document("let us see", UNKNOWN, ("z", "d", None)),  # neither
    ]
    corpus, table = counted(samples, 1, 3)
    cluster = {"let me check": 0, "let me see": 0, "me see": 1}
    tally = walk(corpus, table, labels_for(table, lambda text: cluster.get(text, -1)))
    assert tally.df.tolist() == [[0, 2, 1], [0, 2, 1]]
    # label 0: two in the first document, one in the second and third; initial except in the second
    # label 1: one a document and one more in the third, where it begins a sentence
    assert tally.places.tolist() == [[4, 3, 4], [4, 1, 4]]
    assert tally.spread.tolist() == [[2, 1, 0], [2, 1, 0]]


def test_documents_can_be_tallied_by_another_side_than_their_outcome():
    samples = [Document("let me see", CORRECT), Document("let me", CORRECT), Document("let us see", CORRECT)]
    corpus, table = counted(samples, 1, 3)
    corpus.store.put("sides-0", np.array([0, 2, 1], np.int8))
    tally = walk(corpus, table, labels_for(table, lambda text: 0 if text == "let me" else -1), sides="sides")
    assert tally.df.tolist() == [[1, 0, 1]]


def test_a_gram_without_a_label_only_leads_on():
    corpus, table = counted(["a b c d", "a b c"], 1, 4)
    tally = walk(corpus, table, labels_for(table, lambda text: 0 if text == "a b c d" else -1))
    assert tally.df.sum(axis=1).tolist() == [1]


def test_nothing_labeled_is_an_empty_tally():
    corpus, table = counted(["a b c d"], 1, 3)
    tally = walk(corpus, table, labels_for(table, lambda text: -1))
    assert tally.df.shape == tally.places.shape == tally.spread.shape == (0, 3)


@pytest.mark.parametrize("samples", [[], [""], ["7 8"]])
def test_nothing_to_walk_is_an_empty_tally(samples):
    corpus, table = counted(samples, 1, 3)
    assert len(walk(corpus, table, labels_for(table, lambda text: 0)).df) == 0


def test_thousands_of_problems_are_told_apart():
    # 5,000 problems and 4,096 places in the first table of pairs: it has to grow, with the pairs it holds
    samples = [Document("wait" if place % 2 else "wait hmm", facets=(f"p{place}", None, "m")) for place in range(5000)]
    corpus, table = counted([*samples, *samples[:100]], 1, 2)
    label = {"wait": 0, "hmm": 1, "wait hmm": 2}
    tally = walk(corpus, table, labels_for(table, label.__getitem__))
    assert tally.spread.tolist() == [[5000, 0, 1], [2500, 0, 1], [2500, 0, 1]]
    assert tally.df.sum(axis=1).tolist() == [5100, 2550, 2550]


def test_a_facet_of_very_many_values_is_counted_from_below(monkeypatch):
    # 40 problems share 8 bits: no gram can be in more than 8 of them, and one problem is still one
    monkeypatch.setattr("sgram.mining.occurrences.MOST_VALUES", 8)
    documents = [Document("a", UNKNOWN, (f"problem {at}", None, None)) for at in range(40)]
    corpus, table = counted([*documents, Document("b", UNKNOWN, ("problem 0", None, None))], 1, 1)
    spread = walk(corpus, table, [np.array([0, 1], np.int32)]).spread[:, 0].tolist()
    assert 4 <= spread[0] <= 8
    assert spread[1] == 1
