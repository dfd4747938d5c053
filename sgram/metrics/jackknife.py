"""Intervals of entropies by leaving problems out. Knows nothing about labels or how they were found.

A bootstrap over problems is no good here: a draw holds about 63 % of the problems, so fewer different labels, and its
entropies lie below the one they are to be an interval of. Leaving out a few problems at a time hardly changes what
there is to occur (Shao and Tu 1995, ch. 2).
"""

import math
from collections.abc import Callable, Hashable, Mapping

import numpy as np

from sgram.metrics.entropy import Correction, semantic_entropy
from sgram.metrics.equal_size import entropy_at_size
from sgram.statistics import NORMAL_95, Estimate

MAX_PARTS = 50


def entropy_by_problem(
    by_problem: Mapping[Hashable, Mapping[Hashable, float]],
    size: int | None = None,
    base: float = math.e,
    correction: Correction = "none",
) -> Estimate:
    """Semantic entropy of the counts of all problems, with its 95 % jackknife interval over problems.

    With a `size` it is `entropy_at_size`, without a correction. The names of problems decide which are left out
    together where there are more than `MAX_PARTS`; their order does not matter.
    """
    parts, _ = _parts(by_problem)

    def value(total: np.ndarray, at: int | None) -> float | None:
        return semantic_entropy(total, base, correction) if at is None else entropy_at_size(total, at, base)

    return _jackknife(parts, value, size)


def conditional_entropy_by_problem(
    by_problem: Mapping[Hashable, Mapping[tuple[Hashable, Hashable], float]],
    size: int | None = None,
    base: float = math.e,
) -> Estimate:
    """Conditional entropy of the pairs (given, next) of all problems, with its 95 % jackknife interval over problems.

    With a `size`, of that many pairs, as `conditional_entropy_at_size`.
    """
    parts, pairs = _parts(by_problem)
    given = {label: place for place, label in enumerate(dict.fromkeys(pair[0] for pair in pairs))}
    owner = np.array([given[pair[0]] for pair in pairs], np.int64)

    def value(total: np.ndarray, at: int | None) -> float | None:
        of_given = np.bincount(owner, weights=total, minlength=len(given))
        if at is None:
            joint, marginal = semantic_entropy(total, base), semantic_entropy(of_given, base)
        else:
            joint, marginal = entropy_at_size(total, at, base), entropy_at_size(of_given, at, base)
        return None if joint is None else max(0.0, joint - marginal)

    return _jackknife(parts, value, size)


def _parts(by_problem: Mapping[Hashable, Mapping[Hashable, float]]) -> tuple[np.ndarray, list[Hashable]]:
    """((parts, labels) counts of the problems that are left out together, labels): each part one problem, of few."""
    tables = [by_problem[name] for name in sorted(by_problem, key=repr)]
    tables = [table for table in tables if any(table.values())]
    labels = sorted({label for table in tables for label in table}, key=repr)
    places = {label: place for place, label in enumerate(labels)}
    parts = np.zeros((min(len(tables), MAX_PARTS), len(labels)))
    for at, table in enumerate(tables):
        for label, count in table.items():
            parts[at % MAX_PARTS, places[label]] += count
    return parts, labels


def _jackknife(
    parts: np.ndarray, value: Callable[[np.ndarray, int | None], float | None], size: int | None
) -> Estimate:
    """`value` of the sums of `parts`, (parts, labels), with the interval that leaving out each gives.

    What is left must still hold as many as are drawn, so without a part all are measured at the size that each can
    have; a size a few per cent smaller changes all of them alike and their spread hardly.
    """
    total, n_parts = parts.sum(axis=0), len(parts)
    whole = value(total, size)
    if whole is None:
        n = int(total.sum())
        return Estimate(None, undefined=f"there are {n} occurrences, not {size}" if n else "nothing was counted")
    left = total - parts
    at = size if size is None or n_parts < 2 else min(size, int(left.sum(axis=1).min()))
    if n_parts < 2 or at == 0:
        return Estimate(whole)
    without = np.array([value(each, at) for each in left])
    error = math.sqrt((n_parts - 1) / n_parts * ((without - without.mean()) ** 2).sum())
    return Estimate(whole, max(0.0, whole - NORMAL_95 * error), whole + NORMAL_95 * error)
