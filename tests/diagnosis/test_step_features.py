"""Features of steps: what each of them sees, and that none knows what comes from elsewhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgram.diagnosis.step_features import NONE_FEATURES, STEP_FEATURES, step_evidence

PROBLEM = "Ann has 12 pens and buys 5 more. How many has she?"
STEPS = [
    "We add: 12 + 5 = 18.",
    "Then 18 * 2 = 36, and 36 * 2 = 71.",
    "However, that was a mistake.",
    "The answer is 18.",
]


def column(name, steps=STEPS, problem=PROBLEM):
    return step_evidence(problem, steps).steps[:, STEP_FEATURES.index(name)].tolist()


def none(name, steps=STEPS):
    return float(step_evidence(PROBLEM, steps).none[NONE_FEATURES.index(name)])


def test_wrong_equations_are_seen_where_they_stand():
    assert column("wrong") == [1, 1, 0, 0]
    assert column("first wrong") == [1, 0, 0, 0]
    assert column("after a wrong one") == [0, 1, 1, 1]
    assert none("any wrong") == 1
    assert none("any wrong", ["12 + 5 = 17."]) == 0


def test_places_and_words():
    assert column("first") == [1, 0, 0, 0]
    assert column("last") == [0, 0, 0, 1]
    assert column("next to last") == [0, 0, 1, 0]
    assert column("doubt before") == [0, 0, 0, 1]
    assert column("doubt later") == [1, 1, 0, 0]
    assert column("answer") == [0, 0, 0, 1]
    assert column("no mathematics") == [0, 0, 1, 0]


def test_numbers_from_nowhere_are_counted():
    # 12 and 5 are the problem's, 18 and 71 results; 2 stands in no text before, 7 and 9 come from nowhere
    assert column("new numbers", ["12 + 5 = 18", "18 + 7 + 9"]) == pytest.approx([0, np.log(3)])


def test_a_solution_that_does_not_solve_is_a_slip():
    assert column("slip in solving", ["2x + 3 = 11\n\nx = 4", "2x + 3 = 11\n\nx = 5"]) == [0, 1]
    assert column("slip in solving", ["x^2 = 9\n\nx = 3", "2x = 7\n\ny = 1"]) == [0, 0]


def test_the_name_of_a_step_says_nothing():
    plain, named = (step_evidence(PROBLEM, [f"{name}{step}" for step in STEPS]) for name in ("", "Step 3: "))
    assert np.array_equal(plain.steps, named.steps)
    assert np.array_equal(plain.none, named.none)


def test_a_text_with_claims_is_judged_by_them():
    steps = ['"ash" < "elm"', '"elm" < "birch"', "The answer is ash."]
    assert column("wrong", steps) == [0, 1, 0]
    assert column("words", steps) == [0, 0, 0]
    assert column("claims: answer", steps) == [0, 0, 1]
    assert none("claims", steps) == 1
    assert none("claims") == 0


@settings(max_examples=40)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=6), st.none() | st.text(max_size=30))
def test_features_are_finite_and_one_row_a_step(steps, problem):
    evidence = step_evidence(problem, steps)
    assert evidence.steps.shape == (len(steps), len(STEP_FEATURES))
    assert evidence.none.shape == (len(NONE_FEATURES),)
    assert np.isfinite(evidence.steps).all()
    assert np.isfinite(evidence.none).all()
    assert len(evidence.equations) == len(evidence.claims) == len(steps)
