"""The benchmarks that need a GPU: what they say without one, how they resume, and their path on a CPU."""

import json
import math
import sys
import time

import pytest

from tests.builders.paths import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

import gpu_pieces
import tagging_gpu

MACHINE = gpu_pieces.Machine("a card", "cpu", {"torch": "2"}, "digest", small=True)


def settings(folder, budget=100.0):
    return gpu_pieces.Settings("cpu", True, budget, folder, None)


def run(pieces, folder, budget=100.0, machine=MACHINE):
    return gpu_pieces.run_pieces(pieces, machine, settings(folder, budget), time.monotonic())


def endless():
    while True:
        math.sqrt(2)


def test_pieces_that_are_done_are_read_by_the_next_call_and_names_the_device(tmp_path):
    calls = []
    pieces = {"first": lambda: calls.append("first") or {"n": 1}, "second": lambda: calls.append("second") or {"n": 2}}
    assert run(dict(list(pieces.items())[:1]), tmp_path)["first"]["n"] == 1
    assert [result["n"] for result in run(pieces, tmp_path).values()] == [1, 2]
    assert calls == ["first", "second"]
    assert json.loads((tmp_path / "first.json").read_bytes())["machine"]["name"] == "a card"


def test_pieces_of_another_machine_are_taken_again(tmp_path):
    run({"first": lambda: {"n": 1}}, tmp_path)
    other = gpu_pieces.Machine("another card", "cpu", {"torch": "2"}, "digest", small=True)
    assert run({"first": lambda: {"n": 3}}, tmp_path, machine=other)["first"]["n"] == 3


def test_a_piece_that_takes_longer_than_the_budget_is_left_without_a_file(tmp_path, capsys):
    found = run({"first": lambda: {"n": 1}, "long": endless, "last": lambda: {"n": 3}}, tmp_path, budget=0.2)
    assert list(found) == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["first.json"]
    assert run({"long": endless}, tmp_path, budget=0.2) == {}
    assert "long: left after 0 s; it takes the whole budget, so give a larger --budget" in capsys.readouterr().err


def test_a_missing_package_is_named_with_the_way_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit) as left:
        gpu_pieces.open_machine(settings(tmp_path), {"sgram_absent": "sgram-absent"}, '".[gpu]"')
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert "needs sgram-absent, not installed" in error
    assert 'python -m pip install -e ".[gpu]"' in error


def test_without_a_gpu_a_sentence_and_exit_code_2(tmp_path, capsys, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["tagging_gpu.py"])
    monkeypatch.setattr(tagging_gpu, "MODULES", {"torch": "torch"})
    pytest.importorskip("triton")
    with pytest.raises(SystemExit) as left:
        tagging_gpu.main()
    assert left.value.code == 2
    assert "needs an NVIDIA GPU" in capsys.readouterr().err


def test_tagging_takes_its_whole_path_on_a_cpu(tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    arguments = ["--device", "cpu", "--small", "--results", str(tmp_path / "pieces")]
    monkeypatch.setattr(sys, "argv", ["tagging_gpu.py", *arguments])
    assert tagging_gpu.main() == 0
    text = capsys.readouterr().out
    assert text.startswith("no GPU")
    for name in ("grams", "sentences", "grams-in-sentences"):
        assert f"| {name} |" in text
    assert {path.stem for path in (tmp_path / "pieces").iterdir()} == {"bandwidth", "length-64", "length-256", "kinds"}
