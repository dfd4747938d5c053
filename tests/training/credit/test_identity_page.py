"""docs/what_hicra_does.md: its example prints what it says, its table holds what the methods compute."""

import contextlib
import io
import re
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from tests.builders.paths import ROOT

PAGE = (ROOT / "docs" / "what_hicra_does.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    pytest.importorskip("matplotlib", reason="the figure needs matplotlib")
    spec = spec_from_file_location("make_identity_figure", ROOT / "docs" / "make_identity_figure.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_prints_what_the_page_says():
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(block, {})  # noqa: S102  the block is ours
    expected = re.findall(r"^# (hicra.*?wrong -?[\d.]+)", block, re.MULTILINE)
    assert [" ".join(line.split()) for line in printed.getvalue().splitlines()] == [
        " ".join(line.split()) for line in expected
    ]


def test_the_table_holds_what_the_methods_compute(script):
    rows = re.findall(r"^\| (\d)/(\d) \| (.*) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 5
    for numerator, denominator, cells in rows:
        n_correct = int(numerator) * script.SIZE // int(denominator)
        expected = [
            number for method in ("hicra", "hicra-correct") for number in script.factor_and_push(method, n_correct)
        ]
        assert [float(cell) for cell in cells.split(" | ")] == pytest.approx(expected, abs=6e-4)


def test_points_of_the_figure_lie_on_its_lines(script):
    import numpy as np

    for method in script.METHODS:
        for n_correct in range(1, script.SIZE):
            lines = script.closed_forms(method, np.array([n_correct / script.SIZE]))
            assert script.factor_and_push(method, n_correct) == pytest.approx([line[0] for line in lines])
