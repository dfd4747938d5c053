"""Rates computed by hand, and properties of the bootstrap over documents."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.evaluation.label_index import UnitIndex
from sgram.evaluation.precision_recall import (
    MEASURES,
    DocumentResamples,
    ResampledRates,
    compute_rates,
    evaluate_grams,
    mean_rates,
    measure_units,
    rate_difference,
)
from sgram.statistics import Estimate
from tests.builders.labeled_examples import GRAMS, PLAN, STEP, document, documents, two_documents


def resampled_rates(marks, positive, groups, n_draws=200, seed=0):
    marks, positive, groups = np.array(marks, bool), np.array(positive, bool), np.array(groups)
    n = int(groups.max()) + 1
    return ResampledRates.from_marks(
        marks, positive, groups, DocumentResamples(np.arange(n), n, "document", n_draws, seed)
    )


def evaluate_documents(grams, labeled_documents=None, **options):
    index = UnitIndex.from_documents(labeled_documents or two_documents())
    return evaluate_grams(index, index.find(grams), DocumentResamples.from_index(index, **options))


def test_the_rates_of_a_list_by_hand():
    evaluation = evaluate_documents(["wait", "let me check"])
    # units 0, 2, 3 are marked, 0, 3, 4 positive: 2 hits
    units = evaluation.units
    assert (units.n, units.n_marked, units.n_positive, units.n_hits) == (5, 3, 3, 2)
    assert (units.precision.value, units.recall.value, units.f1.value, units.coverage.value) == (
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        pytest.approx(2 / 3),
        0.6,
    )
    # words 4 + 4 + 3 + 5 + 1 = 17, positive 4 + 5 + 1 = 10; covered 4, "wait", 3: 8, of these 7 positive
    words = evaluation.pieces
    assert (words.n, words.n_marked, words.n_positive, words.n_hits) == (17, 8, 10, 7)
    assert words.f1.value == pytest.approx(14 / 18)
    assert (evaluation.n_documents, evaluation.n_groups, evaluation.n_grams, evaluation.n_occurring) == (2, 2, 2, 2)
    assert (evaluation.base_rate, evaluation.piece_name) == (0.6, "words")


def test_an_undefined_rate_is_none_with_its_reason():
    nothing = evaluate_documents(["absent"])
    assert nothing.units.precision == Estimate(None, n=2, undefined="nothing is marked")
    assert nothing.units.recall.value == nothing.units.f1.value == nothing.units.coverage.value == 0.0
    unplanned = evaluate_documents(["wait"], [document("a", (STEP, "wait")), document("b", (STEP, "so"))])
    assert unplanned.units.recall == Estimate(None, n=2, undefined="nothing is positive")
    assert unplanned.units.precision.value == 0.0
    neither = evaluate_documents(["absent"], [document("a", (STEP, "wait"))])
    assert neither.units.f1 == Estimate(None, n=1, undefined="nothing is marked or positive")
    single = evaluate_documents(["wait"], two_documents()[:1])
    assert (single.units.precision.value, single.units.precision.low) == (0.5, None)
    assert single.units.precision.undefined == "an interval needs two documents or more"


def test_an_evaluation_is_json():
    evaluation = evaluate_documents(["wait"])
    assert json.loads(json.dumps(evaluation.to_json(), allow_nan=False))["units"]["precision"]["value"] == 0.5


def test_two_documents_have_three_resamples():
    # precision 0 in one, 1 in the other: a resample is 0, 1/2 or 1 with 1/4, 1/2, 1/4
    evaluation = resampled_rates([1, 1], [0, 1], [0, 1]).summary()
    assert (evaluation.precision.value, evaluation.precision.low, evaluation.precision.high) == (0.5, 0.0, 1.0)


def test_equal_documents_have_an_interval_of_zero_width():
    evaluation = resampled_rates([1, 1, 0, 0] * 5, [1, 0, 1, 0] * 5, np.repeat(range(5), 4)).summary()
    for name in MEASURES:
        estimate = getattr(evaluation, name)
        assert (estimate.value, estimate.low, estimate.high) == (0.5, 0.5, 0.5)


def test_the_interval_of_many_documents_is_the_normal_one():
    # 400 documents of one marked unit, 0.3 positive: half of it is about 1.96 * sqrt(0.3 * 0.7 / 400) = 0.0449
    positive = np.arange(400) % 10 < 3
    evaluation = resampled_rates(np.ones(400), positive, np.arange(400), 1000).summary().precision
    assert evaluation.high - evaluation.value == pytest.approx(0.0449, rel=0.12)
    assert evaluation.value - evaluation.low == pytest.approx(0.0449, rel=0.12)


def test_draws_equal_those_of_a_plain_loop_for_any_block_size(monkeypatch):
    marks, positive = np.array([1, 1, 0, 1, 0, 1], bool), np.array([1, 0, 1, 0, 0, 1], bool)
    groups = np.array([0, 0, 1, 2, 2, 3])
    evaluation = resampled_rates(marks, positive, groups, 30)
    rng = np.random.default_rng([0, 4])
    for draw in evaluation.draws:
        times = rng.multinomial(4, [1 / 4] * 4)
        rows = [unit for group in range(4) for _ in range(times[group]) for unit in np.flatnonzero(groups == group)]
        m, p = marks[rows], positive[rows]
        counts = np.array([[(m & p).sum(), m.sum(), p.sum(), len(rows)]])
        np.testing.assert_allclose(draw, compute_rates(counts)[0])
    monkeypatch.setattr("sgram.evaluation.precision_recall._BLOCK_SIZE", 8)  # two draws a block
    np.testing.assert_array_equal(resampled_rates(marks, positive, groups, 30).draws, evaluation.draws)


def test_documents_of_one_problem_are_drawn_together():
    labeled = [document(name, (PLAN if name < "c" else STEP, "wait"), problem=f"p{name > 'b'}") for name in "abcd"]
    assert [evaluate_documents(["wait"], labeled, by=by).n_groups for by in ("document", "problem")] == [4, 2]
    by_problem = evaluate_documents(["wait"], labeled, by="problem").units.precision
    assert (by_problem.low, by_problem.value, by_problem.high) == (0.0, 0.5, 1.0)
    without = [document(name, (PLAN, "wait")) for name in "abc"]
    assert evaluate_documents(["wait"], without, by="problem").n_groups == 3


def test_a_difference_is_drawn_in_pairs():
    index = UnitIndex.from_documents([document(name, (PLAN, "wait so"), (STEP, "so it is")) for name in "abcde"])
    resamples = DocumentResamples.from_index(index)
    ours, theirs = (measure_units(index, index.find([gram]), resamples) for gram in ("wait", "so"))
    assert rate_difference(ours, theirs, "precision") == Estimate(0.5, 0.5, 0.5, n=5)  # 1 against 1/2 in every draw
    assert rate_difference(ours, ours, "f1") == Estimate(0.0, 0.0, 0.0, n=5)
    none = measure_units(index, index.find(["absent"]), resamples)
    assert rate_difference(ours, none, "precision").value is None


def test_the_mean_of_lists_is_the_mean_of_their_rates():
    first, second = resampled_rates([1, 1], [1, 1], [0, 1]), resampled_rates([1, 1], [0, 1], [0, 1])
    mean = mean_rates([first, second])
    assert mean.rates[0] == 0.75
    np.testing.assert_allclose(mean.draws[:, 0], (first.draws[:, 0] + second.draws[:, 0]) / 2)


@given(random_documents=documents(), data=st.data())
def test_the_order_of_documents_does_not_matter(random_documents, data):
    labeled = [labeled_document for labeled_document in random_documents if labeled_document.units]
    if not labeled:
        return
    shuffled = data.draw(st.permutations(labeled))
    for by in ("document", "problem"):
        ours, theirs = (evaluate_documents(GRAMS, ordered, by=by, n_draws=20) for ordered in (labeled, shuffled))
        assert ours.to_json() == theirs.to_json()
        for estimate in (getattr(rates, name) for rates in (ours.units, ours.pieces) for name in MEASURES):
            assert estimate.low is None or 0 <= estimate.low <= estimate.high <= 1


def test_only_the_seed_changes_the_interval():
    labeled = [document(f"d{number}", *[(PLAN if number % 3 else STEP, "wait")] * (number + 1)) for number in range(9)]
    first, repeated, second = (evaluate_documents(["wait"], labeled, seed=seed).units.precision for seed in (0, 0, 1))
    assert first == repeated
    assert first.value == second.value
    assert first != second
