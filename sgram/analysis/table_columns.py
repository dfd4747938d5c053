"""Columns that several tables share, and short constructors for columns."""

from sgram.analysis.table import Column
from sgram.statistics import Estimate

SOURCE = Column("source", "what the traces come from: a run by method and seed, or the model that wrote them")
OUTCOME = Column("outcome", "all traces, or those that are correct, wrong, or not judged")
LIST = Column(
    "list", "SGs: the lexicon's grams; placebo: random grams that mark the same share of words, mean of draws"
)
STEP = Column("step", "training step", "count")
INTERVAL = (
    Column("low", "lower end of the 95 % bootstrap interval by problem; of placebos the smallest draw", "number"),
    Column("high", "upper end of the interval; of placebos the largest draw", "number"),
)
SHARE_INTERVAL = tuple(Column(column.name, column.meaning, "share") for column in INTERVAL)


def count(name: str, meaning: str) -> Column:
    """Return a column of integers."""
    return Column(name, meaning, "count")


def number(name: str, meaning: str) -> Column:
    """Return a column of numbers."""
    return Column(name, meaning, "number")


def share(name: str, meaning: str) -> Column:
    """Return a column of shares, from 0 to 1."""
    return Column(name, meaning, "share")


def text(name: str, meaning: str) -> Column:
    """Return a column of text."""
    return Column(name, meaning)


def interval(estimate: Estimate, value: str = "value") -> dict[str, float | None]:
    """Return the cells of an estimate: its value in the column `value`, its ends in `low` and `high`.

    >>> interval(Estimate(0.5, 0.4, 0.6), "share")
    {'share': 0.5, 'low': 0.4, 'high': 0.6}
    """
    return {value: estimate.value, "low": estimate.low, "high": estimate.high}
