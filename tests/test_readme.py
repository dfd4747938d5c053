"""Every command in the README runs as written."""

import re
import shlex

import pytest

from sgram.cli import main
from tests.builders.paths import ROOT

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for _, block in BLOCKS for line in block.splitlines() if line.startswith(".venv/bin/sgram ")]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty folder with the checkout's data, so that nothing is written into the checkout."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_readme_run_in_their_order(checkout, capsys):
    assert len(COMMANDS) >= 3
    for command in COMMANDS:
        words = shlex.split(command, comments=True)[1:]
        # training takes minutes: benchmarks/training_testbed.py does, here the plan is made of it
        words += ["--dry-run"] if words[0] == "train" else []
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0, command
        assert capsys.readouterr().out, command


def test_the_python_of_the_readme_runs(checkout):
    blocks = [block for language, block in BLOCKS if language == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})  # noqa: S102


def test_files_that_the_readme_links_to_exist():
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_make_targets_that_the_readme_names_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^make (\w+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
