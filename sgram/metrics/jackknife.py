"""Intervals of entropies by leaving out problems (jackknife).

A bootstrap over problems fails here: a draw contains about 63 % of the problems, so fewer different labels, and its
entropies lie below the one whose interval is wanted. Leaving out a few problems at a time hardly changes which labels
can occur (Shao and Tu 1995, ch. 2).
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np

from sgram.array_types import FloatArray
from sgram.metrics.entropy import Correction, semantic_entropy
from sgram.metrics.equal_size import entropy_at_size
from sgram.statistics import NORMAL_95, Estimate

MAX_PARTS = 50
"""Parts that are left out in turn; with more problems, a part is several of them."""
Label = TypeVar("Label", bound=Hashable)
EntropyOfCounts: TypeAlias = Callable[[FloatArray, int | None], float | None]
"""Function from (counts of labels, size or None) to an entropy, None if there are too few occurrences."""


def entropy_by_problem(
    counts_by_problem: Mapping[Any, Mapping[Any, float]],
    size: int | None = None,
    base: float = math.e,
    correction: Correction = "none",
) -> Estimate:
    """Return the semantic entropy of the counts of all problems, with its 95 % jackknife interval over problems.

    With a `size` it is `entropy_at_size`, without a correction. The names of problems decide which are left out
    together if there are more than `MAX_PARTS`; their order does not matter.

    >>> estimate = entropy_by_problem({"p": {"a": 1, "b": 1}, "q": {"a": 2}, "r": {"b": 2}}, base=2)
    >>> estimate.value, estimate.n
    (1.0, 3)
    """
    parts, _ = _part_counts(counts_by_problem)

    def entropy(counts: FloatArray, m: int | None) -> float | None:
        return semantic_entropy(counts, base, correction) if m is None else entropy_at_size(counts, m, base)

    return _jackknife(parts, entropy, size)


def conditional_entropy_by_problem(
    pairs_by_problem: Mapping[Any, Mapping[tuple[Any, Any], float]], size: int | None = None, base: float = math.e
) -> Estimate:
    """Return the conditional entropy of the pairs (gram, what follows) of all problems, with its jackknife interval.

    With a `size` it is `conditional_entropy_at_size` of that many pairs.
    """
    parts, pairs = _part_counts(pairs_by_problem)
    context_codes = {label: code for code, label in enumerate(dict.fromkeys(pair[0] for pair in pairs))}
    context_of_pair = np.array([context_codes[pair[0]] for pair in pairs], np.int64)

    def entropy(counts: FloatArray, m: int | None) -> float | None:
        context_counts = np.bincount(context_of_pair, weights=counts, minlength=len(context_codes))
        if m is None:
            joint, marginal = semantic_entropy(counts, base), semantic_entropy(context_counts, base)
        else:
            joint, marginal = entropy_at_size(counts, m, base), entropy_at_size(context_counts, m, base)
        return None if joint is None or marginal is None else max(0.0, joint - marginal)

    return _jackknife(parts, entropy, size)


def _part_counts(counts_by_problem: Mapping[Any, Mapping[Label, float]]) -> tuple[FloatArray, Sequence[Label]]:
    """Return the counts of the parts that are left out in turn, (parts, labels), and the labels.

    A part is one problem, or several if there are more than `MAX_PARTS` problems.
    """
    tables = [counts_by_problem[name] for name in sorted(counts_by_problem, key=repr)]
    tables = [table for table in tables if any(table.values())]
    labels = sorted({label for table in tables for label in table}, key=repr)
    columns = {label: column for column, label in enumerate(labels)}
    parts = np.zeros((min(len(tables), MAX_PARTS), len(labels)))
    for row, table in enumerate(tables):
        for label, count in table.items():
            parts[row % MAX_PARTS, columns[label]] += count
    return parts, labels


def _jackknife(parts: FloatArray, entropy: EntropyOfCounts, size: int | None) -> Estimate:
    """Return `entropy` of the sums of `parts`, (parts, labels), with the interval from leaving out each part.

    The remaining parts must hold as many occurrences as are drawn. So without a part all entropies are taken at the
    size that each can have; a size a few per cent smaller changes all of them alike and hardly their spread.
    """
    total, n_parts = parts.sum(axis=0), len(parts)
    whole_entropy = entropy(total, size)
    if whole_entropy is None:
        n = int(total.sum())
        reason = f"there are {n} occurrences, not {size}" if n else "nothing was counted"
        return Estimate(None, n=n_parts, undefined=reason)
    remaining = total - parts
    m = size if size is None or n_parts < 2 else min(size, int(remaining.sum(axis=1).min()))
    if n_parts < 2 or m == 0:
        return Estimate(whole_entropy, n=n_parts)
    entropies = np.array([entropy(counts, m) for counts in remaining])
    error = math.sqrt((n_parts - 1) / n_parts * ((entropies - entropies.mean()) ** 2).sum())
    return Estimate(
        whole_entropy, max(0.0, whole_entropy - NORMAL_95 * error), whole_entropy + NORMAL_95 * error, n_parts
    )
