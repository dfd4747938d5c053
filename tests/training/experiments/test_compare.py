"""A matrix of runs and its paired differences, on runs comparison up by hand."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.errors import MissingExtraError, SgramError, UsageError
from sgram.statistics import crossed_interval, pair_interval, t_interval
from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.compare import MEASURES, compare, paired_differences
from sgram.training.experiments.comparison_io import to_json
from tests.builders.run_examples import METHODS, SETTINGS, Evaluation, config, result

FINALS = {  # (arm, seed) -> pass@1 at the end
    ("grpo", 0): 0.4,
    ("grpo", 1): 0.5,
    ("grpo", 2): 0.3,
    ("hicra", 0): 0.5,
    ("hicra", 1): 0.7,
    ("hicra", 2): 0.6,
    ("siren", 0): 0.45,
    ("siren", 1): 0.4,
    ("siren", 2): 0.3,
}


def arms(text):
    return parse_arms(text, METHODS, SETTINGS)


def run(config, root, on_progress):
    comparison = result(config, root, FINALS[config.method, config.seed])
    for row in comparison.steps:
        on_progress(row)
    return comparison


def compared(text="grpo,hicra", seeds=(0, 1, 2), warmup_seeds=(0,), **options):
    options = {"run": run, "root": Path("reports")} | options
    return compare(config(), arms(text), seeds, warmup_seeds, **options)


def test_differences_are_taken_within_pairs():
    # hicra - grpo: .1 .2 .3 (seeds 0, 1, 2): mean .2, sd .1, t(.975; 2) 4.3027: half width .2484
    difference = compared().difference("hicra", "grpo")
    interval = difference.interval
    assert (interval.n, interval.n_above) == (3, 3)
    assert interval.mean == pytest.approx(0.2)
    assert (interval.low, interval.high) == (pytest.approx(-0.0484, abs=1e-4), pytest.approx(0.4484, abs=1e-4))
    assert (difference.verdict, difference.holm_verdict) == ("cannot say", "cannot say")
    # p = 1 - sqrt(12 / 14), the only one: Holm leaves it as it is
    assert difference.holm_p == pytest.approx(1 - (12 / 14) ** 0.5)


def test_a_row_tells_what_a_run_came_to():
    row = compared().rows[4]  # hicra, seed 1
    assert (row.arm, row.seed, row.warmup_seed, row.steps, row.n) == ("hicra", 1, 0, 30, 480)
    assert (row.start, row.pass_at_1) == (0.2, 0.7)
    # accuracy climbs in a straight line from .2 to .7 over steps 1..30: the mean is .2 + .5 * (31 / 2) / 30
    assert row.accuracy == pytest.approx(0.2 + 0.5 * 15.5 / 30)
    assert (row.strategic, row.procedural, row.format) == (pytest.approx(0.2), 0.06, 0.04)
    assert (row.planning_entropy, row.execution_entropy, row.semantic_entropy, row.length) == (0.3, 0.15, 3.1, 44.0)
    assert row.directory == "train-hicra-0.2-1-0"


def test_a_comparison_has_a_frame_of_differences_and_one_of_runs():
    comparison = compared()
    differences = comparison.frame()
    assert len(differences) == len(comparison.differences)
    assert differences.iloc[0][["arm", "control", "pairs"]].tolist() == ["hicra", "grpo", 3]
    assert comparison.frame("runs").arm.tolist() == ["grpo"] * 3 + ["hicra"] * 3
    with pytest.raises(UsageError, match="has the tables differences and runs"):
        comparison.frame("arms")


def test_every_arm_is_held_against_every_control_that_is_there():
    comparison = compared("grpo,hicra,siren,placebo", run=lambda config, root, on_progress: result(config, root, 0.4))
    assert comparison.controls == ("grpo", "placebo")
    pairs = {(difference.arm, difference.control) for difference in comparison.differences}
    assert pairs == {
        ("hicra", "grpo"),
        ("siren", "grpo"),
        ("placebo", "grpo"),
        ("grpo", "placebo"),
        ("hicra", "placebo"),
        ("siren", "placebo"),
    }
    assert {difference.measure for difference in comparison.differences} == set(MEASURES)
    assert compared("hicra,siren").controls == ("hicra",)
    assert compared("grpo,hicra,siren", controls=["siren"]).controls == ("siren",)


def test_holms_correction_counts_two_controls_once():
    comparison = compared("grpo,hicra,siren", controls=["grpo", "hicra"])
    # pairs: hicra-grpo, siren-grpo and siren-hicra; grpo-hicra is the first turned round
    p = {
        (difference.arm, difference.control): (difference.interval.p, difference.holm_p)
        for difference in comparison.differences
        if difference.measure == "pass_at_1"
    }
    assert len(p) == 4
    assert p["grpo", "hicra"] == pytest.approx(p["hicra", "grpo"])
    ranked = sorted({round(value, 9) for value, _ in p.values()})
    assert len(ranked) == 3
    smallest = min(p.values())
    assert smallest[1] == pytest.approx(3 * smallest[0])  # three differences, not four


def test_one_pair_has_a_mean_and_a_reason_but_no_interval():
    difference = compared(seeds=(1,)).difference("hicra", "grpo")
    assert difference.interval.mean == pytest.approx(0.2)
    assert (difference.interval.low, difference.interval.p, difference.holm_p) == (None, None, None)
    assert difference.interval.undefined == "one pair has no spread"
    assert difference.verdict == "cannot say"


def test_what_one_run_of_a_pair_lacks_is_left_out_for_that_pair_only():
    def without(config, root, on_progress):
        comparison = run(config, root, on_progress)
        if (config.method, config.seed) == ("grpo", 2):
            return replace(comparison, final=Evaluation(480, comparison.final.pass_at_1, {}))
        return comparison

    comparison = compared(run=without)
    assert comparison.difference("hicra", "grpo", "strategic").interval.n == 2
    assert comparison.difference("hicra", "grpo", "length").interval.n == 2
    assert comparison.difference("hicra", "grpo").interval.n == 3
    empty = paired_differences(comparison.rows[:3], ("grpo", "hicra"), ("grpo",), "pass_at_1")[0]
    assert (empty.interval.n, empty.interval.undefined) == (0, "no pair of runs has this number")


def test_start_models_make_pairs_too():
    comparison = compared(warmup_seeds=(1, 0))
    assert [(row.arm, row.seed, row.warmup_seed) for row in comparison.rows][:4] == [
        ("grpo", 0, 0),
        ("grpo", 0, 1),
        ("grpo", 1, 0),
        ("grpo", 1, 1),
    ]
    assert comparison.difference("hicra", "grpo").interval.n == 6


def test_the_interval_over_several_start_models_is_that_of_two_factors():
    differences = {(0, 0): 0.1, (1, 0): 0.2, (0, 1): 0.3, (1, 1): 0.5}
    assert pair_interval(differences) == crossed_interval(differences)
    # seed 2 has one start model of two, so it is left out
    assert pair_interval({**differences, (2, 0): 9.0}) == crossed_interval(differences)
    # one complete seed tells nothing of the spread between seeds
    assert pair_interval({(0, 0): 0.1, (0, 1): 0.3, (1, 0): 0.4}) == t_interval([0.1, 0.3, 0.4])


def test_all_arms_of_a_pair_run_before_the_next_pair():
    ran = []

    def note(config, root, on_progress):
        ran.append((config.seed, config.warmup_seed, config.method))
        return run(config, root, on_progress)

    compared(seeds=(1, 0), warmup_seeds=(1, 0), run=note)  # a matrix that is cut off has whole pairs to compare
    assert ran == [(seed, start, arm) for seed in (0, 1) for start in (0, 1) for arm in ("grpo", "hicra")]


def test_the_order_of_seeds_does_not_matter():
    seeds = [0, 1, 2]
    expected = to_json(compared(seeds=seeds))
    for _ in range(3):
        random.Random(1).shuffle(seeds)
        assert to_json(compared(seeds=seeds)) == expected


def test_a_failing_run_is_told_and_the_others_go_on(tmp_path):
    def failing(config, root, on_progress):
        if (config.method, config.seed) == ("hicra", 1):
            raise SgramError("the loss is not finite at step 7")
        if (config.method, config.seed) == ("siren", 0):
            raise ZeroDivisionError("by zero")
        return run(config, root, on_progress)

    events = []
    comparison = compared("grpo,hicra,siren", run=failing, root=tmp_path, on_progress=events.append)
    assert len(comparison.rows) == 7
    assert [
        (failure.arm, failure.seed, failure.warmup_seed, failure.message, failure.log)
        for failure in comparison.failures
    ] == [
        ("hicra", 1, 0, "the loss is not finite at step 7", ""),
        ("siren", 0, 0, "internal error: ZeroDivisionError: by zero", "logs/siren.seed-0.warmup-0.log"),
    ]
    assert "ZeroDivisionError" in (tmp_path / "logs/siren.seed-0.warmup-0.log").read_text()
    assert comparison.difference("hicra", "grpo").interval.n == 2
    assert [event["event"] for event in events].count("failed") == 2


def test_a_run_of_fewer_steps_cannot_stand_beside_the_others():
    def short(config, root, on_progress):
        comparison = run(config, root, on_progress)
        return (
            replace(comparison, steps=comparison.steps[:-1])
            if config.seed == 2 and config.method == "grpo"
            else comparison
        )

    comparison = compared(run=short)
    (failure,) = comparison.failures
    assert (failure.arm, failure.seed) == ("grpo", 2)
    assert failure.message == "the run has 29 of 30 steps, so it cannot be compared with the other runs"
    assert comparison.difference("hicra", "grpo").interval.n == 2


def test_a_missing_library_ends_the_matrix_at_once():
    def needs(config, root, on_progress):
        raise MissingExtraError("training needs trl; pip install 'sgram[train]'")

    with pytest.raises(MissingExtraError):
        compared(run=needs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": (1, 1)}, "seeds must be different integers >= 0 (got 1, 1)"),
        ({"seeds": ()}, "seeds must be different integers >= 0 (got none)"),
        ({"warmup_seeds": (-1,)}, "warm-up seeds must be different integers >= 0 (got -1)"),
        ({"text": "hicra,hicra:alpha=0.2"}, "the arms hicra and hicra:alpha=0.2 are the same run; leave one out"),
        ({"jobs": 0}, "--jobs must be >= 1 (got 0)"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_runs(options, message):
    def never(config, root, on_progress):
        raise AssertionError("ran")

    with pytest.raises(UsageError) as raised:
        compared(**options, run=never)
    assert message in str(raised.value)
