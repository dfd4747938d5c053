"""The paper's method: every step's numbers worked out by hand, and its rule on the shipped sample."""

import itertools
from collections import defaultdict

import numpy as np
import pytest

from sgram import Trace, __version__
from sgram.mining import Miner, MiningConfig
from sgram.mining.embed import HashEmbedder
from tests.builders.mining_examples import documents_of_grams, sample_traces


def fit_miner(traces, **settings):
    return Miner(MiningConfig(method="paper", embedder="hash", **settings)).fit(traces)


# Nine traces: correct ones 1 to 6, wrong ones w and v, one of unknown outcome, u. A row is a sentence and the traces
# that say it, each sentence by itself, so that no gram crosses from one to another. With six correct traces min_df is
# max(4, 0.5 % of 6) = 4.
SENTENCES = {
    "Let me check this.": "1234wvu",  # let me check, me check this, let me check this
    "Let me check that!": "3456",  # let me check, me check that, let me check that
    "Use the fact that;": "1256w",  # use the fact, the fact that, use the fact that
    "Given the fact that;": "3",  # the fact that; the other grams of it in one trace only
    "It follows that 7.": "12345",  # it follows that
    "x is equal to 4.": "1234",  # is equal to; "x is equal" holds a one-letter word
    "Sum, is even.": "2345",  # sum is even: a comma is passed over
    "Try another way.": "1356",
    "Both sides vanish.": "1246",
    "Numbers stay prime.": "3456666",  # three times more in trace 6, which is still one trace
    "Pairs come twice.": "1256",
    "Nothing else remains.": "2346",
    "We need to find it.": "123wvu",  # in six traces, but in three correct ones: too few
    "So we go.": "456",  # too few
    "And done.": "123456",  # frequent, but shorter than 3 words
}
OUTCOME = {"w": False, "v": False, "u": None} | dict.fromkeys("123456", True)
CHECKS = ("let me check", "let me check that", "let me check this", "me check that", "me check this")
FACTS = ("the fact that", "use the fact", "use the fact that")
ALONE = (
    "both sides vanish",
    "is equal to",
    "it follows that",
    "nothing else remains",
    "numbers stay prime",
    "pairs come twice",
    "sum is even",
    "try another way",
)


def hand_made_traces():
    sentences_of = defaultdict(list)
    for sentence, traces in SENTENCES.items():
        for trace in traces:
            sentences_of[trace].append(sentence)
    return [
        Trace(id=trace, text=" ".join(sentences), group=f"g{trace}", correct=OUTCOME[trace])
        for trace, sentences in sentences_of.items()
    ]


@pytest.fixture(scope="module")
def paper():
    return fit_miner(hand_made_traces())


def test_paper_candidates_are_the_grams_of_3_to_5_words_in_enough_correct_traces(paper):
    candidates = paper.records_.candidates
    # 3-grams before 4-grams; no 5-gram is in four traces
    expected = sorted(gram for gram in (*CHECKS, *FACTS, *ALONE) if gram.count(" ") == 2)
    expected += ["let me check that", "let me check this", "use the fact that"]
    assert candidates.texts == expected
    df = dict(zip(candidates.texts, candidates.df_total.tolist(), strict=True))
    assert df == dict.fromkeys(expected, 4) | {"let me check": 6, "the fact that": 5, "it follows that": 5}
    count = dict(zip(candidates.texts, candidates.count.tolist(), strict=True))
    assert count == df | {"let me check": 8, "numbers stay prime": 7}


def test_paper_grams_cluster_as_their_vectors_lie():
    # at the method's cosine of 0.6 the pairs that reach it are exactly those inside the two families
    grams = [*CHECKS, *FACTS, *ALONE]
    vectors = HashEmbedder(0).encode(grams).astype(np.float64)
    cosines = vectors @ vectors.T
    pairs = itertools.combinations(range(len(grams)), 2)
    neighbors = {(first, second) for first, second in pairs if cosines[first, second] >= 0.6}
    families = [range(5), range(5, 8)]
    assert neighbors == {pair for family in families for pair in itertools.combinations(family, 2)}


def test_paper_keeps_the_top_clusters_by_cluster_df_with_ties(paper):
    # ClusterDF: the checks are in all 6 traces, though none but "let me check" is in more than 4; the facts in 1, 2, 5,
    # 6 by "use the fact that" and in 3 by "given the fact that": 5; "it follows that" in 5; the seven others in 4.
    # Ten clusters, so the top 20 % are two; the second has ClusterDF 5, which two share, and both are kept.
    lexicon = paper.lexicon_
    assert lexicon.source["scorer"] == {"name": "cluster-df", "clusters": 10}
    assert lexicon.source["counts"] == {"candidates": 16, "grams": 9, "core": 1, "clusters": 3}
    clusters = [(cluster.id, cluster.df, {gram.text for gram in cluster.grams}) for cluster in lexicon.clusters]
    assert clusters == [(0, 6, set(CHECKS)), (1, 5, {"it follows that"}), (2, 5, set(FACTS))]


def test_paper_clusters_are_named_by_what_reads_best_and_then_by_the_center(paper):
    # "let me check" alone of its cluster does not end in "this" or "that". No fact reads (torn: "use the fact" leads to
    # "that" always; the others hang), so the center names them: mean cosines .91 for the longest, .86 and .82 for the
    # others, as below. The packaged sentence scorer names the moves.
    names = [(cluster.medoid, cluster.move) for cluster in paper.lexicon_.clusters]
    assert names == [
        ("let me check", "verification"),
        ("it follows that", "monitoring"),  # the scorer's likeliest: it knows few deductions
        ("use the fact that", "deduction"),
    ]
    vectors = HashEmbedder(0).encode(FACTS).astype(np.float64)
    assert FACTS[(vectors @ vectors.T).mean(axis=1).argmax()] == "use the fact that"


def test_paper_grams_carry_their_own_numbers_and_their_clusters_score(paper):
    grams = {gram.text: gram for gram in paper.lexicon_.grams}
    assert (grams["let me check"].df, grams["let me check"].count) == (6, 8)
    assert (grams["me check this"].df, grams["me check this"].df_correct) == (4, 4), "the wrong traces are not mined"
    assert {text for text, gram in grams.items() if gram.core} == {"let me check"}
    assert {gram.score for gram in paper.lexicon_.clusters[0].grams} == {1.0}  # ClusterDF 6 of 6 traces
    assert grams["it follows that"].score == round(5 / 6, 6)


def test_paper_settings_are_written_down(paper):
    source = paper.lexicon_.source
    assert source["config"]["min_df"] == 4
    assert source["config"]["similarity"] == 0.6
    assert (source["embedder"], source["inputs"]["traces"], source["sgram"]) == ("hash", 6, __version__)


def test_paper_with_a_cosine_of_one_has_a_cluster_a_gram():
    # no two of the 16 grams have the same direction: ClusterDF is df, the top 20 % are 3 of 16:
    # let me check 6, it follows that 5, the fact that 5
    lexicon = fit_miner(hand_made_traces(), similarity=1.0).lexicon_
    assert [(cluster.medoid, cluster.df) for cluster in lexicon.clusters] == [
        ("let me check", 6),
        ("it follows that", 5),
        ("the fact that", 5),
    ]


def test_paper_on_all_traces_counts_the_others_too():
    lexicon = fit_miner(hand_made_traces(), correct_only=False, top=1.0).lexicon_
    grams = {gram.text: gram for gram in lexicon.grams}
    # correct 1, 2, 3, wrong w and v, unknown u
    need = grams["we need to find"]
    assert (need.df, need.df_correct, need.df_wrong) == (6, 3, 2)
    assert lexicon.source["inputs"]["traces"] == 9


def test_paper_on_the_sample_obeys_the_rule():
    sample = sample_traces()
    miner = fit_miner(sample)
    lexicon, source = miner.lexicon_, miner.lexicon_.source
    correct = [trace for trace in sample if trace.correct]
    assert source["inputs"]["traces"] == len(correct) == 68
    documents = documents_of_grams([trace.text for trace in correct], 5)
    frequent = {
        gram
        for gram, traces in documents.items()
        if len(traces) >= 4 and gram.count(" ") >= 2 and all(len(word) > 1 or word in "ai" for word in gram.split())
    }
    assert set(miner.records_.candidates.texts) == frequent
    n_clusters, n_kept = source["scorer"]["clusters"], len(lexicon.clusters)
    edge = min(cluster.df for cluster in lexicon.clusters)
    assert n_kept >= round(0.2 * n_clusters) > sum(cluster.df > edge for cluster in lexicon.clusters)
    # each cluster kept holds all its grams: no gram left out lies in a kept cluster, so the rest have lower ClusterDF
    dropped = frequent - {gram.text for gram in lexicon.grams}
    assert dropped
    assert max(len(documents[gram]) for gram in dropped) <= edge
