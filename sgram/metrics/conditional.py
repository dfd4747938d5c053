"""How open it is what follows a Strategic Gram. Knows nothing about grams, or about what follows them.

HICRA plots the conditional entropy of procedural grams given the Strategic Gram before them, without a formula; this is
the usual one, sum_g p(g) H(next | g).
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from sgram.errors import InputError
from sgram.metrics.entropy import Correction, measure_semantic_entropy
from sgram.metrics.equal_size import entropy_at_size

Pairs = Mapping[tuple[Hashable, Hashable], float]


@dataclass(frozen=True, slots=True)
class ConditionalEntropy:
    """Mean entropy of what follows, with what is needed to read it."""

    value: float | None
    """None where nothing was counted."""
    n: float
    """Pairs: the entropy of few is too low, so compare equal numbers."""
    n_given: int
    """Different labels that something follows."""
    n_pairs: int
    """Different pairs."""
    base: float
    correction: Correction


def conditional_entropy(pairs: Pairs, base: float = math.e, correction: Correction = "none") -> ConditionalEntropy:
    """sum_g p(g) H(next | g) over counts of pairs (g, next), p(g) = n(g) / n: the share of pairs that g begins.

    A correction is that of `semantic_entropy`, of each H by itself. The order of pairs does not matter.
    """
    following: dict[Hashable, list[float]] = defaultdict(list)
    for pair, count in pairs.items():
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise InputError(f"a pair is what is given and what follows it, not {pair!r:.80}")
        following[pair[0]].append(count)
    measured = [measure_semantic_entropy(counts, base, correction) for counts in following.values()]
    measured = [each for each in measured if each.n]
    n = math.fsum(each.n for each in measured)
    if not measured:
        # also checks base and correction
        return ConditionalEntropy(measure_semantic_entropy((), base, correction).value, 0, 0, 0, base, correction)
    value = math.fsum(each.n * each.value for each in measured) / n
    return ConditionalEntropy(value, n, len(measured), sum(each.n_bins for each in measured), base, correction)


def conditional_entropy_at_size(pairs: Pairs, m: int, base: float = math.e) -> float | None:
    """Expected plug-in `conditional_entropy` of m of the pairs, drawn without replacement; None where there are fewer.

    Of any m pairs it is the entropy of the pairs less that of what is given, so its mean is exact as `entropy_at_size`
    is. It falls to 0 for small m whatever the distribution: compare only at one m, and far from 1.
    """
    given: dict[Hashable, float] = defaultdict(float)
    for (label, _), count in pairs.items():
        given[label] += count
    joint, marginal = entropy_at_size(pairs, m, base), entropy_at_size(given, m, base)
    return None if joint is None else max(0.0, joint - marginal)
