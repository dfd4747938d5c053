"""Effects of single grams, counted by hand."""

import numpy as np
from hypothesis import given

from sgram.evaluation.gram_effects import EffectCounts, best_grams, worst_grams
from sgram.evaluation.label_index import UnitIndex
from tests.builders.labeled_examples import GRAMS, PLAN, STEP, document, documents

DOCUMENTS = [
    document("a", (STEP, "so x"), (STEP, "so, wait"), (PLAN, "then wait"), (PLAN, "wait so")),
    document("b", (STEP, "and so"), (STEP, "hmm"), (PLAN, "hmm")),
]
LIST = ["hmm", "so", "wait", "absent"]


def rank_list(rank):
    index = UnitIndex.from_documents(DOCUMENTS)
    return rank(index, LIST, index.find(LIST))


def test_the_gram_with_most_misses_alone_is_first():
    worst = rank_list(worst_grams)
    # so: 4 units, 3 of them wrong, "so, wait" not alone; hmm: 2, 1 wrong alone; wait: 3, 1 wrong, not alone
    assert [(effect.gram, effect.misses, effect.misses_alone) for effect in worst] == [
        ("so", 3, 2),
        ("hmm", 1, 1),
        ("wait", 1, 0),
    ]
    so = worst[0]
    assert (so.n_units, so.n_documents, so.hits, so.hits_alone, so.precision) == (4, 2, 1, 0, 0.25)
    assert so.example[so.start : so.end] == "so"
    assert so.example == "so x"
    assert worst[2].example == "so, wait"
    assert so.to_json()["precision"] == 0.25


def test_the_gram_with_most_hits_alone_is_first():
    best = rank_list(best_grams)
    assert [(effect.gram, effect.hits, effect.hits_alone) for effect in best] == [
        ("wait", 2, 1),
        ("hmm", 1, 1),
        ("so", 1, 0),
    ]
    assert best[0].example == "then wait"
    assert best[0].example[best[0].start :] == "wait"


def test_the_number_of_grams_is_limited():
    index = UnitIndex.from_documents(DOCUMENTS)
    assert [effect.gram for effect in worst_grams(index, LIST, index.find(LIST), 1)] == ["so"]
    assert worst_grams(index, LIST, index.find(LIST), 0) == []
    assert worst_grams(index, ["absent"], index.find(["absent"])) == []


@given(labeled_documents=documents())
def test_removing_a_gram_unmarks_the_units_that_it_marks_alone(labeled_documents):
    index = UnitIndex.from_documents(labeled_documents)
    occurrences = index.find(GRAMS)
    effects, marks = EffectCounts.from_occurrences(index, occurrences), occurrences.marked_units()
    for row in range(len(GRAMS)):
        unmarked = marks & ~occurrences.select(np.arange(len(GRAMS)) != row).marked_units()
        assert (unmarked & index.positive).sum() == effects.hits_alone[row]
        assert (unmarked & ~index.positive).sum() == effects.misses_alone[row]
        gram_marks = index.find(GRAMS[row : row + 1]).marked_units()
        assert (gram_marks.sum(), (gram_marks & index.positive).sum()) == (effects.units[row], effects.hits[row])
        assert len(np.unique(index.document[gram_marks])) == effects.documents[row]
