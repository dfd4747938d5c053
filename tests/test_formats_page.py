"""docs/formats.md is what containers, dialects and the table of names declare."""

import re
from importlib.util import module_from_spec, spec_from_file_location

import pytest

from sgram.traces.aliases import ALIASES
from sgram.traces.containers.table import CONTAINERS
from sgram.traces.dialect import Dialect, all_dialects
from tests.builders.paths import ROOT

PAGE = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
DIALECTS = [dialect for dialect in all_dialects().values() if dialect.parse.__module__.startswith("sgram.")]


@pytest.fixture(scope="module")
def script():
    spec = spec_from_file_location("make_formats", ROOT / "docs" / "make_formats.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_page_is_what_the_script_makes(script):
    assert script.make_page() == PAGE, "run: python docs/make_formats.py"


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_dialect_says_who_writes_it_where_that_is_defined_and_what_becomes_what(dialect):
    assert dialect.written_by
    assert dialect.source
    assert dialect.becomes
    assert all(dialect.becomes.values())
    assert re.fullmatch(r"[a-z0-9-]+", dialect.name), "its heading is its anchor"
    if dialect.recognize is not None:
        assert (dialect.recognize.__doc__ or "").startswith("Return whether "), "how it is recognized"
    else:
        assert dialect.columns


def test_every_container_and_dialect_stands_on_the_page_once():
    headings = re.findall(r"^### (.*)$", PAGE, re.MULTILINE)
    for dialect in DIALECTS:
        assert headings.count(dialect.name) == 1
    for container in CONTAINERS.values():
        assert container.description[:20] in PAGE
    for field in ALIASES:
        assert re.search(rf"^\| `{field}` \| `", PAGE, re.MULTILINE), field


def test_links_of_the_page_lead_to_files_and_headings():
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", PAGE)
    assert len(links) > 40
    for link in links:
        name, _, anchor = link.partition("#")
        text = (ROOT / "docs" / name).read_text(encoding="utf-8") if name else PAGE
        headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
        assert not anchor or anchor in headings, link


def test_a_section_shows_columns_as_code_and_phrases_as_they_are(script):
    def recognize(record):
        """Return whether the record has
        a rubric. It may have more.
        """

    dialect = Dialect(
        "toy",
        "Toy|Tool, `*.toy`",
        list,
        columns=(frozenset({"b", "a"}), frozenset({"c"})),
        recognize=recognize,
        becomes={"a": "text", "b[].x, c": "text", "*_reward if there is one": "reward", "d, ...": "meta.<d>"},
        source="toy/tool.py",
    )
    assert script.section(dialect) == (
        "### toy\n\n"
        "**Written by:** Toy\\|Tool, `*.toy`.\n\n"
        "**Recognized by:** the columns `a`, `b`; or `c`, and the record has a rubric. It may have more.\n\n"
        "**Source:** toy/tool.py.\n\n"
        "| column | becomes |\n|---|---|\n"
        "| `a`, `b[].x`, `c` | text |\n"
        "| \\*_reward if there is one | reward |\n"
        "| `d`, ... | meta.\\<d> |"
    )
