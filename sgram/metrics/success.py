"""How often samples succeed: pass@k, maj@k and avg@k, computed exactly from all samples."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from sgram.array_types import IntArray
from sgram.errors import InputError, UsageError


def pass_at_k(n: Any, c: Any, k: int) -> Any:
    """Return the probability that k of n samples, drawn without replacement, include a correct one (c of n are).

    1 - C(n - c, k) / C(n, k), the unbiased estimate of pass@k (Chen et al. 2021, 2107.03374, Eq. 1). For whole numbers
    `n` and `c` the result is a float, for arrays of them (one entry a problem) an array; the caller takes the mean over
    problems. Raise `UsageError` unless 1 <= k <= n, `InputError` unless 0 <= c <= n.

    >>> pass_at_k(4, 1, 2)
    0.5
    >>> pass_at_k([4, 4], [1, 0], 2).tolist()
    [0.5, 0.0]
    """
    n_samples, n_correct = _check_counts(n, c, k)
    missed = np.ones(n_samples.shape)
    for n_drawn in range(int(k)):  # a factor is 0 once no wrong sample remains
        missed = missed * (n_samples - n_correct - n_drawn) / (n_samples - n_drawn)
    return float(1 - missed) if not missed.ndim else 1 - missed


def avg_at_k(n: Any, c: Any, k: int) -> Any:
    """Return the expected share of correct ones among k of n samples, drawn without replacement: c / n for every k.

    The avg@k of papers is the mean of this over problems, measured on n = k samples. k says how many samples the
    number claims to be based on, so there must be as many. Arguments, result and errors are those of `pass_at_k`.

    >>> avg_at_k(4, 1, 2)
    0.25
    """
    n_samples, n_correct = _check_counts(n, c, k)
    return float(n_correct / n_samples) if not n_samples.ndim else n_correct / n_samples


def maj_at_k(answers: Sequence[Hashable | None], correct: Sequence[bool], k: int) -> float:
    """Return the probability that the most frequent answer of k samples, drawn without replacement, is correct.

    Exact, by counting draws. If several answers are equally frequent, the vote is shared equally among them. A sample
    without an answer (None) is drawn but casts no vote; a draw without any vote is wrong. `correct` says of each sample
    whether its answer is. If a judge gives equal answers different verdicts, for example after a timeout, the answer
    counts by the share of its samples with the verdict correct. Raise `UsageError` if the numbers of answers and
    verdicts differ or unless 1 <= k <= the number of samples, `InputError` for a missing verdict.

    >>> [round(maj_at_k("aab", [True, True, False], k), 3) for k in (1, 2, 3)]
    [0.667, 0.667, 1.0]
    """
    sample_answers, verdicts = _as_list(answers), _as_list(correct)
    if len(sample_answers) != len(verdicts):
        raise UsageError(f"{len(sample_answers)} answers and {len(verdicts)} verdicts; give one verdict an answer")
    k = _check_k(k, len(sample_answers))
    n_by_answer, n_correct_by_answer = _count_votes(sample_answers, verdicts)
    n_silent = len(sample_answers) - sum(n_by_answer.values())
    shared = Fraction(0)
    for answer, n_correct in n_correct_by_answer.items():
        rival_counts = [count for rival, count in n_by_answer.items() if rival != answer]
        for n_votes in range(1, min(n_by_answer[answer], k) + 1):
            ways = _count_ways(rival_counts, n_silent, n_votes, k - n_votes)
            won = sum(Fraction(n_ways, n_tied + 1) for n_tied, n_ways in enumerate(ways))
            shared += math.comb(n_by_answer[answer], n_votes) * won * Fraction(n_correct, n_by_answer[answer])
    return float(shared / math.comb(len(sample_answers), k))


def _count_ways(counts: Sequence[int], n_silent: int, max_votes: int, size: int) -> list[int]:
    """Return the ways to draw `size` samples with no answer more than `max_votes` times, by the number of ties.

    Entry t counts the draws in which t answers occur exactly `max_votes` times. `counts` are the samples of each
    answer; any number of the `n_silent` ones may be drawn.
    """
    n_rare = n_silent + sum(count for count in counts if count < max_votes)
    ways = [[math.comb(n_rare, n_drawn) for n_drawn in range(size + 1)]]  # [answers at max_votes][samples drawn]
    for count in counts:
        if count >= max_votes:
            below_max = [math.comb(count, n_votes) for n_votes in range(min(max_votes, size + 1))]
            at_max = [
                [0] * max_votes + [math.comb(count, max_votes) * n for n in row[: size + 1 - max_votes]] for row in ways
            ]
            ways = [_multiply(row, below_max, size) for row in ways] + [[0] * (size + 1)]
            for row, tied_row in zip(ways[1:], at_max, strict=True):
                row[:] = [a + b for a, b in zip(row, tied_row[: size + 1], strict=True)]
    return [row[size] for row in ways]


def _multiply(first: Sequence[int], second: Sequence[int], degree: int) -> list[int]:
    """Return the coefficients 0 to `degree` of the product of two polynomials."""
    product = [0] * (degree + 1)
    for power, factor in enumerate(first):
        if factor:
            for second_power, coefficient in enumerate(second[: degree + 1 - power]):
                product[power + second_power] += factor * coefficient
    return product


def _count_votes(answers: Sequence[Any], correct: Sequence[Any]) -> tuple[Counter[Any], Counter[Any]]:
    """Return the samples of each answer, and its correct samples for answers that have any."""
    if None in correct:
        raise InputError(f"the verdict of sample {correct.index(None)} is missing; leave such samples out")
    votes = [(answer, is_correct) for answer, is_correct in zip(answers, correct, strict=True) if answer is not None]
    return Counter(answer for answer, _ in votes), Counter(answer for answer, is_correct in votes if is_correct)


def _as_list(column: Any) -> list[Any]:
    return list(column.tolist() if hasattr(column, "tolist") else column)


def _check_counts(n: Any, c: Any, k: object) -> tuple[IntArray, IntArray]:
    """Return the samples and the correct ones of each problem; `UsageError`, `InputError` if k or c do not fit n."""
    n_samples, n_correct = np.broadcast_arrays(_as_whole(n, "n"), _as_whole(c, "c"))
    _check_k(k, int(n_samples.min()) if n_samples.size else None)
    if ((n_correct < 0) | (n_correct > n_samples)).any():
        raise InputError("the number of correct samples c must be from 0 to n; check the counts")
    return n_samples, n_correct


def _as_whole(numbers: Any, name: str) -> IntArray:
    array = np.asarray(numbers)
    if array.size and array.dtype.kind not in "iu":
        raise UsageError(f"{name} must be whole numbers")
    return array.astype(np.int64)


def _check_k(k: object, n: int | None) -> int:
    """Return `k` as an int; `UsageError` unless 1 <= k <= `n`."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise UsageError(f"k must be a whole number >= 1 (got {k!r:.80})")
    if n is not None and k > n:
        raise UsageError(f"k is {k}, but there are {n} samples; k must be <= the number of samples")
    return int(k)
