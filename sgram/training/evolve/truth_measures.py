"""Measures of proposals, judgements and difficulty against known truth, as pure functions of arrays.

A score is in [0, 1]; NaN stands for a text without a score. A text without a score is left out of every measure except
`share_unparsable`. An undefined measure is an `Estimate` without a value that says why: never 0, never .5.
"""

import math
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

import numpy as np

from sgram.array_types import AnyArray, BoolArray, FloatArray
from sgram.errors import UsageError
from sgram.statistics import Estimate

MIN_PAIRS = 3
"""Questions that a correlation needs: two points always lie on a line."""


def pooled_auc(scores: Sequence[float] | FloatArray, truths: Sequence[bool] | BoolArray) -> Estimate:
    """Return the share of (right, wrong) pairs of all texts in which the right one has the higher score.

    A tie counts one half. This is the area under the ROC curve (Mann and Whitney 1947). `n` is the number of texts with
    a score. Raise `UsageError` if the lengths differ.

    >>> pooled_auc([0.9, 0.5, 0.5, 0.1], [True, True, False, False]).value
    0.875
    """
    score, truth, _ = _scored(scores, truths)
    n_pairs, won = _won_pairs(score, truth)
    if not n_pairs:
        return Estimate(None, n=len(score), undefined=_missing_side(score, truth))
    return Estimate(won / n_pairs, n=len(score))


def auc_within_groups(
    scores: Sequence[float] | FloatArray, truths: Sequence[bool] | BoolArray, groups: Sequence[Hashable]
) -> Estimate:
    """Return `pooled_auc` over the pairs of texts of one group, such as the answers to one question.

    Advantages within a question depend on these pairs only. Every pair has the same weight; `n` is the number of groups
    with at least one pair. Raise `UsageError` if the lengths differ.

    >>> auc_within_groups([0.9, 0.1, 0.2, 0.8], [True, False, True, True], ["a", "a", "b", "b"])
    Estimate(value=1.0, low=None, high=None, n=1, undefined='', n_undefined=0)
    """
    score, truth, is_scored = _scored(scores, truths, groups)
    codes = {group: code for code, group in enumerate(dict.fromkeys(groups))}
    code = np.asarray([codes[group] for group in groups], np.int64)[is_scored]
    counts = [_won_pairs(score[code == number], truth[code == number]) for number in codes.values()]
    n_pairs, n_mixed = sum(pairs for pairs, _ in counts), sum(pairs > 0 for pairs, _ in counts)
    if not n_pairs:
        return Estimate(None, n=0, undefined="no question has both a right and a wrong answer with a score")
    return Estimate(math.fsum(won for _, won in counts) / n_pairs, n=n_mixed)


def mean_score(scores: Sequence[float] | FloatArray, truths: Sequence[bool] | BoolArray, truth: bool) -> Estimate:
    """Return the mean score of the texts that are right (`truth`) or wrong.

    That of wrong texts is the leniency of a judge: a judge that knows the truth has 0. `n` is the number of these texts
    with a score. Raise `UsageError` if the lengths differ.

    >>> mean_score([1.0, 0.25, 0.75], [True, False, False], truth=False).value
    0.5
    """
    score, is_right, _ = _scored(scores, truths)
    chosen = score[is_right == truth].tolist()
    return mean(chosen, "" if chosen else _missing_side(score, is_right))


def share_unparsable(scores: Sequence[float] | FloatArray) -> Estimate:
    """Return the share of texts without a score.

    >>> share_unparsable([0.5, float("nan")]).value
    0.5
    """
    return share(np.isnan(np.asarray(scores, np.float64)), "nothing was judged")


def share(flags: Iterable[bool] | BoolArray, undefined: str = "there is no row") -> Estimate:
    """Return the share of flags that are true; `undefined` is the reason if there is no flag.

    >>> share([True, False, False, False]).value
    0.25
    """
    return mean([float(bool(flag)) for flag in flags], undefined)


def mean(numbers: Sequence[float], undefined: str = "there is no row") -> Estimate:
    """Return the mean of numbers; `undefined` is the reason if there is none.

    >>> mean([0.25, 0.75]).value
    0.5
    """
    if not numbers:
        return Estimate(None, n=0, undefined=undefined)
    return Estimate(math.fsum(numbers) / len(numbers), n=len(numbers))


def effective_classes(kinds: Iterable[Hashable | None]) -> Estimate:
    """Return exp(H) of the kinds of questions: how many equally frequent kinds are as diverse; None is no kind.

    >>> effective_classes(["crates", "trays", "crates", "trays", None]).value
    2.0
    """
    counts = Counter(kind for kind in kinds if kind is not None)
    n = counts.total()
    if not n:
        return Estimate(None, n=0, undefined="no valid question was proposed")
    entropy = math.log(n) - math.fsum(count * math.log(count) for count in counts.values()) / n
    return Estimate(math.exp(entropy), n=n)


def count_new(normal_forms: Iterable[str], pool: Collection[str]) -> int:
    """Return how many different questions, as normal forms, are not in the pool.

    >>> count_new(["a", "b", "b", "c"], {"a"})
    2
    """
    return len(set(normal_forms) - set(pool))


def mean_failure(kinds: Iterable[str | None], failures: Mapping[str, float] | None) -> Estimate:
    """Return the mean failure rate of the start solver on questions of these kinds (None: not a valid question).

    `failures` is the start solver's failure table, kind -> failure rate; a kind that is not in it is left out.

    >>> mean_failure(["crates", "trays", None], {"crates": 0.5, "trays": 1.0}).value
    0.75
    """
    if failures is None:
        return Estimate(None, n=0, undefined="the task has no table of the start solver's failures")
    rates = [failures[kind] for kind in kinds if kind is not None and kind in failures]
    return mean(rates, "no valid question was proposed")


def correlation(judged: Sequence[float] | FloatArray, true: Sequence[float] | FloatArray) -> Estimate:
    """Return Pearson's correlation, such as that of judged and true difficulty of questions; NaN pairs are left out.

    Raise `UsageError` if the lengths differ.

    >>> correlation([0.1, 0.2, 0.3], [0.4, 0.6, 0.8]).value
    1.0
    """
    first, second = np.asarray(judged, np.float64), np.asarray(true, np.float64)
    _check_lengths(len(first), len(second))
    is_known = ~(np.isnan(first) | np.isnan(second))
    first, second, n = first[is_known], second[is_known], int(is_known.sum())
    if n < MIN_PAIRS:
        return Estimate(None, n=n, undefined=f"{n} questions have both difficulties, fewer than {MIN_PAIRS}")
    if np.ptp(first) <= 1e-12 or np.ptp(second) <= 1e-12:
        which = "judged" if np.ptp(first) <= 1e-12 else "true"
        return Estimate(None, n=n, undefined=f"the {which} difficulty of all {n} questions is the same")
    return Estimate(round(float(np.corrcoef(first, second)[0, 1]), 12), n=n)


def _scored(
    scores: Sequence[float] | FloatArray, truths: Sequence[bool] | BoolArray, groups: Sequence[Hashable] | None = None
) -> tuple[FloatArray, BoolArray, BoolArray]:
    """Return (score, truth) of the texts that have a score, and which of all texts these are."""
    score, truth = np.asarray(scores, np.float64), np.asarray(truths, bool)
    _check_lengths(*{len(score), len(truth), len(score if groups is None else groups)})
    is_scored = ~np.isnan(score)
    return score[is_scored], truth[is_scored], is_scored


def _check_lengths(*lengths: int) -> None:
    if len(set(lengths)) > 1:
        raise UsageError(f"one truth a score is required (got {' and '.join(map(str, sorted(lengths)))})")


def _won_pairs(score: FloatArray, truth: AnyArray) -> tuple[int, float]:
    """Return the number of (right, wrong) pairs, and in how many of them the right text is ahead; a tie is half."""
    ahead = score[truth][:, None] - score[~truth][None, :]  # (right, wrong)
    return ahead.size, float((ahead > 0).sum() + 0.5 * (ahead == 0).sum())


def _missing_side(score: FloatArray, truth: BoolArray) -> str:
    if not len(score):
        return "no text has a score"
    return "no right text has a score" if not truth.any() else "no wrong text has a score"
