"""Overlap of planning tokens with high-entropy tokens.

High-entropy tokens are the top 30 % by entropy (HICRA Fig. 10). If the two were unrelated, a planning token would be
among them with that probability. So a share of 0.45 is not "fewer than half" but 1.5 times chance.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.array_types import FloatArray
from sgram.errors import UsageError
from sgram.metrics.entropy import token_arrays

TOP = 0.3
"""Share of tokens that are high-entropy in HICRA Fig. 10."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Planning against high-entropy tokens, both ways; a share of nothing is None."""

    high_given_planning: float | None
    """Share of planning tokens that are high-entropy; `top` by chance."""
    planning_given_high: float | None
    """Share of high-entropy tokens that are planning; `planning_share` by chance."""
    planning_share: float | None
    n_tokens: int
    n_planning: int
    threshold: float | None
    """The smallest entropy of a high-entropy token."""
    top: float


def overlap(entropies: Any, planning_mask: Any, response_mask: Any = None, top: float = TOP) -> Overlap:
    """Return the overlap of planning tokens with the `top` share of response tokens by entropy (HICRA §4.3, Fig. 10).

    The arrays have one shape, (T,) or (B, T), and hold all tokens that are ranked together. Exactly ``top * tokens``
    tokens are high-entropy: those tied at the threshold share the remaining places equally, each as a fraction of one.
    Raise `InputError` if the entropy of a response token is missing or not finite, `UsageError` unless 0 < top < 1.

    >>> shares = overlap([0.1, 0.2, 0.3, 0.4, 0.5], planning_mask=[1, 0, 0, 0, 1], top=0.4)
    >>> shares.high_given_planning, shares.planning_given_high, shares.planning_share
    (0.5, 0.5, 0.4)
    """
    token_entropies, planning, response = token_arrays(entropies, planning_mask, response_mask)
    token_entropies, planning = token_entropies[response], planning[response]  # (tokens,)
    weights, threshold = _high_weights(token_entropies, top)
    n_tokens, n_planning = len(token_entropies), int(planning.sum())
    if not n_tokens:
        return Overlap(None, None, None, 0, 0, None, top)
    n_high_planning = float(weights[planning].sum())
    return Overlap(
        n_high_planning / n_planning if n_planning else None,
        n_high_planning / (top * n_tokens),
        n_planning / n_tokens,
        n_tokens,
        n_planning,
        threshold,
        top,
    )


def high_entropy_weights(entropies: Any, response_mask: Any = None, top: float = TOP) -> FloatArray:
    """Return how far each token is a high-entropy token, in the shape of `entropies`.

    A weight is 1, 0, or a fraction for tokens tied at the threshold. The weights sum to ``top * response tokens``, so
    the shares of `overlap` are ratios of sums, which a bootstrap over problems can resample. Raise the errors of
    `overlap`.

    >>> high_entropy_weights([2.0, 5.0, 2.0], top=0.5).tolist()
    [0.25, 1.0, 0.25]
    """
    token_entropies, _, response = token_arrays(entropies, entropies, response_mask)
    weights = np.zeros(token_entropies.shape)
    weights[response] = _high_weights(token_entropies[response], top)[0]
    return weights


def _high_weights(token_entropies: FloatArray, top: object) -> tuple[FloatArray, float | None]:
    """Return the weights of `high_entropy_weights`, (tokens,), and the threshold."""
    if not isinstance(top, int | float) or not 0 < top < 1:
        raise UsageError(f"the top share must be a number between 0 and 1 (got {top!r:.80})")
    if not len(token_entropies):
        return np.zeros(0), None
    n_high = top * len(token_entropies)
    rank = len(token_entropies) - math.ceil(n_high)
    threshold = np.partition(token_entropies, rank)[rank]
    is_tied = token_entropies == threshold
    weights = (token_entropies > threshold).astype(np.float64)
    weights[is_tied] = (n_high - weights.sum()) / is_tied.sum()
    return weights, float(threshold)
