"""Entropies at an equal number of occurrences, so that longer traces do not look richer.

The plug-in entropy of few occurrences is too low, by an amount that depends on their number. So distributions are
compared at equal size: the mean of the plug-in entropy over every way to draw m of the n occurrences. That mean is
computed exactly; nothing is sampled.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.metrics.entropy import check_base, check_whole_counts, positive_counts


def entropy_at_size(
    counts_or_labels: Mapping[Any, float] | Iterable[Hashable], m: int, base: float = math.e
) -> float | None:
    """Return the expected plug-in entropy of `m` of the n occurrences, drawn without replacement; None if n < m.

    log m - 1/m sum_g E[k log k], where k, the draws of label g, is hypergeometric (c(g) of n, m drawn). Exact to
    about 1e-12; at m = n it is the plug-in entropy itself. Counts or labels are those of `semantic_entropy`, but whole.
    Raise `UsageError` for an invalid size or base, `InputError` for an invalid count.

    >>> entropy_at_size(["a", "a", "b", "b"], m=4, base=2)
    1.0
    >>> round(entropy_at_size(["a", "a", "b", "b"], m=2, base=2), 6)  # 4 of the 6 pairs have two labels
    0.666667
    """
    check_base(base)
    size = _check_size(m)
    counts = positive_counts(counts_or_labels)
    check_whole_counts(counts)
    n = int(math.fsum(counts))
    if n < size:
        return None
    terms = [n_labels * _expected_k_log_k(int(count), n, size) for count, n_labels in sorted(Counter(counts).items())]
    return max(0.0, math.log(size) - math.fsum(terms) / size) / math.log(base)


def _check_size(m: object) -> int:
    if not isinstance(m, int | np.integer) or isinstance(m, bool) or m < 1:
        raise UsageError(f"the size m must be a whole number >= 1 (got {m!r:.80})")
    return int(m)


def _expected_k_log_k(count: int, n: int, m: int) -> float:
    """Return E[k log k] of the k of `count` marked occurrences among m drawn of n.

    The probabilities follow from the ratio of neighbors and their sum, 1. There is no factorial, so large n lose no
    precision.
    """
    low, high = max(0, m - (n - count)), min(count, m)
    k = np.arange(low, high + 1, dtype=np.float64)
    previous_k = k[:-1]
    ratios = (count - previous_k) * (m - previous_k) / ((previous_k + 1) * (n - count - m + previous_k + 1))
    logs = np.concatenate(([0.0], np.cumsum(np.log(ratios))))
    weights = np.exp(logs - logs.max())
    return float((weights * k * np.log(np.maximum(k, 1))).sum() / weights.sum())
