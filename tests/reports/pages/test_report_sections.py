"""Sections of a page: every table and figure is in the section of its measure, and absent tables say what to give."""

from sgram.analysis import Column, Measure, all_measures
from sgram.analysis.table import build_table
from sgram.reports.figures.figure import RenderedFigure
from sgram.reports.pages.report_sections import SECTION_PLANS, arrange_sections
from tests.builders.report_analyses import SVG, column, tables

MEASURES = all_measures()


def names(sections) -> dict[str, tuple[list[str], list[str]]]:
    return {
        section.plan.id: ([table.name for table in section.tables], [table.name for table in section.folded_tables])
        for section in sections
    }


def drawing(name: str, section: str) -> RenderedFigure:
    return RenderedFigure(name, name, "", SVG, section=section)


def plugin(section: str = "more", needs: str = "") -> Measure:
    return Measure("new", "A new table", (Column("x", "x"),), lambda data: [], section=section, needs=needs)


def test_the_sections_are_those_that_are_announced():
    ids = ["summary", "dynamics", "errors", "traces", "lexicon", "controls", "more", "provenance"]
    assert [plan.id for plan in SECTION_PLANS] == ids
    without_others = [section.plan.id for section in arrange_sections(MEASURES, tables(), [])]
    assert without_others == [name for name in ids if name != "more"]


def test_every_table_of_a_measure_with_a_section_has_one_home():
    with_overview = {**tables(), "glance": build_table("glance", "t", [column("source")], [])}
    table_names = names(arrange_sections(MEASURES, with_overview, []))
    planned = [name for open_names, folded in table_names.values() for name in (*open_names, *folded)]
    assert sorted(planned) == sorted(set(with_overview) - {"architecture"}), "the report does not show this measure"
    assert table_names["summary"] == ([], ["glance", "corpus", "success"])
    assert table_names["lexicon"] == (["grams"], ["moves"])
    assert table_names["errors"] == (["errors"], ["diagnoses", "equations"])
    assert table_names["controls"] == ([], ["placebo"])
    assert table_names["dynamics"][0] == []


def test_a_table_whose_section_is_not_known_is_open_among_more_measures():
    new = build_table("new", "A new table", [column("x")], [])
    for section in ("more", "of a plug-in"):
        sections = arrange_sections([plugin(section)], {"new": new}, [])
        assert names(sections)["more"] == (["new"], [])
        assert [arranged.plan.id for arranged in sections][-2:] == ["more", "provenance"]
    assert names(arrange_sections([plugin("errors")], {"new": new}, []))["errors"] == ([], ["new"]), "not declared open"
    assert "more" not in names(arrange_sections([plugin("")], {"new": new}, [])), "the report does not show it"
    assert "more" not in names(arrange_sections([plugin()], {}, [])), "there is nothing to show"


def test_a_long_open_table_is_folded_beside_a_figure():
    columns = (Column("x", "x"),)
    for length, with_figure, is_folded in ((24, True, False), (25, True, True), (25, False, False)):
        for name, section in (("errors", "errors"), ("new", "more"), ("grams", "lexicon")):
            long = build_table(name, "t", columns, [{"x": str(row)} for row in range(length)])
            figures = [drawing("x", section)] if with_figure else []
            arranged = names(arrange_sections([*MEASURES, plugin()], {name: long}, figures))[section]
            assert arranged == (([], [name]) if is_folded and name != "grams" else ([name], [])), (name, length)


def test_what_is_absent_says_what_to_give():
    missing = {section.plan.id: section.requirements for section in arrange_sections([*MEASURES, plugin()], {}, [])}
    assert any("step" in requirement for requirement in missing["dynamics"])
    assert any("correct or wrong" in requirement for requirement in missing["summary"])
    assert missing["traces"] == missing["provenance"] == ()
    assert sum(map(len, missing.values())) == sum(bool(measure.needs) for measure in MEASURES)
    present = {section.plan.id: section.requirements for section in arrange_sections(MEASURES, tables(), [])}
    assert set(present.values()) == {()}
    needy = plugin(needs="A new table needs a new input")
    assert arrange_sections([needy], {}, [])[-2].requirements == ("A new table needs a new input",)


def test_figures_are_in_the_section_of_their_measure():
    figures = [drawing("errors", "errors"), drawing("moves", "lexicon"), drawing("hedges", "of a plug-in")]
    homes = {
        figure.name: section.plan.id
        for section in arrange_sections(MEASURES, {}, figures)
        for figure in section.figures
    }
    assert homes == {"errors": "errors", "moves": "lexicon", "hedges": "more"}
