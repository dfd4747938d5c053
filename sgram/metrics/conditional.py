"""Conditional entropy: how unpredictable the step after a Strategic Gram is.

HICRA plots the conditional entropy of procedural grams given the Strategic Gram before them, without a formula. This is
the usual one, sum_g p(g) H(next | g).
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from sgram.errors import InputError
from sgram.metrics.entropy import Correction, measure_semantic_entropy
from sgram.metrics.equal_size import entropy_at_size

Pairs: TypeAlias = Mapping[tuple[Any, Any], float]
"""Counts of (gram, what follows it)."""


@dataclass(frozen=True, slots=True)
class ConditionalEntropy:
    """Mean entropy of what follows a label, with the numbers needed to read it."""

    value: float | None
    """None if there is no pair."""
    n: float
    """Pairs. The entropy of few pairs is too low, so compare equal numbers."""
    n_contexts: int
    """Different first labels."""
    n_pairs: int
    """Different pairs."""
    base: float
    correction: Correction


def conditional_entropy(pairs: Pairs, base: float = math.e, correction: Correction = "none") -> ConditionalEntropy:
    """Return sum_g p(g) H(next | g) from counts of pairs (g, next), where p(g) is the share of pairs that start with g.

    A correction is that of `semantic_entropy`, applied to each H by itself. The order of pairs does not matter. Raise
    `InputError` for a key that is not a pair or an invalid count, `UsageError` for an invalid base or correction.

    >>> conditional_entropy({("a", "x"): 2, ("a", "y"): 2, ("b", "x"): 4}, base=2).value
    0.5
    """
    following: dict[Hashable, list[float]] = defaultdict(list)
    for pair, count in pairs.items():
        _check_pair(pair)
        following[pair[0]].append(count)
    entropies = [measure_semantic_entropy(counts, base, correction) for counts in following.values()]
    defined = [(entropy.n, entropy.value, entropy.n_bins) for entropy in entropies if entropy.value is not None]
    if not defined:
        # also checks base and correction
        return ConditionalEntropy(measure_semantic_entropy((), base, correction).value, 0, 0, 0, base, correction)
    n = math.fsum(n for n, _, _ in defined)
    mean_entropy = math.fsum(n * entropy for n, entropy, _ in defined) / n
    return ConditionalEntropy(mean_entropy, n, len(defined), sum(n_bins for _, _, n_bins in defined), base, correction)


def conditional_entropy_at_size(pairs: Pairs, m: int, base: float = math.e) -> float | None:
    """Return the expected plug-in `conditional_entropy` of `m` pairs drawn without replacement; None for fewer pairs.

    The conditional entropy of any m pairs is the entropy of the pairs less that of their first labels, so its mean is
    exact, as that of `entropy_at_size` is. It falls to 0 for small m whatever the distribution: compare only at one m,
    and far from 1.

    >>> conditional_entropy_at_size({("a", "x"): 1, ("a", "y"): 1}, m=2, base=2)
    1.0
    """
    contexts: dict[Hashable, float] = defaultdict(float)
    for (label, _), count in pairs.items():
        contexts[label] += count
    joint, marginal = entropy_at_size(pairs, m, base), entropy_at_size(contexts, m, base)
    return None if joint is None or marginal is None else max(0.0, joint - marginal)


def _check_pair(pair: object) -> None:
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise InputError(f"a key must be a pair (gram, what follows it) (got {pair!r:.80})")
