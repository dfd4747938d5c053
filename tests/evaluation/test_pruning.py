"""Pruning to a minimum precision: the grams that remain, and precision on held-out documents."""

import numpy as np
import pytest

from sgram.errors import InputError, UsageError
from sgram.evaluation.label_index import UnitIndex, labels_digest
from sgram.evaluation.lexicon_comparison import training_label_digests
from sgram.evaluation.precision_recall import DocumentResamples
from sgram.evaluation.pruning import prune_lexicon
from sgram.lexicon import Cluster, Gram, Lexicon
from tests.builders.labeled_examples import PLAN, STEP, document


def cluster(*grams, df=None, move="other", medoid=None):
    return Cluster(0, grams, df, medoid or grams[0].text, move)


def gram(text, score=None, df=None):
    return Gram(tuple(text.split(" ")), df, score=score)


def texts(lexicon):
    return {lexicon_gram.text for lexicon_gram in lexicon.grams}


# In each of 20 documents "wait" and "let me see" mark planning, "so" marks a step three times.
DOCUMENTS = [
    document(f"d{number:02}", (PLAN, "wait"), (PLAN, "let me see"), *[(STEP, f"so {'x' * n}y") for n in (1, 2, 3)])
    for number in range(20)
]
SCORED = Lexicon.build(
    "made",
    [
        cluster(gram("wait", 0.9, 30), gram("so", 0.1, 50), df=60, move="backtracking", medoid="so"),
        cluster(gram("let me see", 0.8, 9), df=9, move="verification"),
    ],
    {"method": "by hand", "inputs": "abc"},
)
PLAIN = Lexicon.from_grams(["wait", "so", "let me see", "never said"])


def test_grams_with_low_precision_are_dropped():
    for lexicon, order in ((SCORED, "score"), (PLAIN, "labels")):
        pruned = prune_lexicon(lexicon, [UnitIndex.from_documents(DOCUMENTS)], 0.9)
        assert texts(pruned.lexicon) == {"wait", "let me see"}
        assert (pruned.order, pruned.n_folds, pruned.aim) == (order, 5, 0.9)
        (rates,) = pruned.rates
        assert (rates.whole.precision.value, rates.whole.recall.value) == (pytest.approx(0.4), 1.0)  # 40 of 100
        assert (rates.out_of_fold.precision.value, rates.out_of_fold.recall.value) == (1.0, 1.0)
        assert (rates.in_sample.precision.value, rates.in_sample.recall.value) == (1.0, 1.0)


def test_dropped_grams_without_evidence_are_counted():
    pruned = prune_lexicon(PLAIN, [UnitIndex.from_documents(DOCUMENTS)], 0.9)
    assert (pruned.n_dropped, pruned.n_unseen) == (2, 1)  # "so", and "never said"
    assert prune_lexicon(SCORED, [UnitIndex.from_documents(DOCUMENTS)], 0.9).n_unseen == 0


def test_clusters_moves_and_scores_are_preserved():
    pruned_lexicon = prune_lexicon(SCORED, [UnitIndex.from_documents(DOCUMENTS)], 0.9).lexicon
    waiting, checking = pruned_lexicon.clusters
    # "so" was the medoid and made the df 60; the remaining gram is in at least the 30 traces of "wait"
    assert (waiting.move, waiting.medoid, waiting.df) == ("backtracking", "wait", 30)
    assert waiting.grams == (gram("wait", 0.9, 30),)
    assert checking == Cluster(1, (gram("let me see", 0.8, 9),), 9, "let me see", "verification")
    assert pruned_lexicon.name == "made"


def test_the_source_records_the_pruning():
    index = UnitIndex.from_documents(DOCUMENTS)
    pruned_lexicon = prune_lexicon(SCORED, [index], 0.9, seed=3).lexicon
    assert {name: pruned_lexicon.source[name] for name in ("method", "inputs")} == SCORED.source
    (step,) = pruned_lexicon.source["pruning"]
    assert step["of"] == {"name": "made", "digest": SCORED.digest}
    assert (step["min_precision"], step["order"], step["threshold"], step["seed"]) == (0.9, "score", 0.8, 3)
    assert step["n_grams"] == {"before": 3, "after": 2}
    (label_set,) = step["labels"]
    assert label_set["digest"] == labels_digest(DOCUMENTS)
    assert label_set["out_of_fold"] == label_set["in_sample"] == {"precision": 1.0, "recall": 1.0}
    assert training_label_digests(pruned_lexicon) == {labels_digest(DOCUMENTS)}
    pruned_twice = prune_lexicon(pruned_lexicon, [index], 0.9).lexicon
    assert [step["n_grams"]["before"] for step in pruned_twice.source["pruning"]] == [3, 2]


def test_a_lexicon_that_is_precise_enough_is_unchanged():
    lexicon = Lexicon.from_grams(["wait", "let me see"])
    pruned = prune_lexicon(lexicon, [UnitIndex.from_documents(DOCUMENTS)], 0.9)
    assert texts(pruned.lexicon) == texts(lexicon)
    assert pruned.n_dropped == 0


def test_memorized_labels_do_not_count():
    # every document plans with a word of its own: in-sample each word is perfect, out of fold none is known
    rng = np.random.default_rng(0)
    labeled_documents, words = [], []
    for number in range(30):
        document_words = [f"{chr(97 + number % 26)}{chr(97 + number // 26)}{suffix}" for suffix in ("qu", "qv")]
        words += document_words
        rows = [
            (PLAN if rng.random() < 0.5 else STEP, f"{word} {'z' * n}") for word in document_words for n in range(1, 5)
        ]
        labeled_documents.append(document(f"d{number:02}", *rows))
    with pytest.raises(
        InputError, match=r"no threshold gives custom a precision of 0\.9 .* use a lower minimum precision"
    ):
        prune_lexicon(Lexicon.from_grams(words), [UnitIndex.from_documents(labeled_documents)], 0.9)


def test_documents_of_one_problem_are_in_one_fold():
    # each problem has a planning word and another word in each of its four documents: what three documents of a
    # problem teach would be confirmed by the fourth
    contents, words = [], []
    for problem in range(10):
        plan, step = (f"{letter}{chr(97 + problem)}" for letter in ("aye", "nay"))
        words += [plan, step]
        for copy in range(4):
            rows = [(PLAN, plan), (PLAN, f"{plan} so"), (STEP, step), (STEP, f"{step} so")]
            contents.append((f"d{problem}{copy}", rows, f"p{problem}"))
    lexicon = Lexicon.from_grams(words)
    ungrouped = [document(name, *rows) for name, rows, _ in contents]
    assert len(prune_lexicon(lexicon, [UnitIndex.from_documents(ungrouped)], 0.9).lexicon.grams) == 10
    grouped = [document(name, *rows, problem=problem) for name, rows, problem in contents]
    with pytest.raises(InputError, match="no threshold gives custom"):
        prune_lexicon(lexicon, [UnitIndex.from_documents(grouped)], 0.9)


def test_a_unit_is_scored_without_the_labels_of_its_own_problem():
    # 40 of the 100 pairs are hits, p = .4; of the 20 documents with "wait" 19 are others: (19 + 10 p) / (19 + 10)
    pruned = prune_lexicon(PLAIN, [UnitIndex.from_documents(DOCUMENTS)], 0.9)
    assert pruned.threshold == pytest.approx(23 / 29)


def test_the_minimum_precision_holds_for_every_label_set():
    # "so" is planning in the second set: pooled it would be precise enough, in the first it is not
    second_set = [
        document(f"e{number:02}", *[(PLAN, f"so {'x' * n}y") for n in range(1, 9)], (PLAN, "wait"))
        for number in range(20)
    ]
    pruned = prune_lexicon(PLAIN, [UnitIndex.from_documents(DOCUMENTS), UnitIndex.from_documents(second_set)], 0.7)
    assert "so" not in texts(pruned.lexicon)
    assert [rates.out_of_fold.precision.value for rates in pruned.rates] == [1.0, 1.0]
    single = prune_lexicon(PLAIN, [UnitIndex.from_documents(second_set)], 0.7)
    assert "so" in texts(single.lexicon)


def test_resamples_give_intervals():
    index = UnitIndex.from_documents(DOCUMENTS)
    assert prune_lexicon(SCORED, [index], 0.9).rates[0].whole.precision.low is None
    (rates,) = prune_lexicon(SCORED, [index], 0.9, resamples=[DocumentResamples.from_index(index)]).rates
    assert rates.whole.precision.low == pytest.approx(0.4)


def test_the_order_of_documents_does_not_matter():
    pruned_lexicons = [
        prune_lexicon(PLAIN, [UnitIndex.from_documents(ordered)], 0.9).lexicon
        for ordered in (DOCUMENTS, DOCUMENTS[::-1])
    ]
    assert pruned_lexicons[0].to_bytes() == pruned_lexicons[1].to_bytes()


def test_invalid_arguments_are_refused():
    with pytest.raises(UsageError, match=r"the minimum precision must be > 0 and < 1 \(got 1\.5\)"):
        prune_lexicon(PLAIN, [UnitIndex.from_documents(DOCUMENTS)], 1.5)
    with pytest.raises(InputError, match="labels of at least two documents"):
        prune_lexicon(PLAIN, [UnitIndex.from_documents(DOCUMENTS[:1])], 0.5)
