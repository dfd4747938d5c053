"""What signals are worth: log-odds of a procedural error against a strategic one, and how sure a decision must be.

The weights are log likelihood ratios: how much more often a signal is seen in procedural errors than in strategic ones.
They were counted on rated traces (`data/build_error_kinds.py`); those of signals that the rated traces do not have are
set by hand, and the file says which. Nothing is decided without a signal for it.
"""

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sgram.diagnosis.signals import SIGNALS
from sgram.errors import InputError
from sgram.files import data_path, excerpt
from sgram.safe_reading import read_bytes

FORMAT, VERSION = "sgram-error-kinds", 1
MAX_BYTES = 1 << 20
BY_HAND: Mapping[str, float] = MappingProxyType({"plan of a sibling": 2.5, "another plan": -3.5})
"""Log-odds of signals that no rated trace has: they need a lexicon that names plans."""
TOO_WEAK = (
    "right result not answered",
    "sign turned",
    "near the reference",
    "one other number",
    "work of a sibling",
    "other operation",
    "other operations",
)
"""Signals that are shown as evidence and decide nothing: rated and further traces that have one are of both kinds."""
FAILURES = (
    "slip put right",
    "slip behind the answer",
    "slip elsewhere",
    "false congruence",
    "false claim",
    "right result changed",
    "another result than a sibling",
)
"""Signals that carrying out failed somewhere. Few rated traces have one of them, so each borrows from all."""
_BORROWED = 4.0
"""Traces that each of `FAILURES` borrows, in the proportion of all of them together."""
_SMOOTHING = 0.5
"""Traces added to each other count, so that a signal seen once decides nothing."""


@dataclass(frozen=True, slots=True)
class KindModel:
    """Log-odds of signals, and the smallest probability with which a kind is decided."""

    prior: float
    """Log-odds of a procedural error before any signal."""
    weights: Mapping[str, float]
    """Log-odds that each of `SIGNALS` adds."""
    thresholds: Mapping[str, float]
    """Smallest probability with which each kind, strategic or procedural, is decided."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """What the weights were counted on."""

    def probability(self, names: Collection[str], prior: float | None = None) -> float:
        """Return the probability that the error is procedural rather than strategic, by the names of its signals.

        `prior` is the log-odds before any signal, by default that of the rated traces.
        """
        odds = (self.prior if prior is None else prior) + sum(self.weights[name] for name in names)
        return 1 / (1 + math.exp(-odds))

    def decide(self, names: Collection[str]) -> tuple[str | None, float]:
        """Return the kind that the signals decide and its probability; None if none is sure enough.

        A kind is decided only by a signal for it, and only if it is sure enough both where strategic errors are as
        frequent as in the rated traces and where both kinds are: the frequency of a kind is no evidence.

        >>> thresholds = {"strategic": 0.9, "procedural": 0.9}
        >>> model = KindModel(-1.0, {name: 4.0 for name in SIGNALS}, thresholds)
        >>> model.decide(["sign turned"])[0], model.decide([])[0]
        ('procedural', None)
        """
        probabilities = [self.probability(names, prior) for prior in (0.0, self.prior)]
        procedural, strategic = min(probabilities), 1 - max(probabilities)
        if procedural >= self.thresholds["procedural"] and any(self.weights[name] > 0 for name in names):
            return "procedural", procedural
        if strategic >= self.thresholds["strategic"] and any(self.weights[name] < 0 for name in names):
            return "strategic", strategic
        return None, max(procedural, strategic)

    def to_json(self) -> dict[str, Any]:
        """Return the model as JSON values, numbers rounded to 4 decimals."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "prior": round(self.prior, 4),
            "thresholds": dict(self.thresholds),
            "weights": {name: round(self.weights[name], 4) for name in SIGNALS},
            "by_hand": sorted(BY_HAND),
            "source": dict(self.source),
        }

    @classmethod
    def load(cls, path: str | Path) -> "KindModel":
        """Read a file of weights. Raise `InputError` if it cannot be read or is invalid."""
        name = excerpt(str(path))
        try:
            document = json.loads(read_bytes(path, MAX_BYTES, "weights of error kinds"))
        except ValueError as error:
            raise InputError(f"{name} is not JSON: {excerpt(str(error))}") from None
        if not isinstance(document, Mapping) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
            raise InputError(
                f'{name} contains no weights of error kinds: "format" must be "{FORMAT}", "version" {VERSION}'
            )
        try:
            weights = {signal: float(document["weights"][signal]) for signal in SIGNALS}
            prior = float(document["prior"])
            thresholds = {kind: float(document["thresholds"][kind]) for kind in ("strategic", "procedural")}
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{name} is damaged ({excerpt(str(error))}); build it again") from None
        is_finite = all(map(math.isfinite, (*weights.values(), prior)))
        if not is_finite or not all(0.5 < threshold < 1 for threshold in thresholds.values()):
            raise InputError(f"{name} is damaged (a number is out of range); build it again")
        return cls(prior, weights, thresholds, document.get("source", {}))


@cache
def packaged_model() -> KindModel:
    """Return the weights that are part of the package."""
    return KindModel.load(data_path("error_kinds.json"))


def fit_kind_model(
    signals: Sequence[Collection[str]], is_procedural: Sequence[bool], thresholds: Mapping[str, float], **source: Any
) -> KindModel:
    """Return the model of rated traces: the `signals` of each, and whether its error is procedural (else strategic).

    A weight is the log of the ratio of the shares of procedural and of strategic errors that have the signal, smoothed.

    >>> model = fit_kind_model([["computation holds"], [], []], [True, False, False], {})
    >>> round(model.weights["computation holds"], 2)  # log((1.5 / 2) / (0.5 / 3))
    1.5
    """
    n_procedural = sum(is_procedural)
    n_strategic = len(is_procedural) - n_procedural
    counts = {name: _count(name, signals, is_procedural) for name in SIGNALS}
    failures = sum(counts[name][0] for name in FAILURES), sum(counts[name][1] for name in FAILURES)
    share = (failures[0] + _SMOOTHING) / (sum(failures) + 2 * _SMOOTHING)
    weights = dict(BY_HAND)
    for name, (procedural, strategic) in counts.items():
        if name in FAILURES:
            rates = procedural + _BORROWED * share, strategic + _BORROWED * (1 - share)
        else:
            rates = procedural + _SMOOTHING, strategic + _SMOOTHING
        if name in TOO_WEAK:
            weights[name] = 0.0
        elif name not in BY_HAND:
            weights[name] = math.log(rates[0] / (n_procedural + 1) * (n_strategic + 1) / rates[1])
    prior = math.log((n_procedural + _SMOOTHING) / (n_strategic + _SMOOTHING))
    return KindModel(prior, weights, thresholds, source)


def _count(name: str, signals: Sequence[Collection[str]], is_procedural: Sequence[bool]) -> tuple[int, int]:
    """Return how many procedural and how many strategic errors have a signal."""
    kinds = [kind for names, kind in zip(signals, is_procedural, strict=True) if name in names]
    return sum(kinds), len(kinds) - sum(kinds)
