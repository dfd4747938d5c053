"""Agreement of raters: published labels, worked examples, and invariants."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.annotation.agreement import measure_agreement, strategic_labels
from sgram.annotation.ratings import Rating, read_ratings
from sgram.errors import InputError, UsageError
from sgram.lexicon import MOVES
from tests.builders import rating_examples as examples
from tests.builders.paths import ROOT

pytest.importorskip("krippendorff", reason="krippendorff comes with the extra validate")
pytest.importorskip("statsmodels", reason="statsmodels comes with the extra validate")

UNITS = ROOT.parent / "shared" / "data" / "labels" / "reasoningflow_units_multi.jsonl.gz"


def counts_of(agreement):
    return (
        agreement.n_items,
        agreement.n_raters,
        agreement.n_ratings,
        agreement.n_items_with_two,
        agreement.n_items_with_all,
        agreement.n_pairs_without_common_item,
    )


def estimates(agreement):
    for question in (agreement.overall, *agreement.by_label):
        yield from (question.agreement, question.alpha, question.fleiss, question.ac1)
        for pair in question.pairs:
            yield from (pair.agreement, pair.kappa)


@pytest.mark.skipif(not UNITS.exists(), reason="the labeled units (../shared/data) are not here")
def test_published_labels_agree_as_their_source_states():
    measured = measure_agreement(read_ratings(UNITS), ["planning", "reflection"])
    # three raters of whom two rated each unit: A with D 690, B with D 730, A with B none
    assert counts_of(measured) == (1420, 3, 2840, 1420, 0, 1)
    assert measured.missing == pytest.approx(1 / 3)
    assert round(measured.overall.alpha.value, 3) == 0.849
    labels = {question.name: question for question in measured.by_label}
    assert len(labels) == 8
    assert round(labels["planning"].alpha.value, 3) == 0.915
    assert round(labels["reflection"].alpha.value, 3) == 0.865
    (b_d, a_d), (planning_b_d, planning_a_d) = measured.overall.pairs, labels["planning"].pairs
    assert [(pair.first, pair.second, pair.n_items) for pair in (b_d, a_d)] == [("B", "D", 730), ("A", "D", 690)]
    assert [round(pair.kappa.value, 3) for pair in (b_d, a_d)] == [0.939, 0.744]
    assert [round(pair.kappa.value, 3) for pair in (planning_b_d, planning_a_d)] == [0.961, 0.865]
    assert round(a_d.agreement.value, 3) == 0.816
    assert measured.overall.fleiss.undefined == "no item was rated by all 3 raters"
    for estimate in estimates(measured):
        assert estimate.value is None or estimate.low <= estimate.value <= estimate.high
    assert measured.strategic.labels == ("planning", "reflection")
    assert measured.strategic.alpha.value == pytest.approx(0.912, abs=5e-4)


def test_worked_examples_from_the_literature():
    overall = measure_agreement(examples.of_rows(*examples.OBSERVERS), n_draws=50).overall
    assert overall.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert overall.ac1.value == pytest.approx(0.77544, abs=5e-6)
    overall = measure_agreement(examples.of_counts(examples.FOURTEEN), n_draws=50).overall
    assert overall.fleiss.value == pytest.approx(0.210, abs=5e-4)
    assert len(overall.pairs) == 14 * 13 // 2
    (pair,) = measure_agreement(examples.of_table([[45, 15], [25, 15]]), n_draws=50).overall.pairs
    assert (pair.n_items, pair.agreement.value) == (100, 0.6)
    assert pair.kappa.value == pytest.approx(0.1304, abs=5e-5)


def test_items_raters_and_ratings_are_counted():
    measured = measure_agreement(examples.of_rows("ab*a*", "aba**", "a***b"), n_draws=20)
    assert counts_of(measured) == (5, 3, 8, 2, 1, 0)
    assert measured.missing == pytest.approx(7 / 15)
    assert {question.name: question.share for question in measured.by_label} == {"a": 5 / 8, "b": 3 / 8}
    assert [(pair.first[-1], pair.second[-1], pair.n_items) for pair in measured.overall.pairs] == [
        ("0", "1", 2),
        ("0", "2", 1),
        ("1", "2", 1),
    ]


def test_every_label_is_compared_with_all_others():
    rows = ("abcabcaab", "abcbbcacb", "abbabca*b")
    measured = measure_agreement(examples.of_rows(*rows), n_draws=20)
    for question in measured.by_label:
        ratings = examples.of_rows(
            *(
                "".join(label if label == "*" else "x" if label == question.name else "y" for label in row)
                for row in rows
            )
        )
        assert question.agreement.value == pytest.approx(examples.percent(ratings))
        assert question.alpha.value == pytest.approx(examples.alpha(ratings))
        assert question.fleiss.value == pytest.approx(examples.fleiss(ratings))
        assert question.ac1.value == pytest.approx(examples.ac1(ratings))
        for pair in question.pairs:
            assert pair.kappa.value == pytest.approx(examples.cohen(ratings, pair.first, pair.second))


def test_moves_are_strategic_and_procedural_is_not():
    assert strategic_labels({*MOVES, "procedural", "strategic"}) == tuple(sorted((*MOVES, "strategic")))
    assert strategic_labels({"strategic", "procedural"}) == ("strategic",)
    assert strategic_labels({"other", "planning"}) == ()  # this "other" is not the one of the moves
    assert strategic_labels({"procedural"}) == ()
    assert strategic_labels({"other", "planning", "fact"}, ["planning", "planning"]) == ("planning",)
    with pytest.raises(UsageError, match="no rating has the label 'plan'; the labels are 'fact', 'planning'"):
        strategic_labels({"planning", "fact"}, ["plan"])


def test_strategic_or_not_merges_the_moves():
    names = {"b": "branching", "d": "deduction", "p": "procedural"}
    ratings = [Rating(rating.item, rating.rater, names[rating.label]) for rating in examples.of_rows("bdpp", "dbpb")]
    measured = measure_agreement(ratings, n_draws=20)
    # branching against deduction is agreement here: 3 of 4 items
    assert measured.strategic.agreement.value == 0.75
    assert measured.overall.agreement.value == 0.25
    assert measured.strategic.share == pytest.approx(5 / 8)
    assert not measured.is_skewed
    assert measure_agreement(examples.of_rows("abcd"), n_draws=5).strategic is None


@pytest.mark.parametrize(("row", "skewed"), [("sssss", True), ("sssspp", False), ("sp", False), ("sppppp", True)])
def test_skewed_ratings_are_detected(row, skewed):
    names = {"s": "strategic", "p": "procedural"}
    ratings = [Rating(str(number), "r", names[label]) for number, label in enumerate(row)]
    assert measure_agreement(ratings, n_draws=5).is_skewed == skewed


@pytest.mark.parametrize(
    ("rows", "reason"),
    [(["abab"], "one rater, and agreement needs two"), (["ab**", "**ab"], "no item has two ratings")],
)
def test_agreement_without_common_items_is_undefined(rows, reason):
    overall = measure_agreement(examples.of_rows(*rows), n_draws=5).overall
    assert {overall.agreement.undefined, overall.alpha.undefined, overall.ac1.undefined} == {reason}
    assert overall.fleiss.undefined
    assert overall.pairs == ()


def test_one_label_is_full_agreement_with_undefined_coefficients():
    overall = measure_agreement(examples.of_rows("aaa", "aaa", "aaa"), n_draws=5).overall
    assert overall.agreement.value == 1
    for estimate in (overall.alpha, overall.fleiss, overall.ac1, *(pair.kappa for pair in overall.pairs)):
        assert (estimate.value, estimate.low, estimate.undefined) == (None, None, "all ratings are the same label")


def test_an_empty_list_of_ratings_is_refused():
    with pytest.raises(InputError, match="there are no ratings"):
        measure_agreement([])


label_rows = st.lists(st.text("ab*", min_size=3, max_size=3).filter(lambda row: row != "***"), min_size=1, max_size=7)


@given(items=label_rows, data=st.data())
@settings(max_examples=40)
def test_the_same_ratings_in_any_order_give_the_same_bytes(items, data):
    ratings = examples.of_rows(*map("".join, zip(*items, strict=True)))
    documents = [
        json.dumps(measure_agreement(order, n_draws=30).to_json(), allow_nan=False)
        for order in (ratings, data.draw(st.permutations(ratings)))
    ]
    assert documents[0] == documents[1]


@given(label_rows)
@settings(max_examples=60)
def test_every_estimate_has_a_value_or_a_reason(items):
    measured = measure_agreement(examples.of_rows(*map("".join, zip(*items, strict=True))), n_draws=20)
    for estimate in estimates(measured):
        assert (estimate.value is None) == (estimate.undefined != "")
        assert (estimate.low is None) == (estimate.high is None)
        if estimate.low is not None:
            assert -1 - 1e-9 <= estimate.low <= estimate.high <= 1 + 1e-9
            assert estimate.n_undefined < 20


@given(label_rows)
@settings(max_examples=60)
def test_pairs_are_measured_on_the_items_that_both_rated(items):
    ratings = examples.of_rows(*map("".join, zip(*items, strict=True)))
    for pair in measure_agreement(ratings, n_draws=5).overall.pairs:
        pair_ratings = [rating for rating in ratings if rating.rater in (pair.first, pair.second)]
        assert pair.agreement.value == pytest.approx(examples.percent(pair_ratings))
        assert pair.kappa.value == pytest.approx(examples.cohen(ratings, pair.first, pair.second))
        alone = measure_agreement(pair_ratings, n_draws=5).overall.pairs[0]
        assert (pair.n_items, pair.kappa.value) == (alone.n_items, alone.kappa.value)


def test_the_interval_of_a_pair_comes_from_draws_of_all_items():
    # 40 items, of which the first 20 are rated by both; they agree on 15
    ratings = examples.of_rows("a" * 10 + "b" * 10 + "a" * 20, "a" * 10 + "b" * 5 + "a" * 5 + "*" * 20)
    (pair,) = measure_agreement(ratings, n_draws=4000).overall.pairs
    rng, agreed = np.random.default_rng(1), np.array([1.0] * 15 + [0.0] * 5 + [np.nan] * 20)
    draws = np.nanmean(agreed[rng.integers(40, size=(4000, 40))], axis=1)
    low, high = np.percentile(draws, (2.5, 97.5))
    assert (pair.agreement.low, pair.agreement.high) == pytest.approx((low, high), abs=0.02)


def test_the_seed_changes_only_the_intervals():
    ratings = examples.of_rows(*examples.OBSERVERS)
    first, second = (measure_agreement(ratings, n_draws=100, seed=seed).overall for seed in (0, 1))
    assert first.alpha.value == second.alpha.value
    assert (first.alpha.low, first.alpha.high) != (second.alpha.low, second.alpha.high)


def test_undefined_draws_are_counted():
    # one of 4 items has the only b: (3/4)^4 = 32 % of the draws leave it out
    measured = measure_agreement(examples.of_rows("aaab", "aaab"), n_draws=1000)
    assert 270 < measured.overall.alpha.n_undefined < 360
    assert measured.overall.agreement.n_undefined == 0
    assert measured.to_json()["overall"]["alpha"]["undefined_draws"] == measured.overall.alpha.n_undefined
