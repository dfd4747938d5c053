import pytest

from sgram.errors import InputError, UsageError
from sgram.evaluation.calibrate_sentence_scorer import Calibration, calibrate, measure_gain
from sgram.evaluation.train_sentence_scorer import LabeledSentence
from sgram.lexicon.sentence_scorer import LinearWeights, SentenceScorer

SCORER = SentenceScorer(
    "base", LinearWeights(-1000, {"let me": 3000, "wait": 3000}), {"verification": LinearWeights(0, {})}, 0.4, {"by": 1}
)


def sentence(grams, is_planning, problem):
    return LabeledSentence(frozenset(grams), is_planning, None, problem)


def unlike(n_problems=20):
    """Return sentences of a domain where "parse" plans and "wait" does not."""
    return [
        row
        for number in range(n_problems)
        for row in (
            sentence({"parse", "the"}, True, f"p{number}"),
            sentence({"wait", "the"}, False, f"p{number}"),
            sentence({"it", "is"}, False, f"p{number}"),
        )
    ]


def test_own_labels_move_weights_and_what_they_do_not_speak_of_stays():
    calibrated = calibrate(SCORER, unlike())
    # "parse" has no weight in the scorer, "wait" one of 3
    assert SCORER.planning.total(["parse", "the"]) < SCORER.least_total <= calibrated.planning.total(["parse", "the"])
    assert calibrated.planning.total(["wait", "the"]) < calibrated.least_total <= SCORER.planning.total(["wait", "the"])
    # "wait" also tells that the scorer's logits are too large here
    assert 0 < calibrated.planning.grams["let me"] < 3000
    assert (calibrated.moves, calibrated.threshold, calibrated.name) == (SCORER.moves, 0.4, "base, calibrated")
    assert calibrated.source["calibrated_from"] == {"name": "base", "digest": SCORER.digest}


def test_the_order_of_labels_changes_no_byte():
    assert calibrate(SCORER, unlike()) == calibrate(SCORER, unlike())


def test_a_gain_is_shown_out_of_fold_where_the_domain_is_another():
    gain = measure_gain(SCORER, unlike(), n_draws=200)
    # before: all "wait" marked, no "parse"; after: each problem repeats what the others teach
    assert (gain.before["f1"].value, gain.after["f1"].value, gain.is_shown) == (0.0, 1.0, True)


def test_no_gain_is_shown_where_the_scorer_is_right_already():
    rows = [
        row
        for number in range(12)
        for row in (sentence({"let me"}, True, f"p{number}"), sentence({"it", "is"}, False, f"p{number}"))
    ]
    gain = measure_gain(SCORER, rows, n_draws=200)
    assert (gain.before["f1"].value, gain.gain["f1"].value, gain.is_shown) == (1.0, 0.0, False)


def test_too_few_sentences_are_refused_with_their_numbers():
    with pytest.raises(InputError, match=r"20 labeled sentences or more.*got 6 and 12"):
        calibrate(SCORER, unlike(6))
    with pytest.raises(InputError, match="got 0 and 20"):
        measure_gain(SCORER, [sentence({"it"}, False, f"p{row}") for row in range(20)])
    with pytest.raises(InputError, match="on one problem"):
        calibrate(SCORER, [sentence({"it"}, bool(row % 2), "p") for row in range(20)])
    with pytest.raises(UsageError, match="> 0"):
        Calibration(shift=0.0)
