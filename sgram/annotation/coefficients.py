"""Coefficients of inter-rater agreement for nominal labels.

Each coefficient is a `Statistic` of the (items, raters) codes of a `RatingTable`, so that it can be bootstrapped. The
values for the items as they are come from libraries where one exists (krippendorff, statsmodels). Notation: n_ik is the
number of raters who gave item i the label k, r_i the number of raters of item i, K the number of labels.

A chance-corrected coefficient compares observed agreement with agreement by chance. If all ratings have the same label,
chance explains all agreement, and the coefficient is undefined (never 1).
"""

from typing import Any

import numpy as np

from sgram.annotation.rating_table import MISSING, CodeArray, count_labels
from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.errors import MissingExtraError
from sgram.statistics import Statistic

ONE_RATER = "one rater, and agreement needs two"
NO_TWO_RATINGS = "no item has two ratings"
ONE_LABEL = "all ratings are the same label"


def _divide(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return the quotient, NaN where the denominator is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    quotient: FloatArray = np.divide(numerator, denominator, out=np.full(shape, np.nan), where=denominator != 0)
    return quotient


def _pair_agreement(counts: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return, per item, the share of its pairs of raters who agree (0 without a pair), and whether it has a pair."""
    n_raters = counts.sum(axis=1)
    n_pairs = n_raters * (n_raters - 1)
    shares: FloatArray = np.divide(
        (counts * (counts - 1)).sum(axis=1), n_pairs, out=np.zeros(len(counts)), where=n_pairs > 0
    )
    return shares, n_pairs > 0


def _explain_undefined(codes: CodeArray, counts: IntArray, used: BoolArray, no_items: str = NO_TWO_RATINGS) -> str:
    """Return why a chance-corrected coefficient of the items `used` is undefined, "" if it is defined."""
    if codes.shape[1] < 2:
        return ONE_RATER
    if not used.any():
        return no_items
    return ONE_LABEL if (counts[used].sum(axis=0) > 0).sum() < 2 else ""


def percent_agreement(codes: CodeArray, n_labels: int) -> Statistic:
    """Return the share of pairs of raters who agree, averaged over the items with at least two ratings.

    >>> statistic = percent_agreement(np.array([[0, 0], [0, 1]], np.int16), 2)
    >>> statistic.compute(statistic.features.sum(axis=0)[None]).tolist()
    [0.5]
    """
    shares, has_pair = _pair_agreement(count_labels(codes, n_labels))
    undefined = ONE_RATER if codes.shape[1] < 2 else "" if has_pair.any() else NO_TWO_RATINGS
    features = np.stack([shares, has_pair], axis=1, dtype=float)
    return Statistic(features, lambda sums: _divide(sums[:, 0], sums[:, 1]), undefined)


def krippendorff_alpha(codes: CodeArray, n_labels: int) -> Statistic:
    """Return Krippendorff's alpha for nominal labels (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability).

    Section C: 1 - (n - 1) sum_i sum_k n_ik (r_i - n_ik) / (r_i - 1) / (n^2 - sum_k n_k^2), over the items with at least
    two ratings, where n_k is the number of their ratings with label k and n the number of all of them.

    >>> statistic = krippendorff_alpha(np.array([[0, 0], [1, 1], [0, 1]], np.int16), 2)
    >>> statistic.compute(statistic.features.sum(axis=0)[None]).round(3).tolist()
    [0.444]
    """
    counts = count_labels(codes, n_labels)
    n_raters = counts.sum(axis=1)
    has_pair = n_raters > 1
    disagreement = (counts * (n_raters[:, None] - counts)).sum(axis=1) / np.maximum(n_raters - 1, 1)

    def compute(sums: FloatArray) -> FloatArray:
        observed, label_sums = sums[:, 0], sums[:, 1:]
        n = label_sums.sum(axis=1)
        return 1 - _divide((n - 1) * observed, n**2 - (label_sums**2).sum(axis=1))

    features = np.column_stack([disagreement, counts * has_pair[:, None]])
    return Statistic(features, compute, _explain_undefined(codes, counts, has_pair))


def fleiss_kappa(codes: CodeArray, n_labels: int) -> Statistic:
    """Return Fleiss' kappa (Fleiss 1971) over the items that every rater rated.

    >>> statistic = fleiss_kappa(np.array([[0, 0], [1, 1], [0, 1]], np.int16), 2)
    >>> statistic.compute(statistic.features.sum(axis=0)[None]).round(3).tolist()
    [0.333]
    """
    counts = count_labels(codes, n_labels)
    is_complete = (codes != MISSING).all(axis=1)
    shares, _ = _pair_agreement(counts)

    def compute(sums: FloatArray) -> FloatArray:
        observed, label_sums = _divide(sums[:, 0], sums[:, 1]), sums[:, 2:]
        n = label_sums.sum(axis=1)
        return 1 - _divide((1 - observed) * n**2, n**2 - (label_sums**2).sum(axis=1))

    features = np.column_stack([shares * is_complete, is_complete, counts * is_complete[:, None]])
    no_items = f"no item was rated by all {codes.shape[1]} raters"
    return Statistic(features, compute, _explain_undefined(codes, counts, is_complete, no_items))


def gwet_ac1(codes: CodeArray, n_labels: int) -> Statistic:
    """Return Gwet's AC1 for many raters and missing ratings (Gwet 2008, Br. J. Math. Stat. Psychol. 61, 29-48).

    (p_a - p_e) / (1 - p_e), where p_a is `percent_agreement`, p_e = sum_k pi_k (1 - pi_k) / (K - 1), and pi_k is the
    mean of n_ik / r_i over the items with a rating. K is the number of labels of the table, in every draw.

    >>> statistic = gwet_ac1(np.array([[0, 0], [1, 1], [0, 1]], np.int16), 2)
    >>> statistic.compute(statistic.features.sum(axis=0)[None]).round(3).tolist()
    [0.333]
    """
    counts = count_labels(codes, n_labels)
    n_raters = counts.sum(axis=1)
    shares, has_pair = _pair_agreement(counts)
    label_shares = counts / np.maximum(n_raters, 1)[:, None]  # (items, K) n_ik / r_i

    def compute(sums: FloatArray) -> FloatArray:
        observed, pi = _divide(sums[:, 0], sums[:, 1]), _divide(sums[:, 3:], sums[:, 2:3])
        chance = (pi * (1 - pi)).sum(axis=1) / max(n_labels - 1, 1)
        has_several_labels = (sums[:, 3:] > 0).sum(axis=1) > 1  # with one label chance is 0, and AC1 would be 1
        return np.where(has_several_labels, _divide(observed - chance, 1 - chance), np.nan)

    features = np.column_stack([shares, has_pair, n_raters > 0, label_shares])
    undefined = _explain_undefined(codes, counts, n_raters > 0 if has_pair.any() else has_pair)
    return Statistic(features, compute, undefined)


def cohen_kappa(codes: CodeArray, n_labels: int) -> Statistic:
    """Return Cohen's kappa (Cohen 1960) of two raters, (items, 2) `codes`, over the items that both rated.

    >>> statistic = cohen_kappa(np.array([[0, 0], [1, 1], [0, 1]], np.int16), 2)
    >>> statistic.compute(statistic.features.sum(axis=0)[None]).tolist()
    [0.4]
    """
    has_both = (codes != MISSING).all(axis=1)
    common_codes = np.where(has_both[:, None], codes, np.int16(MISSING))
    first, second = (count_labels(common_codes[:, [column]], n_labels) for column in (0, 1))
    agrees = has_both & (codes[:, 0] == codes[:, 1])

    def compute(sums: FloatArray) -> FloatArray:
        n, n_agreed = sums[:, 0], sums[:, 1]
        chance = (sums[:, 2 : 2 + n_labels] * sums[:, 2 + n_labels :]).sum(axis=1)  # times n^2
        return _divide(n_agreed * n - chance, n**2 - chance)

    features = np.column_stack([has_both, agrees, first, second]).astype(float)
    undefined = _explain_undefined(codes, first + second, has_both, "no item was rated by both")
    return Statistic(features, compute, undefined)


# -- values from libraries ------------------------------------------------------------------------------


def _import_library(name: str) -> Any:
    """Import krippendorff, or the inter-rater module of statsmodels; raise `MissingExtraError` if it is missing."""
    try:
        if name == "krippendorff":
            import krippendorff

            return krippendorff
        from statsmodels.stats import inter_rater

        return inter_rater
    except ImportError as error:
        raise MissingExtraError(f"agreement needs {name} ({error}); pip install 'sgram[validate]'") from error


def library_alpha(counts: IntArray) -> float:
    """Return Krippendorff's alpha of (items, labels) `counts`, computed by krippendorff; it must be defined."""
    return float(_import_library("krippendorff").alpha(value_counts=counts, level_of_measurement="nominal"))


def library_fleiss(counts: IntArray) -> float:
    """Return Fleiss' kappa of (items, labels) `counts`, computed by statsmodels; all items have as many raters."""
    return float(_import_library("statsmodels").fleiss_kappa(counts))


def library_cohen(codes: CodeArray, n_labels: int) -> float:
    """Return Cohen's kappa of (items, 2) `codes` without a missing rating, computed by statsmodels."""
    table = np.zeros((n_labels, n_labels), np.int64)
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    return float(_import_library("statsmodels").cohens_kappa(table, return_results=False))
