"""A fitted classifier of grams, as a value: how likely a gram guides the reasoning. Knows nothing about fitting.

The model is linear: a logistic function of weighted features (`sgram.mining.features`) estimates which share of a
gram's occurrences lies in text that was labeled as planning. Where occurrences of the gram itself were labeled, the
estimate gives way to their share: ``(k + shrink * estimate) / (n + shrink)`` for k planning ones of n.
It is kept as JSON: numbers, names, where they come from; no code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from sgram.errors import InputError, UsageError
from sgram.files import canonical_json, data_path, digest, excerpt, read_whole, write_bytes
from sgram.mining.candidates import Candidates
from sgram.mining.config import SETTINGS, MiningConfig
from sgram.mining.features import BLOCKS, STATS, Features, find_features
from sgram.mining.score import Background, ContrastScorer, Scorer
from sgram.mining.select import LABELED, ReadingRules
from sgram.text import NORMAL_FORM

FORMAT, VERSION = "sgram-classifier", 1
CLIP = 4.0
"""Scaled statistics are held within so many standard deviations: a small corpus must not run off the scale."""
MAX_BYTES = 64 << 20


@dataclass(frozen=True, slots=True, eq=False)
class GramClassifier:
    """Weights and label counts; equality is that of the digests."""

    blocks: tuple[str, ...]
    dense: tuple[str, ...]
    """Names of the dense columns; each has a mean, a scale, a weight and a weight of its square."""
    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    square_weights: np.ndarray
    bag: Mapping[str, float]
    """Weight of each name; others weigh nothing."""
    intercept: float
    shrink: float
    counts: Mapping[str, tuple[float, float]]
    """Gram -> (k, n): of its n labeled occurrences (weighted by their source), k are planning."""
    thresholds: Mapping[str, float]
    """Setting -> least probability of a Strategic Gram; `sgram.evaluation.train_classifier` says how they are chosen."""
    source: Mapping[str, Any] = field(default_factory=dict)
    """Labels, traces and figures of the fit."""

    @classmethod
    def packaged(cls) -> "GramClassifier":
        """The classifier shipped with sgram; data/README.md says what it was trained on."""
        return cls.load(data_path("sg_classifier.json"))

    @classmethod
    def load(cls, path: str | Path) -> "GramClassifier":
        """Read a classifier written by `save`; raises `InputError` where the file is none, or is damaged."""
        try:
            document = orjson.loads(read_whole(path, MAX_BYTES, "a classifier is"))
        except orjson.JSONDecodeError as error:
            raise InputError(f"{excerpt(path)} is not JSON: {excerpt(str(error))}") from None
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise InputError(
                f'{excerpt(path)} is no classifier: wanted is a JSON object with "format": "{FORMAT}", as '
                "sgram validate --train writes it"
            )
        if document.get("version") != VERSION or document.get("words") != NORMAL_FORM:
            raise InputError(
                f"{excerpt(path)}: version {excerpt(str(document.get('version')), 40)} and words "
                f"{excerpt(str(document.get('words')), 40)}, this sgram reads {VERSION} and {NORMAL_FORM}; train it "
                "again with this one"
            )
        try:
            return cls._of(document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"{excerpt(path)} is damaged ({excerpt(str(error))}); train it again with sgram validate --train"
            ) from None

    @classmethod
    def _of(cls, document: Mapping[str, Any]) -> "GramClassifier":
        dense = document["dense"]
        columns = [np.array(dense[name], np.float64) for name in ("mean", "scale", "weights", "square_weights")]
        counts = {gram: (float(k), float(n)) for gram, (k, n) in document["counts"].items()}
        made = cls(
            tuple(document["blocks"]),
            tuple(dense["names"]),
            *columns,
            {name: float(weight) for name, weight in document["bag"].items()},
            float(document["intercept"]),
            float(document["shrink"]),
            counts,
            {name: float(document["thresholds"][name]) for name in SETTINGS},
            dict(document["source"]),
        )
        single = [made.intercept, made.shrink, *made.bag.values(), *made.thresholds.values()]
        numbers = np.concatenate([*columns, single, *counts.values()])
        if any(len(column) != len(made.dense) for column in columns) or not np.isfinite(numbers).all():
            raise ValueError("columns differ in length, or a number is not finite")
        if not (made.scale > 0).all() or made.shrink <= 0 or not set(made.blocks) <= set(BLOCKS):
            raise ValueError("a scale or shrink is not above 0, or a block is not known")
        if not all(0 <= k <= n * (1 + 1e-5) for k, n in counts.values()):
            raise ValueError("a count of planning occurrences is negative, or above that of all")
        if not all(0 < value < 1 for value in made.thresholds.values()):
            raise ValueError("a threshold is not between 0 and 1")
        if "stats" in made.blocks and made.dense[: len(STATS)] != STATS:
            raise ValueError("its statistics are others than this sgram's")
        return made

    def to_json(self) -> dict[str, Any]:
        """The document, numbers at 6 significant digits."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "words": NORMAL_FORM,
            "blocks": list(self.blocks),
            "dense": {
                "names": list(self.dense),
                "mean": _short(self.mean),
                "scale": _short(self.scale),
                "weights": _short(self.weights),
                "square_weights": _short(self.square_weights),
            },
            "bag": dict(zip(self.bag, _short(self.bag.values()), strict=True)),
            "intercept": _short([self.intercept])[0],
            "shrink": self.shrink,
            "counts": {gram: _short(pair) for gram, pair in self.counts.items()},
            "thresholds": dict(self.thresholds),
            "source": dict(self.source),
        }

    def to_bytes(self) -> bytes:
        """The file's bytes: canonical JSON and a line end."""
        return canonical_json(self.to_json()) + b"\n"

    def save(self, path: str | Path) -> None:
        """Write the file, atomically."""
        write_bytes(path, self.to_bytes())

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical document."""
        return digest(canonical_json(self.to_json()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GramClassifier) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def threshold(self, setting: str) -> float:
        """Least probability of the named setting."""
        if setting not in self.thresholds:
            raise UsageError(f"there is no setting {setting!r}; one of {', '.join(SETTINGS)}")
        return self.thresholds[setting]

    def estimate(self, features: Features) -> np.ndarray:
        """Probability of each gram by its features alone, float64 (M,)."""
        if features.names != self.dense:
            raise UsageError(
                f"the classifier was trained on {len(self.dense)} dense features, these are {len(features.names)} "
                "others; the same embedder must be installed where it is used"
            )
        scaled = np.clip((features.dense - self.mean) / self.scale, -CLIP, CLIP)
        logit = self.intercept + scaled @ self.weights + scaled**2 @ self.square_weights
        bag = self.bag
        logit += np.array([sum(bag.get(name, 0.0) for name in names) for names in features.bags])
        return 1.0 / (1.0 + np.exp(-logit))

    def shrunk(self, texts: list[str], estimate: np.ndarray) -> np.ndarray:
        """The estimates, drawn to the labeled share where a gram was labeled; float64 (M,)."""
        pairs = np.array([self.counts.get(text, (0.0, 0.0)) for text in texts]).reshape(-1, 2)
        return (pairs[:, 0] + self.shrink * estimate) / (pairs[:, 1] + self.shrink)

    def probability(self, candidates: Candidates, background: Background) -> np.ndarray:
        """How likely an occurrence of each candidate guides the reasoning, float64 (M,) in (0, 1)."""
        features = find_features(candidates, background, self.blocks)
        return self.shrunk(candidates.texts, self.estimate(features))


@dataclass(frozen=True)
class LabelScorer:
    """A classifier as the miner's scorer: grams whose probability reaches the setting's threshold are kept."""

    classifier: GramClassifier
    background: Background
    setting: str = "default"
    name: str = "labels"
    reading: ReadingRules = LABELED

    @property
    def floor(self) -> float:
        """The setting's threshold."""
        return self.classifier.threshold(self.setting)

    @property
    def clean(self) -> float:
        """Least probability of a gram that people are shown."""
        return max(self.floor, self.classifier.threshold("clean"))

    @property
    def provenance(self) -> Mapping[str, object]:
        """Which classifier at which threshold, on what it was trained, and the background's provenance."""
        return {
            "setting": self.setting,
            "threshold": self.floor,
            "clean_threshold": self.clean,
            "classifier": self.classifier.digest,
            "labels": self.classifier.source.get("labels", []),
            "about": dict(self.background.about),
            "n_docs": self.background.n_docs,
        }

    def score(self, candidates: Candidates) -> np.ndarray:
        """Probabilities, float64 (M,), to the 6 decimals that a lexicon keeps."""
        return np.round(self.classifier.probability(candidates, self.background), 6)


def make_scorer(
    config: MiningConfig, background: Background | None = None, classifier: GramClassifier | None = None
) -> Scorer:
    """The scorer that `config` names, with the packaged background and classifier where none are given."""
    background = background or Background.packaged()
    if config.scorer == "contrast":
        return ContrastScorer(background)
    return LabelScorer(classifier or GramClassifier.packaged(), background, config.setting)


def _short(values: Any) -> list[float]:
    """Numbers at 6 significant digits, so that the file is small and the same on every machine."""
    return [float(f"{value:.6g}") + 0.0 for value in values]
