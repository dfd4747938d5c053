"""Per-token advantages as pure functions of arrays.

numpy arrays and lists give numpy float64 arrays, torch tensors give tensors on their device and of their floating type.
B is the number of rows (responses), T the number of tokens. Rows may come in any order: groups are found by key, never
by position. Masks are bool (or 0 and 1); positions outside the mask keep their advantage. Advantages of shape (B,) hold
for every token of their row.

With ``alpha=0``, or if all rewards of a group are equal, nothing changes. With an empty planning mask only
`gated_advantages` changes anything (tokens of high entropy).
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from sgram.array_types import BoolArray
from sgram.errors import InputError, UsageError
from sgram.training.credit.array_backend import (
    Array,
    ArrayBackend,
    ArrayLike,
    check_number,
    check_shape,
    constant_entropies,
    group_rows,
    is_tensor,
    second_mask,
    token_arrays,
)

EPSILON = 1e-4
"""Added to a group's standard deviation, as TRL does."""
LARGEST_REWARD = 1e30
"""Larger rewards overflow the squares and differences of 32-bit floats."""


def group_advantages(rewards: ArrayLike, groups: Any, scale: Literal["none", "std"] = "none") -> Array:
    """Return (B,) rewards less the mean of their group; `scale="std"` also divides by the group's standard deviation.

    "none" is A_i = R_i - mean_j R_j (HICRA §3, printed without a division; Dr.GRPO, 2503.20783). "std" is GRPO's
    (R_i - mean) / (std + 1e-4) (2402.03300) with the divisor n - 1, as in TRL 1.16. `groups` holds one hashable key a
    row. A missing reward (None, NaN) counts in no mean and gets advantage 0, like a row alone in its group. Equal
    rewards give exactly 0. Raise `InputError` if a reward is infinite or not a number.

    >>> group_advantages([1.0, 0.0, 1.0, None], ["p", "p", "q", "q"])
    array([ 0.5, -0.5,  0. ,  0. ])
    """
    if scale not in ("none", "std"):
        raise UsageError(f"scale must be 'none' or 'std' (got {scale!r:.80})")
    backend = ArrayBackend.of(rewards)
    reward_by_row = rewards_as_floats(rewards)
    advantages = np.zeros(len(reward_by_row))
    for group in group_rows(groups, len(reward_by_row)):
        rows = [row for row in group if not math.isnan(reward_by_row[row])]
        group_rewards = [reward_by_row[row] for row in rows]
        if not rows or min(group_rewards) == max(group_rewards):
            continue  # a mean of equal numbers may be off by a rounding, and a rounding divided by 1e-4 is not small
        mean = math.fsum(group_rewards) / len(group_rewards)  # exact sums do not depend on the order of rows
        deviations = [reward - mean for reward in group_rewards]
        divisor = 1.0
        if scale == "std":
            variance = math.fsum(deviation * deviation for deviation in deviations) / (len(group_rewards) - 1)
            divisor = math.sqrt(variance) + EPSILON
        advantages[rows] = [deviation / divisor for deviation in deviations]
    tensor_or_array: Array = backend.to_floats(advantages, "advantages")
    return tensor_or_array


def rewards_as_floats(rewards: Any) -> list[float]:
    """Return rewards as floats; a missing one is NaN."""
    raw_rewards = rewards.tolist() if is_tensor(rewards) or isinstance(rewards, np.ndarray) else list(rewards)
    if not isinstance(raw_rewards, list):
        raise UsageError("rewards must be a sequence with one number a response (got a single number)")
    floats = []
    for row, raw_reward in enumerate(raw_rewards):
        try:
            reward = math.nan if raw_reward is None else float(raw_reward)
        except (TypeError, ValueError):
            raise InputError(
                f"the reward of row {row} is a {type(raw_reward).__name__}, not a number; give one number a response, "
                "or None if it is missing"
            ) from None
        if abs(reward) > LARGEST_REWARD:
            raise InputError(
                f"the reward of row {row} is {reward:g}; correct the reward function, or return None if a response "
                "cannot be judged"
            )
        floats.append(reward)
    return floats


def long_response_mask(response_mask: ArrayLike, groups: Any) -> Array:
    """Return (B,) bool: responses with more tokens than the mean of their group. `response_mask` is (B, T).

    >>> long_response_mask([[1, 1, 1], [1, 0, 0]], ["p", "p"])
    array([ True, False])
    """
    backend = ArrayBackend.of(response_mask)
    mask = backend.to_bools(response_mask, "the response mask")
    is_long = longer_than_group_mean([int(length) for length in mask.sum(1).tolist()], groups)
    tensor_or_array: Array = backend.to_bools(is_long, "long responses")
    return tensor_or_array


def longer_than_group_mean(lengths: Sequence[int], groups: Any) -> BoolArray:
    """Return (B,) bool: whether each length is above the mean of its group."""
    is_long = np.zeros(len(lengths), bool)
    for rows in group_rows(groups, len(lengths)):
        total = sum(lengths[row] for row in rows)
        is_long[rows] = [lengths[row] * len(rows) > total for row in rows]
    return is_long


def hicra_advantages(advantages: ArrayLike, planning_mask: ArrayLike, alpha: float = 0.2) -> Array:
    """Return (B, T): A + alpha |A| on planning tokens, A elsewhere (HICRA §3, equation of A^H; there 0 < alpha < 1).

    Where A > 0, the credit of a planning token grows by the factor 1 + alpha. Where A < 0, its penalty shrinks by the
    factor 1 - alpha. `advantages` are (B,) or (B, T), `planning_mask` is (B, T).

    >>> hicra_advantages([1.0, -1.0], [[1, 0], [0, 1]], alpha=0.5)
    array([[ 1.5,  1. ],
           [-1. , -0.5]])
    """
    alpha = check_number(alpha, "alpha", 0)
    backend, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    token_advantages: Array = backend.where(
        is_planning, plain_advantages + alpha * abs(plain_advantages), plain_advantages
    )
    return token_advantages


def symmetric_advantages(advantages: ArrayLike, planning_mask: ArrayLike, alpha: float = 0.2) -> Array:
    """Return (B, T): (1 + alpha) A on planning tokens, so that credit and penalty both grow.

    A control of `hicra_advantages`.

    >>> symmetric_advantages([1.0, -1.0], [[1, 0], [0, 1]], alpha=0.5)
    array([[ 1.5,  1. ],
           [-1. , -1.5]])
    """
    alpha = check_number(alpha, "alpha", 0)
    backend, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    token_advantages: Array = backend.where(is_planning, plain_advantages + alpha * plain_advantages, plain_advantages)
    return token_advantages


def centered_advantages(
    advantages: ArrayLike, planning_mask: ArrayLike, groups: Any, response_mask: ArrayLike, alpha: float = 0.2
) -> Array:
    """Return (B, T): HICRA less the mean of its bonus alpha |A| over the planning tokens of the group.

    HICRA's bonus is never negative, so it favors planning tokens whatever the outcome. Here the bonuses of a group sum
    to 0 over its planning tokens in the response: rows with a large |A| are pushed up and rows with a small |A| down.
    If half of a group is correct, all |A| are equal and nothing remains. Pass every row of a group. A control of
    `hicra_advantages`.

    >>> centered_advantages([3.0, -1.0], [[1, 0], [1, 0]], ["p", "p"], [[1, 1], [1, 1]], alpha=0.5)
    array([[ 3.5,  3. ],
           [-1.5, -1. ]])
    """
    alpha = check_number(alpha, "alpha", 0)
    backend, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    is_planning = is_planning & second_mask(backend, response_mask, is_planning, "the response mask")
    bonus = backend.where(is_planning, alpha * abs(plain_advantages), 0.0)
    bonus_sums, token_counts = bonus.sum(1).tolist(), is_planning.sum(1).tolist()
    means = np.zeros(len(bonus_sums))
    for rows in group_rows(groups, len(bonus_sums)):
        n_tokens = sum(token_counts[row] for row in rows)
        means[rows] = math.fsum(bonus_sums[row] for row in rows) / n_tokens if n_tokens else 0.0
    push = bonus - backend.to_floats(means, "means")[:, None]
    token_advantages: Array = backend.where(is_planning, plain_advantages + push, plain_advantages)
    return token_advantages


def gated_advantages(
    advantages: ArrayLike,
    planning_mask: ArrayLike,
    entropies: ArrayLike,
    response_mask: ArrayLike,
    is_long: ArrayLike,
    alpha: float = 0.2,
    quantile: float = 0.7,
) -> Array:
    """Return (B, T): HICRA on correct, long responses only, on planning tokens and tokens of high entropy.

    The variant that the comments of an unofficial trainer (huggingface/trl#4997) quote as the authors' code; the paper
    does not describe it. The advantage is A + alpha |A| if A > 0, the response is long (`is_long`, (B,) bool, see
    `long_response_mask`), and the token is a planning token or its entropy is above the `quantile` of its own response.
    (As quoted, the planning mask might also be meant to act on all responses; here the gate holds for both.)
    """
    alpha, quantile = check_number(alpha, "alpha", 0), check_number(quantile, "the quantile", 0, 1)
    backend, plain_advantages, is_planning = token_arrays(advantages, planning_mask)
    is_response = second_mask(backend, response_mask, is_planning, "the response mask")
    token_entropies = constant_entropies(backend, entropies, is_planning)
    gate = backend.to_bools(is_long, "is_long")
    check_shape(gate, is_planning.shape[:1], "the array of long responses", "a column of the planning mask")
    is_high = token_entropies > backend.row_quantiles(token_entropies, is_response, quantile)[:, None]
    amplified_mask = (is_planning | is_high) & is_response & gate[:, None] & (plain_advantages > 0)
    token_advantages: Array = backend.where(
        amplified_mask, plain_advantages + alpha * abs(plain_advantages), plain_advantages
    )
    return token_advantages


def squared_norms(
    advantages: ArrayLike, planning_mask: ArrayLike, response_mask: ArrayLike, alpha: float = 0.2
) -> tuple[Any, Any]:
    """Return the sums of A^2 and of HICRA's (A^H)^2 over the response tokens, as floats or 0-dim tensors.

    If rows are spread over processes, add up each of the two sums over them and pass the totals to `norm_ratio`.
    """
    backend, plain_advantages, _ = token_arrays(advantages, planning_mask)
    hicra = hicra_advantages(plain_advantages, planning_mask, alpha)
    is_response = second_mask(backend, response_mask, plain_advantages, "the response mask")
    plain_sum, hicra_sum = (
        backend.where(is_response, tensor * tensor, 0.0).sum()
        for tensor in map(_at_least_32_bits, (plain_advantages, hicra))
    )
    return plain_sum, hicra_sum


def _at_least_32_bits(array: Any) -> Any:
    """Return a tensor of half precision as float32, anything else as it is."""
    return array.float() if is_tensor(array) and array.itemsize < 4 else array


def norm_ratio(plain_squares: Any, hicra_squares: Any) -> float:
    """Return ||A^H|| / ||A|| (L2) from the two sums of `squared_norms`; 1 if all advantages are 0.

    >>> norm_ratio(4.0, 9.0)
    1.5
    """
    plain_sum, hicra_sum = float(plain_squares), float(hicra_squares)
    return math.sqrt(hicra_sum / plain_sum) if plain_sum > 0 else 1.0


def matched_advantages(
    advantages: ArrayLike,
    planning_mask: ArrayLike,
    response_mask: ArrayLike,
    alpha: float = 0.2,
    ratio: float | None = None,
) -> Array:
    """Return (B, T): plain A, scaled to the L2 norm of HICRA's advantages over all response tokens.

    HICRA changes the size of the update as well as its direction; this control changes the size alone. `ratio` is the
    scale if it was computed over more rows than these (`norm_ratio`).
    """
    backend, plain_advantages, _ = token_arrays(advantages, planning_mask)
    is_response = second_mask(backend, response_mask, plain_advantages, "the response mask")
    if ratio is None:
        ratio = norm_ratio(*squared_norms(plain_advantages, planning_mask, response_mask, alpha))
    ratio = check_number(ratio, "the ratio of norms", 0)
    token_advantages: Array = backend.where(is_response, plain_advantages * ratio, plain_advantages)
    return token_advantages


def entropy_advantages(
    advantages: ArrayLike,
    entropies: ArrayLike,
    alpha: float = 0.4,
    kappa: float = 2.0,
    response_mask: "ArrayLike | None" = None,
) -> Array:
    """Return (B, T): A + psi(H) with psi(H) = min(alpha H, |A| / kappa) (2506.14758).

    H is the token's entropy without gradient. With kappa > 1 no advantage changes its sign. With `response_mask`, only
    its tokens change.

    >>> entropy_advantages([1.0], [[0.5, 3.0]])
    array([[1.2, 1.5]])
    """
    alpha, kappa = check_number(alpha, "alpha", 0), check_number(kappa, "kappa", 1)
    all_tokens = np.ones(tuple(entropies.shape) if hasattr(entropies, "shape") else np.shape(entropies))
    backend, plain_advantages, mask = token_arrays(
        advantages, all_tokens if response_mask is None else response_mask, "the mask"
    )
    bonus = backend.xp.minimum(alpha * constant_entropies(backend, entropies, mask), abs(plain_advantages) / kappa)
    token_advantages: Array = backend.where(mask, plain_advantages + bonus, plain_advantages)
    return token_advantages


def high_entropy_mask(
    entropies: ArrayLike, response_mask: ArrayLike, share: float = 0.2, pooled_entropies: "ArrayLike | None" = None
) -> Array:
    """Return (B, T) bool: response tokens with an entropy >= the (1 - share) quantile (80/20, 2506.01939).

    The quantile is that of the whole batch, as in the paper and in TRL, not that of each response. `pooled_entropies`
    are the entropies to take it over if these rows are not the whole batch: those of the response tokens of all
    processes, in any shape, without padding.

    >>> high_entropy_mask([[0.1, 0.9, 0.2, 0.3, 5.0]], [[1, 1, 1, 1, 0]], share=0.25)
    array([[False,  True, False, False, False]])
    """
    share = check_number(share, "the share of tokens", 0, 1, above=True)
    backend = ArrayBackend.of(entropies)
    is_response = backend.to_bools(response_mask, "the response mask")
    token_entropies = constant_entropies(backend, entropies, is_response)
    if pooled_entropies is None:
        batch_entropies = token_entropies[is_response]
    else:
        batch_entropies = backend.to_floats(pooled_entropies, "pooled entropies").reshape(-1).clip(0)
    row = batch_entropies[None, :]
    mask: Array = (token_entropies >= backend.row_quantiles(row, row >= 0, 1 - share)) & is_response
    return mask


def mask_advantages(advantages: ArrayLike, mask: ArrayLike) -> Array:
    """Return (B, T): the advantages of the tokens in `mask`, and 0 elsewhere, which gives no gradient.

    >>> mask_advantages([2.0, -1.0], [[1, 0], [0, 1]])
    array([[ 2.,  0.],
           [ 0., -1.]])
    """
    backend, plain_advantages, token_mask = token_arrays(advantages, mask, "the mask")
    token_advantages: Array = backend.where(token_mask, plain_advantages, 0.0)
    return token_advantages
