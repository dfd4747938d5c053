"""Coefficients of agreement between raters who choose labels. Knows nothing about files, moves or what is shown.

Each is a `Statistic` of the (items, raters) codes of a `RatingTable`, so that it can be resampled; the values
themselves come from the libraries where there is one (krippendorff, statsmodels). Write n_ik for the raters who
gave item i the label k, r_i for its raters, K for the number of labels.

A coefficient that corrects for chance compares with what chance would give. Where all ratings are the same label
chance gives all of the agreement, and nothing can be said: such a coefficient is undefined, never 1.
"""

from typing import Any

import numpy as np

from sgram.annotation.rating_table import MISSING, count_labels
from sgram.errors import MissingExtraError
from sgram.statistics.bootstrap import Statistic

ONE_RATER = "one rater, and agreement needs two"
NO_TWO = "no item has two ratings"
ONE_LABEL = "all ratings are the same label"


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The quotient, NaN where `below` is 0."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.divide(above, below, out=np.full(shape, np.nan), where=below != 0)


def _agreements(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(items,) share of the pairs of an item's raters who agree, 0 without a pair; and whether there is a pair."""
    raters = counts.sum(axis=1)
    pairs = raters * (raters - 1)
    shares = np.divide((counts * (counts - 1)).sum(axis=1), pairs, out=np.zeros(len(counts)), where=pairs > 0)
    return shares, pairs > 0


def _why(codes: np.ndarray, counts: np.ndarray, used: np.ndarray, nothing: str = NO_TWO) -> str:
    """Why chance cannot be corrected for on the items `used`, "" where it can."""
    if codes.shape[1] < 2:
        return ONE_RATER
    if not used.any():
        return nothing
    return ONE_LABEL if (counts[used].sum(axis=0) > 0).sum() < 2 else ""


def percent_agreement(codes: np.ndarray, n_labels: int) -> Statistic:
    """Share of pairs of raters who agree, the mean over the items with two ratings or more."""
    shares, paired = _agreements(count_labels(codes, n_labels))
    why = ONE_RATER if codes.shape[1] < 2 else "" if paired.any() else NO_TWO
    return Statistic(np.stack([shares, paired], axis=1, dtype=float), lambda s: _divide(s[:, 0], s[:, 1]), why)


def krippendorff_alpha(codes: np.ndarray, n_labels: int) -> Statistic:
    """Krippendorff's alpha for nominal labels (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, C).

    1 - (n - 1) sum_i sum_k n_ik (r_i - n_ik) / (r_i - 1) / (n^2 - sum_k n_k^2), over the items with two ratings or
    more, where n_k counts their ratings of label k and n all of them.
    """
    counts = count_labels(codes, n_labels)
    raters = counts.sum(axis=1)
    paired = raters > 1
    unlike = (counts * (raters[:, None] - counts)).sum(axis=1) / np.maximum(raters - 1, 1)

    def value(sums: np.ndarray) -> np.ndarray:
        observed, by_label = sums[:, 0], sums[:, 1:]
        n = by_label.sum(axis=1)
        return 1 - _divide((n - 1) * observed, n**2 - (by_label**2).sum(axis=1))

    features = np.column_stack([unlike, counts * paired[:, None]])
    return Statistic(features, value, _why(codes, counts, paired))


def fleiss_kappa(codes: np.ndarray, n_labels: int) -> Statistic:
    """Fleiss' kappa (Fleiss 1971) over the items that every rater rated."""
    counts = count_labels(codes, n_labels)
    complete = (codes != MISSING).all(axis=1)
    shares, _ = _agreements(counts)

    def value(sums: np.ndarray) -> np.ndarray:
        observed, by_label = _divide(sums[:, 0], sums[:, 1]), sums[:, 2:]
        n = by_label.sum(axis=1)
        return 1 - _divide((1 - observed) * n**2, n**2 - (by_label**2).sum(axis=1))

    features = np.column_stack([shares * complete, complete, counts * complete[:, None]])
    nothing = f"no item was rated by all {codes.shape[1]} raters"
    return Statistic(features, value, _why(codes, counts, complete, nothing))


def gwet_ac1(codes: np.ndarray, n_labels: int) -> Statistic:
    """Gwet's AC1 for many raters and missing ratings (Gwet 2008, Br. J. Math. Stat. Psychol. 61, 29-48).

    (p_a - p_e) / (1 - p_e), where p_a is `percent_agreement`, p_e = sum_k pi_k (1 - pi_k) / (K - 1), and pi_k the
    mean of n_ik / r_i over the items with a rating. K is the number of labels of the table, in every draw.
    """
    counts = count_labels(codes, n_labels)
    raters = counts.sum(axis=1)
    shares, paired = _agreements(counts)
    spread = counts / np.maximum(raters, 1)[:, None]  # (items, K) n_ik / r_i

    def value(sums: np.ndarray) -> np.ndarray:
        observed, pi = _divide(sums[:, 0], sums[:, 1]), _divide(sums[:, 3:], sums[:, 2:3])
        chance = (pi * (1 - pi)).sum(axis=1) / max(n_labels - 1, 1)
        several = (sums[:, 3:] > 0).sum(axis=1) > 1  # else chance is 0, and AC1 would be 1 for no reason
        return np.where(several, _divide(observed - chance, 1 - chance), np.nan)

    features = np.column_stack([shares, paired, raters > 0, spread])
    why = _why(codes, counts, raters > 0 if paired.any() else paired)
    return Statistic(features, value, why)


def cohen_kappa(codes: np.ndarray, n_labels: int) -> Statistic:
    """Cohen's kappa (Cohen 1960) of the two raters whose (items, 2) `codes` these are, over items that both rated."""
    both = (codes != MISSING).all(axis=1)
    chosen = np.where(both[:, None], codes, MISSING)
    first, second = (count_labels(chosen[:, [column]], n_labels) for column in (0, 1))
    same = both & (codes[:, 0] == codes[:, 1])

    def value(sums: np.ndarray) -> np.ndarray:
        n, agreed = sums[:, 0], sums[:, 1]
        chance = (sums[:, 2 : 2 + n_labels] * sums[:, 2 + n_labels :]).sum(axis=1)  # of n^2
        return _divide(agreed * n - chance, n**2 - chance)

    features = np.column_stack([both, same, first, second]).astype(float)
    why = _why(codes, first + second, both, "no item was rated by both")
    return Statistic(features, value, why)


# -- the libraries' values ------------------------------------------------------------------------------


def _library(name: str) -> Any:
    """The library `name`, imported when it is needed."""
    try:
        if name == "krippendorff":
            import krippendorff

            return krippendorff
        from statsmodels.stats import inter_rater

        return inter_rater
    except ImportError as error:
        raise MissingExtraError(f"agreement needs {name} ({error}); pip install 'sgram[validate]'") from error


def library_alpha(counts: np.ndarray) -> float:
    """krippendorff's alpha of (items, labels) `counts` that have one."""
    return float(_library("krippendorff").alpha(value_counts=counts, level_of_measurement="nominal"))


def library_fleiss(counts: np.ndarray) -> float:
    """statsmodels' Fleiss' kappa of (items, labels) `counts`, all of the same number of raters."""
    return float(_library("statsmodels").fleiss_kappa(counts))


def library_cohen(codes: np.ndarray, n_labels: int) -> float:
    """statsmodels' Cohen's kappa of (items, 2) `codes` without a missing one."""
    table = np.zeros((n_labels, n_labels), np.int64)
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1)
    return float(_library("statsmodels").cohens_kappa(table, return_results=False))
