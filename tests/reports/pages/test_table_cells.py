"""Cells of a page: what they say, what they are sorted by, which columns become one."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.analysis.table import Column, Table, build_table
from sgram.reports.pages.table_cells import choose_decimals, format_number, format_table
from sgram.reports.pages.templates import shorten


def table(columns: dict[str, str], *rows: tuple, note: str = "") -> Table:
    declared = tuple(Column(name, f"what {name} means", kind) for name, kind in columns.items())
    return Table("made", "A table", declared, rows, note)


def texts(source_table: Table, **options) -> list[list[str]]:
    formatted = format_table(source_table, options.pop("max_rows", 100), **options)
    return [[cell.text for cell in row] for row in formatted.rows]


def test_a_share_is_per_cent_with_one_decimal_and_the_unit_in_the_head():
    formatted = format_table(table({"value": "share"}, (0.12345,), (1.0,), (None,)), 10)
    assert [(column.name, column.unit) for column in formatted.columns] == [("value", "%")]
    assert [row[0].text for row in formatted.rows] == ["12.3", "100.0", "–"]
    assert [row[0].sort_key for row in formatted.rows] == [0.12345, 1.0, None]
    assert [row[0].is_missing for row in formatted.rows] == [False, False, True]


def test_counts_have_their_thousands_apart_and_flags_say_yes_or_no():
    assert texts(table({"n": "count", "core": "flag"}, (1234567, True), (0, False), (None, None))) == [
        ["1,234,567", "yes"],
        ["0", "no"],
        ["–", "–"],
    ]


def test_an_interval_is_one_cell_beside_its_value_with_the_same_decimals():
    source_table = table(
        {"source": "text", "entropy": "number", "low": "number", "high": "number"}, ("a", 1.5, 1.25, 2.0)
    )
    assert [column.name for column in format_table(source_table, 9).columns] == ["source", "entropy", "interval"]
    assert texts(source_table) == [["a", "1.50", "1.25 – 2.00"]]
    named = table({"entropy": "number", "entropy_low": "number", "entropy_high": "number"}, (12.0, 11.5, None))
    assert texts(named) == [["12.0", "11.5 – ?"]]
    assert texts(table({"low": "number", "high": "number"}, (None, None))) == [["–"]]
    # one end alone is a column of its own
    assert texts(table({"low": "number"}, (1.5,))) == [["1.50"]]


def test_an_interval_of_negative_numbers_is_told_from_a_minus():
    assert texts(table({"difference": "share", "low": "share", "high": "share"}, (-0.1, -0.2, -0.0001))) == [
        ["−10.0", "−20.0 – 0.0"]
    ]


def test_rows_of_one_series_share_their_decimals_and_those_of_another_do_not():
    rows = (("length", 153.2, 150.0, 156.0), ("pass@1", 0.25, 0.2, 0.3), ("length", 9.0, None, None))
    source_table = table({"series": "text", "value": "number", "low": "number", "high": "number"}, *rows)
    assert texts(source_table) == [
        ["length", "153", "150 – 156"],
        ["pass@1", "0.250", "0.200 – 0.300"],
        ["length", "9", "–"],
    ]


def test_bins_are_no_intervals():
    formatted = format_table(table({"bin_low": "count", "bin_high": "count"}, (0, 1000)), 9)
    assert (formatted.columns[0].name, formatted.columns[0].kind, formatted.rows[0][0].text) == (
        "from – to",
        "number",
        "0 – 1,000",
    )


def test_only_the_first_rows_are_shown_and_the_rest_is_counted():
    formatted = format_table(table({"n": "count"}, *((n,) for n in range(7))), 3)
    assert ([row[0].text for row in formatted.rows], formatted.n_omitted) == (["0", "1", "2"], 4)
    assert format_table(table({"n": "count"}), 3).rows == ()


def test_what_stands_in_a_column_can_be_chosen_from():
    formatted = format_table(table({"move": "text", "n": "count"}, ("b", 1), ("a", 2), ("b", 3), (None, 4)), 9)
    assert formatted.distinct_texts(0) == ("b", "a")
    assert formatted.columns[0].kind == "move"


def test_a_column_of_numbers_may_hold_what_is_none():
    assert texts(table({"x": "number"}, (math.nan,), (math.inf,), ("?",), (2.0,))) == [["–"], ["–"], ["?"], ["2"]]


def test_the_column_of_lists_is_known():
    formatted = format_table(build_table("t", "t", [Column("list", "SGs or placebo")], [{"list": "SGs"}]), 9)
    assert formatted.list_index == 0
    assert format_table(table({"n": "count"}), 9).list_index is None


@pytest.mark.parametrize(
    ("values", "decimals"),
    [
        ([1234.5], 0),
        ([123.0, 4.0], 0),
        ([12.3], 1),
        ([1.23], 2),
        ([0.123], 3),
        ([0.0123], 4),
        ([1e-9], 4),
        ([0.0], 1),
        ([], 2),
        ([None, math.nan, -5.0], 2),
    ],
)
def test_the_largest_number_has_three_digits_that_matter(values, decimals):
    assert choose_decimals(values) == decimals


def test_a_number_that_rounds_to_nothing_has_no_sign():
    assert [format_number(value, 1) for value in (-0.04, 0.0, -0.06, 12345.6, None)] == [
        "0.0",
        "0.0",
        "−0.1",
        "12,345.6",
        "–",
    ]


@given(st.text(), st.integers(1, 50))
def test_a_long_text_is_cut(text, longest):
    shortened = shorten(text, longest)
    assert len(shortened) <= longest
    assert shortened == text if len(text) <= longest else text.startswith(shortened[:-1]) and shortened.endswith("…")
