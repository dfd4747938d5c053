"""Advantages: what a token's probability is to rise or fall by. Knows nothing about models, losses or trainers.

Pure functions of arrays: numpy arrays and lists give numpy float64, torch tensors give tensors of their device and
floating type. B rows (responses), T tokens. Rows may come in any order: groups go by key, never by position. Masks are
bool (or 0 and 1); a position outside the mask that a function is given keeps its advantage. Advantages of shape (B,)
hold for every token of their row.

With alpha 0, or where all rewards of a group are equal, nothing changes; with an empty planning mask only
`gated_advantages` changes anything (its tokens of high entropy).
"""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from sgram.errors import InputError, UsageError
from sgram.training.credit.array_backend import Array, Result, Space, group_rows, is_tensor, number_in, same_shape

EPSILON = 1e-4
"""Added to a group's standard deviation, as TRL does."""
LARGEST_REWARD = 1e30
"""Beyond it squares and differences leave the range of 32-bit floats."""


def group_advantages(rewards: Array, groups: Any, scale: Literal["none", "std"] = "none") -> Result:
    """(B,) rewards less the mean of their group; `scale="std"` also divides by the group's standard deviation.

    "none" is A_i = R_i - mean_j R_j (HICRA §3, printed without a division; Dr.GRPO, 2503.20783); "std" is GRPO's
    (R_i - mean) / (std + 1e-4) (2402.03300) with the divisor n - 1, as TRL 1.16 has it. `groups` holds one hashable key
    a row. A missing reward (None, NaN) counts in no mean and its advantage is 0, as is that of a row alone in its
    group; rewards that are all equal give exactly 0. `InputError` for a reward that is infinite or no number.
    """
    if scale not in ("none", "std"):
        raise UsageError(f"a scale is 'none' or 'std', not {scale!r:.80}")
    space = Space.of(rewards)
    known = _rewards(rewards)
    advantages = np.zeros(len(known))
    for rows in group_rows(groups, len(known)):
        rows = [row for row in rows if not math.isnan(known[row])]
        values = [known[row] for row in rows]
        if not rows or min(values) == max(values):
            continue  # a mean of equal numbers may be off by a rounding, and a rounding divided by 1e-4 is not small
        mean = math.fsum(values) / len(values)  # exact sums do not depend on the order of rows
        centered = [value - mean for value in values]
        spread = 1.0
        if scale == "std":
            spread = math.sqrt(math.fsum(each * each for each in centered) / (len(values) - 1)) + EPSILON
        advantages[rows] = [each / spread for each in centered]
    return space.floats(advantages, "advantages")


def _rewards(rewards: Any) -> list[float]:
    """Rewards as floats, NaN where missing."""
    values = rewards.tolist() if is_tensor(rewards) or isinstance(rewards, np.ndarray) else list(rewards)
    if not isinstance(values, list):
        raise UsageError("rewards are a row of numbers, one a response, not a single number")
    known = []
    for row, value in enumerate(values):
        try:
            reward = math.nan if value is None else float(value)
        except (TypeError, ValueError):
            raise InputError(
                f"the reward of row {row} is a {type(value).__name__}, not a number; give one number a response, "
                "or None where there is none"
            ) from None
        if abs(reward) > LARGEST_REWARD:
            raise InputError(
                f"the reward of row {row} is {reward:g}; correct the reward function, or give None where a response "
                "cannot be judged"
            )
        known.append(reward)
    return known


def longer_than_group(response_mask: Array, groups: Any) -> Result:
    """(B,) bool: responses with more tokens than the mean of their group; `response_mask` is (B, T)."""
    space = Space.of(response_mask)
    mask = space.bools(response_mask, "the response mask")
    return space.bools(longer_than_mean([int(size) for size in mask.sum(1).tolist()], groups), "longer")


def longer_than_mean(lengths: Sequence[int], groups: Any) -> np.ndarray:
    """(B,) bool: lengths above the mean of their group."""
    longer = np.zeros(len(lengths), bool)
    for rows in group_rows(groups, len(lengths)):
        total = sum(lengths[row] for row in rows)
        longer[rows] = [lengths[row] * len(rows) > total for row in rows]
    return longer


def _spread(advantages: Array, mask: Array, what: str = "the planning mask") -> tuple[Space, Result, Result]:
    """Space, advantages as (B, T), mask as bool (B, T)."""
    space = Space.of(advantages)
    marked = space.bools(mask, what)
    if marked.ndim != 2:
        raise UsageError(f"{what} is of shape {tuple(marked.shape)}; a mask has a row a response and a column a token")
    return space, _by_token(space, advantages, marked), marked


def _by_token(space: Space, advantages: Array, like: Result) -> Result:
    """Advantages (B,) or (B, T) as (B, T), the shape of `like`."""
    given = space.floats(advantages, "advantages")
    if given.ndim == 1 and len(given) == len(like):
        given = given[:, None] + space.xp.zeros_like(like, dtype=given.dtype)
    same_shape(given, like.shape, "the array of advantages", "the mask")
    return given  # (B, T)


def _also(space: Space, value: Array, like: Result, what: str) -> Result:
    """Another mask of the shape of `like`."""
    mask = space.bools(value, what)
    same_shape(mask, like.shape, what, "the planning mask")
    return mask


def _entropies(space: Space, value: Array, like: Result) -> Result:
    """Entropies of the shape of `like`, without gradient; a rounding below 0 is 0."""
    entropies = space.floats(value, "entropies")
    same_shape(entropies, like.shape, "the array of entropies", "the mask")
    entropies = entropies if space.xp is np else entropies.detach()
    return entropies.clip(0)


def hicra_advantages(advantages: Array, planning_mask: Array, alpha: float = 0.2) -> Result:
    """(B, T) A + alpha |A| on planning tokens, A elsewhere (HICRA §3, equation of A^H; there 0 < alpha < 1).

    A planning token's credit grows by the factor 1 + alpha where A > 0, its penalty shrinks by 1 - alpha where A < 0.
    `advantages` are (B,) or (B, T), `planning_mask` (B, T).
    """
    alpha = number_in(alpha, "alpha", 0)
    space, plain, planning = _spread(advantages, planning_mask)
    return space.xp.where(planning, plain + alpha * abs(plain), plain)


def symmetric_advantages(advantages: Array, planning_mask: Array, alpha: float = 0.2) -> Result:
    """(B, T) (1 + alpha) A on planning tokens: credit and penalty both grow. A control of `hicra_advantages`."""
    alpha = number_in(alpha, "alpha", 0)
    space, plain, planning = _spread(advantages, planning_mask)
    return space.xp.where(planning, plain + alpha * plain, plain)


def centered_advantages(
    advantages: Array, planning_mask: Array, groups: Any, response_mask: Array, alpha: float = 0.2
) -> Result:
    """(B, T) HICRA without its mean push: from the bonus alpha |A| its mean over the group's planning tokens is taken.

    HICRA's bonus is never negative, so it favors planning tokens whatever the outcome. Here a group's bonuses add up
    to 0 over its planning tokens in the response: those of rows with a large |A| are pushed up, those of rows with a
    small |A| down, and what is left of HICRA is that difference (nothing, where half of a group is right: all |A| are
    equal then). Every row of a group must be given. A control of `hicra_advantages`.
    """
    alpha = number_in(alpha, "alpha", 0)
    space, plain, planning = _spread(advantages, planning_mask)
    planning = planning & _also(space, response_mask, planning, "the response mask")
    bonus = space.xp.where(planning, alpha * abs(plain), 0.0)
    sums, counts = bonus.sum(1).tolist(), planning.sum(1).tolist()
    means = np.zeros(len(sums))
    for rows in group_rows(groups, len(sums)):
        n_tokens = sum(counts[row] for row in rows)
        means[rows] = math.fsum(sums[row] for row in rows) / n_tokens if n_tokens else 0.0
    push = bonus - space.floats(means, "means")[:, None]
    return space.xp.where(planning, plain + push, plain)


def gated_advantages(
    advantages: Array,
    planning_mask: Array,
    entropies: Array,
    response_mask: Array,
    long: Array,
    alpha: float = 0.2,
    quantile: float = 0.7,
) -> Result:
    """(B, T) HICRA on correct, long responses only, there on planning tokens and tokens of high entropy.

    The variant that the comments of an unofficial trainer (huggingface/trl#4997) quote as the authors' code; the
    paper does not describe it. A + alpha |A| where A > 0, the response is `long` ((B,) bool, see `longer_than_group`)
    and the token is a planning token or its entropy is above the `quantile` of its own response. (As quoted, the
    planning mask might also be meant to act on other responses; here the gate holds for both.)
    """
    alpha, quantile = number_in(alpha, "alpha", 0), number_in(quantile, "the quantile", 0, 1)
    space, plain, planning = _spread(advantages, planning_mask)
    response = _also(space, response_mask, planning, "the response mask")
    entropy = _entropies(space, entropies, planning)
    gate = space.bools(long, "long")
    same_shape(gate, planning.shape[:1], "the array of long responses", "a column of the planning mask")
    high = entropy > space.row_quantiles(entropy, response, quantile)[:, None]
    chosen = (planning | high) & response & gate[:, None] & (plain > 0)
    return space.xp.where(chosen, plain + alpha * abs(plain), plain)


def norm_squares(advantages: Array, planning_mask: Array, response_mask: Array, alpha: float = 0.2) -> tuple[Any, Any]:
    """Sums of A^2 and of HICRA's (A^H)^2 over the tokens of the response, as numbers of the space (0-dim tensors).

    Where rows are spread over processes, add each of the two up over them and give the totals to `norm_ratio`.
    """
    space, plain, _ = _spread(advantages, planning_mask)
    amplified = hicra_advantages(plain, planning_mask, alpha)
    response = _also(space, response_mask, plain, "the response mask")
    wide = [each if space.xp is np or each.itemsize >= 4 else each.float() for each in (plain, amplified)]
    first, second = (space.xp.where(response, each * each, 0.0).sum() for each in wide)
    return first, second


def norm_ratio(plain_squares: Any, hicra_squares: Any) -> float:
    """||A^H|| / ||A|| (L2) from the sums of squares of `norm_squares`; 1 where the advantages are all 0."""
    plain, amplified = float(plain_squares), float(hicra_squares)
    return math.sqrt(amplified / plain) if plain > 0 else 1.0


def matched_advantages(
    advantages: Array, planning_mask: Array, response_mask: Array, alpha: float = 0.2, ratio: float | None = None
) -> Result:
    """(B, T) plain A, scaled to the L2 norm that HICRA's advantages have over all tokens of the responses.

    HICRA changes the size of the update as well as its direction; this control has the size alone. `ratio` is the
    scale where it has been worked out over more rows than these (`norm_ratio`).
    """
    space, plain, _ = _spread(advantages, planning_mask)
    response = _also(space, response_mask, plain, "the response mask")
    if ratio is None:
        ratio = norm_ratio(*norm_squares(plain, planning_mask, response_mask, alpha))
    ratio = number_in(ratio, "the ratio of norms", 0)
    return space.xp.where(response, plain * ratio, plain)


def entropy_advantages(
    advantages: Array, entropies: Array, alpha: float = 0.4, kappa: float = 2.0, response_mask: "Array | None" = None
) -> Result:
    """(B, T) A + psi(H), psi(H) = min(alpha H, |A| / kappa), H the token's entropy without gradient (2506.14758).

    With kappa > 1 no advantage changes its sign. Where `response_mask` is given, only its tokens change.
    """
    alpha, kappa = number_in(alpha, "alpha", 0), number_in(kappa, "kappa", 1)
    mask = np.ones(tuple(entropies.shape) if hasattr(entropies, "shape") else np.shape(entropies))
    space, plain, everywhere = _spread(advantages, mask if response_mask is None else response_mask, "the mask")
    bonus = space.xp.minimum(alpha * _entropies(space, entropies, everywhere), abs(plain) / kappa)
    return space.xp.where(everywhere, plain + bonus, plain)


def high_entropy_mask(
    entropies: Array, response_mask: Array, share: float = 0.2, pooled: "Array | None" = None
) -> Result:
    """(B, T) bool: tokens of the response with entropy of at least the (1 - share) quantile (80/20, 2506.01939).

    The quantile is that of the whole batch, as in the paper and in TRL, not of each response; a token whose entropy
    equals it is in. `pooled` are the entropies to take it over where these rows are not the whole batch: those of
    the response tokens of all processes, in any shape, without padding.
    """
    share = number_in(share, "the share of tokens", 0, 1, above=True)
    space = Space.of(entropies)
    response = space.bools(response_mask, "the response mask")
    entropy = _entropies(space, entropies, response)
    drawn = entropy[response] if pooled is None else space.floats(pooled, "pooled entropies").reshape(-1).clip(0)
    row = drawn[None, :]
    return (entropy >= space.row_quantiles(row, row >= 0, 1 - share)) & response


def only_on(advantages: Array, mask: Array) -> Result:
    """(B, T) advantages of the tokens in `mask`, 0 elsewhere: what the loss of the others is multiplied by."""
    space, plain, kept = _spread(advantages, mask, "the mask")
    return space.xp.where(kept, plain, 0.0)
