"""Verdicts on the claims of Multi-Agent Evolve, on runs whose numbers are chosen."""

import json

import pytest

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.errors import UsageError
from sgram.statistics import MeanInterval, t_interval
from sgram.training.evolve.claims import above, all_of, judge_claims, not_below
from sgram.training.evolve.evolve_run import EvolveRun
from tests.builders.evolve_runs import evaluation, run, step_rows

NOISE = (-0.01, 0.0, 0.01)


def three(accuracies=(0.25, 0.4), **ends):
    """Three seeds whose numbers end a hundredth apart."""
    first, *others = accuracies
    return [
        run(
            seed,
            (first, *(number + noise for number in others)),
            **{name: (start, last + noise) for name, (start, last) in ends.items()},
        )
        for seed, noise in enumerate(NOISE)
    ]


def claims(**arms):
    return {claim.key: claim for claim in judge_claims({name.replace("_", "-"): runs for name, runs in arms.items()})}


def conditions(claim):
    return [condition.verdict for condition in claim.conditions]


HARDER = {"difficulty": (0.6, 0.8)}


# -- verdicts -------------------------------------------------------------------------------------------


def test_equal_numbers_of_several_runs_decide_and_one_run_does_not():
    assert above(t_interval([12.0] * 3), 1) == "yes"
    assert above(t_interval([0.5] * 3), 1) == "no"
    assert above(t_interval([1.0] * 3), 1) == "cannot say"
    assert above(t_interval([12.0]), 1) == "cannot say"
    assert above(t_interval([]), 1) == "cannot say"


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(-0.04, 0.2, "yes"), (-0.04, -0.01, "yes"), (-0.3, -0.01, "no"), (-0.3, 0.01, "cannot say"), (0.1, 0.2, "yes")],
)
def test_a_loss_is_excluded_shown_or_open(low, high, verdict):
    assert not_below(MeanInterval(3, (low + high) / 2, low, high), 0.05) == verdict


def test_one_failed_condition_fails_the_claim_and_an_open_one_leaves_it_open():
    assert all_of(["yes", "yes"]) == "yes"
    assert all_of(["yes", "cannot say"]) == "cannot say"
    assert all_of(["cannot say", "no"]) == "no"


# -- first easy, then harder ----------------------------------------------------------------------------


def test_harder_holds_if_difficulty_rises_more_than_that_of_both_controls_and_validity_stays():
    claim = claims(evolve=three(**HARDER), frozen_proposer=three(), no_difficulty=three())["harder"]
    assert conditions(claim) == ["yes"] * 4
    assert claim.verdict == "yes"
    # ends .79, .80, .81 from .6, on a line: mean change .2
    assert claim.conditions[0].interval.mean == pytest.approx(0.2)
    assert claim.conditions[1].interval.mean == pytest.approx(0.2)


def test_harder_cannot_be_said_without_its_controls():
    claim = claims(evolve=three(**HARDER), no_difficulty=three())["harder"]
    assert conditions(claim) == ["yes", "cannot say", "yes", "yes"]
    assert claim.verdict == "cannot say"
    assert claim.conditions[1].interval.undefined == "no run of it"


def test_harder_fails_if_a_control_gets_harder_by_more():
    steeper = [run(seed, difficulty=(0.6, 0.95 - 2 * noise)) for seed, noise in enumerate(NOISE)]
    claim = claims(evolve=three(**HARDER), frozen_proposer=steeper, no_difficulty=three())["harder"]
    assert conditions(claim) == ["yes", "no", "yes", "yes"]
    assert claim.verdict == "no"


def test_harder_fails_if_valid_questions_become_rare():
    claim = claims(evolve=three(**HARDER, valid=(0.7, 0.5)), frozen_proposer=three(), no_difficulty=three())["harder"]
    assert conditions(claim)[-1] == "no"
    assert claim.verdict == "no"


def test_judged_difficulty_stands_beside_and_decides_nothing():
    claim = claims(evolve=three(**HARDER, judged=(0.5, 0.3)), frozen_proposer=three(), no_difficulty=three())["harder"]
    assert claim.verdict == "yes"
    assert claim.beside[0].interval.mean == pytest.approx(-0.2)
    assert claim.beside[0].verdict is None


# -- the judge ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aucs", "verdict"), [((0.8, 0.81, 0.82), "yes"), ((0.5, 0.51, 0.52), "no"), ((0.6, 0.8, 0.9), "cannot say")]
)
def test_the_judge_claim_is_decided_by_the_change_of_auc(aucs, verdict):
    claim = claims(evolve=[run(seed, last={"auc": auc, "wrong": 0.5}) for seed, auc in enumerate(aucs)])["judge"]
    assert claim.verdict == verdict
    beside = {condition.name: condition.interval.mean for condition in claim.beside}
    assert beside["leniency (mean score of wrong answers), last"] == pytest.approx(0.5)
    assert beside["leniency, last - start"] == pytest.approx(0.2)
    assert beside["AUC of the frozen judge on the same answers, last"] == pytest.approx(0.8)


# -- equilibrium ----------------------------------------------------------------------------------------


def test_flat_curves_and_a_wide_proposer_are_an_equilibrium():
    claim = claims(evolve=three())["equilibrium"]
    assert claim.verdict == "yes"
    assert claim.note == ""


def test_a_narrow_proposer_is_called_collapse():
    # classes 8 at the start, 1.5, 1.6, 1.7 at the end: about a fifth
    runs = [run(seed, last={"classes": classes}) for seed, classes in enumerate((1.5, 1.6, 1.7))]
    claim = claims(evolve=runs)["equilibrium"]
    assert (claim.verdict, claim.note) == ("no", "the proposer has collapsed")
    assert claim.conditions[2].interval.mean == pytest.approx(0.2)


def test_a_proposer_that_repeats_itself_is_called_collapse():
    claim = claims(evolve=[run(seed, new=0.5) for seed in range(3)])["equilibrium"]
    assert (claim.verdict, claim.note) == ("no", "the proposer has collapsed")


def test_a_curve_that_rises_to_the_end_has_not_settled():
    claim = claims(evolve=three(**HARDER))["equilibrium"]
    assert conditions(claim) == ["yes", "no", "yes", "yes"]
    assert claim.conditions[1].note == "settled in 0 of 3 runs, without a change in 0"


# -- accuracy and settings ------------------------------------------------------------------------------


def test_accuracy_is_decided_by_the_last_evaluation_and_printed_beside_fixed_questions():
    evolve = three(accuracies=(0.25, 0.5, 0.35))
    claim = claims(evolve=evolve, fixed_questions=three(accuracies=(0.25, 0.5, 0.6)))["accuracy"]
    assert claim.verdict == "yes"
    assert claim.conditions[0].interval.mean == pytest.approx(0.1)
    means = [condition.interval.mean for condition in claim.beside]
    # best .5, fixed +.35, evolve less fixed -.25; no run with a narrow set
    assert means == [pytest.approx(0.25), pytest.approx(0.35), pytest.approx(-0.25), None, None]
    assert claim.beside[3].interval.undefined == "no run"


def test_accuracy_that_falls_is_no_and_one_seed_cannot_say():
    assert claims(evolve=three(accuracies=(0.25, 0.1)))["accuracy"].verdict == "no"
    assert claims(evolve=[run(0, (0.25, 0.9))])["accuracy"].verdict == "cannot say"


@pytest.mark.parametrize(("worst", "verdict"), [(0.28, "yes"), (0.18, "no")])
def test_settings_are_accepted_if_accuracy_never_strays_under_a_random_judge(worst, verdict):
    claim = judge_claims({"judge=random": three(accuracies=(0.25, worst, 0.25))})[0]
    assert claim.verdict == verdict
    assert f"{worst - 0.25:+.3f}, at step 10" in claim.conditions[0].note


def test_without_runs_nothing_can_be_said():
    assert {claim.verdict for claim in judge_claims({})} == {"cannot say"}


def test_claims_are_json_values():
    document = [claim.to_json() for claim in judge_claims({"evolve": three()})]
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert [row["key"] for row in document] == ["settings", "harder", "judge", "equilibrium", "accuracy"]


# -- runs -----------------------------------------------------------------------------------------------


def test_a_run_is_read_from_its_parts_with_start_and_final_at_both_ends():
    rows = [{"step": 5, "evaluation": evaluation(0.3).to_json()}, {"step": 10, "evaluation": evaluation(0.5).to_json()}]
    start, final = evaluation(0.2), evaluation(0.4)
    read = EvolveRun.from_parts(1, 0, step_rows(10), start, final, rows)
    assert [(step, each.accuracy) for step, each in read.evaluations] == [(0, 0.2), (5, 0.3), (10, 0.4)]
    assert (read.best(lambda each: each.accuracy), read.pair) == (0.4, (1, 0))
    with pytest.raises(UsageError, match="at step 0"):
        EvolveRun(0, 0, (), ((5, start),))


def test_a_trend_is_the_line_through_the_steps_that_logged_the_number():
    # 1, 2, 4 at steps 1, 2, 4 ...: a line with slope 1, from step 1 to 8
    rows = tuple({"step": step, **({"x": float(step)} if step not in (3, 5) else {})} for step in range(1, 9))
    read = EvolveRun(0, 0, rows, ((0, evaluation(0.2)),))
    assert read.trend("x") == pytest.approx(7.0)
    assert read.end("x") == 8.0  # a fifth of six steps is one
    assert read.trend("y") is None
    assert read.end("y") is None
