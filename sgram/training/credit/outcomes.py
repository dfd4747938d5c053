"""What HICRA does to an outcome reward, in its parts: scale and push; and its bonus for correct responses alone.

For rewards of two values a < b in a group with the share p of b, on planning tokens exactly (docs/what_hicra_does.md):

    A + alpha |A| = (1 + alpha (1 - 2p)) A + alpha mean|A|

`scale_advantages` is the first term, `push_advantages` is A plus the second one. mean|A| is that of the group.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from sgram.errors import UsageError
from sgram.training.credit.advantages import hicra_advantages, rewards_as_floats
from sgram.training.credit.array_backend import (
    Array,
    ArrayBackend,
    ArrayLike,
    check_number,
    check_shape,
    group_rows,
    second_mask,
    token_arrays,
)

_LISTED_VALUES = 4


def correct_advantages(advantages: ArrayLike, planning_mask: ArrayLike, alpha: float = 0.2) -> Array:
    """Return (B, T): HICRA's A + alpha |A| on planning tokens where A > 0, A elsewhere.

    A response with A > 0 is better than the mean of its group: with rewards of two values, it is correct. Penalties
    stay as they are, so that the outcome always counts more than in GRPO.

    >>> correct_advantages([1.0, -1.0], [[1, 0], [0, 1]], alpha=0.5)
    array([[ 1.5,  1. ],
           [-1. , -1. ]])
    """
    _, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    return hicra_advantages(plain_advantages, is_planning & (plain_advantages > 0), alpha)


def scale_advantages(
    advantages: ArrayLike,
    planning_mask: ArrayLike,
    groups: Any,
    response_mask: ArrayLike,
    alpha: float = 0.2,
    rewards: Any = None,
) -> Array:
    """Return (B, T): (1 + alpha (1 - 2p)) A on planning tokens, p the share of the greater reward in the group.

    The part of HICRA that depends on the outcome: more than GRPO's credit below p = 1/2, less above. `advantages` are
    one number a response, (B,), or (B, T) with the same number on every response token. Where `rewards` (None or NaN:
    missing) are not given, the values of the advantages tell them apart. Pass every row of a group. Raise `UsageError`
    if a group has more than two values.

    >>> scale_advantages([3.0, -1.0, -1.0, -1.0], [[1, 0]] * 4, ["p"] * 4, [[1, 1]] * 4, alpha=0.2)[:2]
    array([[ 3.3,  3. ],
           [-1.1, -1. ]])
    """
    alpha = check_number(alpha, "alpha", 0)
    backend, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    is_planning = is_planning & second_mask(backend, response_mask, is_planning, "the response mask")
    rows = _row_advantages(advantages, response_mask)
    factors = np.ones(len(rows))
    for group, outcomes in _mixed_groups(rows, groups, rewards):
        factors[group] = 1 + alpha * (1 - 2 * sum(outcomes) / len(outcomes))
    token_advantages: Array = backend.where(
        is_planning, plain_advantages * backend.to_floats(factors, "factors")[:, None], plain_advantages
    )
    return token_advantages


def push_advantages(
    advantages: ArrayLike,
    planning_mask: ArrayLike,
    groups: Any,
    response_mask: ArrayLike,
    alpha: float = 0.2,
    rewards: Any = None,
) -> Array:
    """Return (B, T): A + alpha mean|A| on planning tokens, with the mean of |A| over the responses of the group.

    The part of HICRA that does not depend on the outcome: for rewards 0 and 1 it is 2 alpha p (1 - p) / sigma, the
    same in correct and wrong responses. Arguments and errors are those of `scale_advantages`.

    >>> push_advantages([3.0, -1.0, -1.0, -1.0], [[1, 0]] * 4, ["p"] * 4, [[1, 1]] * 4, alpha=0.2)[:2]
    array([[ 3.3,  3. ],
           [-0.7, -1. ]])
    """
    alpha = check_number(alpha, "alpha", 0)
    backend, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    is_planning = is_planning & second_mask(backend, response_mask, is_planning, "the response mask")
    rows = _row_advantages(advantages, response_mask)
    pushes = np.zeros(len(rows))
    for group, _ in _mixed_groups(rows, groups, rewards):
        pushes[group] = alpha * math.fsum(abs(rows[row]) for row in group) / len(group)
    token_advantages: Array = backend.where(
        is_planning, plain_advantages + backend.to_floats(pushes, "pushes")[:, None], plain_advantages
    )
    return token_advantages


def binary_outcomes(rewards: Sequence[float], groups: Any) -> list[float]:
    """Return for each row 1.0 if it has the greater of the two rewards of its group, 0.0 if it has the smaller one.

    NaN stands for a row without reward (NaN), and for all rows of a group with a single reward. Raise `UsageError` if a
    group has more than two.

    >>> binary_outcomes([0.1, 1.1, 1.0, 1.0], ["p", "p", "q", "q"])
    [0.0, 1.0, nan, nan]
    """
    outcomes = [math.nan] * len(rewards)
    for group in group_rows(groups, len(rewards)):
        values = sorted({rewards[row] for row in group if not math.isnan(rewards[row])})
        if len(values) > 2:
            listed = [f"{value:g}" for value in values[:_LISTED_VALUES]] + ["..."] * (len(values) > _LISTED_VALUES)
            raise UsageError(
                f"the group of row {group[0]} has {len(values)} different rewards ({', '.join(listed)}), but "
                "hicra-scale, hicra-push and ktae need at most two, such as 0 and 1: use a reward of two values, or "
                "another method"
            )
        if len(values) == 2:
            for row in group:
                if not math.isnan(rewards[row]):
                    outcomes[row] = float(rewards[row] == values[1])
    return outcomes


def _mixed_groups(rows: Sequence[float], groups: Any, rewards: Any) -> list[tuple[list[int], list[float]]]:
    """Return the judged rows of each group with two rewards, and their outcomes."""
    outcomes = binary_outcomes(rows if rewards is None else rewards_as_floats(rewards), groups)
    judged_groups = ([row for row in group if not math.isnan(outcomes[row])] for group in group_rows(groups, len(rows)))
    return [(group, [outcomes[row] for row in group]) for group in judged_groups if group]


def _row_advantages(advantages: ArrayLike, response_mask: ArrayLike) -> list[float]:
    """Return the advantage of each row; NaN for a row of (B, T) advantages without response token."""
    backend = ArrayBackend.of(advantages)
    floats = backend.to_floats(advantages, "advantages")
    if floats.ndim == 1:
        rows: list[float] = floats.tolist()
        return rows
    mask = backend.to_bools(response_mask, "the response mask")
    check_shape(mask, floats.shape, "the response mask", "the array of advantages")
    if not floats.shape[1]:
        return [math.nan] * len(floats)
    least = backend.xp.amin(backend.where(mask, floats, math.inf), 1).tolist()
    greatest = backend.xp.amax(backend.where(mask, floats, -math.inf), 1).tolist()
    for row, (low, high) in enumerate(zip(least, greatest, strict=True)):
        if low < high:  # in a row without response token, low is +inf
            raise UsageError(
                f"the advantages of row {row} differ from token to token; give the same one for all tokens of a row"
            )
    return [low if low == high else math.nan for low, high in zip(least, greatest, strict=True)]
