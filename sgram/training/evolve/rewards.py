"""Rewards of proposer, solver and judge (Multi-Agent Evolve, 2510.23595 §3) as pure functions of arrays.

Arrays have one entry a row and become float64. NaN is an unknown number, such as the score in a judge's text that
cannot be read: a reward that depends on it is NaN, which `role_advantages` leaves out of every mean. The text of a row
that is not well-formed need not be judged: what is unknown of it counts 0, so that it has the lowest reward.
"""

from typing import Any

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray
from sgram.errors import InputError, UsageError


def difficulty(scores: Any) -> FloatArray:
    """Return (Q,): 1 less the mean score of the answers to each question. `scores` is (Q, N), each in [0, 1] or NaN.

    Scores that are NaN are left out of the mean; without any score the difficulty is NaN.

    >>> difficulty([[1.0, 0.5], [0.0, float("nan")], [float("nan"), float("nan")]])
    array([0.25, 1.  ,  nan])
    """
    answer_scores = _shares(scores, "scores")
    if answer_scores.ndim != 2:
        raise UsageError(f"scores have shape {answer_scores.shape}; they must be (questions, answers)")
    is_known = ~np.isnan(answer_scores)
    n_known = is_known.sum(axis=1)
    sums = np.where(is_known, answer_scores, 0.0).sum(axis=1)
    return np.where(n_known > 0, 1.0 - sums / np.maximum(n_known, 1), np.nan)


def proposer_rewards(
    quality: Any, difficulty: Any, is_well_formed: Any, has_entered: Any, drop_difficulty_below_gate: bool = True
) -> FloatArray:
    """Return (B,): (quality + difficulty + format) / 3, where format is 1 for a well-formed proposal and else 0.

    A question that has not entered the pool loses the difficulty term: (quality + format) / 3, as in the official code.
    With `drop_difficulty_below_gate=False` it keeps it, as in the paper. If `difficulty` is None, the rewards are those
    of the control without difficulty: (quality + format) / 2. `quality` and `difficulty` are in [0, 1] or NaN.

    >>> proposer_rewards([0.9, 0.6, float("nan")], [0.6, 0.8, float("nan")], [1, 1, 0], [1, 0, 0]).round(3)
    array([0.833, 0.533, 0.   ])
    """
    qualities, well_formed = _known_parts(quality, is_well_formed, "the quality")
    if difficulty is None:
        return (qualities + well_formed) / 2
    difficulties, _ = _known_parts(difficulty, well_formed, "the difficulty")
    _check_lengths(qualities, difficulties, "difficulties")
    entered = _flags(has_entered, "has_entered")
    _check_lengths(qualities, entered, "flags of has_entered")
    if drop_difficulty_below_gate:
        difficulties = np.where(entered, difficulties, 0.0)
    return (qualities + difficulties + well_formed) / 3


def solver_rewards(score: Any, is_well_formed: Any) -> FloatArray:
    """Return (B,): (score + format) / 2, where format is 1 for a well-formed answer and else 0.

    `score` is the judge's, in [0, 1] or NaN. An answer that is not well-formed and was not judged has reward 0.

    >>> solver_rewards([1.0, 0.5, float("nan"), float("nan")], [1, 0, 1, 0])
    array([1.  , 0.25,  nan, 0.  ])
    """
    scores, well_formed = _known_parts(score, is_well_formed, "the score")
    return (scores + well_formed) / 2


def judge_rewards(is_well_formed: Any) -> FloatArray:
    """Return (B,): 1 for a judgement that can be read, else 0. Whether it is right does not matter (2510.23595 §3).

    >>> judge_rewards([True, False])
    array([1., 0.])
    """
    return _flags(is_well_formed, "is_well_formed").astype(np.float64)


def calibrated_rewards(score: Any, truth: Any, is_well_formed: Any) -> FloatArray:
    """Return (B,): (1 - (score - truth)^2 + format) / 2, the judge rewarded for agreement with the truth.

    `score` is the one that the judgement gives, in [0, 1] or NaN; `truth` is 1 for a right answer or a valid question,
    0 for another, NaN where the truth is not known. A judgement without a known truth has reward NaN; one that cannot
    be read has reward 0, whatever the truth.

    >>> calibrated_rewards([1.0, 0.5, 1.0, float("nan")], [1, 0, float("nan"), 1], [1, 1, 1, 0])
    array([1.   , 0.875,   nan, 0.   ])
    """
    scores, truths = _shares(score, "the score"), _shares(truth, "the truth")
    well_formed = _flags(is_well_formed, "is_well_formed")
    _check_lengths(scores, truths, "truths")
    _check_lengths(scores, well_formed, "flags of is_well_formed")
    return np.where(well_formed, (2.0 - np.square(scores - truths)) / 2, 0.0)


def _known_parts(shares: Any, is_well_formed: Any, name: str) -> tuple[FloatArray, FloatArray]:
    """Return shares, 0 where they are unknown of a row that is not well-formed; and the format, 1 or 0."""
    row_shares, well_formed = _shares(shares, name), _flags(is_well_formed, "is_well_formed")
    _check_lengths(row_shares, well_formed, "flags of is_well_formed")
    return np.where(~well_formed & np.isnan(row_shares), 0.0, row_shares), well_formed.astype(np.float64)


def _shares(array: Any, name: str) -> FloatArray:
    """Return `array` as float64, None as NaN. Raise `InputError` if a number is not in [0, 1]."""
    try:
        shares = np.asarray(array, np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name}: give an array of numbers in rows of equal length, NaN where unknown") from None
    is_outside = (shares < 0) | (shares > 1)
    if is_outside.any():
        position = tuple(int(index) for index in np.argwhere(is_outside)[0])
        raise InputError(f"{name}: the entry {', '.join(map(str, position))} is {shares[position]:g}, not in [0, 1]")
    return shares


def _flags(array: Any, name: str) -> BoolArray:
    """Return (B,) bool. Raise `UsageError` if an entry is neither true nor false."""
    try:
        flags: AnyArray = np.asarray(array, np.float64)
    except (TypeError, ValueError):
        flags = np.zeros((0, 0))
    if flags.ndim != 1 or not np.isin(flags, (0.0, 1.0)).all():
        raise UsageError(f"{name} must be true or false for each row")
    is_true: BoolArray = flags == 1.0
    return is_true


def _check_lengths(reference: AnyArray, array: AnyArray, name: str) -> None:
    if reference.shape != array.shape or reference.ndim != 1:
        raise UsageError(f"{reference.shape} rows and {array.shape} {name}; give one number a row")
