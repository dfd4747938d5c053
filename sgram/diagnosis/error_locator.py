"""Locate the first error of a solution: the features of each step, weighted by a small fitted model.

The model is a softmax over the steps and "no error". Its weights were fitted to people's marks of first errors;
`benchmarks/README.md` reports its accuracy. Features see few of the errors in mathematical prose: apart from checked
equations and claims, the model is a prior of where errors tend to be.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sgram.array_types import FloatArray
from sgram.diagnosis.step_features import NO_ERROR_FEATURES, STEP_FEATURES, StepEvidence, step_evidence
from sgram.equations import Equation, EquationLimits
from sgram.errors import InputError
from sgram.files import data_path, excerpt
from sgram.safe_reading import read_bytes

FORMAT, VERSION = "sgram-error-locator", 1
MAX_BYTES = 1 << 20
MIN_CONFIDENCE = 0.75
"""Smallest probability with which a step is named. On ProcessBench, by cross-validation over problems, it is the marked
one in 73 % of the cases from there on, which are 5 % of the solutions with an error (`benchmarks/diagnosis.py`)."""
MAX_STEPS = 4000
"""Later steps are ignored."""


@dataclass(frozen=True, slots=True)
class ErrorLocation:
    """The most likely step of the first error."""

    step: int | None
    """Index from 0; None if no error is seen, or if no step is sure enough."""
    confidence: float
    """Probability of `step`, of there being no error, or of the likeliest step if none is sure enough."""
    reason: str
    scores: tuple[float, ...]
    """Probability of each step; the rest to 1 is the probability of there being no error."""
    equation: Equation | None
    """The wrong equation of that step, with offsets in the step's text; None if there is none."""


@dataclass(frozen=True, slots=True, eq=False)
class ErrorLocator:
    """Weights of the features of a step, and of there being no error."""

    step_weights: FloatArray
    """(len(STEP_FEATURES),)"""
    no_error_weights: FloatArray
    """(len(NO_ERROR_FEATURES),)"""

    def probabilities(self, evidence: StepEvidence, known_wrong: bool = False) -> tuple[FloatArray, float]:
        """Return the probability of each step, (n,), and that of no error, which is 0 if `known_wrong`."""
        step_scores = evidence.step_features @ self.step_weights
        no_error_score = -np.inf if known_wrong else float(evidence.no_error_features @ self.no_error_weights)
        largest = max(float(step_scores.max()), no_error_score)
        step_odds: FloatArray = np.exp(step_scores - largest)
        no_error_odds = float(np.exp(no_error_score - largest))
        total = float(step_odds.sum()) + no_error_odds
        return step_odds / total, no_error_odds / total

    def to_json(self) -> dict[str, Any]:
        """Return the weights by name, rounded to 4 decimals."""
        step = dict(zip(STEP_FEATURES, self.step_weights, strict=True))
        no_error = dict(zip(NO_ERROR_FEATURES, self.no_error_weights, strict=True))
        return {
            "format": FORMAT,
            "version": VERSION,
            "step": {name: round(float(weight), 4) for name, weight in step.items()},
            "none": {name: round(float(weight), 4) for name, weight in no_error.items()},
        }

    @classmethod
    def load(cls, path: str | Path) -> "ErrorLocator":
        """Read a file of weights. Raise `InputError` if it cannot be read or is invalid."""
        try:
            document = json.loads(read_bytes(path, MAX_BYTES, "weights of an error locator"))
        except ValueError as error:
            raise InputError(f"{excerpt(path)} is not JSON: {excerpt(str(error))}") from None
        return cls.from_json(document, excerpt(path))

    @classmethod
    def from_json(cls, document: Any, name: str) -> "ErrorLocator":
        """Return the weights in a `to_json` document; `name` is its name in messages.

        Raise `InputError` if the document is invalid.
        """
        if not isinstance(document, Mapping) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
            raise InputError(
                f'{name} contains no weights of an error locator: "format" must be "{FORMAT}", "version" {VERSION}'
            )
        try:
            step = np.array([float(document["step"][feature]) for feature in STEP_FEATURES])
            no_error = np.array([float(document["none"][feature]) for feature in NO_ERROR_FEATURES])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{name} is damaged ({excerpt(str(error))}); build it again") from None
        if not (np.isfinite(step).all() and np.isfinite(no_error).all()):
            raise InputError(f"{name} is damaged (a weight is not finite); build it again")
        return cls(step, no_error)


@cache
def packaged_locator() -> ErrorLocator:
    """Return the weights that are part of the package."""
    return ErrorLocator.load(data_path("error_locator.json"))


def locate_error(
    problem: str | None,
    steps: Sequence[str],
    limits: EquationLimits | None = None,
    *,
    known_wrong: bool = False,
    locator: ErrorLocator | None = None,
    min_confidence: float = MIN_CONFIDENCE,
) -> ErrorLocation:
    """Return the most likely step of the first error; no step if "no error" is likelier than all steps together.

    No step is named with a probability below `min_confidence`; with 0 one is always named. With `known_wrong`, because
    the final answer is wrong, "no error" has no probability. `locator` is the packaged one by default.

    >>> location = locate_error("What is 12 + 5?", ["We add: 12 + 5 = 18.", "The answer is 18."])
    >>> location.step, location.reason
    (0, '12 + 5 is 17, not 18')
    """
    steps = steps[:MAX_STEPS]
    if not steps:
        return ErrorLocation(None, 1.0, "no steps", (), None)
    evidence = step_evidence(problem, steps, limits)
    return locate_from_evidence(evidence, locator or packaged_locator(), known_wrong, min_confidence)


def locate_from_evidence(
    evidence: StepEvidence, locator: ErrorLocator, known_wrong: bool = False, min_confidence: float = MIN_CONFIDENCE
) -> ErrorLocation:
    """Return what `locate_error` returns, from features that are already computed."""
    probabilities, no_error = locator.probabilities(evidence, known_wrong)
    scores = tuple(probabilities.tolist())
    if no_error > 0.5:
        return ErrorLocation(None, no_error, "no error seen", scores, None)
    step = int(np.argmax(probabilities))
    if scores[step] < min_confidence:
        return ErrorLocation(None, scores[step], "no step is sure enough", scores, None)
    equation = next((candidate for candidate in evidence.equations[step] if candidate.verdict == "wrong"), None)
    return ErrorLocation(step, scores[step], _reason(evidence, step, equation), scores, equation)


_REASONS = {
    "sides differ": "two sides of a rewriting differ",
    "slip in solving": "a solution does not solve the equation before it",
    "new numbers": "numbers that come from nowhere",
    "hedge": "it assumes or guesses",
}
"""Sentences for features, the strongest first."""


def _reason(evidence: StepEvidence, step: int, equation: Equation | None) -> str:
    """Return why the first error is likely to be in that step."""
    if equation:
        return equation.reason
    wrong_claim = next((claim for claim in evidence.claims[step] if not claim.right), None)
    if wrong_claim:
        return wrong_claim.reason
    features = dict(zip(STEP_FEATURES, evidence.step_features[step], strict=True))
    reasons = [sentence for name, sentence in _REASONS.items() if features[name] > 0]
    return reasons[0] if reasons else "nothing in it is proven wrong; errors tend to be at such a place"
