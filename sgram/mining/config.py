"""What a mining run can be told. Knows nothing about how it is done."""

from dataclasses import asdict, dataclass
from typing import Any

from sgram.errors import UsageError
from sgram.text import MAX_WORDS

METHODS = ("sgram", "paper")
SCORERS = ("labels", "contrast")
SETTINGS = ("default", "f1", "clean")
"""Named thresholds of a classifier of grams."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MiningConfig:
    """Everything that decides what a lexicon holds; the same traces and the same config give the same bytes.

    None stands for the method's own value, which `resolved` fills in.
    """

    method: str = "sgram"
    """"sgram": grams chosen one by one, by a scorer. "paper": HICRA's ClusterDF (Wang et al. 2025, §2.1)."""
    scorer: str = "labels"
    """"labels": a classifier trained on text that people labeled. "contrast": frequency against a background."""
    setting: str = "default"
    """Threshold of the classifier: default, f1 (more recall) or clean (more precision)."""
    top: int | float | None = None
    """What is kept at most: a share (0.2) or a number (500), of grams, or of clusters (paper).

    Left out: all that reach the threshold (labels), 0.2 (contrast, paper).
    """
    min_df: int | None = None
    """Fewest traces that hold a gram. Method's own: 0.5 % of the traces, at least 4."""
    min_problems: int | None = None
    """Fewest problems that a gram is spread over (sgram: 0.5 %, at least 4, at most half of them; paper: 1)."""
    min_words: int | None = None
    """Shortest gram (sgram 1, paper 3)."""
    max_words: int | None = None
    """Longest gram (sgram 6, paper 5)."""
    correct_only: bool | None = None
    """Mine correct traces only (sgram no, paper yes)."""
    explained: float | None = None
    """Drop a gram when one a word longer has this share of its df (sgram 0.9, paper off; above 1 is off)."""
    max_chars: int = 16_000
    """Read only the first so many characters of a trace, so that a loop cannot fill the table."""
    embedder: str = "auto"
    """auto, sentence-transformers/all-MiniLM-L6-v2, static, hash, or a sentence-transformers model."""
    similarity: float | None = None
    """Least cosine between a cluster's center and its members (sgram 0.70, paper 0.60)."""
    contrast_models: tuple[str, ...] = ()
    """Parts of model names: adds to the statistics the contrast of these models' traces with the others'."""
    seed: int = 0
    """Seed of the hash embedder; nothing else is random at present."""
    name: str = "mined"
    """Name of the lexicon."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"unknown method {self.method!r}; one of {', '.join(METHODS)}")
        if self.scorer not in SCORERS:
            raise UsageError(f"unknown scorer {self.scorer!r}; one of {', '.join(SCORERS)}")
        if self.setting not in SETTINGS:
            raise UsageError(f"unknown setting {self.setting!r}; one of {', '.join(SETTINGS)}")
        if self.setting != "default" and (self.method == "paper" or self.scorer != "labels"):
            raise UsageError(
                f"setting {self.setting!r} is a threshold of the scorer labels; leave it out, or use that scorer"
            )
        if isinstance(self.top, bool):
            raise UsageError("top is a share or a number, not true or false")
        whole = isinstance(self.top, int)
        if self.top is not None and not (self.top >= 1 if whole else 0 < self.top <= 1):
            raise UsageError(f"top is a share in (0, 1] or a number of at least 1, not {self.top!r}")
        for name, least in (("min_df", 1), ("min_problems", 1), ("min_words", 1), ("max_words", 1), ("max_chars", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise UsageError(f"{name} is at least {least}, not {value}")
        if self.max_words is not None and self.max_words > MAX_WORDS:
            raise UsageError(f"max_words is at most {MAX_WORDS}, not {self.max_words}")
        if (self.min_words or 1) > (self.max_words or MAX_WORDS):
            raise UsageError(f"min_words {self.min_words} is more than max_words {self.max_words or MAX_WORDS}")
        for name, most in (("similarity", 1), ("explained", 2)):
            value = getattr(self, name)
            if value is not None and not 0 < value <= most:
                raise UsageError(f"{name} lies in (0, {most}], not {value}")
        if not self.name:
            raise UsageError("name is empty; a lexicon needs a name")
        if isinstance(self.contrast_models, str):
            raise UsageError(f"contrast_models is a tuple of names, not the text {self.contrast_models!r}")

    def resolved(self, n_traces: int, n_problems: int = 0) -> dict[str, Any]:
        """Every setting with its value for so many traces and known problems, as JSON."""
        paper = self.method == "paper"
        by_labels = not paper and self.scorer == "labels"
        own = {
            "top": 1.0 if by_labels else 0.20,
            "min_df": max(4, -(-n_traces // 200)),
            "min_problems": 1 if paper else max(1, min(n_problems // 2, max(4, -(-n_problems // 200)))),
            "min_words": 3 if paper else 1,
            "max_words": 5 if paper else MAX_WORDS,
            "correct_only": paper,
            "explained": None if paper else 0.9,
            "similarity": 0.60 if paper else 0.70,
        }
        given = asdict(self)
        settings = {key: own[key] if key in own and value is None else value for key, value in given.items()}
        settings.pop("name")
        settings["contrast_models"] = list(self.contrast_models)
        if paper:
            del settings["scorer"]
        if not by_labels:
            del settings["setting"]
        if settings["min_words"] > settings["max_words"]:
            raise UsageError(f"min_words {settings['min_words']} is more than max_words {settings['max_words']}")
        return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a run may use; it changes how long a run takes, never what comes out."""

    workers: int = 1
    """Threads; scanning, counting and walking release the GIL."""
    memory: int = 2 << 30
    """Bytes of memory to stay within, as far as texts and counts go; more is spilled to disk."""

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"workers is at least 1, not {self.workers}")
        if self.memory < 512 << 20:
            raise UsageError("memory is at least 512MiB: the libraries alone take most of that")

    def held(self) -> int:
        """Bytes of arrays that a corpus may keep in memory, the rest of `memory` being for tables and libraries."""
        return max(32 << 20, (self.memory - (512 << 20)) // 3)
