"""Advantages of rows that belong to several roles: each role has its own mean and scale."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from sgram.errors import InputError, UsageError
from sgram.training.credit.advantages import EPSILON, rewards_as_floats
from sgram.training.credit.array_backend import Array, ArrayBackend, ArrayLike, check_number, group_rows, is_tensor

_WHOLE_ROLE = object()
"""Group key of the rows whose baseline is the mean of their role."""


def role_advantages(
    rewards: ArrayLike,
    roles: Any,
    groups: Any = None,
    scale: Literal["none", "std"] = "std",
    weights: Mapping[Any, float] | None = None,
    whiten: Literal["responses", "tokens"] = "responses",
    lengths: "ArrayLike | None" = None,
) -> Array:
    """Return (B,) rewards less their baseline, by role; `scale="std"` also divides by the role's standard deviation.

    Without `groups` the baseline is the mean of the role: Task-Relative REINFORCE++ (2505.03335 §3, 2510.23595 §3).
    With `groups`, one key a row, it is the mean of the row's group within its role, such as the answers to one
    question; a key of None takes the mean over all such rows of the role. The standard deviation is pooled over the
    role: sqrt(sum of squared deviations from the baselines / (n - number of baselines)), plus 1e-4. With one baseline
    that is the scale of `group_advantages`.

    `whiten="tokens"` counts a row once for each of its tokens (`lengths`, (B,)), as the official code of Multi-Agent
    Evolve does: long responses then weigh more in means and deviations. `weights` multiplies the advantages of a role;
    0 leaves the role untrained.

    A missing reward (None, NaN) counts in no mean and gets advantage 0, like a row alone in its group. Equal rewards
    give exactly 0. The order of rows does not matter. Raise `InputError` if a reward is infinite or a role is missing,
    `UsageError` if the arguments do not fit.

    >>> role_advantages([1.0, 0.0, 0.75, 0.25], ["solver", "solver", "judge", "judge"], scale="none")
    array([ 0.5 , -0.5 ,  0.25, -0.25])
    >>> role_advantages([1.0, 0.0, 1.0, 1.0], ["solver"] * 4, groups=["q", "q", "r", "r"], scale="none")
    array([ 0.5, -0.5,  0. ,  0. ])
    """
    if scale not in ("none", "std"):
        raise UsageError(f"scale must be 'none' or 'std' (got {scale!r:.80})")
    backend = ArrayBackend.of(rewards)
    reward_by_row = rewards_as_floats(rewards)
    n_rows = len(reward_by_row)
    role_by_row = _as_list(roles, n_rows, "roles")
    if None in role_by_row:
        raise InputError(f"the role of row {role_by_row.index(None)} is missing; name the role of each row")
    group_by_row = [_WHOLE_ROLE if key is None else key for key in _as_list(groups, n_rows, "group keys")]
    count_by_row = _row_counts(whiten, lengths, n_rows)
    group_number = {row: number for number, rows in enumerate(group_rows(group_by_row, n_rows)) for row in rows}

    advantages = np.zeros(n_rows)
    weight_by_role = dict(weights or {})
    for role_rows in group_rows(role_by_row, n_rows):
        weight = weight_by_role.pop(role := role_by_row[role_rows[0]], 1.0)
        factor = check_number(weight, f"the weight of role {role!s:.40}", 0)
        baseline_rows: dict[int, list[int]] = {}
        for row in role_rows:
            if count_by_row[row] and not math.isnan(reward_by_row[row]):
                baseline_rows.setdefault(group_number[row], []).append(row)
        deviations = _deviations(reward_by_row, count_by_row, list(baseline_rows.values()))
        n_counted = sum(count_by_row[row] for row in deviations) - len(baseline_rows)
        divisor = 1.0 if scale == "none" else _pooled_deviation(deviations, count_by_row, n_counted) + EPSILON
        for row, deviation in deviations.items():
            advantages[row] = factor * (deviation / divisor)
    if weight_by_role:
        known_roles = ", ".join(sorted({str(role) for role in role_by_row}))
        raise UsageError(
            f"weights name a role that no row has: {next(iter(weight_by_role))!s:.40}; the rows have {known_roles}"
        )
    tensor_or_array: Array = backend.to_floats(advantages, "advantages")
    return tensor_or_array


def _deviations(
    rewards: Sequence[float], counts: Sequence[int], baselines: Sequence[Sequence[int]]
) -> dict[int, float]:
    """Return row -> reward less the mean of its baseline; `baselines` are the rows of each."""
    deviations = {}
    for rows in baselines:
        lowest = min(rewards[row] for row in rows)
        if lowest == max(rewards[row] for row in rows):
            mean = lowest  # a computed mean of equal numbers may be off by a rounding
        else:
            # exact sums do not depend on the order of rows
            mean = math.fsum(counts[row] * rewards[row] for row in rows) / sum(counts[row] for row in rows)
        deviations.update({row: rewards[row] - mean for row in rows})
    return deviations


def _pooled_deviation(deviations: Mapping[int, float], counts: Sequence[int], n_free: int) -> float:
    """Return the standard deviation for `n_free` degrees of freedom; 0 if there are none, as all deviations are 0."""
    squares = math.fsum(counts[row] * deviation * deviation for row, deviation in deviations.items())
    return math.sqrt(squares / n_free) if n_free else 0.0


def _row_counts(whiten: str, lengths: "ArrayLike | None", n_rows: int) -> list[int]:
    """Return how often each row counts: once, or once for each of its tokens."""
    if whiten not in ("responses", "tokens"):
        raise UsageError(f"whiten must be 'responses' or 'tokens' (got {whiten!r:.80})")
    if whiten == "responses":
        if lengths is not None:
            raise UsageError("lengths are read with whiten='tokens' only; leave them out")
        return [1] * n_rows
    if lengths is None:
        raise UsageError("whiten='tokens' needs lengths: the number of tokens of each row")
    counts = rewards_as_floats(lengths)
    if len(counts) != n_rows:
        raise UsageError(f"{n_rows} rows and {len(counts)} lengths; give one length a row")
    for row, count in enumerate(counts):
        if not (count >= 0 and count.is_integer()):
            raise UsageError(f"the length of row {row} must be a whole number >= 0 (got {count:g})")
    return [int(count) for count in counts]


def _as_list(keys: Any, n_rows: int, name: str) -> list[Hashable]:
    """Return one key a row; None gives None for each row."""
    if keys is None:
        return [None] * n_rows
    key_list = keys.tolist() if is_tensor(keys) or isinstance(keys, np.ndarray) else keys
    if isinstance(key_list, str) or not isinstance(key_list, Sequence):
        raise UsageError(f"{name} must be a sequence with one key a row (got a {type(keys).__name__})")
    if len(key_list) != n_rows:
        raise UsageError(f"{n_rows} rows and {len(key_list)} {name}; give one a row")
    return list(key_list)
