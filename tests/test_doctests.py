"""The examples in docstrings run and print what they show."""

import ast
import doctest
from importlib import import_module

import pytest

from tests.builders.paths import ROOT

MODULES = [
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for path in sorted((ROOT / "sgram").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_run(module):
    outcome = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert outcome.attempted > 0
    assert outcome.failed == 0


def public_names_with_examples() -> list[str]:
    """Public functions, classes and methods of the package whose docstring holds an example."""
    names = []
    for path in sorted((ROOT / "sgram").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_public = isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
            if is_public and ">>> " in (ast.get_docstring(node) or ""):
                names.append(f"{path.stem}.{node.name}")
    return names


def test_at_least_sixty_public_names_have_an_example():
    assert len(public_names_with_examples()) >= 60
