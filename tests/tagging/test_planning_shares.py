"""Planning shares worked out by hand, and what a bootstrap over groups must keep."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.statistics import Estimate
from sgram.tagging.planning_shares import ShareCounts, bootstrap_shares, group_sums
from sgram.traces import Trace
from sgram.traces.trace_keys import OUTCOMES

# (group, model, correct, planning, tokens)
ROWS = [
    ("g1", "m1", True, 1, 10),
    ("g1", "m1", False, 3, 10),
    ("g2", "m1", None, 0, 20),
    ("g2", "m2", True, 6, 60),
    (None, "m2", False, 5, 10),
    (None, None, False, 0, 0),
]


def count_rows(rows) -> ShareCounts:
    counts = ShareCounts()
    for number, (group, model, correct, planning, total) in rows:
        counts.add(Trace(id=f"t{number}", text="", group=group, model=model, correct=correct), planning, total)
    return counts


def numbered(rows=ROWS):
    return list(enumerate(rows))


def row_numbers(row) -> tuple:
    return row.n_traces, row.n_groups, row.n_planning, row.n_units, row.pooled.value, row.mean.value


def test_the_share_of_all_traces_is_pooled_and_a_mean():
    (row,) = count_rows(numbered()).table()
    assert (row.model, row.outcome) == (None, None)
    # two groups and two traces without one; 15 of 110; (0.1 + 0.3 + 0 + 0.1 + 0.5) / 5, the empty trace left out
    assert row_numbers(row) == (6, 4, 15, 110, pytest.approx(15 / 110), pytest.approx(0.2))


def test_tables_have_a_row_for_what_occurs():
    counts = count_rows(numbered())
    by_model = {row.model: row_numbers(row) for row in counts.table(("model",))}
    assert by_model == {
        "m1": (3, 2, 4, 40, pytest.approx(0.1), pytest.approx(0.4 / 3)),
        "m2": (2, 2, 11, 70, pytest.approx(11 / 70), pytest.approx(0.3)),
        "unknown model": (1, 1, 0, 0, None, None),
    }
    by_outcome = [(row.outcome, *row_numbers(row)[:4]) for row in counts.table(("outcome",))]
    assert by_outcome == [("correct", 2, 2, 7, 70), ("wrong", 3, 3, 8, 20), ("not judged", 1, 1, 0, 20)]
    by_both = {(row.model, row.outcome): row.n_traces for row in counts.table(("model", "outcome"))}
    assert by_both == {
        ("m1", "correct"): 1,
        ("m1", "wrong"): 1,
        ("m1", "not judged"): 1,
        ("m2", "correct"): 1,
        ("m2", "wrong"): 1,
        ("unknown model", "wrong"): 1,
    }


def test_models_go_by_size_and_outcomes_in_their_order():
    rows = [(None, name, None, 0, 1) for name in ("b", "c", "c", "a")]
    assert [row.model for row in count_rows(numbered(rows)).table(("model",))] == ["c", "a", "b"]
    outcomes = [row.outcome for row in count_rows(numbered()).table(("outcome",))]
    assert outcomes == list(OUTCOMES)


def test_undefined_shares_are_none():
    (empty,) = ShareCounts().table()
    undefined = Estimate(None, n=0, undefined="nothing was counted")
    assert (empty.n_traces, empty.pooled, empty.mean) == (0, undefined, undefined)
    assert ShareCounts().table(("model",)) == []
    (single,) = count_rows(numbered(ROWS[:2])).table()  # one group has no interval
    assert (single.n_groups, single.pooled) == (1, Estimate(pytest.approx(0.2), n=1))
    (blank,) = count_rows(numbered([(None, None, None, 0, 0)] * 3)).table()
    assert blank.pooled == blank.mean == Estimate(None, n=3, undefined="nothing was counted")


def test_rows_are_json():
    for row in count_rows(numbered()).table(("model", "outcome")):
        assert json.loads(json.dumps(row.to_json(), allow_nan=False))["pooled"]["value"] == row.pooled.value


def test_two_groups_give_the_three_resamples_there_are():
    # shares 0 and 1: a resample is 0, 1/2 or 1 with 1/4, 1/2, 1/4, so the percentiles are the ends
    (row,) = count_rows(numbered([("a", None, None, 0, 5), ("b", None, None, 5, 5)])).table()
    assert row.pooled == row.mean == Estimate(0.5, 0.0, 1.0, n=2)


def test_equal_groups_leave_no_doubt():
    rows = [(f"g{number}", None, None, 2, 8) for number in range(9)]
    (row,) = count_rows(numbered(rows)).table()
    assert row.pooled == row.mean == Estimate(0.25, 0.25, 0.25, n=9)


def test_the_interval_is_the_normal_one_where_there_are_many_groups():
    # 400 single traces, share 0 or 1 with 0.3: half of the interval is about 1.96 * sqrt(0.3 * 0.7 / 400) = 0.0449
    rows = [(None, None, None, int(number % 10 < 3), 1) for number in range(400)]
    (row,) = count_rows(numbered(rows)).table()
    for share in (row.pooled, row.mean):
        assert share.value == pytest.approx(0.3)
        assert share.high - share.value == pytest.approx(0.0449, rel=0.12)
        assert share.value - share.low == pytest.approx(0.0449, rel=0.12)


def test_traces_copied_within_their_groups_do_not_narrow_the_interval():
    once = count_rows(numbered(ROWS[:4])).table()[0]
    repeated = count_rows(numbered([row for row in ROWS[:4] for _ in range(50)])).table()[0]
    assert (repeated.n_traces, repeated.n_groups) == (200, 2)
    for ours, theirs in ((once.pooled, repeated.pooled), (once.mean, repeated.mean)):
        assert (theirs.value, theirs.low, theirs.high) == pytest.approx((ours.value, ours.low, ours.high))
    alone = count_rows(numbered([(None, *row[1:]) for row in ROWS[:4] for _ in range(50)])).table()[0]
    assert alone.pooled.high - alone.pooled.low < repeated.pooled.high - repeated.pooled.low


rows = st.tuples(
    st.sampled_from(["g", "h", "i", None]),
    st.sampled_from(["m", "n", None]),
    st.sampled_from([True, False, None]),
    st.integers(0, 5),
    st.integers(5, 9),
)


@given(trace_rows=st.lists(rows, min_size=1, max_size=12), data=st.data())
@settings(max_examples=40)
def test_the_order_of_traces_does_not_matter(trace_rows, data):
    in_order = numbered(trace_rows)
    shuffled = data.draw(st.permutations(in_order))
    for by in ((), ("model",), ("outcome",), ("model", "outcome")):
        assert count_rows(in_order).table(by, n_draws=50) == count_rows(shuffled).table(by, n_draws=50)


@given(trace_rows=st.lists(rows, max_size=12))
@settings(max_examples=40)
def test_tables_count_every_trace_once_and_intervals_hold_their_value_s_range(trace_rows):
    counts = count_rows(numbered(trace_rows))
    for by in ((), ("model",), ("outcome",), ("model", "outcome")):
        table = counts.table(by, n_draws=50)
        assert sum(row.n_traces for row in table) == len(trace_rows)
        assert sum(row.n_units for row in table) == sum(row[-1] for row in trace_rows)
        for share in [share for row in table for share in (row.pooled, row.mean) if share.low is not None]:
            assert 0 <= share.low <= share.high <= 1


def test_a_row_does_not_depend_on_the_other_rows():
    alone = count_rows(numbered(ROWS[:3]))
    beside = count_rows(numbered(ROWS))
    assert alone.table(("model",))[0] == beside.table(("model",))[0]


def test_the_seed_alone_changes_the_interval():
    counts = count_rows(numbered([(None, None, None, number % 7, 10) for number in range(30)]))
    first, again, reseeded = (counts.table(seed=seed)[0] for seed in (0, 0, 1))
    assert first == again
    assert first.pooled.value == reseeded.pooled.value
    assert first.pooled != reseeded.pooled


def test_a_share_above_one_is_refused():
    for planning, total in ((2, 1), (-1, 1)):
        with pytest.raises(ValueError, match=rf"n_planning must be between 0 and n_units = {total} \(got {planning}\)"):
            ShareCounts().add(Trace(id="a", text=""), planning, total)


def test_resamples_in_blocks_are_those_of_the_plain_loop(monkeypatch):
    sums = group_sums(np.array([3, 1, 1, 2], np.uint64), np.array([1, 0, 2, 5]), np.array([4, 0, 4, 10]))
    # groups 1, 2, 3: (2 of 4; one share of 0.5), (5 of 10; 0.5), (1 of 4; 0.25)
    assert sums.tolist() == [[2, 4, 0.5, 1], [5, 10, 0.5, 1], [1, 4, 0.25, 1]]
    rng = np.random.default_rng(5)
    draws = [sums[rng.integers(3, size=3)].sum(axis=0) for _ in range(200)]
    pooled = np.percentile([draw[0] / draw[1] for draw in draws], (2.5, 97.5))
    mean = np.percentile([draw[2] / draw[3] for draw in draws], (2.5, 97.5))
    for block in (1, 7, 1 << 22):
        monkeypatch.setattr("sgram.statistics.bootstrap._MAX_INDICES", block)
        estimates = bootstrap_shares(sums, np.random.default_rng(5), 200)
        for share, value, ends in zip(estimates, (8 / 18, 1.25 / 3), (pooled, mean), strict=True):
            assert (share.value, share.low, share.high) == pytest.approx((value, *ends))
