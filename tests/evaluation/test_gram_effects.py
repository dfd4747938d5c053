"""Which grams hurt and which help, by hand."""

import numpy as np
from hypothesis import given

from sgram.evaluation.gram_effects import EffectCounts, best_grams, worst_grams
from sgram.evaluation.label_index import UnitIndex
from tests.builders.labeled_examples import GRAMS, PLAN, STEP, document, documents

MADE = [
    document("a", (STEP, "so x"), (STEP, "so, wait"), (PLAN, "then wait"), (PLAN, "wait so")),
    document("b", (STEP, "and so"), (STEP, "hmm"), (PLAN, "hmm")),
]
LIST = ["hmm", "so", "wait", "absent"]


def told(rank):
    index = UnitIndex.from_documents(MADE)
    return rank(index, LIST, index.find(LIST))


def test_the_gram_that_errs_most_alone_comes_first():
    worst = told(worst_grams)
    # so: 4 units, 3 of them wrong, "so, wait" not alone; hmm: 2, 1 wrong alone; wait: 3, 1 wrong, not alone
    assert [(each.gram, each.misses, each.misses_alone) for each in worst] == [
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


def test_the_gram_that_finds_most_alone_comes_first():
    best = told(best_grams)
    assert [(each.gram, each.hits, each.hits_alone) for each in best] == [("wait", 2, 1), ("hmm", 1, 1), ("so", 1, 0)]
    assert best[0].example == "then wait"
    assert best[0].example[best[0].start :] == "wait"


def test_only_so_many_grams_are_told():
    index = UnitIndex.from_documents(MADE)
    assert [each.gram for each in worst_grams(index, LIST, index.find(LIST), 1)] == ["so"]
    assert worst_grams(index, LIST, index.find(LIST), 0) == []
    assert worst_grams(index, ["absent"], index.find(["absent"])) == []


@given(made=documents())
def test_taking_a_gram_off_the_list_unmarks_what_it_marks_alone(made):
    index = UnitIndex.from_documents(made)
    found = index.find(GRAMS)
    effects, marks = EffectCounts.from_occurrences(index, found), found.marked_units()
    for row in range(len(GRAMS)):
        lost = marks & ~found.select(np.arange(len(GRAMS)) != row).marked_units()
        assert (lost & index.positive).sum() == effects.hits_alone[row]
        assert (lost & ~index.positive).sum() == effects.misses_alone[row]
        own = index.find(GRAMS[row : row + 1]).marked_units()
        assert (own.sum(), (own & index.positive).sum()) == (effects.units[row], effects.hits[row])
        assert len(np.unique(index.document[own])) == effects.documents[row]
