"""Prune a lexicon to a minimum precision, which is measured on documents that the pruning has not used.

Two orders of the grams are tried: their own scores, and their precision on the labels, smoothed as
(hits + 10 p) / (units + 10), where p is the precision of all grams together. Pruning keeps the grams above a threshold:
the lowest one at which the marked units of every label set have at least the target precision. In the order by labels,
a unit is scored without the labels of its own problem.

Out-of-fold precision: problems (documents, if no problem is known) are split into 5 folds; order and threshold come
from four of them, and the fifth is marked. Targets are tried from the minimum precision upwards, until the out-of-fold
precision reaches the minimum on every label set. Of the two orders, the one with the larger recall is used. The final
threshold then uses all labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.errors import InputError, UsageError
from sgram.evaluation.gram_scores import lexicon_scores
from sgram.evaluation.label_index import GramOccurrences, UnitIndex, labels_digest
from sgram.evaluation.precision_recall import DocumentResamples, Rates, ResampledRates, group_keys
from sgram.lexicon import Cluster, Lexicon, LexiconLike, as_lexicon

N_FOLDS = 5
SMOOTHING = 10
_TARGET_STEP = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _LabeledPairs:
    """The pairs (gram, unit) of all label sets, with units and groups numbered across label sets."""

    gram: IntArray
    """(N,) index of the gram of each pair."""
    unit: IntArray
    """(N,) index of the unit of each pair."""
    positive: BoolArray
    """(U,) whether the unit is positive."""
    group: IntArray
    """(U,) problem or document, which folds keep together."""
    label_set: IntArray
    """(U,) index of the label set."""
    n_grams: int
    n_groups: int
    n_label_sets: int

    @classmethod
    def from_indexes(cls, indexes: Sequence[UnitIndex], grams: Sequence[str]) -> "_LabeledPairs":
        pairs = [index.find(grams).gram_unit_pairs() for index in indexes]
        sizes = [index.n_units for index in indexes]
        bases = np.cumsum([0, *sizes[:-1]])
        keys: list[list[tuple[str, ...]]] = [
            [key if key[0] == "problem" else (*key, str(number)) for key in group_keys(index, "problem")]
            for number, index in enumerate(indexes)
        ]
        numbers = {key: number for number, key in enumerate(sorted({key for row in keys for key in row}))}
        groups = [
            np.array([numbers[key] for key in row])[index.document] for row, index in zip(keys, indexes, strict=True)
        ]
        return cls(
            np.concatenate([gram for gram, _ in pairs]),
            np.concatenate([unit + base for (_, unit), base in zip(pairs, bases, strict=True)]),
            np.concatenate([index.positive for index in indexes]),
            np.concatenate(groups),
            np.repeat(np.arange(len(indexes)), sizes),
            len(grams),
            len(numbers),
            len(indexes),
        )

    def max_scores(self, pair_scores: FloatArray) -> FloatArray:
        """Return the largest score of each unit's pairs, (U,); -inf for a unit without any."""
        unit_scores = np.full(len(self.positive), -np.inf)
        np.maximum.at(unit_scores, self.unit, pair_scores)
        return unit_scores

    def label_scores(self, is_training: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return the smoothed precision of each gram, (G,), and of each pair, (N,), on the training units.

        `is_training`, (U,), selects the units whose labels are used. The precision of a pair ignores its own group.
        """
        is_used = is_training[self.unit]
        is_hit = is_used & self.positive[self.unit]
        n, k = (np.bincount(self.gram[selected], minlength=self.n_grams) for selected in (is_used, is_hit))
        prior = k.sum() / max(1, n.sum())
        gram_groups, inverse = np.unique(self.gram * self.n_groups + self.group[self.unit], return_inverse=True)
        group_n, group_k = (
            np.bincount(inverse[selected], minlength=len(gram_groups))[inverse] for selected in (is_used, is_hit)
        )
        gram_scores = (k + SMOOTHING * prior) / (n + SMOOTHING)
        pair_scores = (k[self.gram] - group_k + SMOOTHING * prior) / (n[self.gram] - group_n + SMOOTHING)
        return gram_scores, pair_scores


@dataclass(frozen=True, slots=True)
class PrunedRates:
    """Rates of a pruned lexicon on one label set."""

    out_of_fold: Rates
    in_sample: Rates
    whole: Rates
    """Rates of the lexicon before pruning."""


@dataclass(frozen=True, slots=True, eq=False)
class PrunedLexicon:
    """A pruned lexicon, and how it was pruned."""

    lexicon: Lexicon
    order: str
    """"score" or "labels"."""
    aim: float
    """Target precision of the threshold on its own labels; at least the minimum precision."""
    threshold: float
    n_folds: int
    n_dropped: int
    n_unseen: int
    """Dropped grams that occur in no labeled unit, for which the order by labels has no evidence."""
    rates: tuple[PrunedRates, ...]
    """One per label set."""


@dataclass(frozen=True, slots=True, eq=False)
class _OutOfFoldCut:
    """The first target whose out-of-fold precision reaches the minimum, in one order of grams."""

    order: str
    aim: float
    marks: BoolArray
    """(U,) out-of-fold marks."""


def prune_lexicon(
    lexicon: LexiconLike,
    indexes: Sequence[UnitIndex],
    min_precision: float,
    seed: int = 0,
    resamples: Sequence[DocumentResamples] = (),
) -> PrunedLexicon:
    """Return `lexicon` without the grams that keep its precision on units below `min_precision`.

    The precision must be reached on each label set in `indexes`. `resamples` (one per index) draw the intervals.
    Raise `UsageError` if `min_precision` is not between 0 and 1. Raise `InputError` if no threshold reaches it out of
    fold, or if there are fewer than two problems or documents.

    >>> from sgram.evaluation.labeled_documents import LabeledDocument, Unit
    >>> units = (Unit(0, 5, ("planning",)), Unit(6, 13, ("fact",)))
    >>> index = UnitIndex.from_documents([LabeledDocument(name, "Wait. So we 2.", units) for name in "abcdef"])
    >>> pruned = prune_lexicon(Lexicon.from_grams(["wait", "so"]), [index], min_precision=0.9)
    >>> [gram.text for gram in pruned.lexicon.grams], pruned.order
    (['wait'], 'labels')
    """
    if not 0 < min_precision < 1:
        raise UsageError(f"the minimum precision must be > 0 and < 1 (got {min_precision:g})")
    lexicon = as_lexicon(lexicon)
    grams = [gram.text for gram in lexicon.grams]
    pairs = _LabeledPairs.from_indexes(indexes, grams)
    if pairs.n_groups < 2:
        raise InputError("pruning needs labels of at least two documents, because it is tested on held-out documents")
    scores = lexicon_scores(lexicon)
    orders: dict[str, FloatArray | None] = {"labels": None}
    if scores is not None:
        orders = {"score": np.array(list(scores.values())), "labels": None}
    cut = _choose_cut(lexicon.name, pairs, orders, min_precision, seed)
    all_units = np.ones(len(pairs.positive), bool)
    gram_scores, unit_scores = _score(pairs, orders[cut.order], all_units)
    threshold = _find_threshold(pairs, unit_scores, all_units, cut.aim)
    if threshold is None:
        raise InputError(
            f"no threshold gives {lexicon.name} a precision of {cut.aim:g} on all labels; use a lower minimum precision"
        )
    is_kept = gram_scores >= threshold
    resamples = resamples or [DocumentResamples.from_index(index, n_draws=0) for index in indexes]
    rates = tuple(
        _measure_rates(index, draws, index.find(grams), is_kept, cut.marks[pairs.label_set == number])
        for number, (index, draws) in enumerate(zip(indexes, resamples, strict=True))
    )
    n_folds = _count_folds(pairs)
    step = {
        "min_precision": min_precision,
        "order": cut.order,
        "aim": round(cut.aim, 6),
        "threshold": round(threshold, 6),
        "n_folds": n_folds,
        "seed": seed,
        "of": {"name": lexicon.name, "digest": lexicon.digest},
        "n_grams": {"before": len(grams), "after": int(is_kept.sum())},
        "labels": [_describe_labels(index, set_rates) for index, set_rates in zip(indexes, rates, strict=True)],
    }
    occurs = np.zeros(len(grams), bool)
    occurs[pairs.gram] = True
    return PrunedLexicon(
        _drop_grams(lexicon, is_kept, step),
        cut.order,
        cut.aim,
        threshold,
        n_folds,
        n_dropped=int((~is_kept).sum()),
        n_unseen=int((~is_kept & ~occurs).sum()),
        rates=rates,
    )


def _choose_cut(
    name: str, pairs: _LabeledPairs, orders: dict[str, FloatArray | None], min_precision: float, seed: int
) -> _OutOfFoldCut:
    """Return the cut with the larger recall of those that reach the minimum precision out of fold."""
    fold = _assign_folds(pairs, seed)
    cuts, best_precision = [], -1.0
    for order, scores in orders.items():
        aim, marks, reached_precision = _find_aim(pairs, scores, fold, min_precision)
        best_precision = max(best_precision, reached_precision)
        if marks is not None:
            cuts.append(_OutOfFoldCut(order, aim, marks))
    if not cuts:
        reached = f"the maximum is {best_precision:.2f}" if best_precision >= 0 else "no grams remain that mark units"
        raise InputError(
            f"no threshold gives {name} a precision of {min_precision:g} on held-out documents ({reached}); use a "
            "lower minimum precision, or label more text"
        )
    return max(cuts, key=lambda cut: _mean_recall(pairs, cut.marks))


def _count_folds(pairs: _LabeledPairs) -> int:
    return min(N_FOLDS, pairs.n_groups)


def _assign_folds(pairs: _LabeledPairs, seed: int) -> IntArray:
    """Return the fold of each unit, (U,)."""
    group_folds = np.empty(pairs.n_groups, np.int64)
    order = np.random.default_rng([seed, 0xF01D5]).permutation(pairs.n_groups)
    group_folds[order] = np.arange(pairs.n_groups) % _count_folds(pairs)
    return group_folds[pairs.group]


def _score(pairs: _LabeledPairs, scores: FloatArray | None, is_training: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return scores of grams, and scores of units to choose a threshold by; `scores` None is the order by labels."""
    if scores is not None:
        return scores, pairs.max_scores(scores[pairs.gram])
    gram_scores, pair_scores = pairs.label_scores(is_training)
    return gram_scores, pairs.max_scores(pair_scores)


def _find_threshold(pairs: _LabeledPairs, unit_scores: FloatArray, is_training: BoolArray, aim: float) -> float | None:
    """Return the lowest threshold at which the marked training units of each label set have the precision `aim`.

    None if there is no such threshold.
    """
    units = np.flatnonzero(is_training & (unit_scores > -np.inf))
    order = units[np.argsort(-unit_scores[units], kind="stable")]
    ranked_scores = unit_scores[order]
    ends = np.flatnonzero(np.append(ranked_scores[1:] != ranked_scores[:-1], True)[: len(ranked_scores)])
    is_precise = np.ones(len(ends), bool)
    for number in range(pairs.n_label_sets):
        is_in_set = pairs.label_set[order] == number
        marked, hits = np.cumsum(is_in_set)[ends], np.cumsum(is_in_set & pairs.positive[order])[ends]
        is_precise &= hits >= aim * marked - 1e-9
    rows = np.flatnonzero(is_precise)
    return float(ranked_scores[ends[rows[-1]]]) if len(rows) else None


def _find_aim(
    pairs: _LabeledPairs, scores: FloatArray | None, fold: IntArray, min_precision: float
) -> tuple[float, BoolArray | None, float]:
    """Find the first target whose out-of-fold precision reaches the minimum.

    Return (target, out-of-fold marks or None if no target does, largest out-of-fold precision).
    """
    fold_scores = []
    for number in range(_count_folds(pairs)):
        is_training = fold != number
        gram_scores, unit_scores = _score(pairs, scores, is_training)
        fold_scores.append((is_training, unit_scores, pairs.max_scores(gram_scores[pairs.gram])))
    max_precision = -1.0
    for step in range(100):
        aim = round(min_precision + step * _TARGET_STEP, 6)
        if aim >= 1:
            break
        marks = np.zeros(len(pairs.positive), bool)
        for is_training, training_scores, test_scores in fold_scores:
            threshold = _find_threshold(pairs, training_scores, is_training, aim)
            if threshold is not None:
                marks |= ~is_training & (test_scores >= threshold)
        precision = _min_precision(pairs, marks)
        max_precision = max(max_precision, precision)
        if precision >= min_precision:
            return aim, marks, max_precision
    return 1.0, None, max_precision


def _min_precision(pairs: _LabeledPairs, marks: BoolArray) -> float:
    """Return the smallest precision of the label sets; -1 if one of them has no marked unit."""
    marked = np.bincount(pairs.label_set[marks], minlength=pairs.n_label_sets)
    hits = np.bincount(pairs.label_set[marks & pairs.positive], minlength=pairs.n_label_sets)
    return float((hits / marked).min()) if marked.all() else -1.0


def _mean_recall(pairs: _LabeledPairs, marks: BoolArray) -> float:
    """Return the mean recall of the label sets."""
    hits = np.bincount(pairs.label_set[marks & pairs.positive], minlength=pairs.n_label_sets)
    return float((hits / np.bincount(pairs.label_set[pairs.positive], minlength=pairs.n_label_sets)).mean())


def _measure_rates(
    index: UnitIndex, resamples: DocumentResamples, occurrences: GramOccurrences, is_kept: BoolArray, marks: BoolArray
) -> PrunedRates:
    out_of_fold, in_sample, whole = (
        ResampledRates.from_marks(unit_marks, index.positive, index.document, resamples).summary()
        for unit_marks in (marks, occurrences.select(is_kept).marked_units(), occurrences.marked_units())
    )
    return PrunedRates(out_of_fold, in_sample, whole)


def _describe_labels(index: UnitIndex, rates: PrunedRates) -> dict[str, Any]:
    """Return the entry of one label set in the source of the pruned lexicon."""
    return {
        "digest": labels_digest(index.documents),
        "n_documents": len(index.documents),
        "n_units": index.n_units,
        "out_of_fold": _rates_json(rates.out_of_fold),
        "in_sample": _rates_json(rates.in_sample),
    }


def _rates_json(rates: Rates) -> dict[str, float | None]:
    return {
        name: None if estimate.value is None else round(estimate.value, 4)
        for name, estimate in (("precision", rates.precision), ("recall", rates.recall))
    }


def _drop_grams(lexicon: Lexicon, is_kept: BoolArray, step: dict[str, Any]) -> Lexicon:
    """Return the lexicon of the grams for which `is_kept`, (G,), is true; `step` is appended to its source."""
    texts = {gram.text for gram, keep in zip(lexicon.grams, is_kept.tolist(), strict=True) if keep}
    clusters = [pruned for cluster in lexicon.clusters if (pruned := _prune_cluster(cluster, texts)) is not None]
    earlier_steps = lexicon.source.get("pruning")
    steps = [*(earlier_steps if isinstance(earlier_steps, list) else []), step]
    return Lexicon.build(lexicon.name, clusters, {**lexicon.source, "pruning": steps})


def _prune_cluster(cluster: Cluster, texts: set[str]) -> Cluster | None:
    """Return the cluster of its grams among `texts`, None if there are none; its df is a lower bound, their maximum."""
    grams = tuple(gram for gram in cluster.grams if gram.text in texts)
    if not grams or len(grams) == len(cluster.grams):
        return cluster if grams else None
    dfs = [gram.df for gram in grams if gram.df is not None]
    medoid = cluster.medoid if cluster.medoid in texts else grams[0].text  # grams are sorted by frequency
    return replace(cluster, grams=grams, df=max(dfs, default=None), medoid=medoid)
