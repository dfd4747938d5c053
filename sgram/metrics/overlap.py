"""How far planning tokens are the high-entropy tokens. Knows nothing about tokens but entropies and masks.

High-entropy tokens are the top 30 % by entropy (HICRA Fig. 10). A planning token would be among them with that chance
if the two had nothing to do with each other, so a share of 0.45 is no majority but half as much again as chance.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.metrics.entropy import token_arrays

TOP = 0.3
"""HICRA Fig. 10."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """Planning against high-entropy tokens, both ways; a share of nothing is None."""

    high_given_planning: float | None
    """Share of planning tokens that are high-entropy; by chance it is `top`."""
    planning_given_high: float | None
    """Share of high-entropy tokens that are planning; by chance it is `planning_share`."""
    planning_share: float | None
    n_tokens: int
    n_planning: int
    threshold: float | None
    """The least entropy of a high-entropy token."""
    top: float


def overlap(entropies: Any, planning_mask: Any, response_mask: Any = None, top: float = TOP) -> Overlap:
    """Overlap of planning tokens with the `top` share of response tokens by entropy (HICRA §4.3, Fig. 10).

    Arrays of one shape, (T,) or (B, T), of everything that is to be ranked together. Exactly ``top * tokens`` tokens
    are high-entropy: those tied at the threshold share equally in what is left for them, each a fraction of one.
    `InputError` where the entropy of a response token is missing or not finite.
    """
    values, planning, response = token_arrays(entropies, planning_mask, response_mask)
    values, planning = values[response], planning[response]  # (tokens,)
    weights, threshold = _weights(values, top)
    n_planning, n_high = int(planning.sum()), top * len(values)
    if not len(values):
        return Overlap(None, None, None, 0, 0, None, top)
    both = float(weights[planning].sum())
    return Overlap(
        both / n_planning if n_planning else None,
        both / n_high,
        n_planning / len(values),
        len(values),
        n_planning,
        threshold,
        top,
    )


def high_entropy_weights(entropies: Any, response_mask: Any = None, top: float = TOP) -> np.ndarray:
    """How far each token is a high-entropy one: 1, 0, or a fraction for those tied at the threshold; as `entropies`.

    They sum to ``top * response tokens``: with them, the shares of `overlap` are ratios of sums that a bootstrap over
    problems can take.
    """
    values, _, response = token_arrays(entropies, entropies, response_mask)
    weights = np.zeros(values.shape)
    weights[response] = _weights(values[response], top)[0]
    return weights


def _weights(values: np.ndarray, top: float) -> tuple[np.ndarray, float | None]:
    if not isinstance(top, int | float) or not 0 < top < 1:
        raise UsageError(f"the top share is a number between 0 and 1, not {top!r:.80}")
    if not len(values):
        return np.zeros(0), None
    n_high = top * len(values)
    place = len(values) - math.ceil(n_high)
    threshold = np.partition(values, place)[place]
    tied = values == threshold
    weights = (values > threshold).astype(np.float64)
    weights[tied] = (n_high - weights.sum()) / tied.sum()
    return weights, float(threshold)
