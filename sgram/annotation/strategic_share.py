"""The share of items judged strategic, Strategic Grams and controls apart. Knows nothing about agreement or files.

An item is judged strategic where more than half of its ratings are; where exactly half are it counts as half an
item. Intervals are Wilson's (1927), that of the difference Newcombe's (1998, method 10): both hold where a share is
near 0 or 1, where resampling would say that there is no doubt. They take items for independent.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sgram.annotation.items import Item
from sgram.annotation.ratings import Rating
from sgram.errors import InputError
from sgram.files import excerpt
from sgram.statistics.bootstrap import rounded

_Z = 1.959963984540054  # 97.5th percentile of the normal distribution


@dataclass(frozen=True, slots=True)
class JudgedShare:
    """Items of one kind: how many, and the share judged strategic with its 95 % interval (None without any rated)."""

    kind: str
    n_items: int
    n_rated: int
    n_tied: int
    """Items of whose ratings exactly half are strategic."""
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Judged:
    """Strategic Grams beside controls."""

    sg: JudgedShare
    control: JudgedShare
    difference: float | None
    """Share of SGs minus share of controls, with its 95 % interval; None where one of the two has none."""
    low: float | None
    high: float | None

    def to_json(self) -> dict[str, Any]:
        """As plain values, numbers kept to 6 decimals."""
        told = {
            one.kind: {
                "n_items": one.n_items,
                "n_rated": one.n_rated,
                "n_tied": one.n_tied,
                **_interval(one.share, one.low, one.high),
            }
            for one in (self.sg, self.control)
        }
        return {**told, "difference": _interval(self.difference, self.low, self.high)}


def _interval(value: float | None, low: float | None, high: float | None) -> dict[str, float | None]:
    return {"value": rounded(value), "low": rounded(low), "high": rounded(high)}


def judged_strategic(ratings: Iterable[Rating], strategic: Collection[str], items: Iterable[Item]) -> Judged:
    """The shares of `items` that the `ratings` judge strategic: give one of the labels `strategic`.

    `InputError` for ratings of other items.
    """
    votes: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for each in ratings:
        votes[each.item][0] += each.label in strategic
        votes[each.item][1] += 1
    kinds = {one.item: one.kind for one in items}
    if unknown := sorted(votes.keys() - kinds.keys()):
        shown = ", ".join(f"'{excerpt(item, 60)}'" for item in unknown[:3])
        raise InputError(
            f"{len(unknown)} of the {len(votes)} rated items are not in the items file ({shown}"
            f"{', ...' if len(unknown) > 3 else ''}); give the items file of the export that was rated"
        )
    sg, control = (_share(kind, votes, kinds) for kind in ("sg", "control"))
    if sg.share is None or control.share is None:
        return Judged(sg, control, None, None, None)
    difference = sg.share - control.share
    low = difference - math.hypot(sg.share - sg.low, control.high - control.share)
    high = difference + math.hypot(sg.high - sg.share, control.share - control.low)
    return Judged(sg, control, difference, low, high)


def _share(kind: str, votes: dict[str, list[int]], kinds: dict[str, str]) -> JudgedShare:
    items = [item for item, its_kind in kinds.items() if its_kind == kind]
    rated = [votes[item] for item in items if item in votes]
    tied = sum(2 * strategic == n for strategic, n in rated)
    judged = sum(2 * strategic > n for strategic, n in rated) + tied / 2
    if not rated:
        return JudgedShare(kind, len(items), 0, 0, None, None, None)
    return JudgedShare(kind, len(items), len(rated), tied, judged / len(rated), *wilson(judged, len(rated)))


def wilson(n_yes: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of the share `n_yes` of `n`."""
    share, spread = n_yes / n, _Z**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))
