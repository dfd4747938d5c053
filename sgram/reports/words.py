"""Parts of sentences: numbers, intervals and names beside plain words, and how a number is said."""

from typing import Literal, NamedTuple

from sgram.reports.pages.table_cells import format_number
from sgram.statistics import Estimate

_MAX_DECIMALS = 4
_DECIMALS = {"share": 1, "points": 1, "words": 1, "steps": 0}


class Words(NamedTuple):
    """A part of a statement: a number, an interval ("aside"), a name from data, or plain words ("")."""

    text: str
    style: Literal["", "number", "aside", "name"] = ""


def estimate_words(estimate: Estimate | None, unit: str, signed: bool = False) -> list[Words]:
    """Return a number with its unit, and its interval if it has one."""
    if estimate is None or estimate.value is None:
        return [Words("unknown")]
    scale = 100 if unit in ("share", "points") else 1
    decimals = _DECIMALS.get(unit, 2)
    ends = estimate.ends or ()
    nearest = min((abs(end) * scale for end in ends), default=0.0)
    while 0 < nearest < 0.5 * 10**-decimals and decimals < _MAX_DECIMALS:
        decimals += 1  # so that no end seems to be 0
    number = format_number(estimate.value, decimals, scale)
    sign = "+" if signed and estimate.value > 0 else ""
    suffix = " %" if unit == "share" else f" {unit}" if unit not in ("", "ratio") else ""
    parts = [Words(f"{sign}{number}{suffix}", "number")]
    if ends:
        interval = ", ".join(format_number(end, decimals, scale) for end in ends)
        parts += [Words(" "), Words(f"[{interval}]", "aside")]
    return parts
