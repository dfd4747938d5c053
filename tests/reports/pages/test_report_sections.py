"""Sections of a page: every table and figure has one home, and what is absent says what to give."""

from sgram.analysis.table import build_table
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.pages.report_sections import SECTION_PLANS, arrange_sections
from tests.builders.report_analyses import SVG, column, tables


def names(sections) -> dict[str, tuple[list[str], list[str]]]:
    return {
        section.plan.id: ([table.name for table in section.tables], [table.name for table in section.folded_tables])
        for section in sections
    }


def test_the_sections_are_those_that_are_announced():
    assert [plan.id for plan in SECTION_PLANS] == [
        "summary",
        "lexicon",
        "traces",
        "dynamics",
        "errors",
        "controls",
        "architecture",
        "provenance",
    ]


def test_every_table_has_one_home():
    table_names = names(arrange_sections(tables(), []))
    planned = [name for open_names, folded in table_names.values() for name in (*open_names, *folded)]
    assert sorted(planned) == sorted(tables())
    assert table_names["lexicon"] == (["grams"], ["moves"])


def test_a_table_that_no_section_knows_stands_with_the_dynamics():
    new = build_table("new", "A new table", [column("x")], [])
    assert names(arrange_sections({"new": new}, []))["dynamics"] == ([], ["new"])


def test_what_is_absent_says_what_to_give():
    missing = {section.plan.id: section.requirements for section in arrange_sections({}, [])}
    assert any("step" in requirement for requirement in missing["dynamics"])
    assert any("correct or wrong" in requirement for requirement in missing["summary"])
    assert missing["traces"] == missing["provenance"] == ()
    present = {section.plan.id: section.requirements for section in arrange_sections(tables(), [])}
    assert set(present.values()) == {()}


def test_a_figure_stands_in_its_section_or_with_the_dynamics():
    figures = [
        RenderedFigure(name, name, "", SVG) for name in ("errors", "errors-by-step", "semantic-entropy", "moves")
    ]
    homes = {figure.name: section.plan.id for section in arrange_sections({}, figures) for figure in section.figures}
    assert homes == {"errors": "errors", "errors-by-step": "errors", "semantic-entropy": "dynamics", "moves": "lexicon"}
