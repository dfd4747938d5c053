"""Fit a sentence scorer to labeled sentences, and measure it out of fold.

The planning model is a logistic regression over the grams of a sentence's tokens, each counted once. Labels of other
schemas than the target's are worth something too, but must not be mixed in: "alternatively" begins planning sentences
in one schema and none in another. Each of these sets (`Prior`) therefore gets a model of its own, whose logit is one
more feature of the target's model. As all of these models are linear, their sum is one table of weights.

Moves are one-against-the-rest models over the same grams, fitted to the planning sentences of the target alone.

Everything that is reported is out of fold: a sentence is scored by a scorer that saw no label, the priors' included, on
its problem.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sgram.array_types import BoolArray, FloatArray
from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.evaluation.label_index import labels_digest
from sgram.evaluation.labeled_documents import LabeledDocument
from sgram.lexicon.sentence_scorer import UNIT, LinearWeights, SentenceScorer, probability_of
from sgram.sentences import grams_of, sentence_tokens

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

MOVES_OF_LABELS: Mapping[str, str] = {
    "plan": "goal-setting",
    "branch": "branching",
    "backtrack": "backtracking",
    "verify": "verification",
    "monitor": "monitoring",
    "deduce": "deduction",
}
"""Labels of the packaged guideline -> moves."""


_WINDOW = 11
"""Points of the grid over which F1 is averaged before its maximum is taken."""
LONGEST_GRAM = 3
"""Tokens of the longest gram by default: 4 give no more."""


@dataclass(frozen=True, slots=True)
class LabeledSentence:
    """A sentence with its label; the grams of its tokens are its features."""

    grams: frozenset[str]
    is_planning: bool
    move: str | None
    """Move of a planning sentence, if it is known."""
    problem: str
    """Sentences on one problem stay together when data are split."""


@dataclass(frozen=True, slots=True)
class Prior:
    """Sentences labeled by another schema."""

    name: str
    sentences: Sequence[LabeledSentence]


@dataclass(frozen=True, slots=True)
class ScorerFit:
    """Options of a fit; the defaults have the largest F1 out of fold on sentences labeled by the packaged guideline.

    Raise `UsageError` if an option is out of range.
    """

    max_tokens: int = LONGEST_GRAM
    """Longest gram."""
    min_sentences: int = 2
    """Least number of training sentences that hold a gram with a weight."""
    penalty: float = 2.0
    """Inverse strength of the squared penalty on the target's weights (scikit-learn's C)."""
    prior_penalty: float = 1.0
    """The same for the priors' models."""
    prior_scale: float = 0.5
    """Factor of the priors' logits as features: the smaller, the stronger the penalty on them."""
    move_penalty: float = 3.0
    """The same for the moves' models."""
    min_weight: float = 0.05
    """Grams with a smaller weight are left out, in logits."""
    threshold: float = 0.5
    """Probability from which a sentence is taken to plan."""
    n_folds: int = 10
    seed: int = 0
    """Seed of the folds."""

    def __post_init__(self) -> None:
        if min(self.penalty, self.prior_penalty, self.prior_scale, self.move_penalty) <= 0 or self.n_folds < 2:
            raise UsageError("penalties and scales must be > 0, and n_folds >= 2")


def label_sentences(
    documents: Iterable[LabeledDocument],
    positive: frozenset[str],
    moves: Mapping[str, str] = MOVES_OF_LABELS,
    max_tokens: int = LONGEST_GRAM,
) -> list[LabeledSentence]:
    """Return the units of documents as labeled sentences; units without a word are left out.

    `moves` maps labels to moves. A unit with several moves has none.

    >>> from sgram.evaluation.labeled_documents import Unit
    >>> document = LabeledDocument("a", "Let me check.", (Unit(0, 13, ("verify",)),), problem="p")
    >>> sentence = label_sentences([document], frozenset({"verify"}), max_tokens=1)[0]
    >>> sentence.is_planning, sentence.move, sorted(sentence.grams)
    (True, 'verification', ['check', 'let', 'me'])
    """
    sentences = []
    for document in documents:
        for unit in document.units:
            tokens = sentence_tokens(document.text[unit.start : unit.end])
            if not tokens:
                continue
            names = sorted({moves[label] for label in unit.labels if label in moves})
            is_planning = unit.is_positive(positive)
            sentences.append(
                LabeledSentence(
                    frozenset(" ".join(gram) for gram in grams_of(tokens, max_tokens)),
                    is_planning,
                    names[0] if is_planning and len(names) == 1 else None,
                    document.problem or document.id,
                )
            )
    return sentences


def describe_labels(name: str, documents: Sequence[LabeledDocument]) -> dict[str, str]:
    """Return a label set as the source of a scorer names it: by name and digest.

    `sgram validate` warns if the source of a scorer has the digest of the labels that it is measured on.

    >>> describe_labels("mine", [LabeledDocument("a", "Wait.", ())])["name"]
    'mine'
    """
    return {"name": name, "digest": labels_digest(documents)}


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """Probabilities and moves of sentences by scorers that were fitted without their problems."""

    probabilities: FloatArray
    """(N,)"""
    is_planning: BoolArray
    """(N,) labels"""
    moves: tuple[str | None, ...] = field(repr=False)
    """Labels."""
    predicted_moves: tuple[str | None, ...] = field(repr=False)
    """The likeliest move of each sentence, planning or not."""
    problems: tuple[str, ...] = field(repr=False)

    def rates(self, threshold: float) -> tuple[float, float, float]:
        """Return (precision, recall, F1) of the sentences whose probability is at least `threshold`.

        >>> out = OutOfFold(np.array([0.9, 0.2]), np.array([True, True]), (None,) * 2, (None,) * 2, ("a", "b"))
        >>> out.rates(0.5)
        (1.0, 0.5, 0.6666666666666666)
        """
        marked = self.probabilities >= threshold
        hits = float((marked & self.is_planning).sum())
        precision = hits / max(float(marked.sum()), 1.0)
        recall = hits / max(float(self.is_planning.sum()), 1.0)
        return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)

    def best_threshold(self) -> float:
        """Return the threshold of the largest F1, averaged over its neighbors within .05, on a grid from .2 to .8.

        >>> out = OutOfFold(np.array([0.9, 0.35, 0.1]), np.array([True, True, False]), (), (), ())
        >>> out.best_threshold()
        0.25
        """
        grid = np.round(np.arange(0.15, 0.851, 0.01), 2)
        f1 = np.array([self.rates(threshold)[2] for threshold in grid])
        smooth = np.convolve(f1, np.full(_WINDOW, 1 / _WINDOW), "valid")
        best = np.flatnonzero(smooth >= smooth.max() - 1e-12)
        return float(grid[_WINDOW // 2 : -(_WINDOW // 2)][best[len(best) // 2]])

    def precision_at_recall(self, recall: float) -> float:
        """Return the largest precision of any threshold whose recall is at least `recall`."""
        order = np.argsort(-self.probabilities, kind="stable")
        hits = np.cumsum(self.is_planning[order])
        ends = np.flatnonzero(np.diff(self.probabilities[order], append=-1.0))  # equal probabilities go together
        precision, recalls = hits[ends] / (ends + 1), hits[ends] / max(int(self.is_planning.sum()), 1)
        return float(precision[recalls >= recall].max(initial=0.0))

    def move_pairs(self) -> list[tuple[str, str]]:
        """Return (labeled move, predicted move) of the planning sentences whose move is labeled."""
        return [
            (move, predicted)
            for move, predicted, is_planning in zip(self.moves, self.predicted_moves, self.is_planning, strict=True)
            if is_planning and move is not None and predicted is not None
        ]


def fit_sentence_scorer(
    name: str,
    sentences: Sequence[LabeledSentence],
    priors: Sequence[Prior] = (),
    fit: ScorerFit = ScorerFit(),
    source: Mapping[str, Any] | None = None,
) -> SentenceScorer:
    """Return the scorer of labeled sentences.

    Raise `InputError` if all of them plan or none does, `MissingExtraError` without scikit-learn.

    >>> plans, others = ["Let me check that.", "Let me see."] * 5, ["It is four.", "So x is two."] * 5
    >>> documents = [LabeledDocument(str(row), text, ()) for row, text in enumerate(plans + others)]
    >>> sentences = [
    ...     LabeledSentence(frozenset(sentence_tokens(document.text)) - {"^", "$"}, row < 10, None, "p")
    ...     for row, document in enumerate(documents)
    ... ]
    >>> fit_sentence_scorer("sketch", sentences).score("Let me think.")[0].is_planning
    True
    """
    labels = np.array([sentence.is_planning for sentence in sentences], dtype=bool)
    if not 0 < labels.sum() < len(labels):
        raise InputError("the labeled sentences must be of both kinds, planning and not; give labels of both")
    models = [_fit_linear(prior.sentences, _plans(prior.sentences), fit.prior_penalty, fit) for prior in priors]
    own_model = _fit_linear(sentences, labels, fit.penalty, fit, models)
    moves = sorted({sentence.move for sentence in sentences if sentence.move is not None})
    planning = [sentence for sentence in sentences if sentence.move is not None]
    move_models = {
        move: _rounded(
            _fit_linear(planning, np.array([sentence.move == move for sentence in planning]), fit.move_penalty, fit),
            0.0,
        )
        for move in (moves if len(moves) > 1 else ())
    }
    provenance = {**(source or {}), "fit": asdict(fit)}
    return SentenceScorer(name, _rounded(own_model, fit.min_weight), move_models, fit.threshold, provenance)


def score_out_of_fold(
    sentences: Sequence[LabeledSentence],
    priors: Sequence[Prior] = (),
    fit: ScorerFit = ScorerFit(),
    fold_of: Callable[[LabeledSentence], str] | None = None,
) -> OutOfFold:
    """Return probability and move of each sentence by a scorer that saw no sentence on its problem, nor a prior's.

    With `fold_of`, sentences of equal value are left out together instead, one value at a time. Raise `InputError` if
    there are fewer problems than folds.
    """
    folds = {} if fold_of is not None else assign_folds(sentences, fit.n_folds, fit.seed)
    keys = [str(folds[sentence.problem]) if fold_of is None else fold_of(sentence) for sentence in sentences]
    probabilities = np.zeros(len(sentences))
    predicted: list[str | None] = [None] * len(sentences)
    for key in sorted(set(keys)):
        training = [sentence for sentence, fold in zip(sentences, keys, strict=True) if fold != key]
        kept_back = {sentence.problem for sentence, fold in zip(sentences, keys, strict=True) if fold == key}
        own_priors = [
            Prior(prior.name, [sentence for sentence in prior.sentences if sentence.problem not in kept_back])
            for prior in priors
        ]
        scorer = fit_sentence_scorer("fold", training, own_priors, fit)
        for row, (sentence, fold) in enumerate(zip(sentences, keys, strict=True)):
            if fold == key:
                grams = sorted(sentence.grams)
                probabilities[row] = probability_of(scorer.planning.total(grams))
                if scorer.moves:
                    predicted[row] = max(scorer.moves, key=lambda move: scorer.moves[move].total(grams))
    return OutOfFold(
        probabilities,
        np.array(_plans(sentences)),
        tuple(sentence.move for sentence in sentences),
        tuple(predicted),
        tuple(sentence.problem for sentence in sentences),
    )


def _plans(sentences: Sequence[LabeledSentence]) -> BoolArray:
    return np.array([sentence.is_planning for sentence in sentences], dtype=bool)


def assign_folds(sentences: Iterable[LabeledSentence], n_folds: int, seed: int) -> dict[str, int]:
    """Return the fold of each problem: in turn, in the order of a seeded hash.

    Raise `InputError` if there are fewer problems than folds.
    """
    problems = {sentence.problem for sentence in sentences}
    if len(problems) < n_folds:
        raise InputError(
            f"the labeled sentences cover {len(problems)} problems; cross-validation with {n_folds} folds needs at "
            f"least {n_folds}"
        )

    def key(problem: str) -> bytes:
        return hashlib.sha256(f"{seed} {problem}".encode("utf-8", "surrogatepass")).digest()

    return {problem: number % n_folds for number, problem in enumerate(sorted(problems, key=key))}


@dataclass(frozen=True, slots=True)
class _Linear:
    """Linear model with real weights."""

    intercept: float
    weights: Mapping[str, float]

    def logit(self, grams: Iterable[str]) -> float:
        return self.intercept + sum(sorted(self.weights[gram] for gram in grams if gram in self.weights))


def _fit_linear(
    sentences: Sequence[LabeledSentence],
    labels: BoolArray,
    penalty: float,
    fit: ScorerFit,
    priors: Sequence[_Linear] = (),
) -> _Linear:
    """Return the logistic regression of `labels` on grams, and on the logits of `priors`, which it absorbs."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError("training needs scikit-learn; pip install 'sgram[validate]'") from None
    from scipy.sparse import csr_matrix, hstack

    counts = Counter(gram for sentence in sentences for gram in sentence.grams)
    names = sorted(gram for gram, count in counts.items() if count >= fit.min_sentences)
    features = _features(sentences, {gram: column for column, gram in enumerate(names)})
    if priors:
        logits = np.array([[prior.logit(sentence.grams) for prior in priors] for sentence in sentences])
        features = csr_matrix(hstack([features, csr_matrix(fit.prior_scale * logits)]))
        # liblinear takes 32-bit indices only
        features.indices, features.indptr = features.indices.astype(np.int32), features.indptr.astype(np.int32)
    model = LogisticRegression(C=penalty, solver="liblinear", random_state=0).fit(features, labels)
    intercept, weights = float(model.intercept_[0]), dict(zip(names, model.coef_[0].tolist(), strict=False))
    for prior, factor in zip(priors, model.coef_[0][len(names) :].tolist(), strict=True):
        intercept += fit.prior_scale * factor * prior.intercept
        for gram, weight in prior.weights.items():
            weights[gram] = weights.get(gram, 0.0) + fit.prior_scale * factor * weight
    return _Linear(intercept, weights)


def _features(sentences: Sequence[LabeledSentence], columns: Mapping[str, int]) -> "csr_matrix":
    """Return (sentences, grams) with a 1 where a sentence holds a gram."""
    from scipy.sparse import csr_matrix

    rows = [sorted(columns[gram] for gram in sentence.grams if gram in columns) for sentence in sentences]
    ends = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    indices = np.array([column for row in rows for column in row], np.int32)
    return csr_matrix((np.ones(len(indices)), indices, ends), shape=(len(sentences), len(columns)))


def _rounded(model: _Linear, min_weight: float) -> LinearWeights:
    """Return the model in thousandths of a logit, without small weights."""
    weights = {gram: round(UNIT * weight) for gram, weight in model.weights.items() if abs(weight) >= min_weight}
    return LinearWeights(round(UNIT * model.intercept), {gram: weight for gram, weight in weights.items() if weight})
