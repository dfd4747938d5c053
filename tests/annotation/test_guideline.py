"""The guideline: its required content, and parsing of its Markdown."""

from sgram.annotation.guideline import Block, StyledText, guideline_text, parse_guideline
from sgram.annotation.items import LABEL_MEANINGS, LABELS
from sgram.lexicon import MOVE_MEANINGS


def test_markdown_becomes_blocks():
    text = "# Title\n\nA **bold** and\n*slanted* one.\n\n- one\n- two,\n  still\n\n| a | b |\n|---|---|\n| 1 | **2** |"
    pieces = (
        StyledText("", "A "),
        StyledText("strong", "bold"),
        StyledText("", " and "),
        StyledText("em", "slanted"),
        StyledText("", " one."),
    )
    assert parse_guideline(text) == (
        Block("heading", (((StyledText("", "Title"),),),), 1),
        Block("paragraph", ((pieces,),)),
        Block("list", (((StyledText("", "one"),),), ((StyledText("", "two, still"),),))),
        Block(
            "table",
            (((StyledText("", "a"),), (StyledText("", "b"),)), ((StyledText("", "1"),), (StyledText("strong", "2"),))),
        ),
    )


def test_plain_lines_omit_the_header_of_a_table():
    blocks = parse_guideline("# T\n\n- *one*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert [block.plain for block in blocks] == [("T",), ("• one",), ("• 1 — 2",)]


def test_markup_in_a_guideline_is_text():
    (block,) = parse_guideline("<b>no</b> **<i>**")
    assert block.rows == (((StyledText("", "<b>no</b> "), StyledText("strong", "<i>")),),)


def test_every_label_has_the_meaning_that_tools_show():
    tables = [block for block in parse_guideline(guideline_text()) if block.kind == "table"]
    labels = {row[0][0].text: "".join(piece.text for piece in row[1]) for row in tables[0].rows[1:]}
    assert labels == dict(LABEL_MEANINGS)
    assert {move: labels[move] for move in MOVE_MEANINGS if move != "other"} == {
        move: meaning for move, meaning in MOVE_MEANINGS.items() if move != "other"
    }


def test_borderline_cases_cover_every_label():
    tables = [block for block in parse_guideline(guideline_text()) if block.kind == "table"]
    cases = [["".join(piece.text for piece in cell) for cell in row] for row in tables[1].rows[1:]]
    assert {case[1] for case in cases} == set(LABELS)
    assert all("[" in case[0] and "]" in case[0] and case[2] for case in cases)
