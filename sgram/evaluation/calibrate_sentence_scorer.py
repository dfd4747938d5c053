"""Calibrate a sentence scorer with a few labeled sentences of one's own.

A scorer keeps what it knows: the calibrated logit is ``a`` times its own plus ``b`` plus changes of the weights of
grams that the labeled sentences repeat. All of it is fitted by a logistic regression with a normal prior whose mean is
the scorer itself (a = 1, b = 0, no change). The result is one table of weights again. Moves are kept as they are.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sgram.array_types import BoolArray, FloatArray, IntArray
from sgram.errors import InputError, MissingExtraError, UsageError
from sgram.evaluation.sentence_figures import ProblemDraws, draw_figures
from sgram.evaluation.train_sentence_scorer import LabeledSentence, assign_folds
from sgram.lexicon.sentence_scorer import MAX_WEIGHT, UNIT, LinearWeights, SentenceScorer, probability_of
from sgram.statistics import N_DRAWS, Estimate

MIN_SENTENCES = 20
"""Fewest labeled sentences."""
MIN_OF_A_KIND = 3
"""Fewest sentences that plan, and fewest that do not."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Standard deviations of the prior, and folds. Raise `UsageError` if one of them is out of range."""

    scale: float = 0.3
    """Of the factor of the scorer's logit."""
    shift: float = 2.0
    """Of the shift of the logit."""
    change: float = 0.8
    """Of the change of a gram's weight, in logits."""
    min_sentences: int = 2
    """Least number of labeled sentences that hold a gram whose weight may change."""
    n_folds: int = 10
    seed: int = 0
    """Seed of the folds."""

    def __post_init__(self) -> None:
        if min(self.scale, self.shift, self.change) <= 0 or self.n_folds < 2:
            raise UsageError("standard deviations must be > 0, and n_folds >= 2")


@dataclass(frozen=True, slots=True)
class CalibrationGain:
    """Figures of a scorer before and after calibration, out of fold, on the labeled sentences."""

    before: Mapping[str, Estimate]
    after: Mapping[str, Estimate]
    gain: Mapping[str, Estimate]
    """After minus before, with the interval of paired draws of problems."""

    @property
    def is_shown(self) -> bool:
        """Whether the interval of the gain in F1 lies above 0."""
        return (self.gain["f1"].low or 0.0) > 0


def check_own_labels(sentences: Sequence[LabeledSentence]) -> None:
    """Raise `InputError` if there are too few labeled sentences to calibrate with."""
    n_planning = sum(sentence.is_planning for sentence in sentences)
    n_others = len(sentences) - n_planning
    if len(sentences) < MIN_SENTENCES or min(n_planning, n_others) < MIN_OF_A_KIND:
        raise InputError(
            f"calibration needs {MIN_SENTENCES} labeled sentences or more, at least {MIN_OF_A_KIND} that plan and "
            f"{MIN_OF_A_KIND} that do not (got {n_planning} and {n_others}); label more"
        )
    if len({sentence.problem for sentence in sentences}) < 2:
        raise InputError("all labeled sentences are on one problem, so no gain can be measured; label a second problem")


def calibrate(
    scorer: SentenceScorer,
    sentences: Sequence[LabeledSentence],
    config: Calibration = Calibration(),
    name: str = "",
    source: Mapping[str, Any] | None = None,
) -> SentenceScorer:
    """Return `scorer`, calibrated; its source names the scorer that it began with and the settings.

    The grams of `sentences` must have up to ``scorer.max_tokens`` tokens. Raise what `check_own_labels` raises.

    >>> scorer = SentenceScorer("base", LinearWeights(-1000, {"let me": 2000}), {})
    >>> own = [LabeledSentence(frozenset({"we must"}), True, None, str(row)) for row in range(12)]
    >>> own += [LabeledSentence(frozenset({"it is"}), False, None, str(row)) for row in range(12)]
    >>> [scorer.score("We must add.")[0].is_planning, calibrate(scorer, own).score("We must add.")[0].is_planning]
    [False, True]
    """
    check_own_labels(sentences)
    provenance = {
        **(source or {}),
        "calibrated_from": {"name": scorer.name, "digest": scorer.digest},
        "calibration": asdict(config),
        "sentences": len(sentences),
    }
    weights = _fit(scorer.planning, sentences, config)
    return SentenceScorer(name or f"{scorer.name}, calibrated", weights, scorer.moves, scorer.threshold, provenance)


def measure_gain(
    scorer: SentenceScorer,
    sentences: Sequence[LabeledSentence],
    config: Calibration = Calibration(),
    n_draws: int = N_DRAWS,
) -> CalibrationGain:
    """Return the figures before and after: a sentence is scored by a calibration that saw none on its problem.

    Raise what `check_own_labels` raises.
    """
    check_own_labels(sentences)
    is_planning = np.array([sentence.is_planning for sentence in sentences], bool)
    before = _probabilities(scorer.planning, sentences)
    after = np.zeros(len(sentences))
    for rows in _folds(sentences, config):
        training = [sentence for sentence, is_out in zip(sentences, rows, strict=True) if not is_out]
        left_out = [sentence for sentence, is_out in zip(sentences, rows, strict=True) if is_out]
        after[rows] = _probabilities(_fit(scorer.planning, training, config), left_out)
    draws = ProblemDraws.from_problems([sentence.problem for sentence in sentences], n_draws, config.seed)
    figures = [draw_figures(draws, scores, is_planning, scorer.threshold) for scores in (before, after)]
    rows_of = [{name: draws.estimate(figure) for name, figure in figure_set.items()} for figure_set in figures]
    gain = {name: draws.estimate(figures[1][name] - figures[0][name]) for name in figures[0]}
    return CalibrationGain(rows_of[0], rows_of[1], gain)


def _folds(sentences: Sequence[LabeledSentence], config: Calibration) -> Iterator[BoolArray]:
    """Yield which sentences are left out, fold after fold."""
    problems = {sentence.problem for sentence in sentences}
    n_folds = min(config.n_folds, len(problems))
    folds = assign_folds(sentences, n_folds, config.seed)
    for fold in range(n_folds):
        yield np.array([folds[sentence.problem] == fold for sentence in sentences], bool)


def _probabilities(weights: LinearWeights, sentences: Sequence[LabeledSentence]) -> FloatArray:
    return np.array([probability_of(weights.total(sentence.grams)) for sentence in sentences])


def _fit(planning: LinearWeights, sentences: Sequence[LabeledSentence], config: Calibration) -> LinearWeights:
    """Return the calibrated weights."""
    try:
        from scipy.optimize import minimize
    except ImportError:
        raise MissingExtraError("calibration needs scipy; pip install 'sgram[validate]'") from None
    counts = Counter(gram for sentence in sentences for gram in sentence.grams)
    names = sorted(gram for gram, count in counts.items() if count >= config.min_sentences)
    columns = {gram: column for column, gram in enumerate(names)}
    cells = [[columns[gram] for gram in sorted(sentence.grams) if gram in columns] for sentence in sentences]
    row = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
    column: IntArray = np.array([index for cell in cells for index in cell], np.int64)
    logits = np.array([planning.total(sentence.grams) for sentence in sentences]) / UNIT
    signs = np.array([1.0 if sentence.is_planning else -1.0 for sentence in sentences])
    deviations = np.concatenate([[config.scale, config.shift], np.full(len(names), config.change)])
    mean = np.zeros(len(deviations))
    mean[0] = 1.0

    def loss(values: FloatArray) -> tuple[float, FloatArray]:
        """Return minus the logarithm of the posterior density, and its gradient."""
        margin = signs * (values[0] * logits + values[1] + np.bincount(row, values[2:][column], minlength=len(logits)))
        distance = (values - mean) / deviations
        slope = -signs / (1 + np.exp(np.clip(margin, -700, 700)))
        gradient = np.concatenate(
            [[slope @ logits, slope.sum()], np.bincount(column, slope[row], minlength=len(names))]
        )
        return float(np.logaddexp(0, -margin).sum() + distance @ distance / 2), gradient + distance / deviations

    values = minimize(loss, mean, jac=True, method="L-BFGS-B", options={"maxiter": 2000, "ftol": 1e-12}).x
    scale, shift = float(max(values[0], 0.0)), float(values[1])
    weights = {gram: scale * weight for gram, weight in planning.grams.items()}
    for gram, change in zip(names, values[2:].tolist(), strict=True):
        weights[gram] = weights.get(gram, 0.0) + UNIT * change
    rounded = {gram: max(-MAX_WEIGHT, min(MAX_WEIGHT, round(weight))) for gram, weight in weights.items()}
    return LinearWeights(
        round(scale * planning.intercept + UNIT * shift), {gram: weight for gram, weight in rounded.items() if weight}
    )
