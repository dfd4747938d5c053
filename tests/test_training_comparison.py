"""The comparison on the hard testbed: its choice of rates, its records and what its page says, on made-up runs."""

import sys
from dataclasses import replace
from itertools import product

import pytest

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.training.experiments.evaluate import PolicyEvaluation
from tests.builders.paths import ROOT
from tests.builders.run_examples import config, result

sys.path.insert(0, str(ROOT / "benchmarks"))

from seed_lists import parse_seeds
from training_comparison import planned_runs
from training_design import (
    ALL_RATES,
    ARMS,
    CONTROLS,
    RATE_PAIRS,
    RATES,
    REGULARIZERS,
    PlannedRun,
    choose_rate,
    rate_runs,
)
from training_page import Design, page, primary_family
from training_records import RunRecord, read_records, record_of, write_records

SEEDS, STARTS = [0, 1, 2, 3], [0, 1, 2]


def record(arm, rate, seed, start, mean):
    """Return a run of 20 steps whose accuracy is `mean` at every step."""
    evaluation = {"pass_at_1": mean, "right_method": mean, "semantic_entropy": 2.5, "planning_entropy": 0.4}
    series = {"maj@16": (mean, mean), "right_method": (mean, mean), "right_execution": (mean, mean)}
    return RunRecord(arm, rate, seed, start, (mean,) * 20, series, {"pass_at_1": 0.04}, evaluation, 100.0)


def rate_records():
    """Return the runs of the rates; 7e-4 is the best of hicra 1, which was tried with 1e-3, too, 5e-4 of the others."""
    best = {**dict.fromkeys(ARMS, 5e-4), "hicra 1": 7e-4}
    return [
        record(arm, rate, *pair, 0.3 if rate == best[arm] else 0.2)
        for arm, rate, pair in product(ARMS, ALL_RATES, RATE_PAIRS)
        if rate in RATES or (arm, rate) == ("hicra 1", 1e-3)
    ]


def matrix_records(arms=tuple(ARMS)):
    """Return the runs of the comparison: hicra 1 is above its controls by .1 and what seed and start model add."""
    records = []
    for arm, seed, start in product(arms, SEEDS, STARTS):
        is_treated = arm == "hicra 1"
        mean = 0.3 + is_treated * (0.1 + 0.01 * seed + 0.02 * start)
        records.append(record(arm, 7e-4 if is_treated else 5e-4, seed, start, mean))
    return records


def by_key(*records):
    return {record.key: record for record in records}


def means_of(*means):
    """Return the means of run of grpo by rate, equal on both pairs."""
    return {
        ("grpo", rate, *pair): mean for rate, mean in zip(ALL_RATES, means, strict=True) for pair in RATE_PAIRS if mean
    }


def test_the_rate_of_an_arm_is_the_one_with_the_greatest_mean_of_run():
    # rates 2.5e-4, 3.5e-4, 5e-4, 7e-4, 1e-3; None was not tried
    assert choose_rate(means_of(None, 0.1, 0.3, 0.2, None), "grpo") == 5e-4
    # .3 and .1 at 5e-4 are .2 on average, as at 7e-4: the smaller rate, because it changes the policy less
    assert choose_rate({**means_of(None, 0.1, 0.3, 0.2, None), ("grpo", 5e-4, *RATE_PAIRS[0]): 0.1}, "grpo") == 5e-4


def test_where_the_best_rate_is_at_an_edge_the_next_one_is_tried():
    assert choose_rate(means_of(None, 0.3, 0.2, 0.1, None), "grpo") is None
    assert {run.rate for run in rate_runs(["grpo"], means_of(None, 0.3, 0.2, 0.1, None))} == {2.5e-4, *RATES}
    assert choose_rate(means_of(0.4, 0.3, 0.2, 0.1, None), "grpo") == 2.5e-4
    assert choose_rate(means_of(0.2, 0.3, 0.2, 0.1, None), "grpo") == 3.5e-4
    assert choose_rate(means_of(None, 0.1, 0.2, 0.3, 0.4), "grpo") == 1e-3
    # a rate beyond the edge that was run for another reason does not count
    assert choose_rate(means_of(None, 0.1, 0.3, 0.2, 0.4), "grpo") == 5e-4


def test_no_rate_is_chosen_before_all_of_its_runs_are_there():
    means = means_of(None, 0.1, 0.3, 0.2, None)
    del means["grpo", RATES[0], *RATE_PAIRS[1]]
    assert choose_rate(means, "grpo") is None


def test_the_runs_of_the_comparison_are_planned_once_the_rates_are_chosen():
    first = planned_runs(list(ARMS), SEEDS, STARTS, {})
    assert len(first) == len(ARMS) * len(RATES) * len(RATE_PAIRS) == 48
    later = planned_runs(list(ARMS), SEEDS, STARTS, by_key(*rate_records()))
    # two more for hicra 1, whose best is at the edge; 8 arms x 4 seeds x 3 start models; 6 regularizers on two pairs
    assert len(later) == 48 + 2 + 96 + 12
    assert {run.rate for run in later[50:] if run.arm == "hicra 1"} == {7e-4}
    assert len({run.key for run in later}) == len(later)


@pytest.mark.parametrize("arm", [*ARMS, *REGULARIZERS])
def test_every_arm_is_a_run_of_the_hard_testbed(arm):
    config = PlannedRun(arm, 7e-4, 3, 1).config()
    assert (config.seed, config.warmup_seed, config.peak_rate, config.steps) == (3, 1, 7e-4, 100)
    assert dict(config.task_options) == {"preset": "hard"}


def test_records_come_back_as_they_were_written(tmp_path):
    records = [*rate_records(), *matrix_records(["grpo"])]
    write_records(tmp_path / "records.jsonl", reversed(records))
    assert read_records(tmp_path / "records.jsonl") == by_key(*records)
    first = (tmp_path / "records.jsonl").read_bytes()
    write_records(tmp_path / "records.jsonl", records)
    assert (tmp_path / "records.jsonl").read_bytes() == first
    assert read_records(tmp_path / "none.jsonl") == {}


def test_steps_to_a_level_count_the_mean_of_ten_steps():
    accuracy = (0.0,) * 10 + (0.5,) * 10
    run = RunRecord("grpo", 5e-4, 0, 0, accuracy, {}, {}, {}, 1.0)
    # .2 is the mean of ten steps when four of them are .5: after step 14
    assert run.steps_to(0.2) == 14
    assert run.steps_to(0.6) is None


def test_the_primary_family_is_the_treatment_less_each_control():
    design = Design(by_key(*rate_records(), *matrix_records()), list(ARMS), SEEDS, STARTS)
    family = primary_family(design)
    assert [row.control for row in family] == list(CONTROLS)
    for row in family:
        # .1 + .01 * mean of the seeds, 1.5, + .02 * mean of the start models, 1
        assert row.interval.mean == pytest.approx(0.135)
        assert row.interval.n == row.interval.n_above == 12
        # seeds' means .12 .13 .14 .15: deviation .0129, t(.975; 3) 3.182, over sqrt(4): .0205
        assert row.given_starts.high - row.given_starts.mean == pytest.approx(0.0205, abs=1e-4)
        # six equal p values: each is multiplied by six
        assert row.holm_p == pytest.approx(6 * row.interval.p)
        assert 0 < row.detectable[0] < row.detectable[1]


def test_the_page_says_what_is_missing_before_anything_else():
    text = page(by_key(*rate_records(), *matrix_records(["grpo"])), {}, list(ARMS), SEEDS, STARTS)
    assert text.splitlines()[2].startswith(
        "**Not complete: 12 of 96 runs of the comparison are there, and the rates of 8 of 8 arms are chosen;"
    )
    empty = page({}, {}, list(ARMS), SEEDS, STARTS)
    assert "**Not complete: 0 of 96 runs" in empty
    assert "| HICRA learns faster than GRPO (mean of run) | cannot say | - |" in empty


def test_the_page_of_a_complete_comparison_says_what_came_of_it_first():
    text = page(
        by_key(*rate_records(), *matrix_records()),
        {("hicra 1", 0, "start"): {"cosine": 0.9}},
        list(ARMS),
        SEEDS,
        STARTS,
    )
    first, second, third = text.splitlines()[2:5]
    assert "have a mean accuracy over 100 steps of 0.435 and 0.300" in first
    assert second.startswith("Of its 6 controls, HICRA is ")
    assert third.startswith("With 4 seeds and 3 start models the smallest difference")
    assert "| hicra 1 | - | 0.200 | 0.200 | 0.300 | 0.200 | 7e-4 |" in text
    assert "| grpo | - | 0.200 | 0.300 | 0.200 | - | 5e-4 |" in text
    assert "cannot say" in next(
        line for line in text.splitlines() if line.startswith("| A uniform entropy bonus hurts")
    )


def test_the_page_says_which_start_models_were_added_and_what_the_first_ones_had_said():
    matrix = matrix_records()
    later = [
        replace(run, start=3, accuracy=(0.9 if run.arm == "hicra 1" else 0.1,) * 20) for run in matrix if run.start == 0
    ]
    arguments = {}, list(ARMS), SEEDS
    text = page(by_key(*rate_records(), *matrix, *later), *arguments, [*STARTS, 3])
    sentence = next(line for line in text.splitlines() if line.startswith("Start models 3 were added"))
    # the first three alone: .135, as in the test of the primary family; with the fourth (3 * .135 + .8) / 4 = .301
    assert "HICRA less each control: grpo +0.135 [" in sentence
    assert "| grpo | A on all tokens | +0.301 [" in text
    assert "were added" not in page(by_key(*rate_records(), *matrix), *arguments, STARTS)


def test_every_arm_is_held_against_the_baseline_in_the_mean_of_a_run_too():
    text = page(by_key(*rate_records(), *matrix_records()), {}, list(ARMS), SEEDS, STARTS)
    head, _, hicra, *_ = text.split("## Exploratory: each arm less GRPO\n\n")[1].splitlines()
    assert head.startswith("| arm | mean of run | held-out accuracy |")
    assert hicra.startswith("| hicra 1 | +0.135 [")


def test_a_record_holds_what_the_page_reads_of_a_run():
    final = PolicyEvaluation(
        2040,
        0.61234567,
        {"strategic": 0.3, "format": None},
        0.4,
        0.05,
        0.08,
        2.5,
        48.0,
        120,
        ((17, 10),),
        {"testbed/right_method": 0.7},
    )
    run = replace(result(config(method="grpo", steps=30)), start=final, final=final)
    made = record_of(PlannedRun("grpo", 5e-4, 0, 0), run)
    assert made.accuracy == tuple(round(row["pass_at_1"], 6) for row in run.steps)
    # semantic entropy is 3.6 - .02 step + .05 sin(1.7 step + ...): means of 30 steps in blocks of 10 fall by .2 each
    first, second, third = made.series["semantic_entropy"]
    assert first - second == pytest.approx(0.2, abs=0.03)
    assert second - third == pytest.approx(0.2, abs=0.03)
    assert made.after["pass_at_1"] == 0.61235
    assert (made.after["right_method"], made.after["error_strategic"]) == (0.7, 0.3)
    assert "error_format" not in made.after  # unknown is not 0
    assert made.seconds == 60.0  # 30 steps of 2 s


def test_numbers_are_written_as_lists_and_ranges():
    assert parse_seeds("0-3,7") == (0, 1, 2, 3, 7)
