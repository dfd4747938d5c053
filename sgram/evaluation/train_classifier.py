"""Train a classifier of grams on labeled text, and measure it out of fold.

The training target of a gram is the share of its occurrences that lie in positive units. One planning phrase makes its
whole unit positive, and thereby every other phrase in it look good. Grams are therefore fitted twice. In the second fit
an occurrence has the weight ``exp((l - l_best) / softness)``, where l is the log odds of its gram in the first fit and
l_best the largest in the unit. This is one step from shares towards a model of units by their best gram
(multiple-instance learning).

Labels of sentences go further by way of a sentence scorer: it labels the sentences of texts without labels, where a
gram occurs a thousand times instead of three (`ScoredTexts`). Labels of other schemas are priors of that scorer and
are never mixed with the target's.

Everything that is chosen (thresholds) or reported comes from out-of-fold scores: units are scored by a classifier that
was fitted without any document on their problem. Thresholds, with precision and recall over units that contain a gram
of the list:

- ``default``: the lowest at which precision is at least .65 on every evaluated label set;
- ``f1``: the center of the range where the mean F1 over these sets is highest (a moving mean .1 wide);
- ``clean``: the lowest at which the mean precision is at least .75: for lists that people read.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.evaluation.label_index import GramOccurrences, UnitIndex, labels_digest
from sgram.evaluation.labeled_documents import POSITIVE_LABELS, LabeledDocument, Unit
from sgram.lexicon.sentence_scorer import SentenceScorer
from sgram.mining.candidates import Candidates
from sgram.mining.classifier import CLIP, GramClassifier
from sgram.mining.config import SETTINGS
from sgram.mining.features import Features, compute_features
from sgram.mining.score import Background
from sgram.tagging.sentence_finder import SentenceFinder

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

GRID = np.round(np.arange(0.20, 0.951, 0.01), 2)
"""Thresholds that are tried."""
F1_WINDOW = 5
"""Grid steps on both sides over which F1 is averaged before its maximum is taken."""
MIN_LABELED_WEIGHT = 1.0
"""Minimum weight of the labeled occurrences of a gram whose counts are stored in the classifier."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labeled documents of one source."""

    name: str
    documents: tuple[LabeledDocument, ...]
    weight: float = 1.0
    """Weight of one labeled occurrence."""
    evaluated: bool = True
    """Whether thresholds and reported rates use it; otherwise it is used for training only."""
    positive: frozenset[str] = POSITIVE_LABELS


@dataclass(frozen=True, slots=True)
class ScoredTexts:
    """Texts without labels, whose sentences a scorer labels; they are used for training only."""

    name: str
    texts: tuple[str, ...]
    fit_scorer: Callable[[frozenset[str]], SentenceScorer]
    """Returns a scorer that saw no label on these problems; of no problems: the scorer that saw all labels."""
    weight: float = 1.0
    """Weight of one occurrence."""


@dataclass(frozen=True, slots=True)
class FitConfig:
    """Options of a fit; the defaults have the largest mean out-of-fold average precision.

    Raise `UsageError` if an option is out of range.
    """

    blocks: tuple[str, ...] = ("stats", "words")
    """Feature blocks (`sgram.mining.features.BLOCKS`)."""
    penalty: float = 0.1
    """Inverse strength of the squared penalty on the weights (scikit-learn's C)."""
    shrink: float = 8.0
    """Number of labeled occurrences that weigh as much as the classifier's estimate."""
    softness: float = 1.0
    """Distance in log odds below the best gram of the unit at which an occurrence's weight has fallen to 1/e."""
    min_grams: int = 15
    """Minimum number of grams with a bag feature for the feature to get a weight."""
    n_folds: int = 10
    min_precision: float = 0.65
    """Precision of the threshold ``default``."""
    clean_precision: float = 0.75
    """Precision of the threshold ``clean``."""
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.penalty, self.shrink, self.softness) <= 0 or self.n_folds < 2:
            raise UsageError("penalty, shrink and softness must be > 0, and n_folds >= 2")

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON values."""
        return {**asdict(self), "blocks": list(self.blocks)}


@dataclass(frozen=True, slots=True)
class OutOfFoldScores:
    """Scores of the units of one evaluated label set, by classifiers fitted without the unit's problem.

    >>> out = OutOfFoldScores("set", np.array([0.9, 0.7, 0.2]), np.array([True, False, True]), np.array([0, 1, 2]))
    >>> out.rates(0.5)
    (0.5, 0.5)
    """

    name: str
    scores: FloatArray
    """(U,); -inf for a unit without any candidate."""
    positive: BoolArray
    """(U,)."""
    fold: IntArray
    """(U,) fold in which the unit was scored."""

    def rates(self, threshold: float | FloatArray) -> tuple[float, float]:
        """Return precision (0 if nothing is marked) and recall of the units whose score is at least the threshold.

        `threshold` is one number, or an array (U,) with a threshold per unit.
        """
        marked = self.scores >= threshold
        hits = float((marked & self.positive).sum())
        return hits / max(float(marked.sum()), 1.0), hits / max(float(self.positive.sum()), 1.0)

    @property
    def average_precision(self) -> float:
        """Mean of the precision at each positive unit, by descending score; tied units share their precision."""
        from sklearn.metrics import average_precision_score

        return float(average_precision_score(self.positive, np.maximum(self.scores, -1e9)))


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """Out-of-fold scores of the evaluated label sets, and the thresholds chosen from them."""

    sets: tuple[OutOfFoldScores, ...]
    thresholds: Mapping[str, float]
    aims: tuple[float, float] = (0.65, 0.75)
    """Precisions of the thresholds ``default`` and ``clean``."""

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return precision, recall and F1 of each set at each threshold, rounded to 4 decimals, as JSON values.

        Keys that end in ``_nested`` hold the rates with the threshold chosen on the other folds.
        """
        rows: dict[str, dict[str, Any]] = {}
        for out in self.sets:
            rows[out.name] = {
                "units": len(out.scores),
                "base_rate": round(float(out.positive.mean()), 4),
                "average_precision": round(out.average_precision, 4),
            }
            for setting in SETTINGS:
                rows[out.name][setting] = _rates_json(*out.rates(self.thresholds[setting]))
                rows[out.name][f"{setting}_nested"] = _rates_json(*out.rates(self._nested_thresholds(out, setting)))
        return rows

    def _nested_thresholds(self, out: OutOfFoldScores, setting: str) -> FloatArray:
        """Return for each unit the threshold chosen on the other folds, or on all folds if there is none."""
        thresholds = np.full(len(out.scores), self.thresholds[setting])
        for fold in np.unique(out.fold):
            training_sets = [_drop_fold(label_set, fold) for label_set in self.sets]
            with suppress(InputError):  # the labels of the other folds may be too few to reach the precision
                thresholds[out.fold == fold] = choose_thresholds(training_sets, *self.aims)[setting]
        return thresholds


def train_classifier(
    candidates: Candidates,
    background: Background,
    sets: Sequence[LabelSet],
    config: FitConfig | None = None,
    provenance: Mapping[str, Any] | None = None,
    scored: ScoredTexts | None = None,
) -> tuple[GramClassifier, CrossValidation]:
    """Fit a classifier to all label sets, and cross-validate it; `provenance` is added to its source.

    `scored` texts add to the training what a sentence scorer says of them. Without them, the traces behind `candidates`
    should not answer the labeled problems. Raise `InputError` if there are too few labels.
    """
    config = config or FitConfig()
    features = compute_features(candidates, background, config.blocks)
    trainer = ClassifierTrainer(candidates.texts, features, sets, config, scored)
    cross_validation = trainer.cross_validate()
    source = {
        "labels": [
            {
                "name": label_set.name,
                "digest": labels_digest(label_set.documents),
                "documents": len(label_set.documents),
                "weight": label_set.weight,
                "evaluated": label_set.evaluated,
            }
            for label_set in sets
        ],
        **({"scored": trainer.scored.to_json()} if trainer.scored else {}),
        "config": config.to_json(),
        "candidates": len(candidates),
        "traces": int(candidates.n_docs.sum()),
        "background": dict(background.origin),
        "out_of_fold": cross_validation.to_json(),
        **(provenance or {}),
    }
    return trainer.fit(None, cross_validation.thresholds, source), cross_validation


class ClassifierTrainer:
    """Indexed labels and features of M grams, which make fits on parts of the labels cheap."""

    def __init__(
        self,
        texts: Sequence[str],
        features: Features,
        sets: Sequence[LabelSet],
        config: FitConfig,
        scored: ScoredTexts | None = None,
    ) -> None:
        self.texts, self.features, self.config = list(texts), features, config
        self.sets = _deduplicate_sets(sets)
        self.indexes = [UnitIndex.from_documents(label_set.documents, label_set.positive) for label_set in self.sets]
        self.occurrences: list[GramOccurrences] = [index.find(self.texts) for index in self.indexes]
        self.folds = _assign_folds(self.sets, config)
        self.scored = None if scored is None else _ScoredUnits(scored, self.texts, self.folds)
        self.bag_names, self.matrix, self.scaling = _build_design(features, config.min_grams)

    def fit(
        self, left_out_fold: int | None, thresholds: Mapping[str, float], source: Mapping[str, Any]
    ) -> GramClassifier:
        """Fit a classifier to all documents whose problem is not in the left-out fold (None: to all documents)."""
        k, n = self._count_labels(left_out_fold, None)
        weights, intercept = _fit_logistic(self.matrix, k, n, self.config.penalty)
        estimate = 1 / (1 + np.exp(-(self.matrix @ weights + intercept)))
        estimate = (k + self.config.shrink * estimate) / (n + self.config.shrink)
        k, n = self._count_labels(left_out_fold, np.log(estimate / (1 - estimate)))
        weights, intercept = _fit_logistic(self.matrix, k, n, self.config.penalty)
        width = len(self.features.names)
        bag = dict(zip(self.bag_names, weights[2 * width :].tolist(), strict=True))
        labeled_rows = np.flatnonzero(n >= MIN_LABELED_WEIGHT)
        counts = {self.texts[row]: (float(k[row]), float(n[row])) for row in labeled_rows.tolist()}
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
        """Score every unit of the evaluated sets with a classifier fitted without the fold of its problem."""
        placeholder_thresholds = dict.fromkeys(SETTINGS, 0.5)
        scores = [np.full(index.n_units, -np.inf) for index in self.indexes]
        unit_folds = [_find_unit_folds(index, self.folds) for index in self.indexes]
        for fold in range(self.config.n_folds):
            classifier = self.fit(fold, placeholder_thresholds, {})
            probabilities = classifier.shrink_to_labels(self.texts, classifier.estimate(self.features))
            for label_set, occurrences, set_scores, folds in zip(
                self.sets, self.occurrences, scores, unit_folds, strict=True
            ):
                if label_set.evaluated:
                    set_scores[folds == fold] = occurrences.max_scores(probabilities)[folds == fold]
        sets = tuple(
            OutOfFoldScores(label_set.name, set_scores, index.positive, folds)
            for label_set, set_scores, index, folds in zip(self.sets, scores, self.indexes, unit_folds, strict=True)
            if label_set.evaluated
        )
        aims = (self.config.min_precision, self.config.clean_precision)
        return CrossValidation(sets, choose_thresholds(sets, *aims), aims)

    def _count_labels(self, left_out_fold: int | None, log_odds: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Return the weighted occurrences of each gram in positive units, (M,), and in all units, (M,).

        With `log_odds`, (M,), the weight of an occurrence decreases with the distance to the best gram of its unit.
        """
        k, n = np.zeros(len(self.texts)), np.zeros(len(self.texts))
        for label_set, index, occurrences in zip(self.sets, self.indexes, self.occurrences, strict=True):
            is_training = np.ones(index.n_units, bool)
            if left_out_fold is not None:
                is_training = _find_unit_folds(index, self.folds) != left_out_fold
            self._add_counts(k, n, occurrences, label_set.weight * is_training, index.positive, log_odds)
        if self.scored is not None:
            weights = np.full(self.scored.occurrences.n_units, self.scored.weight)
            self._add_counts(k, n, self.scored.occurrences, weights, self.scored.positive(left_out_fold), log_odds)
        return k, n

    def _add_counts(
        self,
        k: FloatArray,
        n: FloatArray,
        occurrences: GramOccurrences,
        unit_weights: FloatArray,
        positive: BoolArray,
        log_odds: FloatArray | None,
    ) -> None:
        """Add to `k` and `n`, (M,), the occurrences in units with these weights and labels, (U,)."""
        weights = unit_weights[occurrences.unit]
        if log_odds is not None:
            distance = log_odds[occurrences.gram] - occurrences.max_scores(log_odds)[occurrences.unit]
            weights = weights * np.exp(distance / self.config.softness)
        k += np.bincount(occurrences.gram, weights * positive[occurrences.unit], minlength=len(k))
        n += np.bincount(occurrences.gram, weights, minlength=len(n))


class _ScoredUnits:
    """Sentences of texts without labels, and what the scorer of each fold says of them."""

    def __init__(self, scored: ScoredTexts, grams: Sequence[str], folds: Mapping[str, int]) -> None:
        self.name, self.weight, self._fit_scorer, self._folds = scored.name, scored.weight, scored.fit_scorer, folds
        self.scorer = scored.fit_scorer(frozenset())
        find = SentenceFinder(self.scorer)
        documents = []
        for number, text in enumerate(scored.texts):
            units = tuple(Unit(start, end, ()) for start, end, *_ in find.offsets(text).tolist())
            if units:
                documents.append(LabeledDocument(str(number), text, units))
        self._texts = [document.text for document in documents]
        self.occurrences = UnitIndex.from_documents(documents).find(grams)
        self._positive: dict[int | None, BoolArray] = {None: self._find_positive(self.scorer)}

    def positive(self, left_out_fold: int | None) -> BoolArray:
        """Return which sentences plan, (U,), by the scorer that saw no label of the fold."""
        if left_out_fold not in self._positive:
            problems = frozenset(problem for problem, fold in self._folds.items() if fold == left_out_fold)
            self._positive[left_out_fold] = self._find_positive(self._fit_scorer(problems))
        return self._positive[left_out_fold]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "texts": len(self._texts),
            "sentences": self.occurrences.n_units,
            "scorer": self.scorer.digest,
            "weight": self.weight,
        }

    def _find_positive(self, scorer: SentenceScorer) -> BoolArray:
        find, least_total = SentenceFinder(scorer), scorer.least_total
        totals = [find.offsets(text)[:, 2] for text in self._texts]
        return np.concatenate([np.zeros(0, np.int32), *totals]) >= least_total


def choose_thresholds(
    sets: Sequence[OutOfFoldScores], min_precision: float = 0.65, clean_precision: float = 0.75
) -> dict[str, float]:
    """Return a threshold of `GRID` for each setting, by the rules in the module docstring.

    Raise `InputError` if no threshold reaches a precision.

    >>> scores, positive = np.array([0.9, 0.8, 0.3, 0.25]), np.array([True, True, False, False])
    >>> choose_thresholds([OutOfFoldScores("set", scores, positive, np.arange(4))])["default"]
    0.26
    """
    rates = np.array([[out.rates(threshold) for threshold in GRID] for out in sets])  # (sets, grid, 2)
    precision, recall = rates[..., 0], rates[..., 1]
    has_marks = np.array([[(out.scores >= threshold).any() for threshold in GRID] for out in sets])
    n_with_marks = has_marks.sum(axis=0)  # a set without marks has no precision
    min_over_sets = np.where(has_marks, precision, np.inf).min(axis=0)
    mean_over_sets = (precision * has_marks).sum(axis=0) / np.maximum(n_with_marks, 1)
    f1 = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).mean(axis=0)
    padded = np.pad(f1, F1_WINDOW, mode="edge")
    smoothed = np.convolve(padded, np.full(2 * F1_WINDOW + 1, 1 / (2 * F1_WINDOW + 1)), mode="valid")
    return {
        "default": _lowest_threshold(np.where(n_with_marks > 0, min_over_sets, np.nan), min_precision),
        "f1": float(GRID[int(smoothed.argmax())]),
        "clean": _lowest_threshold(np.where(n_with_marks > 0, mean_over_sets, np.nan), clean_precision),
    }


def _lowest_threshold(precision: FloatArray, aim: float) -> float:
    """Return the lowest threshold of the grid from which on `precision`, (grid,), is at least `aim`.

    NaN (nothing is marked) counts as at least `aim`. If there is none, return the lowest threshold that reaches `aim`.
    """
    is_defined = ~np.isnan(precision)
    reaching = np.flatnonzero(is_defined & (precision >= aim))
    if not len(reaching):
        max_precision = max(precision[is_defined].tolist(), default=0.0)
        raise InputError(
            f"no threshold reaches a precision of {aim:.2f} out of fold (maximum: {max_precision:.2f}); give more "
            "labels, or a lower precision"
        )
    below = np.flatnonzero(is_defined & (precision < aim))
    row = int(below[-1]) + 1 if len(below) else 0
    return float(GRID[row] if row < len(precision) and is_defined[row] else GRID[reaching[0]])


def _drop_fold(out: OutOfFoldScores, fold: int) -> OutOfFoldScores:
    rows = out.fold != fold
    return OutOfFoldScores(out.name, out.scores[rows], out.positive[rows], out.fold[rows])


def _rates_json(precision: float, recall: float) -> dict[str, float]:
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return {"precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def _deduplicate_sets(sets: Sequence[LabelSet]) -> list[LabelSet]:
    """Return the sets with sorted documents; a text of an evaluated set is removed from sets for training only."""
    if not any(label_set.evaluated for label_set in sets):
        raise InputError("no label set is evaluated; give at least one, because thresholds are chosen on it")
    if len({label_set.name for label_set in sets}) < len(sets):
        raise InputError("two label sets have the same name; give each its own name")
    evaluated_texts = {document.text for label_set in sets if label_set.evaluated for document in label_set.documents}
    unique_sets = []
    for label_set in sets:
        documents = [
            document for document in label_set.documents if label_set.evaluated or document.text not in evaluated_texts
        ]
        documents.sort(key=lambda document: (document.id, document.text))
        unique_sets.append(replace(label_set, documents=tuple(documents)))
    return unique_sets


def problem_key(document: LabeledDocument) -> str:
    """Return the key that keeps documents together when labels are split: the problem, else the document's id.

    >>> problem_key(LabeledDocument("a", "Wait.", (), problem="p1")), problem_key(LabeledDocument("b", "Wait.", ()))
    ('p1', 'document b')
    """
    return document.problem or f"document {document.id}"


def _assign_folds(sets: Sequence[LabelSet], config: FitConfig) -> dict[str, int]:
    """Return the fold of each problem of the evaluated sets: in turn, in the order of a seeded hash.

    Problems that have a text in common are in the same fold, even if their names differ.
    """
    evaluated_sets = [label_set for label_set in sets if label_set.evaluated]
    problem_groups = _group_problems(document for label_set in evaluated_sets for document in label_set.documents)
    folds: dict[str, int] = {}
    for label_set in evaluated_sets:
        groups = {problem_groups[problem_key(document)] for document in label_set.documents}
        if len(groups) < config.n_folds:
            raise InputError(
                f"the labels {label_set.name} cover {len(groups)} problems; cross-validation with {config.n_folds} "
                f"folds needs at least {config.n_folds}"
            )
        for number, group in enumerate(sorted(groups, key=lambda key: _hash_key(key, config))):
            folds.setdefault(group, number % config.n_folds)
    return {problem: folds[group] for problem, group in problem_groups.items()}


def _group_problems(documents: Iterable[LabeledDocument]) -> dict[str, str]:
    """Return the group of each problem: the smallest name of the problems linked to it by common texts."""
    groups: dict[str, str] = {}
    first_problems: dict[str, str] = {}  # by text
    for document in documents:
        problem = problem_key(document)
        group = groups.setdefault(problem, problem)
        linked_group = groups[first_problems.setdefault(document.text, problem)]
        if group != linked_group:
            merged, replaced = sorted((group, linked_group))
            groups = {name: merged if name_group == replaced else name_group for name, name_group in groups.items()}
    return groups


def _hash_key(key: str, config: FitConfig) -> bytes:
    return hashlib.sha256(f"{config.seed} {key}".encode("utf-8", "surrogatepass")).digest()


def _find_unit_folds(index: UnitIndex, folds: Mapping[str, int]) -> IntArray:
    """Return the fold of each unit's problem, (U,); -1 if it is never left out."""
    document_folds = np.array([folds.get(problem_key(document), -1) for document in index.documents])
    return document_folds[index.document]


def _build_design(features: Features, min_grams: int) -> tuple[list[str], "csr_matrix", tuple[FloatArray, FloatArray]]:
    """Return the names of the bag columns, the design matrix, and (mean, scale) of the dense columns.

    The matrix, (M, 2 dense + bag), has the scaled dense columns, their squares, and the bag columns.
    """
    from scipy.sparse import csr_matrix, hstack

    mean, scale = features.dense.mean(axis=0), features.dense.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    scaled = np.clip((features.dense - mean) / scale, -CLIP, CLIP)
    n_grams = Counter(name for bag in features.bags for name in bag)
    names = sorted(name for name, n in n_grams.items() if n >= min_grams)
    columns = {name: column for column, name in enumerate(names)}
    cells = np.array(
        [(row, columns[name]) for row, bag in enumerate(features.bags) for name in bag if name in columns]
    ).reshape(-1, 2)
    bag_matrix = csr_matrix((np.ones(len(cells)), cells.T), (len(features.bags), len(names)))
    return names, hstack([csr_matrix(scaled), csr_matrix(scaled**2), bag_matrix]).tocsr(), (mean, scale)


def _fit_logistic(matrix: "csr_matrix", k: FloatArray, n: FloatArray, penalty: float) -> tuple[FloatArray, float]:
    """Return weights and intercept of a logistic regression of the shares k / n; a gram has the weight sqrt(n)."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("training needs scikit-learn; pip install 'sgram[validate]'") from None
    from scipy.sparse import vstack

    rows = np.flatnonzero(n > 0)
    share = k[rows] / n[rows]
    if not len(rows) or not 0 < share.mean() < 1:
        raise InputError(
            "the labeled text contains no phrase of these traces, or only positive or only negative units; give labels "
            "of both kinds, on text similar to the traces"
        )
    weight = np.sqrt(n[rows])
    weight /= weight.mean()
    target = np.repeat([1, 0], len(rows))  # each gram twice: positive with the weight of its share, else negative
    regression = LogisticRegression(C=penalty, solver="newton-cg", max_iter=1000, tol=1e-6).fit(
        vstack([matrix[rows], matrix[rows]]), target, np.concatenate([weight * share, weight * (1 - share)])
    )
    return regression.coef_[0], float(regression.intercept_[0])
