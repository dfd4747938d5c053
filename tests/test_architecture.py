"""ARCHITECTURE.md, held against the code: the floors are those of the contract, every file and name in it exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.builders.paths import ROOT
from tests.test_package import PROJECT

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
FILE = re.compile(r"`([\w./-]+\.(?:py|pyi|md|json|jinja|css|js|toml)|[\w/]+/)`")
# names that stand for a file to be chosen or that are written without their folder
NOT_PATHS = {
    *("cli/VERB.py", "report_page.css", "report_page.js", "__init__.pyi"),
    *("dot_plot.py", "curve_plot.py", "bin_plot.py", "share_plot.py"),
}
FOLDERS_WITHIN = {"credit/", "trainer/", "tasks/", "experiments/", "kernel/"}


def section(title: str) -> str:
    return re.search(rf"^## {re.escape(title)}.*?\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def rows(title: str) -> list[list[str]]:
    """Return the cells of the rows of the first table of a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def defined_names(path: Path) -> set[str]:
    """Return the names that a module defines: functions, classes, constants, and methods as Class.name and name."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        for member in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(member, ast.FunctionDef):
                names |= {member.name, f"{node.name}.{member.name}"}
    return names


def test_the_floors_are_those_of_the_contract_in_its_order():
    contract = PROJECT["tool"]["importlinter"]["contracts"][0]
    assert [room.strip("`") for room, _, _ in rows("The floors")] == contract["layers"]


def test_every_file_that_the_page_names_exists():
    paths = [path for path in FILE.findall(PAGE) if path not in NOT_PATHS | FOLDERS_WITHIN]
    assert len(paths) > 150
    assert [path for path in paths if not (ROOT / "sgram" / path).exists() and not (ROOT / path).exists()] == []


def test_every_link_of_the_page_leads_to_a_file_and_a_heading():
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE):
        name, _, anchor = link.partition("#")
        headings = re.findall(r"^#+ (.*)$", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}, link


@pytest.mark.parametrize("walk", ["Walk 1", "Walk 2", "Walk 3"])
def test_every_name_of_a_walk_is_defined_in_its_file(walk):
    steps = rows(walk)
    assert len(steps) > 15
    for _, file, names in steps:
        known = defined_names(ROOT / "sgram" / file.strip("`"))
        assert set(re.findall(r"`([^`]+)`", names)) <= known, file
