"""Shares rated strategic, computed by hand; intervals as published."""

import json

import pytest

from sgram.annotation.items import Item
from sgram.annotation.ratings import Rating
from sgram.annotation.strategic_share import measure_strategic_shares
from sgram.errors import InputError

STRATEGIC = ("branching", "deduction")


def items_of(**kinds) -> list[Item]:
    """Items by id, of the given kinds; their other fields do not matter."""
    cluster_and_move = {"sg": (0, "branching"), "control": (None, None)}
    return [Item(item, kind, "g", *cluster_and_move[kind], "t", None, "g", 0, 1) for item, kind in kinds.items()]


def ratings_of(**label_rows) -> list[Rating]:
    """Ratings: b is branching, d deduction, p procedural; one character per rater."""
    names = {"b": "branching", "d": "deduction", "p": "procedural"}
    return [
        Rating(item, str(column), names[code]) for item, row in label_rows.items() for column, code in enumerate(row)
    ]


def test_the_majority_of_ratings_decides_and_a_tie_counts_half():
    items = items_of(a="sg", b="sg", c="sg", d="sg", e="control", f="control", g="control")
    shares = measure_strategic_shares(ratings_of(a="bdp", b="bp", c="ppb", e="bbb", f="p"), STRATEGIC, items)
    # a strategic (its two strategic labels count together), b tied, c not: 1.5 of 3; d and g are not rated
    sg = shares.sg
    assert (sg.kind, sg.n_items, sg.n_rated, sg.n_tied, sg.share) == ("sg", 4, 3, 1, 0.5)
    assert (shares.control.n_items, shares.control.n_rated, shares.control.share) == (3, 2, 0.5)
    assert shares.difference == 0
    assert shares.low == pytest.approx(-shares.high, abs=0.1)


def test_the_interval_of_a_difference_is_newcombe_s():
    # Newcombe 1998, Interval estimation for the difference, table II, (a) 56/70 - 48/80: method 10 gives
    # 0.0524 to 0.3339
    kinds = {f"s{n}": "sg" for n in range(70)} | {f"c{n}": "control" for n in range(80)}
    labels = {f"s{n}": "b" if n < 56 else "p" for n in range(70)}
    labels |= {f"c{n}": "d" if n < 48 else "p" for n in range(80)}
    shares = measure_strategic_shares(ratings_of(**labels), STRATEGIC, items_of(**kinds))
    assert (shares.sg.share, shares.control.share) == (0.8, 0.6)
    assert (shares.difference, shares.low, shares.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_without_rated_controls_there_is_no_difference():
    shares = measure_strategic_shares(ratings_of(a="b"), STRATEGIC, items_of(a="sg", b="control"))
    assert (shares.sg.share, shares.control.share, shares.control.low) == (1, None, None)
    assert (shares.difference, shares.low, shares.high) == (None, None, None)
    document = json.loads(json.dumps(shares.to_json(), allow_nan=False))
    assert document["control"] == {"n_items": 1, "n_rated": 0, "n_tied": 0, "value": None, "low": None, "high": None}
    assert document["difference"]["value"] is None


def test_ratings_of_unknown_items_are_refused():
    with pytest.raises(InputError) as raised:
        measure_strategic_shares(ratings_of(a="b", x="b", y="p"), STRATEGIC, items_of(a="sg"))
    assert str(raised.value) == (
        "2 of the 3 rated items are not in the items file ('x', 'y'); give the items file of the export that was rated"
    )
    with pytest.raises(InputError, match=r"\('1', '2', '3', \.\.\.\)"):
        measure_strategic_shares(ratings_of(**{str(n): "b" for n in range(1, 6)}), STRATEGIC, items_of(a="sg"))
