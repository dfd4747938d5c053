"""A lexicon cut down to a wished precision, measured on documents that the cut has not seen. Knows nothing about files.

Two orders of the grams are tried: their own scores, and the precision that the labels give them, smoothed:
(hits + 10 p) / (units + 10), where p is the precision of all grams together. A cut keeps the grams above a threshold:
the lowest at which the marked units of every label set have at least the precision aimed at. In the order by
labels a unit is judged without the labels of its own problem.

Out of fold: problems (documents, where no problem is known) are dealt into 5 folds; order and threshold come from four
of them, the fifth is marked. Of the aims from the wish upwards the first is taken whose out-of-fold precision meets the
wish on every label set, of the two orders the one with the larger recall. The cut itself then uses all labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sgram.errors import InputError, UsageError
from sgram.evaluation.gram_scores import lexicon_scores
from sgram.evaluation.label_index import UnitIndex, labels_digest
from sgram.evaluation.precision_recall import DocumentResamples, Measured, Rates, group_keys
from sgram.lexicon import Cluster, Lexicon

N_FOLDS = 5
SMOOTHING = 10
_STEP = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class _Pool:
    """The pairs (gram, unit) of all label sets, units and groups numbered through."""

    gram: np.ndarray
    unit: np.ndarray
    positive: np.ndarray
    group: np.ndarray
    """(U,) what folds keep together."""
    label_set: np.ndarray
    """(U,)."""
    n_grams: int
    n_groups: int
    n_sets: int

    @classmethod
    def of(cls, indexes: Sequence[UnitIndex], grams: Sequence[str]) -> "_Pool":
        pairs = [index.find(grams).pairs() for index in indexes]
        sizes = [index.n_units for index in indexes]
        bases = np.cumsum([0, *sizes[:-1]])
        keys = [
            [key if key[0] == "problem" else (*key, str(number)) for key in group_keys(index, "problem")]
            for number, index in enumerate(indexes)
        ]
        numbers = {key: at for at, key in enumerate(sorted({key for row in keys for key in row}))}
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

    def best(self, pair_scores: np.ndarray) -> np.ndarray:
        """(U,) the largest score of each unit's pairs."""
        found = np.full(len(self.positive), -np.inf)
        np.maximum.at(found, self.unit, pair_scores)
        return found

    def label_scores(self, trained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Smoothed precision by the labels of the units `trained`, bool (U,): of each gram, and of each pair.

        A pair's leaves its own group out.
        """
        known = trained[self.unit]
        hit = known & self.positive[self.unit]
        n, k = (np.bincount(self.gram[chosen], minlength=self.n_grams) for chosen in (known, hit))
        prior = k.sum() / max(1, n.sum())
        homes, at = np.unique(self.gram * self.n_groups + self.group[self.unit], return_inverse=True)
        own_n, own_k = (np.bincount(at[chosen], minlength=len(homes))[at] for chosen in (known, hit))
        of_grams = (k + SMOOTHING * prior) / (n + SMOOTHING)
        of_pairs = (k[self.gram] - own_k + SMOOTHING * prior) / (n[self.gram] - own_n + SMOOTHING)
        return of_grams, of_pairs


@dataclass(frozen=True, slots=True)
class PrunedRates:
    """How a cut does on one label set."""

    out_of_fold: Rates
    in_sample: Rates
    whole: Rates
    """Of the lexicon before the cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """A cut lexicon, and what is known of the cut."""

    lexicon: Lexicon
    order: str
    """"score" or "labels"."""
    aim: float
    """Precision that the threshold aims at where it is chosen; at least the wish."""
    threshold: float
    n_folds: int
    n_dropped: int
    n_unseen: int
    """Of the grams dropped, those that occur in no labeled unit: the order by labels knows nothing for them."""
    rates: tuple[PrunedRates, ...]
    """One for each label set."""


def prune(
    lexicon: Lexicon,
    indexes: Sequence[UnitIndex],
    min_precision: float,
    seed: int = 0,
    resamples: Sequence[DocumentResamples] = (),
) -> Pruned:
    """`lexicon` without the grams that keep it below `min_precision` on units of every one of the `indexes`.

    `resamples` (one for each index) draw the intervals. `InputError` where no cut meets the wish out of fold.
    """
    if not 0 < min_precision < 1:
        raise UsageError(f"a wished precision lies between 0 and 1, not at {min_precision:g}")
    grams = [gram.text for gram in lexicon.grams]
    pool = _Pool.of(indexes, grams)
    if pool.n_groups < 2:
        raise InputError("pruning needs labels of two documents or more: it is judged on texts it has not seen")
    fold, n_folds = _folds(pool, seed)
    known = lexicon_scores(lexicon)
    orders = {"labels": None} if known is None else {"score": np.array(list(known.values())), "labels": None}
    tried = [(name, *_first_aim(pool, scores, fold, n_folds, min_precision)) for name, scores in orders.items()]
    met = [each for each in tried if each[2] is not None]
    if not met:
        most = max(each[3] for each in tried)
        reached = f"the most is {most:.2f}" if most >= 0 else "nothing is left to mark units"
        raise InputError(
            f"no cut of {lexicon.name} reaches a precision of {min_precision:g} on documents it has not seen "
            f"({reached}); wish for less, or label more"
        )
    name, aim, marks, _ = max(met, key=lambda each: _recall(pool, each[2]))
    of_grams, of_units = _scored(pool, orders[name], np.ones(len(pool.positive), bool))
    threshold = _threshold(pool, of_units, np.ones(len(pool.positive), bool), aim)
    if threshold is None:
        raise InputError(f"no cut of {lexicon.name} has a precision of {aim:g} on all labels; wish for less")
    kept = of_grams >= threshold
    resamples = resamples or [DocumentResamples.of(index, n_draws=0) for index in indexes]
    rates = tuple(
        _rates(index, drawn, index.find(grams), kept, marks[pool.label_set == number])
        for number, (index, drawn) in enumerate(zip(indexes, resamples, strict=True))
    )
    step = {
        "min_precision": min_precision,
        "order": name,
        "aim": round(aim, 6),
        "threshold": round(threshold, 6),
        "n_folds": n_folds,
        "seed": seed,
        "of": {"name": lexicon.name, "digest": lexicon.digest},
        "n_grams": {"before": len(grams), "after": int(kept.sum())},
        "labels": [_about(index, each) for index, each in zip(indexes, rates, strict=True)],
    }
    seen = np.zeros(len(grams), bool)
    seen[pool.gram] = True
    dropped, unseen = int((~kept).sum()), int((~kept & ~seen).sum())
    return Pruned(_cut(lexicon, kept, step), name, aim, threshold, n_folds, dropped, unseen, rates)


def _folds(pool: _Pool, seed: int) -> tuple[np.ndarray, int]:
    """(U,) fold of each unit, and how many there are."""
    n_folds = min(N_FOLDS, pool.n_groups)
    dealt = np.empty(pool.n_groups, np.int64)
    dealt[np.random.default_rng([seed, 0xF01D5]).permutation(pool.n_groups)] = np.arange(pool.n_groups) % n_folds
    return dealt[pool.group], n_folds


def _scored(pool: _Pool, scores: np.ndarray | None, trained: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of grams, and scores of units by which a threshold is chosen; `scores` None is the order by labels."""
    if scores is not None:
        return scores, pool.best(scores[pool.gram])
    of_grams, of_pairs = pool.label_scores(trained)
    return of_grams, pool.best(of_pairs)


def _threshold(pool: _Pool, of_units: np.ndarray, trained: np.ndarray, aim: float) -> float | None:
    """The lowest threshold at which the marked units of each label set have the precision `aim`; None if none does."""
    rows = np.flatnonzero(trained & (of_units > -np.inf))
    order = rows[np.argsort(-of_units[rows], kind="stable")]
    ranked = of_units[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)[: len(ranked)])
    passing = np.ones(len(ends), bool)
    for number in range(pool.n_sets):
        own = pool.label_set[order] == number
        marked, hits = np.cumsum(own)[ends], np.cumsum(own & pool.positive[order])[ends]
        passing &= hits >= aim * marked - 1e-9
    found = np.flatnonzero(passing)
    return float(ranked[ends[found[-1]]]) if len(found) else None


def _first_aim(
    pool: _Pool, scores: np.ndarray | None, fold: np.ndarray, n_folds: int, wish: float
) -> tuple[float, np.ndarray | None, float]:
    """(aim, out-of-fold marks or None, largest precision seen) of the first aim that meets the wish out of fold."""
    fitted = []
    for number in range(n_folds):
        trained = fold != number
        of_grams, of_units = _scored(pool, scores, trained)
        fitted.append((trained, of_units, pool.best(of_grams[pool.gram])))
    most = -1.0
    for step in range(100):
        aim = round(wish + step * _STEP, 6)
        if aim >= 1:
            break
        marks = np.zeros(len(pool.positive), bool)
        for trained, of_units, held_out in fitted:
            threshold = _threshold(pool, of_units, trained, aim)
            if threshold is not None:
                marks |= ~trained & (held_out >= threshold)
        reached = _least_precision(pool, marks)
        most = max(most, reached)
        if reached >= wish:
            return aim, marks, most
    return 1.0, None, most


def _least_precision(pool: _Pool, marks: np.ndarray) -> float:
    """Of the label sets' precisions the least; -1 where one of them is not marked at all."""
    marked = np.bincount(pool.label_set[marks], minlength=pool.n_sets)
    hits = np.bincount(pool.label_set[marks & pool.positive], minlength=pool.n_sets)
    return float((hits / marked).min()) if marked.all() else -1.0


def _recall(pool: _Pool, marks: np.ndarray) -> float:
    """Mean over the label sets."""
    hits = np.bincount(pool.label_set[marks & pool.positive], minlength=pool.n_sets)
    return float((hits / np.bincount(pool.label_set[pool.positive], minlength=pool.n_sets)).mean())


def _rates(index: UnitIndex, drawn: DocumentResamples, found: Any, kept: np.ndarray, marks: np.ndarray) -> PrunedRates:
    measured = [
        Measured.of(each, index.positive, index.document, drawn).summary()
        for each in (marks, found.of(kept).marked_units(), found.marked_units())
    ]
    return PrunedRates(*measured)


def _about(index: UnitIndex, rates: PrunedRates) -> dict[str, Any]:
    """What the lexicon's source says of one label set."""
    told = {
        name: {"precision": _short(each.precision.value), "recall": _short(each.recall.value)}
        for name, each in (("out_of_fold", rates.out_of_fold), ("in_sample", rates.in_sample))
    }
    digest = labels_digest(index.documents)
    return {"digest": digest, "n_documents": len(index.documents), "n_units": index.n_units, **told}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _cut(lexicon: Lexicon, kept: np.ndarray, step: dict[str, Any]) -> Lexicon:
    """The lexicon of the grams `kept`, bool (G,), with this step in its source."""
    texts = {gram.text for gram, stays in zip(lexicon.grams, kept.tolist(), strict=True) if stays}
    clusters = [made for cluster in lexicon.clusters if (made := _cut_cluster(cluster, texts)) is not None]
    before = lexicon.source.get("pruning")
    steps = [*(before if isinstance(before, list) else []), step]
    return Lexicon.build(lexicon.name, clusters, {**lexicon.source, "pruning": steps})


def _cut_cluster(cluster: Cluster, texts: set[str]) -> Cluster | None:
    """The cluster's grams among `texts`; its df is then a lower bound, the largest of theirs."""
    grams = tuple(gram for gram in cluster.grams if gram.text in texts)
    if not grams or len(grams) == len(cluster.grams):
        return cluster if grams else None
    known = [gram.df for gram in grams if gram.df is not None]
    medoid = cluster.medoid if cluster.medoid in texts else grams[0].text  # grams go by frequency
    return replace(cluster, grams=grams, df=max(known, default=None), medoid=medoid)
