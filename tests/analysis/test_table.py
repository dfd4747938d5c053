"""Tables: cells under columns that say what they are."""

import pytest

from sgram.analysis.table import Column, Table, build_table

COLUMNS = (Column("gram", "the words"), Column("count", "occurrences", "count"), Column("share", "of traces", "share"))


def test_what_a_record_does_not_know_is_none_and_what_no_column_knows_is_refused():
    table = build_table("grams", "Grams", COLUMNS, [{"gram": "wait", "count": 3}, {"share": 0.5, "gram": "so"}])
    assert table.rows == (("wait", 3, None), ("so", None, 0.5))
    assert table.column("count") == [3, None]
    assert table.records(gram="so") == [{"gram": "so", "count": None, "share": 0.5}]
    assert table.records(gram="so", count=3) == []
    with pytest.raises(ValueError, match="not in tuple"):
        table.records(cost=1)
    with pytest.raises(ValueError, match="grams has no column cost"):
        build_table("grams", "Grams", COLUMNS, [{"gram": "wait", "cost": 1}])


def test_a_row_has_a_cell_for_each_column():
    with pytest.raises(ValueError, match="a row has 1 cells, expected 3"):
        Table("grams", "Grams", COLUMNS, (("wait",),))


def test_a_frame_keeps_whole_numbers_whole_where_some_are_missing():
    table = build_table("grams", "Grams", COLUMNS, [{"gram": "wait", "count": 3}, {"gram": "so", "share": 0.5}])
    frame = table.frame()
    assert list(frame.columns) == ["gram", "count", "share"]
    assert frame["count"].sum() == 3
    assert str(frame["count"].dtype) == "Int64"
    assert frame["count"].isna().tolist() == [False, True]
    assert frame["share"].dropna().tolist() == [0.5]
