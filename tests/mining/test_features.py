"""What a classifier of grams looks at: each statistic worked out by hand, names of words and parts of speech."""

import sys
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import MissingExtraError, UsageError
from sgram.mining import features
from sgram.mining.candidates import find_candidates
from sgram.mining.corpus import CORRECT, WRONG, Document
from sgram.mining.embed import HashEmbedder
from sgram.mining.features import (
    BLOCKS,
    SPACY_MODELS,
    STATS,
    compute_features,
    gram_statistics,
    tag_features,
    tag_words,
    word_features,
)
from sgram.mining.score import Background, ContrastScorer
from tests.builders.mining_examples import count_documents, make_candidates

BACKGROUND = Background({"wait": 1, "the sum": 6}, 7, 2, {})


def statistic_column(name, candidates, background=BACKGROUND):
    return gram_statistics(candidates, background)[:, STATS.index(name)]


@pytest.fixture(scope="module")
def candidates():
    """ "wait", "let me" and all the rest of three traces, two correct and one wrong, on the problems p and q."""
    corpus, table = count_documents(
        [
            Document("Wait, let me check. Wait.", CORRECT, ("p", None, None)),
            Document("Let me check.", WRONG, ("p", None, None)),
            Document("So wait.", CORRECT, ("q", None, None)),
        ],
        max_n=3,
    )
    return find_candidates(corpus, table, lengths=(1, 2), min_df=2, explained=None)


def test_each_statistic_of_a_corpus_worked_out_by_hand(candidates):
    computed = compute_features(candidates, BACKGROUND, ("stats",))
    assert computed.names == STATS
    row_of = dict(zip(candidates.texts, computed.dense.tolist(), strict=True))
    # Rates with +1: "wait" is in 2 of 3 traces here, 3/4, and in 1 of 7 there, 2/8; their ratio is 3. It occurs three
    # times in two traces on two problems: 2/2. Two of three times it begins a sentence, two of three times it ends one.
    # It is in both correct traces, 3/3, and not in the wrong one, 1/2. One in three follows "so", one leads to "let".
    assert row_of["wait"] == pytest.approx(
        [
            log(3),
            log(3) - sqrt(1 / 3 + 1 / 2),
            log(1 / 4),
            log(3 / 4),
            log(3 / 2),
            log(2 / 2),
            2 / 3,
            2 / 3,
            log(3 / 3) - log(1 / 2),
            1.0,
            1 / 3,
            1 / 3,
        ]
    )
    # "let me" is as frequent, and unknown there: 1/8. Once in each of two traces on one problem: 1/2. One begins a
    # sentence, none ends one. In one of the two correct traces, 2/3, and in the wrong one, 2/2. "let", "me" and their
    # pair are 2 each of 10 words: log(.2 / (.2 * .2)) / -log(.2) = 1. One follows "wait", both lead to "check".
    assert row_of["let me"] == pytest.approx(
        [
            log(6),
            log(6) - sqrt(1 / 3 + 1),
            log(1 / 8),
            log(3 / 4),
            log(1),
            log(1 / 2),
            1 / 2,
            0.0,
            log(2 / 3),
            1.0,
            1 / 2,
            1.0,
        ]
    )


def test_an_unknown_statistic_is_zero():
    # outcome nan: one side has no trace; no problem known, though the gram is in 4 traces
    candidates = make_candidates(["wait"], (9, 0, 0), df=[[4, 0, 0]], outcome_contrast=[np.nan], problems=[0])
    assert statistic_column("outcome", candidates).tolist() == [0.0]
    assert statistic_column("problems", candidates).tolist() == [0.0]
    # known, and the same problem four times: log(1/4)
    candidates = make_candidates(["wait"], (9, 0, 0), df=[[4, 0, 0]], problems=[1])
    assert statistic_column("problems", candidates).tolist() == pytest.approx([log(1 / 4)])


def test_the_low_contrast_is_the_contrast_scorers():
    candidates = make_candidates(["wait", "the sum", "so"], (3, 6, 6), df=[[1, 5, 1], [3, 6, 5], [0, 0, 1]])
    expected = ContrastScorer(BACKGROUND).score(candidates)
    np.testing.assert_allclose(statistic_column("contrast_low", candidates), expected, rtol=1e-12)
    assert (statistic_column("contrast", candidates) > expected).all()


def test_contrast_is_frequency_less_background(candidates):
    dense = gram_statistics(candidates, BACKGROUND)
    contrast, background, frequency = (dense[:, STATS.index(name)] for name in ("contrast", "background", "frequency"))
    np.testing.assert_allclose(contrast, frequency - background, rtol=1e-12)


grams = st.lists(st.sampled_from("wait let me check the sum i x-axis".split()), min_size=1, max_size=6).map(" ".join)
numbers = st.floats(0, 1)
statistics_of_grams = st.dictionaries(
    grams, st.tuples(st.integers(1, 5), st.integers(0, 4), st.integers(1, 3), numbers, numbers), min_size=1, max_size=8
)


def candidates_of(statistics):
    columns = [list(column) for column in zip(*statistics.values(), strict=True)]
    df = np.zeros((len(statistics), 3), np.int64)
    df[:, CORRECT], df[:, WRONG] = columns[0], columns[1]
    return make_candidates(
        list(statistics),
        (0, 10, 8),
        df=df,
        burstiness=columns[2],
        initial=columns[3],
        leads=columns[4],
        outcome_contrast=np.array(columns[3]) - np.array(columns[4]),
    )


@given(statistics_of_grams, st.data())
def test_features_do_not_depend_on_the_other_grams_nor_on_their_order(statistics, data):
    candidates = candidates_of(statistics)
    whole = compute_features(candidates, BACKGROUND)
    order = data.draw(st.permutations(range(len(statistics))))
    rows = np.array(order[: data.draw(st.integers(1, len(statistics)))])
    part = compute_features(candidates.take(rows), BACKGROUND)
    assert part.names == whole.names
    np.testing.assert_array_equal(part.dense, whole.dense[rows])
    assert part.bags == [whole.bags[row] for row in rows.tolist()]


def test_no_gram_has_no_features():
    none = make_candidates([], (5, 0, 0), df=np.zeros((0, 3), np.int64))
    computed = compute_features(none, BACKGROUND)
    assert computed.dense.shape == (0, len(STATS))
    assert computed.bags == []


def test_a_bag_names_the_words_the_first_the_last_and_the_length():
    computed = compute_features(make_candidates(["let me let", "wait"]), BACKGROUND, ("words",))
    assert computed.names == ()
    assert computed.dense.shape == (2, 0)
    assert computed.bags == [
        ("first=let", "last=let", "n=3", "w=let", "w=me"),  # sorted, each once
        ("first=wait", "last=wait", "n=1", "w=wait"),
    ]
    assert word_features(["i", "am"]) == {"w=i", "w=am", "first=i", "last=am"}


def test_without_words_only_the_length_is_named():
    assert compute_features(make_candidates(["let me", "wait"]), BACKGROUND, ("stats",)).bags == [("n=2",), ("n=1",)]


def test_the_order_in_which_blocks_are_named_does_not_matter():
    candidates = make_candidates(["let me check", "wait"])
    first, second = (
        compute_features(candidates, BACKGROUND, blocks) for blocks in (("stats", "words"), ("words", "stats"))
    )
    assert first.names == second.names == STATS
    np.testing.assert_array_equal(first.dense, second.dense)
    assert first.bags == second.bags


def test_an_unknown_block_is_refused():
    with pytest.raises(UsageError, match="unknown features shape, size; expected stats, words, pos, embedding"):
        compute_features(make_candidates(["wait"]), BACKGROUND, ("stats", "size", "shape"))
    assert BLOCKS == ("stats", "words", "pos", "embedding")


def test_names_of_parts_of_speech_are_the_tags_their_pairs_and_the_pattern():
    assert tag_features(("VERB", "PRON", "VERB")) == {
        "t=VERB",
        "t=PRON",
        "t2=VERB PRON",
        "t2=PRON VERB",
        "pattern=VERB PRON VERB",
    }
    assert tag_features(("VERB",)) == {"t=VERB", "pattern=VERB"}


def test_parts_of_speech_are_those_of_each_text_in_its_place():
    pytest.importorskip("spacy")
    pytest.importorskip(SPACY_MODELS[0])
    texts = ["let me check", "i should try", "the sum of", "wait"]
    tags = tag_words(texts)
    assert tags[0] == ("VERB", "PRON", "VERB")
    assert tags[1] == ("PRON", "AUX", "VERB")
    assert tags[2] == ("DET", "NOUN", "ADP")
    assert tag_words(texts[::-1]) == tags[::-1]
    assert tag_words(texts[1:2]) == tags[1:2], "whatever else is tagged"
    bags = compute_features(make_candidates(texts), BACKGROUND, ("pos",)).bags
    assert bags[1] == tuple(sorted({*tag_features(("PRON", "AUX", "VERB")), "n=3"}))


MODELS = set(SPACY_MODELS)
SPACY = {"spacy", "spacy.util"}


@pytest.mark.parametrize(
    ("missing", "unloaded"), [(MODELS, set()), (SPACY, MODELS)], ids=["no model", "a model without spaCy"]
)
def test_without_a_model_of_english_the_extra_is_named(monkeypatch, missing, unloaded):
    for name in unloaded:
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)  # importing it now fails
    with pytest.raises(
        MissingExtraError, match=r"pos needs spaCy .* pip install 'sgram\[pos\]'; or leave out the block"
    ):
        compute_features(make_candidates(["wait"]), BACKGROUND, ("pos",))
    assert compute_features(make_candidates(["wait"]), BACKGROUND).names == STATS, "the other blocks need nothing"


def test_an_embedding_adds_its_columns_behind_the_statistics(monkeypatch):
    requests = []
    monkeypatch.setattr(
        features, "get_embedder", lambda name, seed: requests.append((name, seed)) or HashEmbedder(seed)
    )
    texts = ["let me check", "wait", "let me"]
    computed = compute_features(make_candidates(texts), BACKGROUND, ("embedding", "stats"))
    assert requests == [("auto", 0)]
    assert computed.names == (*STATS, *(f"e{column}" for column in range(HashEmbedder.width)))
    np.testing.assert_array_equal(computed.dense[:, : len(STATS)], gram_statistics(make_candidates(texts), BACKGROUND))
    np.testing.assert_array_equal(computed.dense[:, len(STATS) :], HashEmbedder().encode(texts))
    alone = compute_features(make_candidates(texts[1:2]), BACKGROUND, ("embedding",))
    np.testing.assert_array_equal(alone.dense, computed.dense[1:2, len(STATS) :])
