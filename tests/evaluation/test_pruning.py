"""Cuts to a wished precision: what they keep, and that they are judged on documents they have not seen."""

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
    return {each.text for each in lexicon.grams}


# In each of 20 documents "wait" and "let me see" mark planning, "so" marks a step three times.
MADE = [
    document(f"d{at:02}", (PLAN, "wait"), (PLAN, "let me see"), *[(STEP, f"so {'x' * n}y") for n in (1, 2, 3)])
    for at in range(20)
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


def test_the_grams_that_cost_precision_go():
    for lexicon, order in ((SCORED, "score"), (PLAIN, "labels")):
        found = prune_lexicon(lexicon, [UnitIndex.from_documents(MADE)], 0.9)
        assert texts(found.lexicon) == {"wait", "let me see"}
        assert (found.order, found.n_folds, found.aim) == (order, 5, 0.9)
        (rates,) = found.rates
        assert (rates.whole.precision.value, rates.whole.recall.value) == (pytest.approx(0.4), 1.0)  # 40 of 100
        assert (rates.out_of_fold.precision.value, rates.out_of_fold.recall.value) == (1.0, 1.0)
        assert (rates.in_sample.precision.value, rates.in_sample.recall.value) == (1.0, 1.0)


def test_what_the_labels_say_nothing_of_is_counted():
    found = prune_lexicon(PLAIN, [UnitIndex.from_documents(MADE)], 0.9)
    assert (found.n_dropped, found.n_unseen) == (2, 1)  # "so", and "never said"
    assert prune_lexicon(SCORED, [UnitIndex.from_documents(MADE)], 0.9).n_unseen == 0


def test_clusters_moves_and_scores_stay():
    cut = prune_lexicon(SCORED, [UnitIndex.from_documents(MADE)], 0.9).lexicon
    waiting, checking = cut.clusters
    # "so" was the medoid, and made 60 the df: what is left is in at least the 30 traces of "wait"
    assert (waiting.move, waiting.medoid, waiting.df) == ("backtracking", "wait", 30)
    assert waiting.grams == (gram("wait", 0.9, 30),)
    assert checking == Cluster(1, (gram("let me see", 0.8, 9),), 9, "let me see", "verification")
    assert cut.name == "made"


def test_the_source_tells_the_cut():
    index = UnitIndex.from_documents(MADE)
    cut = prune_lexicon(SCORED, [index], 0.9, seed=3).lexicon
    assert {name: cut.source[name] for name in ("method", "inputs")} == SCORED.source
    (step,) = cut.source["pruning"]
    assert step["of"] == {"name": "made", "digest": SCORED.digest}
    assert (step["min_precision"], step["order"], step["threshold"], step["seed"]) == (0.9, "score", 0.8, 3)
    assert step["n_grams"] == {"before": 3, "after": 2}
    (about,) = step["labels"]
    assert about["digest"] == labels_digest(MADE)
    assert about["out_of_fold"] == about["in_sample"] == {"precision": 1.0, "recall": 1.0}
    assert training_label_digests(cut) == {labels_digest(MADE)}
    again = prune_lexicon(cut, [index], 0.9).lexicon
    assert [each["n_grams"]["before"] for each in again.source["pruning"]] == [3, 2]


def test_a_lexicon_that_is_precise_enough_is_left_whole():
    lexicon = Lexicon.from_grams(["wait", "let me see"])
    found = prune_lexicon(lexicon, [UnitIndex.from_documents(MADE)], 0.9)
    assert texts(found.lexicon) == texts(lexicon)
    assert found.n_dropped == 0


def test_labels_learned_by_heart_do_not_count():
    # every document plans with a word of its own: in-sample each word is perfect, out of fold none is known
    rng = np.random.default_rng(0)
    made, words = [], []
    for at in range(30):
        own = [f"{chr(97 + at % 26)}{chr(97 + at // 26)}{each}" for each in ("qu", "qv")]
        words += own
        rows = [(PLAN if rng.random() < 0.5 else STEP, f"{word} {'z' * n}") for word in own for n in range(1, 5)]
        made.append(document(f"d{at:02}", *rows))
    with pytest.raises(InputError, match=r"no cut of custom reaches a precision of 0\.9 .* wish for less"):
        prune_lexicon(Lexicon.from_grams(words), [UnitIndex.from_documents(made)], 0.9)


def test_documents_of_one_problem_are_never_apart():
    # each problem has a word that plans and one that does not, in each of its four documents: what is learned from
    # the others of one problem would be borne out by the fourth
    made, words = [], []
    for problem in range(10):
        plan, step = (f"{letter}{chr(97 + problem)}" for letter in ("aye", "nay"))
        words += [plan, step]
        for copy in range(4):
            rows = [(PLAN, plan), (PLAN, f"{plan} so"), (STEP, step), (STEP, f"{step} so")]
            made.append((f"d{problem}{copy}", rows, f"p{problem}"))
    lexicon = Lexicon.from_grams(words)
    alone = [document(name, *rows) for name, rows, _ in made]
    assert len(prune_lexicon(lexicon, [UnitIndex.from_documents(alone)], 0.9).lexicon.grams) == 10
    grouped = [document(name, *rows, problem=problem) for name, rows, problem in made]
    with pytest.raises(InputError, match="no cut of custom"):
        prune_lexicon(lexicon, [UnitIndex.from_documents(grouped)], 0.9)


def test_a_unit_is_judged_without_the_labels_of_its_own_problem():
    # 40 of the 100 pairs are hits, p = .4; of the 20 documents with "wait" 19 are others: (19 + 10 p) / (19 + 10)
    found = prune_lexicon(PLAIN, [UnitIndex.from_documents(MADE)], 0.9)
    assert found.threshold == pytest.approx(23 / 29)


def test_the_wish_holds_for_every_label_set():
    # "so" is planning in the second set: pooled it would be precise enough, in the first it is not
    other = [
        document(f"e{at:02}", *[(PLAN, f"so {'x' * n}y") for n in range(1, 9)], (PLAN, "wait")) for at in range(20)
    ]
    found = prune_lexicon(PLAIN, [UnitIndex.from_documents(MADE), UnitIndex.from_documents(other)], 0.7)
    assert "so" not in texts(found.lexicon)
    assert [each.out_of_fold.precision.value for each in found.rates] == [1.0, 1.0]
    alone = prune_lexicon(PLAIN, [UnitIndex.from_documents(other)], 0.7)
    assert "so" in texts(alone.lexicon)


def test_intervals_are_drawn_where_draws_are_given():
    index = UnitIndex.from_documents(MADE)
    assert prune_lexicon(SCORED, [index], 0.9).rates[0].whole.precision.low is None
    (rates,) = prune_lexicon(SCORED, [index], 0.9, resamples=[DocumentResamples.from_index(index)]).rates
    assert rates.whole.precision.low == pytest.approx(0.4)


def test_the_order_of_documents_does_not_matter():
    cuts = [prune_lexicon(PLAIN, [UnitIndex.from_documents(made)], 0.9).lexicon for made in (MADE, MADE[::-1])]
    assert cuts[0].to_bytes() == cuts[1].to_bytes()


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(UsageError, match=r"between 0 and 1, not at 1\.5"):
        prune_lexicon(PLAIN, [UnitIndex.from_documents(MADE)], 1.5)
    with pytest.raises(InputError, match="labels of two documents or more"):
        prune_lexicon(PLAIN, [UnitIndex.from_documents(MADE[:1])], 0.5)
