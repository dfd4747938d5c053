"""KTAE: credit for the tokens that tell the correct responses of a group from the wrong ones (2505.16826).

The formulas are those of the authors' code (github.com/xiaolizh1/KTAE, `compute_key_tokens.py` and `core_algos.py`).
For each token id of a group, a correct and b wrong responses contain it, c correct and d wrong ones do not:

    F  = exp(-2 P), P the p-value of Fisher's exact test (two-sided) of a, b, c, d; 0 if P = 1
    G  = information gain in bits: entropy of the outcome less its entropy given whether the token is contained
    tf = f (k1 + 1) / (f + k1 (1 - s + s L / mean L)), on each side: f the share of the token among the L tokens of
         all correct (wrong) responses, k1 = 2, s = 0.5
    D  = asin sqrt(a / (a + c)) - asin sqrt(b / (b + d))
         + tf_correct / (tf_wrong + 1e-5) - tf_wrong / (tf_correct + 1e-5)
    value = weight * tanh((F + G) D / 4)

The last line is 2 sigmoid(x) - 1 of x = (F + G) D / 2. A response token gets A + value; `value` is 0 in a group without
both outcomes. Two things differ from the code: P is computed exactly, and no token id is exempt (the code exempts
Qwen's end of text). Because of the quotients of tf, a token that occurs on one side alone has |value| near the weight.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.training.credit.advantages import rewards_as_floats
from sgram.training.credit.array_backend import (
    Array,
    ArrayBackend,
    ArrayLike,
    check_number,
    check_shape,
    group_rows,
    is_tensor,
    token_arrays,
)
from sgram.training.credit.outcomes import binary_outcomes

_SATURATION, _LENGTH_SHARE = 2.0, 0.5
"""k1 and s of the term frequency."""
_QUOTIENT_EPSILON = 1e-5


def ktae_advantages(
    advantages: ArrayLike, token_ids: Any, response_mask: ArrayLike, groups: Any, rewards: Any, weight: float = 1.0
) -> Array:
    """Return (B, T): A + the value of the token id in its group on response tokens, A elsewhere.

    `token_ids` is (B, T), `rewards` (B,) with None or NaN for a response that could not be judged, whose tokens get
    value 0 and count nowhere. Pass every row of a group. Raise `UsageError` if a group has more than two rewards.

    >>> ktae_advantages([1.0, -1.0], [[7, 8], [7, 9]], [[1, 1], [1, 1]], ["p", "p"], [1.0, 0.0])
    array([[ 1.,  2.],
           [-1., -2.]])
    """
    weight = check_number(weight, "the weight of KTAE", 0)
    backend, plain_advantages, is_response = token_arrays(advantages, response_mask, "the response mask")
    ids = ArrayBackend.of([]).to_integers(token_ids, "token ids")
    check_shape(ids, is_response.shape, "the array of token ids", "the response mask")
    mask = is_response.cpu().numpy() if is_tensor(is_response) else is_response
    values = weight * _token_values(ids, mask, groups, rewards_as_floats(rewards))
    token_advantages: Array = backend.where(
        is_response, plain_advantages + backend.to_floats(values, "values"), plain_advantages
    )
    return token_advantages


def _token_values(ids: IntArray, mask: BoolArray, groups: Any, rewards: list[float]) -> FloatArray:
    """Return the (B, T) value of each response token with weight 1, 0 elsewhere."""
    outcomes = np.array(binary_outcomes(rewards, groups))
    values = np.zeros(ids.shape)
    for group in group_rows(groups, len(ids)):
        rows = np.array([row for row in group if not math.isnan(outcomes[row])], np.int64)
        if len(rows) and mask[rows].any():
            token_rows, columns = np.nonzero(mask[rows])
            values[rows[token_rows], columns] = _group_values(
                ids[rows][token_rows, columns], token_rows, outcomes[rows] == 1
            )
    return values


def _group_values(ids: IntArray, rows: IntArray, is_correct: BoolArray) -> FloatArray:
    """Return the (n,) values of the n tokens of a group: their ids, their rows, and which rows are correct."""
    unique_ids, places = np.unique(ids, return_inverse=True)
    n_ids = len(unique_ids)
    contains = np.zeros((len(is_correct), n_ids), bool)
    contains[rows, places] = True
    n_correct, n_wrong = int(is_correct.sum()), int((~is_correct).sum())
    correct_df, wrong_df = contains[is_correct].sum(0), contains[~is_correct].sum(0)
    tables, table_places = np.unique(correct_df * (n_wrong + 1) + wrong_df, return_inverse=True)
    strengths = np.array([_strength(*divmod(int(table), n_wrong + 1), n_correct, n_wrong) for table in tables])
    is_of_correct = is_correct[rows]
    correct_tf, wrong_tf = _term_frequencies(
        np.bincount(places[is_of_correct], minlength=n_ids), np.bincount(places[~is_of_correct], minlength=n_ids)
    )
    directions = np.arcsin(np.sqrt(correct_df / n_correct)) - np.arcsin(np.sqrt(wrong_df / n_wrong))
    directions += correct_tf / (wrong_tf + _QUOTIENT_EPSILON) - wrong_tf / (correct_tf + _QUOTIENT_EPSILON)
    values: FloatArray = np.tanh(strengths[table_places] * directions / 4)[places]
    return values


@lru_cache(maxsize=1 << 14)
def _strength(n_correct_with: int, n_wrong_with: int, n_correct: int, n_wrong: int) -> float:
    """Return F + G of a token that is contained in so many of the correct and of the wrong responses.

    >>> round(_strength(4, 0, 4, 4), 4)  # P = 2 / 70, exp(-2 P) = 0.9445; G = 1 bit
    1.9445
    """
    n_with, n_rows = n_correct_with + n_wrong_with, n_correct + n_wrong
    ways = [
        math.comb(n_correct, k) * math.comb(n_wrong, n_with - k)
        for k in range(max(0, n_with - n_wrong), min(n_with, n_correct) + 1)
    ]
    own_ways = math.comb(n_correct, n_correct_with) * math.comb(n_wrong, n_wrong_with)
    n_ways = math.comb(n_rows, n_with)
    n_extreme = sum(way for way in ways if way <= own_ways)
    association = 0.0 if n_extreme == n_ways else math.exp(-2 * n_extreme / n_ways)
    conditional = sum(
        size / n_rows * _entropy(part / size)
        for part, size in ((n_correct_with, n_with), (n_correct - n_correct_with, n_rows - n_with))
        if size
    )
    return association + _entropy(n_correct / n_rows) - conditional


def _entropy(share: float) -> float:
    """Return the entropy of an outcome of this share, in bits."""
    return -sum(part * math.log2(part) for part in (share, 1 - share) if part > 0)


def _term_frequencies(correct_counts: IntArray, wrong_counts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return tf of each token id among the tokens of the correct and of the wrong responses."""
    n_correct, n_wrong = correct_counts.sum(), wrong_counts.sum()
    mean_length = (n_correct + n_wrong) / 2
    frequencies = []
    for counts, length in ((correct_counts, n_correct), (wrong_counts, n_wrong)):
        shares = counts / max(1, length)
        bound = _SATURATION * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / mean_length)
        frequencies.append(shares * (_SATURATION + 1) / (shares + bound))
    return frequencies[0], frequencies[1]
