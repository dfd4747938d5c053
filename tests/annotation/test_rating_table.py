"""The table of ratings: codes by items and raters, whatever the order of the ratings."""

import pytest

from sgram.annotation.rating_table import MISSING, RatingTable
from sgram.annotation.ratings import Rating
from sgram.errors import InputError

RATINGS = [Rating("j", "b", "x"), Rating("i", "b", "y"), Rating("i", "a", "z"), Rating("j", "c", "x")]


def test_the_table_is_sorted_and_missing_cells_are_marked():
    for ratings in (RATINGS, RATINGS[::-1], iter(RATINGS)):
        table = RatingTable.from_ratings(ratings)
        assert (table.items, table.raters, table.labels) == (("i", "j"), ("a", "b", "c"), ("x", "y", "z"))
        assert table.codes.tolist() == [[2, 1, MISSING], [MISSING, 0, 0]]
        assert table.counts.tolist() == [[0, 1, 1], [2, 0, 0]]


def test_labels_against_the_rest_keep_missing_cells():
    table = RatingTable.from_ratings(RATINGS).against_rest("some", ["x", "z"])
    assert (table.labels, table.raters) == (("some", "rest"), ("a", "b", "c"))
    assert table.codes.tolist() == [[0, 1, MISSING], [MISSING, 0, 0]]


def test_invalid_ratings_are_refused():
    with pytest.raises(InputError, match="there are no ratings"):
        RatingTable.from_ratings([])
    with pytest.raises(InputError, match="rater 'b' gives item 'j' two labels; keep one"):
        RatingTable.from_ratings([*RATINGS, Rating("j", "b", "y")])
    ratings = [Rating(f"i{number}", "a", f"label {number:03}") for number in range(33)]
    assert len(RatingTable.from_ratings(ratings[:32]).labels) == 32
    with pytest.raises(
        InputError, match=r"too many different labels: 33 \('label 000', 'label 001', 'label 002', \.\.\.\)"
    ):
        RatingTable.from_ratings(ratings)
