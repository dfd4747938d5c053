"""Tables as CSV and Markdown: read back as they were, nothing that a spreadsheet or a renderer would run."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.table import Column, Table, build_table
from sgram.reports.figures.figure import Figure
from sgram.reports.pages.exports import MAX_MARKDOWN_ROWS, encode_csv, escape_markdown, render_markdown
from tests.builders import report_analyses
from tests.builders.report_tables import TableAnalysis, corpus, full_analysis, shares, table


def read_back(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline="")))


def one_cell(cell):
    return Table("t", "T", (Column("c", "a cell"), Column("d", "another")), ((cell, 1),))


# -- CSV ------------------------------------------------------------------------------------------------


def test_numbers_are_written_in_full_and_what_is_unknown_not_at_all():
    rows = [
        {"source": "a", "value": 0.1 + 0.2, "n": 3, "core": True, "low": None},
        {"source": "b", "value": -1e-17, "n": -2, "core": False, "low": None},
    ]
    columns = [Column(name, f"the {name}") for name in ("source", "value", "n", "core", "low")]
    data = encode_csv(build_table("t", "T", columns, rows))
    assert data == (b"source,value,n,core,low\na,0.30000000000000004,3,true,\nb,-1e-17,-2,false,\n")
    assert encode_csv(one_cell(float("nan"))) == b"c,d\n,1\n"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "－1", "＋1", "＠1"])
def test_text_that_begins_like_a_formula_is_text(cell):
    ((_, _), (read, _)) = read_back(encode_csv(one_cell(cell)))
    assert read == f"'{cell}"


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1))
def test_csv_reads_back_as_it_was(cell):
    ((_, _), (read, second)) = read_back(encode_csv(one_cell(cell)))
    assert (read, second) == (f"'{cell}" if cell[0] in "=+-@\t\r\n＝＋－＠" else cell, "1")


def test_csv_is_quoted_by_the_rules_and_ends_lines_with_a_line_feed():
    assert encode_csv(one_cell('a "b", c\nd')) == b'c,d\n"a ""b"", c\nd",1\n'
    assert encode_csv(one_cell("a\ud800\0")) == b"c,d\na\\ud800\\x00,1\n"
    assert b"'=evil" in encode_csv(Table("t", "T", (Column("=evil", "x"),), ()))


# -- Markdown -------------------------------------------------------------------------------------------


def test_intervals_stand_behind_their_values():
    """The planning share of 0.1 is 10.0 %, with its ends at 9.0 and 11.0."""
    text = render_markdown(TableAnalysis({"shares": shares(("m",), ("correct",))}, ("m",)))
    lines = text.splitlines()
    assert lines[0] == "# A report"
    assert "## Table of shares" in lines
    (head,) = [line for line in lines if line.startswith("| source")]
    assert head == "| source | outcome | list | value, % \\[95 %\\] | traces | problems | unit |"
    (ruler,) = [line for line in lines if line.startswith("| ---")]
    assert ruler == "| --- | --- | --- | ---: | ---: | ---: | --- |"
    assert "| m | correct | SGs | 10.0 \\[9.0, 11.0\\] | 100 | 20 | words |" in lines
    assert lines[-1] == "A note."


def test_every_row_has_as_many_cells_as_the_head():
    text = render_markdown(full_analysis(("a|b", "c\\"), steps=(0, 5)))
    head = None
    for line in text.splitlines():
        if not line.startswith("|"):
            head = None
            continue
        cells = line.replace("\\\\", "").replace("\\|", "").count("|")
        head = head or cells
        assert cells == head, line


def test_long_tables_are_cut_and_it_is_said():
    names = [f"m{index}" for index in range(MAX_MARKDOWN_ROWS + 2)]
    text = render_markdown(TableAnalysis({"corpus": corpus(names)}, ()))
    assert "2 more rows are left out." in text
    assert f"| m{MAX_MARKDOWN_ROWS - 1} |" in text
    assert f"| m{MAX_MARKDOWN_ROWS} |" not in text


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("![x](http://a.b)", "\\!\\[x\\](http\\://a.b)"),
        ("www.a.b", "www\\.a.b"),
        ("a|b `c` *d* _e_ ~f~ $g$ #h", "a\\|b \\`c\\` \\*d\\* \\_e\\_ \\~f\\~ \\$g\\$ \\#h"),
        ("# no\n- list", "\\# no - list"),
        ("- list", "\\- list"),
        ("1. list", "&#49;. list"),
        ("3.4 % [1, 2]", "3.4 % \\[1, 2\\]"),
        ("\x1b[31m\u202e&amp;", "\\\\x1b\\[31m\\\\u202e&amp;amp;"),
    ],
)
def test_nothing_in_a_cell_is_markup(text, escaped):
    assert escape_markdown(text) == escaped
    analysis = replace(TableAnalysis({"corpus": corpus((text,))}, (text,)), title=text)
    assert f"# {escaped}\n" in render_markdown(analysis)
    assert f"| {escaped} |" in render_markdown(analysis)


def test_the_findings_the_figures_and_the_notes_are_told():
    figure = Figure("moves", "Moves, *all*", "What they are.", (4, 3), lambda canvas: None)
    # a share of wrong equations of 5 % (correct) and 25 % (wrong traces) with 0.03 and 0.04 at each side: 0.05 together
    sides = [
        {"source": "a*b", "outcome": outcome, "wrong_share": value, "low": value - by, "high": value + by}
        for outcome, value, by in (("correct", 0.05, 0.03), ("wrong", 0.25, 0.04))
    ]
    analysis = replace(TableAnalysis({"equations": table("equations", sides)}, ("a*b",)), notes=("12 rows left out",))
    text = render_markdown(analysis, (figure,), {"moves": "a b/<moves>.png"})
    findings = (
        "## Findings\n\n- The share of wrong equations is higher for wrong traces than for correct traces: 25.0 % "
        "against 5.0 %, +20.0 points \\[15.0, 25.0\\].\n\n"
    )
    assert text.startswith(f"# A report\n\n{findings}## Table of equations\n\n| source ")
    assert text.endswith(
        "## Figures\n\n![Moves, \\*all\\*](<a b/%3Cmoves%3E.png>)\n\n**Figure 1: Moves, \\*all\\*.** What "
        "they are.\n\n"
        "## Notes\n\n- 12 rows left out\n"
    )
    assert "![" not in render_markdown(analysis, (figure,))
    assert "Figure 1" in render_markdown(analysis, (figure,))
    assert "Figure" not in render_markdown(analysis, (figure,), {})


def test_findings_of_many_sources_are_a_nested_list_without_markup():
    word = "<b>{}</b> *c*".format
    text = render_markdown(report_analyses.analysis(word))
    lines = text.splitlines()
    first = lines.index("## Findings") + 2
    name = escape_markdown(word("grpo, seed 0"))
    assert lines[first].startswith(f"- The planning share: from 12.3 % ({name}) to 25.0 % (")
    assert lines[first + 1] == f"  - {name}: 12.3 % \\[11.3, 13.3\\]."
    assert "<b>" not in text
    assert "the undecided may be of any kind." in text  # what a reader must know of a finding


def test_an_analysis_without_findings_has_no_list_of_them():
    assert render_markdown(TableAnalysis({}, ())) == "# A report\n"
