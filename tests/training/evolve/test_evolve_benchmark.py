"""The comparison on the testbed as a benchmark: settings of all arms, and a page that says what is missing."""

import json
import sys

import pytest

pytest.importorskip("torch", reason="needs sgram[train]")
pytest.importorskip("trl", reason="needs sgram[train]")
pytest.importorskip("matplotlib", reason="figures need matplotlib")

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import evolve_gpu
import evolve_testbed
import gpu_pieces

from sgram.training.evolve.arm_names import ARMS


def test_a_setting_of_all_arms_is_json_or_text():
    assert evolve_testbed.read_setting("trials=4") == ("trials", 4)
    assert evolve_testbed.read_setting("gate=q0.5") == ("gate", "q0.5")
    assert evolve_testbed.read_setting("expected_score=false") == ("expected_score", False)


def test_before_any_run_every_arm_is_missing_and_nothing_can_be_said(tmp_path, capsys):
    options = ["--collect", "--seeds", "0", "--root", str(tmp_path / "runs"), "--out", str(tmp_path)]
    assert evolve_testbed.main([*options, "--arms", "evolve", "--set", "trials=4"]) == 0
    page = capsys.readouterr().out
    assert [f"- {arm}: seed 0: not run" in page for arm in ARMS] == [True] * len(ARMS)
    assert "20 proposals with 4 trial answers" in page
    document = json.loads((tmp_path / "evolve_testbed.json").read_bytes())
    assert {claim["verdict"] for claim in document["claims"]} == {"cannot say"}
    assert document["config"]["trials"] == 4
    assert not (tmp_path / "evolve_testbed.png").exists()


def test_the_page_of_a_gpu_has_a_line_for_each_run_and_a_run_without_all_steps_is_wrong():
    row = {"step": 1, "loss": 0.5, "seconds": 9.0, "generations": 100, **dict.fromkeys(evolve_gpu.COLUMNS, 0.5)}
    later = {**row, "step": 2, "seconds": 2.0, "judge/unparsable": None}
    run = {"model": "testbed", "method": "hicra", "asked_steps": 2, "steps": [row, later], "peak_bytes": 5e6}
    machine = gpu_pieces.Machine("a card", "cuda", {"torch": "2"}, "digest", small=True)
    cells = [cell.strip() for cell in evolve_gpu.tables(machine, {"testbed": run}).splitlines()[-1].split("|")[1:-1]]
    # seconds without the first step, 100 texts in 2 s
    assert cells[:8] == ["testbed", "testbed", "hicra", "2", "2.00", "100", "50.0", "5"]
    assert cells[8 + evolve_gpu.COLUMNS.index("judge/unparsable")] == "-"
    assert evolve_gpu._is_right(run)
    assert not evolve_gpu._is_right({**run, "steps": [row]})
    assert not evolve_gpu._is_right({**run, "steps": [row, {**later, "loss": float("nan")}]})
