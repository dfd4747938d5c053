"""Settings of a mining run, and the resources that it may use."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sgram.errors import UsageError
from sgram.text import MAX_WORDS
from sgram.traces.part_texts import check_choice
from sgram.traces.parts import PartChoice

METHODS = ("sgram", "paper")
SCORERS = ("labels", "contrast")
SETTINGS = ("default", "f1", "clean")
"""Named thresholds of a classifier of grams."""
EXTENSION_SHARE = 4
"""Grams are counted down to a quarter of `min_df`: a rarer gram can show that a frequent one is a fragment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningConfig:
    """All settings that determine a lexicon: the same traces and the same config give the same bytes.

    None stands for the default of the method, which `resolve_settings` fills in. Raise `UsageError` if a setting is
    invalid.

    >>> MiningConfig(method="paper").resolve_settings(n_traces=10_000)["min_df"]
    50
    """

    method: str = "sgram"
    """"sgram": grams chosen one by one, by a scorer. "paper": HICRA's ClusterDF (Wang et al. 2025, §2.1)."""
    scorer: str = "labels"
    """"labels": a classifier trained on labeled text. "contrast": frequency against a background."""
    setting: str = "default"
    """Threshold of the classifier: default, f1 (more recall) or clean (more precision)."""
    top: int | float | None = None
    """Maximum to keep: a share (0.2) or a number (500), of grams, or of clusters (paper).

    Default: all above the threshold (labels), 0.2 (contrast, paper).
    """
    min_df: int | None = None
    """Fewest traces that contain a gram. Default: 0.5 % of the traces, at least 4."""
    min_problems: int | None = None
    """Fewest problems with a gram (sgram: 0.5 %, at least 4, at most half of them; paper: 1)."""
    min_words: int | None = None
    """Shortest gram (sgram 1, paper 3)."""
    max_words: int | None = None
    """Longest gram (sgram 6, paper 5)."""
    correct_only: bool | None = None
    """Mine correct traces only (sgram no, paper yes)."""
    explained: float | None = None
    """Drop a gram if one a word longer has this share of its df (sgram 0.9, paper off; above 1 is off)."""
    part: PartChoice = "all"
    """Mine only this part of each trace; traces that do not mark it are left out."""
    max_chars: int = 16_000
    """Read only the first so many characters of a trace (of its part), so that a loop in it cannot fill the table."""
    embedder: str = "auto"
    """auto, sentence-transformers/all-MiniLM-L6-v2, static, hash, or a sentence-transformers model."""
    similarity: float | None = None
    """Least cosine between a cluster's center and its members (sgram 0.70, paper 0.60)."""
    contrast_models: tuple[str, ...] = ()
    """Parts of model names: adds to the statistics the contrast of these models' traces with all others."""
    seed: int = 0
    """Seed of the hash embedder; nothing else is random."""
    name: str = "mined"
    """Name of the lexicon."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"unknown method {self.method!r}; expected {' or '.join(METHODS)}")
        if self.scorer not in SCORERS:
            raise UsageError(f"unknown scorer {self.scorer!r}; expected {' or '.join(SCORERS)}")
        if self.setting not in SETTINGS:
            raise UsageError(f"unknown setting {self.setting!r}; expected one of {', '.join(SETTINGS)}")
        if self.setting != "default" and (self.method == "paper" or self.scorer != "labels"):
            raise UsageError(
                f"setting {self.setting!r} is a threshold of the scorer labels; leave it out, or use that scorer"
            )
        check_choice(self.part)
        if isinstance(self.top, bool):
            raise UsageError(f"top must be a share or a number (got {self.top})")
        is_number = isinstance(self.top, int)
        if self.top is not None and not (self.top >= 1 if is_number else 0 < self.top <= 1):
            raise UsageError(f"top must be a share in (0, 1] or a whole number >= 1 (got {self.top!r})")
        for name in ("min_df", "min_problems", "min_words", "max_words", "max_chars"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise UsageError(f"{name} must be >= 1 (got {number})")
        if self.max_words is not None and self.max_words > MAX_WORDS:
            raise UsageError(f"max_words must be <= {MAX_WORDS} (got {self.max_words})")
        _check_lengths(self.min_words or 1, self.max_words or MAX_WORDS)
        for name, high in (("similarity", 1), ("explained", 2)):
            number = getattr(self, name)
            if number is not None and not 0 < number <= high:
                raise UsageError(f"{name} must be in (0, {high}] (got {number})")
        if not self.name:
            raise UsageError("name must not be empty")
        if isinstance(self.contrast_models, str):
            raise UsageError(f"contrast_models must be a tuple of names (got the text {self.contrast_models!r})")

    def resolve_settings(self, n_traces: int, n_problems: int = 0) -> dict[str, Any]:
        """Return all settings as JSON, None replaced by the default for so many traces and known problems.

        Raise `UsageError` if the resolved `min_words` is above `max_words`.
        """
        is_paper = self.method == "paper"
        uses_labels = not is_paper and self.scorer == "labels"
        defaults = {
            "top": 1.0 if uses_labels else 0.20,
            "min_df": max(4, -(-n_traces // 200)),
            "min_problems": 1 if is_paper else max(1, min(n_problems // 2, max(4, -(-n_problems // 200)))),
            "min_words": 3 if is_paper else 1,
            "max_words": 5 if is_paper else MAX_WORDS,
            "correct_only": is_paper,
            "explained": None if is_paper else 0.9,
            "similarity": 0.60 if is_paper else 0.70,
        }
        settings: dict[str, Any] = {
            name: defaults[name] if name in defaults and setting is None else setting
            for name, setting in asdict(self).items()
        }
        settings.pop("name")
        if self.part == "all":  # lexicons of whole traces keep the digests that they had before parts
            del settings["part"]
        settings["contrast_models"] = list(self.contrast_models)
        if is_paper:
            del settings["scorer"]
        if not uses_labels:
            del settings["setting"]
        _check_lengths(settings["min_words"], settings["max_words"])
        return settings


def least_counted_df(settings: Mapping[str, Any]) -> int:
    """Return the fewest documents with a gram that is counted, by resolved settings.

    >>> least_counted_df({"min_df": 88, "explained": 0.9})
    22
    """
    min_df = max(2, settings["min_df"] // EXTENSION_SHARE)
    if settings["explained"] is not None:  # an extension of this df explains a gram of the config's `min_df`
        min_df = min(min_df, math.ceil(settings["explained"] * settings["min_df"]))
    return int(min(min_df, settings["min_df"]))


def _check_lengths(min_words: int, max_words: int) -> None:
    if min_words > max_words:
        raise UsageError(f"min_words must be <= max_words (got {min_words} and {max_words})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Threads and memory of a run. They change how long a run takes, never its result."""

    workers: int = 1
    """Threads; scanning, counting and tallying release the GIL."""
    memory: int = 2 << 30
    """Bytes of memory for texts and counts; the rest is spilled to disk."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"workers must be >= 1 (got {self.workers})")
        if self.memory < 512 << 20:
            raise UsageError("memory must be >= 512MiB: the libraries alone need most of that")

    def array_memory(self) -> int:
        """Return the bytes of arrays that a corpus may keep in memory; the rest is for tables and libraries."""
        return max(32 << 20, (self.memory - (512 << 20)) // 3)
