"""Columns that several tables share, and short ways to write them. Knows nothing about the cells."""

from sgram.analysis.table import Column
from sgram.statistics.bootstrap import Estimate

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
SHARE_INTERVAL = tuple(Column(each.name, each.meaning, "share") for each in INTERVAL)


def count(name: str, meaning: str) -> Column:
    """A column of whole numbers."""
    return Column(name, meaning, "count")


def number(name: str, meaning: str) -> Column:
    """A column of numbers."""
    return Column(name, meaning, "number")


def share(name: str, meaning: str) -> Column:
    """A column of shares, from 0 to 1."""
    return Column(name, meaning, "share")


def text(name: str, meaning: str) -> Column:
    """A column of words."""
    return Column(name, meaning)


def interval(found: Estimate) -> dict[str, float | None]:
    """The cells `value`, `low` and `high`."""
    return {"value": found.value, "low": found.low, "high": found.high}
