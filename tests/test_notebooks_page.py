"""docs/notebooks.md: its blocks run in their order, as cells of one notebook."""

import re

from tests.builders.paths import ROOT

PAGE = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")


def test_the_blocks_of_the_page_run(monkeypatch, tmp_path):
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks:
        exec(compile(block, "docs/notebooks.md", "exec"), names)  # noqa: S102
    assert names["figures"].keys() >= {"success", "moves"}
