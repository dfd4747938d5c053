"""Confusion matrix of two raters, coincidence matrix of more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgram.annotation.confusion import count_confusions
from sgram.annotation.rating_table import RatingTable
from tests.builders.rating_examples import OBSERVERS, of_rows, of_table


def matrix_of(ratings):
    return count_confusions(RatingTable.from_ratings(ratings))


def test_rows_are_the_first_rater_and_columns_the_second():
    table = ((3, 1, 0), (0, 2, 2), (1, 0, 4))
    matrix = matrix_of(of_table(table))
    assert matrix.counts == tuple(tuple(map(float, row)) for row in table)
    assert (matrix.raters, matrix.n_items, matrix.is_of_pair) == (("rater00", "rater01"), 13, True)
    assert matrix.row_shares[0] == (0.75, 0.25, 0.0)


def test_more_raters_give_krippendorff_s_matrix_of_coincidences():
    # Krippendorff 2011, C: the matrix of the example with four observers; its sum is 40 pairable ratings
    assert matrix_of(of_rows(*OBSERVERS)).counts == (
        (7.0, pytest.approx(4 / 3), pytest.approx(1 / 3), pytest.approx(1 / 3), 0.0),
        (pytest.approx(4 / 3), 10.0, pytest.approx(4 / 3), pytest.approx(1 / 3), 0.0),
        (pytest.approx(1 / 3), pytest.approx(4 / 3), 8.0, pytest.approx(1 / 3), 0.0),
        (pytest.approx(1 / 3), pytest.approx(1 / 3), pytest.approx(1 / 3), 4.0, 0.0),
        (0.0, 0.0, 0.0, 0.0, 3.0),
    )


def test_items_with_one_rating_are_not_counted_and_an_empty_row_has_no_shares():
    matrix = matrix_of(of_rows("ab*", "*bc"))
    assert matrix.counts == ((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0))
    assert (matrix.n_items, matrix.row_shares[0]) == (1, (None, None, None))
    assert matrix.to_json()["kind"] == "confusion"


@given(st.lists(st.text("abc*", min_size=4, max_size=4), min_size=3, max_size=5))
def test_coincidences_are_symmetric_and_sum_to_the_ratings_that_can_be_paired(rows):
    ratings = of_rows(*rows)
    if len({rating.rater for rating in ratings}) < 3:
        return
    counts = matrix_of(ratings).counts
    n_by_item = [sum(row[column] != "*" for row in rows) for column in range(4)]
    assert sum(map(sum, counts)) == pytest.approx(sum(n for n in n_by_item if n > 1))
    assert all(counts[a][b] == pytest.approx(counts[b][a]) for a in range(len(counts)) for b in range(a))
