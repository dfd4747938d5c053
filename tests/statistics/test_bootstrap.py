"""Resampling by kinds of items is resampling items."""

import json

import numpy as np
import pytest

from sgram.statistics import Estimate, Resamples, Statistic, bootstrap, draw_group_sums, round_number


def mean_statistic(resamples: Resamples, rows: np.ndarray, undefined: str = "") -> Statistic:
    """Mean of the first column."""
    kinds = rows[resamples.representatives]
    features = np.stack([kinds[:, 0], np.ones(len(kinds))], axis=1).astype(float)
    return Statistic(features, lambda sums: sums[:, 0] / sums[:, 1], undefined)


def test_draws_count_every_item_of_each_draw():
    rows = np.array([[1, 0], [0, 0], [1, 0], [1, 1]])
    resamples = Resamples(rows, 50)
    assert rows[resamples.representatives].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert resamples.kind_sizes.tolist() == [1, 2, 1]
    assert resamples.sums(np.ones((3, 1))).tolist() == [[4.0]] * 50


def test_the_interval_of_a_share_is_the_normal_one():
    # 400 items, 0 or 1 with 0.3: half of the interval is about 1.96 * sqrt(0.3 * 0.7 / 400) = 0.0449
    rows = np.array([[int(number % 10 < 3)] for number in range(400)])
    resamples = Resamples(rows, 4000)
    estimate = resamples.estimate(mean_statistic(resamples, rows))
    assert estimate.value == pytest.approx(0.3)
    assert estimate.high - estimate.value == pytest.approx(0.0449, rel=0.1)
    assert estimate.value - estimate.low == pytest.approx(0.0449, rel=0.1)


def test_the_spread_is_that_of_drawing_items_one_by_one():
    rows = np.random.default_rng(3).integers(0, 9, (60, 1))
    resamples = Resamples(rows, 20_000)
    estimate = resamples.estimate(mean_statistic(resamples, rows))
    rng = np.random.default_rng(4)
    means = rows[rng.integers(60, size=(20_000, 60)), 0].mean(axis=1)
    assert (estimate.low, estimate.high) == pytest.approx(np.percentile(means, (2.5, 97.5)), abs=0.03)
    group_sums = np.hstack([rows, np.ones_like(rows)]).astype(float)
    sums = draw_group_sums(np.random.default_rng(4), group_sums, 20_000)  # the same draws
    assert sums[:, 0] / sums[:, 1] == pytest.approx(means)


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    rows = np.random.default_rng(0).integers(0, 3, (30, 2))
    first, reversed_rows, other_seed = (
        resamples.estimate(mean_statistic(resamples, ordered_rows))
        for ordered_rows, seed in ((rows, 0), (rows[::-1], 0), (rows, 1))
        for resamples in (Resamples(ordered_rows, 200, seed),)
    )
    assert first == reversed_rows
    assert (first.low, first.high) != (other_seed.low, other_seed.high)


def test_sums_in_blocks_equal_those_in_one_block(monkeypatch):
    rows = np.random.default_rng(0).integers(0, 9, (40, 2))
    features = np.random.default_rng(1).random((len(Resamples(rows, 1).representatives), 3))
    all_sums = Resamples(rows, 33).sums(features)
    kinds = np.array([0, 2, 5])
    kind_sums = Resamples(rows, 33).sums(features[kinds], kinds)
    zeroed = np.zeros_like(features)
    zeroed[kinds] = features[kinds]
    assert kind_sums == pytest.approx(Resamples(rows, 33).sums(zeroed))
    for max_floats in (1, 100, 1000):
        monkeypatch.setattr(bootstrap, "_MAX_FLOATS", max_floats)
        assert Resamples(rows, 33).sums(features) == pytest.approx(all_sums)
        assert Resamples(rows, 33).sums(features[kinds], kinds) == pytest.approx(kind_sums)


def test_draws_without_a_value_are_left_out_and_counted():
    rows = np.array([[0], [1]])
    resamples = Resamples(rows, 1000)
    # a draw is (0, 0), (0, 1) or (1, 1) with 1/4, 1/2, 1/4; the statistic is the sum, undefined where it is 0
    features = np.array([[0.0], [1.0]])
    estimate = resamples.estimate(Statistic(features, lambda sums: np.where(sums[:, 0] > 0, sums[:, 0], np.nan)))
    assert (estimate.value, estimate.low, estimate.high) == (1, 1, 2)
    assert 200 < estimate.n_undefined < 300
    always_undefined = Statistic(features, lambda sums: np.full(len(sums), np.nan))
    assert resamples.estimate(always_undefined, point_value=0.5) == Estimate(0.5, n=2, n_undefined=1000)


def test_without_a_value_there_is_a_reason_and_no_interval():
    rows = np.array([[0], [1]])
    resamples = Resamples(rows, 10)
    expected = Estimate(None, n=2, undefined="no reason")
    assert resamples.estimate(mean_statistic(resamples, rows, "no reason")) == expected
    one_item = Resamples(rows[:1], 10)
    assert one_item.estimate(mean_statistic(one_item, rows[:1])) == Estimate(0.0, n=1)


def test_a_value_computed_elsewhere_replaces_the_statistic():
    rows = np.array([[0], [1], [1]])
    resamples = Resamples(rows, 10)
    assert resamples.estimate(mean_statistic(resamples, rows)).value == pytest.approx(2 / 3)
    assert resamples.estimate(mean_statistic(resamples, rows), 0.25).value == 0.25


def test_a_statistic_of_some_kinds_counts_only_these():
    # items 0, 1, 1, 2: of those that are not 0 the mean is 4 / 3
    rows = np.array([[0], [1], [1], [2]])
    resamples = Resamples(rows, 500)
    all_kinds = resamples.estimate(
        Statistic(np.array([[0.0, 0], [1, 1], [2, 1]]), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-9))
    )
    statistic = Statistic(np.array([[1.0, 1], [2, 1]]), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-9))
    estimate = resamples.estimate(statistic, kinds=np.array([1, 2]))
    assert estimate.value == pytest.approx(4 / 3)
    assert estimate == all_kinds


def test_estimates_are_json():
    plain = Estimate(0.12345678, 0.1, 0.2, n_undefined=3).to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == {
        "value": 0.123457,
        "low": 0.1,
        "high": 0.2,
        "undefined": None,
        "undefined_draws": 3,
    }
    assert Estimate(None, undefined="why").to_json()["undefined"] == "why"
    assert (str(round_number(-1e-9)), round_number(None)) == ("0.0", None)
