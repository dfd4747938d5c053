"""Location of the first error, with its confidence and reason."""

import json

import numpy as np
import pytest

from sgram.diagnosis.error_locator import ErrorLocator, locate_error, packaged_locator
from sgram.diagnosis.step_features import NO_ERROR_FEATURES, STEP_FEATURES, step_evidence
from sgram.equations import EquationLimits
from sgram.errors import InputError

PROBLEM = "Ann has 12 pens, gives 5 away and buys 3 boxes of 8. How many has she?"
RIGHT = ["She has 12 - 5 = 7 left.", "The boxes hold 3 * 8 = 24.", "In all 7 + 24 = 31.", "The answer is 31."]
WRONG = [*RIGHT[:1], "The boxes hold 3 * 8 = 28.", "In all 7 + 28 = 35.", "The answer is 35."]


def test_the_step_with_the_wrong_equation_is_named_with_its_reason():
    location = locate_error(PROBLEM, WRONG)
    assert location.step == 1
    assert location.reason == "3 * 8 is 24, not 28"
    assert WRONG[1][location.equation.start : location.equation.end] == "3 * 8 = 28"
    assert location.confidence == location.scores[1] == max(location.scores)


def test_no_error_is_seen_in_a_right_solution_unless_it_is_known_to_be_wrong():
    location = locate_error(PROBLEM, RIGHT)
    assert (location.step, location.equation) == (None, None)
    assert location.confidence == pytest.approx(1 - sum(location.scores))
    forced = locate_error(PROBLEM, RIGHT, known_wrong=True, min_confidence=0.0)
    assert forced.step is not None
    assert sum(forced.scores) == pytest.approx(1)
    assert "proven" in forced.reason or forced.reason


def test_a_wrong_claim_is_named():
    steps = ["At the start: Ann: pen, Bob: cup.", "Ann and Bob swap: Ann: cup, Bob: cup.", "Ann has the cup."]
    location = locate_error(None, steps)
    assert (location.step, location.reason) == (1, "Bob holds pen after that")


def test_nothing_to_look_at():
    location = locate_error(PROBLEM, [])
    assert (location.step, location.scores) == (None, ())
    assert locate_error(None, [""]).scores != ()


def test_limits_reach_the_equations():
    assert locate_error(PROBLEM, WRONG, EquationLimits(characters=2), known_wrong=True).equation is None


def zero_locator():
    return ErrorLocator(np.zeros(len(STEP_FEATURES)), np.zeros(len(NO_ERROR_FEATURES)))


def test_probabilities_are_a_softmax_over_steps_and_no_error():
    evidence = step_evidence(PROBLEM, WRONG)
    probabilities, no_error = zero_locator().probabilities(evidence)
    assert probabilities.tolist() == pytest.approx([0.2] * 4)
    assert no_error == pytest.approx(0.2)
    probabilities, no_error = zero_locator().probabilities(evidence, known_wrong=True)
    assert probabilities.tolist() == pytest.approx([0.25] * 4)
    assert no_error == 0
    locator = zero_locator()
    locator.step_weights[STEP_FEATURES.index("first wrong")] = np.log(3)
    assert locator.probabilities(evidence, known_wrong=True)[0].tolist() == pytest.approx([1 / 6, 3 / 6, 1 / 6, 1 / 6])


def test_weights_survive_their_file_and_a_damaged_file_is_refused(tmp_path):
    packaged, path = packaged_locator(), tmp_path / "weights.json"
    path.write_text(json.dumps(packaged.to_json()))
    again = ErrorLocator.load(path)
    assert np.array_equal(packaged.step_weights, again.step_weights)
    assert np.array_equal(packaged.no_error_weights, again.no_error_weights)
    document = packaged.to_json()
    for damage, message in (
        ("not JSON", "is not JSON"),
        (json.dumps([1]), "contains no weights"),
        (json.dumps({**document, "version": 9}), "contains no weights"),
        (json.dumps({**document, "step": {}}), "is damaged"),
        (json.dumps({**document, "none": {**document["none"], "one": "NaN"}}), "is not finite"),
    ):
        path.write_text(damage)
        with pytest.raises(InputError, match=message):
            ErrorLocator.load(path)


def test_there_are_few_weights():
    assert len(STEP_FEATURES) + len(NO_ERROR_FEATURES) <= 50
