"""A comparison as files: what is in them, and the same bytes for the same runs."""

import csv
import io
import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="intervals need scipy")

from sgram.cli.train_tables import show_comparison
from sgram.errors import SgramError
from sgram.training.experiments.arms import parse_arms
from sgram.training.experiments.compare import MEASURES, compare
from sgram.training.experiments.comparison_io import (
    format_number,
    format_p_value,
    to_json,
    to_markdown,
    write_comparison,
)
from tests.builders.run_examples import METHODS, SETTINGS, config, result

FINALS = {("grpo", 0): 0.4, ("grpo", 1): 0.5, ("grpo", 2): 0.3, ("hicra", 0): 0.5, ("hicra", 1): 0.7, ("hicra", 2): 0.6}


def compared(seeds=(0, 1, 2), text="grpo,hicra", root=Path("reports"), run=None):
    def make_result(config, root, on_progress):
        return result(config, root, FINALS.get((config.method, config.seed), 0.4))

    return compare(config(), parse_arms(text, METHODS, SETTINGS), seeds, (0,), root, run=run or make_result)


def test_the_files_hold_the_same_numbers(tmp_path):
    comparison = compared()
    paths = write_comparison(comparison, tmp_path)
    assert [path.name for path in paths] == ["comparison.json", "comparison.md", "runs.csv", "differences.csv"]
    document = json.loads(paths[0].read_bytes())
    assert (document["format"], document["version"], document["arms"], document["steps"]) == (
        "sgram-comparison",
        1,
        ["grpo", "hicra"],
        30,
    )
    runs = list(csv.DictReader(io.StringIO(paths[2].read_text())))
    assert [(run["arm"], run["seed"], run["pass_at_1"]) for run in runs] == [
        ("grpo", "0", "0.4"),
        ("grpo", "1", "0.5"),
        ("grpo", "2", "0.3"),
        ("hicra", "0", "0.5"),
        ("hicra", "1", "0.7"),
        ("hicra", "2", "0.6"),
    ]
    assert [{key: str(value) for key, value in run.items()} for run in document["runs"]] == [
        {key: run[key] for key in sorted(run)} for run in runs
    ]
    rows = list(csv.DictReader(io.StringIO(paths[3].read_text())))
    assert {row["measure"] for row in rows} == set(MEASURES)
    first = rows[0]
    # .1 .2 .3: .2 +- .2484; p = 1 - sqrt(12 / 14) = .0742
    assert (first["arm"], first["control"], first["mean"], first["n"], first["n_above"]) == (
        "hicra",
        "grpo",
        "0.2",
        "3",
        "3",
    )
    assert (float(first["low"]), float(first["high"])) == (
        pytest.approx(-0.0484, abs=1e-4),
        pytest.approx(0.4484, abs=1e-4),
    )
    assert float(first["p"]) == pytest.approx(1 - math.sqrt(12 / 14), abs=1e-6)
    assert (
        "| hicra | +0.200 [-0.048, +0.448] | 3 of 3 | 0.074 | 0.074 | cannot say | cannot say |" in paths[1].read_text()
    )


def test_the_same_runs_give_the_same_bytes_whatever_the_order_of_seeds(tmp_path):
    for index, seeds in enumerate([(0, 1, 2), (2, 0, 1)]):
        write_comparison(compared(seeds), tmp_path / str(index))
    for path in (tmp_path / "0").iterdir():
        assert path.read_bytes() == (tmp_path / "1" / path.name).read_bytes()


def test_no_path_of_this_machine_gets_into_a_file(tmp_path):
    comparison = compared(root=tmp_path / "runs")
    assert [row.directory for row in comparison.rows][:1] == ["train-grpo-0.2-0-0"]
    for path in write_comparison(comparison, tmp_path / "out"):
        assert str(tmp_path) not in path.read_text()


def test_what_has_no_interval_has_its_reason_in_every_file(tmp_path):
    comparison = compared(seeds=(0,))
    document = to_json(comparison)["differences"][0]
    assert (document["low"], document["p"], document["undefined"]) == (None, None, "one pair has no spread")
    assert "+0.100 (one pair has no spread)" in to_markdown(comparison)
    assert "nan" not in json.dumps(to_json(comparison)).lower().replace("planning", "")


def test_failures_and_odd_words_stay_in_their_place():
    def failing(config, root, on_progress):
        if config.method == "hicra":
            raise SgramError("bad | word <script> `x`\nsecond line")
        return result(config, root)

    text = to_markdown(compared(run=failing))
    assert "- hicra, seed 0, warm-up seed 0: bad \\| word &lt;script> \\`x\\` second line" in text
    assert "<script" not in text


def test_a_verdict_is_said_in_the_words_of_the_interval_only():
    comparison = compared()
    sure = replace(
        comparison.differences[0],
        interval=replace(comparison.differences[0].interval, low=0.1, high=0.3, p=0.001),
        holm_p=0.2,
    )
    text = to_markdown(replace(comparison, differences=(sure,)))
    assert "| 0.001 | 0.200 | higher | cannot say |" in text
    assert not {"wins", "better", "beats"} & set(text.lower().split())
    assert asdict(sure)["holm_p"] == 0.2


def test_numbers_are_as_wide_as_they_need_to_be():
    assert [format_number(number) for number in (None, 0.12345, 12.34, -0.0001, -12.0)] == [
        "-",
        "0.123",
        "12.3",
        "0.000",
        "-12.0",
    ]
    assert [format_number(number, True) for number in (0.1, -0.1, -0.0001)] == ["+0.100", "-0.100", "+0.000"]
    assert [format_p_value(number) for number in (None, 0.0004, 0.0005, 1.0)] == ["-", "<.001", "0.001", "1.000"]


def test_masks_and_scorers_of_the_runs_are_in_every_file(tmp_path):
    comparison = compared(text="grpo,hicra:mask=sentences")
    write_comparison(comparison, tmp_path)
    sentence = "Planning tokens are those of the mask grams or sentences (scorer ab12ab12ab12)."
    assert sentence in (tmp_path / "comparison.md").read_text()
    runs = list(csv.DictReader(io.StringIO((tmp_path / "runs.csv").read_text())))
    assert {(run["mask"], run["scorer"]) for run in runs} == {("grams", ""), ("sentences", "ab12" * 16)}


def test_an_error_kind_that_no_run_recognizes_is_null_in_files_and_absent_from_tables(capsys):
    def answers_only(config, root, on_progress):
        run = result(config, root, 0.4)
        return replace(run, final=replace(run.final, errors={"strategic": None, "procedural": None, "format": 0.04}))

    comparison = compared(run=answers_only)
    assert {row["strategic"] for row in to_json(comparison)["runs"]} == {None}
    text = to_markdown(comparison)
    assert "strategic" not in text
    assert "procedural" not in text
    assert "| arm | runs | start | pass@1 | mean of run | form | H planning |" in text
    show_comparison(comparison)
    assert "strategic" not in capsys.readouterr().out
