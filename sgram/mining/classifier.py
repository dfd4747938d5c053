"""A fitted classifier of grams as a value: the probability that a gram guides the reasoning.

The model is linear: a logistic function of weighted features (`sgram.mining.features`) estimates the share of a gram's
occurrences that are inside text labeled as planning. If occurrences of the gram itself were labeled, the estimate is
shrunk towards their share: ``(k + shrink * estimate) / (n + shrink)`` for k planning occurrences of n.
The file is JSON with numbers, names and provenance; it holds no code.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram.array_types import FloatArray
from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, data_path, digest, excerpt, write_bytes
from sgram.hub.addresses import check_repository, hub_file, is_hub_address
from sgram.hub.card import CardFields
from sgram.hub.load_notes import note_load
from sgram.hub.publishable import Publishable
from sgram.mining.candidates import Candidates
from sgram.mining.config import SETTINGS, MiningConfig
from sgram.mining.features import BLOCKS, STATS, Features, compute_features
from sgram.mining.score import Background, ContrastScorer, Scorer
from sgram.mining.select import LABELED, ReadingRules, is_calculation
from sgram.safe_reading import read_bytes
from sgram.text import NORMAL_FORM
from sgram.urls import printable_name

FORMAT, VERSION = "sgram-classifier", 1
CLIP = 4.0
"""Scaled statistics are clipped to so many standard deviations, so that a small corpus gives no extreme values."""
MAX_BYTES = 64 << 20
HUB_CLASSIFIER = "classifier.json"
"""File of a repository of the hub that holds its classifier of grams."""


@dataclass(frozen=True, slots=True, eq=False)
class GramClassifier(Publishable):
    """Weights and label counts. Two classifiers are equal if their digests are."""

    blocks: tuple[str, ...]
    dense: tuple[str, ...]
    """Names of the dense columns; each has a mean, a scale, a weight and a weight of its square."""
    mean: FloatArray
    scale: FloatArray
    weights: FloatArray
    square_weights: FloatArray
    bag: Mapping[str, float]
    """Weight of each binary feature by name; a missing name has weight 0."""
    intercept: float
    shrink: float
    counts: Mapping[str, tuple[float, float]]
    """Gram -> (k, n): k of its n labeled occurrences (weighted by their source) are planning."""
    thresholds: Mapping[str, float]
    """Setting -> lowest probability of a Strategic Gram; chosen by `sgram.evaluation.train_classifier`."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """Labels, traces and figures of the fit."""
    _digest: str = field(default="", init=False, repr=False)
    """`digest`, once it was asked for."""

    @classmethod
    def packaged(cls) -> "GramClassifier":
        """Return the classifier shipped with sgram, read once a process; data/README.md says what it was trained on."""
        return _packaged()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GramClassifier":
        """Return the classifier in a file or URL that `save` wrote.

        ``hf://owner/name`` is classifier.json in a repository of the hub. Raise `InputError` if the file is missing,
        damaged or not a classifier.
        """
        path = hub_file(path, HUB_CLASSIFIER)
        name = printable_name(path)
        try:
            document = orjson.loads(read_bytes(path, MAX_BYTES, "a classifier"))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{name} is not JSON: {excerpt(str(error))}") from None
        classifier = cls.from_json(document, name)
        if is_hub_address(path):
            note_load("classifier", "of grams", path, classifier.digest)
        return classifier

    @classmethod
    def from_json(cls, document: Any, where: str = "the document") -> "GramClassifier":
        """Return the classifier of a JSON document. Raise `InputError` with `where` if it is none."""
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(
                f'{where} is not a classifier: expected a JSON object with "format": "{FORMAT}", as written '
                "by sgram validate --train"
            )
        if document.get("version") != VERSION or document.get("words") != NORMAL_FORM:
            raise InputError(
                f"{where} has version {excerpt(str(document.get('version')), 40)} and words "
                f"{excerpt(str(document.get('words')), 40)}; this sgram reads {VERSION} and {NORMAL_FORM}: train the "
                "classifier again"
            )
        try:
            return cls._parse(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{where} is damaged ({excerpt(str(error))}); train it again with sgram validate --train"
            ) from None

    @classmethod
    def _parse(cls, document: Mapping[str, Any]) -> "GramClassifier":
        """Return the classifier of a JSON document. Raise `ValueError` or another built-in error if it is invalid."""
        dense = document["dense"]
        columns = {name: np.array(dense[name], np.float64) for name in ("mean", "scale", "weights", "square_weights")}
        classifier = cls(
            blocks=tuple(document["blocks"]),
            dense=tuple(dense["names"]),
            **columns,
            bag={name: float(weight) for name, weight in document["bag"].items()},
            intercept=float(document["intercept"]),
            shrink=float(document["shrink"]),
            counts={gram: (float(k), float(n)) for gram, (k, n) in document["counts"].items()},
            thresholds={name: float(document["thresholds"][name]) for name in SETTINGS},
            source=dict(document["source"]),
        )
        classifier._check()
        return classifier

    def _check(self) -> None:
        """Raise `ValueError` if numbers or names are inconsistent."""
        columns = (self.mean, self.scale, self.weights, self.square_weights)
        scalars = [self.intercept, self.shrink, *self.bag.values(), *self.thresholds.values()]
        numbers = np.concatenate([*columns, scalars, *self.counts.values()])
        if any(len(column) != len(self.dense) for column in columns) or not np.isfinite(numbers).all():
            raise ValueError("columns differ in length, or a number is not finite")
        if not (self.scale > 0).all() or self.shrink <= 0 or not set(self.blocks) <= set(BLOCKS):
            raise ValueError("a scale or shrink is not > 0, or a block is unknown")
        if not all(0 <= k <= n * (1 + 1e-5) for k, n in self.counts.values()):
            raise ValueError("a count of planning occurrences is negative, or larger than that of all")
        if not all(0 < threshold < 1 for threshold in self.thresholds.values()):
            raise ValueError("a threshold is not between 0 and 1")
        if "stats" in self.blocks and self.dense[: len(STATS)] != STATS:
            raise ValueError("the names of its statistics are not those of this sgram")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document, numbers rounded to 6 significant digits."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "words": NORMAL_FORM,
            "blocks": list(self.blocks),
            "dense": {
                "names": list(self.dense),
                "mean": _round_numbers(self.mean),
                "scale": _round_numbers(self.scale),
                "weights": _round_numbers(self.weights),
                "square_weights": _round_numbers(self.square_weights),
            },
            "bag": dict(zip(self.bag, _round_numbers(self.bag.values()), strict=True)),
            "intercept": _round_numbers([self.intercept])[0],
            "shrink": self.shrink,
            "counts": {gram: _round_numbers(pair) for gram, pair in self.counts.items()},
            "thresholds": dict(self.thresholds),
            "source": dict(self.source),
        }

    def to_bytes(self) -> bytes:
        """Return the bytes of the file: canonical JSON and a line feed."""
        return canonical_json(self.to_json()) + b"\n"

    def save(self, path: str | Path) -> None:
        """Write the file atomically."""
        write_bytes(path, self.to_bytes())

    def hub_files(self, repository: str, card: CardFields | None = None) -> dict[str, bytes]:
        """Return the files that `push_to_hub` sends, content by name: the classifier and its card, README.md.

        Raise `UsageError` if `repository` is not ``owner/name``, or if the figures of `card` are those of another one.
        """
        from sgram.mining.classifier_card import render_classifier_card

        name = check_repository(repository)
        readme = render_classifier_card(self.to_json(), self.digest, name, card or CardFields())
        return {"README.md": readme, HUB_CLASSIFIER: self.to_bytes()}

    @property
    def hub_message(self) -> str:
        """Message of the commit that publishes it."""
        return f"Classifier of grams, digest {self.digest[:16]}"

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical document, in hex."""
        if not self._digest:
            object.__setattr__(self, "_digest", digest(canonical_json(self.to_json())))
        return self._digest

    def __eq__(self, classifier: object) -> bool:
        return isinstance(classifier, GramClassifier) and self.digest == classifier.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def threshold(self, setting: str) -> float:
        """Return the lowest probability of the named setting. Raise `UsageError` if the name is unknown."""
        if setting not in self.thresholds:
            raise UsageError(f"unknown setting {setting!r}; expected one of {', '.join(SETTINGS)}")
        return self.thresholds[setting]

    def estimate(self, features: Features) -> FloatArray:
        """Return the probability of each gram by its features alone, float64 (m,).

        Raise `UsageError` if the names of the dense features are not those of the fit.
        """
        if features.names != self.dense:
            raise UsageError(
                f"the classifier was trained on {len(self.dense)} dense features, but these {len(features.names)} "
                "differ from them; install the same embedder as in training"
            )
        scaled = np.clip((features.dense - self.mean) / self.scale, -CLIP, CLIP)
        logit: FloatArray = self.intercept + scaled @ self.weights + scaled**2 @ self.square_weights
        bag = self.bag
        logit += np.array([sum(bag.get(name, 0.0) for name in names) for names in features.bags])
        return np.asarray(1.0 / (1.0 + np.exp(-logit)))

    def shrink_to_labels(self, texts: list[str], estimate: FloatArray) -> FloatArray:
        """Return the estimates, shrunk towards the labeled share of grams with labels, float64 (m,).

        Phrases of a calculation ("multiply both", "calculate the total") get 0: what they say is carried out at once.
        """
        pairs = np.array([self.counts.get(text, (0.0, 0.0)) for text in texts]).reshape(-1, 2)
        shares = (pairs[:, 0] + self.shrink * estimate) / (pairs[:, 1] + self.shrink)
        return np.where(np.array([is_calculation(text) for text in texts], bool), 0.0, shares)

    def probability(self, candidates: Candidates, background: Background) -> FloatArray:
        """Return the probability that an occurrence of each candidate guides the reasoning, float64 (m,) in [0, 1)."""
        features = compute_features(candidates, background, self.blocks)
        return self.shrink_to_labels(candidates.texts, self.estimate(features))


@cache
def _packaged() -> GramClassifier:
    return GramClassifier.load(data_path("sg_classifier.json"))


@dataclass(frozen=True)
class LabelScorer:
    """A `Scorer` by a classifier: grams whose probability reaches the threshold of the setting are kept."""

    classifier: GramClassifier
    background: Background
    setting: str = "default"
    name: str = "labels"
    reading_rules: ReadingRules = LABELED

    @property
    def floor(self) -> float:
        """Threshold of the setting."""
        return self.classifier.threshold(self.setting)

    @property
    def core_floor(self) -> float:
        """Lowest probability of a gram in the pruned list."""
        return max(self.floor, self.classifier.threshold("clean"))

    @property
    def provenance(self) -> Mapping[str, object]:
        """Digest, threshold and labels of the classifier, and the background's provenance."""
        return {
            "setting": self.setting,
            "threshold": self.floor,
            "clean_threshold": self.core_floor,
            "classifier": self.classifier.digest,
            "labels": self.classifier.source.get("labels", []),
            "about": dict(self.background.origin),
            "n_docs": self.background.n_docs,
        }

    def score(self, candidates: Candidates) -> FloatArray:
        """Return probabilities rounded to 6 decimals, as in a lexicon, float64 (m,)."""
        return np.round(self.classifier.probability(candidates, self.background), 6)


def make_scorer(
    config: MiningConfig, background: Background | None = None, classifier: GramClassifier | None = None
) -> Scorer:
    """Return the scorer that `config` names; `background` and `classifier` are the packaged ones by default."""
    background = background or Background.packaged()
    if config.scorer == "contrast":
        return ContrastScorer(background)
    return LabelScorer(classifier or GramClassifier.packaged(), background, config.setting)


def _round_numbers(numbers: Iterable[float]) -> list[float]:
    """Round to 6 significant digits, so that the file is small and the same on every machine."""
    return [float(f"{number:.6g}") + 0.0 for number in numbers]
