"""Size and training of the tiny policy, as a value."""

from dataclasses import dataclass

from sgram.errors import UsageError
from sgram.testbed.bounds import check_whole_numbers
from sgram.testbed.vocabulary import VOCABULARY

HEAD_WIDTH = 32
"""Width of an attention head."""


@dataclass(frozen=True, slots=True)
class WarmUpConfig:
    """Size and training of the tiny policy. Raise `UsageError` if a setting is out of range.

    >>> WarmUpConfig(steps=10).width
    128
    """

    steps: int = 500
    batch: int = 16
    """Responses a step."""
    seed: int = 0
    """Seed of the first weights and of the training data."""
    layers: int = 2
    width: int = 128
    """Width of the residual stream; a multiple of 32, the width of a head."""
    vocabulary: int = VOCABULARY
    """Largest number of tokens; the tokenizer has fewer if the texts have no more pairs to merge."""
    matrix_rate: float = 0.02
    """Learning rate of the matrices inside the layers, by Muon."""
    other_rate: float = 4e-3
    """Learning rate of embeddings and norms, by AdamW."""

    def __post_init__(self) -> None:
        bounds = (
            ("steps", 1, 10**7),
            ("batch", 1, 10**5),
            ("seed", 0, 2**32 - 1),
            ("layers", 1, 64),
            ("width", HEAD_WIDTH, 8192),
            ("vocabulary", 300, 10**5),
        )
        check_whole_numbers("warm-up", self, bounds)
        if self.width % HEAD_WIDTH:
            raise UsageError(f"warm-up: width must be a multiple of {HEAD_WIDTH} (got {self.width})")
        for name in ("matrix_rate", "other_rate"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"warm-up: {name} must be between 0 and 1 (got {getattr(self, name)!r})")
