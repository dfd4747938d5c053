"""docs/evolve.md, held against the code: its flags, arms and columns exist."""

import re
from dataclasses import fields

from sgram.training.evolve.arm_names import ARMS
from sgram.training.evolve.evolve_config import EvolveConfig
from tests.builders.paths import ROOT

PAGE = (ROOT / "docs" / "evolve.md").read_text(encoding="utf-8")


def test_every_flag_of_the_page_is_one_of_the_verb():
    settings = {setting.name.replace("_", "-") for setting in fields(EvolveConfig)}
    others = {"compare", "seeds", "warmup-seeds", "dry-run", "task-option", "method-option", "jobs", "out"}
    flags = {flag.removeprefix("no-") for flag in re.findall(r"--([a-z][a-z-]+)", PAGE)}
    assert len(flags) > 15
    assert flags <= settings | others


def test_the_table_of_controls_has_every_named_arm():
    section = PAGE.split("## Controls\n")[1].split("\n## ")[0]
    first_cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([^`]+)`", " ".join(first_cells))) == set(ARMS) - {"evolve"}


def test_the_arm_that_the_page_spells_out_is_the_one_that_its_name_stands_for():
    assert f"`fixed-questions` is `{ARMS['fixed-questions']}`" in PAGE
