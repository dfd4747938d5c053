"""How often samples succeed: pass@k, maj@k, avg@k, without sampling error of their own. Knows nothing but errors."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from sgram.errors import InputError, UsageError


def pass_at_k(n: Any, c: Any, k: int) -> Any:
    """Probability that of k of n samples, drawn without replacement, at least one of the c correct ones is among them.

    1 - C(n - c, k) / C(n, k), the unbiased estimate of pass@k (Chen et al. 2021, 2107.03374, Eq. 1). `n` and `c` are
    whole numbers, giving a float, or arrays of them (one entry a problem), giving an array; the mean over problems is
    the caller's. `UsageError` where not 1 <= k <= n.
    """
    total, correct = _samples(n, c, k)
    missed = np.ones(total.shape)
    for drawn in range(int(k)):  # a factor is 0 once there are no more wrong samples to draw
        missed = missed * (total - correct - drawn) / (total - drawn)
    return float(1 - missed) if not missed.ndim else 1 - missed


def avg_at_k(n: Any, c: Any, k: int) -> Any:
    """Expected share of correct ones among k of n samples, drawn without replacement: c / n, whatever k is.

    What papers print as avg@k is the mean over problems of this, measured on n = k samples; k says on how many it is
    claimed to rest, so there must be as many. Takes and gives what `pass_at_k` does, and refuses the same.
    """
    total, correct = _samples(n, c, k)
    return float(correct / total) if not total.ndim else correct / total


def maj_at_k(answers: Sequence[Hashable | None], correct: Sequence[bool], k: int) -> float:
    """Probability that the most frequent answer of k samples, drawn from these without replacement, is correct.

    Exact, by counting draws: nothing is sampled. Where several answers are equally frequent the vote is shared
    equally among them. A sample without an answer (None) is drawn but casts no vote; a draw without any vote is wrong.
    `correct` says of each sample whether its answer is; should equal answers be judged unlike, as by a judge that ran
    out of time, the answer counts by the share of its samples judged correct.
    """
    answers, correct = _listed(answers), _listed(correct)
    if len(answers) != len(correct):
        raise UsageError(f"{len(answers)} answers and {len(correct)} verdicts; give one verdict an answer")
    k = _draws(k, len(answers))
    votes, right = _votes(answers, correct)
    silent = len(answers) - sum(votes.values())
    shared = Fraction(0)
    for answer, n_right in right.items():
        others = [count for other, count in votes.items() if other != answer]
        for top in range(1, min(votes[answer], k) + 1):
            ways = _ways(others, silent, top, k - top)
            won = sum(Fraction(n_ways, n_tied + 1) for n_tied, n_ways in enumerate(ways))
            shared += math.comb(votes[answer], top) * won * Fraction(n_right, votes[answer])
    return float(shared / math.comb(len(answers), k))


def _ways(counts: Sequence[int], silent: int, top: int, size: int) -> list[int]:
    """Ways to draw `size` samples so that no answer occurs more than `top` times, by how many occur just `top` times.

    `counts` are the samples of each answer; of the `silent` ones any number may be drawn.
    """
    rare = silent + sum(count for count in counts if count < top)
    ways = [[math.comb(rare, drawn) for drawn in range(size + 1)]]  # [answers with `top` votes][samples drawn]
    for count in counts:
        if count >= top:
            fewer = [math.comb(count, votes) for votes in range(min(top, size + 1))]
            with_one_more = [[0] * top + [math.comb(count, top) * n for n in row[: size + 1 - top]] for row in ways]
            ways = [_product(row, fewer, size) for row in ways] + [[0] * (size + 1)]
            for row, more in zip(ways[1:], with_one_more, strict=True):
                row[:] = [a + b for a, b in zip(row, more[: size + 1], strict=True)]
    return [row[size] for row in ways]


def _product(first: Sequence[int], second: Sequence[int], degree: int) -> list[int]:
    """Coefficients 0 to `degree` of the product of two polynomials."""
    found = [0] * (degree + 1)
    for power, factor in enumerate(first):
        if factor:
            for other, value in enumerate(second[: degree + 1 - power]):
                found[power + other] += factor * value
    return found


def _votes(answers: Sequence[Any], correct: Sequence[Any]) -> tuple[Counter, Counter]:
    """Answer -> its samples; answer -> its correct samples, of those that have any."""
    if None in correct:
        raise InputError(f"it is not known whether sample {correct.index(None)} is correct; leave such samples out")
    given = [(answer, right) for answer, right in zip(answers, correct, strict=True) if answer is not None]
    return Counter(answer for answer, _ in given), Counter(answer for answer, right in given if right)


def _listed(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _samples(n: Any, c: Any, k: Any) -> tuple[np.ndarray, np.ndarray]:
    """(samples, correct ones) of each problem; `UsageError`, `InputError` where k or c do not fit n."""
    total, correct = np.broadcast_arrays(_whole(n, "n"), _whole(c, "c"))
    _draws(k, int(total.min()) if total.size else None)
    if ((correct < 0) | (correct > total)).any():
        raise InputError("the number of correct samples c must be from 0 to n; check what was counted")
    return total, correct


def _whole(values: Any, what: str) -> np.ndarray:
    found = np.asarray(values)
    if found.size and found.dtype.kind not in "iu":
        raise UsageError(f"{what} must be whole numbers")
    return found.astype(np.int64)


def _draws(k: Any, n: int | None) -> int:
    """`k` as an int; `UsageError` unless it can be drawn from the `n` samples there are."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise UsageError(f"k must be a whole number of at least 1, not {k!r:.80}")
    if n is not None and k > n:
        raise UsageError(f"k is {k} and there are {n} samples; draw at most as many as there are")
    return int(k)
