"""Public names: what a type checker sees is what a program loads."""

import ast

import sgram
from tests.builders.paths import ROOT


def test_type_checkers_see_the_names_that_are_loaded_lazily():
    tree = ast.parse((ROOT / "sgram" / "__init__.pyi").read_text(encoding="utf-8"))
    names = [
        (alias.asname, node.module) for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names
    ]
    assert dict(names) == sgram._MODULES
    assert len(names) == len(sgram._MODULES)
