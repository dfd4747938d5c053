"""What signals are worth, and when they decide."""

import json
import math

import pytest

from sgram.diagnosis.kind_model import BY_HAND, FAILURES, TOO_WEAK, KindModel, fit_kind_model, packaged_model
from sgram.diagnosis.signals import SIGNALS
from sgram.errors import InputError

THRESHOLDS = {"strategic": 0.7, "procedural": 0.7}


def model(prior=-1.0, **weights):
    return KindModel(
        prior, dict.fromkeys(SIGNALS, 0.0) | {name.replace("_", " "): w for name, w in weights.items()}, THRESHOLDS
    )


def test_each_signal_has_a_weight_and_no_two_lists_have_it():
    assert set(packaged_model().weights) == set(SIGNALS)
    assert not set(BY_HAND) & set(FAILURES)
    assert not set(TOO_WEAK) & {*BY_HAND, *FAILURES}
    assert all(packaged_model().weights[name] > 0 for name in FAILURES)
    assert all(packaged_model().weights[name] == 0 for name in TOO_WEAK)


def test_the_frequency_of_a_kind_decides_nothing():
    frequent = model(prior=-5.0)  # strategic errors are 150 times as frequent
    assert frequent.decide([])[0] is None
    assert frequent.decide(["other operation"])[0] is None  # a signal without weight speaks for nothing


def test_a_kind_must_be_sure_with_both_frequencies():
    # log-odds 2 - 1 with the rated frequencies: 1 / (1 + e^-1) = 0.731; 2 with equal ones: 0.881
    kind, probability = model(sign_turned=2.0).decide(["sign turned"])
    assert (kind, probability) == ("procedural", pytest.approx(1 / (1 + math.exp(-1))))
    assert model(sign_turned=1.8).decide(["sign turned"])[0] is None  # 0.69
    # -0.8 with equal frequencies: 0.69, though 0.86 with the rated ones
    assert model(computation_holds=-0.8).decide(["computation holds"])[0] is None
    assert model(computation_holds=-0.9).decide(["computation holds"])[0] == "strategic"


def test_signals_that_contradict_each_other_decide_nothing():
    both = model(computation_holds=-3.0, slip_elsewhere=3.0)
    assert both.decide(["computation holds", "slip elsewhere"])[0] is None


def test_weights_are_logs_of_ratios_and_failures_borrow_from_each_other():
    signals = [["slip elsewhere"], ["slip put right"], ["computation holds"], []]
    fitted = fit_kind_model(signals, [True, True, False, False], THRESHOLDS)
    # computation holds: (0 + .5) / 3 against (1 + .5) / 3
    assert fitted.weights["computation holds"] == pytest.approx(math.log(1 / 3))
    # failures: 2 procedural, 0 strategic; share (2 + .5) / (2 + 1) = 5/6, so 1 + 4 * 5/6 against 4 * 1/6
    assert fitted.weights["slip elsewhere"] == pytest.approx(math.log((1 + 20 / 6) / (4 / 6)))
    assert fitted.weights["false claim"] == pytest.approx(math.log((20 / 6) / (4 / 6)))
    assert fitted.prior == pytest.approx(0.0)


def test_a_model_is_read_back_and_a_damaged_one_refused(tmp_path):
    path = tmp_path / "kinds.json"
    path.write_text(json.dumps(packaged_model().to_json()))
    assert KindModel.load(path).to_json() == packaged_model().to_json()
    for document, message in (
        ("{", "is not JSON"),
        ('{"format": "x"}', "contains no weights of error kinds"),
        (json.dumps(packaged_model().to_json() | {"weights": {}}), "is damaged"),
        (json.dumps(packaged_model().to_json() | {"thresholds": {"strategic": 2, "procedural": 0.7}}), "out of range"),
    ):
        path.write_text(document)
        with pytest.raises(InputError, match=message):
            KindModel.load(path)
