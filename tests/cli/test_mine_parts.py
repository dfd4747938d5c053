"""``sgram mine split`` to ``join``, as they are typed; docs/scale.md, held against the commands."""

import json
import re
import sys
from pathlib import Path

import pytest

from sgram.cli import main
from sgram.cli.mine import app
from tests.builders.paths import ROOT

SAMPLE = ROOT / "data" / "sample_traces.jsonl"
PAGE = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
STEPS = ("split", "part", "union", "count", "choose", "describe", "join")


@pytest.fixture(autouse=True)
def workdir(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        main(["mine", *map(str, arguments)])
    return exit_info.value.code, *capsys.readouterr()


def test_the_steps_one_by_one_give_the_lexicon_of_mine(capsys):
    assert run(capsys, SAMPLE, "--embedder", "hash", "-o", "once.json")[0] == 0
    code, out, _ = run(
        capsys, "split", SAMPLE, "--embedder", "hash", "--parts", 3, "--exact-parts", "-o", "parts", "--json"
    )
    plan = json.loads(out)
    assert code == 0
    assert [part["name"] for part in plan["parts"]] == ["000", "001", "002"]
    assert sum(part["traces"] for part in plan["parts"]) == plan["traces"] == 108
    assert run(capsys, "part", "parts/000", "parts/002")[:2] == (0, "part: parts/000, parts/002\n")
    code, _, err = run(capsys, "union", "parts")
    assert code == 3
    assert "sgram mine part has not been run for the parts 001" in err
    assert run(capsys, "part", "parts/001")[0] == 0
    code, out, _ = run(capsys, "union", "parts")
    assert code == 0
    n_counted, n_reported = (int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", out))
    assert 0 < n_counted < n_reported
    assert run(capsys, "count", "parts/000", "parts/001", "parts/002")[0] == 0
    assert run(capsys, "choose", "parts")[0] == 0
    assert run(capsys, "describe", "parts/001")[0] == 0
    code, out, err = run(capsys, "join", "parts", "-o", "joined.json", "--rows", 1)
    assert code == 0
    assert out.split()[:3] == ["move", "traces", "medoid"]
    assert "108 traces of 108 rows" in err
    for suffix in (".json", ".examples.jsonl"):
        assert Path(f"joined{suffix}").read_bytes() == Path(f"once{suffix}").read_bytes()


def test_the_steps_take_the_url_of_a_folder(capsys, tmp_path):
    url = f"file://{tmp_path}/remote"
    code, out, _ = run(capsys, "split", SAMPLE, "--embedder", "hash", "--parts", 2, "--exact-parts", "-o", url)
    assert code == 0
    assert f"2 parts of {url}: 000 to 001" in out
    assert run(capsys, "part", f"{url}/000", f"{url}/001")[:2] == (0, f"part: {url}/000, {url}/001\n")
    assert run(capsys, "union", url)[0] == 0
    assert run(capsys, "choose", url)[:2] == (0, f"chosen: {url}/choice.arrays\n")
    code, out, err = run(capsys, "join", url, "-o", "joined.json", "--json")
    assert (code, json.loads(out)["run"]) == (0, url)
    assert ".sgram-" not in out + err
    assert run(capsys, SAMPLE, "--embedder", "hash", "-o", "once.json")[0] == 0
    for suffix in (".json", ".examples.jsonl"):
        assert Path(f"joined{suffix}").read_bytes() == Path(f"once{suffix}").read_bytes()


def test_too_many_parts_are_lowered_and_said(capsys):
    code, out, _ = run(capsys, "split", SAMPLE, "--embedder", "hash", "--parts", 5, "-o", "parts")
    assert code == 0
    assert out.splitlines()[0] == "108 traces in 1 part of parts: 000"
    assert "5 parts were asked for: in smaller parts the threshold would be below 20 traces" in out
    assert "--exact-parts keeps the number" in out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("part", "nowhere/000"), 3, "holds no finished split"),
        (("part",), 2, "PARTS"),
        (("join", "nowhere"), 3, "run sgram mine split"),
        (("split", SAMPLE, "--parts", 0, "-o", "parts"), 2, "parts must be >= 1"),
        (("split", "missing.jsonl", "--parts", 2, "-o", "parts"), 3, "cannot read missing.jsonl"),
        (("join", "nowhere", "--json", "-o", "-"), 2, "choose one"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(arguments, code, message, capsys):
    exit_code, _, err = run(capsys, *arguments)
    assert exit_code == code
    assert message in err


def test_ray_that_is_not_installed_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)  # `import ray` fails as if it were not there
    assert run(capsys, "split", SAMPLE, "--embedder", "hash", "--parts", 1, "-o", "parts")[0] == 0
    code, _, err = run(capsys, "join", "parts", "--engine", "ray")
    assert code == 1
    assert "pip install 'sgram[ray]'" in err


def test_the_page_names_the_commands_that_exist_and_no_others():
    assert set(re.findall(r"sgram mine ([a-z]+)\b", PAGE)) - {"rollouts"} == set(STEPS)
    for step in STEPS:
        assert app[step].help


def test_every_step_says_what_it_does_in_the_help(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for step in STEPS:
        assert re.search(rf"^\W+{step}\s+\w+ ", out.partition("Steps, for more traces")[2], re.MULTILINE), step
