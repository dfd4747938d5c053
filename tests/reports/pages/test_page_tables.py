"""What a page leaves out of tables: numbers beside each other that are no comparison."""

from sgram.analysis.table import Column, build_table
from sgram.reports.pages.page_tables import adapt_tables, without_contradicting_shares, without_matched_placebos

SHARES = ("correct_share", "wrong_share", "difference")


def grams(*rows: tuple[float | None, float | None, float | None]):
    columns = [Column(name, "", "share") for name in SHARES]
    return build_table("grams", "Grams", columns, [dict(zip(SHARES, row, strict=True)) for row in rows], "A note.")


def test_shares_that_contradict_the_difference_are_left_out_and_a_note_says_so():
    agreeing, opposed, unknown = (0.5, 0.25, 0.1), (0.5, 0.25, -0.1), (0.5, None, -0.1)
    table = without_contradicting_shares(grams(agreeing, opposed, unknown))
    assert table.rows == (agreeing, (None, None, -0.1), unknown)
    assert table.note.startswith("A note. Shares of correct and wrong traces are left out where they contradict")


def test_a_table_without_a_contradiction_stays_as_it_is():
    table = grams((0.5, 0.25, 0.1), (0.5, 0.5, -0.1), (0.5, 0.25, 0.0))
    assert without_contradicting_shares(table) is table


def test_the_placebo_of_all_traces_is_no_comparison_and_that_of_wrong_ones_is():
    columns = [Column("list", ""), Column("outcome", ""), Column("value", "", "share")]
    rows = [
        {"list": name, "outcome": outcome, "value": 0.1} for outcome in ("all", "wrong") for name in ("SGs", "placebo")
    ]
    table = build_table("shares", "Shares", columns, rows)
    kept = [("SGs", "all"), ("SGs", "wrong"), ("placebo", "wrong")]
    assert [row[:2] for row in without_matched_placebos(table).rows] == kept
    assert [row[:2] for row in adapt_tables({"shares": table, "other": table})["shares"].rows] == kept
    assert adapt_tables({"other": table})["other"] is table
