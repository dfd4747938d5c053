"""Fits a classifier of grams to labeled text, and says how well it does on text that it has not seen. Knows no files.

A gram's target is the share of its occurrences that lie in positive units. But a unit that is positive for the sake
of one phrase makes every phrase in it look good. So grams are fitted twice: the second time an occurrence counts
``exp((l - l_best) / softness)``, l being the first fit's log odds of its gram and l_best the largest in the unit; that
is one step of the way from shares to a model of units by their best gram (multiple-instance learning).

Everything that is chosen (thresholds) or reported comes from out-of-fold scores: units are scored by a classifier
fitted without any document on their problem. Thresholds, with precision and recall over units that hold a gram of the
list:

- ``default``: the lowest at which precision is at least .65 on every set of labels that is evaluated;
- ``f1``: the middle of the range where the mean F1 over these sets is highest (a moving mean .1 wide);
- ``clean``: the lowest at which the mean precision is at least .75: for lists that people read.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.evaluation.label_index import UnitIndex, labels_digest
from sgram.evaluation.labels import POSITIVE_LABELS, LabeledDocument
from sgram.mining.candidates import Candidates
from sgram.mining.classifier import CLIP, GramClassifier
from sgram.mining.config import SETTINGS
from sgram.mining.features import Features, find_features
from sgram.mining.score import Background

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

GRID = np.round(np.arange(0.20, 0.951, 0.01), 2)
"""Thresholds that are tried."""
F1_WINDOW = 5
"""Grid steps to both sides over which F1 is averaged before its maximum is taken."""
MIN_COUNTED = 1.0
"""Least weight of labeled occurrences of a gram whose counts are kept."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labeled documents of one origin."""

    name: str
    documents: tuple[LabeledDocument, ...]
    weight: float = 1.0
    """What one labeled occurrence counts."""
    evaluated: bool = True
    """Whether thresholds and figures rest on it; else it only adds to the training."""
    positive: frozenset[str] = POSITIVE_LABELS


@dataclass(frozen=True, slots=True)
class FitConfig:
    """What a fit depends on besides labels and features; chosen by mean out-of-fold average precision."""

    blocks: tuple[str, ...] = ("stats", "words")
    penalty: float = 0.1
    """Inverse strength of the squared penalty on the weights (scikit-learn's C)."""
    shrink: float = 8.0
    """How many labeled occurrences weigh as much as the estimate."""
    softness: float = 1.0
    """How far below the best gram of its unit, in log odds, a gram's occurrence loses most of its weight."""
    min_grams: int = 15
    """Fewest grams that have a name of the bag for it to get a weight."""
    n_folds: int = 10
    min_precision: float = 0.65
    clean_precision: float = 0.75
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.penalty, self.shrink, self.softness) <= 0 or self.n_folds < 2:
            raise UsageError("penalty, shrink and softness are above 0, n_folds is at least 2")

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {**asdict(self), "blocks": list(self.blocks)}


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """One evaluated set with the score of each unit by a classifier that has not seen its problem."""

    name: str
    scores: np.ndarray
    """float64 (U,); -inf for a unit without any candidate."""
    positive: np.ndarray
    """bool (U,)."""
    fold: np.ndarray
    """int (U,): the fold in which the unit was scored."""

    def rates(self, threshold: float | np.ndarray) -> tuple[float, float]:
        """Precision (0 where nothing is marked) and recall of the units that score at least the threshold.

        `threshold` is one for all units, or an array (U,).
        """
        marked = self.scores >= threshold
        hits = float((marked & self.positive).sum())
        return hits / max(float(marked.sum()), 1.0), hits / max(float(self.positive.sum()), 1.0)

    @property
    def average_precision(self) -> float:
        """Mean of the precision at each positive unit, in the order of the scores; ties share theirs."""
        from sklearn.metrics import average_precision_score

        return float(average_precision_score(self.positive, np.maximum(self.scores, -1e9)))


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What cross-validation found."""

    sets: tuple[OutOfFold, ...]
    thresholds: Mapping[str, float]
    aims: tuple[float, float] = (0.65, 0.75)
    """Precisions that the thresholds were chosen for."""

    def figures(self) -> dict[str, Any]:
        """For each set and setting precision, recall and F1, and the same with the threshold chosen on other folds."""
        rows = {}
        for out in self.sets:
            rows[out.name] = {
                "units": len(out.scores),
                "base_rate": round(float(out.positive.mean()), 4),
                "average_precision": round(out.average_precision, 4),
            }
            for setting in SETTINGS:
                rows[out.name][setting] = _rounded(*out.rates(self.thresholds[setting]))
                rows[out.name][f"{setting}_nested"] = _rounded(*out.rates(self._nested(out, setting)))
        return rows

    def _nested(self, out: OutOfFold, setting: str) -> np.ndarray:
        """For each unit the threshold that the other folds would have chosen; where none will do, that of all."""
        chosen = np.full(len(out.scores), self.thresholds[setting])
        for fold in np.unique(out.fold):
            others = [_without(each, fold) for each in self.sets]
            with suppress(InputError):  # too few labels may be left to reach the aim
                chosen[out.fold == fold] = choose_thresholds(others, *self.aims)[setting]
        return chosen


def train_classifier(
    candidates: Candidates,
    background: Background,
    sets: Sequence[LabelSet],
    config: FitConfig | None = None,
    about: Mapping[str, Any] | None = None,
) -> tuple[GramClassifier, CrossValidation]:
    """A classifier fitted to all `sets`, and its cross-validation; `about` goes into its source.

    The traces behind `candidates` should not be on the labeled problems. Raises `InputError` where labels are too few.
    """
    config = config or FitConfig()
    features = find_features(candidates, background, config.blocks)
    trainer = Trainer(candidates.texts, features, sets, config)
    found = trainer.cross_validate()
    source = {
        "labels": [
            {
                "name": each.name,
                "digest": labels_digest(each.documents),
                "documents": len(each.documents),
                "weight": each.weight,
                "evaluated": each.evaluated,
            }
            for each in sets
        ],
        "config": config.to_json(),
        "candidates": len(candidates),
        "traces": int(candidates.n_docs.sum()),
        "background": dict(background.about),
        "out_of_fold": found.figures(),
        **(about or {}),
    }
    return trainer.fit(None, found.thresholds, source), found


class Trainer:
    """Label counts and features in place, so that fits on parts of the labels are cheap."""

    def __init__(self, texts: Sequence[str], features: Features, sets: Sequence[LabelSet], config: FitConfig) -> None:
        self.texts, self.features, self.config = list(texts), features, config
        self.sets = _disjoint(sets)
        self.indexes = [UnitIndex.of(each.documents, each.positive) for each in self.sets]
        self.found = [index.find(self.texts) for index in self.indexes]
        self.folds = _folds(self.sets, config)
        self.names, self.matrix, self.scaling = _design(features, config.min_grams)

    def fit(self, left_out: int | None, thresholds: Mapping[str, float], source: Mapping[str, Any]) -> GramClassifier:
        """A classifier of every document whose problem is not in the fold `left_out`."""
        k, n = self._counts(left_out, None)
        weights, intercept = _logistic(self.matrix, k, n, self.config.penalty)
        first = 1 / (1 + np.exp(-(self.matrix @ weights + intercept)))
        first = (k + self.config.shrink * first) / (n + self.config.shrink)
        k, n = self._counts(left_out, np.log(first / (1 - first)))
        weights, intercept = _logistic(self.matrix, k, n, self.config.penalty)
        width = len(self.features.names)
        bag = dict(zip(self.names, weights[2 * width :].tolist(), strict=True))
        counted = np.flatnonzero(n >= MIN_COUNTED)
        counts = {self.texts[row]: (float(k[row]), float(n[row])) for row in counted.tolist()}
        return GramClassifier(
            self.config.blocks,
            self.features.names,
            *self.scaling,
            weights[:width],
            weights[width : 2 * width],
            bag,
            intercept,
            self.config.shrink,
            counts,
            dict(thresholds),
            source,
        )

    def cross_validate(self) -> CrossValidation:
        """Score each unit of the evaluated sets with the fold of its problem left out."""
        unset = dict.fromkeys(SETTINGS, 0.5)
        scores = [np.full(index.n_units, -np.inf) for index in self.indexes]
        unit_folds = [_unit_folds(index, each, self.folds) for index, each in zip(self.indexes, self.sets, strict=True)]
        for fold in range(self.config.n_folds):
            fitted = self.fit(fold, unset, {})
            probability = fitted.shrunk(self.texts, fitted.estimate(self.features))
            for each, found, own, folds in zip(self.sets, self.found, scores, unit_folds, strict=True):
                if each.evaluated:
                    own[folds == fold] = found.best(probability)[folds == fold]
        sets = tuple(
            OutOfFold(each.name, own, index.positive, folds)
            for each, own, index, folds in zip(self.sets, scores, self.indexes, unit_folds, strict=True)
            if each.evaluated
        )
        aims = (self.config.min_precision, self.config.clean_precision)
        return CrossValidation(sets, choose_thresholds(sets, *aims), aims)

    def _counts(self, left_out: int | None, log_odds: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """(k, n) of every gram: weighted occurrences in positive units, and in all.

        With `log_odds`, (M,), an occurrence weighs the less the further its gram is below the best of its unit.
        """
        k, n = np.zeros(len(self.texts)), np.zeros(len(self.texts))
        for each, index, found in zip(self.sets, self.indexes, self.found, strict=True):
            kept = np.ones(index.n_units, bool)
            if left_out is not None:
                kept = _unit_folds(index, each, self.folds) != left_out
            weight = each.weight * kept[found.unit]
            if log_odds is not None:
                below = log_odds[found.gram] - found.best(log_odds)[found.unit]
                weight = weight * np.exp(below / self.config.softness)
            k += np.bincount(found.gram, weight * index.positive[found.unit], minlength=len(k))
            n += np.bincount(found.gram, weight, minlength=len(n))
        return k, n


def choose_thresholds(
    sets: Sequence[OutOfFold], min_precision: float = 0.65, clean_precision: float = 0.75
) -> dict[str, float]:
    """A threshold of the grid for each setting; the module says by which rule. Raises `InputError` if none will do."""
    rates = np.array([[out.rates(threshold) for threshold in GRID] for out in sets])  # (sets, grid, P and R)
    precision, recall = rates[..., 0], rates[..., 1]
    marks = np.array([[(out.scores >= threshold).any() for threshold in GRID] for out in sets])
    n_marking = marks.sum(axis=0)  # a set that nothing marks any more says nothing about precision
    least = np.where(marks, precision, np.inf).min(axis=0)
    mean = (precision * marks).sum(axis=0) / np.maximum(n_marking, 1)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).mean(axis=0)
    padded = np.pad(f1, F1_WINDOW, mode="edge")
    smooth = np.convolve(padded, np.full(2 * F1_WINDOW + 1, 1 / (2 * F1_WINDOW + 1)), mode="valid")
    return {
        "default": _lowest(np.where(n_marking > 0, least, np.nan), min_precision),
        "f1": float(GRID[int(smooth.argmax())]),
        "clean": _lowest(np.where(n_marking > 0, mean, np.nan), clean_precision),
    }


def _lowest(precision: np.ndarray, aim: float) -> float:
    """The lowest threshold of the grid from which on `precision` stays at `aim` or above.

    Where nothing is marked (nan) it is as good as before; where it never stays, the lowest that reaches it.
    """
    known = ~np.isnan(precision)
    fit = np.flatnonzero(known & (precision >= aim))
    if not len(fit):
        most = max(precision[known].tolist(), default=0.0)
        raise InputError(
            f"no threshold reaches a precision of {aim:.2f} out of fold (highest: {most:.2f}); give more labels, or a "
            "lower aim"
        )
    short = np.flatnonzero(known & (precision < aim))
    at = int(short[-1]) + 1 if len(short) else 0
    return float(GRID[at] if at < len(precision) and known[at] else GRID[fit[0]])


def _without(out: OutOfFold, fold: int) -> OutOfFold:
    kept = out.fold != fold
    return OutOfFold(out.name, out.scores[kept], out.positive[kept], out.fold[kept])


def _rounded(precision: float, recall: float) -> dict[str, float]:
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def _disjoint(sets: Sequence[LabelSet]) -> list[LabelSet]:
    """Documents in order, extra sets without those that an evaluated set holds: people go before a model."""
    if not any(each.evaluated for each in sets):
        raise InputError("no set of labels is to be evaluated; a classifier needs one that it is judged by")
    if len({each.name for each in sets}) < len(sets):
        raise InputError("two sets of labels have one name; name them apart")
    taken = {document.text for each in sets if each.evaluated for document in each.documents}
    made = []
    for each in sets:
        own = (one for one in each.documents if each.evaluated or one.text not in taken)
        made.append(replace(each, documents=tuple(sorted(own, key=lambda one: (one.id, one.text)))))
    return made


def problem_of(document: LabeledDocument) -> str:
    """What keeps documents together when labels are split: the problem, or the document itself if it has none."""
    return document.problem or f"document {document.id}"


def _folds(sets: Sequence[LabelSet], config: FitConfig) -> dict[str, int]:
    """Fold of each problem of the evaluated sets: by turns, in the order of a seeded hash.

    Problems that share a text, under whatever names, share a fold.
    """
    evaluated = [each for each in sets if each.evaluated]
    joined = _joined(document for each in evaluated for document in each.documents)
    folds: dict[str, int] = {}
    for each in evaluated:
        groups = {joined[problem_of(document)] for document in each.documents}
        if len(groups) < config.n_folds:
            raise InputError(
                f"the labels {each.name} are on {len(groups)} problems; cross-validation in {config.n_folds} folds "
                f"needs {config.n_folds}"
            )
        for turn, group in enumerate(sorted(groups, key=lambda key: _hash(key, config))):
            folds.setdefault(group, turn % config.n_folds)
    return {problem: folds[group] for problem, group in joined.items()}


def _joined(documents: Iterable[LabeledDocument]) -> dict[str, str]:
    """For each problem the least name among those that it is joined to by a text they share."""
    group: dict[str, str] = {}
    first: dict[str, str] = {}
    for document in documents:
        problem = problem_of(document)
        ours = group.setdefault(problem, problem)
        theirs = group[first.setdefault(document.text, problem)]
        if ours != theirs:
            kept, gone = sorted((ours, theirs))
            group = {name: kept if its == gone else its for name, its in group.items()}
    return group


def _hash(key: str, config: FitConfig) -> bytes:
    return hashlib.sha256(f"{config.seed} {key}".encode("utf-8", "surrogatepass")).digest()


def _unit_folds(index: UnitIndex, each: LabelSet, folds: Mapping[str, int]) -> np.ndarray:
    """(U,) the fold of each unit's problem; -1 where it is never left out."""
    of_document = np.array([folds.get(problem_of(document), -1) for document in index.documents])
    return of_document[index.document]


def _design(features: Features, min_grams: int) -> tuple[list[str], "csr_matrix", tuple[np.ndarray, np.ndarray]]:
    """(names of the bag, matrix (M, dense + squares + bag), (mean, scale) of the dense columns)."""
    from scipy.sparse import csr_matrix, hstack

    mean, scale = features.dense.mean(axis=0), features.dense.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = np.clip((features.dense - mean) / scale, -CLIP, CLIP)
    holders = Counter(name for names in features.bags for name in names)
    names = sorted(name for name, count in holders.items() if count >= min_grams)
    place = {name: at for at, name in enumerate(names)}
    pairs = np.array(
        [(row, place[name]) for row, own in enumerate(features.bags) for name in own if name in place]
    ).reshape(-1, 2)
    bag = csr_matrix((np.ones(len(pairs)), pairs.T), (len(features.bags), len(names)))
    return names, hstack([csr_matrix(scaled), csr_matrix(scaled**2), bag]).tocsr(), (mean, scale)


def _logistic(matrix: "csr_matrix", k: np.ndarray, n: np.ndarray, penalty: float) -> tuple[np.ndarray, float]:
    """Weights and intercept of the logistic regression of the shares k / n, a gram weighing sqrt(n)."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("training needs scikit-learn; pip install 'sgram[validate]'") from None
    from scipy.sparse import vstack

    rows = np.flatnonzero(n > 0)
    share = k[rows] / n[rows]
    if not len(rows) or not 0 < share.mean() < 1:
        raise InputError(
            "the labeled text holds no phrase of these traces, or labels of one kind only; give labels with positive "
            "and other units, on text like that of the traces"
        )
    weight = np.sqrt(n[rows])
    weight /= weight.mean()
    target = np.repeat([1, 0], len(rows))  # each gram twice: planning with its share, else with the rest
    fitted = LogisticRegression(C=penalty, solver="newton-cg", max_iter=1000, tol=1e-6).fit(
        vstack([matrix[rows], matrix[rows]]), target, np.concatenate([weight * share, weight * (1 - share)])
    )
    return fitted.coef_[0], float(fitted.intercept_[0])
