"""Bounds on the shares of error kinds, on counts made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.kind_shares import KindCounts, bound_shares
from sgram.diagnosis.kinds import KINDS
from sgram.statistics import wilson_interval
from sgram.traces import Trace

STRATEGIC, PROCEDURAL, UNDECIDED = (KINDS.index(kind) for kind in ("strategic", "procedural", "undecided"))


def shares(kinds, problems=None, weights=None):
    problems = range(len(kinds)) if problems is None else problems
    weights = None if weights is None else np.array(weights, float)
    return {share.kind: share for share in bound_shares(np.array(kinds), np.array(problems), weights)}


def test_a_share_lies_between_the_decided_and_the_decided_with_the_undecided():
    # 5 strategic, 2 procedural, 13 undecided of 20
    result = shares([STRATEGIC] * 5 + [PROCEDURAL] * 2 + [UNDECIDED] * 13)
    assert (result["strategic"].share.value, result["strategic"].at_most.value) == (0.25, 0.9)
    assert (result["procedural"].share.value, result["procedural"].at_most.value) == (0.1, 0.75)
    assert result["undecided"].share == result["undecided"].at_most
    assert [share.is_open for share in result.values()] == [kind != "undecided" for kind in KINDS]
    assert sum(share.share.value for share in result.values()) == pytest.approx(1)


def test_a_kind_leads_only_if_the_undecided_cannot_turn_it():
    # 60 strategic, 10 procedural, 5 undecided: .8 - .2 / 75; with 40 undecided .6 - .5 / 110 is not sure
    sure = shares([STRATEGIC] * 60 + [PROCEDURAL] * 10 + [UNDECIDED] * 5)
    assert sure["strategic"].lead.value == pytest.approx((60 - 10 - 5) / 75)
    assert sure["strategic"].leads
    assert not sure["procedural"].leads
    turned = shares([STRATEGIC] * 60 + [PROCEDURAL] * 10 + [UNDECIDED] * 40)
    assert turned["strategic"].lead.value == pytest.approx((60 - 10 - 40) / 110)
    assert not turned["strategic"].leads


def test_the_interval_of_the_lead_knows_that_one_kind_takes_from_the_other():
    """Of 100 traces 60 are strategic, 40 procedural: the lead is 2 * .6 - 1, twice as unsure as the share."""
    lead = shares([STRATEGIC] * 60 + [PROCEDURAL] * 40)["strategic"].lead
    assert lead.high - lead.low == pytest.approx(2 * 2 * 1.96 * (0.6 * 0.4 / 100) ** 0.5, rel=0.1)


def test_intervals_are_over_problems():
    alone = shares([STRATEGIC] * 10 + [PROCEDURAL] * 10)["strategic"].share
    # the same 20 traces of 4 problems, each of one kind
    together = shares([STRATEGIC] * 10 + [PROCEDURAL] * 10, [1] * 5 + [2] * 5 + [3] * 5 + [4] * 5)["strategic"].share
    assert together.high - together.low > 1.5 * (alone.high - alone.low)
    assert (alone.n, together.n) == (20, 4)


def test_a_kind_that_never_occurs_may_still_do_so():
    # 0 of 14 problems, 3 traces each
    result = shares([STRATEGIC] * 42, [problem for problem in range(14) for _ in range(3)])
    assert (result["degenerate"].share.low, result["degenerate"].share.high) == wilson_interval(0, 14)
    assert result["strategic"].share.low == pytest.approx(wilson_interval(14, 14)[0])
    assert result["strategic"].lead.low == pytest.approx(2 * wilson_interval(14, 14)[0] - 1)
    assert shares([STRATEGIC] * 9, [1] * 9)["strategic"].share.ends is None, "one problem says nothing of others"


@given(st.lists(st.integers(0, len(KINDS) - 1), min_size=1, max_size=30), st.integers(1, 5))
def test_a_trace_that_stands_for_several_counts_as_often(kinds, weight):
    problems = [index % 4 for index in range(len(kinds))]
    weighted = shares(kinds, problems, [weight] * len(kinds))
    repeated = shares(kinds * weight, problems * weight)
    for kind in KINDS:
        assert weighted[kind].share.value == pytest.approx(repeated[kind].share.value)
        assert weighted[kind].at_most.high == pytest.approx(repeated[kind].at_most.high)


def test_shares_are_counted_by_model_with_the_weights_of_their_traces():
    counts = KindCounts()
    for name, model, kind, weight in (
        ("1", "m", "strategic", 3.0),
        ("2", "m", "procedural", 1.0),
        ("3", None, "undecided", 1.0),
    ):
        counts.add(Trace(id=name, model=model, text=""), kind, weight)
    every = counts.all_models()
    assert (every.n_wrong, every.n_diagnosed, every.kind("strategic").share.value) == (5, 3, 0.6)
    models = counts.by_model()
    assert [(model.source, model.n_wrong, model.n_diagnosed) for model in models] == [
        ("m", 4, 2),
        ("unknown model", 1, 1),
    ]
    assert models[0].kind("strategic").share.value == 0.75
    row = models[0].to_json()[0]
    assert (row["kind"], row["count"], row["share"], row["at_most"], row["n_wrong"]) == ("strategic", 1, 0.75, 0.75, 4)
    assert KindCounts().by_model() == []
    assert KindCounts().all_models().kinds == ()
