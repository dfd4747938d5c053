"""The order in a sequence of lengths, such as the execution spans between the planning spans of a trace.

Mishra, Alibert, Udry and Mordasini (2023, arXiv 2301.02374) classify planetary systems by how the masses of neighboring
planets compare. The same two coefficients say whether the stretches of work between planning spans grow along a trace,
shrink, stay similar or mix. This is an analogy: the bounds were chosen for masses and may not suit lengths.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sgram.errors import InputError

ArchitectureKind = Literal["ordered", "anti-ordered", "similar", "mixed"]
ARCHITECTURE_KINDS: tuple[ArchitectureKind, ...] = ("ordered", "anti-ordered", "similar", "mixed")
ORDERED = 0.2
"""Bound of the coefficient of similarity: neighbors grow by 10^0.2, 58 %, on the mean."""
MIN_LENGTHS = 3
"""Two lengths are never mixed: C_V > 1/2 needs one over three times the other, and then they are ordered."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The class of a sequence with its two coefficients; each is None if there are too few lengths."""

    kind: ArchitectureKind | None
    similarity: float | None
    """C_S = mean(log10(q[i+1] / q[i])): above 0 if lengths grow."""
    variation: float | None
    """C_V = population standard deviation / mean, from 0 to sqrt(n - 1)."""
    n: int
    """Number of lengths above 0."""


def architecture(lengths: Sequence[int]) -> Architecture:
    """Return the class of a sequence of `lengths`: ordered (C_S > 0.2), anti-ordered (C_S < -0.2), similar or mixed.

    If neither bound of C_S is passed, the sequence is similar if C_V <= sqrt(n - 1) / 2, else mixed. Lengths of 0,
    where one planning span directly follows another, are dropped. Fewer than `MIN_LENGTHS` lengths have no class. C_S
    depends only on the first length, the last and their number. Raise `InputError` for a negative or infinite length.

    >>> architecture([1, 10, 100]).kind, architecture([4, 5, 6]).kind, architecture([1, 100, 1]).kind
    ('ordered', 'similar', 'mixed')
    """
    for length in lengths:
        if not 0 <= length < math.inf:
            raise InputError(f"a length must be a number >= 0 (got {length!r:.80})")
    positive = [float(length) for length in lengths if length > 0]
    n = len(positive)
    if n < MIN_LENGTHS:
        return Architecture(None, None, None, n)
    similarity = (math.log10(positive[-1]) - math.log10(positive[0])) / (n - 1)  # the sum telescopes
    mean = math.fsum(positive) / n
    variation = math.sqrt(math.fsum((length - mean) ** 2 for length in positive) / n) / mean
    return Architecture(_classify(similarity, variation, n), similarity, variation, n)


def _classify(similarity: float, variation: float, n: int) -> ArchitectureKind:
    if abs(similarity) > ORDERED:
        return "ordered" if similarity > 0 else "anti-ordered"
    return "similar" if variation <= math.sqrt(n - 1) / 2 else "mixed"
