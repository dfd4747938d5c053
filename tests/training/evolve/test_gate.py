"""The gate of the pool: who enters, and when a gate that does nothing stops the run."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.errors import InputError, SgramError, UsageError
from sgram.training.evolve.gate import MAX_USELESS_STEPS, N_RECENT, Gate

NAN = float("nan")


def test_a_threshold_lets_in_what_reaches_it():
    # 7 of 10 is (7 - 1) / 9 = .667 and stays out, 8 of 10 is .778 and enters
    assert Gate.parse("0.7").admit([6 / 9, 7 / 9, 0.7, None, NAN]).tolist() == [False, True, True, False, False]


def test_a_quantile_is_that_of_the_recent_qualities_with_those_of_the_step():
    gate = Gate.parse("q0.5")
    # .2, .4, .6: median .4; then .2, .4, .6, .5, .9: median .5
    assert gate.admit([0.2, 0.4, NAN, 0.6]).tolist() == [False, True, False, True]
    assert gate.admit([0.5, 0.9]).tolist() == [True, True]
    assert gate.threshold == 0.5


def test_of_few_kinds_of_qualities_the_lowest_never_passes_a_quantile():
    # the median of 0, 0, 1 is 0, which all would reach
    assert Gate.parse("q0.5").admit([0.0, 1.0, 0.0]).tolist() == [False, True, False]
    assert Gate.parse("q0.5").admit([0.0, 0.0]).tolist() == [True, True], "no quality is better than another"


def test_all_questions_may_enter_for_long_where_qualities_are_the_truth():
    gate = Gate("quantile", 0.5, may_admit_all=True)
    for _ in range(2 * MAX_USELESS_STEPS):
        assert gate.admit([1.0] * 20).all()
    assert Gate.from_json(json.loads(json.dumps(gate.to_json()))) == gate


def test_only_the_latest_qualities_count():
    gate = Gate.parse("q0.5")
    gate.admit([0.9] * 100)
    for _ in range(4):
        gate.admit([0.1, 0.3] * 32)
    # 256 qualities of .1 and .3 have pushed out all .9: the median is .2
    assert len(gate.recent) == N_RECENT
    assert gate.threshold == pytest.approx(0.2)


def test_without_any_quality_a_quantile_lets_nothing_in():
    gate = Gate.parse("q0.5")
    assert gate.admit([None, NAN]).tolist() == [False, False]
    assert gate.threshold is None


def test_the_oracle_goes_by_truth_and_no_gate_lets_all_in():
    assert Gate.parse("oracle").admit([None, 0.9, 0.1], [True, False, True]).tolist() == [True, False, True]
    assert Gate.parse("none").admit([None, 0.0]).tolist() == [True, True]
    assert Gate.parse("none").admit([]).tolist() == []


@pytest.mark.parametrize("truths", [None, [True], [True, None]])
def test_the_oracle_needs_the_truth_of_every_question(truths):
    with pytest.raises(UsageError, match="--gate oracle needs a task that knows"):
        Gate.parse("oracle").admit([0.5, 0.5], truths)


@pytest.mark.parametrize("text", ["", "q", "q0", "q1", "q1.5", "-0.1", "1.1", "nan", "qnan", "half", "Oracle"])
def test_other_names_are_refused(text):
    with pytest.raises(UsageError, match="--gate must be a quantile such as"):
        Gate.parse(text)


@pytest.mark.parametrize("text", ["q0.5", "q0.123456789", "0.7", "oracle", "none"])
def test_the_name_of_a_gate_makes_it_again(text):
    assert Gate.parse(text).name == text
    assert Gate.parse(Gate.parse("1").name) == Gate.parse("1")


def test_a_quality_outside_0_to_1_is_refused():
    with pytest.raises(InputError, match=r"a quality must be in \[0, 1\] \(got 8\)"):
        Gate.parse("0.7").admit([8.0])


# -- gates that do nothing ------------------------------------------------------------------------------


def test_a_gate_that_lets_nothing_in_for_ten_steps_stops_the_run():
    gate = Gate.parse("0.7")
    for _ in range(MAX_USELESS_STEPS - 1):
        gate.admit([0.4, 0.5, 0.6, None])
    with pytest.raises(SgramError, match="has let in none of the 40 questions of 10 steps in a row") as stop:
        gate.admit([0.4, 0.5, 0.6, None])
    assert "the gate 0.7" in str(stop.value)
    assert "recent qualities lie between 0.40 and 0.60" in str(stop.value)


def test_a_gate_that_lets_everything_in_for_ten_steps_stops_the_run():
    gate = Gate.parse("q0.5")
    for _ in range(MAX_USELESS_STEPS - 1):
        gate.admit([0.5] * 4)  # a judge that says the same of all
    with pytest.raises(SgramError, match="has let in all of the 40 questions of 10 steps in a row"):
        gate.admit([0.5] * 4)


def test_one_step_in_between_begins_the_count_again():
    gate = Gate.parse("0.7")
    for step in range(3 * MAX_USELESS_STEPS):
        gate.admit([0.1] * 9 + [0.8 if step % MAX_USELESS_STEPS == 9 else 0.2])


def test_a_judge_without_any_score_is_named():
    gate = Gate.parse("q0.5")
    for _ in range(MAX_USELESS_STEPS - 1):
        gate.admit([None] * 4)
    with pytest.raises(SgramError, match="no judgement of a question has a score"):
        gate.admit([None] * 4)


def test_few_new_questions_a_step_do_not_stop_a_run_at_once_and_steps_without_any_do_not_count():
    gate = Gate.parse("0.7")
    for _ in range(39):
        gate.admit([0.1])
        gate.admit([])
    with pytest.raises(SgramError, match="none of the 40 questions of 40 steps"):
        gate.admit([0.1])


def test_through_oracle_and_none_all_may_enter_for_ever():
    for gate in (Gate.parse("oracle"), Gate.parse("none")):
        for _ in range(2 * MAX_USELESS_STEPS):
            gate.admit([0.5] * 20, [True] * 20)
    gate = Gate.parse("oracle")
    for _ in range(MAX_USELESS_STEPS - 1):
        gate.admit([0.5] * 20, [False] * 20)
    with pytest.raises(SgramError, match="the gate oracle has let in none"):
        gate.admit([0.5] * 20, [False] * 20)


@given(st.sampled_from(["q0.5", "0.7", "oracle", "none"]), st.lists(st.lists(st.floats(0, 1), max_size=6), max_size=9))
def test_a_gate_goes_on_from_its_json(text, steps):
    gate = Gate.parse(text)
    for qualities in steps:
        copy = Gate.from_json(json.loads(json.dumps(gate.to_json())))
        assert copy == gate
        truths = [quality > 0.3 for quality in qualities]
        assert np.array_equal(gate.admit(qualities, truths), copy.admit(qualities, truths))
