"""Tables of arms of sgram evolve: cells, what is missing, JSON."""

import json
import math
from dataclasses import dataclass

import pytest

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.training.evolve.arm_names import ARMS, METHOD, arm_title, expand_arm
from sgram.training.evolve.evolve_comparison import (
    compare_evolve,
    summarize_evolve,
    to_json,
    to_markdown,
    unproposed_quantity,
    write_evolve_comparison,
)
from sgram.training.evolve.measures import EvolveEvaluation
from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.matrix import Cell, Failure
from sgram.training.experiments.run_config import RunConfig
from tests.builders.evolve_runs import evaluation, run, step_rows

FINALS = (0.34, 0.36, 0.38)


@pytest.fixture(scope="module")
def comparison():
    evolve = [run(seed, (0.25, 0.5, final), last={"proposed": ("gain/0",)}) for seed, final in enumerate(FINALS)]
    arms = {"evolve": evolve[::-1], "fixed-questions": [run(0, (0.25, 0.6))], "judge=oracle": []}
    return compare_evolve(
        arms,
        seeds=(0, 1, 2),
        expected=("evolve", "judge=oracle", "fixed-questions"),
        failures={("judge=oracle", 1, 0): "nothing entered\nthe pool"},
    )


def line(text, start):
    (row,) = [row for row in text.splitlines() if row.startswith(start)]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_accuracy_of_an_arm_is_given_at_the_start_the_best_and_the_last_evaluation(comparison):
    section = to_markdown(comparison).split("### Accuracy on held-out problems")[1].split("###")[0]
    cells = line(section, "| evolve")
    assert cells[:5] == ["evolve", "3", "0.250", "0.500", "0.360"]
    # changes .09 .11 .13: mean .11, sd .02, t(.975; 2) = 4.303: .11 +- 4.303 * .02 / sqrt(3) = .0497
    assert cells[5] == "+0.110 [+0.060, +0.160]"
    # 60 right of 240 at the start, 40 of them easy: 40 / 120
    assert cells[6].startswith("0.333 → ")
    assert line(section, "| fixed-questions")[5] == "+0.350 (one run has no spread)"


def test_runs_that_are_missing_are_named_with_their_reason(comparison):
    page = to_markdown(comparison)
    assert "- fixed-questions: seeds 1, 2: not run" in page
    assert "- judge=oracle: seeds 0, 2: not run" in page
    assert "- judge=oracle: seed 1: nothing entered the pool" in page
    assert "2 arms, 4 runs of 20 steps." in page
    assert "| judge=oracle" not in page.split("### Accuracy")[1]
    whole = compare_evolve(comparison.arms, seeds=(0,), expected=())
    assert "Missing" not in to_markdown(whole)


def test_kinds_never_proposed_are_those_of_the_whole_run(comparison):
    # proposed over the run: gain/0; left: double/0 and hands/0, 120 + 60 answers; at the start 40 + 10 of them right
    first = comparison.arms["evolve"][0]
    assert unproposed_quantity(first)(first.start) == pytest.approx(50 / 180)
    fixed = comparison.arms["fixed-questions"][0]
    assert unproposed_quantity(fixed)(fixed.last) is None


def test_every_claim_and_condition_is_a_line_with_its_verdict(comparison):
    section = to_markdown(comparison).split("### Claims")[1].split("###")[0]
    assert line(section, "| **accuracy rises**")[-1] == "**yes**"
    assert line(section, "| held-out accuracy, last - start")[1:] == ["0.110 [0.060, 0.160]", "3", "yes"]
    assert line(section, "| that change, less that of no-difficulty")[1:] == ["- (no run of it)", "0", "cannot say"]
    assert line(section, "| leniency of the frozen judge")[-1] == ""
    assert section.count("\n| **") == 5


def test_the_files_are_written_and_json_has_every_evaluation(comparison, tmp_path):
    paths = write_evolve_comparison(comparison, tmp_path)
    assert [path.name for path in paths] == ["comparison.json", "comparison.md"]
    document = json.loads(paths[0].read_bytes())
    assert document == to_json(comparison)
    row = document["runs"][0]
    assert (row["arm"], row["seed"], row["best_accuracy"]) == ("evolve", 0, 0.5)
    assert [evaluation["step"] for evaluation in row["evaluations"]] == [0, 10, 20]
    assert row["evaluations"][2]["accuracy"] == 0.34
    assert row["evaluations"][0]["frozen_auc"] == 0.8
    assert document["missing"][0] == {"arm": "judge=oracle", "seed": 0, "warmup_seed": 0, "reason": "not run"}


@dataclass(frozen=True)
class Result:
    """A finished run as its directory holds it."""

    start: EvolveEvaluation
    final: EvolveEvaluation
    steps: tuple
    evaluations: tuple


def test_outcomes_of_a_matrix_become_arms_by_their_short_names():
    fixed = "evolve:judge=oracle:proposer=none"
    cells = [Cell(arm, RunConfig(seed=seed)) for seed in (0, 1) for arm in ("evolve", fixed)]
    middle = ({"step": 10, "evaluation": evaluation(0.5).to_json()},)
    result = Result(evaluation(0.25), evaluation(0.4), step_rows(20), middle)
    comparison = summarize_evolve(cells, [result, Failure(fixed, 0, 0, "no memory"), result, None])
    assert {arm: len(runs) for arm, runs in comparison.arms.items()} == {"evolve": 2}
    assert [(missing.seed, missing.reason) for missing in comparison.missing] == [(0, "no memory"), (1, "not run")]
    (first, _) = comparison.arms["evolve"]
    assert [(step, each.accuracy) for step, each in first.evaluations] == [(0, 0.25), (10, 0.5), (20, 0.4)]
    whole = summarize_evolve(cells, [result] * 4, expected=("evolve", "judge=random"))
    assert {missing.arm for missing in whole.missing} == {"judge=random"}


def test_short_names_of_arms_stand_for_arms_in_the_notation_of_comparisons():
    assert [arm_title(expand_arm(name)) for name in ARMS] == list(ARMS)
    settings = {part.split("=")[0] for arm in ARMS.values() for part in arm.split(":")[1:]}
    arms = parse_arms(list(ARMS.values()), methods=[METHOD], settings=settings)
    assert [arm.name for arm in arms] == list(ARMS.values())


def test_a_frame_has_a_row_for_each_condition(comparison):
    frame = comparison.frame()
    conditions = [row for claim in comparison.claims for row in (*claim.conditions, *claim.beside)]
    means = [None if math.isnan(mean) else mean for mean in frame["mean"].tolist()]
    assert means == [row.interval.mean for row in conditions]
    assert frame.verdict.fillna("").tolist() == [row.verdict or "" for row in conditions]
