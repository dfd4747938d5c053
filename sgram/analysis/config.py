"""What decides an analysis, beside its inputs. Knows nothing about how any of it is computed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sgram.errors import UsageError


@dataclass(frozen=True, slots=True)
class AnalysisConfig:
    """Settings of `analyze`; the defaults are what `sgram metrics` takes."""

    lexicon: str | None = None
    """A lexicon file or preset for all inputs; None: a run's own, and `default_lexicon` for traces."""
    default_lexicon: str = "wang2025"
    tokenizer: str | None = None
    """tokenizer.json, or its directory, of the model that wrote the traces; a run brings its own."""
    seed: int = 0
    n_placebos: int = 3
    """Random lexicons that everything said about SGs is compared with; 0 for none."""
    placebo_chars: int = 1_500_000
    """Characters of text that placebos are drawn from and matched on; of more, traces are sampled."""
    n_draws: int = 1000
    """Resamples of problems behind an interval."""
    max_sources: int = 24
    """Sources shown by name; traces of smaller ones are put together."""
    max_diagnosed: int = 2000
    """Wrong traces that are diagnosed, and traces of each outcome whose equations are checked."""
    max_kept_chars: int = 24_000_000
    """Characters of text that may be held for diagnosing and as examples."""
    max_tokens: int = 4_000_000
    """Tokens whose entropies are held to find the highest of each source."""
    n_examples: int = 12
    n_siblings: int = 8
    top: float = 0.3
    """Share of the tokens that count as those of high entropy (HICRA Fig. 10)."""
    told_errors: bool = True
    """Take the kind of an error from ``meta.error`` where a checker has told it, and diagnose the rest."""

    def __post_init__(self) -> None:
        least = {
            "seed": 0,
            "n_placebos": 0,
            "n_draws": 10,
            "max_sources": 1,
            "max_diagnosed": 0,
            "n_examples": 0,
            "n_siblings": 0,
            "placebo_chars": 1,
            "max_kept_chars": 0,
            "max_tokens": 0,
        }
        for name, smallest in least.items():
            if getattr(self, name) < smallest:
                raise UsageError(f"{name} is a number from {smallest}, not {getattr(self, name)}")
        if not 0 < self.top < 1:
            raise UsageError(f"top is a share between 0 and 1, not {self.top}")

    def to_json(self) -> Mapping[str, Any]:
        """As JSON values."""
        return asdict(self)
