"""Tables as CSV and Markdown: read back as they were, nothing that a spreadsheet or a renderer would run."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.table import Column, Table, build_table
from sgram.reports.figures.figure import Figure
from sgram.reports.findings.wording import Sentence
from sgram.reports.pages.exports import MAX_MARKDOWN_ROWS, encode_csv, escape_markdown, render_markdown
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
    rows = [{"source": f"m{index}", "traces": index} for index in range(MAX_MARKDOWN_ROWS + 2)]
    text = render_markdown(TableAnalysis({"corpus": table("corpus", rows)}, ()))
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


def test_the_summary_the_figures_and_the_notes_are_told():
    figure = Figure("moves", "Moves, *all*", "What they are.", (4, 3), lambda canvas: None)
    summary = (Sentence("It rose."), Sentence("So did the placebo.", "control"), Sentence("Few.", "caution"))
    analysis = replace(TableAnalysis({}, ()), notes=("12 rows left out",))
    text = render_markdown(analysis, summary, (figure,), {"moves": "a b/<moves>.png"})
    assert text == (
        "# A report\n\n## Summary\n\n- It rose.\n- *Control.* So did the placebo.\n- *Caution.* Few.\n\n"
        "## Figures\n\n![Moves, \\*all\\*](<a b/%3Cmoves%3E.png>)\n\n**Figure 1: Moves, \\*all\\*.** What "
        "they are.\n\n"
        "## Notes\n\n- 12 rows left out\n"
    )
    assert "![" not in render_markdown(analysis, (), (figure,))
    assert "Figure 1" in render_markdown(analysis, (), (figure,))
    assert "Figure" not in render_markdown(analysis, (), (figure,), {})
