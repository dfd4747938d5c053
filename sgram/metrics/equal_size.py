"""Entropies at one number of occurrences, so that longer traces do not look richer. Knows nothing but counts.

The plug-in entropy of few occurrences is too low, and by how much depends on how many there are. So distributions are
compared at equal size: the mean of the plug-in entropy over every way to draw m of the n occurrences. That mean is
worked out exactly; nothing is drawn.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.metrics.entropy import check_base, check_whole, positive_counts


def entropy_at_size(
    counts_or_labels: Mapping[Hashable, float] | Iterable[Any], m: int, base: float = math.e
) -> float | None:
    """Expected plug-in entropy of m of the n occurrences, drawn without replacement; None where n is below m.

    log m - 1/m sum_g E[k log k], where k, the draws of label g, is hypergeometric (c(g) of n, m drawn). Exact, to
    about 1e-12; at m = n it is the plug-in entropy itself. Counts or labels as for `semantic_entropy`, but whole.
    """
    check_base(base)
    if not isinstance(m, int | np.integer) or isinstance(m, bool) or m < 1:
        raise UsageError(f"a size is a whole number of at least 1, not {m!r:.80}")
    counts = positive_counts(counts_or_labels)
    check_whole(counts)
    n = int(math.fsum(counts))
    if n < m:
        return None
    terms = [how_many * _expected_k_log_k(int(count), n, int(m)) for count, how_many in sorted(Counter(counts).items())]
    return max(0.0, math.log(m) - math.fsum(terms) / m) / math.log(base)


def _expected_k_log_k(count: int, n: int, m: int) -> float:
    """E[k log k] of the k of `count` marked ones among m drawn of n.

    The chances follow from the ratio of neighbors and their sum, 1: no factorial, so nothing is lost for large n.
    """
    low, high = max(0, m - (n - count)), min(count, m)
    k = np.arange(low, high + 1, dtype=np.float64)
    before = k[:-1]
    ratios = (count - before) * (m - before) / ((before + 1) * (n - count - m + before + 1))
    logs = np.concatenate(([0.0], np.cumsum(np.log(ratios))))
    chances = np.exp(logs - logs.max())
    return float((chances * k * np.log(np.maximum(k, 1))).sum() / chances.sum())
