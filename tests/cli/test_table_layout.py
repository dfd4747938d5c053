"""Widths of columns: tables as wide as the terminal, without broken words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from sgram.cli.console import KIND_COLORS, MOVE_COLORS, name_width, print_table
from sgram.cli.table_layout import column_widths, crop_words, least_width
from sgram.diagnosis.kinds import KINDS
from sgram.lexicon import MOVES

WORDS = st.lists(st.text("abcdefgh", min_size=1, max_size=12), min_size=1, max_size=12).map(" ".join)
TABLES = st.lists(st.lists(WORDS, min_size=1, max_size=4), min_size=1, max_size=5)


@given(TABLES, st.integers(1, 200))
def test_no_column_is_narrower_than_its_longest_word_or_wider_than_its_longest_cell(columns, width):
    widths = column_widths(columns, width, gap=2)
    for cells, column_width in zip(columns, widths, strict=True):
        assert max(map(least_width, cells)) <= column_width <= max(map(len, cells))
    least = [max(map(least_width, cells)) for cells in columns]
    free = width - 2 * (len(columns) - 1)
    # wider than the terminal only if the words need it, and narrower only if every cell is on one line
    assert sum(widths) <= max(free, sum(least))
    if sum(widths) < free:
        assert widths == [max(map(len, cells)) for cells in columns]


@given(WORDS, st.integers(1, 60))
def test_a_cropped_text_ends_with_a_whole_word(text, width):
    cropped = crop_words(Text(text), width).plain
    assert cropped == text or len(cropped) <= max(width, 1)
    words = cropped.removesuffix("…").split()
    if " " in cropped and cropped != text:
        assert text.split()[: len(words)] == words
        # the next word has no room
        assert len(" ".join(text.split()[: len(words) + 1])) > width - 2


@pytest.mark.parametrize("width", [40, 80, 130])
def test_a_table_is_as_wide_as_columns_says_and_breaks_no_word(width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    members = "wait let me reconsider, hold on, that cannot be right, let me double-check the arithmetic once more"
    print_table(("rank", "move", "members", "source"), [(1, "backtracking", members, "reasoningflow_human.jsonl")])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    longest = max(map(len, lines))
    # 4 + 12 + 99 + 25 and three gaps of 2 are 146: at 130 the members wrap once, and the table fills most of the line
    assert width - 15 <= longest <= max(width, 4 + 12 + 16 + 25 + 6)
    text = " ".join(lines).split()
    assert all(word in text for word in ("backtracking", "reasoningflow_human.jsonl", "double-check", *members.split()))


def test_moves_and_kinds_of_errors_have_their_colors_in_every_table(monkeypatch, capsys):
    assert set(MOVE_COLORS) == set(MOVES)
    assert set(KIND_COLORS) == set(KINDS)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table(("move", "kind of error", "gram"), [("branching", "strategic", "branching")])
    out = capsys.readouterr().out
    # #e69f00 is 230, 159, 0 and #d55e00 is 213, 94, 0; the gram that is called like a move has no color
    assert out.count("38;2;230;159;0mbranching") == 1
    assert out.count("38;2;213;94;0mstrategic") == 1


def test_names_have_more_room_in_a_wider_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert name_width(34) == 34
    monkeypatch.setenv("COLUMNS", "120")
    assert name_width(34) == 74
