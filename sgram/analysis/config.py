"""Settings of an analysis."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sgram.errors import UsageError
from sgram.lexicon import DEFAULT_LEXICON
from sgram.traces.part_texts import check_choice
from sgram.traces.parts import PartChoice


@dataclass(frozen=True, slots=True)
class AnalysisConfig:
    """Settings of `analyze`. The defaults are those of `sgram metrics`.

    Raise `UsageError` if a setting is out of range.

    >>> AnalysisConfig(n_placebos=-1)
    Traceback (most recent call last):
    sgram.errors.UsageError: n_placebos must be >= 0 (got -1)
    """

    lexicon: str | None = None
    """Lexicon file or preset for all inputs. If None, a run uses its own lexicon and other traces `default_lexicon`."""
    default_lexicon: str = DEFAULT_LEXICON
    tokenizer: str | None = None
    """tokenizer.json, or its folder, of the model that wrote the traces. A run brings its own tokenizer."""
    seed: int = 0
    n_placebos: int = 3
    """Random lexicons that every statement about SGs is compared with; 0 for none."""
    placebo_chars: int = 1_500_000
    """Most characters of text that placebos are drawn from and matched on; of longer corpora traces are sampled."""
    n_draws: int = 1000
    """Bootstrap draws of problems behind an interval."""
    max_sources: int = 24
    """Most sources with a name of their own; traces of smaller sources are pooled."""
    max_diagnosed: int = 5000
    """Most wrong traces that are diagnosed, and most traces of each outcome whose equations are checked. Of more wrong
    traces a sample stratified by source, step and problem is diagnosed; shares of kinds are weighted by it."""
    max_kept_chars: int = 24_000_000
    """Most characters of text in memory, for diagnoses and examples."""
    max_tokens: int = 4_000_000
    """Most tokens whose entropies are in memory, to find the tokens of highest entropy of each source."""
    n_examples: int = 12
    n_siblings: int = 8
    max_lookup_chars: int = 0
    """Most characters of text of the traces that can be looked up on a page; of more traces, a sample by the digest of
    source, id and text. The default is none."""
    top: float = 0.3
    """Share of the tokens that count as tokens of high entropy (HICRA Fig. 10)."""
    recorded_errors: bool = True
    """Use the error kind in ``meta.error`` if a checker recorded one, and diagnose the other wrong traces."""

    pool_runs: bool = False
    """Take the traces of one model for one source, whatever their run."""
    part: PartChoice = "all"
    """Count the words and tokens of this part of each trace; traces that do not mark it are left out. Diagnoses and
    equations are of whole traces."""

    judge_answers: bool = True
    """Judge traces that do not say whether they are correct by their reference answers."""

    def __post_init__(self) -> None:
        minimums = {
            "seed": 0,
            "n_placebos": 0,
            "n_draws": 10,
            "max_sources": 1,
            "max_diagnosed": 0,
            "n_examples": 0,
            "n_siblings": 0,
            "max_lookup_chars": 0,
            "placebo_chars": 1,
            "max_kept_chars": 0,
            "max_tokens": 0,
        }
        for name, minimum in minimums.items():
            if getattr(self, name) < minimum:
                raise UsageError(f"{name} must be >= {minimum} (got {getattr(self, name)})")
        check_choice(self.part)
        if not 0 < self.top < 1:
            raise UsageError(f"top must be between 0 and 1 (got {self.top})")

    def to_json(self) -> Mapping[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)
