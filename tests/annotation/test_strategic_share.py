"""Shares judged strategic, worked out by hand; intervals as their authors print them."""

import json

import pytest

from sgram.annotation.items import Item
from sgram.annotation.ratings import Rating
from sgram.annotation.strategic_share import measure_strategic_shares
from sgram.errors import InputError

STRATEGIC = ("branching", "deduction")


def items_of(**kinds) -> list[Item]:
    """Items by id; what they are but for their kind does not matter."""
    known = {"sg": (0, "branching"), "control": (None, None)}
    return [Item(item, kind, "g", *known[kind], "t", None, "g", 0, 1) for item, kind in kinds.items()]


def rated(**labels) -> list[Rating]:
    """b is branching, d deduction, p procedural; a character a rater."""
    names = {"b": "branching", "d": "deduction", "p": "procedural"}
    return [Rating(item, str(at), names[one]) for item, row in labels.items() for at, one in enumerate(row)]


def test_an_item_is_judged_by_its_majority_and_a_tie_counts_half():
    items = items_of(a="sg", b="sg", c="sg", d="sg", e="control", f="control", g="control")
    found = measure_strategic_shares(rated(a="bdp", b="bp", c="ppb", e="bbb", f="p"), STRATEGIC, items)
    # a strategic (its two strategic labels count together), b tied, c not: 1.5 of 3; d and g are not rated
    sg = found.sg
    assert (sg.kind, sg.n_items, sg.n_rated, sg.n_tied, sg.share) == ("sg", 4, 3, 1, 0.5)
    assert (found.control.n_items, found.control.n_rated, found.control.share) == (3, 2, 0.5)
    assert found.difference == 0
    assert found.low == pytest.approx(-found.high, abs=0.1)


def test_the_interval_of_a_difference_is_newcombe_s():
    # Newcombe 1998, Interval estimation for the difference, table II, (a) 56/70 - 48/80: method 10 gives
    # 0.0524 to 0.3339
    kinds = {f"s{n}": "sg" for n in range(70)} | {f"c{n}": "control" for n in range(80)}
    labels = {f"s{n}": "b" if n < 56 else "p" for n in range(70)}
    labels |= {f"c{n}": "d" if n < 48 else "p" for n in range(80)}
    found = measure_strategic_shares(rated(**labels), STRATEGIC, items_of(**kinds))
    assert (found.sg.share, found.control.share) == (0.8, 0.6)
    assert (found.difference, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_without_controls_rated_nothing_is_compared():
    found = measure_strategic_shares(rated(a="b"), STRATEGIC, items_of(a="sg", b="control"))
    assert (found.sg.share, found.control.share, found.control.low) == (1, None, None)
    assert (found.difference, found.low, found.high) == (None, None, None)
    told = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert told["control"] == {"n_items": 1, "n_rated": 0, "n_tied": 0, "value": None, "low": None, "high": None}
    assert told["difference"]["value"] is None


def test_ratings_of_unknown_items_are_refused():
    with pytest.raises(InputError) as raised:
        measure_strategic_shares(rated(a="b", x="b", y="p"), STRATEGIC, items_of(a="sg"))
    assert str(raised.value) == (
        "2 of the 3 rated items are not in the items file ('x', 'y'); give the items file of the export that was rated"
    )
    with pytest.raises(InputError, match=r"\('1', '2', '3', \.\.\.\)"):
        measure_strategic_shares(rated(**{str(n): "b" for n in range(1, 6)}), STRATEGIC, items_of(a="sg"))
