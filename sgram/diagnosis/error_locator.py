"""Where the first error of a solution is: evidence of each step, weighed by a small fitted model. Knows nothing about
answers or other solutions.

A softmax over the steps and "no error". Its weights were fitted on people's marks of first errors; what it reaches
on them is in `benchmarks/README.md`. Mathematical prose shows little of its errors to such features: outside checked
equations and claims it is a prior of where errors tend to be.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sgram.diagnosis.step_features import NONE_FEATURES, STEP_FEATURES, StepEvidence, step_evidence
from sgram.equations import Equation, EquationLimits
from sgram.errors import InputError
from sgram.files import data_path, excerpt
from sgram.safe_reading import read_bytes

FORMAT, VERSION = "sgram-error-locator", 1
MAX_BYTES = 1 << 20
MOST_STEPS = 4000
"""Later steps are not looked at."""


@dataclass(frozen=True, slots=True)
class Location:
    """The step of the first error, counted from 0; None where no error is seen."""

    step: int | None
    confidence: float
    """The model's probability of what `step` says."""
    reason: str
    scores: tuple[float, ...]
    """The probability of each step; what they lack to 1 is that of there being no error."""
    equation: Equation | None
    """The equation of that step that is wrong, its offsets in the step's text; None without one."""


@dataclass(frozen=True, slots=True, eq=False)
class Locator:
    """Weights of the features of a step and of there being no error."""

    step_weights: np.ndarray
    """(len(STEP_FEATURES),)"""
    none_weights: np.ndarray
    """(len(NONE_FEATURES),)"""

    def probabilities(self, evidence: StepEvidence, known_wrong: bool = False) -> tuple[np.ndarray, float]:
        """((n,) of each step, that of no error); the latter is 0 where the solution is known to be wrong."""
        steps = evidence.steps @ self.step_weights
        none = -np.inf if known_wrong else float(evidence.none @ self.none_weights)
        top = max(float(steps.max()), none)
        parts, rest = np.exp(steps - top), float(np.exp(none - top))
        total = float(parts.sum()) + rest
        return parts / total, rest / total

    def to_json(self) -> dict[str, Any]:
        """The weights by name, to 4 decimals."""
        step = dict(zip(STEP_FEATURES, self.step_weights, strict=True))
        none = dict(zip(NONE_FEATURES, self.none_weights, strict=True))
        return {
            "format": FORMAT,
            "version": VERSION,
            "step": {name: round(float(weight), 4) for name, weight in step.items()},
            "none": {name: round(float(weight), 4) for name, weight in none.items()},
        }

    @classmethod
    def load(cls, path: str | Path) -> "Locator":
        """Read weights written from `to_json`; `InputError` where the file holds none."""
        try:
            document = json.loads(read_bytes(path, MAX_BYTES, "weights of an error locator"))
        except ValueError as error:
            raise InputError(f"{excerpt(path)} is not JSON: {excerpt(str(error))}") from None
        return cls.of(document, excerpt(path))

    @classmethod
    def of(cls, document: Any, name: str) -> "Locator":
        """The weights in a document, called `name` in messages."""
        if not isinstance(document, Mapping) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
            raise InputError(f'{name} holds no weights: wanted is "format": "{FORMAT}", "version": {VERSION}')
        try:
            step = np.array([float(document["step"][each]) for each in STEP_FEATURES])
            none = np.array([float(document["none"][each]) for each in NONE_FEATURES])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{name} is damaged ({excerpt(str(error))}); build it again") from None
        if not (np.isfinite(step).all() and np.isfinite(none).all()):
            raise InputError(f"{name} is damaged (a weight is no finite number); build it again")
        return cls(step, none)


@cache
def packaged_locator() -> Locator:
    """The weights that are shipped."""
    return Locator.load(data_path("error_locator.json"))


def locate_error(
    problem: str | None,
    steps: Sequence[str],
    limits: EquationLimits | None = None,
    *,
    known_wrong: bool = False,
    locator: Locator | None = None,
) -> Location:
    """The most likely step of the first error; "no error" where that is likelier than all steps together.

    With `known_wrong`, as where the final answer is known to be, a step is always named. No steps, no error.
    """
    steps = steps[:MOST_STEPS]
    if not steps:
        return Location(None, 1.0, "no steps", (), None)
    evidence = step_evidence(problem, steps, limits)
    return located(evidence, locator or packaged_locator(), known_wrong)


def located(evidence: StepEvidence, locator: Locator, known_wrong: bool = False) -> Location:
    """`locate_error` of what was worked out before."""
    parts, none = locator.probabilities(evidence, known_wrong)
    scores = tuple(float(each) for each in parts)
    if none > 0.5:
        return Location(None, none, "no error seen", scores, None)
    step = int(np.argmax(parts))
    equation = next((each for each in evidence.equations[step] if each.verdict == "wrong"), None)
    return Location(step, scores[step], _reason(evidence, step, equation), scores, equation)


_SAID = {
    "sides differ": "two sides of a rewriting differ",
    "slip in solving": "a solution does not solve the equation before it",
    "new numbers": "numbers that come from nowhere",
    "hedge": "it assumes or guesses",
}


def _reason(evidence: StepEvidence, step: int, equation: Equation | None) -> str:
    if equation:
        return equation.reason
    claim = next((each for each in evidence.claims[step] if not each.right), None)
    if claim:
        return claim.reason
    seen = dict(zip(STEP_FEATURES, evidence.steps[step], strict=True))
    said = [words for name, words in _SAID.items() if seen[name] > 0]
    return said[0] if said else "nothing in it is proven wrong; errors tend to be at such a place"
