"""Location of the first error: what is named, with what confidence and reason."""

import json

import numpy as np
import pytest

from sgram.diagnosis.error_locator import Locator, locate_error, packaged_locator
from sgram.diagnosis.step_features import NONE_FEATURES, STEP_FEATURES, step_evidence
from sgram.equations import EquationLimits
from sgram.errors import InputError

PROBLEM = "Ann has 12 pens, gives 5 away and buys 3 boxes of 8. How many has she?"
RIGHT = ["She has 12 - 5 = 7 left.", "The boxes hold 3 * 8 = 24.", "In all 7 + 24 = 31.", "The answer is 31."]
WRONG = [*RIGHT[:1], "The boxes hold 3 * 8 = 28.", "In all 7 + 28 = 35.", "The answer is 35."]


def test_the_step_with_the_wrong_equation_is_named_with_its_reason():
    found = locate_error(PROBLEM, WRONG)
    assert found.step == 1
    assert found.reason == "3 * 8 is 24, not 28"
    assert WRONG[1][found.equation.start : found.equation.end] == "3 * 8 = 28"
    assert found.confidence == found.scores[1] == max(found.scores)


def test_no_error_is_seen_in_a_right_solution_unless_it_is_known_to_be_wrong():
    found = locate_error(PROBLEM, RIGHT)
    assert (found.step, found.equation) == (None, None)
    assert found.confidence == pytest.approx(1 - sum(found.scores))
    forced = locate_error(PROBLEM, RIGHT, known_wrong=True)
    assert forced.step is not None
    assert sum(forced.scores) == pytest.approx(1)
    assert "proven" in forced.reason or forced.reason


def test_a_wrong_claim_is_named():
    steps = ["At the start: Ann: pen, Bob: cup.", "Ann and Bob swap: Ann: cup, Bob: cup.", "Ann has the cup."]
    found = locate_error(None, steps)
    assert (found.step, found.reason) == (1, "Bob holds pen after that")


def test_nothing_to_look_at():
    found = locate_error(PROBLEM, [])
    assert (found.step, found.scores) == (None, ())
    assert locate_error(None, [""]).scores != ()


def test_limits_reach_the_equations():
    assert locate_error(PROBLEM, WRONG, EquationLimits(characters=2), known_wrong=True).equation is None


def weights(step=0.0, none=0.0):
    return Locator(np.full(len(STEP_FEATURES), step), np.full(len(NONE_FEATURES), none))


def test_probabilities_are_a_softmax_over_steps_and_none():
    evidence = step_evidence(PROBLEM, WRONG)
    parts, none = weights().probabilities(evidence)
    assert parts.tolist() == pytest.approx([0.2] * 4)
    assert none == pytest.approx(0.2)
    parts, none = weights().probabilities(evidence, known_wrong=True)
    assert parts.tolist() == pytest.approx([0.25] * 4)
    assert none == 0
    locator = weights()
    locator.step_weights[STEP_FEATURES.index("first wrong")] = np.log(3)
    assert locator.probabilities(evidence, known_wrong=True)[0].tolist() == pytest.approx([1 / 6, 3 / 6, 1 / 6, 1 / 6])


def test_weights_survive_their_file_and_a_damaged_one_is_told(tmp_path):
    packaged, path = packaged_locator(), tmp_path / "weights.json"
    path.write_text(json.dumps(packaged.to_json()))
    again = Locator.load(path)
    assert np.array_equal(packaged.step_weights, again.step_weights)
    assert np.array_equal(packaged.none_weights, again.none_weights)
    document = packaged.to_json()
    for damage, message in (
        ("not JSON", "is not JSON"),
        (json.dumps([1]), "holds no weights"),
        (json.dumps({**document, "version": 9}), "holds no weights"),
        (json.dumps({**document, "step": {}}), "is damaged"),
        (json.dumps({**document, "none": {**document["none"], "one": "NaN"}}), "no finite number"),
    ):
        path.write_text(damage)
        with pytest.raises(InputError, match=message):
            Locator.load(path)


def test_there_are_few_weights():
    assert len(STEP_FEATURES) + len(NONE_FEATURES) <= 50
