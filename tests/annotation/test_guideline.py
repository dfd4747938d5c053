"""The guideline: what it must say, and how its Markdown is read."""

from sgram.annotation.guideline import Block, Run, guideline_text, parse_guideline
from sgram.annotation.items import LABEL_MEANINGS, LABELS
from sgram.lexicon import MOVE_MEANINGS


def test_markdown_becomes_blocks():
    text = "# Title\n\nA **bold** and\n*slanted* one.\n\n- one\n- two,\n  still\n\n| a | b |\n|---|---|\n| 1 | **2** |"
    runs = (Run("", "A "), Run("strong", "bold"), Run("", " and "), Run("em", "slanted"), Run("", " one."))
    assert parse_guideline(text) == (
        Block("heading", (((Run("", "Title"),),),), 1),
        Block("paragraph", ((runs,),)),
        Block("list", (((Run("", "one"),),), ((Run("", "two, still"),),))),
        Block("table", (((Run("", "a"),), (Run("", "b"),)), ((Run("", "1"),), (Run("strong", "2"),)))),
    )


def test_plain_lines_leave_the_head_of_a_table_out():
    blocks = parse_guideline("# T\n\n- *one*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert [block.plain for block in blocks] == [("T",), ("• one",), ("• 1 — 2",)]


def test_markup_in_a_guideline_is_text():
    (block,) = parse_guideline("<b>no</b> **<i>**")
    assert block.rows == (((Run("", "<b>no</b> "), Run("strong", "<i>")),),)


def test_every_label_is_explained_in_the_words_that_tools_show():
    tables = [block for block in parse_guideline(guideline_text()) if block.kind == "table"]
    labels = {row[0][0].text: "".join(run.text for run in row[1]) for row in tables[0].rows[1:]}
    assert labels == dict(LABEL_MEANINGS)
    assert {move: labels[move] for move in MOVE_MEANINGS if move != "other"} == {
        move: meaning for move, meaning in MOVE_MEANINGS.items() if move != "other"
    }


def test_borderline_cases_show_every_kind_of_label():
    tables = [block for block in parse_guideline(guideline_text()) if block.kind == "table"]
    cases = [["".join(run.text for run in cell) for cell in row] for row in tables[1].rows[1:]]
    assert {case[1] for case in cases} == set(LABELS)
    assert all("[" in case[0] and "]" in case[0] and case[2] for case in cases)
