"""Numbers, shares, intervals and names as cells of tables; "-" means unknown, undefined or no interval."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sgram.statistics import Estimate


def percent(share: float | None, width: int = 0) -> str:
    """Return a share as text of at least `width` characters.

    >>> percent(0.125, 6), percent(None, 6)
    ('12.5 %', '     -')
    """
    return ("-" if share is None else f"{100 * share:.1f} %").rjust(width)


def percent_interval(low: float | None, high: float | None) -> str:
    """Return the interval of a share in per cent, such as 25.0 to 50.0."""
    return "-" if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}"


def decimal(number: float | None) -> str:
    """Return a number with three decimals."""
    return "-" if number is None else f"{number:.3f}"


def decimal_interval(estimate: "Estimate") -> str:
    """Return the interval of an estimate with three decimals."""
    return "-" if estimate.low is None else f"{estimate.low:.3f} to {estimate.high:.3f}"


def name_files(names: Sequence[str]) -> str:
    """Return many file names as one: how many, the first and the last.

    >>> name_files(["runs/step_1.jsonl", "runs/step_2.jsonl", "runs/step_10.jsonl"])
    '3 files, step_1.jsonl to step_10.jsonl'
    >>> name_files(["step_1/rank_0.jsonl", "step_2/rank_0.jsonl"])
    '2 files, step_1/rank_0.jsonl to step_2/rank_0.jsonl'
    """
    ends = [PurePosixPath(name) for name in (names[0], names[-1])]
    n_parts = 1 if ends[0].name != ends[1].name else 2
    first, last = ("/".join(path.parts[-n_parts:]) for path in ends)
    return names[0] if len(names) == 1 else f"{len(names):,} files, {first} to {last}"


def shorten_end(name: str, limit: int) -> str:
    """Return `name` without its end, if it is longer than `limit` characters.

    >>> shorten_end("reasoningflow_human.jsonl", 18)
    'reasoningflow_h...'
    """
    return name if len(name) <= limit else f"{name[: limit - 3]}..."


def shorten_start(name: str, limit: int) -> str:
    """Return `name` without its start, if it is longer than `limit`; models of one family differ at the end."""
    return name if len(name) <= limit else f"...{name[3 - limit :]}"
