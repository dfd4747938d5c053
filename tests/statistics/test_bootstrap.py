"""Resampling by kinds of items is resampling items."""

import json

import numpy as np
import pytest

from sgram.statistics import bootstrap
from sgram.statistics.bootstrap import Estimate, Resamples, Statistic, rounded


def mean_of(resamples: Resamples, rows: np.ndarray, undefined: str = "") -> Statistic:
    """Mean of the first column."""
    kinds = rows[resamples.firsts]
    features = np.stack([kinds[:, 0], np.ones(len(kinds))], axis=1).astype(float)
    return Statistic(features, lambda sums: sums[:, 0] / sums[:, 1], undefined)


def test_draws_count_every_item_of_each_draw():
    rows = np.array([[1, 0], [0, 0], [1, 0], [1, 1]])
    resamples = Resamples(rows, 50)
    assert rows[resamples.firsts].tolist() == [[0, 0], [1, 0], [1, 1]]
    assert resamples.sizes.tolist() == [1, 2, 1]
    assert resamples.sums(np.ones((3, 1))).tolist() == [[4.0]] * 50


def test_the_interval_of_a_share_is_the_normal_one():
    # 400 items, 0 or 1 with 0.3: half of the interval is about 1.96 * sqrt(0.3 * 0.7 / 400) = 0.0449
    rows = np.array([[int(number % 10 < 3)] for number in range(400)])
    resamples = Resamples(rows, 4000)
    found = resamples.estimate(mean_of(resamples, rows))
    assert found.value == pytest.approx(0.3)
    assert found.high - found.value == pytest.approx(0.0449, rel=0.1)
    assert found.value - found.low == pytest.approx(0.0449, rel=0.1)


def test_the_spread_is_that_of_drawing_items_one_by_one():
    rows = np.random.default_rng(3).integers(0, 9, (60, 1))
    resamples = Resamples(rows, 20_000)
    found = resamples.estimate(mean_of(resamples, rows))
    rng = np.random.default_rng(4)
    drawn = rows[rng.integers(60, size=(20_000, 60)), 0].mean(axis=1)
    assert (found.low, found.high) == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.03)


def test_the_order_of_rows_does_not_matter_and_the_seed_does():
    rows = np.random.default_rng(0).integers(0, 3, (30, 2))
    first, again, other = (
        made.estimate(mean_of(made, given))
        for given, seed in ((rows, 0), (rows[::-1], 0), (rows, 1))
        for made in (Resamples(given, 200, seed),)
    )
    assert first == again
    assert (first.low, first.high) != (other.low, other.high)


def test_sums_in_blocks_are_those_at_once(monkeypatch):
    rows = np.random.default_rng(0).integers(0, 9, (40, 2))
    features = np.random.default_rng(1).random((len(Resamples(rows, 1).firsts), 3))
    at_once = Resamples(rows, 33).sums(features)
    some = np.array([0, 2, 5])
    of_some = Resamples(rows, 33).sums(features[some], some)
    zeroed = np.zeros_like(features)
    zeroed[some] = features[some]
    assert of_some == pytest.approx(Resamples(rows, 33).sums(zeroed))
    for most in (1, 100, 1000):
        monkeypatch.setattr(bootstrap, "_AT_ONCE", most)
        assert Resamples(rows, 33).sums(features) == pytest.approx(at_once)
        assert Resamples(rows, 33).sums(features[some], some) == pytest.approx(of_some)


def test_draws_without_a_value_are_left_out_and_counted():
    rows = np.array([[0], [1]])
    resamples = Resamples(rows, 1000)
    # a draw is (0, 0), (0, 1) or (1, 1) with 1/4, 1/2, 1/4; the statistic is the sum, undefined where it is 0
    features = np.array([[0.0], [1.0]])
    found = resamples.estimate(Statistic(features, lambda sums: np.where(sums[:, 0] > 0, sums[:, 0], np.nan)))
    assert (found.value, found.low, found.high) == (1, 1, 2)
    assert 200 < found.n_undefined < 300
    never = resamples.estimate(Statistic(features, lambda sums: np.full(len(sums), np.nan)), value=0.5)
    assert never == Estimate(0.5, n_undefined=1000)


def test_without_a_value_there_is_a_reason_and_no_interval():
    rows = np.array([[0], [1]])
    resamples = Resamples(rows, 10)
    assert resamples.estimate(mean_of(resamples, rows, "no reason")) == Estimate(None, undefined="no reason")
    alone = Resamples(rows[:1], 10)
    assert alone.estimate(mean_of(alone, rows[:1])) == Estimate(0.0)


def test_a_value_that_is_given_is_kept():
    rows = np.array([[0], [1], [1]])
    resamples = Resamples(rows, 10)
    assert resamples.estimate(mean_of(resamples, rows)).value == pytest.approx(2 / 3)
    assert resamples.estimate(mean_of(resamples, rows), 0.25).value == 0.25


def test_a_statistic_of_some_kinds_only_counts_these():
    # items 0, 1, 1, 2: of those that are not 0 the mean is 4 / 3
    rows = np.array([[0], [1], [1], [2]])
    resamples = Resamples(rows, 500)
    whole = resamples.estimate(
        Statistic(np.array([[0.0, 0], [1, 1], [2, 1]]), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-9))
    )
    part = Statistic(np.array([[1.0, 1], [2, 1]]), lambda sums: sums[:, 0] / np.maximum(sums[:, 1], 1e-9))
    found = resamples.estimate(part, kinds=np.array([1, 2]))
    assert found.value == pytest.approx(4 / 3)
    assert found == whole


def test_estimates_are_json():
    told = Estimate(0.12345678, 0.1, 0.2, n_undefined=3).to_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == {
        "value": 0.123457,
        "low": 0.1,
        "high": 0.2,
        "undefined": None,
        "undefined_draws": 3,
    }
    assert Estimate(None, undefined="why").to_json()["undefined"] == "why"
    assert (str(rounded(-1e-9)), rounded(None)) == ("0.0", None)
