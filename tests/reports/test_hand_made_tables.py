"""The hand-made tables of these tests have the columns that the measures declare."""

import pytest

from tests.builders.real_columns import real_columns
from tests.builders.report_analyses import tables


@pytest.mark.parametrize("name", sorted(tables()))
def test_a_hand_made_table_has_columns_of_the_real_one(name):
    kinds = {column.name: column.kind for column in real_columns()[name]}
    for column in tables()[name].columns:
        assert (column.name, column.kind) == (column.name, kinds[column.name])
