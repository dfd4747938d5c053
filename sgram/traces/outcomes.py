"""Whether rewards, or columns of verdicts, say which responses are correct: decided over all rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from sgram.traces.option_names import name_option

_NOT_CORRECTNESS = ("format", "length", "style", "tag")
"""Words in the name of a reward that says nothing about the answer."""
_VERDICTS = frozenset({0.0, 1.0, -1.0})
_MAX_VALUES = 4


@dataclass(slots=True)
class RunRewards:
    """The rewards of one run."""

    n: int = 0
    values: set[float] = field(default_factory=set)
    """Distinct values, until there are more than a few."""
    low: float = 0.0
    high: float = 0.0
    columns: set[str] = field(default_factory=set)
    is_judged: bool = False
    """Whether a row says itself whether it is correct."""
    is_decided: bool = False
    """Whether a row was written by sgram, which decided before what is correct."""
    is_cut: bool = False
    """Whether rows of the run were not looked at."""
    counts: dict[str, float] = field(default_factory=dict)
    """Column that is named as a verdict -> a number in it that is none: it may count, or be a share or a percentage."""

    def add(self, reward: float) -> None:
        """Count the reward of one trace."""
        if not self.n:
            self.low = self.high = reward
        elif reward < self.low:
            self.low = reward
        elif reward > self.high:
            self.high = reward
        self.n += 1
        if len(self.values) <= _MAX_VALUES:
            self.values.add(reward)

    @property
    def is_open(self) -> bool:
        """Whether more rows can still make the rewards say what is correct."""
        return (
            not (self.is_judged or self.is_decided or self.is_cut)
            and self.values <= _VERDICTS
            and not any(map(_speaks_of_form, self.columns))
        )

    @property
    def threshold(self) -> float | None:
        """The reward above which a trace is correct; None if the rewards do not say it.

        Rewards say it if there are two values, {0, 1} or {-1, 1}, of one column that is not about form.

        >>> rewards = RunRewards(columns={"score"})
        >>> for reward in (0.0, 1.0, 1.0):
        ...     rewards.add(reward)
        >>> rewards.threshold
        0.5
        """
        if not self.is_open or len(self.columns) > 1 or self.values not in ({0.0, 1.0}, {-1.0, 1.0}):
            return None
        return 0.5 if 0.0 in self.values else 0.0


@lru_cache(maxsize=4096)
def _speaks_of_form(column: str) -> bool:
    return any(word in column.lower() for word in _NOT_CORRECTNESS)


def columns_of_counts(runs: Mapping[str, RunRewards]) -> dict[str, float]:
    """Return the columns of all runs that are named as verdicts and are none, with a number of each that shows it."""
    return {column: number for rewards in runs.values() for column, number in sorted(rewards.counts.items())}


def describe(runs: Mapping[str, RunRewards]) -> list[str]:
    """Return a sentence for each run whose rewards were read as correctness, and for those that need a threshold.

    Before them stands a sentence for each column that is named as a verdict and holds other numbers.
    """
    sentences = [
        f"{column} holds {number:g}, and so is not read as correctness in any row; "
        f"{name_option('columns', {'reward': column})} with {name_option('correct_above', number)} would, for example"
        for column, number in columns_of_counts(runs).items()
    ]
    for run, rewards in runs.items():
        column = ", ".join(sorted(rewards.columns)) or "reward"
        of_run = f" of {run}" if run and len(runs) > 1 else ""
        if rewards.threshold is not None:
            low = "0" if 0.0 in rewards.values else "-1"
            sentences.append(
                f"{column} is {low} or 1 in all {rewards.n:,} rows{of_run}: read as wrong or right; "
                f"{name_option('infer_correct', False)} turns this off"
            )
        elif rewards.n and not rewards.is_judged and rewards.high > rewards.low:
            middle = (rewards.low + rewards.high) / 2
            sentences.append(
                f"{column}{of_run} goes from {rewards.low:g} to {rewards.high:g} and is not read as correctness; "
                f"for example, {name_option('correct_above', middle)} would"
            )
    return sentences
