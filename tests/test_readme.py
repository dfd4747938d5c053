"""README.md: every command and block runs as written, and what it names exists."""

import ast
import re
import shlex

import pytest

from sgram.cli import app, main
from tests.builders.paths import ROOT
from tests.test_package import EXTRAS

README = (ROOT / "README.md").read_text(encoding="utf-8")
BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
LINES = [line for language, block in BLOCKS if not language for line in block.splitlines()]
COMMANDS = [line for line in LINES if line.startswith(".venv/bin/sgram ")]
TARGETS = [line.split()[1] for line in LINES if line.startswith("make ")]


def table(title: str) -> list[list[str]]:
    """Return the cells of the first table of a section, without its head."""
    text = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", README, re.MULTILINE | re.DOTALL)[1]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty folder with the checkout's data, so that nothing is written into the checkout."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_is_of_a_kind_that_a_test_here_runs():
    assert {language for language, _ in BLOCKS} <= {"", "python", "diff"}
    assert len(COMMANDS) + len(TARGETS) == len(LINES)
    assert not re.search(r"^(?: {4}|\t)\S", README, re.MULTILINE), "an indented block"


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


def test_the_lines_of_the_diff_are_python_with_names_that_exist():
    (diff,) = (block for language, block in BLOCKS if language == "diff")
    removed, added = (ast.unparse(ast.parse(line[1:])) for line in diff.splitlines())
    assert "GRPOTrainer" in removed
    names = re.findall(r"HICRA\w+", added)
    from sgram import training

    assert names == ["HICRATrainer", "HICRAConfig"]
    assert set(names) <= set(training.__all__)


def test_links_of_the_readme_lead_to_files_and_headings():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert links
    for link in links:
        name, _, anchor = link.partition("#")
        assert (ROOT / name).exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {heading.lower().replace(" ", "-") for heading in headings}, link


def test_make_targets_that_the_readme_names_exist():
    targets = [*TARGETS, *re.findall(r"`make ([\w-]+)`", README)]
    assert {"demo", "test", "lint", "dist", "dist-check"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_each_verb_has_a_line_with_its_question():
    rows = table("The verbs")
    verbs = [name for name in app if not name.startswith("-")]
    assert sorted(verb.strip("`") for verb, _ in rows) == sorted(f"sgram {verb}" for verb in verbs)
    assert all("?" in question for _, question in rows)


def test_the_figures_are_those_of_the_benchmarks():
    rows = table("Five figures")
    assert len(rows) == 5
    for question, answer, command in rows:
        assert "?" in question
        script = re.fullmatch(r"`python (benchmarks/\w+\.py)`", command)[1]
        assert (ROOT / script).exists()
        for number in re.findall(r"[+-]?\d*\.\d+", answer):
            assert number in BENCHMARKS, (script, number)


def test_scripts_that_the_benchmarks_name_exist():
    names = set(re.findall(r"`(\w+\.py)`", BENCHMARKS)) | set(re.findall(r"^#+ (\w+\.py)", BENCHMARKS, re.MULTILINE))
    assert len(names) > 15
    assert [name for name in names if not (ROOT / "benchmarks" / name).exists()] == []


def test_extras_that_the_readme_names_exist():
    names = {name for group in re.findall(r"\.\[([\w,]+)\]", README) for name in group.split(",")}
    assert names
    assert names <= set(EXTRAS)
