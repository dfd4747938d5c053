"""Rewards in columns: one number, an object or a list of numbers, or a number for each reward function."""

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sgram.errors import UsageError
from sgram.files import excerpt
from sgram.traces.aliases import plain_name
from sgram.traces.column_values import flag, number

_MAIN = ("score", "reward", "total", "total_reward", "final_reward", "overall")
"""Keys of an object of rewards that are the reward; the others are parts of it or stand beside it."""
_CORRECT = ("correct", "is_correct", "acc", "accuracy", "math_verify", "exact_match")
"""Keys of an object of rewards that say whether the answer is correct."""
_STATISTICS = frozenset(
    {
        *("mean", "avg", "average", "std", "var", "min", "max", "baseline", "weight", "weights", "threshold"),
        *("id", "idx", "index", "count", "num", "n", "rank", "version", "model", "seed", "level", "difficulty"),
    }
)
"""Last words of names of columns that are no rewards, although the names speak of one."""
_MAX_MEMBERS = 100
"""Largest list of rewards whose members have names; longer ones are rewards of tokens."""


@lru_cache(maxsize=4096)
def names_reward(column: str) -> bool:
    """Return whether a column is named as a reward.

    >>> names_reward("accuracy_reward"), names_reward("reward_std"), names_reward("difficulty")
    (True, False, False)
    """
    words = plain_name(column).split("_")
    return any(word in ("reward", "rewards") for word in words) and words[-1] not in _STATISTICS


def members(value: Any) -> Iterator[tuple[str, float]]:
    """Yield (key, number) of the numbers in an object or list of rewards.

    >>> dict(members({"accuracy": 1, "note": "ok"})), dict(members([0.5, None]))
    ({'accuracy': 1.0}, {'0': 0.5})
    """
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple) and len(value) <= _MAX_MEMBERS:
        items = enumerate(value)
    for key, part in items:
        found = number(part)
        if found is not None:
            yield str(key), found


class MainReward(NamedTuple):
    """The one number of a reward, and where it is from."""

    value: float | None
    columns: tuple[str, ...]
    """The column or key of the number; without one the keys of the numbers that there are, or the column of a list."""


def main_reward(column: str, value: Any) -> MainReward:
    """Return the one number of a reward; there is none among several numbers of which none is the main one.

    >>> main_reward("reward", "1.0"), main_reward("reward", {"score": 1, "format": 0.5})
    (MainReward(value=1.0, columns=('reward',)), MainReward(value=1.0, columns=('score',)))
    >>> main_reward("reward", {"accuracy": 1.0, "format": 0.5})
    MainReward(value=None, columns=('accuracy', 'format'))
    """
    single = number(value)
    if single is not None:
        return MainReward(single, (column,))
    fields = dict(members(value))
    names = tuple(fields) if isinstance(value, Mapping) else (column,)[: len(fields)]
    key = next((key for key in _MAIN if key in fields), None)
    if key is not None:
        return MainReward(fields[key], (key,))
    return MainReward(next(iter(fields.values())) if len(fields) == 1 else None, names)


def said_correct(value: Any) -> bool | None:
    """Return whether a reward says itself that the answer is correct: a truth value, or an object with one.

    >>> said_correct(True), said_correct({"score": 1.0, "acc": False}), said_correct(1.0)
    (True, False, None)
    """
    if isinstance(value, Mapping):
        return next((verdict for key in _CORRECT if (verdict := flag(value.get(key))) is not None), None)
    return value if isinstance(value, bool) else None


def finite_sum(terms: Iterable[float]) -> float | None:
    """Return the sum of numbers; None if there are none, or if the sum is not finite.

    >>> finite_sum([0.5, 0.25]), finite_sum([])
    (0.75, None)
    """
    listed = list(terms)
    try:
        total = math.fsum(listed) if listed else math.nan
    except OverflowError:
        return None
    return total if math.isfinite(total) else None


def weighted_sum(
    sources: Iterable[tuple[str, Any]], weights: Mapping[str, float], may_be_missing: Iterable[str]
) -> float | None:
    """Return the weighted sum of the numbers that the user named; None if none of them is there.

    A member of an object or list is called by its key, or as in ``reward.accuracy``; of two numbers of one name the
    first counts. Names in `may_be_missing` are left out where there is no number. Raise `UsageError` for another name
    that is not there, if there are numbers at all.

    >>> weighted_sum([("reward", {"accuracy": 1.0, "format": 0.5})], {"accuracy": 2.0, "reward.format": 1.0}, ())
    2.5
    """
    numbers: dict[str, float] = {}
    for name, value in sources:
        single = number(value)
        if single is not None:
            numbers.setdefault(name, single)
        else:
            for key, part in members(value):
                if isinstance(value, Mapping):
                    numbers.setdefault(key, part)
                numbers.setdefault(f"{name}.{key}", part)
    unknown = [name for name in weights if name not in numbers and name not in set(may_be_missing)]
    if unknown and numbers:
        listed = excerpt(", ".join(numbers), 400)
        raise UsageError(f"no reward is called {excerpt(unknown[0])!r}; the numbers here are: {listed}")
    return finite_sum(weight * numbers[name] for name, weight in weights.items() if name in numbers)
