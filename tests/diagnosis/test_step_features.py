"""Features of steps and of solutions without an error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.diagnosis.step_features import NO_ERROR_FEATURES, STEP_FEATURES, step_evidence

PROBLEM = "Ann has 12 pens and buys 5 more. How many has she?"
STEPS = [
    "We add: 12 + 5 = 18.",
    "Then 18 * 2 = 36, and 36 * 2 = 71.",
    "However, that was a mistake.",
    "The answer is 18.",
]


def step_feature(name, steps=STEPS, problem=PROBLEM):
    return step_evidence(problem, steps).step_features[:, STEP_FEATURES.index(name)].tolist()


def no_error_feature(name, steps=STEPS):
    return float(step_evidence(PROBLEM, steps).no_error_features[NO_ERROR_FEATURES.index(name)])


def test_wrong_equations_are_seen_where_they_stand():
    assert step_feature("wrong") == [1, 1, 0, 0]
    assert step_feature("first wrong") == [1, 0, 0, 0]
    assert step_feature("after a wrong one") == [0, 1, 1, 1]
    assert no_error_feature("any wrong") == 1
    assert no_error_feature("any wrong", ["12 + 5 = 17."]) == 0


def test_places_and_words():
    assert step_feature("first") == [1, 0, 0, 0]
    assert step_feature("last") == [0, 0, 0, 1]
    assert step_feature("next to last") == [0, 0, 1, 0]
    assert step_feature("doubt before") == [0, 0, 0, 1]
    assert step_feature("doubt later") == [1, 1, 0, 0]
    assert step_feature("answer") == [0, 0, 0, 1]
    assert step_feature("no mathematics") == [0, 0, 1, 0]


def test_numbers_from_nowhere_are_counted():
    # 12 and 5 are the problem's, 18 and 71 results; 2 stands in no text before, 7 and 9 come from nowhere
    assert step_feature("new numbers", ["12 + 5 = 18", "18 + 7 + 9"]) == pytest.approx([0, np.log(3)])


def test_a_solution_that_does_not_solve_is_a_slip():
    assert step_feature("slip in solving", ["2x + 3 = 11\n\nx = 4", "2x + 3 = 11\n\nx = 5"]) == [0, 1]
    assert step_feature("slip in solving", ["x^2 = 9\n\nx = 3", "2x = 7\n\ny = 1"]) == [0, 0]


def test_the_label_of_a_step_changes_no_feature():
    plain, labeled = (step_evidence(PROBLEM, [f"{label}{step}" for step in STEPS]) for label in ("", "Step 3: "))
    assert np.array_equal(plain.step_features, labeled.step_features)
    assert np.array_equal(plain.no_error_features, labeled.no_error_features)


def test_a_text_with_claims_is_judged_by_them():
    steps = ['"ash" < "elm"', '"elm" < "birch"', "The answer is ash."]
    assert step_feature("wrong", steps) == [0, 1, 0]
    assert step_feature("words", steps) == [0, 0, 0]
    assert step_feature("claims: answer", steps) == [0, 0, 1]
    assert no_error_feature("claims", steps) == 1
    assert no_error_feature("claims") == 0


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6), st.none() | st.text(max_size=30))
def test_features_are_finite_and_one_row_a_step(steps, problem):
    evidence = step_evidence(problem, steps)
    assert evidence.step_features.shape == (len(steps), len(STEP_FEATURES))
    assert evidence.no_error_features.shape == (len(NO_ERROR_FEATURES),)
    assert np.isfinite(evidence.step_features).all()
    assert np.isfinite(evidence.no_error_features).all()
    assert len(evidence.equations) == len(evidence.claims) == len(steps)
