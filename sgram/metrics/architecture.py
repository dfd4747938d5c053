"""The order in a sequence of lengths, as of the execution spans between planning spans. Knows nothing about traces.

An analogy, no physics: Mishra, Alibert, Udry and Mordasini (2023, arXiv 2301.02374) sort planetary systems by how the
masses of neighboring planets compare, and the same two numbers say whether the stretches of work between planning
grow along a trace, shrink, stay alike or mix. The bounds are those for masses; nothing says that they suit lengths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sgram.errors import InputError

Kind = Literal["ordered", "anti-ordered", "similar", "mixed"]
KINDS: tuple[Kind, ...] = ("ordered", "anti-ordered", "similar", "mixed")
ORDERED = 0.2
"""Bound of the coefficient of similarity: neighbors grow by 10^0.2, 58 %, on the mean."""
MIN_LENGTHS = 3
"""Two could never be mixed: C_V > 1/2 needs one to be over three times the other, and then they are ordered."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The class of a sequence, with the two coefficients it rests on; None each where there are too few lengths."""

    kind: Kind | None
    similarity: float | None
    """C_S = mean(log10(q[i+1] / q[i])): above 0 where lengths grow."""
    variation: float | None
    """C_V = population standard deviation / mean, from 0 to sqrt(n - 1)."""
    n: int
    """Lengths above 0."""


def architecture(lengths: Sequence[int]) -> Architecture:
    """The class of a sequence of `lengths`: ordered (C_S > 0.2), anti-ordered (C_S < -0.2), else similar or mixed.

    Similar where C_V <= sqrt(n - 1) / 2. Lengths of 0, where one planning span follows another at once, are dropped,
    as nothing lies between the two. Fewer than `MIN_LENGTHS` lengths have no class. C_S depends on the first length,
    the last and their number alone.
    """
    for length in lengths:
        if not 0 <= length < math.inf:
            raise InputError(f"a length is a number of at least 0, not {length!r:.80}")
    kept = [float(length) for length in lengths if length > 0]
    n = len(kept)
    if n < MIN_LENGTHS:
        return Architecture(None, None, None, n)
    similarity = (math.log10(kept[-1]) - math.log10(kept[0])) / (n - 1)  # the sum telescopes
    mean = math.fsum(kept) / n
    variation = math.sqrt(math.fsum((length - mean) ** 2 for length in kept) / n) / mean
    return Architecture(_kind(similarity, variation, n), similarity, variation, n)


def _kind(similarity: float, variation: float, n: int) -> Kind:
    if abs(similarity) > ORDERED:
        return "ordered" if similarity > 0 else "anti-ordered"
    return "similar" if variation <= math.sqrt(n - 1) / 2 else "mixed"
