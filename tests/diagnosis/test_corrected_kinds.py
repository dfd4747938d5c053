"""Shares of kinds corrected by ratings, and agreement on kinds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.diagnosis.corrected_kinds import RatedKinds, step_spans
from sgram.diagnosis.error_items import text_digest
from sgram.diagnosis.error_ratings import ErrorRatings, RatedTrace
from sgram.diagnosis.kind_agreement import opinion_pairs, pair_json
from sgram.diagnosis.kinds import KINDS
from sgram.errors import InputError
from tests.builders.wrong_traces import wrong_trace


def ratings(kinds: dict[str, str | None], **fields: object) -> ErrorRatings:
    given = {"digest": None, "probability": None, **fields}
    traces = {name: RatedTrace(name, kind, (("ada", kind or "format"),), **given) for name, kind in kinds.items()}
    return ErrorRatings(traces, len(kinds), None)


def test_each_kind_is_corrected_by_its_own_errors():
    # the classifier says strategic of 0 to 59, procedural of 60 to 99; the raters read every fifth. Of its 12
    # strategic ones 9 are, 3 are procedural; of its 8 procedural ones 6 are, 2 are strategic
    kinds = ["strategic"] * 9 + ["procedural"] * 3 + ["procedural"] * 6 + ["strategic"] * 2
    table = RatedKinds(ratings({str(5 * row): kind for row, kind in enumerate(kinds)}))
    for number in range(100):
        table.add(wrong_trace(str(number)), "strategic" if number < 60 else "procedural")
    shares = {kind.kind: kind for kind in table.all_traces().kinds}
    # .6 * 9/12 + .4 * 2/8 = .55 and .6 * 3/12 + .4 * 6/8 = .45
    assert shares["strategic"].predicted == 0.6
    assert shares["strategic"].corrected.value == pytest.approx(0.55)
    assert shares["procedural"].corrected.value == pytest.approx(0.45)
    assert shares["format"].corrected.value == 0
    assert (table.n_rated, table.n_tied, table.missing) == (20, 0, ())
    # .55 - .45; of 20 ratings no difference can be shown
    lead = table.all_traces().lead
    assert lead.value == pytest.approx(0.1)
    assert lead.low < 0 < lead.high


def test_sources_and_steps_have_shares_of_their_own():
    table = RatedKinds(ratings({str(number): "strategic" if number < 40 else "format" for number in range(0, 60, 2)}))
    for number in range(60):
        table.add(wrong_trace(str(number), model="a" if number < 40 else "b", step=number // 20), "undecided")
    a, b = table.by_source()
    assert [(group.name, group.n_traces, group.n_rated) for group in (a, b)] == [("a", 40, 20), ("b", 20, 10)]
    assert (a.kinds[0].corrected.value, b.kinds[0].corrected.value) == (1.0, 0.0)
    assert [(group.name, group.n_rated, group.kinds[0].corrected.value) for group in table.by_step()] == [
        ("0", 10, 1.0),
        ("1", 10, 1.0),
        ("2", 10, 0.0),
    ]


def test_ties_and_traces_that_are_not_there_are_left_out_and_named():
    table = RatedKinds(ratings({"1": "format", "2": None, "77": "format", "8": "format"}))
    for number in (1, 2, 3):
        table.add(wrong_trace(str(number)), "format")
    assert (table.n_rated, table.n_tied, table.missing) == (1, 1, ("77", "8"))


def test_another_text_than_the_rated_one_is_refused():
    trace = wrong_trace("1")
    table = RatedKinds(ratings({"1": "format"}, digest=text_digest(trace)))
    table.add(trace, "format")
    with pytest.raises(InputError, match="trace '1' has another text than the one that was rated; diagnose the"):
        RatedKinds(table.ratings).add(wrong_trace("1", text="It is 3 again."), "format")


def test_a_trace_with_half_the_chance_counts_twice():
    rated = {**ratings({"1": "strategic"}, probability=0.1).traces, **ratings({"2": "format"}, probability=0.2).traces}
    table = RatedKinds(ErrorRatings(rated, 2, None))
    for number in range(20):
        table.add(wrong_trace(str(number)), "undecided")
    assert table.all_traces().kinds[0].corrected.value == pytest.approx(2 / 3)


def test_traces_that_stand_for_no_other_count_as_rated_only():
    table = RatedKinds(ratings({str(number): "strategic" for number in range(6)}))
    for number in range(6):
        table.add(wrong_trace(str(number)), "format", row_weight=0.0)
    for number in range(6, 16):
        table.add(wrong_trace(str(number)), "strategic" if number < 10 else None)
    everything = table.all_traces()
    assert (everything.n_traces, everything.n_rated) == (10, 6)
    assert everything.kinds[0].predicted == 0.4


@given(st.lists(st.integers(-5, 60), max_size=200))
def test_spans_of_steps_hold_every_step_once(steps):
    spans = step_spans(steps)
    assert len(spans) <= 3
    if len(set(steps)) >= 2:
        covered = [sum(low <= step <= high for low, high in spans) for step in steps]
        assert set(covered) == {1}
    else:
        assert spans == []


def test_agreement_is_that_of_each_pair_on_what_both_have_an_opinion_of():
    classifier = {"a": "strategic", "b": "strategic", "c": "format", "d": "undecided"}
    judge = {"a": "strategic", "b": "procedural", "c": None, "z": "format"}
    rated = ratings({"a": "strategic", "b": None, "c": "format", "d": "undecided", "y": "format"})
    pairs = {(pair.first, pair.second): pair for pair in opinion_pairs(classifier, judge, "model", rated)}
    # raters: a, c and d (b is a tie); judge: a and b
    assert {names: (pair.n_items, pair.agreement.value) for names, pair in pairs.items()} == {
        ("classifier", "raters"): (3, 1.0),
        ("classifier", "model"): (2, 0.5),
        ("model", "raters"): (1, 1.0),
    }
    assert pairs["classifier", "raters"].kappa.value == 1.0
    assert pair_json(pairs["classifier", "model"])["n_traces"] == 2


def test_a_judge_named_as_a_rater_is_told_apart_and_raters_are_compared_with_each_other():
    both = RatedTrace("a", "format", (("ada", "format"), ("bob", "format")), None, None)
    pairs = opinion_pairs({"a": "format"}, {"a": "format"}, "raters", ErrorRatings({"a": both}, 2, None))
    assert {(pair.first, pair.second) for pair in pairs} == {
        ("classifier", "judge raters"),
        ("classifier", "raters"),
        ("judge raters", "raters"),
        ("ada", "bob"),
    }


def test_a_worthless_classifier_does_not_mislead():
    rng = np.random.default_rng(0)
    truth = rng.choice(["strategic", "procedural", "format"], 400, p=[0.2, 0.7, 0.1])
    table = RatedKinds(ratings({str(row): truth[row] for row in range(0, 400, 4)}))
    for number in range(400):
        table.add(wrong_trace(str(number)), "strategic")  # whatever it is
    lead = table.all_traces().lead
    assert lead.low < (truth == "strategic").mean() - (truth == "procedural").mean() < lead.high < 0
    for kind in table.all_traces().kinds:
        low, high = kind.corrected.ends
        assert low <= float((truth == kind.kind).mean()) <= high
    assert len(table.all_traces().kinds) == len(KINDS)
