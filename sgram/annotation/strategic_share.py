"""Share of items rated strategic, separately for Strategic Grams and for controls.

An item counts as strategic if more than half of its ratings are strategic, and as half an item if exactly half are.
Intervals are Wilson's (1927), that of the difference is Newcombe's (1998, method 10). Both are valid for shares near 0
or 1, where a bootstrap interval would have no width. They treat items as independent.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sgram.annotation.items import Item
from sgram.annotation.ratings import Rating
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.statistics import Interval, difference, read_interval, round_number, wilson_interval


@dataclass(frozen=True, slots=True)
class StrategicShare:
    """Share of the items of one kind that are rated strategic, with its 95 % interval; None if no item is rated."""

    kind: str
    """"sg" or "control"."""
    n_items: int
    n_rated: int
    n_tied: int
    """Items of whose ratings exactly half are strategic."""
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class StrategicShares:
    """Shares of the Strategic Grams and of the controls that are rated strategic."""

    sg: StrategicShare
    control: StrategicShare
    difference: float | None
    """Share of Strategic Grams minus share of controls, with its 95 % interval; None if one of them is None."""
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the shares as JSON values, rounded to 6 decimals."""
        shares = {
            share.kind: {
                "n_items": share.n_items,
                "n_rated": share.n_rated,
                "n_tied": share.n_tied,
                **_interval_json(share.share, share.low, share.high),
            }
            for share in (self.sg, self.control)
        }
        return {**shares, "difference": _interval_json(self.difference, self.low, self.high)}


def _interval_json(point: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"value": round_number(point), "low": round_number(low), "high": round_number(high)}


def measure_strategic_shares(
    ratings: Iterable[Rating], strategic: Collection[str], items: Iterable[Item]
) -> StrategicShares:
    """Measure which share of `items` is rated strategic, that is with one of the labels `strategic`.

    Raise `InputError` if a rating is of an item that is not among `items`.

    >>> items = [Item("a1", "sg", "wait", 3, "backtracking", "trace-7", None, "But wait, is it?", 4, 8)]
    >>> shares = measure_strategic_shares([Rating("a1", "ada", "backtracking")], ["backtracking"], items)
    >>> shares.sg.share, shares.control.share
    (1.0, None)
    """
    votes: dict[str, list[int]] = defaultdict(lambda: [0, 0])  # item -> [strategic ratings, ratings]
    for rating in ratings:
        votes[rating.item][0] += rating.label in strategic
        votes[rating.item][1] += 1
    kinds = {item.item: item.kind for item in items}
    if unknown_items := sorted(votes.keys() - kinds.keys()):
        first_items = ", ".join(f"'{excerpt(item, 60)}'" for item in unknown_items[:3])
        raise InputError(
            f"{len(unknown_items)} of the {len(votes)} rated items are not in the items file ({first_items}"
            f"{', ...' if len(unknown_items) > 3 else ''}); give the items file of the export that was rated"
        )
    sg, control = (_measure_kind(kind, votes, kinds) for kind in ("sg", "control"))
    sg_interval, control_interval = _to_interval(sg), _to_interval(control)
    if sg_interval is None or control_interval is None:
        return StrategicShares(sg, control, None, None, None)
    gap = difference(sg_interval, control_interval)
    return StrategicShares(sg, control, gap.value, gap.low, gap.high)


def _to_interval(share: StrategicShare) -> Interval | None:
    return read_interval({"value": share.share, "low": share.low, "high": share.high})


def _measure_kind(kind: str, votes: dict[str, list[int]], kinds: dict[str, str]) -> StrategicShare:
    items = [item for item, item_kind in kinds.items() if item_kind == kind]
    item_votes = [votes[item] for item in items if item in votes]
    if not item_votes:
        return StrategicShare(kind, len(items), 0, 0, None, None, None)
    n_rated = len(item_votes)
    n_tied = sum(2 * n_strategic == n for n_strategic, n in item_votes)
    n_successes = sum(2 * n_strategic > n for n_strategic, n in item_votes) + n_tied / 2
    share = n_successes / n_rated
    return StrategicShare(kind, len(items), n_rated, n_tied, share, *wilson_interval(n_successes, n_rated))
