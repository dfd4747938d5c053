"""Methods compared at the end of training; expected numbers are worked out by hand."""

import sys

import pytest

from sgram.analysis.arms import ArmContrast
from sgram.reports.wording import word
from tests.builders.report_tables import TableAnalysis, table

try:
    import scipy.stats
except ImportError:
    scipy = None
needs_scipy = pytest.mark.skipif(scipy is None, reason="intervals need scipy")


def arm_findings(last_of_run, by=0.01):
    """Return the findings on runs of two steps: pass@1 of .5, then the given one, each give or take `by`."""
    rows = [
        {
            "source": source,
            "step": step,
            "series": "pass@1",
            "list": None,
            "value": value,
            "low": value - by,
            "high": value + by,
            "n": 100,
            "relative": value / 0.5,
        }
        for source, last in last_of_run.items()
        for step, value in ((0, 0.5), (1, last))
    ]
    tables = {"curves": table("curves", rows)} if rows else {}
    findings = TableAnalysis(tables, tuple(last_of_run)).findings
    return [finding for finding in findings if isinstance(finding.question, ArmContrast)]


def runs(**lasts_of_method):
    """Return runs of seeds 0, 1, ... by name: hicra=[.5, .6] are hicra with seed 0 and seed 1."""
    return {
        f"{method}, seed {seed}": last for method, lasts in lasts_of_method.items() for seed, last in enumerate(lasts)
    }


def ends(finding):
    return finding.estimate.value, finding.estimate.low, finding.estimate.high


# -- one start model ------------------------------------------------------------------------------------

FOUR_SEEDS = {"hicra-push": [0.862, 0.501, 0.509, 0.052], "grpo": [0.6, 0.6, 0.6, 0.9]}


@needs_scipy
def test_the_interval_is_students_over_seeds_not_that_over_problems():
    # differences +26.2, -9.9, -9.1, -84.8 points: mean -77.6 / 4 = -19.4; squared deviations 45.6² + 9.5² + 10.3² +
    # 65.4² = 6552.9, so sd = sqrt(6552.9 / 3) = 46.736 and its error 46.736 / 2 = 23.368; t(.975; 3) = 3.18245, so
    # ± 74.37. Over problems it would be ± hypot(1, 1) / 2 = .7 points, and "lower".
    (finding,) = arm_findings(runs(**FOUR_SEEDS))
    assert finding.subject == "hicra-push against grpo"
    assert (finding.verdict, finding.n, finding.notes) == ("cannot say", 4, ())
    assert ends(finding) == pytest.approx((-0.194, -0.9377, 0.5497), abs=1e-4)
    assert word(finding).text == (
        "Accuracy at the end of training: cannot say for hicra-push against grpo "
        "(−19.4 points [−93.8, 55.0], seeds: 4)."
    )
    assert word(finding, with_subject=False).text == (
        "hicra-push against grpo: cannot say (−19.4 points [−93.8, 55.0], seeds: 4)."
    )


@needs_scipy
@pytest.mark.parametrize(("sign", "verdict"), [(1, "up"), (-1, "down")])
def test_a_direction_is_claimed_if_it_holds_over_seeds(sign, verdict):
    # differences 19, 20, 21 points: sd 1, error 1 / sqrt(3) = .57735; t(.975; 2) = 4.30265, so ± 2.484
    (finding,) = arm_findings(runs(grpo=[0.5] * 3, hicra=[0.5 + sign * gap for gap in (0.19, 0.2, 0.21)]))
    assert (finding.verdict, finding.n) == (verdict, 3)
    low, high = sorted((sign * 0.17516, sign * 0.22484))
    assert ends(finding) == pytest.approx((sign * 0.2, low, high), abs=1e-5)


def test_one_seed_shows_no_direction_and_says_so():
    (finding,) = arm_findings(runs(grpo=[0.5], hicra=[0.9]))
    assert (finding.verdict, finding.n) == ("cannot say", 1)
    assert ends(finding) == (pytest.approx(0.4), None, None)
    assert word(finding).text == (
        "Accuracy at the end of training: cannot say for hicra against grpo (+40.0 points, seeds: 1). "
        "One pair has no spread."
    )
    assert finding.to_json()["estimate"]["undefined"] == "one pair has no spread"


def test_seeds_without_a_spread_have_no_interval():
    (finding,) = arm_findings(runs(grpo=[0.5, 0.25], hicra=[0.75, 0.5]))
    assert (finding.verdict, finding.n, finding.notes) == ("cannot say", 2, ("all 2 differences are equal",))


@needs_scipy
def test_a_seed_that_only_one_of_two_methods_has_is_left_out():
    # +10 and +2 give 6, sd 8 / sqrt(2) and error 4; t(.975; 1) = 12.7062, so ± 50.82; seed 2 has no partner
    (finding,) = arm_findings(runs(grpo=[0.5, 0.5], hicra=[0.6, 0.52, 0.9]))
    assert (finding.verdict, finding.n) == ("cannot say", 2)
    assert ends(finding) == pytest.approx((0.06, -0.4482, 0.5682), abs=1e-4)


@pytest.mark.parametrize("lasts", [{}, {"grpo": [0.5]}])
def test_one_method_says_nothing(lasts):
    assert arm_findings(runs(**lasts)) == []


def test_methods_without_a_common_seed_say_nothing():
    assert arm_findings({"grpo, seed 0": 0.5, "hicra, seed 1": 0.6}) == []


# -- which methods are compared -------------------------------------------------------------------------


def test_methods_are_compared_with_grpo_and_with_the_placebo():
    findings = arm_findings(runs(hicra=[0.6], grpo=[0.5], placebo=[0.58]))
    assert [(finding.subject, round(finding.estimate.value, 6)) for finding in findings] == [
        ("hicra against grpo", 0.1),
        ("placebo against grpo", 0.08),
        ("hicra against placebo", 0.02),
    ]


def test_without_grpo_the_first_method_is_the_baseline():
    assert [finding.subject for finding in arm_findings(runs(entropy=[0.5], hicra=[0.6]))] == ["hicra against entropy"]


@needs_scipy
def test_a_direction_must_hold_for_all_pairs_together():
    # With 2 degrees of freedom p = 1 - t / sqrt(t² + 2). hicra less grpo: 19, 20, 21, sd 1, t = 20 / .5774 = 34.6,
    # p = .0008, times 3 .0025. hicra less placebo: 13, 10, 7, sd 3, t = 10 / 1.732 = 5.77, p = .0286, times 2 .057.
    # placebo less grpo: 6, 10, 14, sd 4, t = 10 / 2.309 = 4.33, p = .0494, raised to the .057 before it.
    findings = arm_findings(runs(grpo=[0.5] * 3, hicra=[0.69, 0.7, 0.71], placebo=[0.56, 0.6, 0.64]))
    assert [(finding.subject, finding.verdict) for finding in findings] == [
        ("hicra against grpo", "up"),
        ("placebo against grpo", "cannot say"),
        ("hicra against placebo", "cannot say"),
    ]
    for finding in findings[1:]:
        assert finding.estimate.low > 0
        assert finding.notes == ("not shown when all 3 pairs of methods are judged together (Holm)",)


# -- start models and other settings --------------------------------------------------------------------


def crossed(method, **lasts_of_start):
    """Return runs of seeds 0, 1, ... from several start models: start_3=[.5, .6] is start model 3."""
    return {
        f"{method}, seed {seed}, warmup_seed {start.removeprefix('start_')}": last
        for start, lasts in lasts_of_start.items()
        for seed, last in enumerate(lasts)
    }


@needs_scipy
def test_runs_are_compared_from_the_same_start_model():
    # Start model 3 ends at .9, 4 at .3, with grpo. Differences (seed, start model): 9, 10 with 3 and 10, 11 with 4:
    # mean 10. The seeds' means are 9.5 and 10.5, the start models' too, so both mean squares are 2 (.5² + .5²) = 1;
    # error sqrt((1 + 1) / 4) = .7071, f = 2² / (1 + 1) = 2, t(.975; 2) = 4.30265, so ± 3.0424 points.
    last_of_run = crossed("grpo", start_3=[0.9, 0.9], start_4=[0.3, 0.3])
    last_of_run |= crossed("hicra", start_3=[0.99, 1.0], start_4=[0.4, 0.41])
    (finding,) = arm_findings(last_of_run)
    assert (finding.subject, finding.verdict, finding.n) == ("hicra against grpo", "up", 2)
    assert ends(finding) == pytest.approx((0.1, 0.069576, 0.130424), abs=1e-6)
    assert word(finding).text == (
        "Accuracy at the end of training is higher for hicra against grpo: +10.0 points [7.0, 13.0], seeds: 2. "
        "Start models: 2."
    )


@needs_scipy
def test_a_seed_that_one_start_model_lacks_is_left_out():
    last_of_run = crossed("grpo", start_3=[0.9, 0.9, 0.9], start_4=[0.3, 0.3])
    last_of_run |= crossed("hicra", start_3=[0.99, 1.0, 0.1], start_4=[0.4, 0.41])
    # seed 2 has no run from start model 4
    (finding,) = arm_findings(last_of_run)
    assert (finding.verdict, finding.n) == ("up", 2)
    assert finding.estimate.value == pytest.approx(0.1)


@needs_scipy
def test_without_two_complete_seeds_the_interval_is_students():
    # (seed 0, start model 3): 9, (seed 1, start model 4): 11; mean 10, error 1, t(.975; 1) = 12.7062
    last_of_run = {"grpo, seed 0, warmup_seed 3": 0.9, "grpo, seed 1, warmup_seed 4": 0.3}
    last_of_run |= {"hicra, seed 0, warmup_seed 3": 0.99, "hicra, seed 1, warmup_seed 4": 0.41}
    (finding,) = arm_findings(last_of_run)
    assert (finding.verdict, finding.n, finding.notes) == ("cannot say", 2, ("start models: 2",))
    assert ends(finding) == pytest.approx((0.1, -0.027062, 0.227062), abs=1e-6)


def test_runs_from_different_start_models_are_not_compared():
    assert arm_findings(crossed("grpo", start_3=[0.9]) | crossed("hicra", start_4=[0.1])) == []


def test_settings_that_the_baseline_has_not_are_compared_with_its_only_run():
    (contrast,) = arm_findings({"grpo, seed 0": 0.5, "hicra, seed 0, alpha 0.4": 0.6})
    assert contrast.subject == "hicra, alpha 0.4 against grpo"
    # of two baselines with other settings none is chosen
    grpo = {"grpo, seed 0, steps 40": 0.5, "grpo, seed 0, steps 80": 0.5}
    assert arm_findings({**grpo, "hicra, seed 0, alpha 0.4": 0.6}) == []


def test_other_settings_than_the_start_model_make_pairs_of_their_own():
    settings = {"steps 40, warmup_seed 3": 0.6, "steps 80, warmup_seed 3": 0.7, "steps 80, warmup_seed 4": 0.9}
    last_of_run = {f"grpo, seed 0, {rest}": 0.5 for rest in settings}
    last_of_run |= {f"hicra, seed 0, {rest}": last for rest, last in settings.items()}
    short, long = arm_findings(last_of_run)
    assert (short.subject, short.n) == ("hicra, steps 40 against grpo, steps 40", 1)
    # 20 and 40 points
    assert (long.subject, long.estimate.value) == ("hicra, steps 80 against grpo, steps 80", pytest.approx(0.3))


# -- without scipy --------------------------------------------------------------------------------------


def test_without_scipy_no_direction_is_claimed(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    # three seeds from one start model: 19, 20, 21; two seeds from two of them: 9, 10, 10, 11
    three_seeds = runs(grpo=[0.5] * 3, hicra=[0.69, 0.7, 0.71])
    two_starts = crossed("grpo", start_3=[0.9, 0.9], start_4=[0.3, 0.3])
    two_starts |= crossed("hicra", start_3=[0.99, 1.0], start_4=[0.4, 0.41])
    for last_of_run, value, n_seeds in ((three_seeds, 0.2, 3), (two_starts, 0.1, 2)):
        (finding,) = arm_findings(last_of_run)
        assert (finding.verdict, finding.n) == ("cannot say", n_seeds)
        assert ends(finding) == (pytest.approx(value), None, None)
        assert f"seeds: {n_seeds})" in word(finding).text
        assert "interval needs scipy" in finding.notes[-1]
